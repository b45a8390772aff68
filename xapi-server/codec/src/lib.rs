//! Bytes of XML-RPC or JSON-RPC to calls and back.
//!
//! Both wires read into the same [`Value`](xapi_schema::Value) and write from it. What clients send stays
//! loose: an integer of XML is still text here; the declared type decides later.
//!
//! Never here: class names, sessions, sockets. Records are walked through their own field tables.

mod body;
pub mod compress;
pub mod json;
mod limits;
pub mod xml;

pub use body::Body;
pub use limits::{Limits, Malformed};

use xapi_schema::Value;

/// A call as a client sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Method name, with any prefix.
    pub method: String,
    /// Arguments, the session first where there is one.
    pub args: Vec<Value>,
}
