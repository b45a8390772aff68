//! `Feature`: feature.

use crate::classes::prelude::*;

class! {
    Feature "Feature" "Feature" = table(Some(NOBODY)).published("falcon");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("falcon"), "Uuid";
        name_label: String = static_ro(NOBODY).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = static_ro(NOBODY).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        enabled: bool = dynamic_ro(NOBODY).default(Default::Bool(false)).published("falcon"), "Enabled";
        experimental: bool = static_ro(NOBODY).default(Default::Bool(false)).published("falcon"), "Experimental";
        version: String = static_ro(NOBODY).default(Default::Str("1.0")).published("falcon"), "Version";
        host: Ref<Host> = dynamic_ro(NOBODY).published("falcon").relation(ClassId::Host, "features", Holds::One, Holds::Many), "Host";
    }

    methods {
    }
}
