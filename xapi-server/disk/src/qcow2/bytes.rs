//! The bytes of an image as the library that knows qcow2 wants them. The library hangs a new table under the first table
//! before anything is durable, so that after a power failure the first table could point at what lay in that place
//! before: here what is pointed at is durable before it is pointed at, and an old table is given away only when the
//! header durably says where the new one is.
#![allow(unsafe_code)] // The library declares its functions so; nothing here needs it.

use super::tables::{be32, be64};
use crate::file::BlockFile;
use imago::Storage;
use imago::io_buffers::{IoVector, IoVectorMut};
use imago::storage::PreallocateMode;
use imago::storage::drivers::CommonStorageHelper;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Where the mark stands of an image that is being written, and which bit it is there.
const UNCLEAN: (u64, u8) = (79, 1);

/// Where an image says where its tables are.
#[derive(Clone, Default)]
struct Pointers {
    header: Range<u64>,
    first_table: Range<u64>,
}

impl Pointers {
    fn read(file: &dyn BlockFile) -> io::Result<Pointers> {
        let mut h = [0; 72];
        file.read_at(0, &mut h)?;
        let at = be64(&h, 40);
        let end = at.saturating_add(u64::from(be32(&h, 36)) * 8);
        Ok(Pointers { header: 0..1 << be32(&h, 20).clamp(9, 21), first_table: at..end })
    }
}

fn meets(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

/// One image's bytes.
pub(crate) struct Bytes {
    file: Arc<dyn BlockFile>,
    /// Of an image that is written.
    pointers: Option<Mutex<Pointers>>,
    /// Something was written since the device was last asked to keep it.
    fresh: AtomicBool,
    /// Hides the mark of an image that is being written.
    lenient: bool,
    helper: CommonStorageHelper,
}

impl Bytes {
    /// An image that is only read; `lenient`: even while it is being written, or was left so. For what others stand on:
    /// its writer merges one of them into it, which hides everything that changes.
    pub(super) fn reading(file: Arc<dyn BlockFile>, lenient: bool) -> Bytes {
        let (fresh, helper) = (AtomicBool::new(false), CommonStorageHelper::default());
        Bytes { file, pointers: None, fresh, lenient, helper }
    }

    /// An image that is written.
    ///
    /// # Errors
    /// The device's error.
    pub(super) fn writing(file: Arc<dyn BlockFile>) -> io::Result<Bytes> {
        let pointers = Some(Mutex::new(Pointers::read(&*file)?));
        Ok(Bytes { pointers, ..Bytes::reading(file, false) })
    }

    pub(super) fn file(&self) -> &Arc<dyn BlockFile> {
        &self.file
    }

    fn read(&self, at: u64, buf: &mut [u8]) -> io::Result<()> {
        match self.file.read_at(at, buf) {
            // Behind the end there are zeros.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                let there = self.file.size()?.saturating_sub(at).min(buf.len() as u64) as usize;
                buf[there..].fill(0);
                self.file.read_at(at, &mut buf[..there])?;
            }
            other => other?,
        }
        let (mark, bit) = UNCLEAN;
        if self.lenient && (at..at + buf.len() as u64).contains(&mark) {
            buf[(mark - at) as usize] &= !bit;
        }
        Ok(())
    }

    fn pointers(&self) -> Pointers {
        let own = self.pointers.as_ref();
        own.map(|own| own.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
    }

    /// Does `work`, which writes `len` bytes at `at`, in its place among what must be durable.
    fn in_order(&self, at: u64, len: u64, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let (written, pointers) = (at..at.saturating_add(len), self.pointers());
        let header = meets(&written, &pointers.header);
        if header || meets(&written, &pointers.first_table) {
            self.keep()?;
        }
        self.fresh.store(true, Ordering::Release);
        work()?;
        if header {
            self.keep()?;
            if let Some(own) = &self.pointers {
                *own.lock().unwrap_or_else(PoisonError::into_inner) = Pointers::read(&*self.file)?;
            }
        }
        Ok(())
    }

    /// Returns when everything written before is durable.
    fn keep(&self) -> io::Result<()> {
        if self.fresh.swap(false, Ordering::AcqRel) {
            self.file.flush().inspect_err(|_| self.fresh.store(true, Ordering::Release))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an image")
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an image")
    }
}

impl Storage for Bytes {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    unsafe fn pure_readv(&self, bufv: IoVectorMut<'_>, offset: u64) -> io::Result<()> {
        let mut at = offset;
        for mut buf in bufv.into_inner() {
            self.read(at, &mut buf)?;
            at += buf.len() as u64;
        }
        Ok(())
    }

    unsafe fn pure_writev(&self, bufv: IoVector<'_>, offset: u64) -> io::Result<()> {
        self.in_order(offset, bufv.len(), || {
            let mut at = offset;
            for buf in bufv.into_inner() {
                self.file.write_at(at, &buf)?;
                at += buf.len() as u64;
            }
            Ok(())
        })
    }

    unsafe fn pure_write_zeroes(&self, offset: u64, length: u64) -> io::Result<()> {
        self.in_order(offset, length, || {
            let (size, end) = (self.file.size()?, offset.saturating_add(length));
            let inside = end.min(size).saturating_sub(offset);
            if inside > 0 && !self.file.punch(offset, inside)? {
                let zeros = vec![0; inside.min(1 << 20) as usize];
                let mut done = 0;
                while done < inside {
                    let n = (inside - done).min(zeros.len() as u64);
                    self.file.write_at(offset + done, &zeros[..n as usize])?;
                    done += n;
                }
            }
            // What a file gets behind its end is zeros.
            if end > size { self.file.set_size(end) } else { Ok(()) }
        })
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.fresh.store(false, Ordering::Release);
        self.file.flush().inspect_err(|_| self.fresh.store(true, Ordering::Release))
    }

    unsafe fn invalidate_cache(&self) -> io::Result<()> {
        Ok(())
    }

    fn get_storage_helper(&self) -> &CommonStorageHelper {
        &self.helper
    }

    fn resize(&self, new_size: u64, _: PreallocateMode) -> io::Result<()> {
        self.fresh.store(true, Ordering::Release);
        self.file.set_size(new_size)
    }
}
