//! `infect export`: a state directory becomes a pool database again.

use std::path::PathBuf;

use super::{Console, Status};
use crate::{Result, db::export::run as export};

/// Arguments of `infect export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The state directory; no server may be using it.
    #[arg(long, value_name = "DIR")]
    state_dir: PathBuf,
    /// The file to write; it must not be there. Its generation goes beside it.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
}

pub(super) fn run(args: &Args, console: &mut Console) -> Result<Status> {
    let outcome = export(&args.state_dir, &args.db, &mut *console.progress())?;
    console.print(&outcome)?;
    Ok(Status::Well)
}
