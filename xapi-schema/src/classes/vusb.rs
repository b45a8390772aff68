//! `VUSB`: A USB device of a VM, passed through from a host.

use crate::classes::prelude::*;

class! {
    Vusb "VUSB" "A USB device of a VM, passed through from a host" = table(Some(POOL_ADMIN)).published("inverness");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("inverness"), "Permanent identifier of the virtual device";
        allowed_operations: Vec<VusbOperations> = dynamic_ro(POOL_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Operations that could start on this device right now";
        current_operations: Map<String, VusbOperations> = dynamic_ro(POOL_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Operations under way, keyed by the task that runs each";
        VM: Ref<Vm> = dynamic_ro(POOL_ADMIN).published("inverness").relation(ClassId::Vm, "VUSBs", Holds::One, Holds::Many), "The VM that has it";
        USB_group: Ref<UsbGroup> = dynamic_ro(POOL_ADMIN).published("inverness").relation(ClassId::UsbGroup, "VUSBs", Holds::One, Holds::Many), "Group it is served from";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("inverness"), "Free key-value pairs about the virtual device";
        currently_attached: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("rio"), "True if it is connected to a domain";
    }

    methods {
        create(VM: Ref<Vm>, USB_group: Ref<UsbGroup>, other_config: Map<String, String> = opt(Default::Map(&[]))) -> Ref<Vusb> = op(POOL_ADMIN).published("inverness"), "Give a VM the device of a group";
        unplug(self: Ref<Vusb>) = op(POOL_ADMIN).published("inverness").forwarding(&["vm_resident_host_of_vusb"]).guards(&[&["vusb", "unplug"]]), "Disconnect it from the running VM";
        destroy(self: Ref<Vusb>) = op(POOL_ADMIN).published("inverness"), "Take the device from the VM";
    }
}

api_enum! {
    VusbOperations "vusb_operations" "Operations that can be allowed or under way on a device" {
        Attach = "attach" "Connecting as the VM starts",
        Plug = "plug" "Connecting while the VM runs",
        Unplug = "unplug" "Disconnecting while the VM runs",
    }
}
