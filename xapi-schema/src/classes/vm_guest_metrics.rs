//! `VM_guest_metrics`: VM_guest_metrics.

use crate::classes::prelude::*;

class! {
    VmGuestMetrics "VM_guest_metrics" "VM_guest_metrics" = table(Some(VM_ADMIN)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        os_version: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Os version";
        netbios_name: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).prototyped("24.28.0"), "Netbios name";
        PV_drivers_version: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Pv drivers version";
        PV_drivers_up_to_date: bool = dynamic_ro(VM_ADMIN).published("rio").deprecated("dundee"), "Pv drivers up to date";
        memory: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").deprecated("george").removed("george"), "Memory";
        disks: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").deprecated("orlando").removed("orlando"), "Disks";
        networks: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Networks";
        other: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Other";
        last_updated: DateTime = dynamic_ro(VM_ADMIN).published("rio"), "Last updated";
        other_config: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("orlando"), "Other config";
        live: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("orlando"), "Live";
        can_use_hotplug_vbd: TristateType = dynamic_ro(VM_ADMIN).default(Default::Str("unspecified")).published("dundee"), "Can use hotplug vbd";
        can_use_hotplug_vif: TristateType = dynamic_ro(VM_ADMIN).default(Default::Str("unspecified")).published("dundee"), "Can use hotplug vif";
        PV_drivers_detected: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("dundee"), "Pv drivers detected";
        services: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).prototyped("25.15.0"), "Services";
    }

    methods {
    }
}

api_enum! {
    TristateType "tristate_type" "tristate_type" {
        Yes = "yes" "yes",
        No = "no" "no",
        Unspecified = "unspecified" "unspecified",
    }
}
