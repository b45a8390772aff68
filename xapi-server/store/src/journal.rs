//! [`Journal`]: where changes become durable. SQLite on one host; shipping to members and an external
//! engine for pools take the same five calls.

use arcstr::ArcStr;
use xapi_schema::ClassId;

/// One object's new stored form.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its class.
    pub class: ClassId,
    /// Its reference.
    pub reference: ArcStr,
    /// The body, or `None` when the object is gone.
    pub body: Option<String>,
}

/// Changes that become durable together.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Generation of the last of them.
    pub generation: u64,
    /// Term of the writer; an older one must be refused.
    pub epoch: u64,
    /// Each object once.
    pub changes: Vec<Change>,
}

/// An object as the journal holds it.
#[derive(Debug, Clone)]
pub struct StoredRow {
    /// Name of its class, which this version may not know.
    pub class: String,
    /// Its reference.
    pub reference: String,
    /// Its body.
    pub body: String,
}

/// Everything a journal holds.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// Objects in order of their making.
    pub rows: Vec<StoredRow>,
    /// No generation up to this one may be handed out again.
    pub reserved: u64,
    /// Term of the last writer.
    pub epoch: u64,
}

/// A journal refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk or the engine on it.
    #[error("{0}")]
    Storage(String),
    /// Written by a newer version.
    #[error("the state was written by a newer version (format {found}, this version reads {known})")]
    Newer {
        /// Format found.
        found: i64,
        /// Newest format this version reads.
        known: i64,
    },
    /// Damaged.
    #[error("the state is damaged: {0}")]
    Damaged(String),
}

/// Where changes become durable.
pub trait Journal: Send {
    /// Everything there is.
    ///
    /// # Errors
    /// See [`JournalError`].
    fn load(&mut self) -> Result<Loaded, JournalError>;

    /// Makes a batch durable; when it returns, a power cut loses nothing of it.
    ///
    /// # Errors
    /// [`JournalError::Storage`]; then nothing of the batch is there.
    fn append(&mut self, batch: &Batch) -> Result<(), JournalError>;

    /// Makes durable that generations up to this one may have been handed out.
    ///
    /// # Errors
    /// [`JournalError::Storage`].
    fn reserve(&mut self, generation: u64) -> Result<(), JournalError>;
}

/// A journal that forgets: for tests and for a store that lives in memory only.
#[derive(Debug, Default)]
pub struct MemoryJournal;

impl Journal for MemoryJournal {
    fn load(&mut self) -> Result<Loaded, JournalError> {
        Ok(Loaded::default())
    }

    fn append(&mut self, _: &Batch) -> Result<(), JournalError> {
        Ok(())
    }

    fn reserve(&mut self, _: u64) -> Result<(), JournalError> {
        Ok(())
    }
}
