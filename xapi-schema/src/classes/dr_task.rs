//! `DR_task`: DR_task.

use crate::classes::prelude::*;

class! {
    DrTask "DR_task" "DR_task" = table(Some(POOL_OP)).published("boston");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        introduced_SRs: Vec<Ref<Sr>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Sr, "introduced_by", Holds::Many, Holds::One), "Introduced srs";
    }

    methods {
        create(type: String, device_config: Map<String, String>, whitelist: Vec<String>) -> Ref<DrTask> = op(POOL_OP).published("boston"), "Create";
        destroy(self: Ref<DrTask>) = op(POOL_OP).published("boston"), "Destroy";
    }
}
