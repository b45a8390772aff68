//! `PUSB`: PUSB.

use crate::classes::prelude::*;

class! {
    Pusb "PUSB" "PUSB" = table(Some(POOL_ADMIN)).published("inverness");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("inverness"), "Uuid";
        USB_group: Ref<UsbGroup> = static_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("inverness").relation(ClassId::UsbGroup, "PUSBs", Holds::One, Holds::Many), "Usb group";
        host: Ref<Host> = static_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("inverness").relation(ClassId::Host, "PUSBs", Holds::One, Holds::Many), "Host";
        path: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Path";
        vendor_id: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Vendor id";
        vendor_desc: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Vendor desc";
        product_id: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Product id";
        product_desc: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Product desc";
        serial: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Serial";
        version: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Version";
        description: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Description";
        passthrough_enabled: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("inverness"), "Passthrough enabled";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("inverness"), "Other config";
        speed: f64 = static_ro(POOL_ADMIN).default(Default::Float(-1.0)).published("stockholm"), "Speed";
    }

    methods {
        scan(host: Ref<Host>) = op(POOL_ADMIN).published("inverness").forwarding(&["host=param:host"]), "Scan";
        set_passthrough_enabled(self: Ref<Pusb>, value: bool) = op(POOL_ADMIN).published("inverness"), "Set passthrough enabled";
    }
}
