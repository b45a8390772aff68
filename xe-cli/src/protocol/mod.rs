//! The thin-CLI protocol, version 0.2: messages, their bytes, and framed reading and writing.
//!
//! Never here: what a command means, files, terminals, TLS.

mod codec;
mod io;
mod message;

pub use codec::{DecodeError, decode, encode};
pub use io::{
    HANDSHAKE_LEN, Version, handshake, parse_handshake, read_handshake, read_message, write_handshake,
    write_message,
};
pub use message::{Blob, Command, Message, Response};

/// The version this crate speaks: (major, minor).
pub const VERSION: Version = Version { major: 0, minor: 2 };

/// Largest message accepted from the other side, in bytes. Chunks are counted apart.
pub const MAX_MESSAGE: usize = 64 * 1024 * 1024;

/// Largest file the server takes through a `Load`, in bytes.
pub const MAX_LOAD: usize = 33_554_432;
