//! `VLAN`: VLAN.

use crate::classes::prelude::*;

class! {
    Vlan "VLAN" "VLAN" = table(Some(POOL_OP)).published("miami").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        tagged_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("miami").relation(ClassId::Pif, "VLAN_slave_of", Holds::One, Holds::Many), "Tagged pif";
        untagged_PIF: Ref<Pif> = dynamic_ro(POOL_OP).default(Default::Str("")).published("miami"), "Untagged pif";
        tag: i64 = static_ro(POOL_OP).default(Default::Int(-1)).published("miami"), "Tag";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Other config";
    }

    methods {
        pool_introduce(tagged_PIF: Ref<Pif>, untagged_PIF: Ref<Pif>, tag: i64, other_config: Map<String, String>) -> Ref<Vlan> = op(POOL_OP).published("inverness").hidden(), "Pool introduce";
        create(tagged_PIF: Ref<Pif>, tag: i64, network: Ref<Network>) -> Ref<Vlan> = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]), "Create";
        destroy(self: Ref<Vlan>) = op(POOL_OP).published("miami").forwarding(&["host=field:PIF.host"]), "Destroy";
    }
}
