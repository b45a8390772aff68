//! The objects of a fresh host, and what every start of the toolstack refreshes.
//!
//! [`establish`] runs in one transaction at each start: it makes what is missing and leaves alone what
//! an administrator may have changed. Running it twice changes nothing but the refreshed facts.

mod control_domain;
mod host;
mod network;
mod pool;
mod restrictions;
mod seed;
mod sm;
mod templates;

pub use network::with_bridge;
pub use restrictions::{license_params, restrictions};
pub use seed::{Hardware, Identity, Management, Nic, Pairs, Seed, SmRow};
pub use sm::{Served, agree as agree_drivers};

use xapi_schema::{DateTime, Ref, Result, classes::Host};
use xapi_store::Tx;

/// Makes or refreshes this host and its pool; the answer is the host.
///
/// # Errors
/// Those of the store, or INTERNAL_ERROR for seed data that makes no sense.
pub fn establish(tx: &mut Tx, seed: &Seed, now: DateTime) -> Result<Ref<Host>> {
    let host = host::establish(tx, seed, now)?;
    control_domain::establish(tx, seed, &host, now)?;
    pool::establish(tx, seed, &host, now)?;
    network::establish(tx, seed, &host)?;
    sm::establish(tx, seed)?;
    templates::establish(tx, seed)?;
    Ok(host)
}
