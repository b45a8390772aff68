//! The state directory an import makes: which files are in it, and who may touch it. The server owns it; this is
//! only what the two have to agree on.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use xapi_store::SqliteJournal;

use super::{storing, world::Home};
use crate::{At, Error, Result};

/// The server's objects.
pub const OBJECTS: &str = "state.sqlite";
/// What the import remembers of the file it read.
pub const IMPORTED: &str = "imported.json";
/// Rows that became no objects, in the old file's own form.
pub const ASIDE: &str = "imported-aside.db";
/// Who this host is, for the server's next starts.
pub const ADOPTED: &str = "adopted.toml";
/// The secret the members of the pool share.
pub const POOL_SECRET: &str = "pool-secret";
/// Held by whoever uses the directory.
const LOCK: &str = "lock";

/// What the import remembers of the file it read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Layout of this file.
    pub format: u64,
    /// SHA-256 of the file as it was given.
    pub sha256: String,
    /// Its schema: major.
    pub schema_major: u64,
    /// Its schema: minor.
    pub schema_minor: u64,
    /// Its generation.
    pub generation: u64,
    /// Pairs of its manifest nobody knows.
    pub manifest: BTreeMap<String, String>,
    /// uuid of the host the state is for.
    pub host: String,
    /// Its tables.
    pub tables: BTreeMap<String, Table>,
    /// Rows kept aside, by table and reason.
    pub aside: Vec<Aside>,
    /// Columns no field has.
    pub unknown_columns: Vec<Column>,
    /// Texts that are no value of their field; the field has its default.
    pub misfits: Vec<Column>,
    /// References that lead nowhere; they are kept as they are.
    pub dangling: Vec<Column>,
}

/// A table of the old file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its rows.
    pub rows: u64,
    /// Every column any of them has.
    pub columns: Vec<String>,
}

/// Rows of a table that became no objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// The table.
    pub table: String,
    /// Why.
    pub reason: String,
    /// How many.
    pub rows: u64,
}

/// A column of a row, or of several rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The table.
    pub table: String,
    /// The row; empty when several are meant.
    pub reference: String,
    /// The column.
    pub column: String,
    /// What is said of it: where it leads, what was expected.
    pub text: String,
}

#[derive(Serialize)]
struct Adopted<'a> {
    identity: Identity<'a>,
}

#[derive(Serialize)]
struct Identity<'a> {
    host_uuid: &'a str,
    control_domain_uuid: &'a str,
    hostname: &'a str,
    address: &'a str,
    management_interface: &'a str,
}

/// A state directory in use by this process.
pub struct Dir {
    path: PathBuf,
    _lock: File,
}

impl Dir {
    /// Takes over a state directory that exists.
    ///
    /// # Errors
    /// STATE_IN_USE when a server or another `infect` uses it; [`Error::Io`] when it is not there.
    pub fn open(path: &Path) -> Result<Dir> {
        if !path.join(OBJECTS).is_file() {
            return Err(Error::refused("STATE_MISSING", format!("{} holds no state", path.display())));
        }
        Dir::locked(path)
    }

    /// Makes a directory nobody has, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn make(path: &Path) -> Result<Dir> {
        DirBuilder::new().mode(0o700).create(path).map_err(Error::io(path))?;
        Dir::locked(path)
    }

    /// Takes the lock of a directory; the same one the server takes.
    ///
    /// # Errors
    /// STATE_IN_USE.
    pub fn locked(path: &Path) -> Result<Dir> {
        let file = path.join(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&file);
        let lock = lock.map_err(Error::io(&file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Dir { path: path.to_path_buf(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => {
                let reason = format!("{} is used by another process: stop the server first", path.display());
                Err(Error::refused("STATE_IN_USE", reason))
            }
            Err(fs::TryLockError::Error(error)) => Err(Error::Io { path: file, source: error }),
        }
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Its objects.
    ///
    /// # Errors
    /// A state that is damaged or of a newer version.
    pub fn objects(&self) -> Result<SqliteJournal> {
        let path = self.file(OBJECTS);
        SqliteJournal::open(&path).map_err(storing(&path))
    }

    /// What the import remembers.
    ///
    /// # Errors
    /// NOT_IMPORTED when the state was not imported; a malformed file.
    pub fn imported(&self) -> Result<Imported> {
        let path = self.file(IMPORTED);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let reason = format!("{} was not made by an import", self.path.display());
                return Err(Error::refused("NOT_IMPORTED", reason));
            }
            Err(error) => return Err(Error::Io { path, source: error }),
        };
        serde_json::from_str(&text).map_err(|error| {
            Error::malformed(
                &path,
                At::Line(error.line() as u64),
                "what an import remembers",
                error.to_string(),
            )
        })
    }

    /// Writes what the import remembers, and who this host is.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remember(&self, imported: &Imported, home: &Home) -> Result<()> {
        let text = serde_json::to_string(imported).map_err(|e| Error::Output(e.into()))?;
        self.write(IMPORTED, &text)?;
        let adopted = Adopted {
            identity: Identity {
                host_uuid: &home.uuid,
                control_domain_uuid: &home.control_domain,
                hostname: &home.hostname,
                address: &home.address,
                management_interface: &home.bridge,
            },
        };
        let text = toml::to_string(&adopted).map_err(|e| Error::Output(io::Error::other(e)))?;
        self.write(ADOPTED, &text)
    }

    /// Writes a file durably, readable by its owner only.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.file(name);
        let written = private(&path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(Error::io(&path))
    }
}

/// A new file readable by its owner only.
///
/// # Errors
/// When it is there already, or can't be made.
pub fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Makes names in a directory durable.
///
/// # Errors
/// [`Error::Io`].
pub fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(Error::io(path))
}
