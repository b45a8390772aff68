//! What is done to a disk that is open: waiting for a change below it, going on, merging, telling how it is. Never
//! opens one and never forgets one.

use super::{DataPaths, DiskStatus, Slot, lock};
use crate::choice::Kind;
use crate::error::{Error, Result};
use crate::record::{Phase, Record, plain_id};
use crate::server::DiskServer;
use std::path::{Path, PathBuf};
use xennix_disk::nbd::control::Command as Control;

impl DataPaths {
    /// Works on the record of an open disk that has a server.
    fn served<T>(&self, id: &str, work: impl FnOnce(&mut Record, &dyn DiskServer) -> Result<T>) -> Result<T> {
        let slot = self.slot(id, false)?;
        let mut slot = lock(&slot);
        let record = slot.as_mut().ok_or_else(|| Error::NotOpen(id.to_owned()))?;
        if record.kind.is_none() {
            return Err(Error::Refused(format!("the disk {id} is handed over as it is: nothing serves it")));
        }
        let server = self.server(record);
        work(record, &*server)
    }

    /// Lets running requests end and closes the image; the guest's further requests wait. The image may then be
    /// changed, renamed or replaced.
    ///
    /// # Errors
    /// [`Error::Refused`] for a disk that has no server or is not running; what closing the image says: it is paused
    /// all the same, and [`resume`](DataPaths::resume) undoes that.
    pub fn pause(&self, id: &str) -> Result<()> {
        self.served(id, |record, server| {
            if record.phase == Phase::Paused && lock(&self.waiting).remove(id) {
                // A predecessor's pause is taken over. It may have been killed before it told the server.
                return make_sure(server);
            }
            if record.phase != Phase::Open {
                return Err(Error::Refused(format!("the disk {id} is not running")));
            }
            // Written down first: from here on a server that dies must not open the image by itself.
            record.phase = Phase::Paused;
            self.save(record)?;
            if !server.is_alive() {
                // Not one that is only being started either.
                server.stop()?;
            }
            let mut done = server.tell(&Control::Pause).map(drop);
            // What a dead server owes must be in the image before anybody changes it.
            for _ in 0..3 {
                if server.is_alive() || !server.owes()? {
                    break;
                }
                record.restarts += 1;
                done = self.serve(record).and_then(|_| server.tell(&Control::Pause).map(drop));
            }
            match done {
                Ok(()) => Ok(()),
                Err(e) if server.is_alive() => {
                    if server.tell(&Control::Status).is_ok_and(|s| !s.paused) {
                        record.phase = Phase::Open;
                        self.save(record)?;
                    }
                    Err(e)
                }
                Err(e) if server.owes()? => {
                    record.phase = Phase::Open;
                    self.save(record)?;
                    Err(e)
                }
                // It holds no image any more, which is what a pause is for.
                Err(_) => Ok(()),
            }
        })
    }

    /// Opens the image again, under the name `image` where that changed, and lets the guest go on. A server that
    /// died meanwhile is started again.
    ///
    /// # Errors
    /// [`Error::Refused`] for a disk that is not paused; what opening the image says: it stays paused.
    pub fn resume(&self, id: &str, image: Option<&Path>) -> Result<()> {
        self.served(id, |record, server| {
            if record.phase != Phase::Paused {
                return Err(Error::Refused(format!("the disk {id} is not paused")));
            }
            if let Some(image) = image {
                record.spec.image = image.to_owned();
                self.save(record)?;
            }
            let now = server.tell(&Control::Status);
            match now {
                Ok(status) if status.paused => {
                    let image = Some(record.spec.image.clone());
                    if let Err(e) = server.tell(&Control::Resume { image })
                        && server.is_alive()
                    {
                        return Err(e);
                    }
                }
                Err(e) if server.is_alive() => return Err(e),
                _ => {}
            }
            if !server.is_alive() || !record.bound {
                record.restarts += 1;
                record.path = Some(self.serve(record)?);
            }
            record.phase = Phase::Open;
            self.save(record)
        })
    }

