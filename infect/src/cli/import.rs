//! `infect import`: a pool database becomes a state directory.

use std::{fs, path::PathBuf};

use super::{Console, Status};
use crate::{
    At, Error, Result,
    db::import::{Request, inventory, run as import},
    generate::handoff,
    host, keep,
};

/// Arguments of `infect import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The pool database (`state.db`), compressed or not.
    #[arg(long, value_name = "FILE", required_unless_present = "handoff")]
    db: Option<PathBuf>,
    /// The hand-off directory of `infect generate`: database, inventory and secret are taken from it, and it is marked
    /// as done.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["db", "inventory", "pool_token"])]
    handoff: Option<PathBuf>,
    /// The state directory to make; it must be empty or not there.
    #[arg(long, value_name = "DIR")]
    state_dir: PathBuf,
    /// The host's inventory (`xensource-inventory`); the pool's coordinator is this host without one.
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// The file with the secret of the pool (`ptoken`).
    #[arg(long, value_name = "FILE")]
    pool_token: Option<PathBuf>,
    /// The file with the database's generation (`state.db.generation`).
    #[arg(long, value_name = "FILE")]
    generation: Option<PathBuf>,
    /// Go on in spite of this code: DB_SCHEMA (newer than known), DB_STALE.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
}

pub(super) fn run(args: &Args, console: &mut Console) -> Result<Status> {
    let (mut db, mut inventory_file, mut token) =
        (args.db.clone(), args.inventory.clone(), args.pool_token.clone());
    if let Some(directory) = &args.handoff {
        // Nothing is taken from a directory of which a byte is missing or changed.
        let list = handoff::open(directory)?;
        db = Some(directory.join(&list.database.path));
        let file = |path: &str| {
            let found = list.files.iter().find(|item| item.from == path);
            found.map(|item| directory.join(&item.path))
        };
        inventory_file = file(host::inventory::PATH);
        token = file(host::role::PTOKEN);
    }
    let (identity, bridge) = match &inventory_file {
        Some(path) => {
            let (identity, bridge) = inventory(path)?;
            (Some(identity), bridge)
        }
        None => (None, None),
    };
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(Error::io(path));
    let pool_secret = match &token {
        Some(path) => {
            let secret = read(path)?.trim_end().to_string();
            if secret.len() < 30 {
                let found = format!("{} characters", secret.len());
                return Err(Error::malformed(path, At::File, "a secret of 30 characters or more", found));
            }
            Some(secret)
        }
        None => None,
    };
    let generation = match &args.generation {
        Some(path) => {
            let text = read(path)?;
            Some(
                text.trim()
                    .parse()
                    .map_err(|_| Error::malformed(path, At::Line(1), "a number", format!("{text:?}")))?,
            )
        }
        None => None,
    };
    let request = Request {
        db: db.unwrap_or_default(),
        state_dir: args.state_dir.clone(),
        identity,
        bridge,
        pool_secret,
        generation,
        accept: args.accept.clone(),
    };
    let outcome = import(&request, &mut *console.progress())?;
    if let Some(directory) = &args.handoff {
        keep::copy(&directory.join("done"), 0o600, &b"taken over\n"[..])?;
    }
    console.print(&outcome)?;
    Ok(Status::Well)
}
