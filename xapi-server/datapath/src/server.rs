//! One disk server: started so that it outlives this process, told to end, and waited for. Never kills one that may
//! still hold what a guest wrote.

use crate::choice::Kind;
use crate::error::{Error, Result};
use crate::record::Record;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use xennix_disk::nbd::control::{Command as Control, Status, send};
use xennix_disk::nbd::state::State;
use xennix_disk::vhd::pending::Pending;

/// The export's name on every socket.
pub(crate) const EXPORT: &str = "disk";

/// The server of the record in a directory.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    dir: PathBuf,
}

impl Server {
    pub(crate) fn at(dir: &Path) -> Server {
        Server { dir: dir.to_owned() }
    }

    /// Where the emulator's client connects.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("nbd")
    }

    fn control(&self) -> PathBuf {
        self.dir.join("control")
    }

    fn state_file(&self) -> PathBuf {
        self.dir.join("state")
    }

    fn pending(&self) -> PathBuf {
        self.dir.join("pending")
    }

    /// Did a server die that had acknowledged something it had not made durable? Only another server can.
    pub(crate) fn owes(&self) -> Result<bool> {
        Ok(!self.is_alive() && Pending::is_waiting(&self.pending())?)
    }

    /// What a server wrote down about itself, dead or alive.
    pub(crate) fn state(&self) -> Option<State> {
        State::load(&self.state_file()).ok()
    }

    /// Does it run?
    pub(crate) fn is_alive(&self) -> bool {
        self.state().is_some_and(|s| s.is_alive())
    }

    /// Starts it; returns when clients may connect. The process is nobody's child afterwards.
    ///
    /// # Errors
    /// [`Error::Server`] with its own words; when `patience` ends the half-started process ends by itself as soon as
    /// it finds that nobody listens.
    pub(crate) fn start(&self, program: &Path, record: &Record, patience: Duration) -> Result<State> {
        let mut arguments: Vec<OsString> = Vec::new();
        if record.spec.fixed {
            arguments.push("--fixed".into());
        }
        arguments.extend(["serve".into(), record.spec.image.clone().into()]);
        for (flag, value) in [
            ("--socket", self.socket().into_os_string()),
            ("--control", self.control().into_os_string()),
            ("--state", self.state_file().into_os_string()),
            ("--pending", self.pending().into_os_string()),
            ("--export", EXPORT.into()),
            ("--format", record.spec.format.clone().into()),
        ] {
            arguments.extend([flag.into(), value]);
        }
        if !record.writable {
            arguments.push("--read-only".into());
        }
        if let Some(track) = &record.spec.track {
            arguments.extend(["--track".into(), track.clone().into()]);
        }
        if let (Some(Kind::Ublk), Some(number)) = (record.kind, record.device) {
            arguments.extend(["--ublk".into(), number.to_string().into()]);
        }
        arguments.push("--detach".into());
        let lock = self.settle(patience)?;
        let child = Command::new(program)
            .args(&arguments)
            // The lock goes with the process and ends with it, whatever becomes of this one.
            .stdin(Stdio::from(lock))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Error::Server(format!("{}: {e}", program.display())))?;
        let starter = nix::unistd::Pid::from_raw(child.id().cast_signed());
        let (tell, hear) = mpsc::channel();
        std::thread::Builder::new().name("disk-start".into()).spawn(move || {
            let _ = tell.send(child.wait_with_output());
        })?;
        let output = match hear.recv_timeout(patience) {
            Ok(output) => output?,
            Err(_) => {
                let _ = nix::sys::signal::kill(starter, nix::sys::signal::Signal::SIGKILL);
                return Err(Error::Server(format!("not ready after {} s", patience.as_secs())));
            }
        };
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(Error::Server(text.trim().trim_start_matches("xennix-disk: ").to_owned()));
        }
        self.state().ok_or_else(|| Error::Server("it left no state file".into()))
    }

    /// Tells it something.
    pub(crate) fn tell(&self, command: &Control) -> Result<Status> {
        Ok(send(&self.control(), command)?)
    }

    /// Ends it and waits until the process is gone, one that is only being started as well; fine when it is gone
    /// already.
    ///
    /// # Errors
    /// [`Error::Server`] when it does not answer or does not end within `patience`.
    pub(crate) fn stop(&self, patience: Duration) -> Result<()> {
        self.settle(patience).map(drop)
    }

    /// Makes sure that no server runs and none is being started; the lock that keeps it so.
    fn settle(&self, patience: Duration) -> Result<File> {
        let path = self.dir.join("lock");
        let lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let end = Instant::now() + patience;
        loop {
            self.stop_running(patience)?;
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(e)) => return Err(e.into()),
                // Somebody started one and died before it was ready.
                Err(TryLockError::WouldBlock) if Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Server("one that is being started does not come up".into()));
                }
            }
        }
    }

    fn stop_running(&self, patience: Duration) -> Result<()> {
        let Some(state) = self.state() else { return Ok(()) };
        let Some(alive) = hold(&state) else { return Ok(()) };
        if let Err(e) = send(&state.control, &Control::Stop)
            && hold(&state).is_some()
        {
            return Err(Error::Server(format!("process {} does not answer: {e}", state.pid)));
        }
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(alive.as_fd(), PollFlags::POLLIN)];
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut fds, left) {
                Ok(n) if n > 0 => return Ok(()),
                Err(nix::errno::Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
                Ok(_) if Instant::now() >= end => {
                    return Err(Error::Server(format!("process {} does not end", state.pid)));
                }
                Ok(_) => {}
            }
        }
    }
}

/// A handle of the process of a state, which becomes readable when the process ends; nothing when it is gone.
pub(crate) fn hold(state: &State) -> Option<OwnedFd> {
    let fd = pidfd_open(Pid::from_raw(state.pid.cast_signed())?, PidfdFlags::empty()).ok()?;
    // The number might have been given to another process before it was opened.
    state.is_alive().then_some(fd)
}
