//! `VMSS`: VMSS.

use crate::classes::prelude::*;

class! {
    Vmss "VMSS" "VMSS" = table(Some(POOL_OP)).published("falcon").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("rio"), "Uuid";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__label"), "Name label";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("rio").column("name__description"), "Name description";
        enabled: bool = rw(POOL_OP).default(Default::Bool(true)).published("rio"), "Enabled";
        r#type: VmssType = static_ro(POOL_OP).published("rio"), "Type";
        retained_snapshots: i64 = static_ro(POOL_OP).default(Default::Int(7)).published("rio"), "Retained snapshots";
        frequency: VmssFrequency = static_ro(POOL_OP).published("rio"), "Frequency";
        schedule: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("rio"), "Schedule";
        last_run_time: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).published("rio"), "Last run time";
        VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("rio").relation(ClassId::Vm, "snapshot_schedule", Holds::Many, Holds::One), "Vms";
    }

    methods {
        snapshot_now(vmss: Ref<Vmss>) -> String = op(POOL_OP).published("falcon").sync(), "Snapshot now";
        set_retained_snapshots(self: Ref<Vmss>, value: i64) = op(POOL_OP).published("falcon").sync(), "Set retained snapshots";
        set_frequency(self: Ref<Vmss>, value: VmssFrequency) = op(POOL_OP).published("falcon").sync(), "Set frequency";
        set_schedule(self: Ref<Vmss>, value: Map<String, String>) = op(POOL_OP).published("falcon").sync(), "Set schedule";
        add_to_schedule(self: Ref<Vmss>, key: String, value: String) = op(POOL_OP).published("falcon").sync(), "Add to schedule";
        remove_from_schedule(self: Ref<Vmss>, key: String) = op(POOL_OP).published("falcon").sync(), "Remove from schedule";
        set_last_run_time(self: Ref<Vmss>, value: DateTime) = op(NOBODY).published("falcon").sync(), "Set last run time";
        set_type(self: Ref<Vmss>, value: VmssType) = op(POOL_OP).published("falcon").sync(), "Set type";
    }
}

api_enum! {
    VmssFrequency "vmss_frequency" "vmss_frequency" {
        Hourly = "hourly" "hourly",
        Daily = "daily" "daily",
        Weekly = "weekly" "weekly",
    }
}

api_enum! {
    VmssType "vmss_type" "vmss_type" {
        Snapshot = "snapshot" "snapshot",
        Checkpoint = "checkpoint" "checkpoint",
        SnapshotWithQuiesce = "snapshot_with_quiesce" "snapshot_with_quiesce",
    }
}
