//! How states and types are spelled inside errors.

use xapi_schema::{ApiEnum, classes::VdiType, classes::VmPowerState};

/// A power state with a lower case first letter.
pub fn state(state: VmPowerState) -> &'static str {
    match state {
        VmPowerState::Halted => "halted",
        VmPowerState::Paused => "paused",
        VmPowerState::Running => "running",
        VmPowerState::Suspended => "suspended",
    }
}

/// A VDI's type for people.
pub fn vdi_type(kind: VdiType) -> &'static str {
    match kind.as_str() {
        "system" => "System",
        "user" => "User",
        "ephemeral" => "Ephemeral",
        "suspend" => "Suspend",
        "crashdump" => "Crashdump",
        "ha_statefile" => "HA statefile",
        "metadata" => "Metadata",
        "redo_log" => "Redo log",
        "pvs_cache" => "PVS cache",
        "cbt_metadata" => "CBT metadata",
        other => other,
    }
}
