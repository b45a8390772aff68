//! `pool_patch`: former kind of update, a patch file; pool_update replaced it.

use crate::classes::prelude::*;

class! {
    PoolPatch "pool_patch" "Former kind of update, a patch file; pool_update replaced it" = table(Some(POOL_OP)).published("miami").deprecated("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Identifier the patch carries";
        name_label: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name the patch carries";
        name_description: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Text the patch carries";
        version: String = static_ro(POOL_OP).default(Default::Str("")).published("miami"), "Version number of the patch";
        filename: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami").not_in_record().internal(), "Where the coordinator keeps the file";
        size: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("miami"), "Length of the file in bytes";
        pool_applied: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("miami"), "True if every host should have it";
        host_patches: Vec<Ref<HostPatch>> = dynamic_ro(POOL_OP).published("miami").relation(ClassId::HostPatch, "pool_patch", Holds::Many, Holds::One), "Rows of hosts where it was applied";
        after_apply_guidance: Vec<AfterApplyGuidance> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("miami"), "What to do once it is applied";
        pool_update: Ref<PoolUpdate> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Update that stands behind the patch row";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Free key-value pairs about the patch";
    }

    methods {
        apply(self: Ref<PoolPatch>, host: Ref<Host>) -> String = op(POOL_OP).published("miami").deprecated("ely").forwarding(&["host=param:host"]), "Former way to patch one host; returns the script's output";
        pool_apply(self: Ref<PoolPatch>) = op(POOL_OP).published("miami").deprecated("ely"), "Former way to patch every host";
        precheck(self: Ref<PoolPatch>, host: Ref<Host>) -> String = op(POOL_OP).published("miami").deprecated("ely").forwarding(&["host=param:host"]), "Former test whether the patch fits a host";
        clean(self: Ref<PoolPatch>) = op(POOL_OP).published("miami").deprecated("ely"), "Former deletion of the file from the coordinator";
        pool_clean(self: Ref<PoolPatch>) = op(POOL_OP).published("tampa").deprecated("ely"), "Former deletion of the file from every host";
        destroy(self: Ref<PoolPatch>) = op(POOL_OP).published("miami").deprecated("ely"), "Former deletion of file and row";
        clean_on_host(self: Ref<PoolPatch>, host: Ref<Host>) = op(POOL_OP).published("tampa").deprecated("ely").forwarding(&["host=param:host"]), "Former deletion of the file from one host";
    }
}

api_enum! {
    AfterApplyGuidance "after_apply_guidance" "What a patch asks for once applied" {
        RestartHVM = "restartHVM" "Reboot HVM guests",
        RestartPV = "restartPV" "Reboot PV guests",
        RestartHost = "restartHost" "Restart the physical machine",
        RestartXAPI = "restartXAPI" "Restart the toolstack",
    }
}
