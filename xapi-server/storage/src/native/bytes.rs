//! Bytes of volumes: read, written and copied by this process, for transfers and backups. What guests read and write
//! does not come by here.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use xapi_backend::storage::{Progress, Storage};
use xapi_schema::{Result, errors};
use xennix_disk::{
    file::Access,
    image::Image,
    source::{Source, State, extents},
};

use super::{Attached, Native, blocking};
use crate::{
    fail::{self, Doing},
    handles, listing,
    repository::Repository,
};

/// How long an image that was read stays open for the next piece. While it is open its volume stays reachable here, and a
/// host that shares the SR could not do with it as it likes.
const IDLE: Duration = Duration::from_secs(10);

/// Sees to it that what was read is closed when nobody reads on.
fn rest(repository: &Arc<Repository>) {
    if repository.resting.swap(true, Ordering::SeqCst) {
        return;
    }
    let repository = Arc::downgrade(repository);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(IDLE).await;
            // Who detaches it has closed everything.
            let Some(repository) = repository.upgrade() else { return };
            let left = move || {
                if repository.close_idle(IDLE) {
                    return true;
                }
                repository.resting.store(false, Ordering::SeqCst);
                // Somebody may have read in between, and found that it was seen to.
                repository.close_idle(IDLE) && !repository.resting.swap(true, Ordering::SeqCst)
            };
            if !tokio::task::spawn_blocking(left).await.unwrap_or(false) {
                return;
            }
        }
    });
}

/// Reads an image of an SR.
async fn read<T: Send + 'static>(
    repository: Arc<Repository>,
    uuid: &str,
    guarded: bool,
    work: impl FnOnce(&mut Image) -> xennix_disk::Result<T> + Send + 'static,
) -> Result<T> {
    let (reading, uuid) = (repository.clone(), uuid.to_owned());
    let done = blocking(move || reading.with(&uuid, Access::Read, guarded, work)).await;
    rest(&repository);
    done
}

impl Native {
    /// Gives one volume the bytes of another, which is no larger; all else of it reads as zeros.
    pub(super) async fn copy_bytes(
        &self,
        from: (&str, &str),
        to: (&str, &str),
        progress: Progress,
    ) -> Result<()> {
        const PIECE: u64 = 1 << 20;
        let target = self.changeable(to.0)?;
        let size = self.stat_volume(from.0, from.1).await?.virtual_size as u64;
        let room = self.stat_volume(to.0, to.1).await?.virtual_size as u64;
        if room < size {
            return Err(errors::VDI_TOO_SMALL.with([to.1.to_string(), size.to_string()]));
        }
        let uuid = to.1.to_owned();
        // What the target holds and the source does not must read as zeros.
        let held = self.extents(to.0, to.1).await?;
        for (start, len) in held {
            let (target, uuid) = (target.clone(), uuid.clone());
            blocking(move || {
                target.with(&uuid, Access::Write, false, |image| image.write_zeroes(start, len))
            })
            .await?;
        }
        for (start, len) in self.extents(from.0, from.1).await? {
            let (mut at, end) = (start, start + len);
            while at < end {
                let n = (end - at).min(PIECE);
                let bytes = self.read(from.0, from.1, at, n as usize).await?;
                let (target, uuid) = (target.clone(), uuid.clone());
                blocking(move || {
                    target.with(&uuid, Access::Write, false, |image| image.write_at(at, &bytes))
                })
                .await?;
                at += n;
                if !progress(at as f64 / size.max(1) as f64) {
                    return Err(errors::TASK_CANCELLED.with(["OpaqueRef:NULL"]));
                }
            }
        }
        self.flush(to.0, to.1).await
    }

    /// Some bytes of a volume.
    pub(super) async fn read_bytes(
        &self,
        sr: &str,
        location: &str,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>> {
        match self.attached(sr)? {
            Attached::Images(repository) => {
                let guarded = self.policies.sr(sr).guarded;
                read(repository, location, guarded, move |image| handles::read(image, offset, length)).await
            }
            Attached::Listing(_, listing) => {
                let (_, path) = listing.find(location)?;
                blocking(move || listing::read(&path, offset, length).map_err(|e| Doing::Other.io(&e))).await
            }
            Attached::Nothing(_) => Err(fail::missing(sr, location)),
        }
    }

    /// Where a volume holds data: start and length of each stretch; all of it where that is not known.
    pub(super) async fn data_of(&self, sr: &str, location: &str) -> Result<Vec<(u64, u64)>> {
        if let Attached::Images(repository) = self.attached(sr)? {
            let guarded = self.policies.sr(sr).guarded;
            return read(repository, location, guarded, |image| {
                let mut found: Vec<(u64, u64)> = Vec::new();
                extents(image.source(), |e| {
                    if e.state == State::Data {
                        found.push((e.start, e.len));
                    }
                    Ok(())
                })?;
                Ok(found)
            })
            .await;
        }
        let size = self.stat_volume(sr, location).await?.virtual_size;
        Ok(vec![(0, u64::try_from(size).unwrap_or(0).next_multiple_of(512))])
    }

    /// Writes bytes of a volume that no guest has.
    pub(super) async fn write_bytes(
        &self,
        sr: &str,
        location: &str,
        offset: u64,
        bytes: Vec<u8>,
    ) -> Result<()> {
        let (repository, uuid) = (self.changeable(sr)?, location.to_owned());
        blocking(move || {
            repository.with(&uuid, Access::Write, false, |image| {
                if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > image.size()) {
                    return Err(xennix_disk::Error::Range { offset, len: bytes.len() as u64 });
                }
                handles::write(image, offset, &bytes)
            })
        })
        .await
    }
}
