//! `VMPP`: former schedule for snapshots and archives of VMs.

use crate::classes::prelude::*;

class! {
    Vmpp "VMPP" "Former schedule for snapshots and archives of VMs" = table(Some(POOL_OP)).published("cowley").deprecated("clearwater").removed("clearwater").creatable();

    fields {
        uuid: String = dynamic_ro(POOL_ADMIN).published("cowley").deprecated("clearwater").removed("clearwater"), "Permanent identifier of the policy";
        name_label: String = rw(POOL_OP).default(Default::Str("")).published("cowley").deprecated("clearwater").removed("clearwater").column("name__label"), "Name shown to people";
        name_description: String = rw(POOL_OP).default(Default::Str("")).published("cowley").deprecated("clearwater").removed("clearwater").column("name__description"), "Free text about the policy";
        is_policy_enabled: bool = rw(POOL_OP).default(Default::Bool(true)).published("cowley").deprecated("clearwater").removed("clearwater"), "True if the schedule runs";
        backup_type: VmppBackupType = rw(POOL_OP).default(Default::Str("snapshot")).published("cowley").deprecated("clearwater").removed("clearwater"), "Whether memory goes into the backups";
        backup_retention_value: i64 = static_ro(POOL_OP).default(Default::Int(7)).published("cowley").deprecated("clearwater").removed("clearwater"), "Number of backups to keep per VM";
        backup_frequency: VmppBackupFrequency = static_ro(POOL_OP).default(Default::Str("daily")).published("cowley").deprecated("clearwater").removed("clearwater"), "How often a backup is taken";
        backup_schedule: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Minute, hour and days of backups";
        is_backup_running: bool = dynamic_ro(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater"), "True while a backup is taken";
        backup_last_run_time: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).published("cowley").deprecated("clearwater").removed("clearwater"), "When the last backup was taken";
        archive_target_type: VmppArchiveTargetType = static_ro(POOL_OP).default(Default::Str("none")).published("cowley").deprecated("clearwater").removed("clearwater"), "Kind of file share for archives";
        archive_target_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Location and login of the file share";
        archive_frequency: VmppArchiveFrequency = static_ro(POOL_OP).default(Default::Str("never")).published("cowley").deprecated("clearwater").removed("clearwater"), "How often backups are archived";
        archive_schedule: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Minute, hour and days of archiving";
        is_archive_running: bool = dynamic_ro(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater"), "True while archiving goes on";
        archive_last_run_time: DateTime = dynamic_ro(POOL_OP).default(Default::Time("19700101T00:00:00Z")).published("cowley").deprecated("clearwater").removed("clearwater"), "When archiving last took place";
        VMs: Vec<Ref<Vm>> = dynamic_ro(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").relation(ClassId::Vm, "protection_policy", Holds::Many, Holds::One), "VMs under the policy";
        is_alarm_enabled: bool = static_ro(POOL_OP).default(Default::Bool(false)).published("cowley").deprecated("clearwater").removed("clearwater"), "True if alerts go out by mail";
        alarm_config: Map<String, String> = static_ro(POOL_OP).default(Default::Map(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Mail address and server for alerts";
        recent_alerts: Vec<String> = dynamic_ro(POOL_OP).default(Default::Set(&[])).published("cowley").deprecated("clearwater").removed("clearwater"), "Alerts of late, as text";
    }

    methods {
        protect_now(vmpp: Ref<Vmpp>) -> String = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former immediate backup of all its VMs";
        archive_now(snapshot: Ref<Vm>) -> String = op(VM_POWER_ADMIN).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former immediate archiving of a snapshot";
        create_alert(vmpp: Ref<Vmpp>, name: String, priority: i64, body: String, data: String) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync().hidden(), "Former way to log an alert";
        get_alerts(vmpp: Ref<Vmpp>, hours_from_now: i64) -> Vec<String> = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former list of alerts since so many hours";
        set_backup_retention_value(self: Ref<Vmpp>, value: i64) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former change of the number of backups";
        set_is_backup_running(self: Ref<Vmpp>, value: bool) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync().hidden(), "Former marking of a running backup";
        set_is_archive_running(self: Ref<Vmpp>, value: bool) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync().hidden(), "Former marking of running archiving";
        set_backup_frequency(self: Ref<Vmpp>, value: VmppBackupFrequency) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former change of the backup rhythm";
        set_backup_schedule(self: Ref<Vmpp>, value: Map<String, String>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former replacement of the backup times";
        set_archive_frequency(self: Ref<Vmpp>, value: VmppArchiveFrequency) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former change of the archive rhythm";
        set_archive_schedule(self: Ref<Vmpp>, value: Map<String, String>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former replacement of the archive times";
        set_archive_target_type(self: Ref<Vmpp>, value: VmppArchiveTargetType) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former choice of file share type";
        set_archive_target_config(self: Ref<Vmpp>, value: Map<String, String>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former replacement of the share's settings";
        set_is_alarm_enabled(self: Ref<Vmpp>, value: bool) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former switch for alert mails";
        set_alarm_config(self: Ref<Vmpp>, value: Map<String, String>) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former replacement of the mail settings";
        add_to_backup_schedule(self: Ref<Vmpp>, key: String, value: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former addition to the backup times";
        add_to_archive_target_config(self: Ref<Vmpp>, key: String, value: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former addition to the share's settings";
        add_to_archive_schedule(self: Ref<Vmpp>, key: String, value: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former addition to the archive times";
        add_to_alarm_config(self: Ref<Vmpp>, key: String, value: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former addition to the mail settings";
        remove_from_backup_schedule(self: Ref<Vmpp>, key: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former removal from the backup times";
        remove_from_archive_target_config(self: Ref<Vmpp>, key: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former removal from the share's settings";
        remove_from_archive_schedule(self: Ref<Vmpp>, key: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former removal from the archive times";
        remove_from_alarm_config(self: Ref<Vmpp>, key: String) = op(POOL_OP).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former removal from the mail settings";
        set_backup_last_run_time(self: Ref<Vmpp>, value: DateTime) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former record of the last backup";
        set_archive_last_run_time(self: Ref<Vmpp>, value: DateTime) = op(NOBODY).published("cowley").deprecated("clearwater").removed("clearwater").sync(), "Former record of the last archiving";
    }
}

api_enum! {
    VmppArchiveFrequency "vmpp_archive_frequency" "Former rhythms of archiving" {
        Never = "never" "No archiving at all",
        AlwaysAfterBackup = "always_after_backup" "As soon as a backup exists",
        Daily = "daily" "Once a day",
        Weekly = "weekly" "On chosen days each week",
    }
}

api_enum! {
    VmppArchiveTargetType "vmpp_archive_target_type" "Former kinds of archive share" {
        None = "none" "No file share",
        Cifs = "cifs" "A CIFS share",
        Nfs = "nfs" "An NFS export",
    }
}

api_enum! {
    VmppBackupFrequency "vmpp_backup_frequency" "Former rhythms of backups" {
        Hourly = "hourly" "Once an hour",
        Daily = "daily" "Once a day",
        Weekly = "weekly" "On chosen days each week",
    }
}

api_enum! {
    VmppBackupType "vmpp_backup_type" "Former kinds of backup" {
        Snapshot = "snapshot" "Disks without memory",
        Checkpoint = "checkpoint" "Disks with memory",
    }
}
