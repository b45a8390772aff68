//! The small file by which a disk server is found again after the daemon restarts. It is a hint: only the process it
//! names, started when it says, counts. Never trusted about what is on disk.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Layout of this file.
    pub version: u32,
    /// The server's process.
    pub pid: u32,
    /// When that process started, in the kernel's ticks since boot: tells a reused number apart.
    pub started: u64,
    /// The NBD socket.
    pub socket: PathBuf,
    /// The control socket, see [`super::control`].
    pub control: PathBuf,
    /// Name of the export.
    pub export: String,
    /// The image as it was named last.
    pub image: PathBuf,
    /// Are writes refused?
    pub read_only: bool,
}

/// The layout this crate writes.
pub const VERSION: u32 = 1;

impl State {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// The system's error; [`Error::Format`] for a file of another layout.
    pub fn load(path: &Path) -> Result<State> {
        let text = std::fs::read_to_string(path)?;
        let state: State =
            serde_json::from_str(&text).map_err(|e| Error::format("state file", e.to_string()))?;
        if state.version != VERSION {
            return Err(Error::format("state file", format!("version {}", state.version)));
        }
        Ok(state)
    }

    /// Writes the file at `path`, whole or not at all.
    ///
    /// # Errors
    /// The system's error.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        std::fs::write(&new, text + "\n")?;
        Ok(std::fs::rename(&new, path)?)
    }

    /// Does the process of this state still run?
    pub fn is_alive(&self) -> bool {
        start_ticks(self.pid).is_some_and(|t| t == self.started)
    }
}

/// The states in `directory` (files `*.state`) whose servers still run.
///
/// # Errors
/// The directory can't be read. Files that can't be are left out.
pub fn running(directory: &Path) -> Result<Vec<(PathBuf, State)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "state")
            && let Ok(state) = State::load(&path)
            && state.is_alive()
        {
            found.push((path, state));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// When process `pid` started, in ticks since boot; `None` when there is no such process, or only its remains.
pub fn start_ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows the last one is numbers.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_names_a_process_and_its_start() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("a.state");
        let pid = std::process::id();
        let mut state = State {
            version: VERSION,
            pid,
            started: start_ticks(pid).expect("own start"),
            socket: "/s".into(),
            control: "/c".into(),
            export: "e".into(),
            image: "/i.vhd".into(),
            read_only: false,
        };
        state.save(&path).expect("save");
        assert_eq!(State::load(&path).expect("load"), state);
        assert_eq!(running(dir.path()).expect("running").len(), 1);
        state.started += 1;
        state.save(&path).expect("save");
        assert!(!state.is_alive());
        assert!(running(dir.path()).expect("running").is_empty());
        std::fs::write(&path, "{}").expect("write");
        assert!(State::load(&path).is_err());
    }
}
