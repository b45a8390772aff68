//! JSON-RPC 1.0 and 2.0 as XenAPI speaks them.

mod read;
mod write;

pub use read::{Request, Version, from_json, read_request, read_response};
pub use write::{value_text, write_call, write_response};
