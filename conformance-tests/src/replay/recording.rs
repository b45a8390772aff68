//! The recorded steps of one encoding, read from `tests/data/golden`. Never changed by a run.

use serde::Deserialize;

use crate::server::crate_dir;

/// How a call and its answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// XML-RPC on `/`.
    Xml,
    /// JSON-RPC 1.0 on `/jsonrpc`.
    Json1,
    /// JSON-RPC 2.0 on `/jsonrpc`.
    Json2,
}

impl Encoding {
    /// Name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Xml => "xmlrpc",
            Encoding::Json1 => "jsonrpc1",
            Encoding::Json2 => "jsonrpc2",
        }
    }

    /// Where calls go.
    pub fn path(self) -> &'static str {
        match self {
            Encoding::Xml => "/",
            Encoding::Json1 | Encoding::Json2 => "/jsonrpc",
        }
    }

    /// Of request and answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Encoding::Xml => "text/xml",
            Encoding::Json1 | Encoding::Json2 => "application/json",
        }
    }

    /// Headers of every recorded answer after content-length, in order.
    pub fn headers(self) -> [(&'static str, &'static str); 5] {
        [
            ("connection", "keep-alive"),
            ("cache-control", "no-cache, no-store"),
            ("content-type", self.content_type()),
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Allow-Headers", "X-Requested-With"),
        ]
    }
}

/// One recorded call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Number, the same in each encoding.
    pub seq: u32,
    /// What it is about.
    pub name: String,
    /// Method called.
    pub method: String,
    /// Body sent.
    pub request: String,
    /// Body received.
    pub response: String,
}

/// The steps in order.
///
/// # Errors
/// An unreadable file or line.
pub fn load(encoding: Encoding) -> Result<Vec<Step>, String> {
    let path = crate_dir().join(format!("tests/data/golden/rpc-{}.jsonl", encoding.name()));
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    text.lines()
        .map(|line| serde_json::from_str(line).map_err(|e| format!("{}: {e}", path.display())))
        .collect()
}
