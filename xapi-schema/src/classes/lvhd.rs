//! `LVHD`: settings peculiar to SRs with VHD disks on LVM.

use crate::classes::prelude::*;

class! {
    Lvhd "LVHD" "Settings peculiar to SRs with VHD disks on LVM" = table(Some(POOL_ADMIN)).published("dundee").not_listable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
    }

    methods {
        enable_thin_provisioning(host: Ref<Host>, SR: Ref<Sr>, initial_allocation: i64, allocation_quantum: i64) -> String = op(POOL_ADMIN).published("dundee").forward_to("LVHD.enable_thin_provisioning"), "Turn an LVM SR thin; sizes in bytes";
    }
}
