//! `Feature`: A software feature of a host that may be experimental.

use crate::classes::prelude::*;

class! {
    Feature "Feature" "A software feature of a host that may be experimental" = table(Some(NOBODY)).published("falcon");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("falcon"), "Permanent identifier of the feature row";
        name_label: String = static_ro(NOBODY).default(Default::Str("")).published("rio").column("name__label"), "Name of the feature";
        name_description: String = static_ro(NOBODY).default(Default::Str("")).published("rio").column("name__description"), "Text telling what it does";
        enabled: bool = dynamic_ro(NOBODY).default(Default::Bool(false)).published("falcon"), "True if the feature is on";
        experimental: bool = static_ro(NOBODY).default(Default::Bool(false)).published("falcon"), "True if it is not fully supported";
        version: String = static_ro(NOBODY).default(Default::Str("1.0")).published("falcon"), "Version number of the feature";
        host: Ref<Host> = dynamic_ro(NOBODY).published("falcon").relation(ClassId::Host, "features", Holds::One, Holds::Many), "Host where it is found";
    }

    methods {
    }
}
