//! `PUSB` and `USB_group`: USB devices of a host that guests can be given.

use xapi_backend::host::Usb as Found;
use xapi_schema::{
    ClassId, Map, Ref, Result, Value,
    classes::{Host, Pusb, Sr, UsbGroup, host, pbd, pusb, sr, usb_group, vdi, vusb},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry, devices, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(pusb::call::scan, scan);
    on.on(pusb::call::set_passthrough_enabled, set_passthrough_enabled);
    on.on(usb_group::call::create, create_group);
    on.on(usb_group::call::destroy, destroy_group);
}

fn is_same(read: &impl Read, row: &Ref<Pusb>, found: &Found) -> Result<bool> {
    let record = read.record(row)?;
    Ok(record.get(pusb::path) == found.path
        && record.get(pusb::vendor_id) == found.vendor_id
        && record.get(pusb::product_id) == found.product_id
        && record.get(pusb::serial) == found.serial)
}

/// Brings the rows of a host in line with what is plugged in.
///
/// # Errors
/// Those of the store.
pub fn sync(tx: &mut Tx, home: &Ref<Host>, all: &[Found]) -> Result<()> {
    let mut known = tx.get(home, host::PUSBs)?;
    for found in all {
        let mut row = None;
        for candidate in &known {
            if is_same(tx, candidate, found)? {
                row = Some(candidate.clone());
            }
        }
        match row {
            Some(row) => known.retain(|other| *other != row),
            None => create(tx, home, found)?,
        }
    }
    for gone in known {
        let group = tx.get(&gone, pusb::USB_group)?;
        tx.destroy(&gone)?;
        let used = |tx: &Tx| -> Result<bool> {
            Ok(!tx.get(&group, usb_group::VUSBs)?.is_empty() || !tx.get(&group, usb_group::PUSBs)?.is_empty())
        };
        // A guest that is to have it gets it when it is back.
        if tx.exists(&group) && !used(tx)? {
            tx.destroy(&group)?;
        }
    }
    Ok(())
}

/// The group of a device that was pulled while a guest was to have it, or a new one.
fn group(tx: &mut Tx, found: &Found) -> Result<Ref<UsbGroup>> {
    let label = format!("Group of {} {} USBs", found.vendor_id, found.product_id);
    for known in tx.all::<UsbGroup>() {
        if tx.get(&known, usb_group::name_label)? == label && tx.get(&known, usb_group::PUSBs)?.is_empty() {
            return Ok(known);
        }
    }
    tx.create_value(ClassId::UsbGroup, None, &Value::map([("name_label", Value::str(label))])).map(Ref::new)
}

fn create(tx: &mut Tx, home: &Ref<Host>, found: &Found) -> Result<()> {
    let group = group(tx, found)?;
    let names = [found.vendor.as_str(), found.product.as_str(), found.serial.as_str()];
    let members = Value::map([
        ("USB_group", Value::Str(group.text().clone())),
        ("host", Value::Str(home.text().clone())),
        ("path", Value::str(found.path.as_str())),
        ("vendor_id", Value::str(found.vendor_id.as_str())),
        ("vendor_desc", Value::str(found.vendor.as_str())),
        ("product_id", Value::str(found.product_id.as_str())),
        ("product_desc", Value::str(found.product.as_str())),
        ("serial", Value::str(found.serial.as_str())),
        ("version", Value::str(found.version.as_str())),
        ("description", Value::str(names.join("_"))),
        ("speed", Value::Float(found.speed)),
    ]);
    tx.create_value(ClassId::Pusb, None, &members).map(|_| ())
}

async fn scan(cx: Cx, home: Ref<Host>) -> Result<()> {
    super::host::assert_here(&cx, &home)?;
    devices::refresh(&cx).await
}

/// Gives a device to guests, or back to the host. As a disk of the host it is forgotten meanwhile.
async fn set_passthrough_enabled(cx: Cx, this: Ref<Pusb>, value: bool) -> Result<()> {
    let home = cx.snapshot().get(&this, pusb::host)?;
    super::host::assert_here(&cx, &home)?;
    let removable = cx
        .commit(move |tx| {
            let removable = removable(tx, &home)?;
            if value {
                forget_disks(tx, &this, &removable)?;
            } else {
                take_back(tx, &this)?;
            }
            tx.set(&this, pusb::passthrough_enabled, value)?;
            Ok(removable)
        })
        .await?;
    if !value {
        for storage in removable {
            if let Err(failure) = super::sr::scan(cx.clone(), storage).await {
                tracing::warn!(%failure, "storage that may have the USB device again could not be scanned");
            }
        }
    }
    Ok(())
}

/// SRs of what is plugged into a host.
fn removable(read: &impl Read, home: &Ref<Host>) -> Result<Vec<Ref<Sr>>> {
    let mut found = Vec::new();
    for link in read.get(home, host::PBDs)? {
        let storage = read.get(&link, pbd::SR)?;
        if read.get(&link, pbd::currently_attached)? && read.get(&storage, sr::r#type)? == "udev" {
            found.push(storage);
        }
    }
    Ok(found)
}

fn forget_disks(tx: &mut Tx, this: &Ref<Pusb>, removable: &[Ref<Sr>]) -> Result<()> {
    let path = tx.get(this, pusb::path)?;
    for storage in removable {
        for disk in tx.get(storage, sr::VDIs)? {
            if tx.get(&disk, vdi::sm_config)?.get("usb_path") != Some(&path) {
                continue;
            }
            if !tx.get(&disk, vdi::VBDs)?.is_empty() {
                return Err(errors::PUSB_VDI_CONFLICT.with([this.as_str(), disk.as_str()]));
            }
            tx.destroy(&disk)?;
        }
    }
    Ok(())
}

fn take_back(tx: &mut Tx, this: &Ref<Pusb>) -> Result<()> {
    let group = tx.get(this, pusb::USB_group)?;
    let virtuals = tx.get(&group, usb_group::VUSBs)?;
    for device in &virtuals {
        if tx.get(device, vusb::currently_attached)? {
            let guest = tx.get(device, vusb::VM)?;
            return Err(errors::USB_ALREADY_ATTACHED.with([this.as_str(), guest.as_str()]));
        }
    }
    for device in virtuals {
        let guest = tx.get(&device, vusb::VM)?;
        tx.destroy(&device)?;
        // Without it the guest may be moved and frozen again.
        rules::refresh(tx, &guest)?;
    }
    Ok(())
}

async fn create_group(
    cx: Cx,
    label: String,
    text: String,
    config: Map<String, String>,
) -> Result<Ref<UsbGroup>> {
    cx.commit(move |tx| {
        let members = Value::map([("name_label", Value::str(label)), ("name_description", Value::str(text))]);
        let this = tx.create_value(ClassId::UsbGroup, None, &members).map(Ref::new)?;
        tx.set(&this, usb_group::other_config, config)?;
        Ok(this)
    })
    .await
}

async fn destroy_group(cx: Cx, this: Ref<UsbGroup>) -> Result<()> {
    cx.commit(move |tx| {
        let (virtuals, members) = (tx.get(&this, usb_group::VUSBs)?, tx.get(&this, usb_group::PUSBs)?);
        if !virtuals.is_empty() {
            return Err(errors::USB_GROUP_CONTAINS_VUSB.with(&virtuals));
        }
        if !members.is_empty() {
            return Err(errors::USB_GROUP_CONTAINS_PUSB.with(&members));
        }
        tx.destroy(&this)
    })
    .await
}
