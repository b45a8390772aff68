//! `VMPP`: VMPP.

use crate::classes::prelude::*;

class! {
    Vmpp "VMPP" "VMPP" = table(Some(POOL_OP)).published("cowley").deprecated("clearwater").removed("clearwater").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("cowley").deprecated("clearwater").removed("clearwater"), "Uuid";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("cowley").deprecated("clearwater").removed("clearwater").column("name__label"), "Name label";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("cowley").deprecated("clearwater").removed("clearwater").column("name__description"), "Name description";
        is_policy_enabled: bool = rw(POOL_OP).default(Default::Bool(true)).published("cowley").deprecated("clearwater").removed("clearwater"), "Is policy enabled";
        backup_type: VmppBackupType = rw(POOL_OP).default(Default::Str("snapshot")).published("cowley").deprecated("clearwater").removed("clearwater"), "Backup type";
        backup_retention_value: i64 = static_ro(POOL_OP).default(Default::Int(7)).published("cowley").deprecated("clearwater").removed("clearwater"), "Backup retention value";
        backup_frequency: VmppBackupFrequency = static_ro(POOL_OP).default(Default::Str("daily")).published("cowley").deprecated("clearwater").removed("clearwater"), "Backup frequency";
        backup_schedule: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Backup schedule";
        is_backup_running: bool = dynamic_ro(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater"), "Is backup running";
        backup_last_run_time: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).published("cowley").deprecated("clearwater").removed("clearwater"), "Backup last run time";
        archive_target_type: VmppArchiveTargetType = static_ro(POOL_OP).default(Default::Str("none")).published("cowley").deprecated("clearwater").removed("clearwater"), "Archive target type";
        archive_target_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Archive target config";
        archive_frequency: VmppArchiveFrequency = static_ro(POOL_OP).default(Default::Str("never")).published("cowley").deprecated("clearwater").removed("clearwater"), "Archive frequency";
        archive_schedule: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Archive schedule";
        is_archive_running: bool = dynamic_ro(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater"), "Is archive running";
        archive_last_run_time: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).published("cowley").deprecated("clearwater").removed("clearwater"), "Archive last run time";
        VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").relation(ClassId::Vm, "protection_policy", Holds::Many, Holds::One), "Vms";
        is_alarm_enabled: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("cowley").deprecated("clearwater").removed("clearwater"), "Is alarm enabled";
        alarm_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Alarm config";
        recent_alerts: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Recent alerts";
    }

    methods {
        protect_now(vmpp: Ref<Vmpp>) -> String = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Protect now";
        archive_now(snapshot: Ref<Vm>) -> String = op(VM_POWER_ADMIN).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Archive now";
        create_alert(vmpp: Ref<Vmpp>, name: String, priority: i64, body: String, data: String) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync().hidden(), "Create alert";
        get_alerts(vmpp: Ref<Vmpp>, hours_from_now: i64) -> Vec<String> = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Get alerts";
        set_backup_retention_value(self: Ref<Vmpp>, value: i64) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set backup retention value";
        set_is_backup_running(self: Ref<Vmpp>, value: bool) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync().hidden(), "Set is backup running";
        set_is_archive_running(self: Ref<Vmpp>, value: bool) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync().hidden(), "Set is archive running";
        set_backup_frequency(self: Ref<Vmpp>, value: VmppBackupFrequency) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set backup frequency";
        set_backup_schedule(self: Ref<Vmpp>, value: Map<String, String>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set backup schedule";
        set_archive_frequency(self: Ref<Vmpp>, value: VmppArchiveFrequency) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set archive frequency";
        set_archive_schedule(self: Ref<Vmpp>, value: Map<String, String>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set archive schedule";
        set_archive_target_type(self: Ref<Vmpp>, value: VmppArchiveTargetType) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set archive target type";
        set_archive_target_config(self: Ref<Vmpp>, value: Map<String, String>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set archive target config";
        set_is_alarm_enabled(self: Ref<Vmpp>, value: bool) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set is alarm enabled";
        set_alarm_config(self: Ref<Vmpp>, value: Map<String, String>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set alarm config";
        add_to_backup_schedule(self: Ref<Vmpp>, key: String, value: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Add to backup schedule";
        add_to_archive_target_config(self: Ref<Vmpp>, key: String, value: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Add to archive target config";
        add_to_archive_schedule(self: Ref<Vmpp>, key: String, value: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Add to archive schedule";
        add_to_alarm_config(self: Ref<Vmpp>, key: String, value: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Add to alarm config";
        remove_from_backup_schedule(self: Ref<Vmpp>, key: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Remove from backup schedule";
        remove_from_archive_target_config(self: Ref<Vmpp>, key: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Remove from archive target config";
        remove_from_archive_schedule(self: Ref<Vmpp>, key: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Remove from archive schedule";
        remove_from_alarm_config(self: Ref<Vmpp>, key: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Remove from alarm config";
        set_backup_last_run_time(self: Ref<Vmpp>, value: DateTime) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set backup last run time";
        set_archive_last_run_time(self: Ref<Vmpp>, value: DateTime) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Set archive last run time";
    }
}

api_enum! {
    VmppArchiveFrequency "vmpp_archive_frequency" "vmpp_archive_frequency" {
        Never = "never" "never",
        AlwaysAfterBackup = "always_after_backup" "always_after_backup",
        Daily = "daily" "daily",
        Weekly = "weekly" "weekly",
    }
}

api_enum! {
    VmppArchiveTargetType "vmpp_archive_target_type" "vmpp_archive_target_type" {
        None = "none" "none",
        Cifs = "cifs" "cifs",
        Nfs = "nfs" "nfs",
    }
}

api_enum! {
    VmppBackupFrequency "vmpp_backup_frequency" "vmpp_backup_frequency" {
        Hourly = "hourly" "hourly",
        Daily = "daily" "daily",
        Weekly = "weekly" "weekly",
    }
}

api_enum! {
    VmppBackupType "vmpp_backup_type" "vmpp_backup_type" {
        Snapshot = "snapshot" "snapshot",
        Checkpoint = "checkpoint" "checkpoint",
    }
}
