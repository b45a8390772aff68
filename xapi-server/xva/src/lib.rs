//! XVA: the archive a VM is exported to and imported from. A tar archive, maybe compressed as a whole, of one
//! description ([`Ova`]) and the blocks of each disk with their checksums.
//!
//! Reads and writes streams, in constant memory. Never knows what an object means, never touches a disk.

mod checksum;
mod ova;
mod read;
mod write;

pub use ova::{Object, Ova, Version};
pub use read::{Sink, read, read_blocks};
pub use write::{Compression, Writer};

/// The newest form of archive this crate writes and reads: checksums lie beside the blocks.
pub const EXPORT_VERSION: i64 = 2;

/// Name of the description.
const DESCRIPTION: &str = "ova.xml";

/// Bytes of a block; the last one of a disk may be shorter.
pub const BLOCK: usize = 1 << 20;

/// Largest description read, bytes: a thousand times the usual.
const DESCRIPTION_LIMIT: u64 = 64 << 20;

/// What an archive can be refused for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stream or what takes the blocks failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The archive ends where more must come.
    #[error("the archive ends early")]
    Ended,
    /// Another member than the one that had to come: that one, and the one that came.
    #[error("{1:?} stands where {0:?} should")]
    Unexpected(String, String),
    /// A description that can't be understood.
    #[error("{0}")]
    Description(String),
    /// The archive is of a newer form.
    #[error("the archive is of form {0}, newer than {EXPORT_VERSION}")]
    Newer(i64),
    /// Blocks whose checksum is another.
    #[error("the checksums of {0} blocks are wrong")]
    Checksums(usize),
    /// What takes objects and blocks refused.
    #[error("{0}")]
    Refused(xapi_schema::Failure),
}
