//! A place that holds images by name (a directory of files, a volume group) and the small durable notes that make
//! operations over several images restartable. Names never contain a path: a crafted parent locator can't reach
//! outside the place.

use crate::error::{Error, Result};
use crate::file::{Access, BlockFile, OsFile};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Prefix of note files in a directory.
const NOTE: &str = ".xennix-journal-";

/// A set of named images. `rename` and `create` never replace; each name change is atomic and, after
/// [`sync`](Volumes::sync), durable.
pub trait Volumes: Send + Sync {
    /// Names of everything that may be an image.
    ///
    /// # Errors
    /// The system's error.
    fn list(&self) -> Result<Vec<String>>;
    /// Is there an image of that name?
    ///
    /// # Errors
    /// The system's error.
    fn exists(&self, name: &str) -> Result<bool>;
    /// Opens an image.
    ///
    /// # Errors
    /// The system's error, `NotFound` when it is missing.
    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn BlockFile>>;
    /// Makes an image of at least `bytes` bytes, open for writing. Volumes may hold old bytes: callers write
    /// all they will read.
    ///
    /// # Errors
    /// The system's error, `AlreadyExists` when the name is taken.
    fn create(&self, name: &str, bytes: u64) -> Result<Arc<dyn BlockFile>>;
    /// Makes a volume at least `bytes` bytes long. Files grow by themselves: nothing to do.
    ///
    /// # Errors
    /// The system's error.
    fn ensure_size(&self, name: &str, bytes: u64) -> Result<()>;
    /// Gives back what a volume has behind its first `bytes` bytes. Files end where their image does: nothing to do.
    ///
    /// # Errors
    /// The system's error.
    fn shrink(&self, _: &str, _: u64) -> Result<()> {
        Ok(())
    }
    /// Renames an image.
    ///
    /// # Errors
    /// The system's error, `AlreadyExists` when `to` is taken.
    fn rename(&self, from: &str, to: &str) -> Result<()>;
    /// Removes an image.
    ///
    /// # Errors
    /// The system's error.
    fn remove(&self, name: &str) -> Result<()>;
    /// Returns when all name changes before are durable.
    ///
    /// # Errors
    /// The system's error.
    fn sync(&self) -> Result<()>;
    /// Stores a note durably, replacing the one under `key` as a whole or not at all.
    ///
    /// # Errors
    /// The system's error.
    fn put_note(&self, key: &str, text: &str) -> Result<()>;
    /// All notes as (key, text).
    ///
    /// # Errors
    /// The system's error.
    fn notes(&self) -> Result<Vec<(String, String)>>;
    /// Drops a note durably; nothing to do when there is none.
    ///
    /// # Errors
    /// The system's error.
    fn drop_note(&self, key: &str) -> Result<()>;
}

/// Refuses names that are not plain file names.
///
/// # Errors
/// [`Error::Refused`].
pub fn plain_name(name: &str) -> Result<&str> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(Error::Refused(format!("{name:?} is not a plain image name")));
    }
    Ok(name)
}

/// Is a note that is being written the work of a process that is gone? In doubt it is not.
fn is_of_the_dead(half: &str) -> bool {
    let writer = half.rsplit_once('.').and_then(|(_, writer)| writer.parse::<u32>().ok());
    let proc = Path::new("/proc");
    writer.is_some_and(|writer| proc.join("self").exists() && !proc.join(writer.to_string()).exists())
}

/// Images as files, or device nodes, of one directory.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    fixed: bool,
}

impl Directory {
    /// The images in `path`.
    pub fn new(path: impl Into<PathBuf>) -> Directory {
        Directory { path: path.into(), fixed: false }
    }

    /// The images in `path`, regular files treated as volumes of fixed size.
    pub fn fixed(path: impl Into<PathBuf>) -> Directory {
        Directory { path: path.into(), fixed: true }
    }

    /// The same place, with regular files treated as volumes of fixed size or not.
    pub fn with_fixed(self, fixed: bool) -> Directory {
        Directory { fixed, ..self }
    }

    /// The directory and name of the image at `path`.
    ///
    /// # Errors
    /// A path without a file name.
    pub fn of(path: &Path) -> Result<(Directory, String)> {
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .ok_or_else(|| Error::Refused(format!("{} names no image", path.display())))?;
        let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok((Directory::new(dir), name.to_owned()))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn at(&self, name: &str) -> Result<PathBuf> {
        Ok(self.path.join(plain_name(name)?))
    }
}

impl Volumes for Directory {
    fn list(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && !name.starts_with('.')
                && std::fs::metadata(entry.path())
                    .map_or(true, |m| m.is_file() || m.file_type().is_block_device())
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.at(name)?.try_exists()?)
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn BlockFile>> {
        Ok(Arc::new(OsFile::open(&self.at(name)?, access, self.fixed)?))
    }

    fn create(&self, name: &str, bytes: u64) -> Result<Arc<dyn BlockFile>> {
        Ok(Arc::new(OsFile::create(&self.at(name)?, bytes, self.fixed)?))
    }

    fn ensure_size(&self, name: &str, bytes: u64) -> Result<()> {
        if self.fixed {
            let file = OsFile::open(&self.at(name)?, Access::Write, false)?;
            if file.size()? < bytes {
                file.set_size(bytes)?;
            }
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.at(from)?, self.at(to)?);
        if to.try_exists()? {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        Ok(std::fs::rename(from, to)?)
    }

    fn remove(&self, name: &str) -> Result<()> {
        Ok(std::fs::remove_file(self.at(name)?)?)
    }

    fn sync(&self) -> Result<()> {
        Ok(File::open(&self.path)?.sync_all()?)
    }

    fn put_note(&self, key: &str, text: &str) -> Result<()> {
        let new = self.at(&format!("{NOTE}{key}.{}.new", std::process::id()))?;
        let written = std::fs::write(&new, text)
            .and_then(|()| File::open(&new)?.sync_all())
            .and_then(|()| std::fs::rename(&new, self.path.join(format!("{NOTE}{key}"))));
        if let Err(e) = written {
            // On a full file system the name of a note that could not be written would stay.
            let _ = std::fs::remove_file(&new);
            return Err(e.into());
        }
        self.sync()
    }

    fn notes(&self) -> Result<Vec<(String, String)>> {
        let mut notes = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && let Some(key) = name.strip_prefix(NOTE)
            {
                match key.strip_suffix(".new") {
                    None => notes.push((key.to_owned(), std::fs::read_to_string(entry.path())?)),
                    // Nobody acted on a note that was never whole.
                    Some(half) if is_of_the_dead(half) => drop(std::fs::remove_file(entry.path())),
                    Some(_) => {}
                }
            }
        }
        notes.sort();
        Ok(notes)
    }

    fn drop_note(&self, key: &str) -> Result<()> {
        match std::fs::remove_file(self.at(&format!("{NOTE}{key}"))?) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e.into()),
            _ => self.sync(),
        }
    }
}
