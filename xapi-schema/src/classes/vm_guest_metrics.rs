//! `VM_guest_metrics`: facts a VM's guest agent reports through xenstore.

use crate::classes::prelude::*;

class! {
    VmGuestMetrics "VM_guest_metrics" "Facts a VM's guest agent reports through xenstore" = table(Some(VM_ADMIN)).published("rio");

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of this row";
        os_version: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Name, version and distribution of the guest's operating system";
        netbios_name: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).prototyped("24.28.0"), "Windows computer name and domain";
        PV_drivers_version: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Version of the guest agent and drivers, part by part";
        PV_drivers_up_to_date: bool = dynamic_ro(VM_ADMIN).published("rio").deprecated("dundee"), "Former mark; now the same as PV_drivers_detected";
        memory: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").deprecated("george").removed("george"), "Former memory figures; RRD data sources replaced them";
        disks: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).published("rio").deprecated("orlando").removed("orlando"), "Former disk figures; RRD data sources replaced them";
        networks: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Addresses per interface, keyed like 0/ipv4/0";
        other: Map<String, String> = dynamic_ro(VM_ADMIN).published("rio"), "Remaining reports, notably feature- keys";
        last_updated: DateTime = dynamic_ro(VM_ADMIN).published("rio"), "When the agent's reports last changed";
        other_config: Map<String, String> = rw(VM_ADMIN).default(Default::Map(&[])).published("orlando"), "Free key-value pairs about this row";
        live: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("orlando"), "False once the agent has stopped reporting";
        can_use_hotplug_vbd: TristateType = dynamic_ro(VM_ADMIN).default(Default::Str("unspecified")).published("dundee"), "Whether the guest copes with drives coming and going";
        can_use_hotplug_vif: TristateType = dynamic_ro(VM_ADMIN).default(Default::Str("unspecified")).published("dundee"), "Whether the guest copes with interfaces coming and going";
        PV_drivers_detected: bool = dynamic_ro(VM_ADMIN).default(Default::Bool(false)).published("dundee"), "True if a PV driver has connected";
        services: Map<String, String> = dynamic_ro(VM_ADMIN).default(Default::Map(&[])).prototyped("25.15.0"), "Services the guest advertises, with their state";
    }

    methods {
    }
}

api_enum! {
    TristateType "tristate_type" "An answer that may be missing" {
        Yes = "yes" "It is so",
        No = "no" "It is not so",
        Unspecified = "unspecified" "Nobody has told",
    }
}
