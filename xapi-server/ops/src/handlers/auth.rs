//! `auth`, and joining and leaving a directory with `host` and `pool`: from whom the subjects come.
//!
//! Decides nothing about passwords; that is `crate::session`'s.

use xapi_schema::{
    Failure, Map, Ref, Result,
    classes::{Cls, Host, Pool, auth, host, pool},
    errors,
};
use xapi_store::{Read, Tx};

use super::message::{self, Note};
use crate::{
    Cx, Registry,
    session::{self as sessions, Directory, Entry, unresolved},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(auth::call::get_subject_identifier, get_subject_identifier);
    on.on(auth::call::get_subject_information_from_identifier, get_subject_information);
    on.on(auth::call::get_group_membership, get_group_membership);
    on.on(host::call::enable_external_auth, enable_on_host);
    on.on(host::call::disable_external_auth, |cx, this, _, _| disable_on_host(cx, this));
    on.on(pool::call::enable_external_auth, enable_on_pool);
    on.on(pool::call::disable_external_auth, |cx, this, _| disable_on_pool(cx, this));
    on.on(pool::call::detect_nonhomogeneous_external_auth, detect_nonhomogeneous);
}

/// The directory this host has joined.
///
/// # Errors
/// AUTH_IS_DISABLED [].
fn joined(cx: &Cx) -> Result<&dyn Directory> {
    sessions::joined(&cx.xapi).ok_or_else(|| errors::AUTH_IS_DISABLED.bare())
}

/// What the joined directory tells about an identifier; nothing without a directory or an entry.
pub fn information(cx: &Cx, sid: &str) -> Option<Map<String, String>> {
    joined(cx).ok()?.by_sid(sid).map(|entry| Map(entry.information()))
}

fn entry(cx: &Cx, sid: &str) -> Result<Entry> {
    joined(cx)?.by_sid(sid).ok_or_else(unresolved)
}

async fn get_subject_identifier(cx: Cx, name: String) -> Result<String> {
    joined(&cx)?.by_name(&name).map(|entry| entry.sid).ok_or_else(unresolved)
}

async fn get_subject_information(cx: Cx, sid: String) -> Result<Map<String, String>> {
    entry(&cx, &sid).map(|entry| Map(entry.information()))
}

async fn get_group_membership(cx: Cx, sid: String) -> Result<Vec<String>> {
    entry(&cx, &sid).map(|entry| entry.groups)
}

/// Passwords of an account that may let hosts join are nothing to keep.
fn without_secrets(config: Map<String, String>) -> Map<String, String> {
    config.0.into_iter().filter(|(key, _)| !key.starts_with("pass")).collect()
}

fn write(
    tx: &mut Tx,
    this: &Ref<Host>,
    kind: &str,
    service: String,
    config: Map<String, String>,
) -> Result<()> {
    tx.set(this, host::external_auth_type, kind.to_string())?;
    tx.set(this, host::external_auth_service_name, service)?;
    tx.set(this, host::external_auth_configuration, config)
}

async fn enable_on_host(
    cx: Cx,
    this: Ref<Host>,
    config: Map<String, String>,
    service: String,
    kind: String,
) -> Result<()> {
    let snapshot = cx.snapshot();
    let current = snapshot.get(&this, host::external_auth_type)?;
    if !current.is_empty() {
        let name = snapshot.get(&this, host::external_auth_service_name)?;
        return Err(errors::AUTH_ALREADY_ENABLED.with([current, name]));
    }
    let known = cx.xapi.passwords.directory().filter(|directory| directory.kind() == kind);
    let Some(directory) = known else { return Err(errors::AUTH_UNKNOWN_TYPE.with([kind])) };
    directory.join()?;
    let config = without_secrets(config);
    cx.commit(move |tx| write(tx, &this, &kind, service, config)).await
}

/// Leaving twice is fine. Whoever is logged in as a user of the directory no longer is.
async fn disable_on_host(cx: Cx, this: Ref<Host>) -> Result<()> {
    let left = this.clone();
    cx.commit(move |tx| write(tx, &left, "", String::new(), Map::default())).await?;
    if this == *cx.host() {
        sessions::revalidate(&cx.xapi).await;
    }
    Ok(())
}

/// Hosts of the pool, the coordinator first, so that it is the one to refuse.
fn hosts(cx: &Cx, this: &Ref<Pool>) -> Result<Vec<Ref<Host>>> {
    let snapshot = cx.snapshot();
    let first = snapshot.get(this, pool::master)?;
    let rest = snapshot.all::<Host>().into_iter().filter(|other| *other != first);
    Ok(std::iter::once(first.clone()).chain(rest).collect())
}

/// A failure of one host as the pool tells it.
fn of_pool(failure: Failure, this: &Ref<Host>) -> Failure {
    if !failure.code.starts_with("AUTH_ENABLE_FAILED") {
        return failure;
    }
    let text = failure.params.first().cloned().unwrap_or_default();
    Failure::new(&format!("POOL_{}", failure.code), [this.to_string(), text])
}

/// All hosts or none.
async fn enable_on_pool(
    cx: Cx,
    this: Ref<Pool>,
    config: Map<String, String>,
    service: String,
    kind: String,
) -> Result<()> {
    let hosts = hosts(&cx, &this)?;
    let snapshot = cx.snapshot();
    for this in &hosts {
        if !snapshot.get(this, host::external_auth_type)?.is_empty() {
            return Err(errors::POOL_AUTH_ALREADY_ENABLED.with([this]));
        }
    }
    let mut done: Vec<Ref<Host>> = Vec::new();
    for this in hosts {
        let joining = enable_on_host(cx.clone(), this.clone(), config.clone(), service.clone(), kind.clone());
        if let Err(failure) = joining.await {
            for other in done {
                disable_on_host(cx.clone(), other).await?;
            }
            return Err(of_pool(failure, &this));
        }
        done.push(this);
    }
    Ok(())
}

async fn disable_on_pool(cx: Cx, this: Ref<Pool>) -> Result<()> {
    for this in hosts(&cx, &this)? {
        disable_on_host(cx.clone(), this).await?;
    }
    Ok(())
}

/// A note for every host that has joined another directory than the coordinator.
async fn detect_nonhomogeneous(cx: Cx, this: Ref<Pool>) -> Result<()> {
    let hosts = hosts(&cx, &this)?;
    let now = cx.clock().date();
    cx.commit(move |tx| {
        let about = |tx: &Tx, this: &Ref<Host>| -> Result<(String, String)> {
            let service = tx.get(this, host::external_auth_service_name)?;
            Ok((tx.get(this, host::external_auth_type)?, service.to_lowercase()))
        };
        let Some((first, rest)) = hosts.split_first() else { return Ok(()) };
        let wanted = about(tx, first)?;
        for other in rest {
            let found = about(tx, other)?;
            if found != wanted {
                let note = Note {
                    name: "EXTAUTH_IN_POOL_IS_NON_HOMOGENEOUS".into(),
                    priority: 2,
                    cls: Cls::Host,
                    obj_uuid: tx.get(other, host::uuid)?,
                    body: format!(
                        "auth_type={} service_name={}, the coordinator has auth_type={} service_name={}",
                        found.0, found.1, wanted.0, wanted.1
                    ),
                };
                message::write(tx, &note, now)?;
            }
        }
        Ok(())
    })
    .await
}
