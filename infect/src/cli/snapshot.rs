//! `infect snapshot`: everything a way back would need, in one directory.

use super::source::{self, Database};
use super::{Console, Status};
use crate::pool::Pool;
use crate::snapshot::{self, Lock, Sources};
use crate::{Error, Result};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Arguments of `infect snapshot`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: source::Args,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    repositories: source::Repositories,
    /// Directory to make. A run that was cut goes on.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Encrypt for the holder of this age key (`age1...`); may be given again.
    #[arg(long, value_name = "KEY", conflicts_with = "passphrase_file")]
    recipient: Vec<String>,
    /// Encrypt with the passphrase in this file.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// On the running host: take the database's file as it is, without asking the toolstack to write it.
    #[arg(long)]
    no_dump: bool,
}

#[derive(Serialize)]
struct Answer {
    out: PathBuf,
    pieces: usize,
    bytes: u64,
    encrypted: bool,
    absent: Vec<String>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.encrypted { ", encrypted" } else { "; it holds secrets: root's own" };
        writeln!(f, "{}: {} pieces, {} bytes{how}", self.out.display(), self.pieces, self.bytes)?;
        self.absent.iter().try_for_each(|program| writeln!(f, "not there: {program}"))
    }
}

fn lock(args: &Args) -> Result<Lock> {
    if let Some(path) = &args.passphrase_file {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let text = text.trim_end_matches(['\n', '\r']).to_owned();
        if text.is_empty() {
            return Err(Error::refused("PASSPHRASE", format!("{} is empty", path.display())));
        }
        return Ok(Lock::Passphrase(text.into()));
    }
    if args.recipient.is_empty() {
        return Ok(Lock::Open);
    }
    let keys = args
        .recipient
        .iter()
        .map(|key| key.parse().map_err(|e| Error::refused("RECIPIENT", format!("{key}: {e}"))));
    keys.collect::<Result<_>>().map(Lock::Recipients)
}

pub(super) fn run(args: &Args, console: &mut Console) -> Result<Status> {
    let lock = lock(args)?;
    let source = source::source(&args.source)?;
    let host = source.host();
    let scratch = tempfile::tempdir().map_err(|e| Error::Io { path: std::env::temp_dir(), source: e })?;
    let mut dumped = None;
    if host.machine.live && !args.no_dump {
        let path = scratch.path().join("state.db");
        snapshot::dump(&path)?;
        dumped = Some(path);
    } else if let Some(path) = &args.database.db {
        dumped = Some(path.clone());
    }
    let mut progress = console.progress();
    let mut audits = Vec::new();
    let pool = match &dumped {
        Some(path) => Some(Pool::open(path)?),
        None => args.database.find(&source, &host).and_then(|found| Pool::open(found.path())).ok(),
    };
    if let Some(pool) = &pool {
        audits = args.repositories.audits(&source, &host, pool, progress.as_mut())?;
    }
    let sources = Sources {
        tree: source.tree.as_ref(),
        host: &host,
        medium: source.medium.as_deref(),
        audits: &audits,
        database: dumped.as_deref(),
    };
    let taken = snapshot::take(&sources, &lock, &args.out, progress.as_mut())?;
    let answer = Answer {
        out: args.out.clone(),
        pieces: taken.pieces.len(),
        bytes: taken.pieces.iter().map(|piece| piece.size).sum(),
        encrypted: taken.encrypted,
        absent: taken.absent,
    };
    console.print(&answer)?;
    Ok(Status::Well)
}
