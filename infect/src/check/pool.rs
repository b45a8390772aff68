//! The pool around the host: its role, and features of the pool that stand in the way or are lost.

use super::{Condition, Facts, Outcome, condition, when};
use crate::Severity::{Refuse, Warn};
use crate::host::role::Role;
use crate::pool::Row;

const NO_DB: &str = "no database";

pub(super) const CODES: &[Condition] = &[
    condition(
        "POOL_ROLE_BROKEN",
        Refuse,
        "the host lost its pool",
        "bring it back into its pool, or make it one of its own",
        |f| when(f.host.role == Some(Role::Broken), "pool.conf says broken"),
    ),
    condition(
        "POOL_ROLE_UNREACHABLE",
        Refuse,
        "the host is a member whose coordinator does not answer",
        "start the coordinator",
        |f| match (&f.host.role, f.live.coordinator) {
            (Some(Role::Member(address)), Some(answers)) => {
                when(!answers, format!("{address} does not answer"))
            }
            (Some(Role::Member(_)), None) => {
                Outcome::Unknown("a copy of the files can't ask the coordinator")
            }
            _ => when(false, ""),
        },
    ),
    condition(
        "POOL_MIXED",
        Refuse,
        "the pool has hosts that would stay behind",
        "convert all hosts together (--whole-pool)",
        |f| {
            let Some(pool) = f.pool else { return Outcome::Unknown(NO_DB) };
            let hosts = pool.rows("host").len();
            when(hosts > 1 && !f.whole_pool, format!("{hosts} hosts"))
        },
    ),
    condition("HA_ENABLED", Refuse, "high availability is on", "xe pool-ha-disable", |f| {
        let armed = f.host.local.get("ha.armed").is_some_and(|v| v == "true");
        when(armed || flag(f, "ha_enabled"), if armed { "the host is armed" } else { "the pool has it on" })
    }),
    condition("REDO_LOG", Refuse, "the database has a redo log", "xe pool-disable-redo-log", |f| {
        let local = f.host.local.get("redo_log.enabled").is_some_and(|v| v == "true");
        when(local || flag(f, "redo_log_enabled"), "the file may be older than the log")
    }),
    condition(
        "CLUSTERING",
        Refuse,
        "the pool is a cluster of corosync",
        "leave the cluster; move disks off GFS2",
        |f| {
            let rows = f.pool.is_some_and(|pool| !pool.rows("Cluster").is_empty());
            when(rows || f.tree.exists("/etc/corosync/corosync.conf"), "a cluster is set up")
        },
    ),
    condition("XOSTOR", Refuse, "the pool has LINSTOR storage", "move disks to another repository", |f| {
        let rows = f.pool.is_some_and(|pool| pool.rows("SR").iter().any(|sr| sr.get("type") == "linstor"));
        let group = f
            .host
            .disk
            .as_ref()
            .is_some_and(|disk| disk.groups.values().any(|group| group.name == "linstor_group"));
        when(rows || group || f.tree.exists("/etc/linstor"), "LINSTOR is set up")
    }),
    condition("EXTAUTH", Warn, "the host is joined to a directory", "join it again afterwards", |f| {
        let Some(row) = f.row() else { return Outcome::Unknown(NO_DB) };
        when(
            !row.get("external_auth_type").is_empty(),
            format!("{} {}", row.get("external_auth_type"), row.get("external_auth_service_name")),
        )
    }),
    condition("WLB", Warn, "workload balancing is dropped", "xe pool-deconfigure-wlb", |f| {
        pool_text(f, "wlb_url")
    }),
    condition(
        "VSWITCH_CONTROLLER",
        Warn,
        "the controller of switches is dropped",
        "remove it, or accept",
        |f| pool_text(f, "vswitch_controller"),
    ),
    condition("PVS", Warn, "provisioning services are dropped", "remove the PVS sites, or accept", |f| {
        let Some(pool) = f.pool else { return Outcome::Unknown(NO_DB) };
        Outcome::Found(
            pool.rows("PVS_site").iter().map(|row| (row.uuid().to_owned(), row.name().to_owned())).collect(),
        )
    }),
    condition(
        "BACKUP_RECENT",
        Warn,
        "no backup of the pool's metadata was found",
        "see that VMs and metadata are backed up, then accept",
        |f| {
            let Some(pool) = f.pool else { return Outcome::Unknown(NO_DB) };
            let kept =
                pool.rows("VDI").iter().any(|vdi| vdi.map("other_config").contains_key("ctxs-pool-backup"));
            when(!kept, "no disk is marked as such a backup")
        },
    ),
];

fn own<'a>(f: &Facts<'a>) -> Option<&'a Row> {
    f.pool.and_then(|pool| pool.pool())
}

fn flag(f: &Facts<'_>, column: &str) -> bool {
    own(f).is_some_and(|row| row.flag(column))
}

fn pool_text(f: &Facts<'_>, column: &str) -> Outcome {
    match own(f) {
        Some(row) => when(!row.get(column).is_empty(), row.get(column)),
        None => Outcome::Unknown(NO_DB),
    }
}
