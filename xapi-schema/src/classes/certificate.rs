//! `Certificate`: certificate.

use crate::classes::prelude::*;

class! {
    Certificate "Certificate" "Certificate" = table(Some(READ_ONLY)).published("stockholm");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("stockholm"), "Uuid";
        name: String = dynamic_ro(READ_ONLY).default(Default::Str("")).published("1.294.0"), "Name";
        r#type: CertificateType = dynamic_ro(READ_ONLY).default(Default::Str("host")).published("1.294.0"), "Type";
        host: Ref<Host> = static_ro(READ_ONLY).default(Default::Str("OpaqueRef:NULL")).published("stockholm").relation(ClassId::Host, "certificates", Holds::One, Holds::Many), "Host";
        not_before: DateTime = static_ro(READ_ONLY).default(Default::Time("19700101T00:00:00Z")).published("stockholm"), "Not before";
        not_after: DateTime = static_ro(READ_ONLY).default(Default::Time("19700101T00:00:00Z")).published("stockholm"), "Not after";
        fingerprint: String = static_ro(READ_ONLY).default(Default::Str("")).published("stockholm").deprecated("24.19.0"), "Fingerprint";
        fingerprint_sha256: String = static_ro(READ_ONLY).default(Default::Str("")).prototyped("24.20.0"), "Fingerprint sha256";
        fingerprint_sha1: String = static_ro(READ_ONLY).default(Default::Str("")).prototyped("24.20.0"), "Fingerprint sha1";
        purpose: Vec<CertificatePurpose> = static_ro(READ_ONLY).default(Default::Set(&[])).prototyped("26.13.0"), "Purpose";
    }

    methods {
    }
}

api_enum! {
    CertificateType "certificate_type" "certificate_type" {
        Ca = "ca" "ca",
        Host = "host" "host",
        HostInternal = "host_internal" "host_internal",
        Pinned = "pinned" "pinned",
    }
}
