//! What `xe` knows about fields, nouns and commands, as data.
//!
//! The text files under `data/` hold facts of the original command line (xen-api e2ee48d68) in a
//! form of our own; they are read once. Never here: API calls.

mod calls;
mod commands;
mod fields;
mod files;

pub use calls::{CallDef, Term, Word, call, calls};
pub use commands::{CommandDef, Noun, command, commands, noun, nouns};
pub use fields::{AddDef, FieldDef, Kind, Parser, RecordDef, Source, record};

use std::{collections::HashMap, sync::LazyLock};

/// Parameters every command understands; never taken as filters or fields.
pub const STANDARD: [&str; 10] = [
    "server",
    "password",
    "port",
    "username",
    "minimal",
    "force",
    "multiple",
    "all",
    "message-priority",
    "trace",
];

type TextTable = Vec<(&'static str, &'static str)>;

static TABLES: LazyLock<HashMap<&'static str, TextTable>> = LazyLock::new(|| {
    let lines = include_str!("data/tables.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut cells = line.split('\t');
            Some((cells.next()?, cells.filter_map(|cell| cell.split_once('=')).collect()))
        })
        .collect()
});

/// The text shown for an API text; the API text itself when the table does not have it.
pub fn shown<'a>(table: &str, text: &'a str) -> &'a str {
    let pairs = TABLES.get(table).map_or(&[][..], Vec::as_slice);
    pairs.iter().find(|(api, _)| *api == text).map_or(text, |(_, shown)| shown)
}

/// The API text for a shown text, exact.
pub fn unshown(table: &str, text: &str) -> Option<&'static str> {
    TABLES.get(table)?.iter().find(|(_, shown)| *shown == text).map(|(api, _)| *api)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_texts() {
        assert_eq!(shown("vm-power-state", "Halted"), "halted");
        assert_eq!(shown("on-crash-behaviour", "rename_restart"), "Rename restart");
        assert_eq!(shown("vm-operation", "brand_new"), "brand_new");
        assert_eq!(unshown("vm-operation", "data_sources_op"), Some("data_source_op"));
        assert_eq!(unshown("vm-operation", "bogus"), None);
    }
}
