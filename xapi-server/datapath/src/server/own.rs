//! Our own disk server, one process for each disk: started so that it outlives this process, told to end, and waited
//! for.

use super::{DiskServer, EXPORT, Told, end, has_ended, hold, lock, output};
use crate::choice::Kind;
use crate::error::{Error, Result};
use crate::record::Record;
use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use xennix_disk::nbd::control::{Command as Control, send};
use xennix_disk::nbd::state::State;
use xennix_disk::vhd::pending::Pending;

/// The server of the record in a directory.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    dir: PathBuf,
    /// `xennix-disk`.
    program: PathBuf,
    /// How long it may take to start or to end.
    patience: Duration,
}

impl Server {
    pub(crate) fn at(dir: PathBuf, program: &Path, patience: Duration) -> Server {
        Server { dir, program: program.to_owned(), patience }
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

    /// What a server wrote down about itself, dead or alive.
    fn state(&self) -> Option<State> {
        State::load(&self.state_file()).ok()
    }

    /// Makes sure that no server runs and none is being started; the lock that keeps it so.
    fn settle(&self) -> Result<File> {
        // Somebody may have started one and died before it was ready.
        let late = "one that is being started does not come up";
        lock(&self.dir, self.patience, late, || self.stop_running())
    }

    fn stop_running(&self) -> Result<()> {
        let Some(state) = self.state() else { return Ok(()) };
        let Some(alive) = hold(state.pid, state.started) else { return Ok(()) };
        if let Err(e) = send(&state.control, &Control::Stop)
            && hold(state.pid, state.started).is_some()
        {
            return Err(Error::Server(format!("process {} does not answer: {e}", state.pid)));
        }
        if has_ended(&alive, self.patience)? {
            Ok(())
        } else {
            Err(Error::Server(format!("process {} does not end", state.pid)))
        }
    }
}

impl DiskServer for Server {
    fn socket(&self) -> PathBuf {
        self.dir.join("nbd")
    }

    fn hold(&self) -> Option<OwnedFd> {
        self.state().and_then(|s| hold(s.pid, s.started))
    }

    fn image(&self) -> Option<PathBuf> {
        self.state().map(|s| s.image)
    }

    fn owes(&self) -> Result<bool> {
        Ok(!self.is_alive() && Pending::is_waiting(&self.pending())?)
    }

    fn start(&self, record: &Record) -> Result<()> {
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
        let lock = self.settle()?;
        let child = Command::new(&self.program)
            .args(&arguments)
            // The lock goes with the process and ends with it, whatever becomes of this one.
            .stdin(Stdio::from(lock))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Error::Server(format!("{}: {e}", self.program.display())))?;
        let starter = child.id();
        let Some(output) = output(child, self.patience, &|| ())? else {
            // What is half-started ends by itself as soon as it finds that nobody listens.
            end(starter);
            return Err(Error::Server(format!("not ready after {} s", self.patience.as_secs())));
        };
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(Error::Server(text.trim().trim_start_matches("xennix-disk: ").to_owned()));
        }
        self.state().map(drop).ok_or_else(|| Error::Server("it left no state file".into()))
    }

    fn tell(&self, command: &Control) -> Result<Told> {
        Ok(send(&self.control(), command)?.into())
    }

    fn stop(&self) -> Result<()> {
        self.settle().map(drop)
    }
}
