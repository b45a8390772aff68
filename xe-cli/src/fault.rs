//! Everything that can end a command early, and the text each becomes.

use std::io;

use xapi_schema::{ErrorDef, Failure, errors};

/// Result of a command or a part of one.
pub type Outcome<T = ()> = Result<T, Fault>;

/// Why a command stopped.
#[derive(Debug)]
pub enum Fault {
    /// An API call failed.
    Api(Failure),
    /// `Error: <text>`.
    Command(String),
    /// A record field was asked for by a name it does not have.
    MissingField(String),
    /// Leave with this status, nothing more to say.
    Exit(i32),
    /// Leave with this status after these words on standard error, as they stand.
    Stderr(String, i32),
    /// Some of several objects failed: uuid and why, in the order to print.
    Several(Vec<(String, Fault)>),
    /// Name of a command that does not exist.
    UnknownCommand(String),
    /// The command line could not be read.
    Syntax,
    /// A required parameter is absent.
    MissingParam(String),
    /// Wrong user name or password.
    Authentication,
    /// No user name was given.
    NoUser,
    /// The client is gone or does not speak the protocol.
    Wire(io::Error),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Fault::Api(failure)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Wire(error)
    }
}

/// `Error: <text>`, exit 1.
pub fn command<T>(text: impl Into<String>) -> Outcome<T> {
    Err(Fault::Command(text.into()))
}

/// The layout of an internal failure: a plain text such as `Int64.of_string`.
pub fn internal_failure(text: &str) -> Fault {
    Fault::Api(Failure::internal(format!("Failure: {text}")))
}

/// A parameter the table does not require is absent all the same.
pub fn not_found() -> Fault {
    internal_exception("Not_found")
}

/// The layout of any other internal exception.
pub fn internal_exception(text: &str) -> Fault {
    Fault::Api(Failure::internal(format!("INTERNAL_ERROR: [ {text} ]")))
}

/// The text of an API error when another message mentions it.
pub fn exception_text(failure: &Failure) -> String {
    format!("Server_error({}, [ {} ])", failure.code, failure.params.join("; "))
}

/// The table's entry of a code that has labels of its own.
pub fn labelled(code: &str) -> Option<(&'static ErrorDef, &'static [&'static str])> {
    let def = errors::ALL.iter().find(|def| def.code == code)?;
    Some((def, def.params?))
}

/// Sentence and one `label: value` line per parameter; `None` for codes without labels. Values are
/// those of `params`, already made readable.
pub fn lines(code: &str, params: &[String]) -> Option<Vec<String>> {
    let (def, labels) = labelled(code)?;
    let mut lines = vec![def.doc.to_owned()];
    for at in 0..labels.len().max(params.len()) {
        let label = match code {
            "VMS_FAILED_TO_COOPERATE" => "VM",
            _ => labels.get(at).copied().unwrap_or("<extra>"),
        };
        let value = params.get(at).map_or("<unknown>", String::as_str);
        if at < params.len() || code != "VMS_FAILED_TO_COOPERATE" {
            lines.push(format!("{label}: {value}"));
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surplus_and_missing_values_are_labelled() {
        let lines_of = |params: &[&str]| {
            let params: Vec<String> = params.iter().map(|p| (*p).to_owned()).collect();
            lines("UUID_INVALID", &params).unwrap()[1..].to_vec()
        };
        assert_eq!(lines_of(&["host", "nope"]), ["type: host", "uuid: nope"]);
        assert_eq!(lines_of(&["host"]), ["type: host", "uuid: <unknown>"]);
        assert_eq!(lines_of(&["host", "a", "b"])[2], "<extra>: b");
        assert!(lines("SR_BACKEND_FAILURE_79", &[]).is_none());
    }
}
