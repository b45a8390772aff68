//! What can be wrong with the file, with the place and what was expected there.

use std::{fmt, io};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A place in the file. Real files are one long line, so the byte is told as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Line, counted from 1.
    pub line: u64,
    /// Byte, counted from 0 (after unpacking, where the file is compressed).
    pub byte: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, byte {}", self.line, self.byte)
    }
}

/// Why the file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk, or a damaged compressed stream.
    #[error("{place}: {source}")]
    Io {
        /// How far reading came.
        place: Place,
        /// Why it went no further.
        source: io::Error,
    },
    /// Not what it should be.
    #[error("{place}: expected {expected}, found {found}")]
    Malformed {
        /// Where.
        place: Place,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
}

impl Error {
    pub(crate) fn malformed(place: Place, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Error::Malformed { place, expected: expected.into(), found: found.into() }
    }

    /// Where reading stopped.
    pub fn place(&self) -> Place {
        match self {
            Error::Io { place, .. } | Error::Malformed { place, .. } => *place,
        }
    }
}

/// Text shortened for a message; a value may be megabytes, or a secret's whole text.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?} and {} bytes more", &text[..end], text.len() - end),
        None => format!("{text:?}"),
    }
}
