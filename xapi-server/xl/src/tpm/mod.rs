//! The TPM of a guest: the program `swtpm`, one process for each domain that has one, with which the emulator speaks.
//!
//! What a TPM keeps is a file in a directory of its own, named by the VTPM. It outlives the domain and this toolstack until
//! whoever keeps the records has taken it over and says so: nothing is read from it too early, and nothing of it is lost.
//! The program ends by itself with its emulator; here it is ended when the domain is gone, whatever became of the emulator.

mod state;

use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Weak,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use xapi_backend::{
    hypervisor::{DomainEvent, Happened, Tpm},
    program::Program,
};
use xapi_facts::Root;
use xapi_schema::{Failure, Result, errors};

use crate::{
    emulator::{self, knows_tpm},
    shared::Shared,
};

/// What a TPM of version 2 keeps, as the program names it.
const STATE: &str = "tpm2-00.permall";
/// The socket the emulator speaks to.
const SOCKET: &str = "control";
/// The largest state that is kept.
const LARGEST: u64 = 4 << 20;
/// How long a program may take to start, and to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often those of running guests are looked at.
const CALM: Duration = Duration::from_secs(15);
/// Between two looks at one that is ending.
const LOOK: Duration = Duration::from_millis(20);

/// The programs a TPM needs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The TPM itself: a name looked up in PATH, or a path.
    pub swtpm: PathBuf,
    /// The emulator xl starts; where nothing is said it is looked for.
    pub emulator: Option<PathBuf>,
}

impl Default for Programs {
    fn default() -> Programs {
        Programs { swtpm: "swtpm".into(), emulator: None }
    }
}

fn processes() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The directories of the TPMs.
#[derive(Debug, Clone)]
pub struct Tpms {
    dir: PathBuf,
    programs: Programs,
}

fn told(what: &str, path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::internal(format!("a TPM {what}: {}: {error}", path.display()))
}

impl Tpms {
    /// Opens the directory, making it if needed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(dir: &Path, programs: Programs) -> io::Result<Tpms> {
        // Emulators are told of it, who work elsewhere.
        let dir = std::path::absolute(dir)?;
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Tpms { dir, programs })
    }

    /// Where all are.
    pub fn place(&self) -> &Path {
        &self.dir
    }

    fn of(&self, uuid: &str) -> Result<PathBuf> {
        // A uuid becomes a file name, so nothing else may.
        if uuid.is_empty() || !uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(Failure::internal(format!("{uuid:?} is no uuid")));
        }
        Ok(self.dir.join(uuid))
    }

    /// What this host lacks for guests with a TPM.
    ///
    /// # Errors
    /// NOT_IMPLEMENTED, which names it.
    pub async fn possible(&self) -> Result<()> {
        let refused = |why: String| Failure::not_implemented(&format!("a virtual TPM: {why}"));
        let version = Program::new(&self.programs.swtpm).arg("--version").run().await;
        if !version.is_ok_and(|output| output.status == 0) {
            return Err(refused("there is no swtpm on this host".into()));
        }
        let Some(emulator) = self.programs.emulator.clone().or_else(|| emulator::find(&Root::default()))
        else {
            return Err(refused("the emulator that xl starts is not found".into()));
        };
        // It prints the list as if it were a mistake to ask.
        let asked = Program::new(&emulator).args(["-tpmdev", "help"]).run().await;
        let known = asked.is_ok_and(|output| knows_tpm(&output.stdout) || knows_tpm(&output.stderr));
        let without = || refused(format!("the emulator {} is built without", emulator.display()));
        if known { Ok(()) } else { Err(without()) }
    }

    /// Starts a TPM with what it keeps. None is started over a state that nobody has taken over.
    ///
    /// # Errors
    /// INVALID_VALUE for a state that cannot be one; those of the program and the file system. Then there is none.
    pub async fn begin(&self, tpm: &Tpm) -> Result<()> {
        let dir = self.of(&tpm.uuid)?;
        self.end(&tpm.uuid).await?;
        if self.state(&tpm.uuid)?.is_some_and(|left| left != tpm.contents) {
            return Err(told("holds a state that is not in the record yet", &dir, &tpm.uuid));
        }
        let wrong = |why: &str| errors::INVALID_VALUE.with(["VTPM.contents", why]);
        let contents = STANDARD.decode(tpm.contents.trim()).map_err(|e| wrong(&e.to_string()))?;
        let state = match contents.is_empty() {
            true => &contents[..],
            false => state::state(&contents).ok_or_else(|| wrong("is no state of a TPM"))?,
        };
        self.write(&dir, state).map_err(|e| told("has no place for its state", &dir, &e))?;
        let shown = dir.display();
        let words = [
            "socket".to_string(),
            "--tpm2".into(),
            "--tpmstate".into(),
            format!("dir={shown},mode=0600"),
            "--ctrl".into(),
            socket_word(&dir),
            "--log".into(),
            format!("file={shown}/log"),
            "--pid".into(),
            format!("file={shown}/pid"),
            // It outlives whoever starts it, and ends with the emulator.
            "--daemon".into(),
            "--terminate".into(),
        ];
        let started = Program::new(&self.programs.swtpm).args(words).deadline(PATIENCE).succeed().await;
        if let Err(error) = started {
            let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
            let last = log.lines().last().unwrap_or_default();
            return Err(Failure::internal(format!("the TPM could not be started: {error} {last}")));
        }
        Ok(())
    }

    fn write(&self, dir: &Path, state: &[u8]) -> io::Result<()> {
        if let Err(error) = fs::remove_dir_all(dir)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        DirBuilder::new().mode(0o700).create(dir)?;
        if !state.is_empty() {
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(dir.join(STATE))?;
            file.write_all(state)?;
            file.sync_all()?;
            File::open(dir)?.sync_all()?;
        }
        File::open(&self.dir)?.sync_all()
    }

    /// Ends the program of a TPM, if it runs; what it keeps stays.
    ///
    /// # Errors
    /// One that does not end.
    pub async fn end(&self, uuid: &str) -> Result<()> {
        let dir = self.of(uuid)?;
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let until = Instant::now() + PATIENCE;
            loop {
                let left = running(&dir);
                if left.is_empty() {
                    return Ok(());
                }
                for pid in left {
                    match kill(Pid::from_raw(pid), signal) {
                        Ok(()) | Err(Errno::ESRCH) => {}
                        Err(error) => return Err(told("cannot be ended", &dir, &error)),
                    }
                }
                if Instant::now() > until {
                    break;
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Err(told("does not end", &dir, &"it was killed"))
    }

    /// What a TPM keeps now, in base64; nothing where it never kept anything, or what it kept was taken over.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn state(&self, uuid: &str) -> Result<Option<String>> {
        let path = self.of(uuid)?.join(STATE);
        let bytes = match fs::metadata(&path) {
            Ok(found) if found.len() > LARGEST => return Err(told("keeps too much", &path, &found.len())),
            Ok(_) => fs::read(&path),
            Err(error) => Err(error),
        };
        match bytes {
            Ok(bytes) if state::is_whole(&bytes) => Ok(Some(STANDARD.encode(bytes))),
            // The host died before its file was on the disk.
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(told("cannot be read", &path, &error)),
        }
    }

    /// Forgets what a TPM kept, which is in the record now; one that runs stays, and one that keeps something else by now.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn forget(&self, uuid: &str, kept: Option<&str>) -> Result<()> {
        let dir = self.of(uuid)?;
        // In this order: one that does not run any more writes nothing after it was looked at.
        if !running(&dir).is_empty() || self.state(uuid)?.as_deref() != kept {
            return Ok(());
        }
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(told("cannot be forgotten", &dir, &error))
            }
            _ => Ok(()),
        }
    }

    /// Every TPM that runs, or keeps what is not in a record yet.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn all(&self) -> Result<Vec<String>> {
        let entries = fs::read_dir(&self.dir).map_err(|e| told("cannot be found", &self.dir, &e))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter(|name| self.of(name).is_ok()).collect())
    }
}

