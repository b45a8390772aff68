//! Which blocks of volumes change: the logs beside the images, in lines from snapshot to snapshot. Everything here may
//! be cut anywhere: a log then says too much or is believed no more, never too little.
//!
//! A log belongs to a uuid. While something writes the volume its log is on disk only as one that was not closed; a
//! volume without an image but with a log is all that is left of a snapshot whose data was given up.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use uuid::Uuid;
use xapi_backend::storage::{Volume, backend_failure};
use xapi_schema::{Failure, Result};
use xennix_disk::{
    cbt::{GRAIN, Head, Log, Tracker, distrust},
    chain::Format,
    file::Access,
};

use crate::{
    fail::{self, Doing},
    head::Found,
    images::Images,
    naming::Naming,
    repository::Repository,
};

/// Ending of the names of logs.
const ENDING: &str = ".cbtlog";

fn wrong(error: &xennix_disk::Error) -> Failure {
    Doing::Other.disk(error)
}

fn unknown(detail: &str) -> Failure {
    backend_failure(460, "Failed to calculate changed blocks for given VDIs", detail)
}

/// What is not a log's to say: snapshots, raw volumes, inner nodes.
fn bad_type(detail: &str) -> Failure {
    backend_failure(66, "Invalid VDI type", detail)
}

/// Why the changes of an image can't be noted.
fn untracked(found: &Found) -> Option<&'static str> {
    match found.format {
        _ if found.hidden => Some("an inner node never changes"),
        Format::Vhd => None,
        Format::Raw => Some("changed block tracking is not there for raw disks, only for VHD"),
        Format::Qcow2 => Some("changed block tracking is not there for qcow2 disks yet, only for VHD"),
    }
}

/// A log under the uuid of its volume; parsed already, so the uuid is one.
fn id(uuid: &str) -> Uuid {
    Uuid::try_parse(uuid).unwrap_or_default()
}

impl Images {
    /// Where the log of a volume stands, if there is one that can be read.
    pub(crate) fn log_head(&self, uuid: &str) -> xennix_disk::Result<Option<Head>> {
        let name = Naming::log(uuid);
        if !self.volumes.exists(&name)? {
            return Ok(None);
        }
        Ok(Head::read(&*self.volumes.open(&name, Access::Read)?).ok())
    }

    /// Where all logs stand, by the uuids of their volumes. Ones that can't be read are left out.
    pub(crate) fn log_heads(&self) -> xennix_disk::Result<BTreeMap<String, Head>> {
        let mut heads = BTreeMap::new();
        for name in self.volumes.list()? {
            let Some(uuid) = name.strip_suffix(ENDING).filter(|uuid| crate::naming::is_uuid(uuid)) else {
                continue;
            };
            if let Some(head) = self.log_head(uuid)? {
                heads.insert(uuid.to_owned(), head);
            }
        }
        Ok(heads)
    }

    fn read_log(&self, uuid: &str) -> xennix_disk::Result<Option<Log>> {
        let name = Naming::log(uuid);
        if !self.volumes.exists(&name)? {
            return Ok(None);
        }
        Log::read(&*self.volumes.open(&name, Access::Read)?).map(Some)
    }

    fn write_log(&self, uuid: &str, log: &Log) -> xennix_disk::Result<()> {
        let name = Naming::log(uuid);
        let bytes = log.serialise().len() as u64;
        let file = if self.volumes.exists(&name)? {
            self.volumes.ensure_size(&name, bytes)?;
            self.volumes.open(&name, Access::Write)?
        } else {
            self.volumes.create(&name, bytes)?
        };
        log.write(&*file)?;
        self.volumes.sync()
    }

    fn remove_log(&self, uuid: &str) -> xennix_disk::Result<()> {
        let name = Naming::log(uuid);
        if self.volumes.exists(&name)? {
            self.volumes.remove(&name)?;
            self.volumes.sync()?;
        }
        Ok(())
    }

    /// Follows the writes of this process to a volume. A log that was not closed cleanly goes, and with it the
    /// tracking.
    pub(crate) fn tracker(&self, uuid: &str, size: u64) -> xennix_disk::Result<Option<Tracker>> {
        match self.log_head(uuid)? {
            None => Ok(None),
            Some(head) if head.consistent => {
                let grown = Head { size: size.max(head.size), ..head };
                self.volumes.ensure_size(&Naming::log(uuid), grown.file_bytes())?;
                let file = self.volumes.open(&Naming::log(uuid), Access::Write)?;
                Tracker::open(file, size).map(Some)
            }
            Some(_) => {
                tracing::warn!(volume = uuid, "its log of changes was not closed cleanly: tracking ends");
                self.forget_changes(uuid).map(|()| None)
            }
        }
    }

