//! [`Journal`]: where changes become durable. SQLite on one host; shipping to members and an external
//! engine for pools take the same four calls.

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

/// What a journal remembers besides objects.
#[derive(Debug, Clone, Copy, Default)]
pub struct Marks {
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
    /// What it remembers besides objects.
    ///
    /// # Errors
    /// See [`JournalError`].
    fn marks(&mut self) -> Result<Marks, JournalError>;

    /// Hands over every object in order of their making, one at a time: all of them at once would be in
    /// memory twice.
    ///
    /// # Errors
    /// See [`JournalError`]; then what was handed over is not everything.
    fn load(&mut self, each: &mut dyn FnMut(StoredRow)) -> Result<(), JournalError>;

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
    fn marks(&mut self) -> Result<Marks, JournalError> {
        Ok(Marks::default())
    }

    fn load(&mut self, _: &mut dyn FnMut(StoredRow)) -> Result<(), JournalError> {
        Ok(())
    }

    fn append(&mut self, _: &Batch) -> Result<(), JournalError> {
        Ok(())
    }

    fn reserve(&mut self, _: u64) -> Result<(), JournalError> {
        Ok(())
    }
}
