//! `secret`: A password or similar text kept out of other rows.

use crate::classes::prelude::*;

class! {
    Secret "secret" "A password or similar text kept out of other rows" = table(Some(POOL_OP)).published("midnight-ride").silent().creatable().readers(Some(POOL_OP));

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio").readers(POOL_OP), "Permanent identifier, which other rows refer to";
        value: String = rw(POOL_OP).published("rio").readers(POOL_OP), "The secret text itself";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("rio"), "Free key-value pairs about the secret";
    }

    methods {
        introduce(uuid: String, value: String, other_config: Map<String, String> = opt(Default::Map(&[])).since("boston")) -> Ref<Secret> = op(POOL_OP).published("midnight-ride").sync().secret().hidden(), "Add a secret under a known identifier";
    }
}
