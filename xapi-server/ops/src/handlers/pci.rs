//! `PCI`: devices of a host that guests can be given, and what shares a slot with them.

use xapi_backend::host::{Access, Pci as Found};
use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Host, Pci, PciDom0Access, Vm, host, pci, vm},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(pci::call::get_dom0_access_status, get_dom0_access_status);
}

/// Storage, network, display.
fn is_of_interest(found: &Found) -> bool {
    (1..=3).contains(&(found.class >> 16))
}

/// Domain, bus and slot.
fn slot(address: &str) -> &str {
    address.split('.').next().unwrap_or(address)
}

fn is_same(read: &impl Read, row: &Ref<Pci>, found: &Found) -> Result<bool> {
    let record = read.record(row)?;
    Ok(record.get(pci::pci_id) == found.address
        && record.get(pci::vendor_id) == format!("{:04x}", found.vendor)
        && record.get(pci::device_id) == format!("{:04x}", found.device))
}

/// The row of a device.
///
/// # Errors
/// Those of the store.
pub fn row_of(read: &impl Read, home: &Ref<Host>, found: &Found) -> Result<Option<Ref<Pci>>> {
    for row in read.get(home, host::PCIs)? {
        if is_same(read, &row, found)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Brings the rows of a host in line with what is there. What a guest still has keeps its row.
///
/// # Errors
/// Those of the store.
pub fn sync(tx: &mut Tx, home: &Ref<Host>, all: &[Found]) -> Result<()> {
    let slots: Vec<&str> =
        all.iter().filter(|found| is_of_interest(found)).map(|f| slot(&f.address)).collect();
    let wanted: Vec<&Found> = all.iter().filter(|found| slots.contains(&slot(&found.address))).collect();
    for row in tx.get(home, host::PCIs)? {
        let mut there = false;
        for found in &wanted {
            there = there || is_same(tx, &row, found)?;
        }
        if !there && tx.get(&row, pci::attached_VMs)?.is_empty() {
            tx.destroy(&row)?;
        }
    }
    let mut rows = Vec::new();
    for found in &wanted {
        let row = match row_of(tx, home, found)? {
            Some(row) => row,
            None => create(tx, home, found)?,
        };
        tx.set(&row, pci::class_id, format!("{:04x}", found.class >> 8))?;
        tx.set(&row, pci::class_name, found.class_name.clone())?;
        tx.set(&row, pci::vendor_name, found.vendor_name.clone())?;
        tx.set(&row, pci::device_name, found.device_name.clone())?;
        tx.set(&row, pci::subsystem_vendor_id, format!("{:04x}", found.subsystem_vendor))?;
        tx.set(&row, pci::subsystem_vendor_name, found.subsystem_vendor_name.clone())?;
        tx.set(&row, pci::subsystem_device_id, format!("{:04x}", found.subsystem_device))?;
        tx.set(&row, pci::subsystem_device_name, found.subsystem_device_name.clone())?;
        tx.set(&row, pci::driver_name, found.driver.clone())?;
        rows.push((*found, row));
    }
    for (found, row) in &rows {
        let others = rows.iter().filter(|(other, _)| slot(&other.address) == slot(&found.address));
        let others: Vec<Ref<Pci>> =
            others.filter(|(_, other)| other != row).map(|(_, other)| other.clone()).collect();
        let physical =
            rows.iter().find(|(other, _)| found.physical_function.as_ref() == Some(&other.address));
        tx.set(row, pci::functions, others.len() as i64 + 1)?;
        tx.set(row, pci::dependencies, others)?;
        tx.set(row, pci::physical_function, physical.map_or_else(Ref::null, |(_, row)| row.clone()))?;
    }
    Ok(())
}

/// Writes which devices of a host a VM that has begun to run was given.
///
/// # Errors
/// HANDLE_INVALID.
pub fn attach(tx: &mut Tx, this: &Ref<Vm>, home: &Ref<Host>) -> Result<()> {
    let config = tx.get(this, vm::other_config)?;
    let mut given = Vec::new();
    for address in config.get("pci").into_iter().flat_map(|list| list.split(',')) {
        // Each stands behind the number of its slot.
        let address = address.trim().rsplit('/').next().unwrap_or_default();
        for row in tx.get(home, host::PCIs)? {
            if tx.get(&row, pci::pci_id)? == address && !given.contains(&row) {
                given.push(row);
            }
        }
    }
    if given.is_empty() { Ok(()) } else { tx.set(this, vm::attached_PCIs, given) }
}

fn create(tx: &mut Tx, home: &Ref<Host>, found: &Found) -> Result<Ref<Pci>> {
    let members = Value::map([
        ("host", Value::Str(home.text().clone())),
        ("pci_id", Value::str(found.address.as_str())),
        ("vendor_id", Value::str(format!("{:04x}", found.vendor))),
        ("device_id", Value::str(format!("{:04x}", found.device))),
    ]);
    tx.create_value(ClassId::Pci, None, &members).map(Ref::new)
}

/// How the API says it.
pub fn access(access: Access) -> PciDom0Access {
    match access {
        Access::Enabled => PciDom0Access::Enabled,
        Access::DisableOnReboot => PciDom0Access::DisableOnReboot,
        Access::Disabled => PciDom0Access::Disabled,
        Access::EnableOnReboot => PciDom0Access::EnableOnReboot,
    }
}

async fn get_dom0_access_status(cx: Cx, this: Ref<Pci>) -> Result<PciDom0Access> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(&this)?;
    if record.get(pci::host) != *cx.host() {
        return Err(errors::HOST_OFFLINE.with([&record.get(pci::host)]));
    }
    let devices = cx.xapi.backends.host.devices().await?.unwrap_or_default();
    let address = record.get(pci::pci_id);
    match devices.pci.iter().find(|found| found.address == address) {
        Some(found) => Ok(access(found.access)),
        None => Err(xapi_schema::Failure::internal(format!("there is no device {address} in this host"))),
    }
}