    /// Ends the tracking of a volume: its log goes, and the one before it is told that nothing follows. What a log in
    /// the middle noted goes to the one after it first.
    fn forget_changes(&self, uuid: &str) -> xennix_disk::Result<()> {
        let Some(head) = self.log_head(uuid)? else { return self.remove_log(uuid) };
        let neighbour =
            |other: Uuid| if other.is_nil() { Ok(None) } else { self.read_log(&other.to_string()) };
        if let (Some(mut after), Some(own)) = (neighbour(head.child)?, self.read_log(uuid)?)
            && after.parent == id(uuid)
        {
            after.merge(&own);
            after.parent = head.parent;
            self.write_log(&head.child.to_string(), &after)?;
        }
        if let Some(mut before) = neighbour(head.parent)?
            && before.child == id(uuid)
        {
            before.child = head.child;
            self.write_log(&head.parent.to_string(), &before)?;
        }
        self.remove_log(uuid)
    }

    /// A snapshot takes what was noted of its origin with it, and the origin begins anew. Cut in between, the origin
    /// keeps more than it needs, or is tracked no more.
    fn hand_over(&self, uuid: &str, snapshot: &str) -> xennix_disk::Result<()> {
        let Some(own) = self.read_log(uuid)? else { return Ok(()) };
        if !own.consistent {
            return self.forget_changes(uuid);
        }
        let mut frozen = own.clone();
        frozen.child = id(uuid);
        self.write_log(snapshot, &frozen)?;
        if !own.parent.is_nil()
            && let Some(mut before) = self.read_log(&own.parent.to_string())?
            && before.child == id(uuid)
        {
            before.child = id(snapshot);
            self.write_log(&own.parent.to_string(), &before)?;
        }
        let mut fresh = Log::new(own.size());
        fresh.parent = id(snapshot);
        self.write_log(uuid, &fresh)
    }

    /// Every byte of a volume changes.
    pub(crate) fn all_changes(&self, uuid: &str, size: u64) -> Result<()> {
        let noted = (|| {
            let Some(mut log) = self.read_log(uuid)? else { return Ok(()) };
            log.grow(size);
            log.mark(0, u64::MAX);
            self.write_log(uuid, &log)
        })();
        noted.map_err(|e| wrong(&e))
    }

    /// A volume grows: what is new counts as changed.
    pub(crate) fn growing_changes(&self, uuid: &str, size: u64) -> Result<()> {
        let noted = (|| {
            let Some(mut log) = self.read_log(uuid)?.filter(|log| log.size() < size) else { return Ok(()) };
            log.grow(size);
            self.write_log(uuid, &log)
        })();
        noted.map_err(|e| wrong(&e))
    }

    /// Makes the log of a volume one that nobody believes: it is about to be written by somebody who does not note.
    pub(crate) fn distrust_log(&self, uuid: &str) -> Result<()> {
        let done = (|| match self.log_head(uuid)? {
            Some(head) if head.consistent => {
                distrust(&*self.volumes.open(&Naming::log(uuid), Access::Write)?)
            }
            _ => Ok(()),
        })();
        done.map_err(|e| wrong(&e))
    }
}

/// What is left of a snapshot whose data was given up.
fn remains(uuid: &str, head: &Head) -> Volume {
    Volume {
        uuid: uuid.into(),
        location: uuid.into(),
        name: String::new(),
        description: String::new(),
        virtual_size: i64::try_from(head.size).unwrap_or(i64::MAX),
        physical_utilisation: 0,
        kind: "cbt_metadata".into(),
        read_only: true,
        hidden: false,
        snapshot_of: None,
        sm_config: vec![],
        cbt_enabled: true,
    }
}

impl Repository {
    /// Is what a log says, or will say once it is closed, to be believed?
    pub(crate) fn is_tracked(&self, uuid: &str, head: Option<&Head>) -> bool {
        let Some(head) = head else { return false };
        if head.consistent {
            return true;
        }
        let noted_by_server = || {
            let status = self.paths.status(uuid).ok().flatten();
            status.is_some_and(|s| {
                let follows = s.record.writable && s.record.spec.track.is_some();
                follows && s.server.is_some_and(|server| server.untracked.is_none())
            })
        };
        self.handles.notes(uuid) || noted_by_server()
    }

