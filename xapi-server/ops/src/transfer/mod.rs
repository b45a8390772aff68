//! Disks and VMs on their way in and out: raw bytes, images, archives. Streams, in constant memory, without
//! temporary files.
//!
//! Knows no HTTP: bytes come from an [`Upload`] and go to a [`Download`], whatever is behind them.

mod describe;
mod export;
mod hold;
mod import;
mod lend;
mod pipe;
mod raw;
mod rows;
mod volume;

pub use export::{ExportOptions, all_vms, export, export_metadata};
pub use hold::{Hold, hold, hold_to_write, sweep};
pub use import::{ImportOptions, import};
pub use lend::{Loan, assert_bytes, lend};
pub use pipe::{Download, Sender, Stream, Upload};
pub use raw::{
    Format, RawExport, RawImport, checksum, copy_delta, export_disk, import_disk, import_new_disk,
};
pub use xapi_xva::Compression;

pub use crate::handlers::vdi::nbd_purpose;
pub use volume::changed;

use xapi_schema::{Failure, errors};

/// The failure a stream or an image met. Failures of the API travel through other errors unharmed.
fn failure(error: xennix_disk::error::Error) -> Failure {
    use xennix_disk::error::Error;
    match error {
        Error::Io(error) => broken(error),
        error => errors::VDI_IO_ERROR.with([error.to_string()]),
    }
}

/// The failure behind an error of a stream.
fn broken(error: std::io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Failure>()) {
        Some(failure) => failure.clone(),
        None => errors::VDI_IO_ERROR.with([error.to_string()]),
    }
}
