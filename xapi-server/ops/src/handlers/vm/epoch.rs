//! What a guest's disks are told when it starts and when it has ended: a disk with `on_boot` `reset` is then what it was
//! when that was set. A guest that is resumed or moved goes on with its disks as they are.

use xapi_schema::{
    Ref, Result,
    classes::{OnBoot, Vbd, VbdType, Vm, sr, vbd, vdi},
};
use xapi_store::Read;

use super::domain;
use crate::Cx;

/// A disk by its place in the storage.
struct Disk {
    sr: String,
    location: String,
    reset: bool,
}

/// The disks of a VM that nobody else has now.
fn disks(read: &impl Read, this: &Ref<Vm>) -> Result<Vec<Disk>> {
    let mut found = Vec::new();
    for device in domain::disks(read, this)? {
        let record = read.record(&device)?;
        let disk = record.get(vbd::VDI);
        if record.get(vbd::empty) || record.get(vbd::r#type) == VbdType::Cd || disk.is_null() {
            continue;
        }
        let row = read.record(&disk)?;
        let held =
            |other: &Ref<Vbd>| *other != device && read.get(other, vbd::currently_attached).unwrap_or(false);
        if !row.get(vdi::VBDs).iter().any(held) {
            found.push(Disk {
                sr: read.get(&row.get(vdi::SR), sr::uuid)?,
                location: row.get(vdi::location),
                reset: row.get(vdi::on_boot) == OnBoot::Reset,
            });
        }
    }
    Ok(found)
}

/// Before the disks of a guest that starts are opened.
///
/// # Errors
/// Those of the driver: a guest must not run on what it was to lose.
pub async fn begin(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    for disk in disks(&*cx.snapshot(), this)? {
        cx.xapi.backends.storage.begin_epoch(&disk.sr, &disk.location, disk.reset).await?;
    }
    Ok(())
}

/// When a guest has ended and its disks are closed; not when it is suspended. What a driver says is not the guest's affair
/// any more.
pub async fn end(cx: &Cx, this: &Ref<Vm>) {
    for disk in disks(&*cx.snapshot(), this).unwrap_or_default() {
        if let Err(failure) = cx.xapi.backends.storage.end_epoch(&disk.sr, &disk.location).await {
            tracing::warn!(%failure, vm = %this, disk = disk.location, "a driver did not take that a guest has ended");
        }
    }
}
