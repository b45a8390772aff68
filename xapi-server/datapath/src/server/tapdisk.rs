//! The original stack's disk process, driven by its `tap-ctl`. It serves raw images and VHDs, can be paused and given
//! another image, and offers a socket for NBD (older ones: a block device). It claims no image, notes no changes,
//! merges nothing and passes no flush on; what it can't do is refused here. Never ends one by a signal, and never
//! touches one that this crate did not start.

use super::claims::Claims;
use super::tap_ctl::{Failure, Tap, TapCtl};
use super::{DiskServer, Told, has_ended, hold, lock};
use crate::error::{Error, Result};
use crate::record::{Record, Spec};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xapi_backend::storage::DataPath;
use xennix_disk::chain::Format;
use xennix_disk::nbd::control::Command as Control;
use xennix_disk::nbd::state::start_ticks;

/// Layout of what is written down.
const VERSION: u32 = 1;
/// What its messages have room for; longer names would be cut without a word.
const LONGEST: usize = 250;
/// Where devices of the older ones are.
const DEVICES: &str = "/dev/xen/blktap-2";

/// What is written down about one, before and after it is started.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    version: u32,
    /// The image it has, or had until it was paused.
    image: PathBuf,
    /// Type and path as the process was told last.
    args: String,
    /// May it write the image?
    writable: bool,
    /// Nothing while it is being started.
    process: Option<Process>,
}

/// A running one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Process {
    pid: u32,
    /// In the kernel's ticks since boot.
    started: u64,
    /// The number its disk has.
    minor: u32,
    /// What `tap-ctl` printed: a file that stands for the number, or a block device.
    name: PathBuf,
}

impl Process {
    fn hold(&self) -> Option<OwnedFd> {
        hold(self.pid, self.started)
    }

