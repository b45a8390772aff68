//! `Host_driver`: host_driver.

use crate::classes::prelude::*;

class! {
    HostDriver "Host_driver" "Host_driver" = table(Some(POOL_ADMIN)).prototyped("25.2.0");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Uuid";
        host: Ref<Host> = static_ro(POOL_ADMIN).default(Default::Str("")).prototyped("25.2.0"), "Host";
        name: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Name";
        friendly_name: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Friendly name";
        variants: Vec<Ref<DriverVariant>> = dynamic_ro(POOL_ADMIN).prototyped("25.2.0").relation(ClassId::DriverVariant, "driver", Holds::Many, Holds::One), "Variants";
        active_variant: Ref<DriverVariant> = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Active variant";
        selected_variant: Ref<DriverVariant> = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Selected variant";
        r#type: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Type";
        description: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Description";
        info: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Info";
    }

    methods {
        select(self: Ref<HostDriver>, variant: Ref<DriverVariant>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=field:Host_driver.host"]), "Select";
        deselect(self: Ref<HostDriver>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=field:Host_driver.host"]), "Deselect";
        rescan(host: Ref<Host>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=param:host"]), "Rescan";
    }
}
