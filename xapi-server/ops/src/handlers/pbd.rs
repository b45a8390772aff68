//! `PBD`: how a host reaches an SR.

use xapi_schema::{
    ApiEnum, ClassId, Failure, Map, Ref, Result, Value,
    classes::{Cls, Host, Pbd, Sr, StorageOperations as Op, VdiType, host, pbd, sr, vbd, vdi, vm},
    errors,
};
use xapi_store::{Read, Tx};

use super::{
    message::{self, Note},
    secret, sr as repository, texts,
};
use crate::{Cx, Registry, guard, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_create(create);
    on.on_destroy(destroy);
    on.on(pbd::call::plug, plug);
    on.on(pbd::call::unplug, unplug);
    on.on(pbd::call::set_device_config, set_device_config);
}

/// Writes an unplugged PBD.
///
/// # Errors
/// PBD_EXISTS [sr, host, pbd].
pub fn create_row(
    tx: &mut Tx,
    home: &Ref<Sr>,
    machine: &Ref<Host>,
    config: Map<String, String>,
) -> Result<Ref<Pbd>> {
    for known in tx.get(home, sr::PBDs)? {
        if tx.get(&known, pbd::host)? == *machine {
            return Err(errors::PBD_EXISTS.with([home.as_str(), machine.as_str(), known.as_str()]));
        }
    }
    let members = Value::map([
        ("host", Value::Str(machine.text().clone())),
        ("SR", Value::Str(home.text().clone())),
        ("device_config", xapi_schema::ApiType::into_value(config)),
    ]);
    tx.create_value(ClassId::Pbd, None, &members).map(Ref::new)
}

async fn create(cx: Cx, members: Value) -> Result<Ref<Pbd>> {
    let home: Ref<Sr> = Ref::new(super::text(&members, "SR"));
    let machine: Ref<Host> = Ref::new(super::text(&members, "host"));
    cx.snapshot().record(&machine)?;
    let work = async {
        let config = texts(&members, "device_config");
        if let Some(value) = config.get("SRmaster") {
            let why = "this key is set by the server itself";
            return Err(errors::VALUE_NOT_SUPPORTED.with(["SRmaster", value, why]));
        }
        let home = home.clone();
        cx.commit(move |tx| {
            let config = secret::hide_passwords(tx, config)?;
            create_row(tx, &home, &machine, config)
        })
        .await
    };
    guard::within(&cx, &home, Op::PbdCreate, work).await
}

async fn destroy(cx: Cx, this: Ref<Pbd>) -> Result<()> {
    let home = cx.snapshot().get(&this, pbd::SR)?;
    let work = cx.commit(move |tx| {
        if tx.get(&this, pbd::currently_attached)? {
            return Err(errors::OPERATION_NOT_ALLOWED.with(["PBD is currently attached"]));
        }
        let config = tx.get(&this, pbd::device_config)?;
        secret::destroy_secrets(tx, &config)?;
        tx.destroy(&this)
    });
    guard::within(&cx, &home, Op::PbdDestroy, work).await
}

async fn set_device_config(cx: Cx, this: Ref<Pbd>, value: Map<String, String>) -> Result<()> {
    let home = cx.snapshot().get(&this, pbd::SR)?;
    let driver = cx.session.driver_of.as_ref() == Some(&home);
    cx.commit(move |tx| {
        if tx.get(&this, pbd::currently_attached)? && !driver {
            return Err(errors::PERMISSION_DENIED.with([""]));
        }
        let before = tx.get(&this, pbd::device_config)?;
        let value = secret::hide_passwords(tx, value)?;
        tx.set(&this, pbd::device_config, value)?;
        secret::destroy_secrets(tx, &before)
    })
    .await
}

/// Attaches the SR on the PBD's host; one that is attached already stays as it is.
///
/// # Errors
/// SR_NOT_SHARABLE [sr, host], SR_UNKNOWN_DRIVER [type], those of the driver.
pub async fn plug(cx: Cx, this: Ref<Pbd>) -> Result<()> {
    let home = cx.snapshot().get(&this, pbd::SR)?;
    guard::within(&cx, &home, Op::Plug, attach(&cx, &this, &home)).await
}

async fn attach(cx: &Cx, this: &Ref<Pbd>, home: &Ref<Sr>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(this)?;
    if record.get(pbd::currently_attached) {
        return Ok(());
    }
    if !snapshot.get(home, sr::shared)? {
        for other in snapshot.get(home, sr::PBDs)? {
            let other = snapshot.record(&other)?;
            if other.get(pbd::currently_attached) {
                let elsewhere = other.get(pbd::host);
                return Err(errors::SR_NOT_SHARABLE.with([home.as_str(), elsewhere.as_str()]));
            }
        }
    }
    let config = repository::config(&*snapshot, home, &record.get(pbd::device_config))?;
    if !cx.xapi.backends.storage.kinds().contains(&config.kind) {
        return Err(errors::SR_UNKNOWN_DRIVER.with([config.kind]));
    }
    super::sr::distrust_changes(cx, home).await?;
    cx.xapi.backends.storage.attach(&config).await?;
    let (target, repository) = (this.clone(), home.clone());
    cx.commit(move |tx| {
        tx.set(&target, pbd::currently_attached, true)?;
        rules::refresh(tx, &repository)?;
        refresh_disks(tx, &repository)
    })
    .await?;
    // The SR is attached whatever becomes of the first look into it.
    if !super::sr::is_guarded(&*cx.snapshot(), home)?
        && let Err(failure) = super::sr::synchronise(cx, home).await
    {
        tracing::warn!(%failure, sr = %home, "the first scan after attaching failed");
    }
    Ok(())
}

