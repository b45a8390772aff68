//! `DR_task`: A disaster recovery in progress, with the SRs it brought in.

use crate::classes::prelude::*;

class! {
    DrTask "DR_task" "A disaster recovery in progress, with the SRs it brought in" = table(Some(POOL_OP)).published("boston");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the recovery";
        introduced_SRs: Vec<Ref<Sr>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Sr, "introduced_by", Holds::Many, Holds::One), "SRs attached for the recovery";
    }

    methods {
        create(type: String, device_config: Map<String, String>, whitelist: Vec<String>) -> Ref<DrTask> = op(POOL_OP).published("boston"), "Find and attach the listed SRs on storage of another pool";
        destroy(self: Ref<DrTask>) = op(POOL_OP).published("boston"), "Detach and forget the SRs brought in";
    }
}
