//! `infect status`: how far the conversion has come, as what lies on the disk shows: snapshot, generated configuration,
//! hand-off. Each is proven, not believed.

use super::{Console, Status};
use crate::generate::handoff;
use crate::snapshot::{self, State};
use crate::{Error, Result};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Arguments of `infect status`.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Args {
    /// The directory `infect snapshot` made.
    #[arg(long, value_name = "DIR")]
    snapshot: Option<PathBuf>,
    /// The directory `infect generate` made.
    #[arg(long, value_name = "DIR")]
    generated: Option<PathBuf>,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<State>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generated: Option<Generated>,
}

#[derive(Debug, Serialize)]
struct Generated {
    /// Is everything there as it was written?
    whole: bool,
    /// Host it is for.
    host: String,
    /// Files that are handed over.
    files: usize,
    /// Has the new system taken it over?
    done: bool,
    /// What is wrong.
    problem: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.snapshot {
            None => {}
            Some(State::None) => writeln!(f, "snapshot   none")?,
            Some(State::Begun { pieces }) => {
                writeln!(f, "snapshot   cut after {pieces} pieces; the same command goes on")?
            }
            Some(State::Whole { pieces, bytes, encrypted, absent }) => {
                writeln!(
                    f,
                    "snapshot   whole: {pieces} pieces, {bytes} bytes{}",
                    if *encrypted { ", encrypted" } else { "" }
                )?;
                absent.iter().try_for_each(|program| writeln!(f, "           without {program}"))?;
            }
            Some(State::Damaged { problems }) => {
                problems.iter().try_for_each(|problem| writeln!(f, "snapshot   DAMAGED: {problem}"))?;
            }
        }
        match &self.generated {
            None => Ok(()),
            Some(one) if one.whole => {
                writeln!(
                    f,
                    "generated  whole, for {}: {} files handed over{}",
                    one.host,
                    one.files,
                    if one.done { ", taken over" } else { "" }
                )
            }
            Some(one) => writeln!(f, "generated  {}", one.problem),
        }
    }
}

pub(super) fn run(args: &Args, console: &mut Console) -> Result<Status> {
    let mut answer = Answer::default();
    let mut well = true;
    if let Some(path) = &args.snapshot {
        let state = snapshot::state(path, console.progress().as_mut())?;
        well &= matches!(state, State::Whole { .. });
        answer.snapshot = Some(state);
    }
    if let Some(path) = &args.generated {
        let directory = path.join("handoff");
        let done = directory.join("done").exists();
        let one = match handoff::open(&directory) {
            Ok(list) => Generated {
                whole: true,
                host: list.host.uuid,
                files: list.files.len(),
                done,
                problem: String::new(),
            },
            Err(e @ (Error::Io { .. } | Error::Malformed { .. })) => {
                Generated { whole: false, host: String::new(), files: 0, done, problem: e.to_string() }
            }
            Err(e) => return Err(e),
        };
        well &= one.whole;
        answer.generated = Some(one);
    }
    console.print(&answer)?;
    Ok(if well { Status::Well } else { Status::Findings })
}
