//! `pool_update`: an update or supplemental package supplied as an image on a VDI.

use crate::classes::prelude::*;

class! {
    PoolUpdate "pool_update" "An update or supplemental package supplied as an image on a VDI" = table(Some(POOL_OP)).published("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Identifier the update carries";
        name_label: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name the update carries";
        name_description: String = static_ro(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Text the update carries";
        version: String = static_ro(POOL_OP).default(Default::Str("")).published("ely"), "Version number of the update";
        installation_size: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("ely"), "Bytes it needs once installed";
        key: String = static_ro(POOL_OP).default(Default::Str("")).published("ely"), "Signing key the update is checked with";
        after_apply_guidance: Vec<UpdateAfterApplyGuidance> = static_ro(POOL_OP).default(Default::Set(&[])).published("ely"), "What to do once it is applied";
        vdi: Ref<Vdi> = static_ro(POOL_OP).published("rio"), "Disk with the update image, null once cleaned";
        hosts: Vec<Ref<Host>> = dynamic_ro(POOL_OP).published("ely").relation(ClassId::Host, "updates", Holds::Many, Holds::Many), "Where the update is installed";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("inverness"), "Free key-value pairs about the update";
        enforce_homogeneity: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("inverness"), "True if no host of the pool may lack it";
    }

    methods {
        introduce(vdi: Ref<Vdi>) -> Ref<PoolUpdate> = op(POOL_OP).published("ely").forwarding(&["pbd_host_of_vdi_sr"]), "Read an uploaded update image and add its row";
        precheck(self: Ref<PoolUpdate>, host: Ref<Host>) -> LivepatchStatus = op(POOL_OP).published("ely").forward_to("pool_update.precheck"), "Test whether the update fits a host, and how live patching goes";
        apply(self: Ref<PoolUpdate>, host: Ref<Host>) = op(POOL_OP).published("ely").forward_to("pool_update.apply"), "Install the update on one host";
        pool_apply(self: Ref<PoolUpdate>) = op(POOL_OP).published("ely"), "Install the update on every host";
        pool_clean(self: Ref<PoolUpdate>) = op(POOL_OP).published("ely").forwarding(&["pbd_host_of_vdi_sr"]), "Delete the image but keep the row";
        destroy(self: Ref<PoolUpdate>) = op(POOL_OP).published("ely"), "Delete image and row of an update nobody has";
        attach(self: Ref<PoolUpdate>, use_localhost_proxy: bool = opt(Default::Bool(false)).since("naples")) -> String = op(POOL_OP).published("ely").hidden().forwarding(&["pbd_host_of_vdi_sr"]), "Serve the image's files; returns their URL";
        detach(self: Ref<PoolUpdate>) = op(POOL_OP).published("ely").hidden().forwarding(&["pbd_host_of_vdi_sr"]), "Stop serving the image's files";
        resync_host(host: Ref<Host>) = op(POOL_OP).published("ely").hidden().forwarding(&["host=param:host"]), "Compare a host's installed updates with the database and correct it";
    }
}

api_enum! {
    LivepatchStatus "livepatch_status" "What live patching can do for an update" {
        OkLivepatchComplete = "ok_livepatch_complete" "Live patches make a reboot needless",
        OkLivepatchIncomplete = "ok_livepatch_incomplete" "Live patches exist but do not cover everything",
        Ok = "ok" "The update has no live patch",
    }
}

api_enum! {
    UpdateAfterApplyGuidance "update_after_apply_guidance" "What an update asks for once applied" {
        RestartHVM = "restartHVM" "Reboot HVM guests",
        RestartPV = "restartPV" "Reboot PV guests",
        RestartHost = "restartHost" "Restart the physical machine",
        RestartXAPI = "restartXAPI" "Restart the toolstack",
    }
}
