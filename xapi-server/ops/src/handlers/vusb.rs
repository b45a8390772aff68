//! `VUSB`: USB devices of VMs, each served from a group of the host's own. A guest gets them when it starts; while it
//! runs they can only be taken back.

use xapi_backend::hypervisor::Usb;
use xapi_schema::{
    ClassId, Map, Ref, Result, Value,
    classes::{DomainType, Host, Pusb, UsbGroup, Vm, Vusb, VusbOperations as Op, pusb, usb_group, vm, vusb},
    errors,
};
use xapi_store::Read;

use crate::{Cx, Registry, guard, rules};

/// As many as the emulated controller has ports.
const MOST: usize = 6;

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vusb::call::create, create);
    on.on(vusb::call::unplug, unplug);
    on.on(vusb::call::destroy, destroy);
}

async fn create(
    cx: Cx,
    guest: Ref<Vm>,
    group: Ref<UsbGroup>,
    other_config: Map<String, String>,
) -> Result<Ref<Vusb>> {
    cx.commit(move |tx| {
        if tx.get(&guest, vm::VUSBs)?.len() >= MOST {
            return Err(errors::TOO_MANY_VUSBS.with([MOST.to_string()]));
        }
        if !tx.get(&group, usb_group::VUSBs)?.is_empty() {
            return Err(errors::USB_GROUP_CONFLICT.with([&group]));
        }
        if tx.get(&guest, vm::ha_restart_priority)? == "restart" {
            let text = "a VM that is restarted on another host cannot have a USB device of this one";
            return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
        }
        let members = Value::map([
            ("VM", Value::Str(guest.text().clone())),
            ("USB_group", Value::Str(group.text().clone())),
        ]);
        let this: Ref<Vusb> = Ref::new(tx.create_value(ClassId::Vusb, None, &members)?);
        tx.set(&this, vusb::other_config, other_config)?;
        rules::refresh(tx, &this)?;
        rules::refresh(tx, &guest)?;
        Ok(this)
    })
    .await
}

/// The device of the host that a virtual one stands for.
///
/// # Errors
/// HANDLE_INVALID.
pub fn physical(read: &impl Read, this: &Ref<Vusb>, home: &Ref<Host>) -> Result<Option<Ref<Pusb>>> {
    let group = read.get(this, vusb::USB_group)?;
    let all = read.get(&group, usb_group::PUSBs).unwrap_or_default();
    Ok(all.into_iter().find(|device| {
        let record = read.record(device);
        record.is_ok_and(|record| record.get(pusb::host) == *home && record.get(pusb::passthrough_enabled))
    }))
}

/// Refuses a host that lacks one of a VM's devices, and a VM that can't have any.
///
/// # Errors
/// OPERATION_NOT_ALLOWED [text], VM_HVM_REQUIRED [vm].
pub fn assert_here(read: &impl Read, this: &Ref<Vm>, home: &Ref<Host>) -> Result<()> {
    let record = read.record(this)?;
    let all = record.get(vm::VUSBs);
    if !all.is_empty() && !matches!(record.get(vm::domain_type), DomainType::Hvm | DomainType::Unspecified) {
        return Err(errors::VM_HVM_REQUIRED.with([this]));
    }
    for device in all {
        if physical(read, &device, home)?.is_none() {
            let uuid = read.get(&device, vusb::uuid)?;
            let text = format!("the USB device of VUSB {uuid} is not to be had on host {home}");
            return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
        }
    }
    Ok(())
}

/// The devices a domain is built with, where they are plugged in now.
///
/// # Errors
/// OPERATION_NOT_ALLOWED [text] when one has been pulled, those of the backend.
pub async fn plugged(cx: &Cx, this: &Ref<Vm>, home: &Ref<Host>) -> Result<Vec<Usb>> {
    let snapshot = cx.snapshot();
    let all = snapshot.get(this, vm::VUSBs)?;
    if all.is_empty() {
        return Ok(vec![]);
    }
    let here = cx.xapi.backends.host.devices().await?.unwrap_or_default().usb;
    let one = |(device, port): (&Ref<Vusb>, u32)| {
        let row = physical(&*snapshot, device, home)?;
        let same = row.map(|row| snapshot.record(&row)).transpose()?.and_then(|record| {
            here.iter().find(|found| {
                found.path == record.get(pusb::path)
                    && found.vendor_id == record.get(pusb::vendor_id)
                    && found.product_id == record.get(pusb::product_id)
            })
        });
        let Some(found) = same else {
            let text = format!("the USB device of VUSB {device} is not plugged in");
            return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
        };
        Ok(Usb { path: found.path.clone(), bus: found.bus, address: found.address, port })
    };
    all.iter().zip(1..).map(one).collect()
}

async fn unplug(cx: Cx, this: Ref<Vusb>) -> Result<()> {
    let work = async {
        let snapshot = cx.snapshot();
        let guest = snapshot.get(&this, vusb::VM)?;
        let (uuid, home) = (snapshot.get(&guest, vm::uuid)?, snapshot.get(&guest, vm::resident_on)?);
        if let Some(device) = physical(&*snapshot, &this, &home)? {
            let path = snapshot.get(&device, pusb::path)?;
            cx.xapi.backends.hypervisor.unplug_usb(&uuid, &path).await?;
        }
        let target = this.clone();
        cx.commit(move |tx| {
            tx.set(&target, vusb::currently_attached, false)?;
            rules::refresh(tx, &guest)
        })
        .await
    };
    guard::within(&cx, &this, Op::Unplug, work).await
}

async fn destroy(cx: Cx, this: Ref<Vusb>) -> Result<()> {
    cx.commit(move |tx| {
        if tx.get(&this, vusb::currently_attached)? {
            let text = format!("VUSB {this} is attached and must be unplugged first");
            return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
        }
        let guest = tx.get(&this, vusb::VM)?;
        tx.destroy(&this)?;
        rules::refresh(tx, &guest)
    })
    .await
}
