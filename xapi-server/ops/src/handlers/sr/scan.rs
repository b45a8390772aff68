//! What is in an SR, and how full it is.

use std::collections::HashMap;

use xapi_backend::storage::{SrStat, Volume, backend_failure};
use xapi_schema::{
    ClassId, Map, Ref, Result, Value,
    classes::{Sr, StorageOperations as Op, Vdi, sr, vdi},
};
use xapi_store::{Read, Tx};

use crate::{
    Cx, Registry, guard,
    handlers::message::{self, Note},
    rules,
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(sr::call::scan, scan);
    on.on(sr::call::update, update);
}

/// Brings the rows of an SR's disks in line with what its driver finds.
///
/// # Errors
/// SR_HAS_NO_PBDS [sr], those of the driver.
pub async fn scan(cx: Cx, this: Ref<Sr>) -> Result<()> {
    guard::within(&cx, &this, Op::Scan, synchronise(&cx, &this)).await?;
    cx.xapi.garbage.notify_one();
    Ok(())
}

/// Key in `other_config` of an SR that was carried over and not taken over for good yet.
const GUARD: &str = "xennix:guarded";

/// Whether rows of an SR must stay as they were carried over: a disk that is not found may only be out of
/// reach for now, and its row is all that is known of it.
///
/// # Errors
/// HANDLE_INVALID.
pub fn is_guarded(read: &impl Read, this: &Ref<Sr>) -> Result<bool> {
    Ok(read.get(this, sr::other_config)?.get(GUARD).is_some_and(|value| value != "false"))
}

/// Refuses what would write down anew what was carried over.
///
/// # Errors
/// OPERATION_NOT_ALLOWED, HANDLE_INVALID.
pub fn assert_free(read: &impl Read, this: &Ref<Sr>) -> Result<()> {
    if is_guarded(read, this)? {
        let why = format!("the SR is guarded until its conversion is final (other_config:{GUARD})");
        return Err(xapi_schema::errors::OPERATION_NOT_ALLOWED.with([why]));
    }
    Ok(())
}

/// Before disks of a guarded SR are in reach: what was noted of their changes counts no more, for guests are about to
/// write without anybody who notes it. Nothing for others.
///
/// # Errors
/// Those of the store.
pub async fn distrust_changes(cx: &Cx, this: &Ref<Sr>) -> Result<()> {
    let snapshot = cx.snapshot();
    if !is_guarded(&*snapshot, this)? {
        return Ok(());
    }
    let tracked = |disk: &Ref<Vdi>| snapshot.get(disk, vdi::cbt_enabled).unwrap_or(false);
    let disks: Vec<_> = snapshot.get(this, sr::VDIs)?.into_iter().filter(tracked).collect();
    if disks.is_empty() {
        return Ok(());
    }
    cx.commit(move |tx| {
        for disk in &disks {
            tx.set(disk, vdi::cbt_enabled, false)?;
            rules::refresh(tx, disk)?;
        }
        Ok(())
    })
    .await
}

/// Makes the rows of an SR agree with what the driver finds.
///
/// # Errors
/// SR_HAS_NO_PBDS [sr], OPERATION_NOT_ALLOWED for a guarded SR, and those of the driver.
pub async fn synchronise(cx: &Cx, this: &Ref<Sr>) -> Result<()> {
    assert_free(&*cx.snapshot(), this)?;
    let uuid = super::usable(cx, this)?;
    let found = cx.xapi.backends.storage.scan(&uuid).await?;
    let stat = cx.xapi.backends.storage.stat(&uuid).await?;
    let (target, now) = (this.clone(), cx.clock().date());
    cx.commit(move |tx| {
        let mut known = HashMap::new();
        for row in tx.get(&target, sr::VDIs)? {
            known.insert(tx.get(&row, vdi::location)?, row);
        }
        let (old, new): (Vec<_>, Vec<_>) =
            found.iter().partition(|volume| known.contains_key(&volume.location));
        assert_nobodys(tx, &target, &new)?;
        introduce(tx, &target, &new, &known, now)?;
        for volume in old {
            if let Some(row) = known.remove(&volume.location) {
                update_row(tx, &row, volume, now)?;
            }
        }
        for gone in known.into_values() {
            tx.destroy(&gone)?;
        }
        write_stat(tx, &target, stat)?;
        tx.update(&target, sr::other_config, |config| config.remove("dirty"))?;
        rules::refresh(tx, &target)
    })
    .await
}

fn update_row(tx: &mut Tx, row: &Ref<Vdi>, volume: &Volume, now: xapi_schema::DateTime) -> Result<()> {
    tx.set(row, vdi::virtual_size, volume.virtual_size)?;
    tx.set(row, vdi::physical_utilisation, volume.physical_utilisation)?;
    tx.set(row, vdi::read_only, volume.read_only)?;
    tx.set(row, vdi::missing, false)?;
    // A log that is found is not what the records once gave up; only they can say that one counts.
    let before = tx.get(row, vdi::cbt_enabled)?;
    if before && !volume.cbt_enabled {
        let note = Note {
            name: "VDI_CBT_METADATA_INCONSISTENT".into(),
            priority: 3,
            cls: xapi_schema::classes::Cls::Vdi,
            obj_uuid: tx.get(row, vdi::uuid)?,
            body: "What was noted of its changes can't be used; tracking has ended.".into(),
        };
        message::write(tx, &note, now)?;
    }
    let tracked = before && volume.cbt_enabled;
    tx.set(row, vdi::cbt_enabled, tracked)?;
    rules::refresh(tx, row)
}

