//! `PCI`: A PCI device of a host.

use crate::classes::prelude::*;

class! {
    Pci "PCI" "A PCI device of a host" = table(Some(POOL_OP)).published("boston").log_destroy();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("boston"), "Permanent identifier of the device row";
        class_id: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "PCI class number, hexadecimal";
        class_name: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Kind of device, as text";
        vendor_id: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "PCI vendor number, hexadecimal";
        vendor_name: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Name of the vendor";
        device_id: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "PCI device number, hexadecimal";
        device_name: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Name of the device";
        host: Ref<Host> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("boston").relation(ClassId::Host, "PCIs", Holds::One, Holds::Many), "Host that contains the device";
        pci_id: String = static_ro(POOL_OP).default(Default::Str("")).published("boston"), "Address: domain, bus, slot and function";
        functions: i64 = dynamic_ro(POOL_OP).default(Default::Int(1)).published("boston").not_in_record().internal(), "Number of functions with its bus and slot";
        virtual_functions: Vec<Ref<Pci>> = dynamic_ro(POOL_OP).published("falcon").not_in_record().internal().relation(ClassId::Pci, "physical_function", Holds::Many, Holds::One), "Virtual functions this device provides";
        physical_function: Ref<Pci> = static_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("falcon").not_in_record().internal().relation(ClassId::Pci, "virtual_functions", Holds::One, Holds::Many), "Device that provides this virtual function";
        attached_VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("boston").not_in_record().internal().relation(ClassId::Vm, "attached_PCIs", Holds::Many, Holds::Many), "VMs the device is passed through to";
        dependencies: Vec<Ref<Pci>> = dynamic_ro(POOL_OP).published("boston").plain_refs(), "Devices that must be passed through along with it";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("boston"), "Free key-value pairs about the device";
        subsystem_vendor_id: String = static_ro(POOL_OP).default(Default::Str("")).published("clearwater-whetstone"), "PCI subsystem vendor number, hexadecimal";
        subsystem_vendor_name: String = static_ro(POOL_OP).default(Default::Str("")).published("clearwater-whetstone"), "Name of the board's vendor";
        subsystem_device_id: String = static_ro(POOL_OP).default(Default::Str("")).published("clearwater-whetstone"), "PCI subsystem device number, hexadecimal";
        subsystem_device_name: String = static_ro(POOL_OP).default(Default::Str("")).published("clearwater-whetstone"), "Name of the board";
        scheduled_to_be_attached_to: Ref<Vm> = dynamic_ro(POOL_OP).default(Default::Str("OpaqueRef:NULL")).published("falcon").not_in_record().internal(), "VM about to receive the device";
        driver_name: String = static_ro(POOL_OP).default(Default::Str("")).published("kolkata"), "Kernel driver bound to it in dom0";
    }

    methods {
        disable_dom0_access(self: Ref<Pci>) -> PciDom0Access = op(POOL_OP).prototyped("24.14.0").forwarding(&["host=field:PCI.host"]), "Hide the device from dom0 from the next boot on";
        enable_dom0_access(self: Ref<Pci>) -> PciDom0Access = op(POOL_OP).prototyped("24.14.0").forwarding(&["host=field:PCI.host"]), "Give the device back to dom0 from the next boot on";
        get_dom0_access_status(self: Ref<Pci>) -> PciDom0Access = op(POOL_OP).prototyped("24.14.0").forwarding(&["host=field:PCI.host"]), "Tell whether dom0 has the device, or will";
    }
}

api_enum! {
    PciDom0Access "pci_dom0_access" "Use of a device by dom0" {
        Enabled = "enabled" "Dom0 has the device",
        DisableOnReboot = "disable_on_reboot" "In dom0 now, hidden after the next boot",
        Disabled = "disabled" "The device is hidden from dom0",
        EnableOnReboot = "enable_on_reboot" "Hidden now, back after the next boot",
    }
}
