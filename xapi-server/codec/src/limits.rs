//! What a request may cost, and how reading one fails.

/// Bounds on a request; reading stops at the first one crossed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the whole text.
    pub max_bytes: usize,
    /// Nesting of values.
    pub max_depth: usize,
    /// Values in all.
    pub max_nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_bytes: 307_200, max_depth: 128, max_nodes: 100_000 }
    }
}

impl Limits {
    /// For answers of a server one trusts: a whole database fits.
    pub const ANSWER: Limits = Limits { max_bytes: 1 << 30, max_depth: 128, max_nodes: 100_000_000 };
}

/// A text that is no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not the language it should be; the text says where and why.
    #[error("{0}")]
    Syntax(String),
    /// More than the limits allow.
    #[error("the request exceeds the limit of {0}")]
    TooBig(&'static str),
}

impl Malformed {
    pub(crate) fn syntax(text: impl std::fmt::Display) -> Malformed {
        Malformed::Syntax(text.to_string())
    }
}
