//! `SDN_controller`: A controller in command of the virtual switches.

use crate::classes::prelude::*;

class! {
    SdnController "SDN_controller" "A controller in command of the virtual switches" = table(Some(POOL_OP)).published("falcon");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("falcon"), "Permanent identifier of this row";
        protocol: SdnControllerProtocol = static_ro(POOL_OP).default(Default::Str("ssl")).published("falcon"), "How controller and switches connect";
        address: String = static_ro(POOL_OP).default(Default::Str("")).published("falcon"), "Address of the controller, empty for passive connections";
        port: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("falcon"), "TCP port, 0 for the default";
    }

    methods {
        introduce(protocol: SdnControllerProtocol = opt(Default::Str("ssl")), address: String = opt(Default::Str("")), port: i64 = opt(Default::Int(0))) -> Ref<SdnController> = op(POOL_OP).published("falcon"), "Let a controller command the switches";
        forget(self: Ref<SdnController>) = op(POOL_OP).published("falcon"), "Free the switches from the controller";
    }
}

api_enum! {
    SdnControllerProtocol "sdn_controller_protocol" "Ways to connect controller and switches" {
        Ssl = "ssl" "Switches call the controller over TLS",
        Pssl = "pssl" "Switches wait for the controller's TLS call",
    }
}
