//! The original stack's `tap-ctl` as a child process, and what its list says. Knows nothing of disks and records.

use super::{end, output};
use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A command that did not do what it was told.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It ended and said so; what it had begun it undid.
    Said(Error),
    /// It could not be started, or has not ended yet.
    Unknown(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Said(e) | Failure::Unknown(e) => e,
        }
    }
}

/// The program.
#[derive(Debug, Clone)]
pub(crate) struct TapCtl {
    /// Where it is, on a host that has it.
    pub(crate) program: Option<PathBuf>,
    /// How long it may take.
    pub(crate) patience: Duration,
}

impl TapCtl {
    /// Changes something; what it printed. `lock` stays locked for as long as the command runs, so that whoever comes
    /// after this process can wait for it: it is never ended from here, for nobody would know how far it came.
    pub(crate) fn change(&self, arguments: &[impl AsRef<OsStr>], lock: &File) -> Result<String, Failure> {
        let lock = lock.try_clone().map_err(|e| Failure::Unknown(e.into()))?;
        self.run(arguments, Stdio::from(lock), false, &|| ())
    }

    /// As [`change`](TapCtl::change) for `pause`. A process that had to wait for requests falls asleep when the last of
    /// them ends, for ten minutes, with the image closed and the command not answered; anything it is asked wakes it.
    pub(crate) fn pause(
        &self,
        pid: u32,
        arguments: &[impl AsRef<OsStr>],
        lock: &File,
    ) -> Result<String, Failure> {
        let lock = lock.try_clone().map_err(|e| Failure::Unknown(e.into()))?;
        // What it answers is of no use here; each question has an end of its own.
        self.run(arguments, Stdio::from(lock), false, &|| drop(self.list(Some(pid))))
    }

    fn run(
        &self,
        arguments: &[impl AsRef<OsStr>],
        stdin: Stdio,
        harmless: bool,
        meanwhile: &dyn Fn(),
    ) -> Result<String, Failure> {
        let what = arguments.first().map(|a| a.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
        let unknown = |text: String| Failure::Unknown(Error::Server(format!("tap-ctl {what}: {text}")));
        let program = self.program.as_ref().ok_or_else(|| unknown("it is not installed".into()))?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| unknown(e.to_string()))?;
        let pid = child.id();
        let Some(done) = output(child, self.patience, meanwhile).map_err(|e| unknown(e.to_string()))? else {
            if harmless {
                end(pid);
            }
            return Err(unknown(format!("no answer after {} s", self.patience.as_secs())));
        };
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        let text = String::from_utf8_lossy(&done.stderr);
        let text = text.trim().lines().last().map_or_else(|| done.status.to_string(), str::to_owned);
        Err(Failure::Said(Error::Server(format!("tap-ctl {what}: {text}"))))
    }

    /// All that `tap-ctl` knows of, or what the process `pid` serves.
    ///
    /// # Errors
    /// What it says, or that it says nothing.
    pub(crate) fn list(&self, pid: Option<u32>) -> Result<Vec<Tap>> {
        let mut arguments = vec!["list".to_owned()];
        if let Some(pid) = pid {
            arguments.extend(["-p".into(), pid.to_string()]);
        }
        let text = self.run(&arguments, Stdio::null(), true, &|| ())?;
        Ok(text.lines().map(Tap::parse).collect())
    }
}

/// One line of the list: a process, what it serves, or a number nobody uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tap {
    /// The process.
    pub(crate) pid: Option<u32>,
    /// The number its disk has.
    pub(crate) minor: Option<u32>,
    /// Bits that say how it is.
    state: u32,
    /// Type and path of the image.
    pub(crate) args: Option<String>,
}

mod state {
    pub(super) const PAUSE_REQUESTED: u32 = 0x10;
    pub(super) const PAUSED: u32 = 0x20;
}

impl Tap {
    fn parse(line: &str) -> Tap {
        let mut tap = Tap::default();
        // A path may hold anything but the end of a line, and comes last.
        let (words, args) = match line.strip_prefix("args=").map(|args| ("", args)) {
            Some(only) => (only.0, Some(only.1)),
            None => line.split_once(" args=").map_or((line, None), |(words, args)| (words, Some(args))),
        };
        tap.args = args.map(str::to_owned);
        for (key, value) in words.split_whitespace().filter_map(|word| word.split_once('=')) {
            let number = match value.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => value.parse().ok(),
            };
            match key {
                "pid" => tap.pid = number,
                "minor" => tap.minor = number,
                "state" => tap.state = number.unwrap_or(0),
                _ => {}
            }
        }
        tap
    }

    /// Does it hold no image, and does the guest wait?
    pub(crate) fn is_paused(&self) -> bool {
        self.state & state::PAUSED != 0
    }

    /// Did somebody begin to pause it and not end it? The guest waits, but the image is open.
    pub(crate) fn is_half_paused(&self) -> bool {
        !self.is_paused() && self.state & state::PAUSE_REQUESTED != 0
    }

    /// The path of the image.
    pub(crate) fn path(&self) -> Option<&str> {
        Some(self.args.as_deref()?.split_once(':')?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_whatever_the_paths_are_called() {
        let tap = Tap::parse("pid=2163 minor=0 state=0x2a args=vhd:/run/sr-mount/my sr/a pid=7.vhd");
        assert_eq!((tap.pid, tap.minor), (Some(2163), Some(0)));
        assert!(tap.is_paused() && !tap.is_half_paused());
        assert_eq!(tap.path(), Some("/run/sr-mount/my sr/a pid=7.vhd"));
        let tap = Tap::parse("pid=2163 minor=12 state=0 args=aio:/dev/VG/LV-1");
        assert_eq!((tap.minor, tap.is_paused(), tap.path()), (Some(12), false, Some("/dev/VG/LV-1")));
        assert!(Tap::parse("pid=1 minor=2 state=0x14 args=vhd:/a").is_half_paused());
        assert!(!Tap::parse("pid=1 minor=2 state=0x3a args=vhd:/a").is_half_paused());
        // A number without a process, a process without a disk, and lines of nobody.
        assert_eq!(Tap::parse("minor=3"), Tap { minor: Some(3), ..Tap::default() });
        assert_eq!(Tap::parse("pid=3"), Tap { pid: Some(3), ..Tap::default() });
        assert_eq!(Tap::parse("").args, None);
        assert_eq!(Tap::parse("args=vhd:/a").path(), Some("/a"));
    }
}
