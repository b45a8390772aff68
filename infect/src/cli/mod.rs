//! The commands of `infect`, one file each. Every command prints for people, or one JSON document when asked.

mod check;
mod export;
mod generate;
mod import;
mod inspect;
mod snapshot;
mod source;
mod status;
mod verify;

use std::{fmt::Display, io::Write};

use clap::{Parser, Subcommand};
use serde::Serialize;

use crate::{
    Error, Result,
    progress::{Line, Progress, Quiet},
};

/// Reads an XCP-ng host, judges whether it can be carried over, and carries its pool over.
#[derive(Debug, Parser)]
#[command(name = "infect", version)]
pub struct Args {
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Say nothing about progress.
    #[arg(long, global = true)]
    quiet: bool,
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say everything that stands against carrying this host over, and how to clear it.
    Check(check::Args),
    /// Show what a copied root, a disk image or this host is.
    Inspect(inspect::Args),
    /// Save everything a way back would need, with checksums.
    Snapshot(snapshot::Args),
    /// Carry a pool database over into a new state directory.
    Import(import::Args),
    /// Prove field by field that a state directory holds what the old database held.
    Verify(verify::Args),
    /// Write a state directory back as a pool database in the version it came from.
    Export(export::Args),
    /// Write the host's NixOS configuration and the hand-off directory.
    Generate(generate::Args),
    /// Say how far the conversion of this host has come.
    Status(status::Args),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All is well.
    Well,
    /// It ran, and what it found stands in the way.
    Findings,
}

impl Status {
    /// The exit status; 2 is for errors.
    pub fn code(self) -> u8 {
        match self {
            Status::Well => 0,
            Status::Findings => 1,
        }
    }
}

/// What every command is given: where to print and how.
pub struct Console<'a> {
    out: &'a mut dyn Write,
    json: bool,
    quiet: bool,
}

impl Console<'_> {
    /// Prints the answer: JSON when asked, text otherwise.
    ///
    /// # Errors
    /// [`Error::Output`].
    pub fn print<T: Serialize + Display>(&mut self, answer: &T) -> Result<()> {
        let printed = if self.json {
            serde_json::to_writer_pretty(&mut self.out, answer)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(self.out))
        } else {
            write!(self.out, "{answer}")
        };
        printed.map_err(Error::Output)
    }

    /// Where long work tells how far it has come.
    pub fn progress(&self) -> Box<dyn Progress> {
        if self.quiet { Box::new(Quiet) } else { Box::new(Line::new()) }
    }
}

/// Runs a command.
///
/// # Errors
/// See [`Error`]; the command has then left nothing half-made.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<Status> {
    let mut console = Console { out, json: args.json, quiet: args.quiet };
    match &args.command {
        Command::Check(args) => check::run(args, &mut console),
        Command::Inspect(args) => inspect::run(args, &mut console),
        Command::Snapshot(args) => snapshot::run(args, &mut console),
        Command::Import(args) => import::run(args, &mut console),
        Command::Verify(args) => verify::run(args, &mut console),
        Command::Export(args) => export::run(args, &mut console),
        Command::Generate(args) => generate::run(args, &mut console),
        Command::Status(args) => status::run(args, &mut console),
    }
}
