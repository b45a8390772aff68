//! The pool database file of XAPI (`state.db`): read, checked and written.
//!
//! Reading is streamed, one row at a time, and total: whatever the bytes are, the answer is rows or an error
//! that names the place and what was expected there. What the schema does not know is handed over like
//! everything else.
//!
//! Never here: the store, what a field's value means to operations, files of other kinds.

pub mod check;
mod error;
pub mod escape;
mod input;
pub mod model;
mod reader;
pub mod sexp;
pub mod value;
mod writer;

pub use error::{Error, Place, Result};
pub use reader::{Event, Manifest, Reader, Row, SCHEMA_CURRENT, SCHEMA_OLDEST, open};
pub use writer::Writer;
