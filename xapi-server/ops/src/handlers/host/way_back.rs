//! The way back from a change of the network that cuts everybody off. What was before is written down together with
//! the time within which somebody has to come; if nobody does, it is made again, by the next start if this process
//! does not live to do it.
//!
//! The note is a `secret` row: unlike a key of a map it cannot come back by a client that writes an old map.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use xapi_schema::{
    ApiEnum, ClassId, Map, Record, Ref, Result, Value,
    classes::{Host, Pif, Secret, host, pif, secret},
};
use xapi_store::{Read, Tx};

use crate::Cx;

/// Key of `host.other_config`: seconds within which somebody must reach the host over the network after its
/// management changed, or the change is taken back. Absent, changes stay as they are, like the original's.
pub const CONFIRM: &str = "xennix:management-confirm";

/// Key of `secret.other_config` that makes a row the note.
const NOTE: &str = "xennix:network-before";

/// How often it is looked whether somebody came.
const LOOKS: Duration = Duration::from_millis(500);

/// How a host was reached before its network was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// When it was changed, in seconds since 1970.
    since: i64,
    /// Seconds somebody has to come within.
    seconds: i64,
    /// uuid of the PIF it was managed by.
    managed_by: Option<String>,
    /// Addresses PIFs had, by their uuid.
    addresses: BTreeMap<String, Addressing>,
}

/// What clients configure of a PIF's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addressing {
    mode: String,
    ip: String,
    netmask: String,
    gateway: String,
    dns: String,
    mode6: String,
    v6: Vec<String>,
    gateway6: String,
}

impl Addressing {
    /// What a PIF's record says.
    pub fn of(record: &Record) -> Addressing {
        Addressing {
            mode: record.get(pif::ip_configuration_mode).as_str().into(),
            ip: record.get(pif::IP),
            netmask: record.get(pif::netmask),
            gateway: record.get(pif::gateway),
            dns: record.get(pif::DNS),
            mode6: record.get(pif::ipv6_configuration_mode).as_str().into(),
            v6: record.get(pif::IPv6),
            gateway6: record.get(pif::ipv6_gateway),
        }
    }

    /// Writes it into a PIF's record.
    ///
    /// # Errors
    /// Those of the store.
    pub fn write(self, tx: &mut Tx, this: &Ref<Pif>) -> Result<()> {
        tx.set(this, pif::ip_configuration_mode, member(&self.mode))?;
        tx.set(this, pif::IP, self.ip)?;
        tx.set(this, pif::netmask, self.netmask)?;
        tx.set(this, pif::gateway, self.gateway)?;
        tx.set(this, pif::DNS, self.dns)?;
        tx.set(this, pif::ipv6_configuration_mode, member(&self.mode6))?;
        tx.set(this, pif::IPv6, self.v6)?;
        tx.set(this, pif::ipv6_gateway, self.gateway6)
    }
}

/// A member by its text; the first one, which is none, for a text of another version.
fn member<E: ApiEnum>(text: &str) -> E {
    E::ALL.iter().copied().find(|member| member.as_str() == text).unwrap_or(E::ALL[0])
}

/// What is about to be changed.
pub enum Change {
    /// The interface the host is managed by; its uuid as it was.
    Management(String),
    /// The addresses of a PIF, by its uuid.
    Addresses(String, Addressing),
}

/// Writes down what is about to be changed, where the host asks for a confirmation; before the change or in its
/// transaction. Of a change that nobody has confirmed yet the way back leads to where that began.
///
/// # Errors
/// Those of the store.
pub fn note(tx: &mut Tx, home: &Ref<Host>, now: i64, change: Change) -> Result<()> {
    let config = tx.get(home, host::other_config)?;
    let seconds =
        config.get(CONFIRM).and_then(|text| text.parse::<i64>().ok()).filter(|seconds| *seconds > 0);
    let Some(seconds) = seconds else { return Ok(()) };
    let mut before = match pending(tx) {
        Some((known, before)) => {
            tx.destroy(&known)?;
            before
        }
        None => Before { since: now, seconds, managed_by: None, addresses: BTreeMap::new() },
    };
    (before.since, before.seconds) = (now, seconds);
    match change {
        Change::Management(pif) => before.managed_by = before.managed_by.or(Some(pif)),
        Change::Addresses(pif, addressing) => {
            before.addresses.entry(pif).or_insert(addressing);
        }
    }
    let text = serde_json::to_string(&before).unwrap_or_default();
    let mark = Value::map([(NOTE, Value::str("true"))]);
    let members = Value::map([("value", Value::str(text)), ("other_config", mark)]);
    tx.create_value(ClassId::Secret, None, &members).map(drop)
}

