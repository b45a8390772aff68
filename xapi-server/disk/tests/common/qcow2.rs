//! qcow2 images over a memory that records writes and flushes.

use imago::Storage;
use imago::io_buffers::{IoVector, IoVectorMut};
use imago::storage::PreallocateMode;
use imago::storage::drivers::CommonStorageHelper;
use std::fmt;
use std::io;
use std::sync::Arc;
use xennix_disk::Result;
use xennix_disk::file::{Access, BlockFile};
use xennix_disk::mem::MemVolumes;
use xennix_disk::qcow2::Qcow2Disk;
use xennix_disk::source::Source;
use xennix_disk::volumes::Volumes;

/// An image in a memory that records writes and flushes.
pub struct Recorded {
    file: Arc<dyn BlockFile>,
    helper: CommonStorageHelper,
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("recorded")
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("recorded")
    }
}

// The trait declares its functions so; nothing here needs it.
#[allow(unsafe_code)]
impl Storage for Recorded {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    unsafe fn pure_readv(&self, mut bufv: IoVectorMut<'_>, offset: u64) -> io::Result<()> {
        let mut bytes = vec![0; bufv.len() as usize];
        let there = self.file.size()?.saturating_sub(offset).min(bufv.len()) as usize;
        self.file.read_at(offset, &mut bytes[..there])?;
        bufv.copy_from_slice(&bytes);
        Ok(())
    }

    unsafe fn pure_writev(&self, bufv: IoVector<'_>, offset: u64) -> io::Result<()> {
        let mut bytes = vec![0; bufv.len() as usize];
        bufv.copy_into_slice(&mut bytes);
        self.file.write_at(offset, &bytes)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.flush()
    }

    unsafe fn invalidate_cache(&self) -> io::Result<()> {
        Ok(())
    }

    fn get_storage_helper(&self) -> &CommonStorageHelper {
        &self.helper
    }

    fn resize(&self, new_size: u64, _: PreallocateMode) -> io::Result<()> {
        self.file.set_size(new_size)
    }
}

/// The bytes of an image, as the library wants them.
pub fn bytes(v: &MemVolumes, name: &str, writable: bool) -> Result<Recorded> {
    let file = v.open(name, if writable { Access::Write } else { Access::Read })?;
    Ok(Recorded { file, helper: CommonStorageHelper::default() })
}

/// What an image, with all it stands on, reads as.
pub fn read_all(v: &MemVolumes, name: &str) -> Vec<u8> {
    let disk = Qcow2Disk::reading(&|name, writable| bytes(v, name, writable), name).expect("qcow2");
    let mut all = vec![0; disk.size() as usize];
    disk.read_at(0, &mut all).expect("read");
    all
}
