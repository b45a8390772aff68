//! `xapi --check`: what this machine lacks to be a host. Looks, and changes nothing but a file it removes again.

mod looks;
mod report;

use std::process::ExitCode;

use anyhow::Result;

use crate::config::Config;

/// Exit status when something is lacking that is needed.
const LACKING: u8 = 1;

/// Prints a line for each thing that was looked at. Status 0: nothing that is needed is lacking; 1: something is. An
/// unusable setting ends the program before, as it does at every start.
///
/// # Errors
/// Standard output is closed.
pub fn run(config: &Config, json: bool) -> Result<ExitCode> {
    let lines = looks::all(config, &xapi_facts::Root::default());
    let text = if json { report::json(&lines) } else { report::text(&lines) };
    println!("{text}");
    let lacking = lines.iter().any(|line| line.state == report::State::Lacks);
    Ok(if lacking { ExitCode::from(LACKING) } else { ExitCode::SUCCESS })
}