/// The socket of the TPM of this uuid below the directory of all.
pub fn socket(place: &Path, uuid: &str) -> PathBuf {
    place.join(uuid).join(SOCKET)
}

fn socket_word(dir: &Path) -> String {
    format!("type=unixio,path={},mode=0600", dir.join(SOCKET).display())
}

/// The program of the TPM in this directory, known by the socket it was given.
fn running(dir: &Path) -> Vec<i32> {
    let word = socket_word(dir);
    let is = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|other| other == word.as_bytes())
    };
    processes().into_iter().filter(is).collect()
}

/// Tells when what a TPM of a guest keeps changed, for as long as somebody holds the domains: what is written into the
/// record while a guest runs is what remains when the host dies.
pub async fn follow(shared: Weak<Shared>) {
    let mut known: HashMap<String, String> = HashMap::new();
    loop {
        tokio::time::sleep(CALM).await;
        let Some(strong) = shared.upgrade() else { return };
        let specs = strong.records.all().unwrap_or_default().into_iter().filter(|record| !record.probe);
        let guests: Vec<_> =
            specs.filter_map(|record| Some((record.spec.uuid, record.spec.details.tpm?.uuid))).collect();
        known.retain(|uuid, _| guests.iter().any(|(_, tpm)| tpm == uuid));
        for (guest, tpm) in guests {
            match strong.tpms.state(&tpm) {
                Ok(Some(now)) if known.get(&tpm) != Some(&now) => {
                    known.insert(tpm, now);
                    // Nobody listening is fine: it is asked for when the guest ends.
                    let _ = strong.events.send(DomainEvent { uuid: guest, what: Happened::Firmware });
                }
                Ok(_) => {}
                Err(failure) => tracing::debug!(%failure, guest, "a TPM cannot be read at the moment"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_become_directories() {
        let dir = tempfile::tempdir().expect("a directory");
        let tpms = Tpms::open(&dir.path().join("tpm"), Programs::default()).expect("opens");
        for bad in ["", "..", "a/b", "../domains"] {
            assert!(tpms.state(bad).is_err() && tpms.forget(bad, None).is_err(), "{bad}");
        }
    }
}
