//! `network_sriov`: network_sriov.

use crate::classes::prelude::*;

class! {
    NetworkSriov "network_sriov" "network_sriov" = table(Some(POOL_OP)).published("kolkata");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        physical_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("kolkata").relation(ClassId::Pif, "sriov_physical_PIF_of", Holds::One, Holds::Many), "Physical pif";
        logical_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("kolkata").relation(ClassId::Pif, "sriov_logical_PIF_of", Holds::One, Holds::Many), "Logical pif";
        requires_reboot: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("kolkata"), "Requires reboot";
        configuration_mode: SriovConfigurationMode = dynamic_ro(POOL_OP).default(Default::Str("unknown")).published("kolkata"), "Configuration mode";
    }

    methods {
        create(pif: Ref<Pif>, network: Ref<Network>) -> Ref<NetworkSriov> = op(POOL_OP).published("kolkata").forwarding(&["host=field:PIF.host"]), "Create";
        destroy(self: Ref<NetworkSriov>) = op(POOL_OP).published("kolkata").forwarding(&["host=field:PIF.host"]), "Destroy";
        get_remaining_capacity(self: Ref<NetworkSriov>) -> i64 = op(READ_ONLY).published("kolkata"), "Get remaining capacity";
    }
}

api_enum! {
    SriovConfigurationMode "sriov_configuration_mode" "sriov_configuration_mode" {
        Sysfs = "sysfs" "sysfs",
        Modprobe = "modprobe" "modprobe",
        Manual = "manual" "manual",
        Unknown = "unknown" "unknown",
    }
}
