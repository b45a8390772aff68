//! `infect generate`: the new host's configuration and the hand-off directory.

use super::source::{self, Database};
use super::{Console, Status};
use crate::generate::{self, Note, handoff};
use crate::{Result, keep};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Arguments of `infect generate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: source::Args,
    #[command(flatten)]
    database: Database,
    /// Directory to write: `flake/` and `handoff/`. One that was written before is replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Where the flake that is built on comes from.
    #[arg(long, value_name = "URL", default_value = generate::URL)]
    xennix: String,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Answer {
    out: PathBuf,
    flake: Vec<String>,
    handed_over: usize,
    notes: Vec<Note>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.out.join("flake").display(), self.flake.join(", "))?;
        writeln!(f, "{}: {} files, root's own", self.out.join("handoff").display(), self.handed_over)?;
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "note   {} [{}]: {}", note.code, note.subject, note.text))
    }
}

pub(super) fn run(args: &Args, console: &mut Console) -> Result<Status> {
    let source = source::source(&args.source)?;
    let host = source.host();
    let database = args.database.find(&source, &host)?;
    let pool = crate::pool::Pool::open(database.path())?;
    let made = generate::generate(&host, &pool, &args.xennix)?;
    let cx = generate::context(&host, &pool)?;
    let mut handed_over = 0;
    let ours = |path: &std::path::Path| {
        path.join("handoff").join(handoff::LIST).is_file() && path.join("flake/flake.nix").is_file()
    };
    keep::replace(&args.out, ours, |into| {
        for (name, text) in &made.files {
            keep::copy(&into.join("flake").join(name), 0o644, text.as_bytes())?;
        }
        let directory = into.join("handoff");
        keep::directory(&directory)?;
        handed_over = handoff::write(&cx, source.tree.as_ref(), database.path(), &directory)?.files.len();
        Ok(())
    })?;
    let answer = Answer {
        out: args.out.clone(),
        flake: made.files.into_keys().collect(),
        handed_over,
        notes: made.notes,
    };
    console.print(&answer)?;
    Ok(Status::Well)
}
