//! `VDI`: virtual disks.

mod cbt;
mod checksum;
mod copy;
mod lifecycle;
mod metadata;
mod migrate;
mod nbd;
mod row;
mod setters;
mod snapshot;

pub use cbt::unknown_changes;
pub use copy::copy;
pub use lifecycle::{create_disk, destroy, destroy_condemned};
pub use nbd::purpose as nbd_purpose;
pub use snapshot::{clone, snapshot};

use xapi_backend::storage::Volume;
use xapi_schema::{
    Failure, Ref, Result,
    classes::{Sr, Vdi, VdiOperations, sr, vdi},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    lifecycle::register(on);
    metadata::register(on);
    snapshot::register(on);
    copy::register(on);
    cbt::register(on);
    checksum::register(on);
    nbd::register(on);
    migrate::register(on);
    setters::register(on);
}

/// Where a disk is: the SR's reference and uuid, the location in it.
struct Place {
    home: Ref<Sr>,
    sr: String,
    location: String,
}

/// The place of a disk that can be worked on.
fn place(cx: &Cx, this: &Ref<Vdi>) -> Result<Place> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(this)?;
    let home = record.get(vdi::SR);
    super::sr::plugged(&*snapshot, &home)?;
    if !record.get(vdi::managed) {
        return Err(errors::VDI_NOT_MANAGED.with([this]));
    }
    Ok(Place { sr: snapshot.get(&home, sr::uuid)?, home, location: record.get(vdi::location) })
}

/// What the storage says of a disk.
///
/// # Errors
/// VDI_NOT_MANAGED [vdi], SR_HAS_NO_PBDS [sr], those of the driver.
pub async fn now(cx: &Cx, this: &Ref<Vdi>) -> Result<Volume> {
    let place = place(cx, this)?;
    cx.xapi.backends.storage.stat_volume(&place.sr, &place.location).await
}

/// Marks an SR, then one of its disks, and runs work under both marks.
async fn within_both<T>(
    cx: &Cx,
    this: &Ref<Vdi>,
    sr_op: xapi_schema::classes::StorageOperations,
    op: VdiOperations,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let home = cx.snapshot().get(this, vdi::SR)?;
    crate::guard::within(cx, &home, sr_op, crate::guard::within(cx, this, op, work)).await
}

/// Recomputes what an SR and all its disks offer, and what it promises.
fn settle(tx: &mut Tx, home: &Ref<Sr>) -> Result<()> {
    let mut promised = 0;
    for disk in tx.get(home, sr::VDIs)? {
        promised += tx.get(&disk, vdi::virtual_size)?;
    }
    tx.set(home, sr::virtual_allocation, promised)?;
    rules::refresh(tx, home)
}

/// How full the SR is now; not worth failing for once the disk is done.
async fn restat(cx: &Cx, home: &Ref<Sr>) {
    if let Err(failure) = super::sr::refresh_stat(cx, home).await {
        tracing::warn!(%failure, sr = %home, "the fill level of an SR could not be read");
    }
}

/// How much room a disk takes that was written, and how full that makes its SR; not worth failing for once the disk is
/// done.
pub async fn weigh(cx: &Cx, this: &Ref<Vdi>) {
    let work = async {
        let volume = now(cx, this).await?;
        let target = this.clone();
        cx.commit(move |tx| tx.set(&target, vdi::physical_utilisation, volume.physical_utilisation)).await?;
        super::sr::refresh_stat(cx, &cx.snapshot().get(this, vdi::SR)?).await
    };
    if let Err(failure) = work.await {
        tracing::warn!(%failure, disk = %this, "the room a disk takes could not be read");
    }
}

/// Failures of an operation a driver lacks.
fn unimplemented(home: &Ref<Sr>) -> Failure {
    errors::UNIMPLEMENTED_IN_SM_BACKEND.with([home])
}
