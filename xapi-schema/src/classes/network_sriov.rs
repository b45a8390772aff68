//! `network_sriov`: SR-IOV switched on at a NIC and offered as a network.

use crate::classes::prelude::*;

class! {
    NetworkSriov "network_sriov" "SR-IOV switched on at a NIC and offered as a network" = table(Some(POOL_OP)).published("kolkata");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
        physical_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("kolkata").relation(ClassId::Pif, "sriov_physical_PIF_of", Holds::One, Holds::Many), "NIC whose virtual functions are used";
        logical_PIF: Ref<Pif> = static_ro(POOL_OP).default(Default::Str("")).published("kolkata").relation(ClassId::Pif, "sriov_logical_PIF_of", Holds::One, Holds::Many), "Interface that stands for the virtual functions";
        requires_reboot: bool = dynamic_ro(POOL_OP).default(Default::Bool(false)).published("kolkata"), "True if the host must reboot before it works";
        configuration_mode: SriovConfigurationMode = dynamic_ro(POOL_OP).default(Default::Str("unknown")).published("kolkata"), "How virtual functions are switched on";
    }

    methods {
        create(pif: Ref<Pif>, network: Ref<Network>) -> Ref<NetworkSriov> = op(POOL_OP).published("kolkata").forwarding(&["host=field:PIF.host"]), "Switch SR-IOV on at a NIC and join it to a network";
        destroy(self: Ref<NetworkSriov>) = op(POOL_OP).published("kolkata").forwarding(&["host=field:PIF.host"]), "Switch SR-IOV off and remove the logical PIF";
        get_remaining_capacity(self: Ref<NetworkSriov>) -> i64 = op(READ_ONLY).published("kolkata"), "Count the virtual functions still free";
    }
}

api_enum! {
    SriovConfigurationMode "sriov_configuration_mode" "Ways to switch virtual functions on" {
        Sysfs = "sysfs" "Through a file of the kernel, at once",
        Modprobe = "modprobe" "By a driver option, after a reboot",
        Manual = "manual" "By the administrator with the vendor's tools",
        Unknown = "unknown" "Not found out yet",
    }
}
