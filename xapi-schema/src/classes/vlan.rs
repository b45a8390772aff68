//! `VLAN`: A VLAN on a host: ties a tagged PIF to an untagged one.

use crate::classes::prelude::*;

class! {
    Vlan "VLAN" "A VLAN on a host: ties a tagged PIF to an untagged one" = table(Some(POOL_OP)).published("miami").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the VLAN";
        tagged_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("miami").relation(ClassId::Pif, "VLAN_slave_of", Holds::One, Holds::Many), "Interface that carries the tagged packets";
        untagged_PIF: Ref<Pif> = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "Interface that shows the packets without tag";
        tag: i64 = static_ro(POOL_OP).default(Default::Int(-1)).published("miami"), "VLAN number on the wire";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Free key-value pairs about the VLAN";
    }

    methods {
        pool_introduce(tagged_PIF: Ref<Pif>, untagged_PIF: Ref<Pif>, tag: i64, other_config: Map<String, String>) -> Ref<Vlan> = op(POOL_OP).published("inverness").hidden(), "Have the coordinator add a row for a member's VLAN";
        create(tagged_PIF: Ref<Pif>, tag: i64, network: Ref<Network>) -> Ref<Vlan> = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]), "Add a VLAN over a PIF and join it to a network";
        destroy(self: Ref<Vlan>) = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]), "Remove the VLAN and its untagged PIF";
    }
}
