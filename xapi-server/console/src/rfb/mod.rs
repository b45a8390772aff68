//! The RFB protocol from a server's side (RFC 6143 and the extensions viewers use): what a viewer says, text shown as
//! pictures, and whether somebody is at the keyboard. One viewer of our own, that looks once.

mod activity;
mod encode;
mod look;
mod message;
mod serve;

pub use activity::Activity;
pub use look::{Picture, look};
pub use serve::serve;
