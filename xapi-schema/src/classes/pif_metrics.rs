//! `PIF_metrics`: link state and hardware facts of a PIF.

use crate::classes::prelude::*;

class! {
    PifMetrics "PIF_metrics" "Link state and hardware facts of a PIF" = table(Some(POOL_OP)).published("rio").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
        io_read_kbs: f64 = dynamic_ro(POOL_OP).default(Default::Float(0.0)).published("rio").deprecated("tampa").removed("tampa").volatile().column("io__read_kbs"), "Former receive speed in KiB per second";
        io_write_kbs: f64 = dynamic_ro(POOL_OP).default(Default::Float(0.0)).published("rio").deprecated("tampa").removed("tampa").volatile().column("io__write_kbs"), "Former send speed in KiB per second";
        carrier: bool = dynamic_ro(POOL_OP).published("rio"), "True if the cable has a link";
        vendor_id: String = dynamic_ro(POOL_OP).published("rio"), "PCI vendor number, hexadecimal";
        vendor_name: String = dynamic_ro(POOL_OP).published("rio"), "Name of the vendor";
        device_id: String = dynamic_ro(POOL_OP).published("rio"), "PCI device number, hexadecimal";
        device_name: String = dynamic_ro(POOL_OP).published("rio"), "Name of the device";
        speed: i64 = dynamic_ro(POOL_OP).published("rio"), "Link speed in Mbit per second";
        duplex: bool = dynamic_ro(POOL_OP).published("rio"), "True for full duplex";
        pci_bus_path: String = dynamic_ro(POOL_OP).published("rio"), "PCI address of the NIC";
        last_updated: DateTime = dynamic_ro(POOL_OP).published("rio"), "When these values were last written";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("orlando"), "Free key-value pairs about this row";
    }

    methods {
    }
}
