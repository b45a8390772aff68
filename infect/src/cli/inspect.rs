//! `infect inspect`: what a host is, and what of it can't be read.

use super::source;
use super::{Console, Status};
use crate::Result;

/// Arguments of `infect inspect`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: source::Args,
}

pub(super) fn run(args: &Args, console: &mut Console) -> Result<Status> {
    let host = source::source(&args.source)?.host();
    console.print(&host)?;
    Ok(if host.problems.is_empty() { Status::Well } else { Status::Findings })
}
