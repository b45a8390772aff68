//! `Driver_variant`: driver_variant.

use crate::classes::prelude::*;

class! {
    DriverVariant "Driver_variant" "Driver_variant" = table(Some(POOL_ADMIN)).prototyped("25.2.0");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Uuid";
        name: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Name";
        driver: Ref<HostDriver> = dynamic_ro(POOL_ADMIN).prototyped("25.2.0").relation(ClassId::HostDriver, "variants", Holds::One, Holds::Many), "Driver";
        version: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Version";
        hardware_present: bool = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Hardware present";
        priority: f64 = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Priority";
        status: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Status";
    }

    methods {
        select(self: Ref<DriverVariant>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=field:Host_driver.host"]), "Select";
    }
}
