//! `infect`: an XCP-ng host read, judged and carried over. Everything it does is in the library.

use std::{io, process::ExitCode};

use clap::Parser;
use infect::{
    Error,
    cli::{Args, run},
};

fn main() -> ExitCode {
    match run(&Args::parse(), &mut io::stdout().lock()) {
        Ok(status) => ExitCode::from(status.code()),
        // A reader that closes the pipe early has seen what it wanted.
        Err(Error::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("infect: {e}");
            ExitCode::from(2)
        }
    }
}
