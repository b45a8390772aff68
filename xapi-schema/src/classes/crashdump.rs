//! `crashdump`: A memory dump left by a crash of a VM.

use crate::classes::prelude::*;

class! {
    Crashdump "crashdump" "A memory dump left by a crash of a VM" = table(Some(POOL_OP)).published("rio").deprecated("inverness");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the dump";
        VM: Ref<Vm> = static_ro(POOL_OP).published("rio").relation(ClassId::Vm, "crash_dumps", Holds::One, Holds::Many), "VM that crashed";
        VDI: Ref<Vdi> = static_ro(POOL_OP).published("rio").relation(ClassId::Vdi, "crash_dumps", Holds::One, Holds::Many), "Disk with the dump's contents";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("miami"), "Free key-value pairs about the dump";
    }

    methods {
        destroy(self: Ref<Crashdump>) = op(POOL_OP).published("rio").forwarding(&["pbd_host_of_crashdump_vdi_sr"]), "Delete the dump together with its disk";
    }
}
