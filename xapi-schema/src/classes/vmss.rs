//! `VMSS`: A schedule by which snapshots of VMs are taken.

use crate::classes::prelude::*;

class! {
    Vmss "VMSS" "A schedule by which snapshots of VMs are taken" = table(Some(POOL_OP)).published("falcon").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Permanent identifier of the schedule";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name shown to people, not required to be unique";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Free text about the schedule";
        enabled: bool = rw(POOL_OP).default(Default::Bool(true)).published("rio"), "True if the schedule runs";
        r#type: VmssType = static_ro(POOL_OP).published("rio"), "Kind of snapshots to take";
        retained_snapshots: i64 = static_ro(POOL_OP).default(Default::Int(7)).published("rio"), "Scheduled snapshots kept per VM before the oldest goes";
        frequency: VmssFrequency = static_ro(POOL_OP).published("rio"), "How often snapshots are taken";
        schedule: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("rio"), "Keys min, hour and days of the snapshot times";
        last_run_time: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).published("rio"), "When the schedule last ran";
        VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Vm, "snapshot_schedule", Holds::Many, Holds::One), "VMs under the schedule";
    }

    methods {
        snapshot_now(vmss: Ref<Vmss>) -> String = op(POOL_OP).published("falcon").sync(), "Take the snapshots at once; returns the plugin's text";
        set_retained_snapshots(self: Ref<Vmss>, value: i64) = op(POOL_OP).published("falcon").sync(), "Change the number of snapshots kept per VM";
        set_frequency(self: Ref<Vmss>, value: VmssFrequency) = op(POOL_OP).published("falcon").sync(), "Choose how often snapshots are taken";
        set_schedule(self: Ref<Vmss>, value: Map<String, String>) = op(POOL_OP).published("falcon").sync(), "Replace the snapshot times";
        add_to_schedule(self: Ref<Vmss>, key: String, value: String) = op(POOL_OP).published("falcon").sync(), "Add one key of the snapshot times";
        remove_from_schedule(self: Ref<Vmss>, key: String) = op(POOL_OP).published("falcon").sync(), "Put one key of the snapshot times back to its default";
        set_last_run_time(self: Ref<Vmss>, value: DateTime) = op(NOBODY).published("falcon").sync(), "Record when the schedule last ran";
        set_type(self: Ref<Vmss>, value: VmssType) = op(POOL_OP).published("falcon").sync(), "Choose the kind of snapshots";
    }
}

api_enum! {
    VmssFrequency "vmss_frequency" "Rhythms of scheduled snapshots" {
        Hourly = "hourly" "Once an hour",
        Daily = "daily" "Once a day",
        Weekly = "weekly" "On chosen days each week",
    }
}

api_enum! {
    VmssType "vmss_type" "Kinds of scheduled snapshots" {
        Snapshot = "snapshot" "Disks without memory",
        Checkpoint = "checkpoint" "Disks with memory",
        SnapshotWithQuiesce = "snapshot_with_quiesce" "Disks with file systems flushed first; no longer supported",
    }
}
