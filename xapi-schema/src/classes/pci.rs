//! `PCI`: PCI.

use crate::classes::prelude::*;

class! {
    Pci "PCI" "PCI" = table(Some(POOL_OP)).published("boston").log_destroy();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("boston"), "Uuid";
        class_id: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Class id";
        class_name: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Class name";
        vendor_id: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Vendor id";
        vendor_name: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Vendor name";
        device_id: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Device id";
        device_name: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Device name";
        host: Ref<Host> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::Host, "PCIs", Holds::One, Holds::Many), "Host";
        pci_id: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Pci id";
        functions: i64 = dynamic_ro(POOL_OP).default(Default::Int(1)).published("boston").not_in_record().internal(), "Functions";
        virtual_functions: Vec<Ref<Pci>> = dynamic_ro(POOL_OP).published("falcon").not_in_record().internal().relation(ClassId::Pci, "physical_function", Holds::Many, Holds::One), "Virtual functions";
        physical_function: Ref<Pci> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("falcon").not_in_record().internal().relation(ClassId::Pci, "virtual_functions", Holds::One, Holds::Many), "Physical function";
        attached_VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("boston").not_in_record().internal().relation(ClassId::Vm, "attached_PCIs", Holds::Many, Holds::Many), "Attached vms";
        dependencies: Vec<Ref<Pci>> = dynamic_ro(POOL_OP).published("boston").plain_refs(), "Dependencies";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("boston"), "Other config";
        subsystem_vendor_id: String = static_ro(POOL_OP).default(Default::Str("")).published("clearwater-whetstone"), "Subsystem vendor id";
        subsystem_vendor_name: String = static_ro(POOL_OP).default(Default::Str("")).published("clearwater-whetstone"), "Subsystem vendor name";
        subsystem_device_id: String = static_ro(POOL_OP).default(Default::Str("")).published("clearwater-whetstone"), "Subsystem device id";
        subsystem_device_name: String = static_ro(POOL_OP).default(Default::Str("")).published("clearwater-whetstone"), "Subsystem device name";
        scheduled_to_be_attached_to: Ref<Vm> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("falcon").not_in_record().internal(), "Scheduled to be attached to";
        driver_name: String = static_ro(POOL_OP).default(Default::Str("")).published("kolkata"), "Driver name";
    }

    methods {
        disable_dom0_access(self: Ref<Pci>) -> PciDom0Access = op(POOL_OP).prototyped("24.14.0").forwarding(&["host=field:PCI.host"]), "Disable dom0 access";
        enable_dom0_access(self: Ref<Pci>) -> PciDom0Access = op(POOL_OP).prototyped("24.14.0").forwarding(&["host=field:PCI.host"]), "Enable dom0 access";
        get_dom0_access_status(self: Ref<Pci>) -> PciDom0Access = op(POOL_OP).prototyped("24.14.0").forwarding(&["host=field:PCI.host"]), "Get dom0 access status";
    }
}

api_enum! {
    PciDom0Access "pci_dom0_access" "pci_dom0_access" {
        Enabled = "enabled" "enabled",
        DisableOnReboot = "disable_on_reboot" "disable_on_reboot",
        Disabled = "disabled" "disabled",
        EnableOnReboot = "enable_on_reboot" "enable_on_reboot",
    }
}
