//! Boot entries of this system where GRUB of another one starts the machine, and confirmation of starts.
//!
//! A new generation is started once; it becomes the default when it proved healthy. Everything else, a crash, a hang,
//! a lost network, ends in the last confirmed one. Never touches what it did not write itself.

pub mod bootspec;
pub mod environment;
pub mod grub;
pub mod health;
pub mod loader;
pub mod watch;
pub mod writable;
