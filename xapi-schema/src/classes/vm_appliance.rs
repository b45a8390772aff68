//! `VM_appliance`: VM_appliance.

use crate::classes::prelude::*;

class! {
    VmAppliance "VM_appliance" "VM_appliance" = table(Some(POOL_OP)).published("boston").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        allowed_operations: Vec<VmApplianceOperation> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, VmApplianceOperation> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Vm, "appliance", Holds::Many, Holds::One), "Vms";
    }

    methods {
        start(self: Ref<VmAppliance>, paused: bool) = op(POOL_OP).published("boston").errors(&["OPERATION_PARTIALLY_FAILED"]).guards(&[&["vm_appliance", "start"]]), "Start";
        clean_shutdown(self: Ref<VmAppliance>) = op(POOL_OP).published("boston").errors(&["OPERATION_PARTIALLY_FAILED"]).guards(&[&["vm_appliance", "clean_shutdown"]]), "Clean shutdown";
        hard_shutdown(self: Ref<VmAppliance>) = op(POOL_OP).published("boston").errors(&["OPERATION_PARTIALLY_FAILED"]).guards(&[&["vm_appliance", "hard_shutdown"]]), "Hard shutdown";
        shutdown(self: Ref<VmAppliance>) = op(POOL_OP).published("boston").errors(&["OPERATION_PARTIALLY_FAILED"]).guards(&[&["vm_appliance", "shutdown"]]), "Shutdown";
        assert_can_be_recovered(self: Ref<VmAppliance>, session_to: Ref<Session>) = op(READ_ONLY).published("boston").errors(&["VM_REQUIRES_SR"]), "Assert can be recovered";
        get_SRs_required_for_recovery(self: Ref<VmAppliance>, session_to: Ref<Session>) -> Vec<Ref<Sr>> = op(READ_ONLY).published("creedence"), "Get srs required for recovery";
        recover(self: Ref<VmAppliance>, session_to: Ref<Session>, force: bool) = op(READ_ONLY).published("boston").errors(&["VM_REQUIRES_SR"]), "Recover";
    }
}

api_enum! {
    VmApplianceOperation "vm_appliance_operation" "vm_appliance_operation" {
        Start = "start" "start",
        CleanShutdown = "clean_shutdown" "clean_shutdown",
        HardShutdown = "hard_shutdown" "hard_shutdown",
        Shutdown = "shutdown" "shutdown",
    }
}
