//! `secret`: texts that others refer to by uuid.

use xapi_schema::{
    ApiType, ClassId, Map, Ref, Result, Value,
    classes::{Secret, secret},
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_create(create);
    on.on_destroy(destroy);
    on.on(secret::call::introduce, introduce);
}

/// A secret under a uuid it has elsewhere.
async fn introduce(
    cx: Cx,
    uuid: String,
    value: String,
    other_config: Map<String, String>,
) -> Result<Ref<Secret>> {
    let members = Value::map([
        ("uuid", Value::str(uuid)),
        ("value", Value::str(value)),
        ("other_config", other_config.into_value()),
    ]);
    create(cx, members).await
}

async fn create(cx: Cx, members: Value) -> Result<Ref<Secret>> {
    cx.commit(move |tx| tx.create_value(ClassId::Secret, None, &members).map(Ref::new)).await
}

async fn destroy(cx: Cx, this: Ref<Secret>) -> Result<()> {
    cx.commit(move |tx| tx.destroy(&this)).await
}

/// Keys whose values are kept as secrets beside the map.
fn is_password(key: &str) -> bool {
    key.ends_with("password")
}

/// Moves passwords of a `device_config` into secrets of their own.
///
/// # Errors
/// Those of the store.
pub fn hide_passwords(tx: &mut Tx, config: Map<String, String>) -> Result<Map<String, String>> {
    let mut hidden = Vec::new();
    for (key, value) in config.0 {
        if is_password(&key) {
            let uuid = uuid::Uuid::new_v4().to_string();
            let members = Value::map([("uuid", Value::str(uuid.as_str())), ("value", Value::str(value))]);
            tx.create_value(ClassId::Secret, None, &members)?;
            hidden.push((format!("{key}_secret"), uuid));
        } else {
            hidden.push((key, value));
        }
    }
    Ok(Map(hidden))
}

/// The same map with secrets of its own, for a further PBD.
///
/// # Errors
/// Those of the store.
pub fn copy_secrets(tx: &mut Tx, config: &Map<String, String>) -> Result<Map<String, String>> {
    let mut copied = Vec::new();
    for (key, value) in &config.0 {
        let value = match known(tx, key, value) {
            Some(this) => {
                let uuid = uuid::Uuid::new_v4().to_string();
                let members = Value::map([
                    ("uuid", Value::str(uuid.as_str())),
                    ("value", Value::str(tx.get(&this, secret::value)?)),
                ]);
                tx.create_value(ClassId::Secret, None, &members)?;
                uuid
            }
            None => value.clone(),
        };
        copied.push((key.clone(), value));
    }
    Ok(Map(copied))
}

/// The map as a driver needs it, with passwords in the clear.
pub fn revealed(read: &impl Read, config: &Map<String, String>) -> Vec<(String, String)> {
    let pair = |(key, value): &(String, String)| match known(read, key, value) {
        Some(this) => {
            let plain = key.trim_end_matches("_secret").to_string();
            (plain, read.get(&this, secret::value).unwrap_or_default())
        }
        None => (key.clone(), value.clone()),
    };
    config.0.iter().map(pair).collect()
}

/// Destroys the secrets a map names.
///
/// # Errors
/// Those of the store.
pub fn destroy_secrets(tx: &mut Tx, config: &Map<String, String>) -> Result<()> {
    for (key, value) in &config.0 {
        if let Some(this) = known(tx, key, value) {
            tx.destroy(&this)?;
        }
    }
    Ok(())
}

fn known(read: &impl Read, key: &str, uuid: &str) -> Option<Ref<Secret>> {
    if key.ends_with("password_secret") { read.find_uuid::<Secret>(uuid).ok() } else { None }
}
