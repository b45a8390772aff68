//! `secret`: secret.

use crate::classes::prelude::*;

class! {
    Secret "secret" "secret" = table(Some(POOL_OP)).published("midnight-ride").silent().creatable().readers(Some(POOL_OP));

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio").readers(POOL_OP), "Uuid";
        value: String = rw(POOL_OP).published("rio").readers(POOL_OP), "Value";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("rio"), "Other config";
    }

    methods {
        introduce(uuid: String, value: String, other_config: Map<String, String> = opt(Default::Map(&[])).since("boston")) -> Ref<Secret> = op(POOL_OP).published("midnight-ride").sync().secret().hidden(), "Introduce";
    }
}
