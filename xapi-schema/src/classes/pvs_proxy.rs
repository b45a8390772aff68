//! `PVS_proxy`: PVS_proxy.

use crate::classes::prelude::*;

class! {
    PvsProxy "PVS_proxy" "PVS_proxy" = table(Some(POOL_OP)).published("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("ely"), "Uuid";
        site: Ref<PvsSite> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely").relation(ClassId::PvsSite, "proxies", Holds::One, Holds::Many), "Site";
        VIF: Ref<Vif> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Vif";
        currently_attached: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("ely"), "Currently attached";
        status: PvsProxyStatus = dynamic_ro(POOL_OP).default(Default::Str("stopped")).published("ely"), "Status";
    }

    methods {
        create(site: Ref<PvsSite>, VIF: Ref<Vif>) -> Ref<PvsProxy> = op(POOL_OP).published("ely").forwarding(&["host=fn:choose_host"]), "Create";
        destroy(self: Ref<PvsProxy>) = op(POOL_OP).published("ely").forwarding(&["host=fn:choose_host"]), "Destroy";
    }
}

api_enum! {
    PvsProxyStatus "pvs_proxy_status" "pvs_proxy_status" {
        Stopped = "stopped" "stopped",
        Initialised = "initialised" "initialised",
        Caching = "caching" "caching",
        IncompatibleWriteCacheMode = "incompatible_write_cache_mode" "incompatible_write_cache_mode",
        IncompatibleProtocolVersion = "incompatible_protocol_version" "incompatible_protocol_version",
    }
}
