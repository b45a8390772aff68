//! What can be read as a disk: a [`Source`] of sectors that knows which stretches hold data. Never writes.

use crate::error::{Error, Result};
use crate::file::BlockFile;
use std::sync::Arc;

/// What a stretch of a disk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Stored bytes (which may be zeros).
    Data,
    /// Reads as zeros.
    Zero,
    /// Not in the layers looked at: the disk below decides.
    Absent,
}

/// A stretch of a disk with one state; bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// First byte.
    pub start: u64,
    /// Bytes, never 0.
    pub len: u64,
    /// What it holds.
    pub state: State,
}

/// A disk to read. Offsets and lengths are bytes.
pub trait Source: Send + Sync {
    /// Virtual size, a multiple of 512.
    fn size(&self) -> u64;

    /// Fills `buf` from `offset` with what a guest sees, absent stretches included.
    ///
    /// # Errors
    /// [`Error::Range`] outside the disk, else what the images say.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// The stretch that starts at `offset`, at most `max` bytes long (both not 0 and inside the disk).
    ///
    /// # Errors
    /// As [`read_at`](Source::read_at).
    fn extent(&self, offset: u64, max: u64) -> Result<Extent>;
}

/// Refuses requests outside `size` or not in whole sectors.
///
/// # Errors
/// [`Error::Range`].
pub fn check_range(offset: u64, len: u64, size: u64) -> Result<()> {
    let inside = offset.checked_add(len).is_some_and(|end| end <= size);
    if inside && offset.is_multiple_of(512) && len.is_multiple_of(512) {
        Ok(())
    } else {
        Err(Error::Range { offset, len })
    }
}

/// All stretches of `source` in order, neighbours of one state joined.
///
/// # Errors
/// What the source says.
pub fn extents(source: &dyn Source, mut each: impl FnMut(Extent) -> Result<()>) -> Result<()> {
    let size = source.size();
    let mut at = 0;
    let mut open: Option<Extent> = None;
    while at < size {
        let e = source.extent(at, size - at)?;
        at += e.len;
        open = Some(match open {
            Some(o) if o.state == e.state => Extent { len: o.len + e.len, ..o },
            Some(o) => {
                each(o)?;
                e
            }
            None => e,
        });
    }
    open.map_or(Ok(()), each)
}

/// A raw image: byte n of the file is byte n of the disk.
pub struct Raw {
    file: Arc<dyn BlockFile>,
    size: u64,
}

impl Raw {
    /// A raw disk over `file`. A tail shorter than a sector is not part of the disk.
    ///
    /// # Errors
    /// The device's error.
    pub fn open(file: Arc<dyn BlockFile>) -> Result<Raw> {
        let size = file.size()? & !511;
        Ok(Raw { file, size })
    }

    /// The file behind.
    pub fn file(&self) -> &Arc<dyn BlockFile> {
        &self.file
    }
}

impl Source for Raw {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len() as u64, self.size)?;
        Ok(self.file.read_at(offset, buf)?)
    }

    fn extent(&self, offset: u64, max: u64) -> Result<Extent> {
        check_range(offset, max, self.size)?;
        let end = offset + max;
        let extent = |upto: u64, state| Extent { start: offset, len: upto - offset, state };
        // Holes end where the file system's blocks do; whole sectors are what counts here.
        Ok(match self.file.next_data(offset)? {
            None => extent(end, State::Zero),
            Some((start, _)) if start & !511 >= end => extent(end, State::Zero),
            Some((start, _)) if start & !511 > offset => extent(start & !511, State::Zero),
            Some((_, stop)) => extent(stop.next_multiple_of(512).min(end), State::Data),
        })
    }
}
