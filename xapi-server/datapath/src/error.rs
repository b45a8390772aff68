//! What can go wrong on the way from a guest to a disk.

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything this crate can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused something.
    #[error("I/O: {0}")]
    Io(#[from] std::io::Error),
    /// What the disk server or the image says.
    #[error(transparent)]
    Disk(#[from] xennix_disk::Error),
    /// No such disk is open here.
    #[error("the disk {0} is not open")]
    NotOpen(String),
    /// The present state of the disk forbids it; nothing was changed.
    #[error("refused: {0}")]
    Refused(String),
    /// This host does not have what is asked for.
    #[error("not on this host: {0}")]
    NotHere(String),
    /// The disk server did not start, or does not answer.
    #[error("disk server: {0}")]
    Server(String),
}

impl From<nix::errno::Errno> for Error {
    fn from(e: nix::errno::Errno) -> Error {
        Error::Io(e.into())
    }
}
