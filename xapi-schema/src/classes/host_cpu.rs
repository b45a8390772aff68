//! `host_cpu`: one logical CPU of a host; host.cpu_info replaced most of it.

use crate::classes::prelude::*;

class! {
    HostCpu "host_cpu" "One logical CPU of a host; host.cpu_info replaced most of it" = table(Some(POOL_OP)).published("rio").deprecated("midnight-ride");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
        host: Ref<Host> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Host, "host_CPUs", Holds::One, Holds::Many), "Host that has the CPU";
        number: i64 = dynamic_ro(POOL_OP).published("rio"), "Count within the host, from 0";
        vendor: String = dynamic_ro(POOL_OP).published("rio"), "Maker as the CPU states it";
        speed: i64 = dynamic_ro(POOL_OP).published("rio"), "Clock rate in MHz";
        modelname: String = dynamic_ro(POOL_OP).published("rio"), "Model as text";
        family: i64 = dynamic_ro(POOL_OP).published("rio"), "Processor family as a number";
        model: i64 = dynamic_ro(POOL_OP).published("rio"), "Model number within the family";
        stepping: String = dynamic_ro(POOL_OP).published("rio"), "Revision of the model";
        flags: String = dynamic_ro(POOL_OP).published("rio"), "Feature names as Linux lists them";
        features: String = dynamic_ro(POOL_OP).published("rio"), "Feature bits as hexadecimal words";
        utilisation: f64 = dynamic_ro(POOL_OP).published("rio").volatile(), "Load from 0 to 1";
        other_config: Map<String, String> = rw(POOL_OP).default(Default::Map(&[])).published("orlando"), "Free key-value pairs about the CPU";
    }

    methods {
    }
}
