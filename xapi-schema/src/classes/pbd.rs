//! `PBD`: PBD.

use crate::classes::prelude::*;

class! {
    Pbd "PBD" "PBD" = table(Some(POOL_OP)).published("rio").creatable().notes(&[
ImplicitNote { name: "create", forwarding: &[], guards: &[&["sr", "pbd_create", "param:sR"]] },
ImplicitNote { name: "destroy", forwarding: &[], guards: &[&["sr", "pbd_destroy", "param:sr"]] }]);

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        host: Ref<Host> = static_ro(POOL_OP).published("rio").relation(ClassId::Host, "PBDs", Holds::One, Holds::Many), "Host";
        SR: Ref<Sr> = static_ro(POOL_OP).published("rio").relation(ClassId::Sr, "PBDs", Holds::One, Holds::Many), "Sr";
        device_config: Map<String, String> = static_ro(POOL_OP).published("rio"), "Device config";
        currently_attached: bool = dynamic_ro(POOL_OP).published("rio"), "Currently attached";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Other config";
    }

    methods {
        plug(self: Ref<Pbd>) = op(POOL_OP).published("rio").errors(&["SR_UNKNOWN_DRIVER"]).forwarding(&["host_of_pbd"]).guards(&[&["sr", "plug", "param:sr"]]), "Plug";
        unplug(self: Ref<Pbd>) = op(POOL_OP).published("rio").forwarding(&["host_of_pbd"]), "Unplug";
        set_device_config(self: Ref<Pbd>, value: Map<String, String>) = op(POOL_OP).published("miami").forwarding(&["host_of_pbd"]), "Set device config";
    }
}
