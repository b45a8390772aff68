//! `SDN_controller`: SDN_controller.

use crate::classes::prelude::*;

class! {
    SdnController "SDN_controller" "SDN_controller" = table(Some(POOL_OP)).published("falcon");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("falcon"), "Uuid";
        protocol: SdnControllerProtocol = static_ro(POOL_OP).default(Default::Str("ssl")).published("falcon"), "Protocol";
        address: String = static_ro(POOL_OP).default(Default::Str("")).published("falcon"), "Address";
        port: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("falcon"), "Port";
    }

    methods {
        introduce(protocol: SdnControllerProtocol = opt(Default::Str("ssl")), address: String = opt(Default::Str("")), port: i64 = opt(Default::Int(0))) -> Ref<SdnController> = op(POOL_OP).published("falcon"), "Introduce";
        forget(self: Ref<SdnController>) = op(POOL_OP).published("falcon"), "Forget";
    }
}

api_enum! {
    SdnControllerProtocol "sdn_controller_protocol" "sdn_controller_protocol" {
        Ssl = "ssl" "ssl",
        Pssl = "pssl" "pssl",
    }
}
