//! How an SR comes and goes.

use xapi_schema::{
    ClassId, Map, Ref, Result, Value,
    classes::{Host, Pbd, Sr, StorageOperations as Op, host, pbd, pool, sm, sr},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{
    Cx, Registry, guard,
    handlers::{pbd as link, secret, text, texts},
    rules,
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_named("SR.create", create);
    on.on_named("SR.make", make);
    on.on_named("SR.introduce", introduce);
    on.on(sr::call::forget, forget);
    on.on(sr::call::destroy, destroy);
}

/// What a new SR is given.
struct New {
    uuid: String,
    name_label: String,
    name_description: String,
    kind: String,
    content_type: String,
    shared: bool,
    sm_config: Map<String, String>,
}

/// Writes the row of an SR nobody has scanned yet.
///
/// # Errors
/// SR_UUID_EXISTS [uuid].
pub fn introduce_row(
    tx: &mut Tx,
    uuid: &str,
    names: (&str, &str),
    kind: &str,
    content_type: &str,
    shared: bool,
    sm_config: Map<String, String>,
) -> Result<Ref<Sr>> {
    if !uuid.is_empty() && tx.by_uuid(ClassId::Sr, uuid).is_some() {
        return Err(errors::SR_UUID_EXISTS.with([uuid]));
    }
    let members = Value::map([
        ("uuid", Value::str(uuid)),
        ("name_label", Value::str(names.0)),
        ("name_description", Value::str(names.1)),
        ("type", Value::str(kind.to_lowercase())),
        ("content_type", Value::str(content_type)),
        ("shared", Value::Bool(shared)),
        ("sm_config", xapi_schema::ApiType::into_value(sm_config)),
        ("physical_size", Value::Int(-1)),
        ("physical_utilisation", Value::Int(-1)),
        ("default_vdi_visibility", Value::Bool(true)),
    ]);
    let made = Ref::new(tx.create_value(ClassId::Sr, None, &members)?);
    rules::refresh(tx, &made)?;
    Ok(made)
}

impl New {
    /// From a call's arguments; an empty uuid is replaced by a fresh one.
    fn of(args: &Value) -> New {
        New {
            uuid: text(args, "uuid"),
            name_label: text(args, "name_label"),
            name_description: text(args, "name_description"),
            kind: text(args, "type"),
            content_type: text(args, "content_type"),
            shared: args.get("shared") == Some(&Value::Bool(true)),
            sm_config: texts(args, "sm_config"),
        }
    }

    fn write(&self, tx: &mut Tx) -> Result<Ref<Sr>> {
        let names = (self.name_label.as_str(), self.name_description.as_str());
        let config = self.sm_config.clone();
        introduce_row(tx, &self.uuid, names, &self.kind, &self.content_type, self.shared, config)
    }
}

async fn introduce(cx: Cx, args: Value) -> Result<Ref<Sr>> {
    let new = New::of(&args);
    cx.commit(move |tx| new.write(tx)).await
}

/// A driver has to serve the type, and the backend has to have it.
///
/// # Errors
/// SR_UNKNOWN_DRIVER [type].
pub fn assert_known(cx: &Cx, kind: &str) -> Result<()> {
    let snapshot = cx.snapshot();
    let kind = kind.to_lowercase();
    let has_row = snapshot.rows(ClassId::Sm).any(|row| row.record.get(sm::r#type) == kind);
    if has_row && cx.xapi.backends.storage.kinds().contains(&kind) {
        return Ok(());
    }
    Err(errors::SR_UNKNOWN_DRIVER.with([kind]))
}

async fn create(cx: Cx, args: Value) -> Result<Ref<Sr>> {
    let (home, device_config): (Ref<Host>, _) =
        (Ref::new(text(&args, "host")), texts(&args, "device_config"));
    let size = args.get("physical_size").and_then(Value::as_int).unwrap_or(0);
    let new = New { uuid: uuid::Uuid::new_v4().to_string(), ..New::of(&args) };
    assert_known(&cx, &new.kind)?;
    let snapshot = cx.snapshot();
    if rules::rolling_upgrade(&*snapshot) {
        return Err(errors::NOT_SUPPORTED_DURING_UPGRADE.bare());
    }
    let hosts = if new.shared {
        let first = cx.xapi.coordinator()?;
        let others = snapshot.all::<Host>().into_iter().filter(|h| *h != first);
        std::iter::once(first.clone()).chain(others).collect()
    } else {
        snapshot.record(&home)?;
        vec![home]
    };
    let (made, links) = cx
        .commit(move |tx| {
            let made = new.write(tx)?;
            let config = secret::hide_passwords(tx, device_config)?;
            let mut links = Vec::new();
            for (at, home) in hosts.iter().enumerate() {
                let config = if at == 0 { config.clone() } else { secret::copy_secrets(tx, &config)? };
                links.push(link::create_row(tx, &made, home, config)?);
            }
            rules::refresh(tx, &made)?;
            Ok((made, links))
        })
        .await?;
    let first = &links[0];
    let snapshot = cx.snapshot();
    let config = super::config(&*snapshot, &made, &snapshot.get(first, pbd::device_config)?)?;
    if let Err(failure) = cx.xapi.backends.storage.create(&config, size).await {
        cx.commit(move |tx| remove(tx, &made)).await?;
        return Err(failure);
    }
    // An SR that exists but could not be plugged is shown by `currently_attached`.
    for link in links {
        if let Err(failure) = link::plug(cx.clone(), link).await {
            tracing::warn!(%failure, sr = %made, "a new SR could not be plugged");
        }
    }
    if let Err(failure) = super::misc::renamed(&cx, &made).await {
        tracing::warn!(%failure, sr = %made, "the driver of a new SR was not told its name");
    }
    Ok(made)
}

async fn make(_: Cx, _: Value) -> Result<String> {
    Err(errors::MESSAGE_DEPRECATED.bare())
}

/// Removes the rows of an SR: its PBDs with their secrets, its VDIs, itself. Touches no disk.
fn remove(tx: &mut Tx, this: &Ref<Sr>) -> Result<()> {
    for link in tx.get(this, sr::PBDs)? {
        let config = tx.get(&link, pbd::device_config)?;
        secret::destroy_secrets(tx, &config)?;
        tx.destroy::<Pbd>(&link)?;
    }
    for disk in tx.get(this, sr::VDIs)? {
        tx.destroy(&disk)?;
    }
    tx.destroy(this)
}

async fn forget(cx: Cx, this: Ref<Sr>) -> Result<()> {
    let target = this.clone();
    guard::within(&cx, &this, Op::Forget, cx.commit(move |tx| remove(tx, &target))).await
}

async fn destroy(cx: Cx, this: Ref<Sr>) -> Result<()> {
    guard::within(&cx, &this, Op::Destroy, destroy_content(&cx, &this)).await
}

async fn destroy_content(cx: &Cx, this: &Ref<Sr>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(this)?;
    if record.get(sr::other_config).get("indestructible").is_some_and(|v| v == "true") {
        return Err(errors::SR_INDESTRUCTIBLE.with([this]));
    }
    for home in snapshot.all::<Host>() {
        if snapshot.get(&home, host::local_cache_sr)? == *this {
            return Err(errors::SR_IS_CACHE_SR.with([&home]));
        }
    }
    let Some(link) = record.get(sr::PBDs).into_iter().next() else {
        return Err(errors::SR_HAS_NO_PBDS.with([this]));
    };
    let config = super::config(&*snapshot, this, &snapshot.get(&link, pbd::device_config)?)?;
    let storage = &cx.xapi.backends.storage;
    storage.attach(&config).await?;
    if let Err(failure) = storage.delete(&config.uuid).await {
        // Rows stay as they were, and so does the SR.
        if let Err(failure) = storage.detach(&config.uuid).await {
            tracing::warn!(%failure, "an SR could not be let go after its deletion failed");
        }
        return Err(failure);
    }
    let (target, sm_config) = (this.clone(), record.get(sr::sm_config));
    cx.commit(move |tx| {
        secret::destroy_secrets(tx, &sm_config)?;
        for pool in tx.all::<xapi_schema::classes::Pool>() {
            if tx.get(&pool, pool::default_SR)? == target {
                tx.set(&pool, pool::default_SR, Ref::null())?;
            }
        }
        remove(tx, &target)
    })
    .await
}
