//! The new host's configuration from the old host's files and database: text for text the same each time, and nothing
//! secret in it. What has no counterpart becomes a note, in the report and beside the setting.

pub mod handoff;
pub mod identity;
pub mod machine;
pub mod network;
pub mod nix;
pub mod storage;

use crate::host::Host;
use crate::pool::{Pool, Row};
use crate::{Error, Result, Severity};
use serde::Serialize;
use std::collections::BTreeMap;

/// Where the flake that is built on comes from.
pub const URL: &str = "github:xennix/xennix";

/// What everything is made from.
pub struct Context<'a> {
    /// The host's files.
    pub host: &'a Host,
    /// The pool's database.
    pub pool: &'a Pool,
    /// The host's own row in it.
    pub row: &'a Row,
}

/// Something that could not be carried over as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Its code.
    pub code: &'static str,
    /// What it is about.
    pub subject: String,
    /// What became of it.
    pub text: String,
}

impl Note {
    /// A note.
    pub fn new(code: &'static str, subject: &str, text: impl Into<String>) -> Note {
        Note { code, subject: subject.to_owned(), text: text.into() }
    }
}

/// A configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generated {
    /// Texts by file name.
    pub files: BTreeMap<String, String>,
    /// What could not be carried over as it was.
    pub notes: Vec<Note>,
}

impl Generated {
    /// Its notes as a report.
    pub fn report(&self) -> crate::Report {
        let mut report = crate::Report::default();
        for note in &self.notes {
            report.add(note.code, Severity::Warn, note.subject.clone(), note.text.clone(), "");
        }
        report
    }
}

/// The host's own row.
///
/// # Errors
/// When the inventory can't be read, or the database knows no such host.
pub fn context<'a>(host: &'a Host, pool: &'a Pool) -> Result<Context<'a>> {
    let Some(inventory) = &host.inventory else {
        return Err(Error::refused("FILE_MISSING", "without its inventory nobody knows which host this is"));
    };
    let row = pool.by_uuid("host", inventory.host_uuid()).ok_or_else(|| {
        let text = format!(
            "the database knows no host {}: it is another pool's, or older than this host",
            inventory.host_uuid()
        );
        Error::refused("DB_HOST", text)
    })?;
    Ok(Context { host, pool, row })
}

/// Makes the configuration.
///
/// # Errors
/// See [`context`].
pub fn generate(host: &Host, pool: &Pool, url: &str) -> Result<Generated> {
    let cx = context(host, pool)?;
    let mut notes = Vec::new();
    let files = [
        ("flake.nix", identity::flake(&cx, url)),
        ("hardware.nix", machine::hardware(&cx, &mut notes)),
        ("disks.nix", machine::disks(&cx, &mut notes)),
        ("network.nix", network::write(&cx, &mut notes)),
        ("storage.nix", storage::write(&cx, &mut notes)),
        ("pool.nix", identity::pool(&cx, &mut notes)),
    ];
    notes.dedup();
    Ok(Generated { files: files.map(|(name, text)| (name.to_owned(), text)).into(), notes })
}
