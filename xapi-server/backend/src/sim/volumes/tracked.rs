//! What changed of volumes: a record beside each that is tracked, one following the other from snapshot to snapshot.

use std::{
    path::Path,
    sync::{MutexGuard, PoisonError},
};

use xapi_schema::{Result, errors};

use super::{
    super::changes::{Link, Log},
    Volumes, blocking, trouble,
};
use crate::storage::{Volume, backend_failure};

/// Ending of the files that say which blocks changed.
pub(super) const LOG: &str = ".cbtlog";

impl Volumes {
    /// The record of changes of a volume.
    pub(super) fn log(&self, sr: &str, location: &str) -> Log {
        Log::at(self.dir.join(sr).join(format!("{location}{LOG}")))
    }

    /// Notes that bytes of a volume are about to change; nothing for one that is not tracked.
    pub(super) fn note(&self, sr: &str, location: &str, offset: u64, length: u64) -> Result<()> {
        if !self.volume(sr, location)?.cbt_enabled {
            return Ok(());
        }
        let log = self.log(sr, location);
        let _noting = self.noting();
        log.mark(offset, length).map_err(|e| trouble(log.path(), &e))
    }

    pub(super) fn noting(&self) -> MutexGuard<'_, ()> {
        self.noting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A snapshot takes what was noted of its origin with it. Killed in between, the origin keeps more than it needs.
    pub(super) fn keep_tracked(&self, sr: &str, origin: &str, snapshot: Volume) -> Result<Volume> {
        let _noting = self.noting();
        let (from, to) = (self.log(sr, origin), self.log(sr, &snapshot.location));
        from.copy_to(&to).map_err(|e| trouble(to.path(), &e))?;
        let kept = self.table.change(|table| {
            let home = table.get_mut(sr).ok_or_else(|| errors::SR_NOT_ATTACHED.with([sr]))?;
            let before = home.logs.get(origin).and_then(|link| link.parent.clone());
            if let Some(link) = before.as_ref().and_then(|before| home.logs.get_mut(before)) {
                link.child = Some(snapshot.location.clone());
            }
            let link = Link { parent: before, child: Some(origin.to_string()) };
            home.logs.insert(snapshot.location.clone(), link);
            home.logs
                .insert(origin.to_string(), Link { parent: Some(snapshot.location.clone()), child: None });
            home.volumes.insert(snapshot.location.clone(), snapshot.clone());
            Ok(snapshot)
        })?;
        from.clear().map_err(|e| trouble(from.path(), &e))?;
        Ok(kept)
    }

    /// Takes a record of changes out of its line; what it noted goes to the one after it.
    pub(super) fn unlink_log(&self, sr: &str, location: &str) -> Result<()> {
        let _noting = self.noting();
        let known = self.attached(sr)?;
        let Some(link) = known.logs.get(location) else { return Ok(()) };
        let own = self.log(sr, location);
        if let Some(child) = &link.child {
            let after = self.log(sr, child);
            own.merge_into(&after).map_err(|e| trouble(after.path(), &e))?;
        }
        self.table.change(|table| {
            let home = table.get_mut(sr).ok_or_else(|| errors::SR_NOT_ATTACHED.with([sr]))?;
            let Some(link) = home.logs.remove(location) else { return Ok(()) };
            if let Some(other) = link.child.as_ref().and_then(|child| home.logs.get_mut(child)) {
                other.parent = link.parent.clone();
            }
            if let Some(other) = link.parent.as_ref().and_then(|parent| home.logs.get_mut(parent)) {
                other.child = link.child.clone();
            }
            Ok(())
        })?;
        own.remove().map_err(|e| trouble(own.path(), &e))
    }

    /// Begins to note what changes of a volume.
    pub(super) fn begin_log(&self, sr: &str, location: &str) -> Result<()> {
        let volume = self.volume(sr, location)?;
        if volume.cbt_enabled {
            return Ok(());
        }
        if volume.snapshot_of.is_some() {
            return Err(backend_failure(66, "Invalid VDI type", location));
        }
        let log = self.log(sr, location);
        log.create().map_err(|e| trouble(log.path(), &e))?;
        self.table.change(|table| {
            let home = table.get_mut(sr).ok_or_else(|| errors::SR_NOT_ATTACHED.with([sr]))?;
            home.logs.insert(location.to_string(), Link::default());
            home.volumes.insert(location.to_string(), Volume { cbt_enabled: true, ..volume });
            Ok(())
        })
    }

    /// Where two volumes of a line differ: offsets and lengths.
    pub(super) async fn changed(&self, sr: &str, from: &str, to: &str) -> Result<Vec<(u64, u64)>> {
        let unknown = || backend_failure(460, "Failed to calculate changed blocks for given VDIs", "");
        let known = self.attached(sr)?;
        let (first, last) = (self.volume(sr, from)?, self.volume(sr, to)?);
        if from == to || !first.cbt_enabled || !last.cbt_enabled {
            return Err(unknown());
        }
        if first.virtual_size > last.virtual_size {
            return Err(backend_failure(459, "Changed block tracking metadata is inconsistent", ""));
        }
        let mut line = Vec::new();
        let mut at = from.to_string();
        while at != to {
            at = known.logs.get(&at).and_then(|link| link.child.clone()).ok_or_else(unknown)?;
            line.push(self.log(sr, &at));
        }
        let size = last.virtual_size as u64;
        blocking(move || Log::union(&line, size).map_err(|e| trouble(Path::new("changes"), &e))).await
    }
}
