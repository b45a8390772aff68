//! `infect verify`: the proof that a state directory holds what the old database held.

use std::path::PathBuf;

use super::{Console, Status};
use crate::{Result, db::verify::run as verify};

/// Arguments of `infect verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The old pool database.
    #[arg(long, value_name = "FILE")]
    old: PathBuf,
    /// The state directory; no server may be using it.
    #[arg(long, value_name = "DIR")]
    new: PathBuf,
    /// List every object of each intended difference.
    #[arg(long)]
    each: bool,
}

pub(super) fn run(args: &Args, console: &mut Console) -> Result<Status> {
    let verdict = verify(&args.old, &args.new, args.each, &mut *console.progress())?;
    console.print(&verdict)?;
    Ok(if verdict.is_proof() { Status::Well } else { Status::Findings })
}
