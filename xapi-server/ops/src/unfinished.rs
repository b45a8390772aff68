//! What work has made but not finished, or has begun to remove: disks on their way in and out, VMs that are coming in.
//! Each is noted durably before the storage is told and struck off with the row that makes it whole, so that the next
//! start can remove what a killed process left behind. The notes lie in the host's `other_config`, where clients may
//! lose one or write an old one back. So a note alone never costs anybody a disk: what is removed also bears a mark
//! that only this module sets, or nobody ever wrote to it.

use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Host, Sr, Vdi, Vm, host, sr, vdi, vm},
};
use xapi_store::{Read, Tx};

use crate::{
    Cx,
    handlers::{vdi as disk, vm as machine},
};

/// Beginnings of the keys; the object's uuid follows. A disk's value is the uuid of its SR.
const DISK: &str = "xennix_unfinished_vdi:";
const GUEST: &str = "xennix_unfinished_vm:";
/// The same for a disk whose size or content the storage is told to change; its row may be behind.
const CHANGE: &str = "xennix_unfinished_change:";
/// The mark of a VM, in a field that is otherwise empty. That of a disk is its `storage_lock`.
const MARK: &str = "unfinished";

fn strike(tx: &mut Tx, home: &Ref<Host>, keys: &[String]) -> Result<()> {
    tx.update(home, host::other_config, |config| keys.iter().for_each(|key| config.remove(key.as_str())))
}

/// When a disk is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// With its row.
    AtOnce,
    /// Once it is settled: filled, or together with what it belongs to.
    Later,
}

/// The note of a disk that is about to be made.
#[derive(Debug, Clone)]
pub struct Note {
    /// The uuid it shall have.
    pub uuid: String,
    /// uuid of its SR.
    home: String,
}

impl Note {
    /// The disk has its row; in the same transaction.
    ///
    /// # Errors
    /// Those of the store.
    pub fn arrive(&self, tx: &mut Tx, host: &Ref<Host>, made: &Ref<Vdi>, whole: Whole) -> Result<()> {
        strike(tx, host, &[format!("{DISK}{}", self.uuid)])?;
        if whole == Whole::Later {
            mark(tx, host, made, &self.home)?;
        }
        Ok(())
    }

    /// The disk did not come into being, and nothing of it is there.
    pub async fn withdraw(self, cx: &Cx) {
        let (host, key) = (cx.host().clone(), format!("{DISK}{}", self.uuid));
        if let Err(failure) = cx.commit(move |tx| strike(tx, &host, &[key])).await {
            tracing::error!(%failure, "a note of a disk that never was stays until the next start");
        }
    }
}

/// Notes a disk before the storage is asked for it.
///
/// # Errors
/// Those of the store.
pub async fn expect(cx: &Cx, home: &Ref<Sr>, uuid: Option<String>) -> Result<Note> {
    let uuid = uuid.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let note = Note { uuid, home: cx.snapshot().get(home, sr::uuid)? };
    let (host, key, home) = (cx.host().clone(), format!("{DISK}{}", note.uuid), note.home.clone());
    cx.commit(move |tx| tx.update(&host, host::other_config, |config| config.set(key, home))).await?;
    Ok(note)
}

fn mark(tx: &mut Tx, host: &Ref<Host>, this: &Ref<Vdi>, home: &str) -> Result<()> {
    let key = format!("{DISK}{}", tx.get(this, vdi::uuid)?);
    tx.set(this, vdi::storage_lock, true)?;
    tx.update(host, host::other_config, |config| config.set(key, home.to_string()))
}

/// Notes disks that are about to be removed: from here on they go, if need be at the next start.
///
/// # Errors
/// Those of the store.
pub fn condemn(tx: &mut Tx, host: &Ref<Host>, disks: &[Ref<Vdi>]) -> Result<()> {
    for this in disks {
        let home = tx.get(&tx.get(this, vdi::SR)?, sr::uuid)?;
        mark(tx, host, this, &home)?;
    }
    Ok(())
}

