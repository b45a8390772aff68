//! A volume of any backend as a disk the image engine reads and writes. Blocks: only for threads that may wait.

use std::{io, sync::Arc};

use tokio::runtime::Handle;
use xapi_backend::Storage;
use xapi_schema::{
    Failure, Ref, Result,
    classes::{Vdi, sr, vdi},
    errors,
};
use xapi_store::Read as _;
use xennix_disk::{
    convert::Target,
    error::Result as DiskResult,
    source::{Extent, Source, State, check_range},
};

use crate::{
    Cx,
    handlers::{sr as repository, vdi as disk},
};

/// Bytes compared at a time between a disk and the one it is based on.
const GRAIN: u64 = 64 << 10;
/// Bytes read at a time.
const CHUNK: u64 = 1 << 20;

/// Where a volume is.
#[derive(Clone)]
pub struct Volume {
    storage: Arc<dyn Storage>,
    sr: String,
    location: String,
    size: u64,
    /// Where it held data when it was opened.
    data: Vec<(u64, u64)>,
    handle: Handle,
}

fn io_error(failure: Failure) -> xennix_disk::error::Error {
    io::Error::other(failure).into()
}

impl Volume {
    /// Looks at a volume.
    ///
    /// # Errors
    /// Those of the driver.
    pub async fn open(storage: &Arc<dyn Storage>, sr: &str, location: &str) -> Result<Volume> {
        let size = storage.stat_volume(sr, location).await?.virtual_size;
        Ok(Volume {
            data: storage.extents(sr, location).await?,
            storage: storage.clone(),
            sr: sr.into(),
            location: location.into(),
            size: u64::try_from(size).unwrap_or(0),
            handle: Handle::current(),
        })
    }

    /// Bytes of the disk in whole sectors. What the last one lacks, as an ISO's may, are zeros.
    pub fn bytes(&self) -> u64 {
        self.size.next_multiple_of(512)
    }

    /// Whether a stretch holds anything.
    pub fn has_data(&self, offset: u64, length: u64) -> bool {
        let first = self.data.partition_point(|(start, len)| start + len <= offset);
        self.data.get(first).is_some_and(|(start, _)| *start < offset + length)
    }

    /// Fills a buffer.
    ///
    /// # Errors
    /// Those of the driver.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let (there, lacking) = buffer.split_at_mut(self.inside(offset, buffer.len()));
        lacking.fill(0);
        let read = self.storage.read(&self.sr, &self.location, offset, there.len());
        let bytes = self.handle.block_on(read)?;
        if bytes.len() != there.len() {
            return Err(errors::VDI_IO_ERROR.with(["a volume ended early"]));
        }
        there.copy_from_slice(&bytes);
        Ok(())
    }

    /// How many of so many bytes are there.
    fn inside(&self, offset: u64, length: usize) -> usize {
        self.size.saturating_sub(offset).min(length as u64) as usize
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// Those of the driver, VDI_IO_ERROR [text] for bytes that a last sector does not have.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let (there, lacking) = bytes.split_at(self.inside(offset, bytes.len()));
        if lacking.iter().any(|byte| *byte != 0) {
            return Err(errors::VDI_IO_ERROR.with(["bytes lie behind the end of the disk"]));
        }
        let write = self.storage.write(&self.sr, &self.location, offset, there.to_vec());
        self.handle.block_on(write)
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// Those of the driver.
    pub fn flush(&self) -> Result<()> {
        self.handle.block_on(self.storage.flush(&self.sr, &self.location))
    }

    /// Writes zeros wherever it held data when it was opened.
    ///
    /// # Errors
    /// Those of the driver, what `each` says.
    pub fn wipe(&self, mut each: impl FnMut() -> Result<()>) -> Result<()> {
        let zeros = vec![0; CHUNK as usize];
        for (start, length) in &self.data {
            let mut at = *start;
            while at < start + length {
                let now = CHUNK.min(start + length - at);
                self.write(at, &zeros[..now as usize])?;
                at += now;
                each()?;
            }
        }
        Ok(())
    }
}

impl Source for Volume {
    fn size(&self) -> u64 {
        self.bytes()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> DiskResult<()> {
        check_range(offset, buf.len() as u64, self.bytes())?;
        self.read(offset, buf).map_err(io_error)
    }

    fn extent(&self, offset: u64, max: u64) -> DiskResult<Extent> {
        check_range(offset, max, self.bytes())?;
        let end = offset + max;
        let next = self.data.partition_point(|(start, len)| start + len <= offset);
        let extent = |upto: u64, state| Extent { start: offset, len: upto - offset, state };
        Ok(match self.data.get(next) {
            // Drivers count in blocks of their own; whole sectors are what counts here.
            Some((start, _)) if start & !511 > offset => extent((start & !511).min(end), State::Zero),
            Some((start, len)) => extent((start + len).next_multiple_of(512).min(end), State::Data),
            None => extent(end, State::Zero),
        })
    }
}

impl Target for Volume {
    fn size(&self) -> u64 {
        self.bytes()
    }

    fn put(&mut self, offset: u64, data: &[u8]) -> DiskResult<()> {
        check_range(offset, data.len() as u64, self.bytes())?;
        self.write(offset, data).map_err(io_error)
    }

