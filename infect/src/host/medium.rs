//! Bytes of a disk, an image or a part of one, for readers that find their own way. There is no way to write through it.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::Path;
use std::sync::Arc;

/// Something with bytes at offsets.
pub trait Medium: Send + Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// The system's error, `UnexpectedEof` past the end.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
    /// Bytes it has.
    fn size(&self) -> u64;
    /// Some bytes at an offset.
    ///
    /// # Errors
    /// The system's error.
    fn bytes(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut into = vec![0; length];
        self.read_at(offset, &mut into)?;
        Ok(into)
    }
}

/// A file or block device, opened for reading only.
#[derive(Debug)]
pub struct FileMedium {
    file: File,
    size: u64,
}

impl FileMedium {
    /// Opens it.
    ///
    /// # Errors
    /// The system's error.
    pub fn open(path: &Path) -> io::Result<FileMedium> {
        let file = File::open(path)?;
        let kind = file.metadata()?.file_type();
        let size = if kind.is_block_device() {
            use std::io::{Seek, SeekFrom};
            (&file).seek(SeekFrom::End(0))?
        } else if kind.is_file() {
            file.metadata()?.len()
        } else {
            return Err(io::Error::other("neither a file nor a block device"));
        };
        Ok(FileMedium { file, size })
    }
}

impl Medium for FileMedium {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }

    fn size(&self) -> u64 {
        self.size
    }
}

/// A part of another medium.
#[derive(Clone)]
pub struct Slice {
    whole: Arc<dyn Medium>,
    start: u64,
    length: u64,
}

impl Slice {
    /// `length` bytes from `start`, as many as there are.
    pub fn new(whole: Arc<dyn Medium>, start: u64, length: u64) -> Slice {
        let length = length.min(whole.size().saturating_sub(start));
        Slice { whole, start, length }
    }
}

impl Medium for Slice {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        match offset.checked_add(into.len() as u64) {
            Some(end) if end <= self.length => self.whole.read_at(self.start + offset, into),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn size(&self) -> u64 {
        self.length
    }
}

impl Medium for Vec<u8> {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let part = start.checked_add(into.len()).and_then(|end| self.get(start..end));
        into.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn size(&self) -> u64 {
        self.len() as u64
    }
}

/// Little-endian numbers of a structure; a structure too short gives zeros, which every check refuses.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

/// As [`u16_at`], four bytes.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// As [`u16_at`], eight bytes.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
