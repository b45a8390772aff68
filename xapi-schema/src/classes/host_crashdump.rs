//! `host_crashdump`: A dump left by a crash of a host.

use crate::classes::prelude::*;

class! {
    HostCrashdump "host_crashdump" "A dump left by a crash of a host" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the dump";
        host: Ref<Host> = static_ro(POOL_OP).published("rio").relation(ClassId::Host, "crashdumps", Holds::One, Holds::Many), "Host that crashed";
        timestamp: DateTime = dynamic_ro(POOL_OP).published("rio"), "When the crash took place";
        size: i64 = dynamic_ro(POOL_OP).published("rio"), "Bytes the dump takes up";
        filename: String = static_ro(POOL_OP).published("rio").not_in_record().internal(), "Directory of the dump in dom0";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Free key-value pairs about the dump";
    }

    methods {
        destroy(self: Ref<HostCrashdump>) = op(POOL_OP).published("rio").forwarding(&["host=field:Host_crashdump.host"]), "Delete the dump from the host";
        upload(self: Ref<HostCrashdump>, url: String, options: Map<String, String>) = op(POOL_OP).published("rio").forwarding(&["host=field:Host_crashdump.host"]), "Send the dump to a URL";
    }
}