/// Refuses disks that are known in another SR: it is the same place under two names.
///
/// # Errors
/// SR_BACKEND_FAILURE_40 with the disk and the SR that has it.
fn assert_nobodys(tx: &Tx, home: &Ref<Sr>, new: &[&Volume]) -> Result<()> {
    for volume in new {
        let Ok(row) = tx.find_uuid::<Vdi>(&volume.uuid) else { continue };
        let other = tx.get(&row, vdi::SR)?;
        if other != *home {
            let owner = tx.get(&other, sr::uuid).unwrap_or_default();
            let told = format!("the disk {} belongs to the storage repository {owner}", volume.uuid);
            return Err(backend_failure(40, "The SR scan failed", &told));
        }
    }
    Ok(())
}

/// Writes the rows of volumes nobody knew, in their order. `known` has those with a row, by location.
fn introduce(
    tx: &mut Tx,
    home: &Ref<Sr>,
    new: &[&Volume],
    known: &HashMap<String, Ref<Vdi>>,
    now: xapi_schema::DateTime,
) -> Result<()> {
    let members: Vec<_> = new.iter().map(|volume| members(home, volume, now)).collect();
    let made = tx.create_values(ClassId::Vdi, &members)?;
    let made: Vec<Ref<Vdi>> = made.into_iter().map(Ref::new).collect();
    let of_new: HashMap<_, _> = new.iter().map(|volume| &volume.location).zip(&made).collect();
    for (volume, row) in new.iter().zip(&made) {
        let origin = volume.snapshot_of.as_ref();
        if let Some(origin) = origin.and_then(|at| known.get(at).or_else(|| of_new.get(at).copied())) {
            tx.set(row, vdi::snapshot_of, origin.clone())?;
        }
        rules::refresh(tx, row)?;
    }
    Ok(())
}

/// What a volume says of itself.
fn members(home: &Ref<Sr>, volume: &Volume, now: xapi_schema::DateTime) -> Value {
    let snapshot = volume.snapshot_of.is_some();
    Value::map([
        ("uuid", Value::str(volume.uuid.as_str())),
        ("name_label", Value::str(volume.name.as_str())),
        ("name_description", Value::str(volume.description.as_str())),
        ("SR", Value::Str(home.text().clone())),
        ("virtual_size", Value::Int(volume.virtual_size)),
        ("physical_utilisation", Value::Int(volume.physical_utilisation)),
        ("type", Value::str(volume.kind.as_str())),
        ("read_only", Value::Bool(volume.read_only)),
        ("location", Value::str(volume.location.as_str())),
        ("managed", Value::Bool(!volume.hidden)),
        ("sm_config", xapi_schema::ApiType::into_value(Map(volume.sm_config.clone()))),
        ("is_a_snapshot", Value::Bool(snapshot)),
        ("snapshot_of", Value::str("OpaqueRef:NULL")),
        ("snapshot_time", Value::Time(if snapshot { now } else { xapi_schema::DateTime::EPOCH })),
        ("on_boot", Value::str("persist")),
        ("cbt_enabled", Value::Bool(volume.cbt_enabled)),
    ])
}

/// `virtual_allocation` is always the sum of what its VDIs promise.
fn write_stat(tx: &mut Tx, this: &Ref<Sr>, stat: SrStat) -> Result<()> {
    let mut promised = 0;
    for row in tx.get(this, sr::VDIs)? {
        promised += tx.get(&row, vdi::virtual_size)?;
    }
    tx.set(this, sr::physical_size, stat.physical_size)?;
    tx.set(this, sr::physical_utilisation, stat.physical_utilisation)?;
    tx.set(this, sr::virtual_allocation, promised)
}

/// Asks the driver how full an SR is and writes it down; what was carried over into a guarded one stays.
///
/// # Errors
/// SR_HAS_NO_PBDS [sr], and those of the driver.
pub async fn refresh_stat(cx: &Cx, this: &Ref<Sr>) -> Result<()> {
    if is_guarded(&*cx.snapshot(), this)? {
        return Ok(());
    }
    let uuid = super::usable(cx, this)?;
    let stat = cx.xapi.backends.storage.stat(&uuid).await?;
    let target = this.clone();
    cx.commit(move |tx| write_stat(tx, &target, stat)).await
}

async fn update(cx: Cx, this: Ref<Sr>) -> Result<()> {
    assert_free(&*cx.snapshot(), &this)?;
    if !rules::sr_features(&*cx.snapshot(), &this).iter().any(|has| has == "SR_UPDATE") {
        return Err(xapi_schema::errors::SR_OPERATION_NOT_SUPPORTED.with([&this]));
    }
    refresh_stat(&cx, &this).await
}
