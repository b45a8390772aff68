//! What a daemon does with the disks its predecessor left open, and with servers that died. Never undoes what a guest
//! was told is done.

use super::life::make_sure;
use super::{DataPaths, lock};
use crate::error::{Error, Result};
use crate::record::{Phase, Record};
use crate::server::Told;
use std::path::PathBuf;
use std::time::Duration;
use xennix_disk::nbd::control::{Command as Control, Merge};

impl DataPaths {
    /// Keeps the server of a disk that a predecessor left away from its images, so that what was half-done among them
    /// can be finished or undone: a running merge is given up, the disk is paused. [`recover`](DataPaths::recover)
    /// lets it go on. Fine for a disk that is not running.
    ///
    /// # Errors
    /// As [`pause`](DataPaths::pause).
    pub fn quiet(&self, id: &str) -> Result<()> {
        let Some(status) = self.status(id)? else { return Ok(()) };
        let server = self.server(&status.record);
        match status.record.phase {
            _ if status.record.kind.is_none() => return Ok(()),
            Phase::Open => {}
            // Whoever wrote so may have been killed before the server heard of it.
            Phase::Paused => return make_sure(&*server),
            Phase::Opening | Phase::Closing => return Ok(()),
        }
        let merging =
            |status: Option<Told>| matches!(status.and_then(|s| s.merge), Some(Merge::Running { .. }));
        if merging(status.server) {
            server.tell(&Control::CancelCoalesce)?;
            let end = std::time::Instant::now() + self.settings.patience;
            while merging(server.tell(&Control::Status).ok()) {
                if std::time::Instant::now() >= end {
                    return Err(Error::Server("a merge does not end".into()));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.pause(id)
    }

    /// Brings every disk a predecessor left to where it belongs: half-opened ones are closed, half-closed ones too,
    /// paused ones go on, dead servers are started again. To be called when the storage below is usable and its
    /// journals are settled, with the disks [`quiet`](DataPaths::quiet) meanwhile. `image` may answer the image's present name; answering an error leaves the disk as it
    /// is. What went wrong is answered by disk.
    pub fn recover(
        &self,
        image: &dyn Fn(&Record) -> Result<Option<PathBuf>, String>,
    ) -> Vec<(String, Error)> {
        let mut failed = Vec::new();
        for id in self.ids() {
            if let Err(e) = self.recover_one(&id, image) {
                failed.push((id, e));
            }
        }
        failed
    }

    fn recover_one(
        &self,
        id: &str,
        image: &dyn Fn(&Record) -> Result<Option<PathBuf>, String>,
    ) -> Result<()> {
        let slot = self.slot(id, false)?;
        let phase = lock(&slot).as_ref().map(|r| r.phase);
        match phase {
            None => Ok(()),
            // Nobody was told of it.
            Some(Phase::Opening | Phase::Closing) => {
                if let Some(record) = &mut *lock(&slot) {
                    record.holders = 1;
                }
                self.close(id)
            }
            Some(phase) => {
                let mut guard = lock(&slot);
                let Some(record) = &mut *guard else { return Ok(()) };
                let server = self.server(record);
                if record.kind.is_none() {
                    return Ok(());
                }
                if phase == Phase::Open && record.bound && server.is_alive() {
                    return server.adopt(record);
                }
                let now = image(record).map_err(Error::Refused)?;
                if phase == Phase::Paused {
                    drop(guard);
                    return self.resume(id, now.as_deref());
                }
                self.restart(record, now)
            }
        }
    }

    /// Starts the server of a running disk again.
    pub(crate) fn restart(&self, record: &mut Record, image: Option<PathBuf>) -> Result<()> {
        let named = self.server(record).image();
        if let Some(image) = image.or(named) {
            record.spec.image = image;
        }
        record.path = Some(self.serve(record)?);
        record.restarts += 1;
        self.save(record)
    }
}
