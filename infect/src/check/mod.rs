//! The pre-flight catalogue: one code per condition, each with its weight, the condition in words and how to clear it,
//! beside the function that judges it. Judging reads what was gathered; it asks nothing and changes nothing.

mod database;
mod facts;
mod guests;
mod machine;
mod network;
mod origin;
mod pool;
mod storage;

pub use facts::{Aliases, Facts, Live, ask};

use crate::{Finding, Severity};
use serde::Serialize;
use std::fmt;

/// When a condition must be cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Before anything is prepared.
    Check,
    /// Only before the machine is given over.
    Cutover,
}

/// What judging a condition gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Subjects and what was found about each; nothing when all is well.
    Found(Vec<(String, String)>),
    /// It can't be judged from what is there.
    Unknown(&'static str),
}

/// A line of the catalogue.
pub struct Condition {
    /// Stable code.
    pub code: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// When it must be cleared.
    pub stage: Stage,
    /// The condition, for people.
    pub says: &'static str,
    /// How to clear it.
    pub clear: &'static str,
    /// Judges it.
    pub judge: fn(&Facts<'_>) -> Outcome,
}

/// The whole catalogue, in the order it is told.
pub fn catalogue() -> impl Iterator<Item = &'static Condition> {
    [
        origin::CODES,
        machine::CODES,
        pool::CODES,
        database::CODES,
        guests::CODES,
        storage::CODES,
        network::CODES,
    ]
    .into_iter()
    .flatten()
}

const fn condition(
    code: &'static str,
    severity: Severity,
    says: &'static str,
    clear: &'static str,
    judge: fn(&Facts<'_>) -> Outcome,
) -> Condition {
    Condition { code, severity, stage: Stage::Check, says, clear, judge }
}

const fn later(
    code: &'static str,
    severity: Severity,
    says: &'static str,
    clear: &'static str,
    judge: fn(&Facts<'_>) -> Outcome,
) -> Condition {
    Condition { code, severity, stage: Stage::Cutover, says, clear, judge }
}

/// One finding about the whole host, or none.
fn when(found: bool, text: impl Into<String>) -> Outcome {
    Outcome::Found(if found { vec![(String::new(), text.into())] } else { Vec::new() })
}

/// A condition that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unjudged {
    /// Its code.
    pub code: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// What is missing.
    pub why: &'static str,
}

/// A finding of the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// When it must be cleared.
    pub stage: Stage,
    /// Was it accepted?
    pub accepted: bool,
}

/// What the check says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// May it go on?
    pub go: bool,
    /// Everything found.
    pub findings: Vec<Judged>,
    /// What could not be judged.
    pub unjudged: Vec<Unjudged>,
    /// How many conditions there are.
    pub conditions: usize,
}

/// Judges everything at once. Warnings go through when their code is accepted; refusals never do. On the running host
/// nothing that would refuse may stay unjudged.
pub fn judge(facts: &Facts<'_>, accepted: &[String]) -> Verdict {
    let mut out = Verdict { go: true, ..Verdict::default() };
    for condition in catalogue() {
        out.conditions += 1;
        let (severity, stage) = (condition.severity, condition.stage);
        match (condition.judge)(facts) {
            Outcome::Unknown(why) => {
                if facts.host.machine.live && severity == Severity::Refuse {
                    out.go = false;
                }
                out.unjudged.push(Unjudged { code: condition.code, severity, why });
            }
            Outcome::Found(found) => {
                for (subject, text) in found {
                    let accepted =
                        severity == Severity::Warn && accepted.iter().any(|code| code == condition.code);
                    if severity != Severity::Info && stage == Stage::Check && !accepted {
                        out.go = false;
                    }
                    let finding = Finding {
                        code: condition.code.into(),
                        severity,
                        subject,
                        text,
                        clear: condition.clear.into(),
                    };
                    out.findings.push(Judged { finding, stage, accepted });
                }
            }
        }
    }
    out.findings.sort_by_key(|one| std::cmp::Reverse(one.finding.severity));
    out
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.findings {
            let Finding { code, severity, subject, text, clear } = &one.finding;
            write!(f, "{severity:<6} {code}")?;
            if !subject.is_empty() {
                write!(f, " [{subject}]")?;
            }
            let when = if one.stage == Stage::Cutover { " (before the cut-over)" } else { "" };
            writeln!(f, ": {text}{when}{}", if one.accepted { " (accepted)" } else { "" })?;
            if !clear.is_empty() {
                writeln!(f, "       -> {clear}")?;
            }
        }
        for one in &self.unjudged {
            writeln!(f, "?      {} could not be judged: {}", one.code, one.why)?;
        }
        let verdict =
            if self.go { "nothing stands in the way" } else { "this host can't be carried over as it is" };
        writeln!(
            f,
            "{} conditions, {} findings, {} not judged: {verdict}",
            self.conditions,
            self.findings.len(),
            self.unjudged.len()
        )
    }
}
