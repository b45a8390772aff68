//! `xennix-disk`: the disk image engine for people.

use clap::Parser;
use std::process::ExitCode;
use xennix_disk::cli::{Args, run};

fn main() -> ExitCode {
    match run(Args::parse(), &mut std::io::stdout().lock()) {
        Ok(status) => ExitCode::from(status),
        // A reader that closes the pipe early has seen what it wanted.
        Err(xennix_disk::Error::Io(e)) if e.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xennix-disk: {e}");
            ExitCode::from(2)
        }
    }
}
