//! `PIF_metrics`: PIF_metrics.

use crate::classes::prelude::*;

class! {
    PifMetrics "PIF_metrics" "PIF_metrics" = table(Some(POOL_OP)).published("rio").tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        io_read_kbs: f64 = dynamic_ro(POOL_OP).default(Default::Float(0.0)).published("rio").deprecated("tampa").removed("tampa").volatile().column("io__read_kbs"), "Io read kbs";
        io_write_kbs: f64 = dynamic_ro(POOL_OP).default(Default::Float(0.0)).published("rio").deprecated("tampa").removed("tampa").volatile().column("io__write_kbs"), "Io write kbs";
        carrier: bool = dynamic_ro(POOL_OP).published("rio"), "Carrier";
        vendor_id: String = dynamic_ro(POOL_OP).published("rio"), "Vendor id";
        vendor_name: String = dynamic_ro(POOL_OP).published("rio"), "Vendor name";
        device_id: String = dynamic_ro(POOL_OP).published("rio"), "Device id";
        device_name: String = dynamic_ro(POOL_OP).published("rio"), "Device name";
        speed: i64 = dynamic_ro(POOL_OP).published("rio"), "Speed";
        duplex: bool = dynamic_ro(POOL_OP).published("rio"), "Duplex";
        pci_bus_path: String = dynamic_ro(POOL_OP).published("rio"), "Pci bus path";
        last_updated: DateTime = dynamic_ro(POOL_OP).published("rio"), "Last updated";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("orlando"), "Other config";
    }

    methods {
    }
}
