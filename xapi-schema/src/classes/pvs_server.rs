//! `PVS_server`: one or more provisioning servers that a site streams from.

use crate::classes::prelude::*;

class! {
    PvsServer "PVS_server" "One or more provisioning servers that a site streams from" = table(Some(POOL_OP)).published("ely");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("ely"), "Permanent identifier of this row";
        addresses: Vec<String> = static_ro(POOL_OP).default(Default::Set(&[])).published("ely"), "IPv4 addresses of the servers";
        first_port: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("ely"), "Lowest UDP port they answer on";
        last_port: i64 = static_ro(POOL_OP).default(Default::Int(0)).published("ely"), "Highest UDP port they answer on";
        site: Ref<PvsSite> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("ely").relation(ClassId::PvsSite, "servers", Holds::One, Holds::Many), "Site the servers belong to";
    }

    methods {
        introduce(addresses: Vec<String>, first_port: i64, last_port: i64, site: Ref<PvsSite>) -> Ref<PvsServer> = op(POOL_OP).published("ely"), "Add a row for servers of a site";
        forget(self: Ref<PvsServer>) = op(POOL_OP).published("ely"), "Drop the row of these servers";
    }
}
