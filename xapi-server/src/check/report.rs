//! What a look found, and how it is told. Pure.

use serde::Serialize;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Not there, and needed.
    Lacks,
    /// Not there; something will not work, the rest will.
    Without,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Short name; stable, for programs.
    pub name: &'static str,
    /// How it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do; empty when all is well.
    pub advice: String,
}

impl Line {
    /// All is well.
    pub fn ok(name: &'static str, found: impl Into<String>) -> Line {
        Line { name, state: State::Ok, found: found.into(), advice: String::new() }
    }

    /// Something needed is not there.
    pub fn lacks(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Line {
        Line { name, state: State::Lacks, found: found.into(), advice: advice.into() }
    }

    /// Something useful is not there.
    pub fn without(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Line {
        Line { state: State::Without, ..Line::lacks(name, found, advice) }
    }
}

/// For people: a line each, advice indented below.
pub fn text(lines: &[Line]) -> String {
    let one = |line: &Line| {
        let state = match line.state {
            State::Ok => "ok",
            State::Lacks => "lacks",
            State::Without => "without",
        };
        let advice =
            if line.advice.is_empty() { String::new() } else { format!("\n{:21}{}", "", line.advice) };
        format!("{state:<8} {:<12}{}{advice}", line.name, line.found)
    };
    lines.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// For programs: an array of objects.
pub fn json(lines: &[Line]) -> String {
    // Texts and names only: there is nothing that could not be written.
    serde_json::to_string_pretty(lines).unwrap_or_default()
}
