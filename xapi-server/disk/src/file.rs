//! Where bytes live: the [`BlockFile`] trait and plain files or block devices behind it. Never caches, never
//! interprets a byte.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Whether an image is opened to look or to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads only.
    Read,
    /// Reads and writes.
    Write,
}

/// A file or device with positioned I/O.
pub trait BlockFile: Send + Sync {
    /// Fills `buf` from byte `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before, or the device's error.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()>;

    /// Writes `buf` at byte `offset`, growing a growable file. Durable only after [`flush`](BlockFile::flush).
    ///
    /// # Errors
    /// The device's error; a fixed one refuses writes behind its end.
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()>;

    /// Bytes now.
    ///
    /// # Errors
    /// The device's error.
    fn size(&self) -> io::Result<u64>;

    /// Sets the length; new bytes are zero.
    ///
    /// # Errors
    /// The device's error; a fixed one refuses.
    fn set_size(&self, bytes: u64) -> io::Result<()>;

    /// Returns when all writes before are on stable storage.
    ///
    /// # Errors
    /// The device's error. After one, what was written is unknown.
    fn flush(&self) -> io::Result<()>;

    /// Is the size given from outside (a volume), so that writes can't grow it?
    fn is_fixed(&self) -> bool;

    /// The first byte at or behind `offset` that may hold something other than zeros, and the end of that
    /// stretch. `None`: only zeros up to the end. Files that can't tell claim everything.
    ///
    /// # Errors
    /// The device's error.
    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        let size = self.size()?;
        Ok((offset < size).then_some((offset, size)))
    }

    /// Gives the space of a stretch back. True: it reads as zeros now; false: nothing was done. Durable only
    /// after [`flush`](BlockFile::flush).
    ///
    /// # Errors
    /// The device's error.
    fn punch(&self, _offset: u64, _len: u64) -> io::Result<bool> {
        Ok(false)
    }

    /// Tells that a stretch was written for good: the system may begin to store it while more is written, and need not
    /// keep it in memory. A hint: nothing is durable before [`flush`](BlockFile::flush).
    fn written(&self, _offset: u64, _len: u64) {}

    /// Claims the file for as long as this handle lives; false when another handle, of this or another process of
    /// this host, has claimed it. Files that can't be claimed say true.
    ///
    /// # Errors
    /// The device's error.
    fn claim(&self) -> io::Result<bool> {
        Ok(true)
    }
}

/// A file or block device of the operating system.
#[derive(Debug)]
pub struct OsFile {
    file: File,
    fixed: bool,
    device: bool,
}

impl OsFile {
    /// Opens `path`. `fixed`: treat a regular file as a volume of fixed size; block devices always are.
    ///
    /// # Errors
    /// The system's error.
    pub fn open(path: &Path, access: Access, fixed: bool) -> io::Result<OsFile> {
        // What waits for somebody at its other end would be waited for.
        let flags = nix::libc::O_NONBLOCK;
        let file =
            OpenOptions::new().read(true).write(access == Access::Write).custom_flags(flags).open(path)?;
        let kind = file.metadata()?.file_type();
        let device = kind.is_block_device();
        if !device && !kind.is_file() {
            return Err(io::Error::other("neither a file nor a block device"));
        }
        Ok(OsFile { file, fixed: fixed || device, device })
    }

    /// Opens a block device that nobody else may have: no file system, no volume group, no other program that claims it.
    ///
    /// # Errors
    /// The system's error, `ResourceBusy` when somebody has it.
    pub fn alone(path: &Path) -> io::Result<OsFile> {
        // Without O_CREAT it claims a block device.
        let flags = nix::libc::O_EXCL;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        Ok(OsFile { file, fixed: true, device: true })
    }

    /// Makes a new file of `bytes` zero bytes; refuses to replace one.
    ///
    /// # Errors
    /// The system's error.
    pub fn create(path: &Path, bytes: u64, fixed: bool) -> io::Result<OsFile> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        file.set_len(bytes)?;
        Ok(OsFile { file, fixed, device: false })
    }
}

/// Lets the system begin to store a stretch of `file`: an `fsync` at the end of a long copy then has little left to do.
/// Pages that are not needed begin their way to the device when the system is told so, and only leave memory when
/// they have arrived.
pub(crate) fn store_soon(file: &File, offset: u64, len: u64) {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    if let (Ok(at), Ok(n)) = (i64::try_from(offset), i64::try_from(len)) {
        // A file that knows no advice is stored at the end.
        let _ = posix_fadvise(file, at, n, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }
}

impl BlockFile for OsFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        if self.fixed && !self.device && offset.saturating_add(buf.len() as u64) > self.size()? {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_all_at(buf, offset)
    }

    fn size(&self) -> io::Result<u64> {
        if self.device {
            // Seeking a private handle is the only way to a device's size without an ioctl.
            io::Seek::seek(&mut &self.file, io::SeekFrom::End(0))
        } else {
            Ok(self.file.metadata()?.len())
        }
    }

    fn set_size(&self, bytes: u64) -> io::Result<()> {
        if self.fixed { Err(io::ErrorKind::Unsupported.into()) } else { self.file.set_len(bytes) }
    }

    fn flush(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn is_fixed(&self) -> bool {
        self.fixed
    }

    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        use nix::unistd::{Whence, lseek};
        let size = self.size()?;
        if offset >= size {
            return Ok(None);
        }
        if self.device {
            return Ok(Some((offset, size)));
        }
        let at = i64::try_from(offset).map_err(io::Error::other)?;
        let start = match lseek(&self.file, at, Whence::SeekData) {
            Ok(start) => start,
            Err(nix::errno::Errno::ENXIO) => return Ok(None),
            // A file system that knows no holes.
            Err(_) => return Ok(Some((offset, size))),
        };
        let end = lseek(&self.file, start, Whence::SeekHole).map_or(size, |e| e.unsigned_abs());
        Ok(Some((start.unsigned_abs(), end)))
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<bool> {
        use nix::errno::Errno;
        use nix::fcntl::{FallocateFlags, fallocate};
        if len == 0 {
            return Ok(false);
        }
        let (Ok(at), Ok(n)) = (i64::try_from(offset), i64::try_from(len)) else { return Ok(false) };
        let how = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        match fallocate(&self.file, how, at, n) {
            Ok(()) => Ok(true),
            Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::ENODEV | Errno::EINVAL) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    fn written(&self, offset: u64, len: u64) {
        store_soon(&self.file, offset, len);
    }

    fn claim(&self) -> io::Result<bool> {
        use std::fs::TryLockError;
        // Device managers claim a device for a moment when they look at it, and a process that is being started holds
        // what its parent had open until it runs its own program: patience tells them apart.
        let tries = if self.device { 100 } else { 10 };
        for n in 0..tries {
            match self.file.try_lock() {
                Ok(()) => return Ok(true),
                Err(TryLockError::WouldBlock) if n + 1 < tries => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => return Ok(false),
                // A file system without locks can't tell.
                Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => return Ok(true),
                Err(TryLockError::Error(e)) => return Err(e),
            }
        }
        Ok(false)
    }
}
