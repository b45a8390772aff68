//! The one request that goes to the hypervisor past `xl`: that a built domain goes on. A child for it costs more than all
//! else the toolstack does in a start. It stays xl's for guests with an emulator, which has a say in it, and where the
//! hypervisor speaks another version of its interface than those known here.

use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use nix::libc;

/// `__HYPERVISOR_domctl`.
const DOMCTL: u64 = 36;
/// `XEN_DOMCTL_unpausedomain`: it takes the domain's number and nothing else in every version below.
const UNPAUSE: u32 = 4;
/// The values of `XEN_DOMCTL_INTERFACE_VERSION` this holds for: 0x17 is of Xen 4.19 and tried on 4.20, 0x18 of 4.22.
const VERSIONS: std::ops::RangeInclusive<u32> = 0x12..=0x18;
/// `IOCTL_PRIVCMD_HYPERCALL`: no direction, 48 bytes, `P`, 0.
const HYPERCALL: libc::c_ulong = (48 << 16) | ((b'P' as libc::c_ulong) << 8);
const PAGE: usize = 4096;

/// As the kernel's `privcmd.h` has it.
#[repr(C)]
struct Call {
    op: u64,
    arguments: [u64; 5],
}
const _: () = assert!(size_of::<Call>() == 48);

/// The beginning of `struct xen_domctl`; what follows is of no use to this request, but the hypervisor reads it.
#[repr(C)]
struct Request {
    command: u32,
    version: u32,
    domain: u16,
    padding: [u16; 3],
}

/// The hypervisor's devices, and the version it was found to speak.
#[derive(Debug)]
pub struct Hypercalls {
    directory: PathBuf,
    version: AtomicU32,
}

impl Hypercalls {
    /// Devices in a directory, normally `/dev/xen`.
    pub fn at(directory: impl Into<PathBuf>) -> Hypercalls {
        Hypercalls { directory: directory.into(), version: AtomicU32::new(0) }
    }

    /// Lets a paused domain go on.
    ///
    /// # Errors
    /// No such device, another version, or what the hypervisor says: nothing has happened then.
    pub fn unpause(&self, domid: u32) -> io::Result<()> {
        let domain = u16::try_from(domid).map_err(|_| io::ErrorKind::InvalidInput)?;
        let open = |name: &str| File::options().read(true).write(true).open(self.directory.join(name));
        let (calls, page) = (open("privcmd")?, Page::new(&open("hypercall")?)?);
        let known = self.version.load(Ordering::Relaxed);
        // Another version than its own is refused before anything else is looked at.
        for version in Some(known).filter(|known| *known != 0).into_iter().chain(VERSIONS.rev()) {
            match page.call(&calls, Request { command: UNPAUSE, version, domain, padding: [0; 3] }) {
                Err(error) if error.raw_os_error() == Some(libc::EACCES) => {}
                answer => {
                    self.version.store(version, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::Unsupported, "the hypervisor speaks another version"))
    }
}

/// A page the hypervisor can read: memory of ours might be moved meanwhile.
struct Page(*mut libc::c_void);

impl Page {
    #[allow(unsafe_code)] // the kernel gives such pages by mapping a device
    fn new(device: &File) -> io::Result<Page> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice; it overlaps nothing of ours.
        let at = unsafe {
            libc::mmap(std::ptr::null_mut(), PAGE, protection, libc::MAP_SHARED, device.as_raw_fd(), 0)
        };
        if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(Page(at)) }
    }

    #[allow(unsafe_code)] // the kernel's interface is an ioctl that takes addresses
    fn call(&self, calls: &File, request: Request) -> io::Result<()> {
        // SAFETY: the page is ours, zeros but for what an earlier request wrote at the same place, and holds one.
        unsafe { self.0.cast::<Request>().write(request) };
        let call = Call { op: DOMCTL, arguments: [self.0 as u64, 0, 0, 0, 0] };
        // SAFETY: both live until the call returns, and the hypervisor writes into the page at most.
        match unsafe { libc::ioctl(calls.as_raw_fd(), HYPERCALL as _, &call) } {
            0.. => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Page {
    #[allow(unsafe_code)] // the counterpart of the mapping above
    fn drop(&mut self) {
        // SAFETY: mapped by us with this length, and nobody keeps a pointer into it.
        unsafe { libc::munmap(self.0, PAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_hypervisor_there_is_an_error() {
        assert!(Hypercalls::at("/nowhere").unpause(1).is_err());
        // Files that are no such devices, and a number no domain has.
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["privcmd", "hypercall"] {
            std::fs::write(dir.path().join(name), [0; PAGE]).expect("written");
        }
        let calls = Hypercalls::at(dir.path());
        let error = calls.unpause(1).expect_err("no hypervisor");
        assert_eq!(error.raw_os_error(), Some(libc::ENOTTY), "{error}");
        assert!(calls.unpause(1 << 16).is_err());
    }
}
