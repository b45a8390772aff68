//! A served disk as a block device of the kernel's ublk driver. The device outlives this process: when a server dies,
//! requests wait and come again to the one that takes over. Never answers a request before the disk did.

mod queue;
mod sys;
mod wire;

use crate::error::{Error, Result};
use crate::nbd::export::Export;
use nix::errno::Errno;
use queue::Queue;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use wire::{INFO, Info, control, feature};

/// Requests a queue has at a time.
const DEPTH: u16 = 64;
/// Longest request.
const MAX_BYTES: u32 = 1 << 20;
/// Numbers that are tried.
const MOST: u32 = 4096;
/// How long devices may take to appear, to become quiet or to go.
const PATIENCE: Duration = Duration::from_secs(60);

/// The block device of a number.
pub fn node(number: u32) -> PathBuf {
    PathBuf::from(format!("/dev/ublkb{number}"))
}

/// What tells a disk's device from other people's: made of its socket, which no other disk has.
pub fn tag(socket: &Path) -> u64 {
    let text = socket.as_os_str().as_encoded_bytes();
    text.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// The first number that no device and nobody in `taken` has. `dev` is `/dev`.
///
/// # Errors
/// [`Error::Refused`] when there is none.
pub fn free(dev: &Path, taken: &[u32]) -> Result<u32> {
    (0..MOST)
        .find(|n| !taken.contains(n) && !dev.join(format!("ublkc{n}")).exists())
        .ok_or_else(|| Error::Refused("all ublk devices are in use".into()))
}

fn open_control() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/ublk-control")
}

fn is(e: &io::Error, errno: Errno) -> bool {
    e.raw_os_error() == Some(errno as i32)
}

