//! `LVHD`: LVHD.

use crate::classes::prelude::*;

class! {
    Lvhd "LVHD" "LVHD" = table(Some(POOL_ADMIN)).published("dundee").not_listable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
    }

    methods {
        enable_thin_provisioning(host: Ref<Host>, SR: Ref<Sr>, initial_allocation: i64, allocation_quantum: i64) -> String = op(POOL_ADMIN).published("dundee").forward_to("LVHD.enable_thin_provisioning"), "Enable thin provisioning";
    }
}
