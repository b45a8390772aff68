//! What the rest of this crate knows of the process that serves a disk, whichever program it is: ours
//! ([`own`]) or the original stack's ([`tapdisk`]). Never kills one that may still hold what a guest wrote.

pub(crate) mod claims;
pub(crate) mod own;
pub(crate) mod tap_ctl;
pub(crate) mod tapdisk;

use crate::error::{Error, Result};
use crate::record::Record;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Output};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use xennix_disk::nbd::control::{Command as Control, Merge, Status};
use xennix_disk::nbd::state::start_ticks;

/// The export's name on every socket.
pub(crate) const EXPORT: &str = "disk";

/// How often something is done while a child is waited for.
const MEANWHILE: Duration = Duration::from_millis(200);

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The image it serves, or served before it was paused.
    pub image: PathBuf,
    /// Does it hold no image, and does the guest wait?
    pub paused: bool,
    /// Why changes are not noted although they should be.
    pub untracked: Option<String>,
    /// The last merge.
    pub merge: Option<Merge>,
}

impl From<Status> for Told {
    fn from(status: Status) -> Told {
        let Status { image, paused, untracked, merge, .. } = status;
        Told { image, paused, untracked, merge }
    }
}

/// The server of one disk, running or not.
pub(crate) trait DiskServer {
    /// Where clients connect. The same for every process that serves this disk.
    fn socket(&self) -> PathBuf;

    /// The block device it offers by itself, without a socket.
    fn device(&self) -> Option<PathBuf> {
        None
    }

    /// A handle of the process, which becomes readable when the process ends; nothing when none runs.
    fn hold(&self) -> Option<OwnedFd>;

    /// Does it run?
    fn is_alive(&self) -> bool {
        self.hold().is_some()
    }

    /// The image as it was named last, by a process dead or alive.
    fn image(&self) -> Option<PathBuf>;

    /// Did a server die that had acknowledged something it had not put into the image? Only another server can.
    fn owes(&self) -> Result<bool>;

    /// Starts it; returns when clients may connect. The process is nobody's child afterwards.
    ///
    /// # Errors
    /// [`Error::Refused`] for a disk this server does not serve; [`Error::Server`] with its own words.
    fn start(&self, record: &Record) -> Result<()>;

    /// Takes on a running one that a predecessor of this process started.
    ///
    /// # Errors
    /// Somebody else has the image.
    fn adopt(&self, _record: &Record) -> Result<()> {
        Ok(())
    }

    /// Lets go of what this process held for one that is gone.
    fn let_go(&self) {}

    /// Tells it something.
    ///
    /// # Errors
    /// What it says; [`Error::Refused`] for what it can't do.
    fn tell(&self, command: &Control) -> Result<Told>;

    /// Ends it and waits until the process is gone, one that is only being started as well; fine when it is gone
    /// already.
    ///
    /// # Errors
    /// [`Error::Server`] when it does not answer or does not end in time.
    fn stop(&self) -> Result<()>;
}

/// A handle of the process `pid` that started at `started`, which becomes readable when the process ends; nothing
/// when it is gone.
pub(crate) fn hold(pid: u32, started: u64) -> Option<OwnedFd> {
    let fd = pidfd_open(Pid::from_raw(pid.cast_signed())?, PidfdFlags::empty()).ok()?;
    // The number might have been given to another process before it was opened.
    (start_ticks(pid) == Some(started)).then_some(fd)
}

/// Waits until the process of a handle has ended; false when `patience` ends first.
pub(crate) fn has_ended(process: &OwnedFd, patience: Duration) -> Result<bool> {
    let end = Instant::now() + patience;
    loop {
        let left = PollTimeout::try_from(end.saturating_duration_since(Instant::now()));
        let mut fds = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, left.unwrap_or(PollTimeout::MAX)) {
            Ok(n) if n > 0 => return Ok(true),
            Err(nix::errno::Errno::EINTR) => {}
            Err(e) => return Err(e.into()),
            Ok(_) if Instant::now() >= end => return Ok(false),
            Ok(_) => {}
        }
    }
}

/// What a child says until it ends; nothing when `patience` ends first. It is waited for all the same. `meanwhile` is
/// done again and again while it lasts.
pub(crate) fn output(child: Child, patience: Duration, meanwhile: &dyn Fn()) -> Result<Option<Output>> {
    let (tell, hear) = mpsc::channel();
    std::thread::Builder::new().name("disk-start".into()).spawn(move || {
        let _ = tell.send(child.wait_with_output());
    })?;
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Ok(output) = hear.recv_timeout(MEANWHILE) {
            return Ok(Some(output?));
        }
        meanwhile();
    }
    Ok(None)
}

/// Ends a child that is late.
pub(crate) fn end(child: u32) {
    let _ = kill(nix::unistd::Pid::from_raw(child.cast_signed()), Signal::SIGKILL);
}

/// The lock of the disk in `dir`, which whoever works on its server holds. It goes with a child and ends with it,
/// whatever becomes of this process. `meanwhile` is done before every try.
///
/// # Errors
/// [`Error::Server`] with `late` when `patience` ends; those of `meanwhile`.
pub(crate) fn lock(
    dir: &Path,
    patience: Duration,
    late: &str,
    mut meanwhile: impl FnMut() -> Result<()>,
) -> Result<File> {
    let path = dir.join("lock");
    let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let end = Instant::now() + patience;
    loop {
        meanwhile()?;
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(e)) => return Err(e.into()),
            Err(TryLockError::WouldBlock) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Err(Error::Server(late.into())),
        }
    }
}
