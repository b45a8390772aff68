//! `tunnel`: tunnel.

use crate::classes::prelude::*;

class! {
    Tunnel "tunnel" "tunnel" = table(Some(POOL_OP)).published("cowley").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("cowley"), "Uuid";
        access_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("cowley").relation(ClassId::Pif, "tunnel_access_PIF_of", Holds::One, Holds::Many), "Access pif";
        transport_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("cowley").relation(ClassId::Pif, "tunnel_transport_PIF_of", Holds::One, Holds::Many), "Transport pif";
        status: Map<String, String> = rw(POOL_OP).default(Default::Map(&[("active", Default::Str("false"))])).published("cowley"), "Status";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("cowley"), "Other config";
        protocol: TunnelProtocol = rw(POOL_OP).default(Default::Str("gre")).published("1.250.0"), "Protocol";
    }

    methods {
        create(transport_PIF: Ref<Pif> = req().since("dundee"), network: Ref<Network> = req().since("dundee"), protocol: TunnelProtocol = opt(Default::Str("gre")).since("1.250.0")) -> Ref<Tunnel> = op(POOL_OP).published("cowley").errors(&["OPENVSWITCH_NOT_ACTIVE", "TRANSPORT_PIF_NOT_CONFIGURED", "IS_TUNNEL_ACCESS_PIF"]).forwarding(&["host=field:PIF.host"]), "Create";
        destroy(self: Ref<Tunnel>) = op(POOL_OP).published("cowley").forwarding(&["host=field:PIF.host"]), "Destroy";
    }
}

api_enum! {
    TunnelProtocol "tunnel_protocol" "tunnel_protocol" {
        Gre = "gre" "gre",
        Vxlan = "vxlan" "vxlan",
    }
}
