//! `crashdump`: crashdump.

use crate::classes::prelude::*;

class! {
    Crashdump "crashdump" "crashdump" = table(Some(POOL_OP)).published("rio").deprecated("inverness");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        VM: Ref<Vm> = static_ro(POOL_OP).published("rio").relation(ClassId::Vm, "crash_dumps", Holds::One, Holds::Many), "Vm";
        VDI: Ref<Vdi> = static_ro(POOL_OP).published("rio").relation(ClassId::Vdi, "crash_dumps", Holds::One, Holds::Many), "Vdi";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Other config";
    }

    methods {
        destroy(self: Ref<Crashdump>) = op(POOL_OP).published("rio").forwarding(&["pbd_host_of_crashdump_vdi_sr"]), "Destroy";
    }
}