    /// Logs whose volumes have no image any more.
    pub(crate) fn remains(&self, images: &BTreeSet<&str>) -> Result<Vec<Volume>> {
        let heads = self.images.log_heads().map_err(|e| Doing::Scan.disk(&e));
        self.images.volumes.settle();
        let left =
            heads?.into_iter().filter(|(uuid, head)| !images.contains(uuid.as_str()) && head.consistent);
        Ok(left.map(|(uuid, head)| remains(&uuid, &head)).collect())
    }

    /// What is left of one volume without an image.
    ///
    /// # Errors
    /// VDI_MISSING [sr, vdi].
    pub(crate) fn remains_of(&self, uuid: &str) -> Result<Volume> {
        let missing = || fail::missing(&self.images.sr, uuid);
        if !crate::naming::is_uuid(uuid) {
            return Err(missing());
        }
        let head = self.images.log_head(uuid);
        self.images.volumes.settle();
        head.map_err(|e| wrong(&e))?.map(|head| remains(uuid, &head)).ok_or_else(missing)
    }

    /// Does work on logs while the given volumes are not written: running disks among them wait.
    fn while_still<T>(&self, uuids: &[String], work: impl FnOnce() -> Result<T>) -> Result<T> {
        let waits: Vec<String> =
            uuids.iter().filter(|id| self.is_open(id) == Some(true) && self.pausable(id)).cloned().collect();
        let done = self.while_all_paused(&waits, work);
        self.images.volumes.settle();
        done
    }

    /// From now on notes which blocks of a volume change, beginning anew where there is an old log: what was noted
    /// before the records said that it counts may lack something.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_66 for volumes whose changes can't be noted.
    pub fn enable_tracking(&self, uuid: &str) -> Result<()> {
        self.change(|| {
            let found = self.images.healthy(uuid)?;
            if let Some(why) = untracked(&found) {
                return Err(bad_type(&format!("{uuid}: {why}")));
            }
            // Before there is a log, which would say that nothing has changed.
            if self.is_open(uuid) == Some(true) && self.pausable(uuid) && !self.paths.notes_changes(uuid) {
                return Err(Doing::Other.failure("tapdisk serves it, which notes no changes"));
            }
            let path = self.images.path(&Naming::log(uuid));
            self.while_still(&[uuid.to_owned()], || {
                let begun = self.images.forget_changes(uuid);
                begun
                    .and_then(|()| self.images.write_log(uuid, &Log::new(found.size)))
                    .map_err(|e| wrong(&e))?;
                self.follow_in(uuid, Some(path))
            })
        })
    }

    /// Forgets what was noted of a volume and notes no more.
    ///
    /// # Errors
    /// What the system says.
    pub fn disable_tracking(&self, uuid: &str) -> Result<()> {
        self.change(|| {
            self.images.find(uuid).map(drop).or_else(|e| self.remains_of(uuid).map(drop).map_err(|_| e))?;
            self.unlink(uuid)
        })
    }

    /// Lets the server of a waiting disk note changes in another log from now on.
    fn follow_in(&self, uuid: &str, log: Option<PathBuf>) -> Result<()> {
        if self.is_open(uuid) != Some(true) {
            return Ok(());
        }
        if !self.pausable(uuid) {
            return Err(fail::in_use());
        }
        self.paths.track(uuid, log.as_deref()).map_err(|e| Doing::Other.failure(&e.to_string()))
    }

    /// Takes the log of a volume out of its line. To be called alone.
    pub(crate) fn unlink(&self, uuid: &str) -> Result<()> {
        let Some(head) = self.images.log_head(uuid).map_err(|e| wrong(&e))? else {
            return self.images.remove_log(uuid).map_err(|e| wrong(&e));
        };
        let mut still = vec![uuid.to_owned()];
        still.extend([head.child, head.parent].iter().filter(|u| !u.is_nil()).map(Uuid::to_string));
        self.while_still(&still, || {
            self.follow_in(uuid, None)?;
            self.images.forget_changes(uuid).map_err(|e| wrong(&e))
        })
    }

    /// After a snapshot, while its origin waits.
    pub(crate) fn snapshot_changes(&self, uuid: &str, snapshot: &str) -> Result<()> {
        self.images.hand_over(uuid, snapshot).map_err(|e| wrong(&e))
    }

