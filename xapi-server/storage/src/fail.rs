//! Failures as clients of the original stack know them: a number per kind of call, special numbers for what has one.

use std::io;

use nix::errno::Errno;
use xapi_backend::storage::backend_failure;
use xapi_schema::Failure;
use xennix_disk::Error;

/// What was tried; each has the number its failures carry when nothing more is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Looking through an SR.
    Scan,
    /// Making a volume.
    Create,
    /// Destroying one.
    Delete,
    /// Freezing one.
    Snapshot,
    /// Making a writable copy.
    Clone,
    /// Growing one.
    Resize,
    /// Making one reachable, or letting go of it.
    Attach,
    /// Loading what is known of one.
    Load,
    /// Anything else.
    Other,
}

impl Doing {
    fn told(self) -> (u32, &'static str) {
        match self {
            Doing::Scan => (40, "The SR scan failed"),
            Doing::Create => (78, "VDI Creation failed"),
            Doing::Delete => (80, "Failed to mark VDI hidden"),
            Doing::Snapshot => (82, "Failed to snapshot VDI"),
            Doing::Clone => (81, "Failed to clone VDI"),
            Doing::Resize => (110, "The VDI resize failed"),
            Doing::Attach => (46, "The VDI is not available"),
            Doing::Load => (65, "Error loading the VDI"),
            Doing::Other => (202, "General backend error"),
        }
    }

    /// A failure of this kind with a detail.
    pub fn failure(self, detail: &str) -> Failure {
        let (number, text) = self.told();
        backend_failure(number, text, detail)
    }

    /// An error of the image engine.
    pub fn disk(self, error: &Error) -> Failure {
        if let Some(device) = error.device() {
            // A chain that can't be read for its device is no damaged chain.
            return self.told_by(device, &error.to_string());
        }
        match error {
            Error::NoSpace { .. } => no_space(&error.to_string()),
            Error::Chain(text) if text.contains("more than") => chain_too_long(text),
            Error::Refused(text) if text.contains("coalesce first") => chain_too_long(text),
            Error::Refused(text) if text.contains("open for writing elsewhere") => in_use(),
            other => self.failure(&other.to_string()),
        }
    }

    /// An error of the system.
    pub fn io(self, error: &io::Error) -> Failure {
        self.told_by(error, &error.to_string())
    }

    /// An error of the system, with a text that says more.
    fn told_by(self, error: &io::Error, text: &str) -> Failure {
        use io::ErrorKind as Kind;
        match (errno(error), error.kind()) {
            (Some(Errno::ENOSPC | Errno::EDQUOT), _) | (_, Kind::StorageFull | Kind::QuotaExceeded) => {
                no_space(text)
            }
            (Some(Errno::EIO), _) => backend_failure(200, "IO error", text),
            (Some(Errno::EROFS), _) | (_, Kind::ReadOnlyFilesystem) => {
                backend_failure(461, "The file system cannot be written", text)
            }
            _ => self.failure(text),
        }
    }
}

/// The system's number of an error. Libraries that say where it happened keep it in the text alone.
fn errno(error: &io::Error) -> Option<Errno> {
    let wrapped = || {
        let text = error.to_string();
        let number = text.strip_suffix(')')?.rsplit_once("(os error ")?.1;
        number.parse().ok()
    };
    error.raw_os_error().or_else(wrapped).map(Errno::from_raw)
}

fn chain_too_long(detail: &str) -> Failure {
    backend_failure(109, "The snapshot chain is too long", detail)
}

/// No room.
pub fn no_space(detail: &str) -> Failure {
    backend_failure(44, "There is insufficient space", detail)
}

/// A size the format or the rules do not allow.
pub fn bad_size(detail: &str) -> Failure {
    backend_failure(79, "VDI Invalid size", detail)
}

/// Somebody has it open.
pub fn in_use() -> Failure {
    Failure::new("VDI_IN_USE", Vec::<String>::new())
}

/// No such volume.
pub fn missing(sr: &str, location: &str) -> Failure {
    xapi_schema::errors::VDI_MISSING.with([sr, location])
}
