//! How far long work has come, told on standard error so that standard output stays the answer's.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

/// Who wants to know how far work has come.
pub trait Progress {
    /// `done` of `total` in the given step; a total of 0 means that nobody knows.
    fn at(&mut self, step: &str, done: u64, total: u64);
}

/// Nobody wants to know.
pub struct Quiet;

impl Progress for Quiet {
    fn at(&mut self, _: &str, _: u64, _: u64) {}
}

/// A line on standard error, at most a few times a second, and the last one of each step.
pub struct Line {
    told: Option<Instant>,
    terminal: bool,
}

impl Line {
    /// Tells on standard error: over and over in one line on a terminal, a line per second elsewhere.
    pub fn new() -> Line {
        Line { told: None, terminal: std::io::stderr().is_terminal() }
    }
}

impl Default for Line {
    fn default() -> Self {
        Line::new()
    }
}

impl Progress for Line {
    fn at(&mut self, step: &str, done: u64, total: u64) {
        let pause = if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(1) };
        let complete = total > 0 && done >= total;
        if !complete && self.told.is_some_and(|told| told.elapsed() < pause) {
            return;
        }
        self.told = Some(Instant::now());
        let mut out = std::io::stderr().lock();
        let (start, end) =
            if self.terminal { ("\r\x1b[K", if complete { "\n" } else { "" }) } else { ("", "\n") };
        let share = match total {
            0 => done.to_string(),
            total => format!("{done} of {total}"),
        };
        // Nobody listening is no reason to stop.
        let _ = write!(out, "{start}{step}: {share}{end}").and_then(|()| out.flush());
    }
}