    /// Gives up the bytes of a snapshot; its log stays.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_66 for a volume that is not tracked, or that nothing follows.
    pub fn destroy_data(&self, uuid: &str) -> Result<()> {
        self.change(|| {
            let found = match self.images.find(uuid) {
                Ok(found) => found,
                // It was given up before.
                Err(missing) => return self.remains_of(uuid).map(drop).map_err(|_| missing),
            };
            self.assert_closed(uuid)?;
            let head = self.images.log_head(uuid).map_err(|e| wrong(&e))?;
            // The log of a disk in use has nothing after it: its data is never given up.
            if found.hidden || !head.is_some_and(|head| head.consistent && !head.child.is_nil()) {
                return Err(bad_type(uuid));
            }
            self.images.destroy(uuid)
        })
    }

    /// Stretches that may differ between two volumes of one line.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_460 when the second does not follow from the first or was not tracked all the way, 459 when
    /// it is smaller.
    pub fn changed_blocks(&self, from: &str, to: &str) -> Result<Vec<(u64, u64)>> {
        self.flush(to)?;
        self.unchanged(|| {
            let line = self.line(from, to);
            self.images.volumes.settle();
            let (logs, size) = line?;
            let all = xennix_disk::cbt::changes(&logs).map_err(|e| unknown(&e.to_string()))?;
            Ok(stretches(&all, size))
        })
    }

    fn size_of(&self, uuid: &str) -> Result<u64> {
        match self.images.find(uuid) {
            Ok(found) => Ok(found.size),
            Err(missing) => {
                let remains = self.remains_of(uuid).map_err(|_| missing)?;
                Ok(u64::try_from(remains.virtual_size).unwrap_or(0))
            }
        }
    }

    /// The logs after `from` up to `to`, and the size of `to`.
    fn line(&self, from: &str, to: &str) -> Result<(Vec<Log>, u64)> {
        let (first, last) = (self.size_of(from)?, self.size_of(to)?);
        let read = |uuid: &str| self.images.read_log(uuid).map_err(|e| unknown(&e.to_string()));
        let mut at = read(from)?.ok_or_else(|| unknown("the first is not tracked"))?;
        read(to)?.ok_or_else(|| unknown("the second is not tracked"))?;
        if first > last {
            return Err(backend_failure(459, "Changed block tracking metadata is inconsistent", "sizes"));
        }
        let (mut name, mut line, mut seen) = (from.to_owned(), Vec::new(), BTreeSet::new());
        while name != to || line.is_empty() {
            let next = at.child.to_string();
            if at.child.is_nil() || !seen.insert(next.clone()) {
                return Err(unknown("Source and target VDI are unrelated"));
            }
            at = read(&next)?.ok_or_else(|| unknown("a log of the line is missing"))?;
            if at.parent != id(&name) {
                return Err(unknown("the line is broken"));
            }
            line.push(at.clone());
            name = next;
        }
        Ok((line, last))
    }
}

/// Marked pieces of a disk of `size` bytes, neighbours together.
fn stretches(log: &Log, size: u64) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    for piece in (0..size.div_ceil(GRAIN)).map(|n| n * GRAIN).filter(|at| log.is_changed(*at)) {
        match found.last_mut() {
            Some((start, length)) if *start + *length == piece => *length += GRAIN,
            _ => found.push((piece, GRAIN)),
        }
    }
    found
}

/// How a volume that a guest writes is followed: in its log, or not at all. A guarded SR's log is only made one that
/// nobody believes, the original stack included.
pub(crate) fn track(
    repository: &Repository,
    uuid: &str,
    format: Format,
    guarded: bool,
) -> Result<Option<PathBuf>> {
    let images = &repository.images;
    let log = images.path(&Naming::log(uuid));
    if repository.is_open(uuid).is_some() {
        return Ok(images.log_head(uuid).map_err(|e| Doing::Attach.disk(&e))?.map(|_| log));
    }
    if guarded || format == Format::Qcow2 {
        images.distrust_log(uuid)?;
        return Ok(None);
    }
    match images.log_head(uuid).map_err(|e| Doing::Attach.disk(&e))? {
        None => Ok(None),
        Some(head) if head.consistent => Ok(Some(log)),
        Some(_) => {
            tracing::warn!(volume = uuid, "its log of changes was not closed cleanly: tracking ends");
            images.forget_changes(uuid).map_err(|e| Doing::Attach.disk(&e))?;
            Ok(None)
        }
    }
}
