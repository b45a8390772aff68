//! `PVS_proxy`: A cache between a VM's interface and the provisioning servers.

use crate::classes::prelude::*;

class! {
    PvsProxy "PVS_proxy" "A cache between a VM's interface and the provisioning servers" = table(Some(POOL_OP)).published("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("ely"), "Permanent identifier of the proxy";
        site: Ref<PvsSite> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely").relation(ClassId::PvsSite, "proxies", Holds::One, Holds::Many), "Site whose traffic is cached";
        VIF: Ref<Vif> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely"), "Interface the traffic runs through";
        currently_attached: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("ely"), "True if the proxy works for a running VM";
        status: PvsProxyStatus = dynamic_ro(POOL_OP).default(Default::Str("stopped")).published("ely"), "How the proxy gets on";
    }

    methods {
        create(site: Ref<PvsSite>, VIF: Ref<Vif>) -> Ref<PvsProxy> = op(POOL_OP).published("ely").forwarding(&["host=fn:choose_host"]), "Put a proxy on the first VIF of a VM";
        destroy(self: Ref<PvsProxy>) = op(POOL_OP).published("ely").forwarding(&["host=fn:choose_host"]), "Take the proxy off";
    }
}

api_enum! {
    PvsProxyStatus "pvs_proxy_status" "Conditions of a proxy" {
        Stopped = "stopped" "The proxy is not at work",
        Initialised = "initialised" "Set up, but no cacheable traffic so far",
        Caching = "caching" "Blocks are being cached",
        IncompatibleWriteCacheMode = "incompatible_write_cache_mode" "The VM's write cache setting rules caching out",
        IncompatibleProtocolVersion = "incompatible_protocol_version" "The servers speak a protocol version it does not know",
    }
}
