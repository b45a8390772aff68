//! `host_crashdump`: host_crashdump.

use crate::classes::prelude::*;

class! {
    HostCrashdump "host_crashdump" "host_crashdump" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        host: Ref<Host> = static_ro(POOL_OP).published("rio").relation(ClassId::Host, "crashdumps", Holds::One, Holds::Many), "Host";
        timestamp: DateTime = dynamic_ro(POOL_OP).published("rio"), "Timestamp";
        size: i64 = dynamic_ro(POOL_OP).published("rio"), "Size";
        filename: String = static_ro(POOL_OP).published("rio").not_in_record().internal(), "Filename";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Other config";
    }

    methods {
        destroy(self: Ref<HostCrashdump>) = op(POOL_OP).published("rio").forwarding(&["host=field:Host_crashdump.host"]), "Destroy";
        upload(self: Ref<HostCrashdump>, url: String, options: Map<String, String>) = op(POOL_OP).published("rio").forwarding(&["host=field:Host_crashdump.host"]), "Upload";
    }
}
