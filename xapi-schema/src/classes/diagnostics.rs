//! `Diagnostics`: diagnostics.

use crate::classes::prelude::*;

class! {
    Diagnostics "Diagnostics" "Diagnostics" = no_table(Some(POOL_OP)).published("stockholm");

    fields {
    }

    methods {
        gc_compact(host: Ref<Host>) = op(POOL_OP).published("stockholm").hidden().forwarding(&["host=param:host"]), "Gc compact";
        gc_stats(host: Ref<Host>) -> Map<String, String> = op(POOL_OP).published("stockholm").hidden().forwarding(&["host=param:host"]), "Gc stats";
        db_stats() -> Map<String, String> = op(POOL_OP).published("stockholm").hidden(), "Db stats";
        network_stats(host: Ref<Host>, params: Map<String, String>) -> Vec<Vec<String>> = op(POOL_OP).published("stockholm").hidden().forwarding(&["host=param:host"]), "Network stats";
    }
}
