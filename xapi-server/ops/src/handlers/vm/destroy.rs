//! `VM.destroy`: a VM's record and everything that belongs to nobody else. Disks stay.

use xapi_schema::{
    Ref, Result,
    classes::{Vm, VmOperations, vm},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{
    Cx, Registry, guard,
    handlers::{vbd as device, vif as card, vtpm},
    rules,
};

/// Registers the method.
pub fn register(on: &mut Registry) {
    on.on_destroy(destroy);
}

async fn destroy(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| {
        if tx.get(&target, vm::other_config)?.get("default_template").is_some_and(|v| v == "true") {
            return Err(errors::VM_CANNOT_DELETE_DEFAULT_TEMPLATE.bare());
        }
        remove(tx, &target)
    });
    guard::within(&cx, &this, VmOperations::Destroy, work).await
}

/// Removes the rows of a VM; children move up to its parent.
///
/// # Errors
/// HANDLE_INVALID.
pub fn remove(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    let record = tx.record(this)?.clone();
    let parent = record.get(vm::parent);
    for child in record.get(vm::children) {
        tx.set(&child, vm::parent, parent.clone())?;
    }
    for chip in record.get(vm::VTPMs) {
        vtpm::remove(tx, &chip)?;
    }
    for (_, blob) in record.get(vm::blobs).0 {
        if tx.exists(&blob) {
            tx.destroy(&blob)?;
        }
    }
    for disk in record.get(vm::VBDs) {
        device::remove(tx, &disk)?;
    }
    for nic in record.get(vm::VIFs) {
        card::remove(tx, &nic)?;
    }
    for gpu in record.get(vm::VGPUs) {
        tx.destroy(&gpu)?;
    }
    for console in record.get(vm::consoles) {
        tx.destroy(&console)?;
    }
    let metrics = record.get(vm::metrics);
    if tx.exists(&metrics) {
        tx.destroy(&metrics)?;
    }
    let agent = record.get(vm::guest_metrics);
    if tx.exists(&agent) {
        tx.destroy(&agent)?;
    }
    for usb in record.get(vm::VUSBs) {
        tx.destroy(&usb)?;
    }
    let appliance = record.get(vm::appliance);
    tx.destroy(this)?;
    rules::refresh(tx, &appliance)
}
