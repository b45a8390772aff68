//! `PBD`: the connection of one host to one SR, with the settings to reach it.

use crate::classes::prelude::*;

class! {
    Pbd "PBD" "The connection of one host to one SR, with the settings to reach it" = table(Some(POOL_OP)).published("rio").creatable().notes(&[
ImplicitNote { name: "create", forwarding: &[], guards: &[&["sr", "pbd_create", "param:sR"]] },
ImplicitNote { name: "destroy", forwarding: &[], guards: &[&["sr", "pbd_destroy", "param:sr"]] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the connection";
        host: Ref<Host> = static_ro(POOL_OP).published("rio").relation(ClassId::Host, "PBDs", Holds::One, Holds::Many), "Host that makes the connection";
        SR: Ref<Sr> = static_ro(POOL_OP).published("rio").relation(ClassId::Sr, "PBDs", Holds::One, Holds::Many), "Storage reached by the connection";
        device_config: Map<String, String> = static_ro(POOL_OP).published("rio"), "Where and how the driver finds the storage";
        currently_attached: bool = dynamic_ro(POOL_OP).published("rio"), "True if the SR is usable on this host";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Free key-value pairs; some keys steer the toolstack";
    }

    methods {
        plug(self: Ref<Pbd>) = op(POOL_OP).published("rio").errors(&["SR_UNKNOWN_DRIVER"]).forwarding(&["host_of_pbd"]).guards(&[&["sr", "plug", "param:sr"]]), "Attach the SR on the host";
        unplug(self: Ref<Pbd>) = op(POOL_OP).published("rio").forwarding(&["host_of_pbd"]), "Detach the SR from the host; no disk may be in use";
        set_device_config(self: Ref<Pbd>, value: Map<String, String>) = op(POOL_OP).published("miami").forwarding(&["host_of_pbd"]), "Change where the driver finds the storage, while unplugged";
    }
}
