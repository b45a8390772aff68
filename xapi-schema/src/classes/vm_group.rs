//! `VM_group`: VM_group.

use crate::classes::prelude::*;

class! {
    VmGroup "VM_group" "VM_group" = table(Some(VM_ADMIN)).prototyped("24.19.1").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = rw(VM_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = rw(VM_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        placement: PlacementPolicy = static_ro(VM_ADMIN).default(Default::Str("normal")).prototyped("24.19.1"), "Placement";
        VMs: Vec<Ref<Vm>> = dynamic_ro(VM_ADMIN).prototyped("24.19.1").relation(ClassId::Vm, "groups", Holds::Many, Holds::Many), "Vms";
    }

    methods {
    }
}

api_enum! {
    PlacementPolicy "placement_policy" "placement_policy" {
        AntiAffinity = "anti_affinity" "anti_affinity",
        Normal = "normal" "normal",
    }
}
