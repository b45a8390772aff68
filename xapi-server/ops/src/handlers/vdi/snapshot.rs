//! Snapshots, clones and the way back.

use xapi_schema::{
    Map, Ref, Result,
    classes::{OnBoot, StorageOperations, Vdi, VdiOperations, vbd, vdi},
    errors,
};
use xapi_store::Read;

use super::{lifecycle, place, restat, row, settle, within_both};
use crate::{
    Cx, Registry, guard,
    unfinished::{self, Whole},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vdi::call::snapshot, |cx: Cx, this, params| async move {
        snapshot(&cx, &this, params, Whole::AtOnce).await
    });
    on.on(
        vdi::call::clone,
        |cx: Cx, this, params| async move { clone(&cx, &this, params, Whole::AtOnce).await },
    );
    on.on(vdi::call::revert, revert);
}

/// A frozen copy of a disk.
///
/// # Errors
/// VDI_NOT_MANAGED [vdi], SR_HAS_NO_PBDS [sr], those of the driver.
pub async fn snapshot(
    cx: &Cx,
    this: &Ref<Vdi>,
    params: Map<String, String>,
    whole: Whole,
) -> Result<Ref<Vdi>> {
    let work = twin(cx, this, params, true, whole);
    within_both(cx, this, StorageOperations::VdiSnapshot, VdiOperations::Snapshot, work).await
}

/// As [`snapshot`], of a disk the caller has marked.
///
/// # Errors
/// As [`snapshot`].
pub async fn snapshot_within(cx: &Cx, this: &Ref<Vdi>, whole: Whole) -> Result<Ref<Vdi>> {
    let home = cx.snapshot().get(this, vdi::SR)?;
    let work = twin(cx, this, Map::default(), true, whole);
    guard::within(cx, &home, StorageOperations::VdiSnapshot, work).await
}

/// A writable copy of a disk that shares what it can with it.
///
/// # Errors
/// As [`snapshot`].
pub async fn clone(cx: &Cx, this: &Ref<Vdi>, params: Map<String, String>, whole: Whole) -> Result<Ref<Vdi>> {
    let work = twin(cx, this, params, false, whole);
    within_both(cx, this, StorageOperations::VdiClone, VdiOperations::Clone, work).await
}

async fn twin(
    cx: &Cx,
    this: &Ref<Vdi>,
    params: Map<String, String>,
    frozen: bool,
    whole: Whole,
) -> Result<Ref<Vdi>> {
    let place = place(cx, this)?;
    let storage = &cx.xapi.backends.storage;
    // A copy would move what its origin goes back to at a start, unless there is nothing to go back from.
    if cx.snapshot().get(this, vdi::on_boot)? == OnBoot::Reset
        && (in_use(&*cx.snapshot(), this)? || !storage.is_untouched(&place.sr, &place.location).await?)
    {
        return Err(errors::VDI_ON_BOOT_MODE_INCOMPATIBLE_WITH_OPERATION.bare());
    }
    let note = unfinished::expect(cx, &place.home, None).await?;
    let made = if frozen {
        storage.snapshot_volume(&place.sr, &place.location, &note.uuid).await
    } else {
        storage.clone_volume(&place.sr, &place.location, &note.uuid).await
    };
    let volume = match made {
        Ok(volume) => volume,
        Err(failure) => {
            note.withdraw(cx).await;
            return Err(failure);
        }
    };
    let (source, home, location) = (this.clone(), place.home.clone(), volume.location.clone());
    let (host, noted) = (cx.host().clone(), note.clone());
    let now = frozen.then(|| cx.clock().date());
    let written = cx
        .commit(move |tx| {
            let record = tx.record(&source)?.clone();
            let made = row::twin(tx, &source, &record, &volume, now, params)?;
            noted.arrive(tx, &host, &made, whole)?;
            settle(tx, &home)?;
            Ok(made)
        })
        .await;
    match &written {
        Ok(_) => {
            // The disk is there whatever its driver makes of its names.
            if let Err(failure) = storage.records_changed(&place.sr, &location).await {
                tracing::warn!(%failure, location, "a driver did not take the names of a new disk");
            }
            restat(cx, &place.home).await;
        }
        Err(_) => lifecycle::remove_volume(cx, &place.sr, &location, note).await,
    }
    written
}

/// Does a guest have the disk now?
fn in_use(read: &impl Read, this: &Ref<Vdi>) -> Result<bool> {
    let users = read.get(this, vdi::VBDs)?;
    Ok(users.iter().any(|user| read.get(user, vbd::currently_attached).unwrap_or(false)))
}

/// Gives the disk a snapshot was taken from the snapshot's content.
async fn revert(cx: Cx, snapshot: Ref<Vdi>) -> Result<()> {
    let record = cx.snapshot().record(&snapshot)?.clone();
    let home = record.get(vdi::SR);
    let origin = record.get(vdi::snapshot_of);
    let work = async {
        let (from, to) = (place(&cx, &snapshot)?, place(&cx, &origin)?);
        if from.sr != to.sr {
            return Err(super::unimplemented(&home));
        }
        let storage = &cx.xapi.backends.storage;
        unfinished::change(&cx, &origin).await?;
        let (host, target) = (cx.host().clone(), origin.clone());
        let volume = match storage.revert_volume(&to.sr, &to.location, &from.location).await {
            Ok(volume) => volume,
            Err(failure) => {
                cx.commit(move |tx| unfinished::changed(tx, &host, &target)).await?;
                return Err(failure);
            }
        };
        cx.commit(move |tx| {
            unfinished::changed(tx, &host, &target)?;
            tx.set(&target, vdi::virtual_size, volume.virtual_size)?;
            settle(tx, &to.home)
        })
        .await
    };
    let on_origin = async {
        if origin.is_null() {
            return Err(errors::HANDLE_INVALID.with(["VDI", origin.as_str()]));
        }
        guard::within(&cx, &origin, VdiOperations::RevertFrom, work).await
    };
    let both = guard::within(&cx, &snapshot, VdiOperations::RevertTo, on_origin);
    guard::within(&cx, &home, StorageOperations::VdiRevert, both).await
}
