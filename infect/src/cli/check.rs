//! `infect check`: the whole catalogue at once.

use super::source::{self, Database};
use super::{Console, Status};
use crate::audit::Audit;
use crate::check::{self, Aliases, Facts, Live, Stage};
use crate::pool::Pool;
use crate::{Error, Result, Severity};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Arguments of `infect check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    source: source::Args,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    repositories: source::Repositories,
    /// `modules.alias` of the new system's kernel.
    #[arg(long, value_name = "FILE")]
    modules_alias: Option<PathBuf>,
    /// All hosts of the pool are converted together.
    #[arg(long)]
    whole_pool: bool,
    /// Accept a warning by its code.
    #[arg(long, value_name = "CODE")]
    accept: Vec<String>,
    /// Only print the catalogue.
    #[arg(long)]
    catalogue: bool,
}

/// A line of the catalogue as it is printed.
#[derive(Serialize)]
struct Line {
    code: &'static str,
    severity: Severity,
    stage: Stage,
    condition: &'static str,
    clear: &'static str,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Catalogue(Vec<Line>);

impl fmt::Display for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|line| writeln!(f, "{:<22} {:<6} {}", line.code, line.severity, line.condition))
    }
}

pub(super) fn run(args: &Args, console: &mut Console) -> Result<Status> {
    if args.catalogue {
        let lines = check::catalogue().map(|one| Line {
            code: one.code,
            severity: one.severity,
            stage: one.stage,
            condition: one.says,
            clear: one.clear,
        });
        console.print(&Catalogue(lines.collect()))?;
        return Ok(Status::Well);
    }
    if let Some(unknown) =
        args.accept.iter().find(|code| !check::catalogue().any(|one| one.code == code.as_str()))
    {
        return Err(Error::refused(
            "UNKNOWN_CODE",
            format!("the catalogue has no {unknown}: see --catalogue"),
        ));
    }
    let source = source::source(&args.source)?;
    let host = source.host();
    let aliases = match &args.modules_alias {
        Some(path) => {
            let bytes = std::fs::read(path).map_err(Error::io(path))?;
            Some(Aliases::parse(&path.display().to_string(), &bytes)?)
        }
        None => None,
    };
    let opened = args.database.find(&source, &host).and_then(|found| Pool::open(found.path()));
    let (pool, pool_error) = match opened {
        Ok(pool) => (Some(pool), None),
        Err(e) => (None, Some(e.to_string())),
    };
    let live = if host.machine.live { Live::gather(&host) } else { Live::default() };
    let mut audits: Vec<Audit> = Vec::new();
    if let Some(pool) = &pool {
        audits = args.repositories.audits(&source, &host, pool, console.progress().as_mut())?;
    }
    let generation = args.database.generation(&source)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let facts = Facts {
        host: &host,
        tree: source.tree.as_ref(),
        pool: pool.as_ref(),
        pool_error,
        generation,
        aliases: aliases.as_ref(),
        audits: &audits,
        live: &live,
        whole_pool: args.whole_pool,
        now,
    };
    let verdict = check::judge(&facts, &args.accept);
    console.print(&verdict)?;
    Ok(if verdict.go { Status::Well } else { Status::Findings })
}
