//! `data_source`: data_source.

use crate::classes::prelude::*;

class! {
    DataSource "data_source" "data_source" = no_table(Some(POOL_ADMIN)).published("orlando");

    fields {
        name_label: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        enabled: bool = dynamic_ro(POOL_ADMIN).published("rio"), "Enabled";
        standard: bool = dynamic_ro(POOL_ADMIN).published("rio"), "Standard";
        units: String = dynamic_ro(POOL_ADMIN).published("rio"), "Units";
        min: f64 = dynamic_ro(POOL_ADMIN).published("rio"), "Min";
        max: f64 = dynamic_ro(POOL_ADMIN).published("rio"), "Max";
        value: f64 = dynamic_ro(POOL_ADMIN).published("rio"), "Value";
    }

    methods {
    }
}
