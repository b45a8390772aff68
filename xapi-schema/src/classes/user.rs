//! `user`: former local account; sessions carry user facts today.

use crate::classes::prelude::*;

class! {
    User "user" "Former local account; sessions carry user facts today" = table(Some(POOL_ADMIN)).published("rio").deprecated("george").silent().creatable().not_listable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the account";
        short_name: String = static_ro(POOL_ADMIN).published("rio"), "Login name of the user";
        fullname: String = rw(POOL_ADMIN).published("rio"), "Name of the person";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("orlando"), "Free key-value pairs about the user";
    }

    methods {
    }
}
