//! `Host_driver`: A kernel driver of a host that exists in several versions.

use crate::classes::prelude::*;

class! {
    HostDriver "Host_driver" "A kernel driver of a host that exists in several versions" = table(Some(POOL_ADMIN)).prototyped("25.2.0");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Permanent identifier of this row";
        host: Ref<Host> = static_ro(POOL_ADMIN).default(Default::Str("")).prototyped("25.2.0"), "Host that has the driver";
        name: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Name of the driver on disk";
        friendly_name: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Name of the driver for people";
        variants: Vec<Ref<DriverVariant>> = dynamic_ro(POOL_ADMIN).prototyped("25.2.0").relation(ClassId::DriverVariant, "driver", Holds::Many, Holds::One), "Versions one can choose from";
        active_variant: Ref<DriverVariant> = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Version the kernel has loaded, null if none";
        selected_variant: Ref<DriverVariant> = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Version chosen for loading, null if none";
        r#type: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Kind of device, such as network or storage";
        description: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Text telling what it drives";
        info: String = dynamic_ro(POOL_ADMIN).prototyped("25.2.0"), "Link or text with more about it";
    }

    methods {
        select(self: Ref<HostDriver>, variant: Ref<DriverVariant>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=field:Host_driver.host"]), "Choose a version; a reboot may be needed";
        deselect(self: Ref<HostDriver>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=field:Host_driver.host"]), "Undo the choice of a version";
        rescan(host: Ref<Host>) = op(POOL_ADMIN).prototyped("25.2.0").forwarding(&["host=param:host"]), "Look for drivers and versions on the host afresh";
    }
}
