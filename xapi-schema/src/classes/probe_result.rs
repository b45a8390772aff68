//! `probe_result`: probe_result.

use crate::classes::prelude::*;

class! {
    ProbeResult "probe_result" "probe_result" = no_table(Some(NOBODY)).prototyped("kolkata").published("lima");

    fields {
        configuration: Map<String, String> = dynamic_ro(NOBODY).prototyped("kolkata").published("lima"), "Configuration";
        complete: bool = dynamic_ro(NOBODY).prototyped("kolkata").published("lima"), "Complete";
        sr: Option<Rec<SrStat>> = dynamic_ro(NOBODY).prototyped("kolkata").published("lima"), "Sr";
        extra_info: Map<String, String> = dynamic_ro(NOBODY).prototyped("kolkata").published("lima"), "Extra info";
    }

    methods {
    }
}
