//! How a guest reaches its disk.
//!
//! A raw volume is handed over as it is; everything else gets a disk server of its own, a small process
//! (`xennix-disk serve`) that outlives this one and is found again in the runtime directory. What the server offers
//! becomes a block device of the kernel where it can (ublk, nbd), else a socket for the emulator. Where somebody asks for
//! it, the original stack's `tapdisk` serves instead.
//!
//! [`choice`] is the pure part: what the host has and what follows from it. [`paths`] opens, pauses and closes;
//! [`watch`] starts servers again that died. This crate never looks inside an image and never changes one; it knows
//! no storage repository and takes no lock of one.

pub mod choice;
mod client;
mod error;
mod kernel_nbd;
mod netlink;
pub mod paths;
pub mod record;
mod server;
pub mod watch;

pub use choice::Kind;
pub use error::{Error, Result};
pub use paths::{DataPaths, Settings};
pub use record::{Phase, Record, Spec};
pub use server::Told;
pub use xapi_backend::storage::DataPath;
