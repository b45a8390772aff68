//! Bytes of volumes: read, written and copied by this process, for transfers and backups. What guests read and write
//! does not come by here.

use xapi_backend::storage::{Progress, Storage};
use xapi_schema::{Result, errors};
use xennix_disk::{
    file::Access,
    source::{Source, State, extents},
};

use super::{Attached, Native, blocking};
use crate::{
    fail::{self, Doing},
    handles, listing,
};

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
                let (uuid, guarded) = (location.to_owned(), self.policies.sr(sr).guarded);
                blocking(move || {
                    repository
                        .with(&uuid, Access::Read, guarded, |image| handles::read(image, offset, length))
                })
                .await
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
            let (uuid, guarded) = (location.to_owned(), self.policies.sr(sr).guarded);
            return blocking(move || {
                repository.with(&uuid, Access::Read, guarded, |image| {
                    let mut found: Vec<(u64, u64)> = Vec::new();
                    extents(image.source(), |e| {
                        if e.state == State::Data {
                            found.push((e.start, e.len));
                        }
                        Ok(())
                    })?;
                    Ok(found)
                })
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
