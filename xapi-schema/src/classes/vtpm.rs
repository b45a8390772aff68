//! `VTPM`: A virtual trusted platform module of a VM.

use crate::classes::prelude::*;

class! {
    Vtpm "VTPM" "A virtual trusted platform module of a VM" = table(Some(POOL_ADMIN)).prototyped("22.26.0");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the module";
        allowed_operations: Vec<VtpmOperations> = dynamic_ro(POOL_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this module right now";
        current_operations: Map<String, VtpmOperations> = dynamic_ro(POOL_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        VM: Ref<Vm> = static_ro(POOL_ADMIN).published("rio").relation(ClassId::Vm, "VTPMs", Holds::One, Holds::Many), "The VM that has this module";
        backend: Ref<Vm> = dynamic_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("rio"), "Domain meant to emulate the module; unused";
        persistence_backend: PersistenceBackend = dynamic_ro(POOL_ADMIN).default(Default::Str("xapi")).prototyped("22.26.0"), "Where the module's state is kept";
        is_unique: bool = static_ro(POOL_ADMIN).default(Default::Bool(false)).prototyped("22.26.0"), "True if copies of the VM get an empty module";
        is_protected: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).prototyped("22.26.0"), "True if the state is encrypted at rest";
        contents: Ref<Secret> = dynamic_ro(POOL_ADMIN).prototyped("22.26.0").not_in_record().internal(), "Secret that holds the state";
    }

    methods {
        create(vM: Ref<Vm>, is_unique: bool) -> Ref<Vtpm> = op(VM_ADMIN).prototyped("22.26.0").guards(&[&["vm", "create_vtpm"]]), "Give a halted VM a module";
        destroy(self: Ref<Vtpm>) = op(VM_ADMIN).prototyped("22.26.0"), "Delete the module with its state";
        get_contents(self: Ref<Vtpm>) -> String = op(NOBODY).prototyped("22.26.0").secret().hidden(), "Read the module's state";
        set_contents(self: Ref<Vtpm>, contents: String) = op(NOBODY).prototyped("22.26.0").secret().hidden(), "Store the module's state";
    }
}

api_enum! {
    PersistenceBackend "persistence_backend" "Places a module's state is kept" {
        Xapi = "xapi" "In the pool database, as a secret",
    }
}

api_enum! {
    VtpmOperations "vtpm_operations" "Operations that can be allowed or under way on a module" {
        Destroy = "destroy" "Deleting module and state",
    }
}
