//! `pool_update`: pool_update.

use crate::classes::prelude::*;

class! {
    PoolUpdate "pool_update" "pool_update" = table(Some(POOL_OP)).published("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        version: String = static_ro(POOL_OP).default(Default::Str("")).published("ely"), "Version";
        installation_size: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("ely"), "Installation size";
        key: String = static_ro(POOL_OP).default(Default::Str("")).published("ely"), "Key";
        after_apply_guidance: Vec<UpdateAfterApplyGuidance> = static_ro(POOL_OP).default(Default::Set(&[])).published("ely"), "After apply guidance";
        vdi: Ref<Vdi> = static_ro(POOL_OP).published("rio"), "Vdi";
        hosts: Vec<Ref<Host>> = dynamic_ro(POOL_OP).published("ely").relation(ClassId::Host, "updates", Holds::Many, Holds::Many), "Hosts";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("inverness"), "Other config";
        enforce_homogeneity: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("inverness"), "Enforce homogeneity";
    }

    methods {
        introduce(vdi: Ref<Vdi>) -> Ref<PoolUpdate> = op(POOL_OP).published("ely").forwarding(&["pbd_host_of_vdi_sr"]), "Introduce";
        precheck(self: Ref<PoolUpdate>, host: Ref<Host>) -> LivepatchStatus = op(POOL_OP).published("ely").forward_to("pool_update.precheck"), "Precheck";
        apply(self: Ref<PoolUpdate>, host: Ref<Host>) = op(POOL_OP).published("ely").forward_to("pool_update.apply"), "Apply";
        pool_apply(self: Ref<PoolUpdate>) = op(POOL_OP).published("ely"), "Pool apply";
        pool_clean(self: Ref<PoolUpdate>) = op(POOL_OP).published("ely").forwarding(&["pbd_host_of_vdi_sr"]), "Pool clean";
        destroy(self: Ref<PoolUpdate>) = op(POOL_OP).published("ely"), "Destroy";
        attach(self: Ref<PoolUpdate>, use_localhost_proxy: bool = opt(Default::Bool(false)).since("naples")) -> String = op(POOL_OP).published("ely").hidden().forwarding(&["pbd_host_of_vdi_sr"]), "Attach";
        detach(self: Ref<PoolUpdate>) = op(POOL_OP).published("ely").hidden().forwarding(&["pbd_host_of_vdi_sr"]), "Detach";
        resync_host(host: Ref<Host>) = op(POOL_OP).published("ely").hidden().forwarding(&["host=param:host"]), "Resync host";
    }
}

api_enum! {
    LivepatchStatus "livepatch_status" "livepatch_status" {
        OkLivepatchComplete = "ok_livepatch_complete" "ok_livepatch_complete",
        OkLivepatchIncomplete = "ok_livepatch_incomplete" "ok_livepatch_incomplete",
        Ok = "ok" "ok",
    }
}

api_enum! {
    UpdateAfterApplyGuidance "update_after_apply_guidance" "update_after_apply_guidance" {
        RestartHVM = "restartHVM" "restartHVM",
        RestartPV = "restartPV" "restartPV",
        RestartHost = "restartHost" "restartHost",
        RestartXAPI = "restartXAPI" "restartXAPI",
    }
}
