//! `infect import`: a pool database becomes a state directory.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Console, Status};
use crate::{
    At, Error, Result,
    db::{
        import::{Request, inventory, run as import},
        verify::run as verify,
    },
    generate::handoff,
    keep,
};

/// Left in a hand-off directory that was taken over.
const DONE: &str = "done";

/// Arguments of `infect import`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The pool database (`state.db`), compressed or not.
    #[arg(long, value_name = "FILE", required_unless_present = "handoff")]
    db: Option<PathBuf>,
    /// The hand-off directory `infect generate` wrote, instead: its sums are proved first, and `done` is left in it.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["db", "inventory", "pool_token", "generation"])]
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
    if let Some(directory) = &args.handoff {
        return take_over(args, directory, console);
    }
    let Some(db) = &args.db else {
        return Err(Error::malformed(&args.state_dir, At::File, "--db or --handoff", "neither"));
    };
    carry(args, db, args.inventory.as_ref(), args.pool_token.as_ref(), None, console)
}

/// A state directory that was made before a `done` could be left is proved again, not made again.
fn take_over(args: &Args, directory: &Path, console: &mut Console) -> Result<Status> {
    let done = directory.join(DONE);
    let made = fs::read_dir(&args.state_dir).is_ok_and(|mut inside| inside.next().is_some());
    // The server has lived on this state since, so it is not what it was when it was made.
    if done.exists() && made {
        return Ok(Status::Well);
    }
    let list = handoff::open(directory)?;
    let carried =
        |from: &str| list.files.iter().find(|file| file.from == from).map(|file| directory.join(&file.path));
    let db = directory.join(&list.database.path);
    let status = if made {
        let verdict = verify(&db, &args.state_dir, false, &mut *console.progress())?;
        console.print(&verdict)?;
        if verdict.is_proof() { Status::Well } else { Status::Findings }
    } else {
        let (inventory, token) = (carried("/etc/xensource-inventory"), carried("/etc/xensource/ptoken"));
        let generation = Some(list.database.generation);
        carry(args, &db, inventory.as_ref(), token.as_ref(), generation, console)?
    };
    if matches!(status, Status::Well) {
        keep::copy(&done, 0o600, &b"taken over\n"[..])?;
    }
    Ok(status)
}

fn carry(
    args: &Args,
    db: &Path,
    inventory_file: Option<&PathBuf>,
    pool_token: Option<&PathBuf>,
    known_generation: Option<u64>,
    console: &mut Console,
) -> Result<Status> {
    let (identity, bridge) = match inventory_file {
        Some(path) => {
            let (identity, bridge) = inventory(path)?;
            (Some(identity), bridge)
        }
        None => (None, None),
    };
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(Error::io(path));
    let pool_secret = match pool_token {
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
        None => known_generation,
    };
    let request = Request {
        db: db.to_path_buf(),
        state_dir: args.state_dir.clone(),
        identity,
        bridge,
        pool_secret,
        generation,
        accept: args.accept.clone(),
    };
    let outcome = import(&request, &mut *console.progress())?;
    console.print(&outcome)?;
    Ok(Status::Well)
}
