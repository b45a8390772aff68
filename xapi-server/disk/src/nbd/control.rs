//! What the daemon tells a disk server: lines of JSON on a socket of its own, one answer a line. Never carries guest
//! data.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub enum Command {
    /// Tell how it is.
    Status,
    /// Finish running requests, flush, close the image; further requests wait.
    Pause,
    /// Open the image again (of this name, where given) and go on.
    Resume {
        /// The image's new path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<PathBuf>,
    },
    /// From the next resume on, note what changes in this log, or in none. Only while paused.
    Track {
        /// The log.
        log: Option<PathBuf>,
    },
    /// Make everything written durable.
    Flush,
    /// Merge the single leaf that is served into its hidden parent, while the guest goes on. Answers at once;
    /// [`Status::merge`] tells how far it is.
    Coalesce {
        /// The disk's name afterwards, where the parent is raw.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Give a running merge up. The leaf stays what it is.
    CancelCoalesce,
    /// Close the image and end.
    Stop,
}

/// How far a merge is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Merge {
    /// Copying.
    Running {
        /// Bytes left, as of now: the guest may add to them.
        remaining: u64,
    },
    /// The parent is the leaf now.
    Done,
    /// It stopped; the leaf is what it was.
    Failed {
        /// Why.
        error: String,
    },
}

/// How a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The image it serves.
    pub image: PathBuf,
    /// Virtual size in bytes.
    pub size: u64,
    /// Is it paused?
    pub paused: bool,
    /// Are writes refused?
    pub read_only: bool,
    /// Clients connected.
    pub clients: usize,
    /// Why changes are not tracked although they should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untracked: Option<String>,
    /// The last merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<Merge>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How the server is after the command.
    pub status: Status,
}

/// Sends one command to the server at `control` and waits for its answer.
///
/// # Errors
/// The socket's error; [`Error::Refused`] with what the server says went wrong.
pub fn send(control: &Path, command: &Command) -> Result<Status> {
    let mut stream = UnixStream::connect(control)?;
    // A pause waits for requests that wait for a device; a dead server must not hang the caller for ever.
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    let mut line = serde_json::to_string(command).map_err(std::io::Error::other)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    let reply: Reply =
        serde_json::from_str(&answer).map_err(|e| Error::format("control answer", e.to_string()))?;
    match reply.error {
        None => Ok(reply.status),
        Some(e) => Err(Error::Refused(e)),
    }
}
