//! What becomes of a VM's record when its domain is gone.

use xapi_schema::{
    Map, Ref, Result,
    classes::{DomainType, UpdateGuidances, Vdi, Vm, VmPowerState as State, vbd, vif, vm, vm_metrics, vusb},
};
use xapi_store::{Read, Tx};

use crate::{handlers::console, rules};

/// Everything that ends with the domain, in the order clients see it. `forget` also drops the marks of
/// operations, for calls that end a VM without the hypervisor's help.
///
/// # Errors
/// HANDLE_INVALID.
pub fn halted(tx: &mut Tx, this: &Ref<Vm>, forget: bool) -> Result<()> {
    if forget {
        tx.set(this, vm::current_operations, Map::default())?;
    }
    set_domain_type(tx, this, DomainType::Unspecified)?;
    tx.set(this, vm::power_state, State::Halted)?;
    detach_devices(tx, this)?;
    tx.set(this, vm::requires_reboot, false)?;
    tx.update(this, vm::pending_guidances, |all| {
        all.retain(|g| !matches!(g, UpdateGuidances::RestartDeviceModel | UpdateGuidances::RestartVm));
    })?;
    left_host(tx, this)?;
    tx.set(this, vm::memory_target, 0)?;
    let metrics = tx.get(this, vm::metrics)?;
    if tx.exists(&metrics) {
        tx.set(&metrics, vm_metrics::hvm, false)?;
        tx.set(&metrics, vm_metrics::VCPUs_number, 0)?;
    }
    recompute_devices(tx, this)?;
    rules::refresh(tx, this)
}

/// A suspended VM has left its host and kept its devices' places.
///
/// # Errors
/// HANDLE_INVALID.
pub fn suspended(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    for device in tx.get(this, vm::VBDs)? {
        tx.set(&device, vbd::currently_attached, false)?;
    }
    tx.set(this, vm::power_state, State::Suspended)?;
    left_host(tx, this)?;
    recompute_devices(tx, this)?;
    rules::refresh(tx, this)
}

fn left_host(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    tx.set(this, vm::resident_on, Ref::null())?;
    tx.set(this, vm::scheduled_to_be_resident_on, Ref::null())?;
    tx.set(this, vm::domid, -1)?;
    if !tx.get(this, vm::attached_PCIs)?.is_empty() {
        tx.set(this, vm::attached_PCIs, vec![])?;
    }
    console::withdraw(tx, this)
}

fn detach_devices(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    for device in tx.get(this, vm::VBDs)? {
        tx.set(&device, vbd::currently_attached, false)?;
        tx.set(&device, vbd::reserved, false)?;
    }
    for card in tx.get(this, vm::VIFs)? {
        tx.set(&card, vif::currently_attached, false)?;
        tx.set(&card, vif::reserved, false)?;
        tx.set(&card, vif::reserved_pci, Ref::null())?;
    }
    for usb in tx.get(this, vm::VUSBs)? {
        tx.set(&usb, vusb::currently_attached, false)?;
    }
    Ok(())
}

/// Writes what the metrics say about the domain, if there are metrics.
///
/// # Errors
/// HANDLE_INVALID.
pub fn set_domain_type(tx: &mut Tx, this: &Ref<Vm>, kind: DomainType) -> Result<()> {
    let metrics = tx.get(this, vm::metrics)?;
    if tx.exists(&metrics) {
        tx.set(&metrics, vm_metrics::current_domain_type, kind)?;
    }
    Ok(())
}

/// What the devices of a VM and their disks offer now.
///
/// # Errors
/// HANDLE_INVALID.
pub fn recompute_devices(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    for device in tx.get(this, vm::VBDs)? {
        rules::refresh(tx, &device)?;
        let disk: Ref<Vdi> = tx.get(&device, vbd::VDI)?;
        rules::refresh(tx, &disk)?;
    }
    for card in tx.get(this, vm::VIFs)? {
        rules::refresh(tx, &card)?;
    }
    for usb in tx.get(this, vm::VUSBs)? {
        rules::refresh(tx, &usb)?;
    }
    Ok(())
}
