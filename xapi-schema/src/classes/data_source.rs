//! `data_source`: one measured quantity in a round robin database.

use crate::classes::prelude::*;

class! {
    DataSource "data_source" "One measured quantity in a round robin database" = no_table(Some(POOL_ADMIN)).published("orlando");

    fields {
        name_label: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("rio").column("name__label"), "Short name, as in statistics files";
        name_description: String = dynamic_ro(POOL_ADMIN).default(Default::Str("")).published("rio").column("name__description"), "Text telling what is measured";
        enabled: bool = dynamic_ro(POOL_ADMIN).published("rio"), "True if history is being kept";
        standard: bool = dynamic_ro(POOL_ADMIN).published("rio"), "True if history is kept without being asked for";
        units: String = dynamic_ro(POOL_ADMIN).published("rio"), "Unit of the values";
        min: f64 = dynamic_ro(POOL_ADMIN).published("rio"), "Smallest value that makes sense";
        max: f64 = dynamic_ro(POOL_ADMIN).published("rio"), "Largest value that makes sense";
        value: f64 = dynamic_ro(POOL_ADMIN).published("rio"), "Newest value, NaN if unknown";
    }

    methods {
    }
}
