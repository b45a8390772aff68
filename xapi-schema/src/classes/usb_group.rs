//! `USB_group`: interchangeable USB devices, from which a VUSB is served.

use crate::classes::prelude::*;

class! {
    UsbGroup "USB_group" "Interchangeable USB devices, from which a VUSB is served" = table(Some(POOL_ADMIN)).published("inverness");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("inverness"), "Permanent identifier of the group";
        name_label: String = rw(POOL_ADMIN).default(Default::Str("")).published("inverness").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_ADMIN).default(Default::Str("")).published("inverness").column("name__description"), "Free text about the group";
        PUSBs: Vec<Ref<Pusb>> = dynamic_ro(POOL_ADMIN).published("inverness").relation(ClassId::Pusb, "USB_group", Holds::Many, Holds::One), "Physical devices in the group";
        VUSBs: Vec<Ref<Vusb>> = dynamic_ro(POOL_ADMIN).published("inverness").relation(ClassId::Vusb, "USB_group", Holds::Many, Holds::One), "Virtual devices served from the group";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("inverness"), "Free key-value pairs about the group";
    }

    methods {
        create(name_label: String = opt(Default::Str("")), name_description: String = opt(Default::Str("")), other_config: Map<String, String> = opt(Default::Map(&[]))) -> Ref<UsbGroup> = op(POOL_ADMIN).published("inverness"), "Make an empty group";
        destroy(self: Ref<UsbGroup>) = op(POOL_ADMIN).published("inverness"), "Delete a group without members";
    }
}
