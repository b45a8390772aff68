//! `sr_stat`: size and health of an SR as a probe found it.

use crate::classes::prelude::*;

class! {
    SrStat "sr_stat" "Size and health of an SR as a probe found it" = no_table(Some(NOBODY)).prototyped("kolkata").published("lima").extended("24.17.0");

    fields {
        uuid: Option<String> = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Identifier on the storage, if it has one";
        name_label: String = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Name kept on the storage";
        name_description: String = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Description kept on the storage";
        free_space: i64 = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Bytes still free";
        total_space: i64 = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Capacity in bytes";
        clustered: bool = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "True if it joins local disks of several hosts";
        health: SrHealth = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Whether the storage is usable";
    }

    methods {
    }
}

api_enum! {
    SrHealth "sr_health" "Conditions of storage" {
        Healthy = "healthy" "Everything works as it should",
        Recovering = "recovering" "Usable while it repairs itself",
        Unreachable = "unreachable" "Cannot be reached now, may return",
        Unavailable = "unavailable" "Out of service until the host reboots",
    }
}
