//! The functions behind hand-written methods, one file or folder per class.

pub mod message;
mod role;

use crate::{Registry, event, session, task};

/// Registers every function there is.
pub fn register(on: &mut Registry) {
    session::methods::register(on);
    task::register(on);
    event::register(on);
    message::register(on);
    role::register(on);
}
