//! A file that looks as if it were written: to try what would become of it. Nothing that is written stays.

use crate::file::BlockFile;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// The file, and how long it would be.
pub(super) struct Dry<'a> {
    file: &'a dyn BlockFile,
    size: AtomicU64,
}

impl Dry<'_> {
    pub(super) fn new(file: &dyn BlockFile) -> Dry<'_> {
        Dry { file, size: AtomicU64::new(file.size().unwrap_or(0)) }
    }
}

impl BlockFile for Dry<'_> {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let (there, end) = (self.file.size()?, offset.saturating_add(buf.len() as u64));
        if end > self.size()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let real = there.saturating_sub(offset).min(buf.len() as u64) as usize;
        buf[real..].fill(0);
        self.file.read_at(offset, &mut buf[..real])
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        self.size.fetch_max(offset.saturating_add(buf.len() as u64), Ordering::Relaxed);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.size.load(Ordering::Relaxed))
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.size.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn is_fixed(&self) -> bool {
        self.file.is_fixed()
    }
}
