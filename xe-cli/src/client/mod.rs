//! The client half: options, connection, and doing what the server asks.
//!
//! Never here: what commands mean; the server decides that.

mod completion;
mod connect;
mod exchange;
mod files;
mod http;
mod options;
mod terminal;

pub use options::{Environment, Options, Parsed};

use std::io::Write;

/// Usage, printed on standard error.
const USAGE: &str = "Usage: xe <command> [<name>=<value> ..] [-s <server>] [-p <port>] [-u <user>] \
[-pw <password>] [-pwf <password file>] [--nossl] [--debug] [--debug-on-fail] [--traceparent <value>]\n\
       xe completion bash|zsh|fish\n\
       xe help\n";

/// Runs `xe` with these arguments (without the program's name). Answers the exit status.
pub async fn main(args: Vec<String>, environment: &Environment) -> i32 {
    if let [first, shell] = &args[..]
        && first == "completion"
    {
        return match completion::script(shell) {
            // Whoever hangs up has read enough.
            Some(text) => i32::from(std::io::stdout().write_all(text.as_bytes()).is_err()),
            None => {
                eprint!("{USAGE}");
                1
            }
        };
    }
    match options::parse(&args, environment) {
        Parsed::Version => i32::from(writeln!(std::io::stdout(), "ThinCLI protocol: 0.2").is_err()),
        Parsed::Usage => {
            eprint!("{USAGE}");
            0
        }
        Parsed::Fail(text) => {
            eprintln!("{text}");
            1
        }
        Parsed::Run(options) => run(*options).await,
    }
}

async fn run(options: Options) -> i32 {
    let mut log = Log { now: options.debug, kept: Vec::new() };
    for note in &options.notes {
        eprintln!("{note}");
    }
    let status = match exchange::run(&options, &mut log).await {
        Ok(status) => status,
        Err(text) => {
            eprintln!("{text}");
            1
        }
    };
    if status != 0 && options.debug_on_fail {
        eprintln!("\nDebug info:\n");
        for line in &log.kept {
            eprintln!("{line}");
        }
    }
    let _ = std::io::stdout().flush();
    status
}

/// Debugging lines: shown at once, or kept for a failure.
struct Log {
    now: bool,
    kept: Vec<String>,
}

impl Log {
    fn add(&mut self, line: impl Into<String>) {
        let line = line.into();
        if self.now {
            eprintln!("{line}");
        }
        self.kept.push(line);
    }
}
