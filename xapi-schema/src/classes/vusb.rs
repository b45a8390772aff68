//! `VUSB`: VUSB.

use crate::classes::prelude::*;

class! {
    Vusb "VUSB" "VUSB" = table(Some(POOL_ADMIN)).published("inverness");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("inverness"), "Uuid";
        allowed_operations: Vec<VusbOperations> = dynamic_ro(POOL_ADMIN).default(Default::Set(&[])).published("rio").volatile(), "Allowed operations";
        current_operations: Map<String, VusbOperations> = dynamic_ro(POOL_ADMIN).default(Default::Map(&[])).published("rio").volatile(), "Current operations";
        VM: Ref<Vm> = dynamic_ro(POOL_ADMIN).published("inverness").relation(ClassId::Vm, "VUSBs", Holds::One, Holds::Many), "Vm";
        USB_group: Ref<UsbGroup> = dynamic_ro(POOL_ADMIN).published("inverness").relation(ClassId::UsbGroup, "VUSBs", Holds::One, Holds::Many), "Usb group";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("inverness"), "Other config";
        currently_attached: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("rio"), "Currently attached";
    }

    methods {
        create(VM: Ref<Vm>, USB_group: Ref<UsbGroup>, other_config: Map<String, String> = opt(Default::Map(&[]))) -> Ref<Vusb> = op(POOL_ADMIN).published("inverness"), "Create";
        unplug(self: Ref<Vusb>) = op(POOL_ADMIN).published("inverness").forwarding(&["vm_resident_host_of_vusb"]).guards(&[&["vusb", "unplug"]]), "Unplug";
        destroy(self: Ref<Vusb>) = op(POOL_ADMIN).published("inverness"), "Destroy";
    }
}

api_enum! {
    VusbOperations "vusb_operations" "vusb_operations" {
        Attach = "attach" "attach",
        Plug = "plug" "plug",
        Unplug = "unplug" "unplug",
    }
}
