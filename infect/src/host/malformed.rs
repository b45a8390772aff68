//! What a reader says about a file it can't take: where, what was expected, what stands there. Never quotes a secret.

use serde::Serialize;

/// A file that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{file}:{line}: expected {expected}, found {found}")]
pub struct Malformed {
    /// Path inside the examined root.
    pub file: String,
    /// Line, counted from 1; 0 for binary files.
    pub line: usize,
    /// What should stand there.
    pub expected: String,
    /// What stands there, shortened.
    pub found: String,
}

/// Shorthand of the readers.
pub type Result<T> = std::result::Result<T, Malformed>;

/// Longest piece of a file that is quoted.
const QUOTED: usize = 60;

impl Malformed {
    /// An error at a line.
    pub fn at(file: &str, line: usize, expected: impl Into<String>, found: &str) -> Malformed {
        Malformed { file: file.to_owned(), line, expected: expected.into(), found: quote(found) }
    }

    /// An error whose content must not be shown.
    pub fn hidden(file: &str, line: usize, expected: impl Into<String>) -> Malformed {
        Malformed {
            file: file.to_owned(),
            line,
            expected: expected.into(),
            found: "something else (not shown: the file holds secrets)".into(),
        }
    }
}

fn quote(text: &str) -> String {
    if text.is_empty() {
        return "nothing".into();
    }
    let mut short: String = text.chars().take(QUOTED).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// The bytes as text.
///
/// # Errors
/// Where the first byte stands that is not UTF-8.
pub fn text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|e| {
        let line = bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        Malformed::at(file, line, "UTF-8 text", &format!("byte 0x{:02x}", bytes[e.valid_up_to()]))
    })
}

/// Lines with their numbers, without comments and empty ones, trimmed.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// One word, as files of a single token hold it.
///
/// # Errors
/// When there is none, or more than one.
pub fn word(file: &str, bytes: &[u8], what: &str) -> Result<String> {
    let text = text(file, bytes)?.trim();
    if text.is_empty() || text.split_whitespace().count() > 1 {
        return Err(Malformed::at(file, 1, what, text));
    }
    Ok(text.to_owned())
}
