//! `Driver_variant`: one version of a driver that exists in several.

use crate::classes::prelude::*;

class! {
    DriverVariant "Driver_variant" "One version of a driver that exists in several" = table(Some(POOL_ADMIN)).prototyped("25.2.0");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Permanent identifier of this row";
        name: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Name of the version, unique for its driver";
        driver: Ref<HostDriver> = dynamic_ro(POOL_ADMIN).prototyped("25.2.0").relation(ClassId::HostDriver, "variants", Holds::One, Holds::Many), "Driver it is a version of";
        version: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Version number of the code";
        hardware_present: bool = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "True if the host has a device for it";
        priority: f64 = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Number that ranks the versions of a driver";
        status: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "How mature it is, such as production or beta";
    }

    methods {
        select(self: Ref<DriverVariant>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=field:Host_driver.host"]), "Choose this version of its driver";
    }
}
