//! `infect export`.

use super::{Console, Status};
use crate::{Error, Result};

/// Arguments of `infect export`.
#[derive(Debug, clap::Args)]
pub struct Args {}

pub(super) fn run(_: &Args, _: &mut Console) -> Result<Status> {
    Err(Error::NotBuilt("infect export"))
}
