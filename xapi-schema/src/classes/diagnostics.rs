//! `Diagnostics`: looks into the toolstack itself, for its developers.

use crate::classes::prelude::*;

class! {
    Diagnostics "Diagnostics" "Looks into the toolstack itself, for its developers" = no_table(Some(POOL_OP)).published("stockholm");

    fields {
    }

    methods {
        gc_compact(host: Ref<Host>) = op(POOL_OP).published("stockholm").hidden().forwarding(&["host=param:host"]), "Have the toolstack free unused memory";
        gc_stats(host: Ref<Host>) -> Map<String, String> = op(POOL_OP).published("stockholm").hidden().forwarding(&["host=param:host"]), "Read figures of the toolstack's memory use";
        db_stats() -> Map<String, String> = op(POOL_OP).published("stockholm").hidden(), "Read figures of database locking";
        network_stats(host: Ref<Host>, params: Map<String, String>) -> Vec<Vec<String>> = op(POOL_OP).published("stockholm").hidden().forwarding(&["host=param:host"]), "Read figures of the network connections";
    }
}
