//! `USB_group`: USB_group.

use crate::classes::prelude::*;

class! {
    UsbGroup "USB_group" "USB_group" = table(Some(POOL_ADMIN)).published("inverness");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("inverness"), "Uuid";
        name_label: String = rw(POOL_ADMIN).default(Default::Str("")).published("inverness").column("name__label"), "Name label";
        name_description: String = rw(POOL_ADMIN).default(Default::Str("")).published("inverness").column("name__description"), "Name description";
        PUSBs: Vec<Ref<Pusb>> = dynamic_ro(POOL_ADMIN).published("inverness").relation(ClassId::Pusb, "USB_group", Holds::Many, Holds::One), "Pusbs";
        VUSBs: Vec<Ref<Vusb>> = dynamic_ro(POOL_ADMIN).published("inverness").relation(ClassId::Vusb, "USB_group", Holds::Many, Holds::One), "Vusbs";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("inverness"), "Other config";
    }

    methods {
        create(name_label: String = opt(Default::Str("")), name_description: String = opt(Default::Str("")), other_config: Map<String, String> = opt(Default::Map(&[]))) -> Ref<UsbGroup> = op(POOL_ADMIN).published("inverness"), "Create";
        destroy(self: Ref<UsbGroup>) = op(POOL_ADMIN).published("inverness"), "Destroy";
    }
}
