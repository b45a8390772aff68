//! Pages of a guest's memory through the hypervisor's own device. This and `crate::hypercall` are the only places in this crate
//! that call the kernel by hand: what libraries there are for it are bound to one release of Xen, or under another licence.

use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use nix::libc;

use super::{Memory, PAGE};

/// As the kernel's `privcmd.h` has it.
#[repr(C)]
struct Batch {
    count: u32,
    domain: u16,
    address: u64,
    frames: *const u64,
    errors: *mut i32,
}

/// `IOCTL_PRIVCMD_MMAPBATCH_V2`: no direction, 32 bytes, `P`, 4.
const MAP_BATCH: libc::c_ulong = (32 << 16) | ((b'P' as libc::c_ulong) << 8) | 4;
const _: () = assert!(size_of::<Batch>() == 32);

/// Memory of guests of this host.
#[derive(Debug)]
pub struct Privcmd(PathBuf);

impl Default for Privcmd {
    fn default() -> Privcmd {
        Privcmd("/dev/xen/privcmd".into())
    }
}

/// Frames mapped into this process for as long as it lives.
struct Mapped {
    at: *mut u8,
    errors: Vec<i32>,
    _device: File,
}

impl Mapped {
    #[allow(unsafe_code)] // the kernel's interface is an ioctl that fills a mapping
    fn new(device: &Path, domain: u32, frames: &[u64]) -> io::Result<Mapped> {
        let device = File::options().read(true).write(true).open(device)?;
        let domain = u16::try_from(domain).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let count = u32::try_from(frames.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let (protection, length) = (libc::PROT_READ | libc::PROT_WRITE, frames.len() * PAGE);
        // SAFETY: a fresh mapping at an address of the kernel's choice; it overlaps nothing of ours.
        let at = unsafe {
            libc::mmap(std::ptr::null_mut(), length, protection, libc::MAP_SHARED, device.as_raw_fd(), 0)
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapped = Mapped { at: at.cast(), errors: vec![0; frames.len()], _device: device };
        let mut mapped = mapped;
        let batch = Batch {
            count,
            domain,
            address: at as u64,
            frames: frames.as_ptr(),
            errors: mapped.errors.as_mut_ptr(),
        };
        // SAFETY: the two arrays have `count` entries and live until the call returns; the mapping is ours.
        let answer = unsafe { libc::ioctl(mapped._device.as_raw_fd(), MAP_BATCH as _, &batch) };
        let error = io::Error::last_os_error();
        // Frames that are not there are told one by one, and as a whole by this.
        if answer < 0 && (error.raw_os_error() != Some(libc::ENOENT) || mapped.errors.iter().all(|e| *e == 0))
        {
            return Err(error);
        }
        Ok(mapped)
    }

    #[allow(unsafe_code)] // bytes of a mapping are reached by pointer
    fn page(&mut self, index: usize) -> Option<*mut u8> {
        if *self.errors.get(index)? != 0 {
            return None;
        }
        // SAFETY: the index is within the mapping.
        Some(unsafe { self.at.add(index * PAGE) })
    }
}

impl Drop for Mapped {
    #[allow(unsafe_code)] // the counterpart of the mapping above
    fn drop(&mut self) {
        // SAFETY: mapped by us with this length, and nobody keeps a pointer into it.
        unsafe { libc::munmap(self.at.cast(), self.errors.len() * PAGE) };
    }
}

impl Memory for Privcmd {
    #[allow(unsafe_code)] // copies out of the mapping
    fn read(&self, domain: u32, first: u64, count: usize) -> io::Result<Vec<Option<Vec<u8>>>> {
        let frames: Vec<u64> = (first..).take(count).collect();
        let mut mapped = Mapped::new(&self.0, domain, &frames)?;
        let page = |index| {
            let from = mapped.page(index)?;
            let mut bytes = vec![0; PAGE];
            // SAFETY: a page that was mapped without an error, into one of ours. The guest may write meanwhile;
            // the bytes are only data.
            unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), PAGE) };
            Some(bytes)
        };
        Ok((0..count).map(page).collect())
    }

    #[allow(unsafe_code)] // copies into the mapping
    fn write(&self, domain: u32, first: u64, bytes: &[u8]) -> io::Result<()> {
        let count = bytes.len().div_ceil(PAGE);
        let frames: Vec<u64> = (first..).take(count).collect();
        let mut mapped = Mapped::new(&self.0, domain, &frames)?;
        let pages: Option<Vec<*mut u8>> = (0..count).map(|index| mapped.page(index)).collect();
        let absent = || io::Error::new(io::ErrorKind::NotFound, "the guest has no memory there");
        for (page, part) in pages.ok_or_else(absent)?.into_iter().zip(bytes.chunks(PAGE)) {
            // SAFETY: at most a page, into one that was mapped without an error.
            unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), page, part.len()) };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_hypervisor_there_is_an_error() {
        let nowhere = Privcmd("/nowhere".into());
        assert!(nowhere.read(1, 0, 1).is_err());
        assert!(nowhere.write(1, 0, &[0]).is_err());
        // A file that is no such device.
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), [0; PAGE]).expect("written");
        assert!(Privcmd(file.path().into()).read(1, 0, 1).is_err());
    }
}
