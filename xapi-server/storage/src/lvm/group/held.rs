//! An open volume of a group, counted while it is open. Never discards: what lies below a group of the original's is
//! not ours to give up.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use xennix_disk::file::{BlockFile, OsFile};

/// An open volume, counted.
pub struct Held {
    pub file: OsFile,
    pub uses: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.uses.fetch_sub(1, Ordering::SeqCst);
    }
}

impl BlockFile for Held {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, buf)
    }
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.file.set_size(bytes)
    }
    fn flush(&self) -> io::Result<()> {
        self.file.flush()
    }
    fn is_fixed(&self) -> bool {
        true
    }
    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        self.file.next_data(offset)
    }
    fn claim(&self) -> io::Result<bool> {
        self.file.claim()
    }
    // `punch` stays the default: what lies below a group of the original's is never discarded.
}
