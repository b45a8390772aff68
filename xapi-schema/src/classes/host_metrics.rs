//! `host_metrics`: host_metrics.

use crate::classes::prelude::*;

class! {
    HostMetrics "host_metrics" "host_metrics" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        memory_total: i64 = dynamic_ro(POOL_OP).published("rio").column("memory__total").tags(&["memory"]), "Memory total";
        memory_free: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("rio").deprecated("midnight-ride").removed("tampa").column("memory__free").tags(&["memory"]), "Memory free";
        live: bool = dynamic_ro(POOL_OP).published("rio"), "Live";
        last_updated: DateTime = dynamic_ro(POOL_OP).published("rio"), "Last updated";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("orlando"), "Other config";
    }

    methods {
    }
}
