//! `sr_stat`: sr_stat.

use crate::classes::prelude::*;

class! {
    SrStat "sr_stat" "sr_stat" = no_table(Some(NOBODY)).prototyped("kolkata").published("lima").extended("24.17.0");

    fields {
        uuid: Option<String> = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Uuid";
        name_label: String = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Name label";
        name_description: String = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Name description";
        free_space: i64 = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Free space";
        total_space: i64 = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Total space";
        clustered: bool = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Clustered";
        health: SrHealth = dynamic_ro(NOBODY).prototyped("kolkata").published("lima").extended("24.17.0"), "Health";
    }

    methods {
    }
}

api_enum! {
    SrHealth "sr_health" "sr_health" {
        Healthy = "healthy" "healthy",
        Recovering = "recovering" "recovering",
        Unreachable = "unreachable" "unreachable",
        Unavailable = "unavailable" "unavailable",
    }
}
