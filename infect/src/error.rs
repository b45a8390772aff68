//! What can go wrong, as one type. A file that is not what it should be is told with its name, the place in
//! it and what was expected there; it is never guessed past.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A line, counted from 1.
    Line(u64),
    /// A byte, counted from 0.
    Offset(u64),
    /// The file as a whole.
    File,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Line(line) => write!(f, ", line {line}"),
            At::Offset(byte) => write!(f, ", byte {byte}"),
            At::File => Ok(()),
        }
    }
}

/// Everything this crate can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or device could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}{at}: expected {expected}, found {found}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        at: At,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Well formed, but it must not be done; nothing was changed.
    #[error("{code}: {reason}")]
    Refused {
        /// Code of the refusal, as in the catalogue of checks where it is one of those.
        code: &'static str,
        /// Why, and what would help.
        reason: String,
    },
    /// Not part of this version.
    #[error("{0} is not part of this version")]
    NotBuilt(&'static str),
    /// The answer could not be printed.
    #[error("the answer could not be printed: {0}")]
    Output(io::Error),
}

impl Error {
    /// An I/O error about a file.
    pub fn io(path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { path, source }
    }

    /// A file that is not what it should be.
    pub fn malformed(path: &Path, at: At, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Malformed { path: path.to_path_buf(), at, expected: expected.into(), found: found.into() }
    }

    /// A refusal.
    pub fn refused(code: &'static str, reason: impl Into<String>) -> Error {
        Error::Refused { code, reason: reason.into() }
    }
}

impl From<crate::host::Malformed> for Error {
    fn from(e: crate::host::Malformed) -> Error {
        let at = if e.line == 0 { At::File } else { At::Line(e.line as u64) };
        Error::Malformed { path: e.file.into(), at, expected: e.expected, found: e.found }
    }
}
