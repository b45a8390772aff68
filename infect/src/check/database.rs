//! Whether the database is whole, of a known version, and of this host's pool.

use super::{Condition, Facts, Outcome, condition, when};
use crate::Severity::{Refuse, Warn};
use crate::host::role::Role;
use crate::pool::Pool;
use xapi_statedb::{SCHEMA_CURRENT, SCHEMA_OLDEST};

/// Schema of the empty database a coordinator gives away during an upgrade.
const STUB: u64 = 35;
const NO_DB: &str = "no database";

fn with(f: &Facts<'_>, judge: impl Fn(&Pool) -> Outcome) -> Outcome {
    f.pool.map_or(Outcome::Unknown(NO_DB), judge)
}

pub(super) const CODES: &[Condition] = &[
    condition(
        "DB_UNREADABLE",
        Refuse,
        "the database can't be read",
        "name the right file with --db; restore it from a backup",
        |f| when(f.pool.is_none(), f.pool_error.clone().unwrap_or_else(|| "there is none".into())),
    ),
    condition(
        "DB_STUB",
        Refuse,
        "the file is the empty one a coordinator gives away during an upgrade",
        "finish the upgrade, then dump it again",
        |f| with(f, |pool| when(pool.schema == STUB, "schema 5.35")),
    ),
    condition("DB_SCHEMA", Refuse, "the database is older than 8.2", "upgrade to 8.2 or 8.3 first", |f| {
        with(f, |pool| {
            when(pool.schema < SCHEMA_OLDEST && pool.schema != STUB, format!("schema 5.{}", pool.schema))
        })
    }),
    condition(
        "DB_SCHEMA_NEWER",
        Refuse,
        "the database is newer than anything known",
        "take a newer version of this program",
        |f| with(f, |pool| when(pool.schema > SCHEMA_CURRENT, format!("schema 5.{}", pool.schema))),
    ),
    condition(
        "DB_STALE",
        Refuse,
        "the database is older than the file beside it says",
        "xe pool-sync-database, then copy both again",
        |f| match (f.pool, f.generation) {
            (Some(pool), Some(beside)) => {
                when(pool.generation < beside, format!("generation {} instead of {beside}", pool.generation))
            }
            _ => when(false, ""),
        },
    ),
    condition(
        "DB_COPY",
        Warn,
        "the host is a member: its copy of the database may be hours old",
        "take the coordinator's with --db",
        |f| when(matches!(f.host.role, Some(Role::Member(_))), "only the coordinator's database counts"),
    ),
    condition(
        "DB_DUP",
        Refuse,
        "a reference or UUID stands twice",
        "remove one of the objects with xe",
        |f| {
            with(f, |pool| {
                Outcome::Found(pool.doubles.iter().map(|one| (one.clone(), "stands twice".into())).collect())
            })
        },
    ),
    condition(
        "DB_UNKNOWN_COLUMNS",
        Warn,
        "the database has tables or columns nobody knows",
        "accept: they are kept aside",
        |f| {
            with(f, |pool| {
                Outcome::Found(
                    pool.unknown.iter().map(|one| (one.clone(), "not in the object model".into())).collect(),
                )
            })
        },
    ),
    condition(
        "DB_SHAPE",
        Refuse,
        "a set or map in the database is neither",
        "repair the object with xe",
        |f| {
            with(f, |pool| {
                Outcome::Found(
                    pool.misshapen().into_iter().map(|one| (one, "not of its type".into())).collect(),
                )
            })
        },
    ),
    condition("DB_POOL", Refuse, "there is not exactly one pool", "name the right file with --db", |f| {
        with(f, |pool| when(pool.rows("pool").len() != 1, format!("{} pools", pool.rows("pool").len())))
    }),
    condition(
        "DB_MASTER",
        Refuse,
        "the pool's coordinator is no host of it",
        "name the right file with --db",
        |f| {
            with(f, |pool| {
                let there = pool
                    .pool()
                    .and_then(|row| pool.follow(row, "master"))
                    .is_some_and(|host| pool.by_uuid("host", host.uuid()).is_some());
                when(!there, "it leads nowhere")
            })
        },
    ),
    condition(
        "DB_HOST",
        Refuse,
        "the database does not know this host",
        "name the database of this host's pool",
        |f| with(f, |_| when(f.row().is_none(), f.host.fact("INSTALLATION_UUID"))),
    ),
];