/// A disk that was to be removed and could not be stays; or its row goes in this transaction.
///
/// # Errors
/// Those of the store.
pub fn spare(tx: &mut Tx, host: &Ref<Host>, this: &Ref<Vdi>) -> Result<()> {
    settle(tx, host, std::slice::from_ref(this), &[])
}

/// A disk's row went with its driver's work.
///
/// # Errors
/// Those of the store.
pub fn gone(tx: &mut Tx, host: &Ref<Host>, uuid: &str) -> Result<()> {
    strike(tx, host, &[format!("{DISK}{uuid}")])
}

/// Notes that the storage is about to change what the row of a disk says.
///
/// # Errors
/// Those of the store.
pub async fn change(cx: &Cx, this: &Ref<Vdi>) -> Result<()> {
    let (host, this) = (cx.host().clone(), this.clone());
    cx.commit(move |tx| {
        let key = format!("{CHANGE}{}", tx.get(&this, vdi::uuid)?);
        tx.update(&host, host::other_config, |config| config.set(key, "row".into()))
    })
    .await
}

/// The row of a disk is up to date; in the transaction that makes it so.
///
/// # Errors
/// Those of the store.
pub fn changed(tx: &mut Tx, host: &Ref<Host>, this: &Ref<Vdi>) -> Result<()> {
    let key = format!("{CHANGE}{}", tx.get(this, vdi::uuid)?);
    strike(tx, host, &[key])
}

/// Makes a disk that counts as unfinished until [`finish`].
///
/// # Errors
/// Those of a new disk.
pub async fn create_disk(cx: &Cx, members: &Value) -> Result<Ref<Vdi>> {
    disk::create_disk(cx, members, Whole::Later).await
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
    // A cancelled task must not keep its own mess.
    let own = Cx::internal(&cx.xapi, "unfinished.abandon");
    if let Err(failure) = disk::destroy_condemned(&own, this).await {
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
    for (key, _) in notes.0.iter().filter(|(key, _)| key.starts_with(CHANGE)) {
        if let Err(failure) = bring_up_to_date(cx, key).await {
            tracing::error!(%failure, key, "what a disk is like now could not be asked");
        }
    }
}

/// Asks the storage what became of a disk.
async fn bring_up_to_date(cx: &Cx, key: &str) -> Result<()> {
    let row = cx.snapshot().by_uuid(ClassId::Vdi, &key[CHANGE.len()..]).map(|row| row.reference.clone());
    let found = match row.map(Ref::new) {
        Some(this) => Some((disk::now(cx, &this).await?, this)),
        None => None,
    };
    let (host, key) = (cx.host().clone(), key.to_string());
    cx.commit(move |tx| {
        if let Some((volume, this)) = found {
            tx.set(&this, vdi::virtual_size, volume.virtual_size)?;
            tx.set(&this, vdi::physical_utilisation, volume.physical_utilisation)?;
        }
        strike(tx, &host, &[key])
    })
    .await
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
            disk::destroy_condemned(cx, &this).await?;
            tracing::warn!(uuid, "a disk that was never finished, or half removed, is removed");
        }
        Some(_) => {}
        None => remove_volume(cx, home, uuid).await?,
    }
    let (this, key) = (cx.host().clone(), key.to_string());
    cx.commit(move |tx| strike(tx, &this, &[key])).await
}

/// Removes a volume that never got its row. One that somebody wrote to had a row, so it is not what was noted.
async fn remove_volume(cx: &Cx, home: &str, uuid: &str) -> Result<()> {
    let storage = &cx.xapi.backends.storage;
    for volume in storage.scan(home).await?.into_iter().filter(|volume| volume.uuid == uuid) {
        if storage.is_untouched(home, &volume.location).await? {
            storage.destroy_volume(home, &volume.location).await?;
            tracing::warn!(uuid, "a volume that never became a disk is removed");
        }
    }
    Ok(())
}
