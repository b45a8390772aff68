//! `Bond`: several PIFs of a host joined into one.

use crate::classes::prelude::*;

class! {
    Bond "Bond" "Several PIFs of a host joined into one" = table(Some(POOL_OP)).published("miami").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the bond";
        master: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("miami").relation(ClassId::Pif, "bond_master_of", Holds::One, Holds::Many), "PIF that stands for the whole bond";
        slaves: Vec<Ref<Pif>> = dynamic_ro(POOL_OP).published("miami").relation(ClassId::Pif, "bond_slave_of", Holds::Many, Holds::One), "PIFs that are joined";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Free key-value pairs about the bond";
        primary_slave: Ref<Pif> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston"), "Member whose MAC and settings the bond took over";
        mode: BondMode = dynamic_ro(POOL_OP).default(Default::Str("balance-slb")).published("boston"), "How traffic is spread over the members";
        properties: Map<String, String> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("tampa"), "Settings of the mode, such as hashing_algorithm";
        links_up: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("tampa"), "Number of members with a link";
        auto_update_mac: bool = dynamic_ro(POOL_OP).default(Default::Bool(true)).published("quebec"), "True if the MAC came from the primary member, not the creator";
    }

    methods {
        create(network: Ref<Network>, members: Vec<Ref<Pif>>, MAC: String, mode: BondMode = opt(Default::Str("balance-slb")).since("boston"), properties: Map<String, String> = opt(Default::Map(&[])).since("tampa")) -> Ref<Bond> = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]), "Join PIFs into a bond on a network";
        destroy(self: Ref<Bond>) = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]), "Split the bond; its settings go to the primary member";
        set_mode(self: Ref<Bond>, value: BondMode) = op(POOL_OP).published("boston").forwarding(&["host=field:PIF.host"]), "Change how traffic is spread";
        set_property(self: Ref<Bond>, name: String, value: String) = op(POOL_OP).published("tampa").forwarding(&["host=field:PIF.host"]), "Change one setting of the mode";
    }
}

api_enum! {
    #[exact]
    BondMode "bond_mode" "Ways to spread traffic over bond members" {
        BalanceSlb = "balance-slb" "Each source MAC sticks to a member, loads are balanced",
        ActiveBackup = "active-backup" "One member carries all, others stand by",
        Lacp = "lacp" "Members are negotiated with the switch by LACP",
    }
}
