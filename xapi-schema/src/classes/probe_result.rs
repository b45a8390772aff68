//! `probe_result`: one finding of a storage probe.

use crate::classes::prelude::*;

class! {
    ProbeResult "probe_result" "One finding of a storage probe" = no_table(Some(NOBODY)).prototyped("kolkata").published("lima");

    fields {
        configuration: Map<String, String> = dynamic_ro(NOBODY).prototyped("kolkata").published("lima"), "device_config that leads to this finding";
        complete: bool = dynamic_ro(NOBODY).prototyped("kolkata").published("lima"), "True if that suffices to attach or create an SR";
        sr: Option<Rec<SrStat>> = dynamic_ro(NOBODY).prototyped("kolkata").published("lima"), "State of the SR found, if any";
        extra_info: Map<String, String> = dynamic_ro(NOBODY).prototyped("kolkata").published("lima"), "Further facts from the driver";
    }

    methods {
    }
}
