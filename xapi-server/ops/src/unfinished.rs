//! What long work has made but not finished: disks that are being filled, VMs that are coming in. Each is noted
//! durably before it is made and struck off when it is whole, so that the next start can remove what a killed process
//! left behind. The notes lie in the host's `other_config`, where clients may lose one or write an old one back. So a
//! note alone never costs anybody a disk: what is removed also bears a mark that only this module sets, or is empty.

use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Host, Vdi, Vm, host, sr, vdi, vm},
};
use xapi_store::{Read, Tx};

use crate::{
    Cx,
    handlers::{text, vdi as disk, vm as machine},
};

/// Beginnings of the keys; the object's uuid follows. A disk's value is the uuid of its SR.
const DISK: &str = "xennix_unfinished_vdi:";
const GUEST: &str = "xennix_unfinished_vm:";
/// The mark of a VM, in a field that is otherwise empty. That of a disk is its `storage_lock`.
const MARK: &str = "unfinished";

fn strike(tx: &mut Tx, home: &Ref<Host>, keys: &[String]) -> Result<()> {
    tx.update(home, host::other_config, |config| keys.iter().for_each(|key| config.remove(key.as_str())))
}

/// Makes a disk that counts as unfinished until [`finish`].
///
/// # Errors
/// Those of a new disk.
pub async fn create_disk(cx: &Cx, members: &Value) -> Result<Ref<Vdi>> {
    let uuid = uuid::Uuid::new_v4().to_string();
    let home = cx.snapshot().get(&Ref::new(text(members, "SR")), sr::uuid)?;
    let (this, key) = (cx.host().clone(), format!("{DISK}{uuid}"));
    let noted = key.clone();
    cx.commit(move |tx| tx.update(&this, host::other_config, |config| config.set(noted, home))).await?;
    let made = disk::create_disk_as(cx, members, Some(uuid)).await;
    if made.is_err() {
        let this = cx.host().clone();
        cx.commit(move |tx| strike(tx, &this, &[key])).await?;
    }
    made
}

/// A disk is whole.
///
/// # Errors
/// Those of the store.
pub async fn finish(cx: &Cx, this: &Ref<Vdi>) -> Result<()> {
    let (home, disk) = (cx.host().clone(), this.clone());
    cx.commit(move |tx| settle(tx, &home, &[disk], &[])).await
}

/// Destroys a disk that will not be finished. What can't be destroyed now goes at the next start.
pub async fn abandon(cx: &Cx, this: &Ref<Vdi>) {
    let Ok(uuid) = cx.snapshot().get(this, vdi::uuid) else { return };
    // A cancelled task must not keep its own mess.
    let own = Cx::internal(&cx.xapi, "unfinished.abandon");
    let gone = match disk::destroy(&own, this).await {
        Ok(()) => {
            let home = cx.host().clone();
            cx.commit(move |tx| strike(tx, &home, &[format!("{DISK}{uuid}")])).await
        }
        Err(failure) => Err(failure),
    };
    if let Err(failure) = gone {
        tracing::error!(%failure, disk = %this, "an unfinished disk stays behind until the next start");
    }
}

/// Notes VMs that were just written; in the same transaction.
///
/// # Errors
/// Those of the store.
pub fn note_guests<'a>(
    tx: &mut Tx,
    home: &Ref<Host>,
    guests: impl Iterator<Item = &'a Ref<Vm>>,
) -> Result<()> {
    for guest in guests {
        let key = format!("{GUEST}{}", tx.get(guest, vm::uuid)?);
        tx.set(guest, vm::transportable_snapshot_id, MARK.to_string())?;
        tx.update(home, host::other_config, |config| config.set(key, "import".into()))?;
    }
    Ok(())
}

/// Disks and VMs are whole; or, for what is gone already, no longer of interest.
///
/// # Errors
/// Those of the store.
pub fn settle(tx: &mut Tx, home: &Ref<Host>, disks: &[Ref<Vdi>], guests: &[Ref<Vm>]) -> Result<()> {
    let mut keys = Vec::new();
    for disk in disks {
        tx.set(disk, vdi::storage_lock, false)?;
        keys.push(format!("{DISK}{}", tx.get(disk, vdi::uuid)?));
    }
    for guest in guests {
        tx.set(guest, vm::transportable_snapshot_id, String::new())?;
        keys.push(format!("{GUEST}{}", tx.get(guest, vm::uuid)?));
    }
    strike(tx, home, &keys)
}

/// Removes what an earlier process left unfinished. What can't be reached is tried again at the next start.
pub async fn sweep(cx: &Cx) {
    let notes = cx.snapshot().get(cx.host(), host::other_config).unwrap_or_default();
    // VMs first: their slots go with them.
    for (key, _) in notes.0.iter().filter(|(key, _)| key.starts_with(GUEST)) {
        if let Err(failure) = remove_guest(cx, key).await {
            tracing::error!(%failure, key, "a VM whose import was interrupted could not be removed");
        }
    }
    for (key, home) in notes.0.iter().filter(|(key, _)| key.starts_with(DISK)) {
        if let Err(failure) = remove_disk(cx, key, home).await {
            tracing::error!(%failure, key, "an unfinished disk could not be removed");
        }
    }
}

async fn remove_guest(cx: &Cx, key: &str) -> Result<()> {
    let (home, key) = (cx.host().clone(), key.to_string());
    cx.commit(move |tx| {
        let found = tx.by_uuid(ClassId::Vm, &key[GUEST.len()..]).map(|row| Ref::new(row.reference.clone()));
        if let Some(this) = found
            && tx.get(&this, vm::transportable_snapshot_id)? == MARK
        {
            tracing::warn!(uuid = &key[GUEST.len()..], "a VM whose import was interrupted is removed");
            machine::remove(tx, &this)?;
        }
        strike(tx, &home, &[key])
    })
    .await
}

async fn remove_disk(cx: &Cx, key: &str, home: &str) -> Result<()> {
    let uuid = &key[DISK.len()..];
    let row = cx.snapshot().by_uuid(ClassId::Vdi, uuid).map(|row| Ref::new(row.reference.clone()));
    match row {
        Some(this) if cx.snapshot().get(&this, vdi::storage_lock)? => {
            disk::destroy(cx, &this).await?;
            tracing::warn!(uuid, "a disk that was never finished is removed");
        }
        Some(_) => {}
        None => remove_volume(cx, home, uuid).await?,
    }
    let (this, key) = (cx.host().clone(), key.to_string());
    cx.commit(move |tx| strike(tx, &this, &[key])).await
}

/// Removes a volume that never got its row. One that holds anything had a row, so it is not what was noted.
async fn remove_volume(cx: &Cx, home: &str, uuid: &str) -> Result<()> {
    let storage = &cx.xapi.backends.storage;
    for volume in storage.scan(home).await?.into_iter().filter(|volume| volume.uuid == uuid) {
        if storage.extents(home, &volume.location).await?.is_empty() {
            storage.destroy_volume(home, &volume.location).await?;
            tracing::warn!(uuid, "a volume that never became a disk is removed");
        }
    }
    Ok(())
}
