//! Which storage the daemon stands on, and what records say to it.

use std::{os::unix::ffi::OsStrExt, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use xapi_backend::Storage;
use xapi_datapath::watch::{settle_directory, watch};
use xapi_schema::{
    ClassId, Map,
    classes::{OnBoot, sr, vdi},
};
use xapi_storage::{
    Native,
    host::System,
    policy::{Policies, SrPolicy},
};
use xapi_store::{Read, Store};

use crate::config::Config;

/// Answers from the records as they are now.
struct Records(Store);

fn policy(other_config: &Map<String, String>) -> SrPolicy {
    SrPolicy::of(other_config.0.iter().map(|(k, v)| (k.as_str(), v.as_str())))
}

impl Policies for Records {
    fn sr(&self, uuid: &str) -> SrPolicy {
        let snapshot = self.0.snapshot();
        // An SR without a record is nobody's to change.
        let unknown = SrPolicy { guarded: true, ..SrPolicy::default() };
        snapshot.by_uuid(ClassId::Sr, uuid).map_or(unknown, |row| policy(&row.record.get(sr::other_config)))
    }

    fn volume(&self, _: &str, location: &str) -> SrPolicy {
        let snapshot = self.0.snapshot();
        let row = snapshot.by_uuid(ClassId::Vdi, location);
        row.map_or(SrPolicy::default(), |row| {
            let told = policy(&row.record.get(vdi::other_config));
            // What such a disk goes back to at a start stays apart from what its guest wrote.
            let resets = row.record.get(vdi::on_boot) == OnBoot::Reset;
            SrPolicy { leaf_coalesce: told.leaf_coalesce && !resets, ..told }
        })
    }
}

/// Where disks that are open are written down: in memory, so that a reboot forgets them with their servers, and found
/// again by the next daemon of the same state directory. Short, because sockets lie below it.
fn open_disks(config: &Config) -> PathBuf {
    if let Some(dir) = &config.run_dir {
        return dir.join("disks");
    }
    let beside = config.state_dir.join("disks");
    let in_use = std::fs::read_dir(&beside).is_ok_and(|mut entries| entries.next().is_some());
    if in_use || !nix::unistd::geteuid().is_root() {
        return beside;
    }
    let state = config.state_dir.canonicalize().unwrap_or_else(|_| config.state_dir.clone());
    let digest = Sha256::digest(state.as_os_str().as_bytes());
    let name: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    // One host may have several daemons, each with a state directory of its own.
    PathBuf::from("/run/xennix").join(name)
}

/// How SRs may be treated, by the records.
pub fn policies(store: &Store) -> Arc<dyn Policies> {
    Arc::new(Records(store.clone()))
}

/// Storage on what this machine really has.
///
/// # Errors
/// The directory of open disks can't be used.
pub fn native(config: &Config, store: &Store) -> Result<Arc<dyn Storage>> {
    let mut disks = xapi_datapath::Settings::new(open_disks(config));
    disks.kind = config.data_path;
    if config.backend == "xl" {
        // No emulator below xl opens a socket; a guest's disk is a block device.
        disks.blocks = true;
        load_drivers();
    }
    let paths = xapi_datapath::DataPaths::start(disks).context("the open disks could not be read")?;
    tracing::info!("disks: {}", paths.describe());
    if paths.kind().is_ok_and(|kind| kind == xapi_datapath::Kind::Tapdisk) {
        tracing::warn!(
            "disks are served by tapdisk: what guests flush is not passed on, no changes are noted, and no running disk \
             is merged"
        );
    }
    let paths = Arc::new(paths);
    // For as long as the daemon runs: a disk server that dies is started again.
    std::mem::forget(watch(&paths, settle_directory()).context("disk servers can't be watched")?);
    let policies = policies(store);
    let settings = xapi_storage::Settings::default();
    Ok(Arc::new(Native::new(Arc::new(System), policies, paths, settings)))
}

/// Drivers for block devices that a process of ours serves. One is enough; without any, opening a disk says so.
fn load_drivers() {
    for module in [&["ublk_drv"][..], &["nbd", "max_part=0"]] {
        let loaded = std::process::Command::new("modprobe").arg("-q").args(module).status();
        if !loaded.is_ok_and(|status| status.success()) {
            tracing::info!(module = module[0], "the kernel has no such module");
        }
    }
}
