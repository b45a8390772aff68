//! `VTPM`: VTPM.

use crate::classes::prelude::*;

class! {
    Vtpm "VTPM" "VTPM" = table(Some(POOL_ADMIN)).prototyped("22.26.0");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        allowed_operations: Vec<VtpmOperations> = dynamic_ro(POOL_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, VtpmOperations> = dynamic_ro(POOL_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        VM: Ref<Vm> = static_ro(POOL_ADMIN).published("rio").relation(ClassId::Vm, "VTPMs", Holds::One, Holds::Many), "Vm";
        backend: Ref<Vm> = dynamic_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("rio"), "Backend";
        persistence_backend: PersistenceBackend = dynamic_ro(POOL_ADMIN).default(Default::Str("xapi")).prototyped("22.26.0"), "Persistence backend";
        is_unique: bool = static_ro(POOL_ADMIN).default(Default::Bool(false)).prototyped("22.26.0"), "Is unique";
        is_protected: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).prototyped("22.26.0"), "Is protected";
        contents: Ref<Secret> = dynamic_ro(POOL_ADMIN).prototyped("22.26.0").not_in_record().internal(), "Contents";
    }

    methods {
        create(vM: Ref<Vm>, is_unique: bool) -> Ref<Vtpm> = op(VM_ADMIN).prototyped("22.26.0").guards(&[&["vm", "create_vtpm"]]), "Create";
        destroy(self: Ref<Vtpm>) = op(VM_ADMIN).prototyped("22.26.0"), "Destroy";
        get_contents(self: Ref<Vtpm>) -> String = op(NOBODY).prototyped("22.26.0").secret().hidden(), "Get contents";
        set_contents(self: Ref<Vtpm>, contents: String) = op(NOBODY).prototyped("22.26.0").secret().hidden(), "Set contents";
    }
}

api_enum! {
    PersistenceBackend "persistence_backend" "persistence_backend" {
        Xapi = "xapi" "xapi",
    }
}

api_enum! {
    VtpmOperations "vtpm_operations" "vtpm_operations" {
        Destroy = "destroy" "destroy",
    }
}
