//! `pool_patch`: pool_patch.

use crate::classes::prelude::*;

class! {
    PoolPatch "pool_patch" "pool_patch" = table(Some(POOL_OP)).published("miami").deprecated("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        version: String = static_ro(POOL_OP).default(Default::Str("")).published("miami"), "Version";
        filename: String = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami").not_in_record().internal(), "Filename";
        size: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("miami"), "Size";
        pool_applied: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("miami"), "Pool applied";
        host_patches: Vec<Ref<HostPatch>> = dynamic_ro(POOL_OP).published("miami").relation(ClassId::HostPatch, "pool_patch", Holds::Many, Holds::One), "Host patches";
        after_apply_guidance: Vec<AfterApplyGuidance> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("miami"), "After apply guidance";
        pool_update: Ref<PoolUpdate> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Pool update";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Other config";
    }

    methods {
        apply(self: Ref<PoolPatch>, host: Ref<Host>) -> String = op(POOL_OP).published("miami").deprecated("ely").forwarding(&["host=param:host"]), "Apply";
        pool_apply(self: Ref<PoolPatch>) = op(POOL_OP).published("miami").deprecated("ely"), "Pool apply";
        precheck(self: Ref<PoolPatch>, host: Ref<Host>) -> String = op(POOL_OP).published("miami").deprecated("ely").forwarding(&["host=param:host"]), "Precheck";
        clean(self: Ref<PoolPatch>) = op(POOL_OP).published("miami").deprecated("ely"), "Clean";
        pool_clean(self: Ref<PoolPatch>) = op(POOL_OP).published("tampa").deprecated("ely"), "Pool clean";
        destroy(self: Ref<PoolPatch>) = op(POOL_OP).published("miami").deprecated("ely"), "Destroy";
        clean_on_host(self: Ref<PoolPatch>, host: Ref<Host>) = op(POOL_OP).published("tampa").deprecated("ely").forwarding(&["host=param:host"]), "Clean on host";
    }
}

api_enum! {
    AfterApplyGuidance "after_apply_guidance" "after_apply_guidance" {
        RestartHVM = "restartHVM" "restartHVM",
        RestartPV = "restartPV" "restartPV",
        RestartHost = "restartHost" "restartHost",
        RestartXAPI = "restartXAPI" "restartXAPI",
    }
}
