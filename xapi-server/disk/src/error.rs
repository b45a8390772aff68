//! What can go wrong with an image, as one type. It never hides an I/O error behind a guess about the format.

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A structure that does not say what the format demands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {detail}")]
pub struct FormatError {
    /// Which structure: `footer`, `header`, `BAT`, ...
    pub part: &'static str,
    /// What is wrong with it, for people.
    pub detail: String,
}

impl FormatError {
    /// A format error about `part`.
    pub fn new(part: &'static str, detail: impl Into<String>) -> Self {
        FormatError { part, detail: detail.into() }
    }
}

/// Everything this crate can fail with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or device failed.
    #[error("I/O: {0}")]
    Io(#[from] std::io::Error),
    /// A structure on disk is damaged or not of this format.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// The image was disabled on purpose while its metadata moved (cookie `v_poison`); only the journal of that
    /// move can bring it back.
    #[error("image is disabled by an interrupted metadata move; replay its resize journal first")]
    Poisoned,
    /// Well formed, but something this engine refuses to touch.
    #[error("unsupported: {0}")]
    Unsupported(String),
    /// The images do not form the chain they claim to form.
    #[error("chain: {0}")]
    Chain(String),
    /// Another image that this one stands on, or that may stand on it, can't be read; `source` says whether it or its
    /// device is to blame.
    #[error("{name:?}: {source}")]
    Beside {
        /// Its name.
        name: String,
        /// What is wrong.
        source: Box<Error>,
    },
    /// The container of fixed size cannot take the next block.
    #[error("no space in the volume: {need} bytes needed, {have} there")]
    NoSpace {
        /// Bytes the volume would need to have.
        need: u64,
        /// Bytes it has.
        have: u64,
    },
    /// A request outside the virtual disk, or not in whole sectors.
    #[error("request at byte {offset}, {len} bytes, is outside the disk or not in whole sectors")]
    Range {
        /// First byte asked for.
        offset: u64,
        /// Number of bytes asked for.
        len: u64,
    },
    /// A write to something opened for reading.
    #[error("image is open for reading only")]
    ReadOnly,
    /// The disk is no longer served.
    #[error("the disk is no longer served")]
    Stopped,
    /// An operation that the present state of the volumes forbids; nothing was changed.
    #[error("refused: {0}")]
    Refused(String),
}

impl Error {
    /// A format error about `part`.
    pub fn format(part: &'static str, detail: impl Into<String>) -> Self {
        Error::Format(FormatError::new(part, detail))
    }

    /// The error of the device, where one is the reason, however deep in a chain. An image that ends too early is
    /// damaged, not its device.
    pub fn device(&self) -> Option<&std::io::Error> {
        match self {
            Error::Io(e) => (e.kind() != std::io::ErrorKind::UnexpectedEof).then_some(e),
            Error::Beside { source, .. } => source.device(),
            _ => None,
        }
    }
}
