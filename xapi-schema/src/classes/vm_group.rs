//! `VM_group`: VMs whose hosts are chosen with regard to each other.

use crate::classes::prelude::*;

class! {
    VmGroup "VM_group" "VMs whose hosts are chosen with regard to each other" = table(Some(VM_ADMIN)).prototyped("24.19.1").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the group";
        name_label: String = rw(VM_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(VM_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Free text about the group";
        placement: PlacementPolicy = static_ro(VM_ADMIN).default(Default::Str("normal")).prototyped("24.19.1"), "Rule for choosing hosts";
        VMs: Vec<Ref<Vm>> = dynamic_ro(VM_ADMIN).prototyped("24.19.1").relation(ClassId::Vm, "groups", Holds::Many, Holds::Many), "VMs in the group";
    }

    methods {
    }
}

api_enum! {
    PlacementPolicy "placement_policy" "Rules for choosing hosts in a group" {
        AntiAffinity = "anti_affinity" "Members are spread over hosts where feasible",
        Normal = "normal" "Members do not influence each other",
    }
}
