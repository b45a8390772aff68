//! The disk server as a process: started in the foreground or left behind on its own, told to pause and go on. Never
//! ends with whoever started it.

use crate::error::{Error, Result};
use crate::nbd::control::{Command as Control, send};
use crate::nbd::server::{Config, Server};
use crate::nbd::state::State;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, dup2_stderr, dup2_stdout, setsid};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Serves until a signal or the control socket ends it. Writes one line when clients may connect.
pub(super) fn foreground(config: Config, out: &mut dyn Write) -> Result<()> {
    run(config, out, || {})
}

fn run(config: Config, out: &mut dyn Write, after_ready: impl FnOnce()) -> Result<()> {
    // Blocked before any thread is made, so that all inherit it and only the wait below sees them.
    let mut signals = SigSet::empty();
    for s in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(s);
    }
    signals.thread_block().map_err(std::io::Error::from)?;
    // A guest whose disk server is killed for its memory loses its disk. Allowed for root only.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-1000");
    let server = Server::start(config, || {
        let _ = kill(Pid::this(), Signal::SIGTERM);
    })?;
    if let Err(e) = writeln!(out, "ready").and_then(|()| out.flush()) {
        // Whoever started it gave up: nobody will look for a server that took too long.
        server.stop()?;
        return Err(e.into());
    }
    after_ready();
    while signals.wait().map_err(std::io::Error::from)? == Signal::SIGHUP {}
    server.stop()
}

/// The process that [`detached`] leaves behind: a session of its own.
pub(super) fn left_behind(config: Config, out: &mut dyn Write) -> Result<()> {
    setsid().map_err(std::io::Error::from)?;
    run(config, out, || {
        // Neither a mount nor a pipe is kept busy: the pipes end with whoever started this process.
        let _ = std::env::set_current_dir("/");
        if let Ok(null) = OpenOptions::new().write(true).open("/dev/null") {
            let _ = dup2_stdout(&null);
            let _ = dup2_stderr(&null);
        }
    })
}

/// Starts a server that outlives this process; returns when clients may connect.
pub(super) fn detached(arguments: &[OsString], state: &Path, out: &mut dyn Write) -> Result<()> {
    // A file there is a lock that goes with the server; a terminal is of no use to it.
    let lock = std::fs::metadata("/proc/self/fd/0").is_ok_and(|m| m.is_file());
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .arg("--left-behind")
        .stdin(if lock { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    if line.trim_end() != "ready" {
        let mut why = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            stderr.read_to_string(&mut why)?;
        }
        child.wait()?;
        let why = why.trim().trim_start_matches("xennix-disk: ");
        return Err(Error::Refused(format!("the server did not start: {why}")));
    }
    let state = State::load(state)?;
    writeln!(out, "{}", serde_json::to_string(&state).map_err(std::io::Error::other)?)?;
    Ok(())
}

/// Sends one command to a server and prints how it is.
pub(super) fn control(socket: &Path, command: &Control, out: &mut dyn Write) -> Result<()> {
    let status = send(socket, command)?;
    writeln!(out, "{}", serde_json::to_string(&status).map_err(std::io::Error::other)?)?;
    Ok(())
}
