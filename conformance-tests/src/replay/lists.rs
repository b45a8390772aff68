//! The committed lists beside the recordings: what may differ, what is not run, how much is reached.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;

use super::compare::Difference;
use crate::server::crate_dir;

/// A difference that is accepted.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerated {
    /// Name of a recording; those of calls when absent.
    #[serde(default)]
    pub recording: Option<String>,
    /// Number of the step; any step when absent.
    #[serde(default)]
    pub step: Option<u32>,
    /// End of the path of the difference, whole members.
    pub path: String,
    /// Why this is not a fault.
    pub reason: String,
}

impl Tolerated {
    /// Whether it speaks of this difference.
    pub fn covers(&self, step: u32, difference: &Difference) -> bool {
        self.step.is_none_or(|seq| seq == step)
            && (difference.path == self.path || difference.path.ends_with(&format!("/{}", self.path)))
    }
}

/// A step that can't be run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotRun {
    /// Name of a recording; those of calls when absent.
    #[serde(default)]
    pub recording: Option<String>,
    /// Number of the step.
    pub step: u32,
    /// What the recorded server lacked.
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToleratedFile {
    #[serde(default)]
    tolerated: Vec<Tolerated>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotRunFile {
    #[serde(default)]
    not_run: Vec<NotRun>,
}

fn data(name: &str) -> PathBuf {
    crate_dir().join("tests/data").join(name)
}

fn read<T: for<'de> Deserialize<'de>>(name: &str) -> Result<T, String> {
    let text = std::fs::read_to_string(data(name)).map_err(|e| format!("{name}: {e}"))?;
    toml::from_str(&text).map_err(|e| format!("{name}: {e}"))
}

/// Steps have the same numbers in the three recordings of calls, others have numbers of their own.
fn concerns(named: Option<&str>, recording: &str) -> bool {
    named.map_or(recording.contains("rpc"), |named| named == recording)
}

/// Accepted differences.
///
/// # Errors
/// An unreadable list.
pub fn tolerated(recording: &str) -> Result<Vec<Tolerated>, String> {
    let mut list = read::<ToleratedFile>("tolerated.toml")?.tolerated;
    list.retain(|item| concerns(item.recording.as_deref(), recording));
    Ok(list)
}

/// Steps that can't be run.
///
/// # Errors
/// An unreadable list.
pub fn not_run(recording: &str) -> Result<Vec<NotRun>, String> {
    let mut list = read::<NotRunFile>("not-run.toml")?.not_run;
    list.retain(|item| concerns(item.recording.as_deref(), recording));
    Ok(list)
}

/// Steps that must be equal, by the name of a recording.
///
/// # Errors
/// An unreadable list.
pub fn thresholds() -> Result<BTreeMap<String, usize>, String> {
    read("reached.toml")
}
