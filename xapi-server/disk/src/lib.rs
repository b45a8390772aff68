//! The disk image engine of XenNix: VHD, raw and qcow2 images, offline and under a running guest.
//!
//! It never lets another tool look at a VHD, never guesses past damage, and never acknowledges a flush before
//! data and the metadata that reaches it are on stable storage, in the order that keeps every cut readable.

pub mod cbt;
pub mod chain;
pub mod cli;
pub mod convert;
pub mod disk;
pub mod error;
pub mod file;
pub mod image;
pub mod mem;
pub mod nbd;
pub mod qcow2;
pub mod source;
pub mod ublk;
pub mod vhd;
pub mod volumes;

pub use error::{Error, FormatError, Result};