/// The note, if there is one.
fn pending(read: &impl Read) -> Option<(Ref<Secret>, Before)> {
    let is_note = |config: &Map<String, String>| config.get(NOTE).is_some();
    read.all::<Secret>().into_iter().find_map(|this| {
        let record = read.record(&this).ok().filter(|record| is_note(&record.get(secret::other_config)))?;
        let before = serde_json::from_str(&record.get(secret::value)).ok()?;
        Some((this, before))
    })
}

/// Nobody needs the way back any more.
async fn forget(cx: &Cx) -> Result<()> {
    cx.commit(|tx| match pending(tx) {
        Some((this, _)) => tx.destroy(&this),
        None => Ok(()),
    })
    .await
}

/// Seconds that are left, by a clock that may have been set back since.
fn left(before: &Before, now: f64) -> f64 {
    (before.since as f64 + before.seconds as f64 - now).min(before.seconds as f64)
}

/// Waits for somebody to come after a change that was noted, made or not, and takes it back if nobody does.
pub fn guard(cx: &Cx) {
    let Some((this, before)) = pending(&*cx.snapshot()) else { return };
    // The work goes on when the caller hangs up.
    let cx = Cx::internal(&cx.xapi, "host.network_way_back");
    let known = cx.xapi.sessions.came();
    tokio::spawn(async move {
        let reached = || cx.xapi.sessions.came() != known;
        while left(&before, cx.clock().now()) > 0.0 {
            if !cx.snapshot().exists(&this) {
                return;
            }
            if reached() {
                match forget(&cx).await {
                    Ok(()) => return,
                    Err(failure) => tracing::error!(%failure, "that somebody came could not be noted"),
                }
            }
            let rest = Duration::from_secs_f64(left(&before, cx.clock().now()).max(0.0));
            tokio::time::sleep(rest.min(LOOKS)).await;
        }
        if cx.snapshot().exists(&this) && !reached() {
            take_back(&cx, before).await;
        } else if let Err(failure) = forget(&cx).await {
            tracing::error!(%failure, "that somebody came could not be noted");
        }
    });
}

/// Goes on with what an earlier process was waiting for.
pub async fn resume(cx: &Cx) {
    match pending(&*cx.snapshot()) {
        Some((_, before)) if left(&before, cx.clock().now()) <= 0.0 => take_back(cx, before).await,
        Some(_) => guard(cx),
        None => {}
    }
}

/// A way back that fails stays written down, for the next start.
async fn take_back(cx: &Cx, before: Before) {
    tracing::warn!(
        seconds = before.seconds,
        "nobody came over the network after its change, so it is taken back"
    );
    let made = make(cx, before).await;
    let outcome = match made {
        Ok(()) => forget(cx).await,
        failed => failed,
    };
    if let Err(failure) = outcome {
        tracing::error!(%failure, "the change of the network could not be taken back");
    }
}

async fn make(cx: &Cx, before: Before) -> Result<()> {
    let find = |uuid: &str| {
        let found = cx.snapshot().by_uuid(ClassId::Pif, uuid).map(|row| Ref::new(row.reference.clone()));
        if found.is_none() {
            tracing::warn!(uuid, "an interface that had another address before is gone");
        }
        found
    };
    for (uuid, addressing) in before.addresses {
        if let Some(this) = find(&uuid) {
            crate::handlers::pif::restore_addresses(cx, &this, addressing).await?;
        }
    }
    match before.managed_by.and_then(|uuid| find(&uuid)) {
        Some(this) => super::management::make(cx, &cx.host().clone(), Some(&this)).await,
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_longer() {
        let before = Before { since: 1_000, seconds: 60, managed_by: None, addresses: BTreeMap::new() };
        assert!((left(&before, 1_010.0) - 50.0).abs() < 1e-9);
        assert!((left(&before, 10.0) - 60.0).abs() < 1e-9);
        assert!(left(&before, 1_060.0) <= 0.0);
    }
}