    /// Process and disk, as every command wants them.
    fn command<'a>(&self, name: &'a str, more: &[&'a str]) -> Vec<String> {
        let (pid, minor) = (self.pid.to_string(), self.minor.to_string());
        [name, "-p", &pid, "-m", &minor].iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    fn device(&self) -> Option<PathBuf> {
        self.name.starts_with(DEVICES).then(|| self.name.clone())
    }

    /// Its socket of this kind, where it has any: beside the directory of the numbers.
    fn socket(&self, kind: &str, with_minor: bool) -> Option<PathBuf> {
        let control = self.name.parent().and_then(Path::parent).filter(|_| self.device().is_none())?;
        let minor = if with_minor { format!(".{}", self.minor) } else { String::new() };
        Some(control.join(format!("{kind}{}{minor}", self.pid)))
    }

    /// Takes away what a dead one left.
    fn sweep(&self, ctl: &TapCtl, lock: &File) {
        if self.name.exists() {
            // Refused where somebody else was given the number meanwhile.
            let _ = ctl.change(&["free", "-m", &self.minor.to_string()], lock);
        }
        let disk = ["nbd", "nbd-old", "nbdserver", "nbdserver-new"].map(|kind| self.socket(kind, true));
        let process = ["ctl", "nbdclient"].map(|kind| self.socket(kind, false));
        for path in disk.into_iter().chain(process).flatten() {
            // Their names hold the number of a process that is gone.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The server of the record in a directory.
pub(crate) struct Tapdisk {
    id: String,
    dir: PathBuf,
    ctl: TapCtl,
    claims: Arc<Claims>,
}

/// Does the directory of a disk tell of one?
pub(crate) fn is_in(dir: &Path) -> bool {
    dir.join("tapdisk").exists()
}

/// Refuses disks it does not serve.
///
/// # Errors
/// [`Error::Refused`] with why.
pub(crate) fn check(spec: &Spec) -> Result<()> {
    let refused = |why: &str| Err(Error::Refused(format!("tapdisk can't serve the disk {}: {why}", spec.id)));
    if let Some(log) = &spec.track {
        let log = log.display();
        return refused(&format!("it would not note what changes in {log}; disable changed block tracking"));
    }
    arguments(&spec.format, &spec.image)?;
    if spec.fixed && !std::fs::metadata(&spec.image)?.file_type().is_block_device() {
        return refused("it would grow a file that must not grow");
    }
    Ok(())
}

/// Type and path in its words.
fn arguments(format: &str, image: &Path) -> Result<String> {
    let kind = match format {
        "raw" | "aio" => "aio",
        "vhd" => "vhd",
        other => return Err(Error::Refused(format!("tapdisk serves no {other} image"))),
    };
    let good = |path: &&str| path.len() <= LONGEST && !path.contains('\n') && path.starts_with('/');
    let path = image.to_str().filter(good);
    let path = path.ok_or_else(|| Error::Refused(format!("tapdisk takes no path as {}", image.display())))?;
    Ok(format!("{kind}:{path}"))
}

/// What an image is by its name, else what the one before was.
fn format_of<'a>(image: &Path, before: &'a str) -> &'a str {
    match image.file_name().and_then(|name| Format::of_name(name.to_str()?)) {
        Some(Format::Raw) => "raw",
        Some(Format::Vhd) => "vhd",
        Some(Format::Qcow2) => "qcow2",
        None => before.split(':').next().unwrap_or_default(),
    }
}

/// Do two paths lead to the same file?
fn same(path: &str, image: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    Path::new(path) == image || real(Path::new(path)) == real(image)
}

impl Tapdisk {
    pub(crate) fn at(id: &str, dir: PathBuf, ctl: TapCtl, claims: Arc<Claims>) -> Tapdisk {
        Tapdisk { id: id.to_owned(), dir, ctl, claims }
    }

    fn state(&self) -> Option<State> {
        let text = std::fs::read_to_string(self.dir.join("tapdisk")).ok()?;
        serde_json::from_str(&text).ok().filter(|state: &State| state.version == VERSION)
    }

    fn save(&self, state: &State) -> Result<()> {
        let new = self.dir.join("tapdisk.new");
        std::fs::write(&new, serde_json::to_string(state).map_err(std::io::Error::other)? + "\n")?;
        Ok(std::fs::rename(new, self.dir.join("tapdisk"))?)
    }

    /// Waits until no command of this disk runs any more, also one whose caller was killed; and keeps it so.
    fn lock(&self) -> Result<File> {
        let mut tries = 0;
        lock(&self.dir, self.ctl.patience, "an earlier tap-ctl has not ended", || {
            tries += 1;
            // A pause whose caller was killed may sleep (see `TapCtl::pause`).
            if tries % 20 == 0
                && let Some(process) = self.state().and_then(|s| s.process).filter(|p| p.hold().is_some())
            {
                drop(self.ctl.list(Some(process.pid)));
            }
            Ok(())
        })
    }

    /// The process that runs.
    fn running(&self) -> Result<(State, Process)> {
        let state = self.state();
        let process = state.as_ref().and_then(|s| s.process.clone()).filter(|p| p.hold().is_some());
        state.zip(process).ok_or_else(|| Error::Server("no tapdisk runs".into()))
    }

    /// How the list says that it is. A pause that was cut off is ended first.
    fn look(&self, process: &Process, lock: &File) -> Result<Tap> {
        let find = || -> Result<Tap> {
            let found =
                self.ctl.list(Some(process.pid))?.into_iter().find(|t| t.minor == Some(process.minor));
            found.ok_or_else(|| Error::Server(format!("process {} does not know its disk", process.pid)))
        };
        let now = find()?;
        if now.is_half_paused() {
            self.ctl.pause(process.pid, &process.command("pause", &[]), lock)?;
            return find();
        }
        Ok(now)
    }

    /// Ends what runs or was being started; fine when there is nothing.
    fn end(&self, lock: &File) -> Result<()> {
        let Some(state) = self.state() else { return Ok(()) };
        let process = match state.process {
            Some(process) => Some(process),
            // Started by a daemon that could not write down what it was told. Nobody had the image before.
            None => self.find(&state.args)?,
        };
        if let Some(process) = process {
            if let Some(alive) = process.hold() {
                let told = self.ctl.change(&process.command("destroy", &[]), lock);
                let pid = process.pid;
                match (told, process.hold()) {
                    (_, None) => {}
                    (Err(e), Some(_)) => return Err(e.into()),
                    (Ok(_), Some(_)) if has_ended(&alive, self.ctl.patience)? => {}
                    (Ok(_), Some(_)) => return Err(Error::Server(format!("tapdisk {pid} does not end"))),
                }
            }
            process.sweep(&self.ctl, lock);
        }
        for name in ["nbd", "tapdisk"] {
            match std::fs::remove_file(self.dir.join(name)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The process that was started with these words.
    fn find(&self, args: &str) -> Result<Option<Process>> {
        let all = self.ctl.list(None)?;
        Ok(all.into_iter().filter(|tap| tap.args.as_deref() == Some(args)).find_map(|tap| {
            let (pid, minor) = tap.pid.zip(tap.minor)?;
            // What stands for the number goes with the disk.
            Some(Process { pid, started: start_ticks(pid)?, minor, name: PathBuf::new() })
        }))
    }

    /// Starts one for an image nobody else has, and writes down which it is.
    fn create(&self, record: &Record, args: String, lock: &File) -> Result<()> {
        let image = record.spec.image.clone();
        let mut state =
            State { version: VERSION, image, args: args.clone(), writable: record.writable, process: None };
        self.save(&state)?;
        let mut words = vec!["create", "-a", &args];
        if !record.writable {
            words.push("-R");
        }
        let printed = match self.ctl.change(&words, lock) {
            Ok(printed) => printed,
            Err(Failure::Said(e)) => {
                self.end(lock)?;
                return Err(e);
            }
            // It may come yet: what is written down leads to it.
            Err(Failure::Unknown(e)) => return Err(e),
        };
        let done = self.settle_in(&mut state, Path::new(printed.trim()));
        if done.is_err() {
            self.end(lock)?;
        }
        done
    }

    /// Finds out which process was started, and where clients find it.
    fn settle_in(&self, state: &mut State, name: &Path) -> Result<()> {
        let digits = name.to_str().unwrap_or_default().rsplit(|c: char| !c.is_ascii_digit()).next();
        let minor = digits.and_then(|digits| digits.parse().ok());
        let mut process = self
            .find(&state.args)?
            .filter(|process| Some(process.minor) == minor)
            .ok_or_else(|| Error::Server(format!("tap-ctl does not list {}", name.display())))?;
        name.clone_into(&mut process.name);
        let socket = process.socket("nbd", true);
        state.process = Some(process);
        self.save(state)?;
        let Some(socket) = socket else { return Ok(()) };
        if !std::fs::metadata(&socket).is_ok_and(|about| about.file_type().is_socket()) {
            return Err(Error::Server(format!("tapdisk offers no socket {}", socket.display())));
        }
        // Its own name has the number of the process in it, which is another after each start.
        Ok(std::os::unix::fs::symlink(socket, self.socket())?)
    }
}

impl DiskServer for Tapdisk {
    fn socket(&self) -> PathBuf {
        self.dir.join("nbd")
    }

    fn device(&self) -> Option<PathBuf> {
        self.state()?.process?.device()
    }

    fn hold(&self) -> Option<OwnedFd> {
        self.state()?.process?.hold()
    }

    fn image(&self) -> Option<PathBuf> {
        self.state().map(|s| s.image)
    }

    fn owes(&self) -> Result<bool> {
        // It answers when the image has it.
        Ok(false)
    }

    fn start(&self, record: &Record) -> Result<()> {
        check(&record.spec)?;
        if let Some(DataPath::Block(device)) = &record.path
            && device.starts_with(DEVICES)
        {
            let device = device.display();
            return Err(Error::Server(format!("{device} is lost with its tapdisk: the disk must be closed")));
        }
        let args = arguments(&record.spec.format, &record.spec.image)?;
        let lock = self.lock()?;
        self.end(&lock)?;
        let all = self.ctl.list(None)?;
        if let Some(other) = all.iter().find(|t| t.path().is_some_and(|path| same(path, &record.spec.image)))
        {
            let (image, pid) = (record.spec.image.display(), other.pid.unwrap_or_default());
            return Err(Error::Refused(format!("another tapdisk, process {pid}, has {image} open")));
        }
        if record.writable {
            self.claims.take(&self.id, &record.spec.image)?;
        }
        self.create(record, args, &lock).inspect_err(|_| {
            if self.state().is_none() {
                self.claims.release(&self.id);
            }
        })
    }

    fn adopt(&self, record: &Record) -> Result<()> {
        if record.writable { self.claims.take(&self.id, &record.spec.image) } else { Ok(()) }
    }

    fn let_go(&self) {
        self.claims.release(&self.id);
    }

    fn tell(&self, command: &Control) -> Result<Told> {
        let lock = self.lock()?;
        // A process that is gone has no image open.
        let (mut state, process) = self.running().inspect_err(|_| self.claims.release(&self.id))?;
        let cannot = |what: &str| Err(Error::Refused(format!("tapdisk, which serves {}, {what}", self.id)));
        match command {
            Control::Status | Control::Track { log: None } => {}
            Control::Pause => {
                self.ctl.pause(process.pid, &process.command("pause", &[]), &lock)?;
                self.claims.release(&self.id);
            }
            Control::Resume { image } => {
                let image = image.clone().unwrap_or_else(|| state.image.clone());
                let args = arguments(format_of(&image, &state.args), &image)?;
                if !self.look(&process, &lock)?.is_paused() {
                    return Err(Error::Refused(format!("the disk {} is not paused", self.id)));
                }
                if state.writable {
                    self.claims.take(&self.id, &image)?;
                }
                if let Err(e) = self.ctl.change(&process.command("unpause", &["-a", &args]), &lock) {
                    if matches!(e, Failure::Said(_)) {
                        self.claims.release(&self.id);
                    }
                    return Err(e.into());
                }
                (state.image, state.args) = (image, args);
                self.save(&state)?;
            }
            Control::Flush => File::open(&state.image)?.sync_all()?,
            Control::Track { log: Some(_) } => return cannot("notes no changes"),
            Control::Coalesce { .. } => return cannot("merges nothing: it is done when the disk is closed"),
            Control::CancelCoalesce => return cannot("merges nothing"),
            Control::Stop => self.end(&lock)?,
        }
        let paused = !matches!(command, Control::Stop) && self.look(&process, &lock)?.is_paused();
        Ok(Told { image: state.image, paused, untracked: None, merge: None })
    }

    fn stop(&self) -> Result<()> {
        let lock = self.lock()?;
        self.end(&lock)?;
        self.claims.release(&self.id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_in_its_words_or_refused() {
        let long = format!("/{}", "x".repeat(LONGEST));
        let at = |format, path: &str| arguments(format, Path::new(path)).ok();
        assert_eq!(at("vhd", "/sr/a b.vhd").as_deref(), Some("vhd:/sr/a b.vhd"));
        assert_eq!(at("raw", "/dev/VG/LV-1").as_deref(), Some("aio:/dev/VG/LV-1"));
        assert!(at("vhd", &long[1..]).is_none() && at("vhd", &long).is_none());
        assert!(at("qcow2", "/a").is_none() && at("vhd", "a").is_none() && at("vhd", "/a\nb").is_none());
        // What a snapshot makes of a raw image is a VHD.
        assert_eq!(format_of(Path::new("/sr/b.vhd"), "aio:/sr/a.raw"), "vhd");
        assert_eq!(format_of(Path::new("/dev/mapper/x"), "vhd:/dev/mapper/y"), "vhd");
    }

    #[test]
    fn one_with_a_device_has_no_socket_and_one_with_a_socket_no_device() {
        let of = |name: &str| Process { pid: 7, started: 1, minor: 3, name: name.into() };
        let new = of("/run/blktap-control/tapdisk/tapdisk-3");
        assert_eq!(new.socket("nbd", true).as_deref(), Some(Path::new("/run/blktap-control/nbd7.3")));
        assert_eq!(new.socket("ctl", false).as_deref(), Some(Path::new("/run/blktap-control/ctl7")));
        assert_eq!(new.device(), None);
        let old = of("/dev/xen/blktap-2/tapdev3");
        assert_eq!((old.socket("nbd", true), old.device()), (None, Some("/dev/xen/blktap-2/tapdev3".into())));
        assert_eq!(new.command("unpause", &["-a", "vhd:/a"]).join(" "), "unpause -p 7 -m 3 -a vhd:/a");
    }
}
