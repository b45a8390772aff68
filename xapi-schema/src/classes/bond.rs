//! `Bond`: bond.

use crate::classes::prelude::*;

class! {
    Bond "Bond" "Bond" = table(Some(POOL_OP)).published("miami").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        master: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("miami").relation(ClassId::Pif, "bond_master_of", Holds::One, Holds::Many), "Master";
        slaves: Vec<Ref<Pif>> = dynamic_ro(POOL_OP).published("miami").relation(ClassId::Pif, "bond_slave_of", Holds::Many, Holds::One), "Slaves";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Other config";
        primary_slave: Ref<Pif> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston"), "Primary slave";
        mode: BondMode = dynamic_ro(POOL_OP).default(Default::Str("balance-slb")).published("boston"), "Mode";
        properties: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("tampa"), "Properties";
        links_up: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("tampa"), "Links up";
        auto_update_mac: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).published("quebec"), "Auto update mac";
    }

    methods {
        create(network: Ref<Network>, members: Vec<Ref<Pif>>, MAC: String, mode: BondMode = opt(Default::Str("balance-slb")).since("boston"), properties: Map<String, String> = opt(Default::Map(&[])).since("tampa")) -> Ref<Bond> = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]), "Create";
        destroy(self: Ref<Bond>) = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]), "Destroy";
        set_mode(self: Ref<Bond>, value: BondMode) = op(POOL_OP).published("boston").forwarding(&["host=field:PIF.host"]), "Set mode";
        set_property(self: Ref<Bond>, name: String, value: String) = op(POOL_OP).published("tampa").forwarding(&["host=field:PIF.host"]), "Set property";
    }
}

api_enum! {
    #[exact]
    BondMode "bond_mode" "bond_mode" {
        BalanceSlb = "balance-slb" "balance-slb",
        ActiveBackup = "active-backup" "active-backup",
        Lacp = "lacp" "lacp",
    }
}
