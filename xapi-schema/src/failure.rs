//! [`Failure`]: an API error with its code and parameters, the only error a method answers.

use std::fmt;

/// Result of everything that can fail with an API error.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// An error code of the table in [`errors`](crate::errors).
#[derive(Debug)]
pub struct ErrorDef {
    /// The code as it travels, `VM_BAD_POWER_STATE`.
    pub code: &'static str,
    /// Names of its parameters in order; `None` when the code declares none at all.
    pub params: Option<&'static [&'static str]>,
    /// One sentence for a person.
    pub doc: &'static str,
}

impl ErrorDef {
    /// This error with its parameters.
    pub fn with<I>(&self, params: I) -> Failure
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Failure::new(self.code, params)
    }

    /// This error without parameters.
    pub fn bare(&self) -> Failure {
        Failure { code: self.code.into(), params: Vec::new() }
    }
}

/// A failed call: code and parameters exactly as a client sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Error code.
    pub code: String,
    /// Parameters in the order of the code's definition.
    pub params: Vec<String>,
}

impl Failure {
    /// Any code, also those of plug-ins that no table lists.
    pub fn new<I>(code: &str, params: I) -> Failure
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        Failure { code: code.into(), params: params.into_iter().map(Into::into).collect() }
    }

    /// Something went wrong that has no code of its own.
    pub fn internal(text: impl Into<String>) -> Failure {
        Failure { code: "INTERNAL_ERROR".into(), params: vec![text.into()] }
    }

    /// The method is known and not written yet.
    pub fn not_implemented(method: &str) -> Failure {
        Failure { code: "NOT_IMPLEMENTED".into(), params: vec![method.into()] }
    }

    /// True for the given code.
    pub fn is(&self, def: &ErrorDef) -> bool {
        self.code == def.code
    }

    /// Code and parameters as one list.
    pub fn to_list(&self) -> Vec<String> {
        std::iter::once(self.code.clone()).chain(self.params.iter().cloned()).collect()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.code, self.params.join(", "))
    }
}

impl std::error::Error for Failure {}
