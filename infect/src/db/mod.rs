//! The pool database carried over: from the old file into a state directory of the server, back out, and
//! proved equal field by field.
//!
//! What may differ afterwards stands in one table, [`differences`]; everything else is equal or an error.

pub mod convert;
pub mod differences;
pub mod export;
pub mod import;
pub mod origin;
pub mod state;
pub mod verify;
pub mod world;

use std::path::Path;

use crate::{At, Error};

/// An error of the file's reader, with the file's name.
pub(crate) fn reading(path: &Path) -> impl Fn(xapi_statedb::Error) -> Error {
    let path = path.to_path_buf();
    move |error| match error {
        xapi_statedb::Error::Io { source, .. } => Error::Io { path: path.clone(), source },
        xapi_statedb::Error::Malformed { place, expected, found } => {
            let found = format!("{found} (byte {})", place.byte);
            Error::malformed(&path, At::Line(place.line), expected, found)
        }
    }
}

/// An error of the server's store, with the file's name.
pub(crate) fn storing(path: &Path) -> impl Fn(xapi_store::JournalError) -> Error {
    let path = path.to_path_buf();
    move |error| Error::malformed(&path, At::File, "a sound state of this version", error.to_string())
}
