//! `PUSB`: A USB device plugged into a host.

use crate::classes::prelude::*;

class! {
    Pusb "PUSB" "A USB device plugged into a host" = table(Some(POOL_ADMIN)).published("inverness");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("inverness"), "Permanent identifier of the device row";
        USB_group: Ref<UsbGroup> = static_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("inverness").relation(ClassId::UsbGroup, "PUSBs", Holds::One, Holds::Many), "Group through which VMs get it";
        host: Ref<Host> = static_ro(POOL_ADMIN).default(Default::Str("OpaqueRef:NULL")).published("inverness").relation(ClassId::Host, "PUSBs", Holds::One, Holds::Many), "Host it is plugged into";
        path: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Position on the USB bus";
        vendor_id: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "USB vendor number, hexadecimal";
        vendor_desc: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Name of the vendor";
        product_id: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "USB product number, hexadecimal";
        product_desc: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Name of the product";
        serial: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "Serial number, may be empty";
        version: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "USB version the device speaks";
        description: String = static_ro(POOL_ADMIN).default(Default::Str("")).published("inverness"), "All names in one line";
        passthrough_enabled: bool = dynamic_ro(POOL_ADMIN).default(Default::Bool(false)).published("inverness"), "True if VMs may have the device";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("inverness"), "Free key-value pairs about the device";
        speed: f64 = static_ro(POOL_ADMIN).default(Default::Float(-1.0)).published("stockholm"), "Transfer speed in Mbit per second";
    }

    methods {
        scan(host: Ref<Host>) = op(POOL_ADMIN).published("inverness").forwarding(&["host=param:host"]), "Look for plugged and unplugged USB devices";
        set_passthrough_enabled(self: Ref<Pusb>, value: bool) = op(POOL_ADMIN).published("inverness"), "Allow VMs to have the device, or stop it";
    }
}
