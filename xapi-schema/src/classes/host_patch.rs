//! `host_patch`: former record of a pool_patch on one host.

use crate::classes::prelude::*;

class! {
    HostPatch "host_patch" "Former record of a pool_patch on one host" = table(Some(POOL_OP)).published("rio").deprecated("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
        name_label: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name the patch carries";
        name_description: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Text the patch carries";
        version: String = static_ro(POOL_OP).published("rio"), "Version number of the patch";
        host: Ref<Host> = static_ro(POOL_OP).published("rio").relation(ClassId::Host, "patches", Holds::One, Holds::Many), "Host in question";
        filename: String = dynamic_ro(POOL_OP).published("rio").not_in_record().internal(), "Where the host keeps the file";
        applied: bool = dynamic_ro(POOL_OP).published("rio"), "True if the host has the patch";
        timestamp_applied: DateTime = dynamic_ro(POOL_OP).published("rio"), "When the host got the patch";
        size: i64 = dynamic_ro(POOL_OP).published("rio"), "Length of the file in bytes";
        pool_patch: Ref<PoolPatch> = static_ro(POOL_OP).default(Default::Str("")).published("miami").relation(ClassId::PoolPatch, "host_patches", Holds::One, Holds::Many), "Patch this row belongs to";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Free key-value pairs about this row";
    }

    methods {
        destroy(self: Ref<HostPatch>) = op(POOL_OP).published("rio").deprecated("miami"), "Former deletion of the row and file";
        apply(self: Ref<HostPatch>) -> String = op(POOL_OP).published("rio").deprecated("miami").forwarding(&["host=field:Host_patch.host"]), "Former way to apply the file; returns its output";
    }
}
