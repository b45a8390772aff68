//! [`Root`]: where the files of a machine are.

use std::{
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

/// Longest file that is read; what the kernel shows is far shorter.
const LONGEST: u64 = 8 << 20;

/// The directory that holds `proc`, `sys`, `etc`, `usr` and `var` of a machine.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Default for Root {
    fn default() -> Root {
        Root("/".into())
    }
}

impl Root {
    /// A machine whose files are below `path`.
    pub fn at(path: impl Into<PathBuf>) -> Root {
        Root(path.into())
    }

    /// A path of the machine.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A file's bytes; empty when it cannot be read.
    pub fn bytes(&self, path: impl AsRef<Path>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let read =
            fs::File::open(self.path(path)).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
        if read.is_ok() { bytes } else { Vec::new() }
    }

    /// A file's text; empty when it cannot be read.
    pub fn text(&self, path: impl AsRef<Path>) -> String {
        String::from_utf8_lossy(&self.bytes(path)).into_owned()
    }

    /// A file's text without what surrounds it.
    pub fn word(&self, path: impl AsRef<Path>) -> String {
        self.text(path).trim().to_string()
    }

    /// A file's number.
    pub fn number(&self, path: impl AsRef<Path>) -> Option<i64> {
        self.word(path).parse().ok()
    }

    /// Names in a directory, in order; empty when there is none.
    pub fn names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(path)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Whether something is there.
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// The last part of what a link points to; empty without.
    pub fn target(&self, path: impl AsRef<Path>) -> String {
        let target: io::Result<PathBuf> = fs::read_link(self.path(path));
        let name =
            target.ok().and_then(|target| target.file_name().map(|name| name.to_string_lossy().into_owned()));
        name.unwrap_or_default()
    }
}
