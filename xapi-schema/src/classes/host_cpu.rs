//! `host_cpu`: host_cpu.

use crate::classes::prelude::*;

class! {
    HostCpu "host_cpu" "host_cpu" = table(Some(POOL_OP)).published("rio").deprecated("midnight-ride");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        host: Ref<Host> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Host, "host_CPUs", Holds::One, Holds::Many), "Host";
        number: i64 = dynamic_ro(POOL_OP).published("rio"), "Number";
        vendor: String = dynamic_ro(POOL_OP).published("rio"), "Vendor";
        speed: i64 = dynamic_ro(POOL_OP).published("rio"), "Speed";
        modelname: String = dynamic_ro(POOL_OP).published("rio"), "Modelname";
        family: i64 = dynamic_ro(POOL_OP).published("rio"), "Family";
        model: i64 = dynamic_ro(POOL_OP).published("rio"), "Model";
        stepping: String = dynamic_ro(POOL_OP).published("rio"), "Stepping";
        flags: String = dynamic_ro(POOL_OP).published("rio"), "Flags";
        features: String = dynamic_ro(POOL_OP).published("rio"), "Features";
        utilisation: f64 = dynamic_ro(POOL_OP).published("rio").volatile(), "Utilisation";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("orlando"), "Other config";
    }

    methods {
    }
}
