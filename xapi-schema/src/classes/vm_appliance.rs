//! `VM_appliance`: A vApp: VMs started and stopped together in order.

use crate::classes::prelude::*;

class! {
    VmAppliance "VM_appliance" "A vApp: VMs started and stopped together in order" = table(Some(POOL_OP)).published("boston").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the vApp";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Free text about the vApp";
        allowed_operations: Vec<VmApplianceOperation> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this vApp right now";
        current_operations: Map<String, VmApplianceOperation> = dynamic_ro(POOL_OP).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Vm, "appliance", Holds::Many, Holds::One), "VMs that make up the vApp";
    }

    methods {
        start(self: Ref<VmAppliance>, paused: bool) = op(POOL_OP).published("boston").errors(&["OPERATION_PARTIALLY_FAILED"]).guards(&[&["vm_appliance", "start"]]), "Start its VMs, one order group after another";
        clean_shutdown(self: Ref<VmAppliance>) = op(POOL_OP).published("boston").errors(&["OPERATION_PARTIALLY_FAILED"]).guards(&[&["vm_appliance", "clean_shutdown"]]), "Ask every guest to power off, in reverse order";
        hard_shutdown(self: Ref<VmAppliance>) = op(POOL_OP).published("boston").errors(&["OPERATION_PARTIALLY_FAILED"]).guards(&[&["vm_appliance", "hard_shutdown"]]), "Destroy every domain, in reverse order";
        shutdown(self: Ref<VmAppliance>) = op(POOL_OP).published("boston").errors(&["OPERATION_PARTIALLY_FAILED"]).guards(&[&["vm_appliance", "shutdown"]]), "Power its VMs off, by force where guests do not react";
        assert_can_be_recovered(self: Ref<VmAppliance>, session_to: Ref<Session>) = op(READ_ONLY).published("boston").errors(&["VM_REQUIRES_SR"]), "Fail unless the other pool has every SR the VMs need";
        get_SRs_required_for_recovery(self: Ref<VmAppliance>, session_to: Ref<Session>) -> Vec<Ref<Sr>> = op(READ_ONLY).published("creedence"), "List the SRs the other pool needs to recover the vApp";
        recover(self: Ref<VmAppliance>, session_to: Ref<Session>, force: bool) = op(READ_ONLY).published("boston").errors(&["VM_REQUIRES_SR"]), "Re-create vApp and VMs in the pool of the given session";
    }
}

api_enum! {
    VmApplianceOperation "vm_appliance_operation" "Operations that can be allowed or under way on a vApp" {
        Start = "start" "Starting its VMs",
        CleanShutdown = "clean_shutdown" "Powering off through the guests",
        HardShutdown = "hard_shutdown" "Destroying the domains",
        Shutdown = "shutdown" "Powering off, by force if need be",
    }
}
