//! Files written so that a cut leaves either the whole file or none: beside, synced, renamed. Each is summed while it is
//! copied. Directories made here are root's own.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Bytes.
    pub size: u64,
    /// SHA-256, in hexadecimal digits.
    pub sha256: String,
}

/// Makes a directory and those above it, readable by its owner only.
///
/// # Errors
/// The system's error.
pub fn directory(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io(path))
}

/// Sum of what a reader gives.
///
/// # Errors
/// The system's error.
pub fn sum(mut from: impl Read) -> io::Result<Written> {
    let mut out = Summed { inner: io::sink(), hasher: Sha256::new(), size: 0 };
    io::copy(&mut from, &mut out)?;
    Ok(out.finish())
}

struct Summed<W> {
    inner: W,
    hasher: Sha256,
    size: u64,
}

impl<W> Summed<W> {
    fn finish(self) -> Written {
        Written { size: self.size, sha256: crate::host::certificate::hex(&self.hasher.finalize()) }
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp~");
    path.with_file_name(name)
}

/// A file whose content something else writes; it appears under its name only when that has worked.
///
/// # Errors
/// The system's error; nothing is left then.
pub fn file(path: &Path, mode: u32, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    if let Some(parent) = path.parent() {
        directory(parent)?;
    }
    let temporary = beside(path);
    let write = || -> io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        fill(&mut file)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&temporary);
        Error::io(path)(e)
    })
}

/// A copy of what a reader gives.
///
/// # Errors
/// As [`file`].
pub fn copy(path: &Path, mode: u32, mut from: impl Read) -> Result<Written> {
    let mut written = None;
    file(path, mode, |out| {
        let mut summed = Summed { inner: out, hasher: Sha256::new(), size: 0 };
        io::copy(&mut from, &mut summed)?;
        written = Some(summed.finish());
        Ok(())
    })?;
    written.ok_or_else(|| Error::io(path)(io::Error::other("nothing was written")))
}

/// Makes names in a directory durable.
///
/// # Errors
/// The system's error.
pub fn sync(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(Error::io(path))
}

/// A directory that is made whole beside and takes the place of an older one of its kind. `ours` tells whether the older
/// one is of that kind: anything else is never replaced.
///
/// # Errors
/// The system's error, and a directory that is not ours.
pub fn replace(
    path: &Path,
    ours: impl Fn(&Path) -> bool,
    fill: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let occupied = path.exists() && fs::read_dir(path).map_err(Error::io(path))?.next().is_some();
    if occupied && !ours(path) {
        return Err(Error::refused(
            "OUT_OCCUPIED",
            format!("{} holds something else: name an empty directory", path.display()),
        ));
    }
    let partial = with_suffix(path, ".partial");
    let old = with_suffix(path, ".old");
    for leftover in [&partial, &old] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).map_err(Error::io(leftover))?;
        }
    }
    directory(&partial)?;
    if let Err(e) = fill(&partial) {
        let _ = fs::remove_dir_all(&partial);
        return Err(e);
    }
    sync(&partial)?;
    if path.exists() {
        fs::rename(path, &old).map_err(Error::io(path))?;
    }
    fs::rename(&partial, path).map_err(Error::io(path))?;
    if old.exists() {
        fs::remove_dir_all(&old).map_err(Error::io(&old))?;
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
        _ => sync(Path::new(".")),
    }
}

/// The path with something behind its last name.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    path.with_file_name(name)
}
