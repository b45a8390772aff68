//! Clients from other ecosystems: fetched into the target directory by their own package managers, run as
//! programs. What can't be had is skipped aloud; where `CI=true` it is a failure.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use crate::server::target_dir;

/// How often a registry that does not answer is asked.
const TRIES: usize = 3;

/// Whether missing tools are failures.
fn required() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// The directory a package lives in, fetched when this version is not there yet; `None` is a skip.
///
/// `install` gets the command the directory to fill.
///
/// # Panics
/// Where tools are required and this one can't be had.
pub fn fetched(name: &str, program: &str, install: impl Fn(&mut Command, &Path)) -> Option<PathBuf> {
    match fetch(name, program, install) {
        Ok(dir) => Some(dir),
        Err(why) if required() => panic!("{name} can't be had: {why}"),
        Err(why) => {
            eprintln!("SKIPPED: {name} can't be had, so nothing is known about it: {why}");
            None
        }
    }
}

fn fetch(name: &str, program: &str, install: impl Fn(&mut Command, &Path)) -> Result<PathBuf, String> {
    // Two tests may want the same one.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let dir = target_dir()?.join("clients").join(name);
    let done = dir.join(".complete");
    if done.exists() {
        return Ok(dir);
    }
    let mut complaint = String::new();
    for _ in 0..TRIES {
        // What an earlier try left would be taken for installed.
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).map_err(|e| e.to_string())?;
        let mut command = Command::new(program);
        install(&mut command, &dir);
        match run(&mut command) {
            Ok(_) => {
                std::fs::write(&done, "").map_err(|e| e.to_string())?;
                return Ok(dir);
            }
            Err(why) => complaint = why,
        }
    }
    Err(complaint)
}

/// Runs a program to its end; the answer is what it printed.
///
/// # Errors
/// What it complained about when it did not succeed.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{:?}: {e}", command.get_program()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{:?} ended with {}:\n{text}\n{complaint}", command.get_program(), output.status))
    }
}
