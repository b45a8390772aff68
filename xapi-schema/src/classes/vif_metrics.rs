//! `VIF_metrics`: former speeds of a VIF; RRD data sources replaced them.

use crate::classes::prelude::*;

class! {
    VifMetrics "VIF_metrics" "Former speeds of a VIF; RRD data sources replaced them" = table(Some(VM_ADMIN)).published("rio").deprecated("tampa").removed("tampa").volatile().tags(&["networking"]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
        io_read_kbs: f64 = dynamic_ro(VM_ADMIN).default(Default::Float(0.0)).published("rio").deprecated("tampa").removed("tampa").volatile().column("io__read_kbs"), "Former receive speed in KiB per second";
        io_write_kbs: f64 = dynamic_ro(VM_ADMIN).default(Default::Float(0.0)).published("rio").deprecated("tampa").removed("tampa").volatile().column("io__write_kbs"), "Former send speed in KiB per second";
        last_updated: DateTime = dynamic_ro(VM_ADMIN).published("rio"), "When these values were last written";
        other_config: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("orlando"), "Free key-value pairs about this row";
    }

    methods {
    }
}
