//! XML-RPC as XenAPI speaks it: integers as bare text, success and failure in one struct.

mod read;
mod write;

pub use read::{Fault, read_call, read_plain_response, read_response, read_value};
pub(crate) use write::float_text;
pub use write::{value_text, write_call, write_response};
