//! One attached SR of images: who may change what while whom. Structural changes exclude each other and every
//! opening; merges run beside them in small steps and give way at once. Synchronous, for blocking threads.

use std::{
    collections::HashSet,
    os::unix::fs::MetadataExt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use xapi_backend::storage::{DataPath, SrConfig};
use xapi_datapath::{DataPaths, Spec};
use xapi_schema::Result;
use xennix_disk::{file::Access, image::Image};

use crate::{
    changes,
    fail::{self, Doing},
    handles::Handles,
    images::{Images, Work},
    naming::Naming,
    policy::SrPolicy,
    sharing::Sharing,
};

/// Use of images: first the work on them ends, then the structure may change.
struct Using<'a> {
    _work: Work<'a>,
    _lock: RwLockReadGuard<'a, ()>,
}

/// An attached SR of images.
pub struct Repository {
    /// What it was attached with.
    pub config: SrConfig,
    /// Its images.
    pub images: Images,
    pub(crate) paths: Arc<DataPaths>,
    pub(crate) handles: Handles,
    /// Held for reading by whoever uses images, for writing by whoever changes which there are.
    structure: RwLock<()>,
    /// Counts structural changes, so that what was decided from a scan is known to be stale.
    generation: AtomicU64,
    merge: Mutex<Option<Arc<AtomicBool>>>,
    merge_ended: Condvar,
    /// When nothing was found to collect, where looking costs something.
    pub(crate) clean: Mutex<Option<(u64, SrPolicy, Vec<String>)>>,
    /// Leaves that are to go back to what they stand on, as this process was told.
    pub(crate) kept: Mutex<HashSet<String>>,
    /// Images into which nothing can be merged.
    pub(crate) sharing: Sharing,
    /// Somebody sees to it that what was read is closed.
    pub(crate) resting: AtomicBool,
    /// One collection at a time.
    pub(crate) collecting: tokio::sync::Mutex<()>,
    /// Is something half-done that could be neither finished nor undone?
    unsettled: AtomicBool,
    /// The file system that was attached.
    file_system: Option<u64>,
    /// Set when it is detached.
    pub(crate) gone: AtomicBool,
}

