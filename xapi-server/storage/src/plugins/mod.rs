//! Storage drivers that are programs of their own: found in a directory, asked what they are, and called with one
//! XML-RPC document as their argument. They speak to the toolstack in a session of their own meanwhile and write rows
//! themselves; so what is in their SRs is what the records say after a call.
//!
//! [`protocol`] is the words, [`discover`] finds, [`records`] is what is asked of the database, `drive` calls, `storage`
//! says what is called.

mod answers;
pub mod discover;
mod drive;
mod kept;
mod own;
pub mod protocol;
pub mod records;
mod storage;

pub use discover::discover;
pub use drive::Plugins;
pub use records::{Records, SrFacts, VolumeFacts};
