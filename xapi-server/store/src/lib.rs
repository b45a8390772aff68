//! Objects in memory, written through to a journal.
//!
//! Readers take an immutable [`Snapshot`] and never wait. All changes go through one writer, which
//! applies them to a working copy, makes the persistent part durable, publishes the new snapshot and
//! only then answers. References between objects are kept in step from the schema's relations.
//!
//! Never here: operations, sessions, wires. Classes are known only through the schema's tables.

pub mod body;
mod journal;
mod read;
mod snapshot;
mod sqlite;
mod table;
mod tx;
mod writer;

pub use journal::{Batch, Change, Journal, JournalError, Marks, MemoryJournal, StoredRow};
pub use read::Read;
pub use snapshot::Snapshot;
pub use sqlite::SqliteJournal;
pub use table::{Row, Tombstone};
pub use tx::Tx;
pub use writer::{OpenError, Store};

/// Answered when too many changes wait for the disk; nothing has changed and trying again is fine.
pub const STORE_BUSY: &str = "XENNIX_STORE_BUSY";
/// Answered when the disk refused a change; nothing has changed. Parameter: the reason.
pub const STORE_WRITE_FAILED: &str = "XENNIX_STORE_WRITE_FAILED";
