//! What can be read as a disk: a [`Source`] of sectors that knows which stretches hold data. Never writes.

use crate::error::{Error, Result};
use crate::file::BlockFile;
use std::io;
use std::sync::Arc;

const SECTOR: u64 = 512;

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
    /// A raw disk over `file`. A tail shorter than a sector is one, filled up with zeros.
    ///
    /// # Errors
    /// The device's error.
    pub fn open(file: Arc<dyn BlockFile>) -> Result<Raw> {
        let bytes = file.size()?;
        let size = bytes.next_multiple_of(SECTOR);
        Ok(Raw { file: if size == bytes { file } else { Arc::new(Padded(file)) }, size })
    }

    /// The file behind.
    pub fn file(&self) -> &Arc<dyn BlockFile> {
        &self.file
    }
}

/// A file that ends within a sector: the rest of that reads as zeros, and is there once it is written.
struct Padded(Arc<dyn BlockFile>);

impl BlockFile for Padded {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let size = self.0.size()?;
        if offset.saturating_add(buf.len() as u64) > size.next_multiple_of(SECTOR) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let there = size.saturating_sub(offset).min(buf.len() as u64) as usize;
        buf[there..].fill(0);
        self.0.read_at(offset, &mut buf[..there])
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, buf)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.size()?.next_multiple_of(SECTOR))
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.0.set_size(bytes)
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }

    fn is_fixed(&self) -> bool {
        self.0.is_fixed()
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        self.0.next_data(offset)
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<bool> {
        self.0.punch(offset, len)
    }

    fn written(&self, offset: u64, len: u64) {
        self.0.written(offset, len);
    }

    fn claim(&self) -> io::Result<bool> {
        self.0.claim()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{Access, OsFile};

    #[test]
    fn a_raw_disk_that_ends_within_a_sector_has_that_sector_whole() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("a.iso");
        std::fs::write(&path, [7; 2048 + 100]).expect("write");
        let open = |access| Arc::new(OsFile::open(&path, access, false).expect("open"));
        let raw = Raw::open(open(Access::Read)).expect("raw");
        assert_eq!((raw.size(), raw.file().size().expect("size")), (2560, 2560));
        let mut all = [9; 2560];
        raw.read_at(0, &mut all).expect("read");
        assert!(all[..2148] == [7; 2148] && all[2148..] == [0; 412]);
        assert!(raw.read_at(2560, &mut all[..512]).is_err(), "no more than that");
        let mut held = 0;
        extents(&raw, |e| {
            held += if e.state == State::Data { e.len } else { 0 };
            Ok(())
        })
        .expect("extents");
        assert_eq!(held, 2560);
        // Looking changes nothing; writing the sector makes it whole.
        assert_eq!(std::fs::metadata(&path).expect("metadata").len(), 2148);
        let raw = Raw::open(open(Access::Write)).expect("raw");
        raw.file().write_at(2048, &[8; 512]).expect("write");
        assert_eq!(std::fs::metadata(&path).expect("metadata").len(), 2560);
    }
}
