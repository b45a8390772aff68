//! `PVS_server`: PVS_server.

use crate::classes::prelude::*;

class! {
    PvsServer "PVS_server" "PVS_server" = table(Some(POOL_OP)).published("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("ely"), "Uuid";
        addresses: Vec<String> = static_ro(POOL_OP).default(Default::Set(&[])).published("ely"), "Addresses";
        first_port: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("ely"), "First port";
        last_port: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("ely"), "Last port";
        site: Ref<PvsSite> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely").relation(ClassId::PvsSite, "servers", Holds::One, Holds::Many), "Site";
    }

    methods {
        introduce(addresses: Vec<String>, first_port: i64, last_port: i64, site: Ref<PvsSite>) -> Ref<PvsServer> = op(POOL_OP).published("ely"), "Introduce";
        forget(self: Ref<PvsServer>) = op(POOL_OP).published("ely"), "Forget";
    }
}