/// What the driver says of a device; nothing when there is none.
fn info(control_device: &File, number: u32) -> io::Result<Option<Info>> {
    let mut b = [0; INFO];
    match sys::control(control_device, control::GET_INFO, number, &mut b, 0) {
        Ok(_) => Ok(Some(Info::parse(&b))),
        Err(e) if is(&e, Errno::ENODEV) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Takes a device away, whatever became of its server; fine when it is gone or is not the one with this tag.
///
/// # Errors
/// The driver's.
pub fn remove(number: u32, tag: u64) -> Result<()> {
    let control_device = match open_control() {
        // Without the driver there are no devices.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if info(&control_device, number)?.is_some_and(|i| i.tag == tag) {
        sys::control(&control_device, control::STOP, number, &mut [], 0)?;
        delete(&control_device, number)?;
    }
    Ok(())
}

fn delete(control_device: &File, number: u32) -> Result<()> {
    // Somebody may still have it open: the number becomes free when they let go, which is not waited for.
    match sys::control(control_device, control::DELETE_ASYNC, number, &mut [], 0) {
        Err(e) if is(&e, Errno::EOPNOTSUPP) || is(&e, Errno::EINVAL) || e.raw_os_error() == Some(524) => {
            sys::control(control_device, control::DELETE, number, &mut [], 0)?;
        }
        Err(e) if is(&e, Errno::ENODEV) => {}
        other => drop(other?),
    }
    Ok(())
}

/// A block device that this process serves.
pub struct Device {
    control: File,
    number: u32,
    threads: Vec<JoinHandle<()>>,
}

impl Device {
    /// Makes `export` the block device `number`, or takes that device over from a server of the same tag that died.
    /// It can be used on return.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a driver too old; [`Error::Refused`] for a number somebody else has; the driver's.
    pub fn start(number: u32, tag: u64, export: &Arc<Export>) -> Result<Device> {
        let control_device = open_control()?;
        let mut b = [0; 8];
        sys::control(&control_device, control::FEATURES, u32::MAX, &mut b, 0)
            .map_err(|e| Error::Unsupported(format!("the kernel's ublk driver is too old: {e}")))?;
        if u64::from_ne_bytes(b) & feature::NEEDED != feature::NEEDED {
            return Err(Error::Unsupported("the kernel's ublk driver is too old".into()));
        }
        let (info, again) = match info(&control_device, number)? {
            Some(there) if there.tag == tag => (there, true),
            Some(_) => return Err(Error::Refused(format!("ublk device {number} belongs to somebody else"))),
            None => (add(&control_device, number, tag, export)?, false),
        };
        let mut device = Device { control: control_device, number, threads: Vec::new() };
        match device.run(&info, again, export) {
            Ok(()) => Ok(device),
            Err(e) => {
                // A device that guests may be using waits for the next server; a new one goes.
                if !again {
                    let _ = remove(number, tag);
                }
                Err(e)
            }
        }
    }

    fn run(&mut self, info: &Info, again: bool, export: &Arc<Export>) -> Result<()> {
        if again {
            self.take_over()?;
        }
        let path = PathBuf::from(format!("/dev/ublkc{}", self.number));
        let file = Arc::new(appear(&path)?);
        let (tell, hear) = mpsc::channel();
        for n in 0..info.queues {
            let (file, export, tell) = (Arc::clone(&file), Arc::clone(export), tell.clone());
            let depth = info.depth;
            let max_bytes = info.max_bytes as usize;
            let serve = move || match Queue::new(file, n, depth, max_bytes, export) {
                Err(e) => drop(tell.send(Some(e))),
                Ok(queue) => {
                    let _ = tell.send(None);
                    if let Err(e) = queue.serve() {
                        eprintln!("xennix-disk: ublk queue {n}: {e}");
                    }
                }
            };
            self.threads.push(std::thread::Builder::new().name(format!("ublk-{n}")).spawn(serve)?);
        }
        drop(tell);
        if let Some(failed) = hear.iter().take(usize::from(info.queues)).flatten().next() {
            return Err(failed.into());
        }
        let command = if again { control::END_RECOVERY } else { control::START };
        let pid = u64::from(std::process::id());
        sys::control(&self.control, command, self.number, &mut [], pid)?;
        if !again {
            // The node is made by the system's device manager.
            appear(&node(self.number))?;
        }
        Ok(())
    }

    /// Waits until the driver has noticed that the server before is gone, and asks for its device.
    fn take_over(&self) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let quiet = info(&self.control, self.number)?.is_some_and(|i| i.state == wire::state::QUIESCED);
            let done = sys::control(&self.control, control::START_RECOVERY, self.number, &mut [], 0);
            match done {
                Ok(_) => return Ok(()),
                Err(e) if Instant::now() >= end || (quiet && !is(&e, Errno::EBUSY)) => return Err(e.into()),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Takes the device away; requests that run are answered first.
    ///
    /// # Errors
    /// The driver's.
    pub fn stop(self) -> Result<()> {
        let stopped = sys::control(&self.control, control::STOP, self.number, &mut [], 0);
        if stopped.is_ok() {
            for thread in self.threads {
                let _ = thread.join();
            }
        }
        delete(&self.control, self.number)?;
        Ok(stopped.map(drop)?)
    }
}

/// Makes a device that is not started yet.
fn add(control_device: &File, number: u32, tag: u64, export: &Export) -> Result<Info> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = Info {
        queues: processors.min(4) as u16,
        depth: DEPTH,
        state: 0,
        max_bytes: MAX_BYTES,
        device: number,
        server: 0,
        features: feature::NEEDED,
        tag,
    };
    let mut b = wanted.bytes();
    sys::control(control_device, control::ADD, number, &mut b, 0).map_err(|e| {
        if is(&e, Errno::EEXIST) {
            Error::Refused(format!("ublk device {number} belongs to somebody else"))
        } else {
            Error::Io(e)
        }
    })?;
    let info = Info::parse(&b);
    let mut parameters = wire::parameters(export.size(), export.read_only(), info.max_bytes);
    let set = sys::control(control_device, control::SET_PARAMETERS, number, &mut parameters, 0);
    if let Err(e) = set {
        let _ = delete(control_device, number);
        return Err(e.into());
    }
    Ok(info)
}

/// Opens a node as soon as it is there.
fn appear(path: &Path) -> io::Result<File> {
    let end = Instant::now() + PATIENCE;
    loop {
        match OpenOptions::new().read(true).write(true).open(path) {
            // A server that died lets go of the device a moment after it is gone.
            Err(e)
                if (e.kind() == io::ErrorKind::NotFound || is(&e, Errno::EBUSY)) && Instant::now() < end =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(e) if is(&e, Errno::EACCES) || is(&e, Errno::EROFS) => {
                return OpenOptions::new().read(true).open(path);
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_tags() {
        let dev = tempfile::tempdir().expect("tempdir");
        std::fs::write(dev.path().join("ublkc0"), "").expect("write");
        std::fs::write(dev.path().join("ublkc2"), "").expect("write");
        assert_eq!(free(dev.path(), &[1]).expect("free"), 3);
        assert_ne!(tag(Path::new("/run/a/nbd")), tag(Path::new("/run/b/nbd")));
    }

    #[test]
    fn without_the_driver_there_is_nothing_to_remove() {
        if !Path::new("/dev/ublk-control").exists() {
            remove(0, 1).expect("nothing");
        }
    }
}
