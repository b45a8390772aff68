//! What `infect` does: an XCP-ng host read whole, judged honestly, its pool carried over field by field.
//!
//! It reads nothing but what it is given, and never writes under what it examines.

pub mod audit;
pub mod check;
pub mod cli;
pub mod db;
pub mod error;
pub mod generate;
pub mod host;
pub mod keep;
pub mod lv_volumes;
pub mod pool;
pub mod progress;
pub mod report;
pub mod snapshot;

pub use error::{At, Error, Result};
pub use report::{Finding, Report, Severity};