pub(crate) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Repository {
    /// The repository of images that lie in place.
    pub fn new(config: SrConfig, images: Images, paths: Arc<DataPaths>) -> Repository {
        let file_system = std::fs::metadata(images.dir()).ok().map(|dir| dir.dev());
        Repository {
            config,
            file_system: file_system.filter(|_| images.naming == Naming::Files),
            images,
            paths,
            handles: Handles::default(),
            structure: RwLock::default(),
            generation: AtomicU64::new(0),
            merge: Mutex::default(),
            merge_ended: Condvar::new(),
            clean: Mutex::default(),
            kept: Mutex::default(),
            sharing: Sharing::default(),
            resting: AtomicBool::new(false),
            collecting: tokio::sync::Mutex::default(),
            unsettled: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Asks a running merge to stop and waits for it: as long as one step takes.
    fn interrupt(&self) {
        let mut merge = lock(&self.merge);
        while let Some(stop) = &*merge {
            stop.store(true, Ordering::SeqCst);
            merge = self.merge_ended.wait(merge).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Announces a merge; the answer is set when it has to stop. To be called under the structure's lock.
    pub(crate) fn merge_begins(&self) -> Arc<AtomicBool> {
        let stop = Arc::new(AtomicBool::new(false));
        *lock(&self.merge) = Some(stop.clone());
        stop
    }

    pub(crate) fn merge_ended(&self) {
        *lock(&self.merge) = None;
        self.merge_ended.notify_all();
    }

    /// Changes which images there are, alone.
    ///
    /// # Errors
    /// Those of the work.
    pub fn change<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        loop {
            // A merge takes the lock itself at its end: it must not be waited for under the lock.
            self.interrupt();
            let _alone = self.structure.write().unwrap_or_else(PoisonError::into_inner);
            if lock(&self.merge).is_none() {
                return self.alone(work);
            }
        }
    }

    /// Keeps the structure as it is; with no merge going on where one would be in the way.
    fn using(&self, without_merge: bool) -> Using<'_> {
        loop {
            if without_merge {
                self.interrupt();
            }
            let used = self.structure.read().unwrap_or_else(PoisonError::into_inner);
            if !without_merge || lock(&self.merge).is_none() {
                return Using { _work: Work::new(&*self.images.volumes), _lock: used };
            }
        }
    }

    /// As [`change`](Repository::change), for the collection, which is the merge.
    pub(crate) fn change_by_merge<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let _alone = self.structure.write().unwrap_or_else(PoisonError::into_inner);
        self.alone(work)
    }

    /// What was attached is there still. A directory whose file system was taken away under it looks empty: no disk may be
    /// missed for that, and none be made there.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_40.
    pub fn assert_there(&self) -> Result<()> {
        let now = std::fs::metadata(self.images.dir()).ok().map(|dir| dir.dev());
        match (self.file_system, now) {
            (Some(known), Some(now)) if known != now => {
                Err(Doing::Scan.failure("the file system that was attached is not mounted there any more"))
            }
            _ => Ok(()),
        }
    }

    fn alone<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if !self.gone.load(Ordering::SeqCst) {
            self.assert_there()?;
        }
        let _work = Work::new(&*self.images.volumes);
        self.handles.close_all()?;
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.settle_journals()?;
        self.unsettled.store(false, Ordering::SeqCst);
        let done = work();
        if done.is_err() {
            // What a failed step left is finished or undone now, while nobody looks; else at the next change or attach.
            self.unsettled.store(self.settle_journals().is_err(), Ordering::SeqCst);
        }
        self.agree();
        // Whoever looked meanwhile saw neither what was before nor what is now.
        self.generation.fetch_add(1, Ordering::SeqCst);
        done
    }

    /// Lets the place say what there is now; what fails here is made up for by the next change or scan.
    pub(crate) fn agree(&self) {
        if !self.gone.load(Ordering::SeqCst)
            && let Err(e) = self.images.volumes.agree()
        {
            tracing::warn!(sr = self.config.uuid, error = %e, "what the place says of its volumes is out of step");
        }
        self.images.volumes.settle();
    }

    /// Brings interrupted operations to their end. Disks that are open wait meanwhile.
    fn settle_journals(&self) -> Result<()> {
        if !self.images.waits()? {
            return Ok(());
        }
        let open: Vec<String> = self.open_here().into_iter().filter(|id| self.pausable(id)).collect();
        self.while_all_paused(&open, || self.images.recover().map(drop))
    }

    /// Before a volume is written: one whose growth failed gets its size back now, or is not written. Behind that size
    /// nothing would last.
    fn undo_growth(&self, uuid: &str) -> Result<()> {
        if !self.unsettled.load(Ordering::SeqCst) || !self.images.is_growing(uuid)? {
            return Ok(());
        }
        self.change(|| Ok(()))
    }

    /// Looks at what there is while nobody changes it.
    ///
    /// # Errors
    /// Those of the work.
    pub fn unchanged<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let _used = self.using(false);
        work()
    }

    /// Uses images that nobody changes meanwhile. Where the SR is `guarded` reading changes nothing.
    ///
    /// # Errors
    /// VDI_IN_USE when a guest writes the volume; OPERATION_NOT_ALLOWED where reading would need a change of a guarded
    /// SR; those of the work.
    pub fn with<T>(
        &self,
        uuid: &str,
        access: Access,
        guarded: bool,
        work: impl FnOnce(&mut Image) -> xennix_disk::Result<T>,
    ) -> Result<T> {
        if access == Access::Write {
            self.undo_growth(uuid)?;
        }
        let _used = self.using(access == Access::Write);
        if self.is_open(uuid).is_some_and(|writable| writable || access == Access::Write) {
            return Err(fail::in_use());
        }
        self.handles.with(&self.images, uuid, access, guarded, work)
    }

    /// Makes what was written to a volume durable and lets go of it.
    ///
    /// # Errors
    /// What the device says.
    pub fn flush(&self, uuid: &str) -> Result<()> {
        let _used = self.using(false);
        if self.is_open(uuid) == Some(true) && self.pausable(uuid) {
            return self.paths.flush(uuid).map_err(|e| Doing::Other.failure(&e.to_string()));
        }
        self.handles.close(uuid)
    }

    /// Lets go of what nobody has read for so long; answers whether something is still open that was read.
    pub(crate) fn close_idle(&self, age: Duration) -> bool {
        let _used = self.using(false);
        !self.gone.load(Ordering::SeqCst) && self.handles.close_idle(age)
    }

    /// Is a volume open for a guest, and may it be written?
    pub fn is_open(&self, uuid: &str) -> Option<bool> {
        self.paths.record(uuid).map(|record| record.writable)
    }

    pub(crate) fn pausable(&self, uuid: &str) -> bool {
        self.paths.record(uuid).is_some_and(|record| record.kind.is_some())
    }

    /// The volumes of this SR that are open for guests.
    pub fn open_here(&self) -> Vec<String> {
        let all = self.paths.list().into_iter();
        all.filter(|r| r.spec.image.parent() == Some(self.images.dir())).map(|r| r.spec.id).collect()
    }

    /// Refuses while a guest has the volume.
    ///
    /// # Errors
    /// VDI_IN_USE [].
    pub fn assert_closed(&self, uuid: &str) -> Result<()> {
        if self.is_open(uuid).is_some() { Err(fail::in_use()) } else { Ok(()) }
    }

    /// Does work while the given disks wait, and lets all of them go on.
    pub(crate) fn while_all_paused<T>(&self, ids: &[String], work: impl FnOnce() -> Result<T>) -> Result<T> {
        let told = |e: xapi_datapath::Error| Doing::Other.failure(&e.to_string());
        let mut paused = Vec::new();
        let mut outcome = Ok(());
        for id in ids {
            if let Err(e) = self.paths.pause(id) {
                outcome = Err(told(e));
                // It may wait all the same.
                paused.push(id);
                break;
            }
            paused.push(id);
        }
        let done = match outcome {
            Ok(()) => work(),
            Err(failure) => Err(failure),
        };
        for id in paused {
            if let Err(failure) = self.hold(id) {
                tracing::error!(%failure, disk = id, "what a disk stands on can't be reached");
            }
            let image = self.images.find(id).ok().map(|f| self.images.path(&f.name));
            if let Err(failure) = self.paths.resume(id, image.as_deref()) {
                tracing::error!(%failure, disk = id, "a disk that waited for a change could not go on");
            }
        }
        done
    }

    /// Makes a volume reachable for a guest.
    ///
    /// # Errors
    /// VDI_MISSING, VDI_IN_USE, SR_BACKEND_FAILURE_46 with what the way to it says; for reading as [`Images::settle`].
    pub fn open(&self, uuid: &str, writable: bool, guarded: bool) -> Result<DataPath> {
        if writable {
            self.undo_growth(uuid)?;
        }
        let _used = self.using(writable);
        self.handles.close(uuid)?;
        let found = self.images.healthy(uuid)?;
        if writable && found.hidden {
            return Err(Doing::Attach.failure("it is an inner node"));
        }
        let opened = self.hold(uuid).and_then(|()| {
            match (self.is_open(uuid), writable) {
                (None, true) => self.images.inflate(&found)?,
                // Its server only reads; whoever writes an image puts it right itself.
                (None, false) => self.images.settle(&found, guarded)?,
                (Some(_), _) => {}
            }
            let track = if writable { changes::track(self, uuid, found.format, guarded)? } else { None };
            let spec = Spec {
                track,
                fixed: self.images.naming == Naming::Volumes,
                ..Spec::new(uuid, self.images.path(&found.name))
                    .map_err(|e| Doing::Attach.failure(&e.to_string()))?
            };
            self.paths.open(&spec, writable).map_err(|e| match e {
                xapi_datapath::Error::Refused(text) if text.contains("in another way") => fail::in_use(),
                other => Doing::Attach.failure(&other.to_string()),
            })
        });
        if opened.is_err() {
            self.let_loose(uuid);
        }
        opened
    }

    /// Keeps everything a volume stands on reachable by name, for whoever serves it.
    pub(crate) fn hold(&self, uuid: &str) -> Result<()> {
        let mut next = Some(self.images.find(uuid)?.name);
        let mut names = Vec::new();
        while let Some(name) = next {
            let looked = crate::head::look(&*self.images.volumes, self.images.naming, &name, None);
            next = looked.map_err(|e| Doing::Attach.disk(&e))?.and_then(|f| f.parent);
            names.push(name);
            if names.len() > xennix_disk::vhd::MAX_CHAIN {
                return Err(Doing::Attach.failure("the chain is too long, or its own ancestor"));
            }
        }
        let log = Naming::log(uuid);
        if self.images.volumes.exists(&log).map_err(|e| Doing::Attach.disk(&e))? {
            names.push(log);
        }
        self.images.volumes.hold(uuid, &names).map_err(|e| Doing::Attach.disk(&e))
    }

    /// Ends what [`hold`](Repository::hold) began, unless somebody has the volume open.
    fn let_loose(&self, uuid: &str) {
        if self.is_open(uuid).is_none() {
            self.images.volumes.release(uuid);
        }
        self.images.volumes.settle();
    }

    /// As [`hold`](Repository::hold), for everything that was open before this process began.
    pub(crate) fn hold_open_disks(&self) {
        let _work = Work::new(&*self.images.volumes);
        for id in self.open_here() {
            if let Err(failure) = self.hold(&id) {
                tracing::warn!(%failure, disk = id, "what an open disk stands on can't be reached");
            }
        }
    }

    /// Ends what [`open`](Repository::open) began.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_46 when the server does not end.
    pub fn close(&self, uuid: &str) -> Result<()> {
        let _used = self.using(false);
        let closed = self.paths.close(uuid).map_err(|e| Doing::Attach.failure(&e.to_string()));
        self.let_loose(uuid);
        closed
    }

    /// A snapshot or clone of uuid `child`, of a volume that a guest may be writing.
    ///
    /// # Errors
    /// As [`Images::twin`].
    pub fn twin(&self, uuid: &str, child: &str, doing: Doing) -> Result<()> {
        self.change(|| {
            let writes = self.is_open(uuid) == Some(true);
            if writes && !self.pausable(uuid) {
                return Err(doing.failure("a raw volume in use cannot be frozen"));
            }
            let readers = self.is_open(uuid) == Some(false);
            if readers {
                return Err(fail::in_use());
            }
            let waits: Vec<String> = if writes { vec![uuid.to_owned()] } else { vec![] };
            self.while_all_paused(&waits, || {
                self.images.twin(uuid, child, doing, writes)?;
                if doing == Doing::Snapshot { self.snapshot_changes(uuid, child) } else { Ok(()) }
            })
        })
    }

    /// Keeps what a volume holds now for [`reset`](Repository::reset), or keeps it no longer.
    ///
    /// # Errors
    /// VDI_IN_USE while a guest has it; as [`Images::twin`].
    pub fn keep(&self, uuid: &str, keep: bool) -> Result<()> {
        if !keep {
            self.forget(uuid);
            return Ok(());
        }
        self.change(|| {
            self.assert_closed(uuid)?;
            // From here on no merge takes the leaf down to what it is to go back to, until the record says it.
            lock(&self.kept).insert(uuid.to_owned());
            let kept = self.images.keep(uuid);
            if kept.is_err() {
                self.forget(uuid);
            }
            kept
        })
    }

    /// What a volume held is not [kept](Repository::keep) any more, or the volume is gone.
    pub(crate) fn forget(&self, uuid: &str) {
        lock(&self.kept).remove(uuid);
    }

    /// Gives a volume what it held when that was [kept](Repository::keep).
    ///
    /// # Errors
    /// As [`keep`](Repository::keep).
    pub fn reset(&self, uuid: &str) -> Result<()> {
        self.change(|| {
            self.assert_closed(uuid)?;
            self.images.reset(uuid)
        })
    }

    /// Lets go of everything; nothing may be open for guests.
    ///
    /// # Errors
    /// VDI_IN_USE.
    pub fn let_go(&self, guarded: bool) -> Result<()> {
        if !self.open_here().is_empty() {
            return Err(fail::in_use());
        }
        self.gone.store(true, Ordering::SeqCst);
        let gone = self.end(guarded);
        if gone.is_err() {
            self.stays();
        }
        gone
    }

    /// It was not detached after all.
    pub(crate) fn stays(&self) {
        self.gone.store(false, Ordering::SeqCst);
    }

    fn end(&self, guarded: bool) -> Result<()> {
        if !guarded {
            return self.change(|| Ok(()));
        }
        // What was half-done stays its old owner's.
        self.interrupt();
        let _alone = self.structure.write().unwrap_or_else(PoisonError::into_inner);
        let _work = Work::new(&*self.images.volumes);
        let closed = self.handles.close_all();
        self.images.volumes.settle();
        closed
    }
}
