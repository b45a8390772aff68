//! What a command found, for people and as JSON. A report says everything at once, never only the first.

use std::fmt;

use serde::Serialize;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Goes away by itself; try again.
    Wait,
    /// Goes on only when accepted.
    Warn,
    /// Does not go on.
    Refuse,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Info => "info",
            Severity::Wait => "wait",
            Severity::Warn => "warn",
            Severity::Refuse => "REFUSE",
        })
    }
}

/// One thing found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable code.
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What it is about: a file, a VM's uuid, a device...; empty for the whole host.
    pub subject: String,
    /// What was found.
    pub text: String,
    /// How to clear it; empty when nothing needs to be done.
    pub clear: String,
}

/// Everything found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order they were found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Adds a finding.
    pub fn add(
        &mut self,
        code: impl Into<String>,
        severity: Severity,
        subject: impl Into<String>,
        text: impl Into<String>,
        clear: impl Into<String>,
    ) {
        let (code, subject) = (code.into(), subject.into());
        self.findings.push(Finding { code, severity, subject, text: text.into(), clear: clear.into() });
    }

    /// The heaviest finding's weight.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            write!(f, "{:<6} {}", finding.severity, finding.code)?;
            if !finding.subject.is_empty() {
                write!(f, " [{}]", finding.subject)?;
            }
            writeln!(f, ": {}", finding.text)?;
            if !finding.clear.is_empty() {
                writeln!(f, "       -> {}", finding.clear)?;
            }
        }
        Ok(())
    }
}
