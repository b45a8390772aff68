//! `VBD_metrics`: VBD_metrics.

use crate::classes::prelude::*;

class! {
    VbdMetrics "VBD_metrics" "VBD_metrics" = table(Some(VM_ADMIN)).published("rio").deprecated("tampa").removed("tampa").volatile();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        io_read_kbs: f64 = dynamic_ro(VM_ADMIN).default(Default::Float(0.0)).published("rio").deprecated("tampa").removed("tampa").volatile().column("io__read_kbs"), "Io read kbs";
        io_write_kbs: f64 = dynamic_ro(VM_ADMIN).default(Default::Float(0.0)).published("rio").deprecated("tampa").removed("tampa").volatile().column("io__write_kbs"), "Io write kbs";
        last_updated: DateTime = dynamic_ro(VM_ADMIN).default(Default::Time("19700101T00:00:00Z")).published("rio").deprecated("tampa").removed("tampa"), "Last updated";
        other_config: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("orlando").deprecated("tampa").removed("tampa"), "Other config";
    }

    methods {
    }
}
