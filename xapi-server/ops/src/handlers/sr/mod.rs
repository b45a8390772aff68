//! `SR`: storage repositories: made, introduced, scanned, forgotten, destroyed.

mod lifecycle;
mod misc;
mod scan;

pub use lifecycle::introduce_row;
pub use scan::{assert_free, distrust_changes, is_guarded, refresh_stat, scan, synchronise};

use xapi_backend::storage::SrConfig;
use xapi_schema::{
    Map, Ref, Result,
    classes::{Host, Pbd, Sr, host, pbd, pool, sr},
    errors,
};
use xapi_store::Read;

use super::secret;
use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    lifecycle::register(on);
    scan::register(on);
    misc::register(on);
}

/// What the driver needs to know of an SR through one of its PBDs.
///
/// # Errors
/// HANDLE_INVALID.
pub fn config(read: &impl Read, this: &Ref<Sr>, device_config: &Map<String, String>) -> Result<SrConfig> {
    let record = read.record(this)?;
    Ok(SrConfig {
        uuid: record.get(sr::uuid),
        kind: record.get(sr::r#type),
        device_config: secret::revealed(read, device_config),
        sm_config: record.get(sr::sm_config).0,
    })
}

/// Is this the session of the driver that works on the SR?
///
/// # Errors
/// PERMISSION_DENIED [""], HANDLE_INVALID.
pub fn assert_driver(cx: &Cx, this: &Ref<Sr>) -> Result<()> {
    cx.snapshot().record(this)?;
    if cx.session.driver_of.as_ref() == Some(this) {
        Ok(())
    } else {
        Err(errors::PERMISSION_DENIED.with([""]))
    }
}

/// The plugged PBD through which an SR is worked on: the coordinator's for a shared one, else the only
/// one.
///
/// # Errors
/// SR_HAS_NO_PBDS [sr].
pub fn plugged(read: &impl Read, this: &Ref<Sr>) -> Result<(Ref<Pbd>, Ref<Host>)> {
    let record = read.record(this)?;
    let coordinator =
        read.all::<xapi_schema::classes::Pool>().first().and_then(|p| read.get(p, pool::master).ok());
    let shared = record.get(sr::shared);
    for this in record.get(sr::PBDs) {
        let Ok(link) = read.record(&this) else { continue };
        let home = link.get(pbd::host);
        let fits = !shared || coordinator.as_ref() == Some(&home);
        if fits && link.get(pbd::currently_attached) {
            return Ok((this, home));
        }
    }
    Err(errors::SR_HAS_NO_PBDS.with([this]))
}

/// The SR's uuid, provided it can be worked on.
///
/// # Errors
/// SR_HAS_NO_PBDS [sr], HANDLE_INVALID.
pub fn usable(cx: &Cx, this: &Ref<Sr>) -> Result<String> {
    let snapshot = cx.snapshot();
    plugged(&*snapshot, this)?;
    snapshot.get(this, sr::uuid)
}

/// Hosts that see an SR: live, enabled, with a plugged PBD.
pub fn live_hosts(read: &impl Read, this: &Ref<Sr>) -> Vec<Ref<Host>> {
    let mut hosts = Vec::new();
    for link in read.get(this, sr::PBDs).unwrap_or_default() {
        let Ok(link) = read.record(&link) else { continue };
        let home = link.get(pbd::host);
        let enabled = read.get(&home, host::enabled).unwrap_or(false);
        if link.get(pbd::currently_attached) && enabled && super::host::is_live(read, &home) {
            hosts.push(home);
        }
    }
    hosts
}