    /// Lets a paused disk's changes be noted in another log, or in none, from [`resume`](DataPaths::resume) on.
    ///
    /// # Errors
    /// [`Error::Refused`] for a disk that is not paused; what the server says: then nothing is noted anew.
    pub fn track(&self, id: &str, log: Option<&Path>) -> Result<()> {
        self.served(id, |record, server| {
            if record.phase != Phase::Paused {
                return Err(Error::Refused(format!("the disk {id} is not paused")));
            }
            let before = std::mem::replace(&mut record.spec.track, log.map(Path::to_owned));
            self.save(record)?;
            // One that is started again meanwhile gets it from the record.
            let told = server.tell(&Control::Track { log: record.spec.track.clone() });
            if let Err(e) = told
                && server.is_alive()
            {
                record.spec.track = before;
                self.save(record)?;
                return Err(e);
            }
            Ok(())
        })
    }

    /// Gives `work` the image of a running disk while the guest waits; it answers the image's new name where that
    /// changed. The disk goes on whether `work` fails or not.
    ///
    /// # Errors
    /// What pausing, `work` and going on say, the earliest of them.
    pub fn while_paused<T, E: From<Error>>(
        &self,
        id: &str,
        work: impl FnOnce() -> Result<(T, Option<PathBuf>), E>,
    ) -> Result<T, E> {
        self.pause(id)?;
        match work() {
            Ok((value, image)) => {
                self.resume(id, image.as_deref())?;
                Ok(value)
            }
            Err(e) => {
                let _ = self.resume(id, None);
                Err(e)
            }
        }
    }

    /// Makes everything written durable.
    ///
    /// # Errors
    /// What the server says.
    pub fn flush(&self, id: &str) -> Result<()> {
        self.served(id, |_, server| server.tell(&Control::Flush).map(drop))
    }

    /// Does what serves this disk merge a leaf into its parent while the guest goes on?
    pub fn merges(&self, id: &str) -> bool {
        self.record(id).is_some_and(|record| !matches!(record.kind, None | Some(Kind::Tapdisk)))
    }

    /// Does what serves this disk note what changes, where it is told to?
    pub fn notes_changes(&self, id: &str) -> bool {
        self.merges(id)
    }

    /// Begins to merge a served leaf into its parent while the guest goes on; `name` is its name afterwards, where the
    /// parent is raw. [`status`](DataPaths::status) tells how far it is.
    ///
    /// # Errors
    /// [`Error::Refused`] for a disk that is not running; what the server says.
    pub fn coalesce(&self, id: &str, name: Option<&str>) -> Result<()> {
        self.served(id, |record, server| {
            if record.phase != Phase::Open {
                return Err(Error::Refused(format!("the disk {id} is not running")));
            }
            server.tell(&Control::Coalesce { name: name.map(str::to_owned) }).map(drop)
        })
    }

    /// Gives a running merge up; the leaf stays what it is.
    ///
    /// # Errors
    /// What the server says.
    pub fn cancel_coalesce(&self, id: &str) -> Result<()> {
        self.served(id, |_, server| server.tell(&Control::CancelCoalesce).map(drop))
    }

    /// How a disk is; nothing when it is not open.
    ///
    /// # Errors
    /// [`Error::Refused`] for something that is no name.
    pub fn status(&self, id: &str) -> Result<Option<DiskStatus>> {
        plain_id(id)?;
        let Ok(slot) = self.slot(id, false) else { return Ok(None) };
        let mut slot = lock(&slot);
        let Some(record) = &mut *slot else { return Ok(None) };
        if record.kind.is_none() {
            return Ok(Some(DiskStatus { record: record.clone(), alive: true, server: None }));
        }
        let server = self.server(record);
        let told = server.tell(&Control::Status).ok();
        if let Some(status) = &told
            && record.spec.image != status.image
        {
            // A merge gave it another name.
            record.spec.image.clone_from(&status.image);
            self.save(record)?;
        }
        Ok(Some(DiskStatus { record: record.clone(), alive: server.is_alive(), server: told }))
    }

    /// What is written down about a disk; nothing when it is not open. Its server is not asked.
    pub fn record(&self, id: &str) -> Option<Record> {
        let slot = self.slot(id, false).ok()?;
        lock(&slot).clone()
    }

    /// What is written down about every open disk.
    pub fn list(&self) -> Vec<Record> {
        let slots: Vec<Slot> = lock(&self.disks).values().cloned().collect();
        slots.iter().filter_map(|slot| lock(slot).clone()).collect()
    }
}

/// Sees to it that a disk which is written down as paused is so.
pub(super) fn make_sure(server: &dyn DiskServer) -> Result<()> {
    if server.is_alive() && !server.tell(&Control::Status)?.paused {
        server.tell(&Control::Pause)?;
    }
    Ok(())
}
