//! `Certificate`: A TLS certificate that a host shows or the pool trusts.

use crate::classes::prelude::*;

class! {
    Certificate "Certificate" "A TLS certificate that a host shows or the pool trusts" = table(Some(READ_ONLY)).published("stockholm");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("stockholm"), "Permanent identifier of this row";
        name: String = dynamic_ro(READ_ONLY).default(Default::Str("")).published("1.294.0"), "Name of a CA certificate, empty for other types";
        r#type: CertificateType = dynamic_ro(READ_ONLY).default(Default::Str("host")).published("1.294.0"), "What the certificate serves for";
        host: Ref<Host> = static_ro(READ_ONLY).default(Default::Str("OpaqueRef:NULL")).published("stockholm").relation(ClassId::Host, "certificates", Holds::One, Holds::Many), "Host that shows it, null if trusted pool-wide";
        not_before: DateTime = static_ro(READ_ONLY).default(Default::Time("19700101T00:00:00Z")).published("stockholm"), "Start of its validity";
        not_after: DateTime = static_ro(READ_ONLY).default(Default::Time("19700101T00:00:00Z")).published("stockholm"), "End of its validity";
        fingerprint: String = static_ro(READ_ONLY).default(Default::Str("")).published("stockholm").deprecated("24.19.0"), "Former name of fingerprint_sha256";
        fingerprint_sha256: String = static_ro(READ_ONLY).default(Default::Str("")).prototyped("24.20.0"), "SHA-256 checksum, pairs of hex digits with colons";
        fingerprint_sha1: String = static_ro(READ_ONLY).default(Default::Str("")).prototyped("24.20.0"), "SHA-1 checksum, pairs of hex digits with colons";
        purpose: Vec<CertificatePurpose> = static_ro(READ_ONLY).default(Default::Set(&[])).prototyped("26.13.0"), "Connections it is trusted for";
    }

    methods {
    }
}

api_enum! {
    CertificateType "certificate_type" "What certificates serve for" {
        Ca = "ca" "A trusted authority",
        Host = "host" "Shown to clients of the API",
        HostInternal = "host_internal" "Shown to other hosts of the pool",
        Pinned = "pinned" "A single peer trusted as it is",
    }
}