    fn finish(&mut self) -> DiskResult<()> {
        self.flush().map_err(io_error)
    }
}

/// A volume that is written once from its start to its end: zeros where it held nothing are left out.
pub struct Sparse(pub Volume);

impl Target for Sparse {
    fn size(&self) -> u64 {
        self.0.bytes()
    }

    fn put(&mut self, offset: u64, data: &[u8]) -> DiskResult<()> {
        if !self.0.has_data(offset, data.len() as u64) && data.iter().all(|byte| *byte == 0) {
            return check_range(offset, data.len() as u64, self.0.bytes());
        }
        self.0.put(offset, data)
    }

    fn finish(&mut self) -> DiskResult<()> {
        self.0.finish()
    }
}

/// Stretches that changed between two disks of one SR, as their driver noted them.
///
/// # Errors
/// SR_BACKEND_FAILURE_460 for disks of different SRs and for changes nobody noted.
pub async fn changed(cx: &Cx, from: &Ref<Vdi>, to: &Ref<Vdi>) -> Result<Vec<(u64, u64)>> {
    let snapshot = cx.snapshot();
    let (first, last) = (snapshot.record(from)?, snapshot.record(to)?);
    let home = last.get(vdi::SR);
    if first.get(vdi::SR) != home {
        return Err(disk::unknown_changes());
    }
    repository::plugged(&*snapshot, &home)?;
    let home = snapshot.get(&home, sr::uuid)?;
    let (from, to) = (first.get(vdi::location), last.get(vdi::location));
    cx.xapi.backends.storage.changed_blocks(&home, &from, &to).await
}

/// Stretches outside of which two disks hold the same, where the driver of both knows.
pub async fn known_difference(cx: &Cx, from: &Ref<Vdi>, to: &Ref<Vdi>) -> Option<Vec<(u64, u64)>> {
    let snapshot = cx.snapshot();
    let (first, last) = (snapshot.record(from).ok()?, snapshot.record(to).ok()?);
    let home = last.get(vdi::SR);
    if first.get(vdi::SR) != home {
        return None;
    }
    let home = snapshot.get(&home, sr::uuid).ok()?;
    let (from, to) = (first.get(vdi::location), last.get(vdi::location));
    cx.xapi.backends.storage.difference(&home, &from, &to).await.unwrap_or_else(|failure| {
        tracing::debug!(%failure, "two disks are compared byte by byte");
        None
    })
}

/// A disk seen over one that came before it in its line: what nobody noted as changed is absent.
pub struct Marked {
    /// The disk.
    pub disk: Volume,
    /// Stretches that changed, in order.
    pub changes: Vec<(u64, u64)>,
}

impl Source for Marked {
    fn size(&self) -> u64 {
        self.disk.bytes()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> DiskResult<()> {
        self.disk.read_at(offset, buf)
    }

    fn extent(&self, offset: u64, max: u64) -> DiskResult<Extent> {
        check_range(offset, max, self.disk.bytes())?;
        let end = offset + max;
        let next = self.changes.partition_point(|(start, len)| start + len <= offset);
        let extent = |upto: u64, state| Extent { start: offset, len: upto - offset, state };
        Ok(match self.changes.get(next) {
            Some((start, _)) if *start > offset => extent((*start).min(end), State::Absent),
            Some((start, len)) => extent((start + len).min(end), State::Data),
            None => extent(end, State::Absent),
        })
    }
}

/// A disk seen over another one: what both have is absent.
pub struct Delta {
    /// The disk.
    pub disk: Volume,
    /// What it is based on; may be smaller.
    pub base: Volume,
    /// Outside of these stretches both hold the same, where that is known.
    pub within: Option<Vec<(u64, u64)>>,
}

impl Delta {
    /// Whether both have the same bytes; `offset` is a multiple of [`GRAIN`].
    fn same(&self, offset: u64, length: u64) -> DiskResult<bool> {
        let inside = offset + length <= self.base.bytes();
        if inside && !self.disk.has_data(offset, length) && !self.base.has_data(offset, length) {
            return Ok(true);
        }
        if !inside {
            // What the base does not reach reads as zeros there.
            let mut own = vec![0; length as usize];
            self.disk.read_at(offset, &mut own)?;
            return Ok(offset >= self.base.bytes() && own.iter().all(|byte| *byte == 0));
        }
        let (mut own, mut other) = (vec![0; length as usize], vec![0; length as usize]);
        self.disk.read_at(offset, &mut own)?;
        self.base.read_at(offset, &mut other)?;
        Ok(own == other)
    }
}

impl Source for Delta {
    fn size(&self) -> u64 {
        self.disk.bytes()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> DiskResult<()> {
        self.disk.read_at(offset, buf)
    }

    fn extent(&self, offset: u64, max: u64) -> DiskResult<Extent> {
        check_range(offset, max, self.disk.bytes())?;
        let mut end = ((offset / GRAIN + 1) * GRAIN).min(offset + max);
        if let Some(within) = &self.within {
            let next = within.partition_point(|(start, len)| start + len <= offset);
            match within.get(next) {
                Some((start, len)) if *start <= offset => end = end.min(start + len),
                other => {
                    let upto = other.map_or(offset + max, |(start, _)| *start).min(offset + max);
                    return Ok(Extent { start: offset, len: upto - offset, state: State::Absent });
                }
            }
        }
        let state = if self.same(offset, end - offset)? { State::Absent } else { State::Data };
        Ok(Extent { start: offset, len: end - offset, state })
    }
}
