//! `host_metrics`: memory size and liveness of a host.

use crate::classes::prelude::*;

class! {
    HostMetrics "host_metrics" "Memory size and liveness of a host" = table(Some(POOL_OP)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
        memory_total: i64 = dynamic_ro(POOL_OP).published("rio").column("memory__total").tags(&["memory"]), "Bytes of memory in the machine";
        memory_free: i64 = dynamic_ro(POOL_OP).default(Default::Int(0)).published("rio").deprecated("midnight-ride").removed("tampa").column("memory__free").tags(&["memory"]), "Former count of free bytes; RRD data sources replaced it";
        live: bool = dynamic_ro(POOL_OP).published("rio"), "True while the coordinator hears from the host";
        last_updated: DateTime = dynamic_ro(POOL_OP).published("rio"), "When these values were last written";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("orlando"), "Free key-value pairs about this row";
    }

    methods {
    }
}
