//! `tunnel`: A tunnel that links hosts of a network over other interfaces.

use crate::classes::prelude::*;

class! {
    Tunnel "tunnel" "A tunnel that links hosts of a network over other interfaces" = table(Some(POOL_OP)).published("cowley").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("cowley"), "Permanent identifier of the tunnel";
        access_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("cowley").relation(ClassId::Pif, "tunnel_access_PIF_of", Holds::One, Holds::Many), "Interface that shows the tunnelled traffic";
        transport_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("cowley").relation(ClassId::Pif, "tunnel_transport_PIF_of", Holds::One, Holds::Many), "Interface that carries the tunnel's packets";
        status: Map<String, String> = rw(POOL_OP).default(Default::Map(&[("active", Default::Str("false"))])).published("cowley"), "State the SDN controller keeps; active tells if it works";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("cowley"), "Free key-value pairs about the tunnel";
        protocol: TunnelProtocol = rw(POOL_OP).default(Default::Str("gre")).published("1.250.0"), "How packets are wrapped";
    }

    methods {
        create(transport_PIF: Ref<Pif> = req().since("dundee"), network: Ref<Network> = req().since("dundee"), protocol: TunnelProtocol = opt(Default::Str("gre")).since("1.250.0")) -> Ref<Tunnel> = op(POOL_OP).published("cowley").errors(&["OPENVSWITCH_NOT_ACTIVE", "TRANSPORT_PIF_NOT_CONFIGURED", "IS_TUNNEL_ACCESS_PIF"]).forwarding(&["host=field:PIF.host"]), "Add a tunnel over a PIF and join it to a network";
        destroy(self: Ref<Tunnel>) = op(POOL_OP).published("cowley").forwarding(&["host=field:PIF.host"]), "Remove the tunnel and its access PIF";
    }
}

api_enum! {
    TunnelProtocol "tunnel_protocol" "Ways to wrap tunnelled packets" {
        Gre = "gre" "Generic routing encapsulation",
        Vxlan = "vxlan" "Virtual extensible LAN",
    }
}
