//! What a replay found, as numbers and as text.

use std::{collections::BTreeMap, fmt};

use super::compare::Difference;

/// What came of one step.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The same, apart from this many tolerated differences.
    Equal(usize),
    /// Differences that nobody tolerates.
    Different(Vec<Difference>),
    /// Not called, and why.
    NotRun(String),
}

/// All steps of one recording.
#[derive(Debug, Clone)]
pub struct Report {
    /// Name of the recording.
    pub recording: String,
    /// Number and name of each step with its outcome.
    pub steps: Vec<(String, Outcome)>,
}

impl Report {
    /// Steps that are equal, different, not run.
    pub fn counts(&self) -> (usize, usize, usize) {
        self.steps.iter().fold((0, 0, 0), |(equal, different, not_run), (_, outcome)| match outcome {
            Outcome::Equal(_) => (equal + 1, different, not_run),
            Outcome::Different(_) => (equal, different + 1, not_run),
            Outcome::NotRun(_) => (equal, different, not_run + 1),
        })
    }

    /// How often each path differs, most frequent first.
    pub fn frequent(&self) -> Vec<(String, usize)> {
        let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, outcome) in &self.steps {
            if let Outcome::Different(differences) = outcome {
                for difference in differences {
                    *counted.entry(&difference.path).or_default() += 1;
                }
            }
        }
        let mut sorted: Vec<_> = counted.into_iter().map(|(path, n)| (path.to_string(), n)).collect();
        sorted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        sorted
    }
}

fn short(text: &str) -> String {
    const LIMIT: usize = 240;
    if text.chars().count() <= LIMIT {
        text.into()
    } else {
        format!("{}…", text.chars().take(LIMIT).collect::<String>())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (equal, different, not_run) = self.counts();
        let all = self.steps.len();
        let percent = 100.0 * equal as f64 / all.max(1) as f64;
        writeln!(
            f,
            "{}: {equal} of {all} equal ({percent:.1} %), {different} different, {not_run} not run",
            self.recording
        )?;
        for (step, outcome) in &self.steps {
            match outcome {
                Outcome::Equal(0) => {}
                Outcome::Equal(n) => writeln!(f, "= {step}: {n} tolerated")?,
                Outcome::NotRun(why) => writeln!(f, "- {step}: not run: {why}")?,
                Outcome::Different(differences) => {
                    writeln!(f, "x {step}")?;
                    for d in differences {
                        let path = if d.path.is_empty() { "(root)" } else { &d.path };
                        writeln!(f, "    {path}: recorded {} / ours {}", short(&d.recorded), short(&d.ours))?;
                    }
                }
            }
        }
        Ok(())
    }
}
