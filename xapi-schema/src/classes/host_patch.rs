//! `host_patch`: host_patch.

use crate::classes::prelude::*;

class! {
    HostPatch "host_patch" "host_patch" = table(Some(POOL_OP)).published("rio").deprecated("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        version: String = static_ro(POOL_OP).published("rio"), "Version";
        host: Ref<Host> = static_ro(POOL_OP).published("rio").relation(ClassId::Host, "patches", Holds::One, Holds::Many), "Host";
        filename: String = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Filename";
        applied: bool = dynamic_ro(POOL_OP).published("rio"), "Applied";
        timestamp_applied: DateTime = dynamic_ro(POOL_OP).published("rio"), "Timestamp applied";
        size: i64 = dynamic_ro(POOL_OP).published("rio"), "Size";
        pool_patch: Ref<PoolPatch> = static_ro(POOL_OP).default(Default::Str("")).published("miami").relation(ClassId::PoolPatch, "host_patches", Holds::One, Holds::Many), "Pool patch";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Other config";
    }

    methods {
        destroy(self: Ref<HostPatch>) = op(POOL_OP).published("rio").deprecated("miami"), "Destroy";
        apply(self: Ref<HostPatch>) -> String = op(POOL_OP).published("rio").deprecated("miami").forwarding(&["host=field:Host_patch.host"]), "Apply";
    }
}
