//! What must be known about a domain after a restart of the toolstack: a small file each, replaced whole and
//! durably.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use xapi_backend::hypervisor::{Disk, DomainSpec};
use xapi_schema::{Failure, Result};

use crate::firmware::State;

/// A domain of ours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// What it was built from, with what was plugged since.
    pub spec: DomainSpec,
    /// Volumes open for it: SR, location, writable.
    pub open: Vec<(String, String, bool)>,
    /// It was ended to be built again.
    pub rebuild: bool,
    /// It runs for a moment, to teach us its firmware.
    #[serde(default)]
    pub probe: bool,
    /// The memory image it was built from, until it goes on.
    #[serde(default)]
    pub image: Option<(String, String)>,
    /// A change of medium at work: the drive as it shall be, and the path of what it is given.
    #[serde(default)]
    pub changing: Option<(Disk, String)>,
    /// Its UEFI variables.
    #[serde(default)]
    pub variables: State,
}

impl Record {
    /// A domain that is about to be built.
    pub fn of(spec: DomainSpec) -> Record {
        let variables = State::None;
        Record { spec, open: vec![], rebuild: false, probe: false, image: None, changing: None, variables }
    }
}

/// The directory of the files.
#[derive(Debug, Clone)]
pub struct Records {
    dir: PathBuf,
}

impl Records {
    /// Opens the directory, making it if needed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(dir: &Path) -> io::Result<Records> {
        fs::create_dir_all(dir)?;
        Ok(Records { dir: dir.to_path_buf() })
    }

    fn path(&self, uuid: &str) -> Result<PathBuf> {
        // A uuid becomes a file name, so nothing else may.
        if uuid.is_empty() || !uuid.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
            return Err(Failure::internal(format!("{uuid:?} is no uuid")));
        }
        Ok(self.dir.join(format!("{uuid}.json")))
    }

    /// Where the configuration for xl goes.
    ///
    /// # Errors
    /// What is no uuid.
    pub fn config_path(&self, uuid: &str) -> Result<PathBuf> {
        Ok(self.path(uuid)?.with_extension("cfg"))
    }

    /// The record of a domain.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn get(&self, uuid: &str) -> Result<Option<Record>> {
        let path = self.path(uuid)?;
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|e| broken(&path, &e)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(broken(&path, &error)),
        }
    }

    /// Writes a record.
    ///
    /// # Errors
    /// Those of the file system; the old one stays then.
    pub fn put(&self, record: &Record) -> Result<()> {
        let path = self.path(&record.spec.uuid)?;
        let bytes = serde_json::to_vec(record).map_err(|e| broken(&path, &e))?;
        write(&path, &bytes).map_err(|e| broken(&path, &e))
    }

    /// Writes a configuration for xl, which reads it at once: after a crash of the machine nobody needs it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put_config(&self, uuid: &str, text: &str) -> Result<PathBuf> {
        let path = self.config_path(uuid)?;
        replace(&path, text.as_bytes()).map_err(|e| broken(&path, &e))?;
        Ok(path)
    }

    /// Forgets a domain.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(&self, uuid: &str) -> Result<()> {
        for path in [self.config_path(uuid)?, self.path(uuid)?] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(broken(&path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Every domain there is a record of; unreadable ones are logged and left.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn all(&self) -> Result<Vec<Record>> {
        let entries = fs::read_dir(&self.dir).map_err(|e| broken(&self.dir, &e))?;
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(uuid) = name.to_str().and_then(|name| name.strip_suffix(".json")) else { continue };
            match self.get(uuid) {
                Ok(record) => found.extend(record),
                Err(failure) => tracing::error!(%failure, "what was kept of a domain cannot be read"),
            }
        }
        Ok(found)
    }
}

fn broken(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::internal(format!("{}: {error}", path.display()))
}

/// Puts a file in the place of another.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::rename(beside(path, bytes)?.0, path)
}

/// A new file of root alone.
fn beside(path: &Path, bytes: &[u8]) -> io::Result<(PathBuf, File)> {
    use std::os::unix::fs::OpenOptionsExt;
    let beside = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    Ok((beside, file))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (beside, file) = beside(path, bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