fn refresh_disks(tx: &mut Tx, home: &Ref<Sr>) -> Result<()> {
    for disk in tx.get(home, sr::VDIs)? {
        rules::refresh(tx, &disk)?;
    }
    Ok(())
}

///
/// # Errors
/// Those of the rules and the backend.
pub async fn unplug(cx: Cx, this: Ref<Pbd>) -> Result<()> {
    let snapshot = cx.snapshot();
    let home = snapshot.get(&this, pbd::SR)?;
    for disk in snapshot.get(&home, sr::VDIs)? {
        let current = snapshot.get(&disk, vdi::current_operations)?;
        if let Some((task, op)) = current.0.first() {
            let params = ["VDI", disk.as_str(), op.as_str(), task];
            return Err(errors::OTHER_OPERATION_IN_PROGRESS.with(params));
        }
    }
    guard::within(&cx, &home, Op::Unplug, detach(&cx, &this, &home)).await
}

/// Disks of an SR that VMs on a host are using. Logs of the toolstack itself do not count.
fn in_use(read: &impl Read, home: &Ref<Sr>, machine: &Ref<Host>) -> Result<Vec<String>> {
    let mut used = Vec::new();
    for disk in read.get(home, sr::VDIs)? {
        let record = read.record(&disk)?;
        if record.get(vdi::r#type) == VdiType::Metadata {
            continue;
        }
        let held = record.get(vdi::VBDs).iter().any(|this| {
            let Ok(device) = read.record(this) else { return false };
            let here = read.get(&device.get(vbd::VM), vm::resident_on).is_ok_and(|at| at == *machine);
            device.get(vbd::currently_attached) && here
        });
        if held {
            used.push(disk.to_string());
        }
    }
    Ok(used)
}

async fn detach(cx: &Cx, this: &Ref<Pbd>, home: &Ref<Sr>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(this)?;
    if !record.get(pbd::currently_attached) {
        return Ok(());
    }
    let used = in_use(&*snapshot, home, &record.get(pbd::host))?;
    if !used.is_empty() {
        return Err(errors::VDI_IN_USE.with(used));
    }
    cx.xapi.backends.storage.detach(&snapshot.get(home, sr::uuid)?).await?;
    let (target, repository) = (this.clone(), home.clone());
    cx.commit(move |tx| {
        tx.set(&target, pbd::currently_attached, false)?;
        rules::refresh(tx, &repository)?;
        refresh_disks(tx, &repository)
    })
    .await
}

/// Plugs every PBD of this host, as each start of the toolstack does. One that cannot be is unplugged, and a message says
/// so.
pub async fn plug_all(cx: &Cx) {
    let snapshot = cx.snapshot();
    for link in snapshot.get(cx.host(), host::PBDs).unwrap_or_default() {
        let Err(failure) = replug(cx, &link).await else { continue };
        tracing::warn!(%failure, pbd = %link, "a PBD could not be plugged at start");
        if let Err(failure) = write_unplugged(cx, &link, &failure).await {
            tracing::error!(%failure, pbd = %link, "that could not be written down");
        }
    }
}

async fn write_unplugged(cx: &Cx, link: &Ref<Pbd>, why: &Failure) -> Result<()> {
    let (link, machine, why, now) = (link.clone(), cx.host().clone(), why.to_string(), cx.clock().date());
    cx.commit(move |tx| {
        let home = tx.get(&link, pbd::SR)?;
        tx.set(&link, pbd::currently_attached, false)?;
        rules::refresh(tx, &home)?;
        refresh_disks(tx, &home)?;
        let (name, uuid) = (tx.get(&home, sr::name_label)?, tx.get(&home, sr::uuid)?);
        let note = Note {
            name: "PBD_PLUG_FAILED_ON_SERVER_START".into(),
            priority: 3,
            cls: Cls::Host,
            body: format!("The SR '{name}' (uuid: {uuid}) could not be attached: {why}"),
            obj_uuid: tx.get(&machine, host::uuid)?,
        };
        message::write(tx, &note, now).map(drop)
    })
    .await
}

/// The backend may have forgotten what the record remembers.
async fn replug(cx: &Cx, link: &Ref<Pbd>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(link)?;
    let home = record.get(pbd::SR);
    if record.get(pbd::currently_attached) {
        let config = repository::config(&*snapshot, &home, &record.get(pbd::device_config))?;
        super::sr::distrust_changes(cx, &home).await?;
        return cx.xapi.backends.storage.attach(&config).await;
    }
    plug(cx.clone(), link.clone()).await
}
