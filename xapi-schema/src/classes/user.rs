//! `user`: user.

use crate::classes::prelude::*;

class! {
    User "user" "user" = table(Some(POOL_ADMIN)).published("rio").deprecated("george").silent().creatable().not_listable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        short_name: String = static_ro(POOL_ADMIN).published("rio"), "Short name";
        fullname: String = rw(POOL_ADMIN).published("rio"), "Fullname";
        other_config: Map<String, String> = rw(POOL_ADMIN).default(Default::Map(&[])).published("orlando"), "Other config";
    }

    methods {
    }
}
