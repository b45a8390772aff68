//! `VBD`: disks and drives of VMs.

mod position;

use xapi_backend::hypervisor::Disk;
use xapi_schema::{
    ApiEnum, ClassId, Map, Ref, Result, Value,
    classes::{
        DomainType, Vbd, VbdMode, VbdOperations as Op, VbdType, Vdi, VdiType, Vm, VmOperations,
        VmPowerState as State, sr, vbd, vdi, vm,
    },
    errors,
};
use xapi_store::{Read, Tx};

pub use position::{free_positions, number};

use super::{overlay, text};
use crate::{
    Cx, Registry, guard,
    rules::{self, Asked, Guarded},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_create(create);
    on.on_destroy(destroy);
    on.on(vbd::call::plug, plug);
    on.on(vbd::call::unplug, |cx, this| unplug(cx, this, Op::Unplug));
    on.on(vbd::call::unplug_force, |cx, this| unplug(cx, this, Op::UnplugForce));
    on.on(vbd::call::unplug_force_no_safety_check, |cx, this| unplug(cx, this, Op::UnplugForce));
    on.on(vbd::call::insert, insert);
    on.on(vbd::call::eject, eject);
    on.on(vbd::call::assert_attachable, assert_attachable);
    on.on(vbd::call::set_mode, set_mode);
    on.on(vbd::call::pause, pause);
    on.on(vbd::call::unpause, unpause);
}

async fn create(cx: Cx, members: Value) -> Result<Ref<Vbd>> {
    cx.commit(move |tx| create_row(tx, &members)).await
}

/// Makes a VBD from a constructor's members, checked as a client's.
///
/// # Errors
/// HANDLE_INVALID, VDI_INCOMPATIBLE_TYPE, VBD_CDS_MUST_BE_READONLY, VBD_NOT_REMOVABLE_MEDIA, VDI_READONLY,
/// OTHER_OPERATION_IN_PROGRESS, NOT_IMPLEMENTED, INVALID_DEVICE, DEVICE_ALREADY_EXISTS, in this order.
pub fn create_row(tx: &mut Tx, members: &Value) -> Result<Ref<Vbd>> {
    let guest: Ref<Vm> = Ref::new(text(members, "VM"));
    let disk: Ref<Vdi> = Ref::new(text(members, "VDI"));
    let empty = members.get("empty") == Some(&Value::Bool(true));
    let machine = tx.record(&guest)?.clone();
    if !empty {
        let kind = tx.get(&disk, vdi::r#type)?;
        let fit = !matches!(kind, VdiType::HaStatefile | VdiType::RedoLog | VdiType::CbtMetadata);
        if !fit {
            return Err(errors::VDI_INCOMPATIBLE_TYPE.with([disk.as_str(), rules::vdi_type_text(kind)]));
        }
    }
    let (kind, writable) = (text(members, "type"), text(members, "mode") == "RW");
    if kind == "CD" && writable {
        return Err(errors::VBD_CDS_MUST_BE_READONLY.bare());
    }
    if kind != "CD" && empty {
        return Err(errors::VBD_NOT_REMOVABLE_MEDIA.with(["in constructor"]));
    }
    if !empty && writable && tx.get(&disk, vdi::read_only)? {
        return Err(errors::VDI_READONLY.with([&disk]));
    }
    let moving = machine.get(vm::current_operations);
    let moving =
        moving.0.iter().find(|(_, op)| matches!(op, VmOperations::MigrateSend | VmOperations::PoolMigrate));
    if let Some((task, op)) = moving {
        let params = ["VM", guest.as_str(), op.as_str(), task];
        return Err(errors::OTHER_OPERATION_IN_PROGRESS.with(params));
    }
    if kind == "Floppy" && machine.get(vm::domain_type) != DomainType::Hvm {
        return Err(errors::NOT_IMPLEMENTED.with(["Floppy drives need an HVM guest"]));
    }
    let wanted = text(members, "userdevice");
    let userdevice = position::choose(tx, &guest, &wanted, kind == "Floppy")?;
    let mut other_config: Map<String, String> = super::texts(members, "other_config");
    let config = tx.get(&disk, vdi::sm_config).unwrap_or_default();
    if let Some(backend) = config.get("backend-kind") {
        other_config.set("backend-kind".into(), backend.clone());
    }
    let suspended = machine.get(vm::power_state) == State::Suspended;
    let mut members = overlay(
        members,
        [
            ("userdevice", Value::str(userdevice)),
            ("other_config", xapi_schema::ApiType::into_value(other_config)),
            ("metrics", Value::Str(tx.create_value(ClassId::VbdMetrics, None, &Value::map::<&str>([]))?)),
        ],
    );
    if !suspended {
        members = overlay(&members, [("device", Value::EMPTY), ("currently_attached", Value::Bool(false))]);
    }
    if empty {
        members = overlay(&members, [("VDI", Value::str("OpaqueRef:NULL"))]);
    }
    let made = Ref::new(tx.create_value(ClassId::Vbd, None, &members)?);
    rules::refresh(tx, &made)?;
    rules::refresh(tx, &disk)?;
    Ok(made)
}

/// Removes the row of a VBD with its metrics; refreshes what its disk offers.
///
/// # Errors
/// HANDLE_INVALID.
pub fn remove(tx: &mut Tx, this: &Ref<Vbd>) -> Result<()> {
    let record = tx.record(this)?.clone();
    let metrics = record.get(vbd::metrics);
    if tx.exists(&metrics) {
        tx.destroy(&metrics)?;
    }
    tx.destroy(this)?;
    rules::refresh(tx, &record.get(vbd::VDI))
}

async fn destroy(cx: Cx, this: Ref<Vbd>) -> Result<()> {
    cx.commit(move |tx| {
        let record = tx.record(&this)?;
        if record.get(vbd::currently_attached) || record.get(vbd::reserved) {
            let uuid = record.get(vbd::uuid);
            let guest = tx.get(&record.get(vbd::VM), vm::uuid).unwrap_or_default();
            let text = format!("VBD '{uuid}' still attached to '{guest}'");
            return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
        }
        remove(tx, &this)
    })
    .await
}

/// How the backend sees a VBD.
///
/// # Errors
/// HANDLE_INVALID.
pub fn disk(read: &impl Read, this: &Ref<Vbd>) -> Result<Disk> {
    let record = read.record(this)?;
    let volume = match read.record(&record.get(vbd::VDI)) {
        Ok(image) if !record.get(vbd::empty) => {
            Some((read.get(&image.get(vdi::SR), sr::uuid)?, image.get(vdi::location)))
        }
        _ => None,
    };
    let of_volume = |image: &Ref<Vdi>| -> Result<(String, String)> {
        Ok((read.get(image, vdi::uuid)?, read.get(&read.get(image, vdi::SR)?, sr::r#type)?))
    };
    let (vdi, storage_type) =
        if volume.is_some() { of_volume(&record.get(vbd::VDI))? } else { Default::default() };
    Ok(Disk {
        vdi,
        storage_type,
        position: number(&record.get(vbd::userdevice)).unwrap_or(0),
        volume,
        writable: record.get(vbd::mode) == VbdMode::Rw,
        cd: record.get(vbd::r#type) == VbdType::Cd,
    })
}

/// A VBD with the VM it belongs to.
struct Seen {
    guest: Ref<Vm>,
    uuid: String,
    state: State,
    control_domain: bool,
    hvm: bool,
}

fn look(read: &impl Read, this: &Ref<Vbd>) -> Result<Seen> {
    let guest = read.get(this, vbd::VM)?;
    let record = read.record(&guest)?;
    Ok(Seen {
        uuid: record.get(vm::uuid),
        state: record.get(vm::power_state),
        control_domain: record.get(vm::is_control_domain),
        hvm: record.get(vm::domain_type) == DomainType::Hvm,
        guest,
    })
}

/// Attaches a VBD to its running VM.
///
/// # Errors
/// Those of the rules, DISK_VBD_MUST_BE_READWRITE_FOR_HVM [vbd], those of the hypervisor.
pub async fn plug(cx: Cx, this: Ref<Vbd>) -> Result<()> {
    guard::within(&cx, &this, Op::Plug, attach(&cx, &this)).await
}

async fn attach(cx: &Cx, this: &Ref<Vbd>) -> Result<()> {
    let snapshot = cx.snapshot();
    let (record, seen) = (snapshot.record(this)?, look(&*snapshot, this)?);
    let cd = record.get(vbd::r#type) == VbdType::Cd;
    if seen.hvm && !cd && record.get(vbd::mode) == VbdMode::Ro {
        return Err(errors::DISK_VBD_MUST_BE_READWRITE_FOR_HVM.with([this]));
    }
    let target = this.clone();
    cx.commit(move |tx| tx.set(&target, vbd::currently_attached, true)).await?;
    let plugged = if seen.control_domain {
        // The control domain has no hypervisor below it: the disk server gives it a device.
        Err(errors::NOT_IMPLEMENTED.with(["VBD.plug to a control domain"]))
    } else {
        cx.xapi.backends.hypervisor.plug_disk(&seen.uuid, disk(&*snapshot, this)?).await
    };
    let (target, disk) = (this.clone(), record.get(vbd::VDI));
    match plugged {
        Ok(device) => {
            cx.commit(move |tx| {
                tx.set(&target, vbd::device, device)?;
                rules::refresh(tx, &disk)
            })
            .await
        }
        Err(failure) => {
            cx.commit(move |tx| tx.set(&target, vbd::currently_attached, false)).await?;
            Err(failure)
        }
    }
}

async fn unplug(cx: Cx, this: Ref<Vbd>, op: Op) -> Result<()> {
    guard::within(&cx, &this, op, detach(&cx, &this, op == Op::UnplugForce)).await
}

async fn detach(cx: &Cx, this: &Ref<Vbd>, force: bool) -> Result<()> {
    let snapshot = cx.snapshot();
    let seen = look(&*snapshot, this)?;
    let position = disk(&*snapshot, this)?.position;
    if !cx.xapi.backends.hypervisor.unplug_disk(&seen.uuid, position, force).await? {
        return Err(errors::DEVICE_DETACH_REJECTED.with(["VBD", this.as_str(), ""]));
    }
    let target = this.clone();
    cx.commit(move |tx| {
        tx.set(&target, vbd::currently_attached, false)?;
        let disk = tx.get(&target, vbd::VDI)?;
        rules::refresh(tx, &disk)
    })
    .await
}

fn assert_awake(seen: &Seen) -> Result<()> {
    if seen.state == State::Suspended {
        let params = [seen.guest.as_str(), "halted, running", "suspended"];
        return Err(errors::VM_BAD_POWER_STATE.with(params));
    }
    Ok(())
}

async fn insert(cx: Cx, this: Ref<Vbd>, medium: Ref<Vdi>) -> Result<()> {
    let work = async {
        assert_awake(&look(&*cx.snapshot(), &this)?)?;
        if !cx.snapshot().get(&medium, vdi::managed)? {
            return Err(errors::VDI_NOT_MANAGED.with([&medium]));
        }
        let (target, medium) = (this.clone(), medium.clone());
        cx.commit(move |tx| {
            tx.set(&target, vbd::VDI, medium.clone())?;
            tx.set(&target, vbd::empty, false)?;
            rules::refresh(tx, &medium)
        })
        .await?;
        change_medium(&cx, &this).await
    };
    let done = guard::within(&cx, &this, Op::Insert, work).await;
    if done.is_err() {
        restore_medium(&cx, &this, &medium).await?;
    }
    done
}

/// A drive that could not take the medium is as empty as before.
async fn restore_medium(cx: &Cx, this: &Ref<Vbd>, medium: &Ref<Vdi>) -> Result<()> {
    let (target, medium) = (this.clone(), medium.clone());
    cx.commit(move |tx| {
        let unplugged = tx.exists(&target) && !tx.get(&target, vbd::currently_attached)?;
        let ours = tx.exists(&target) && tx.get(&target, vbd::VDI)? == medium;
        if ours && !unplugged {
            tx.set(&target, vbd::empty, true)?;
            tx.set(&target, vbd::VDI, Ref::null())?;
        }
        Ok(())
    })
    .await
}

async fn eject(cx: Cx, this: Ref<Vbd>) -> Result<()> {
    let work = async {
        assert_awake(&look(&*cx.snapshot(), &this)?)?;
        let target = this.clone();
        cx.commit(move |tx| {
            let before = tx.get(&target, vbd::VDI)?;
            tx.set(&target, vbd::empty, true)?;
            tx.set(&target, vbd::VDI, Ref::null())?;
            rules::refresh(tx, &before)
        })
        .await?;
        change_medium(&cx, &this).await
    };
    guard::within(&cx, &this, Op::Eject, work).await
}

/// Tells the running domain what is in its drive now.
async fn change_medium(cx: &Cx, this: &Ref<Vbd>) -> Result<()> {
    let snapshot = cx.snapshot();
    let seen = look(&*snapshot, this)?;
    if matches!(seen.state, State::Running | State::Paused) && !seen.control_domain {
        return cx.xapi.backends.hypervisor.change_medium(&seen.uuid, disk(&*snapshot, this)?).await;
    }
    Ok(())
}

async fn assert_attachable(cx: Cx, this: Ref<Vbd>) -> Result<()> {
    Vbd::check(&*cx.snapshot(), &this, Op::Attach, Asked::Guard)
}

async fn set_mode(cx: Cx, this: Ref<Vbd>, value: VbdMode) -> Result<()> {
    cx.commit(move |tx| {
        let seen = look(tx, &this)?;
        if seen.state != State::Halted {
            let params = [seen.guest.as_str(), "halted", rules::state_text(seen.state)];
            return Err(errors::VM_BAD_POWER_STATE.with(params));
        }
        tx.set(&this, vbd::mode, value)
    })
    .await
}

/// Storage of an SR of this kind cannot be swapped under a VBD.
fn no_pause(cx: &Cx, this: &Ref<Vbd>) -> Result<()> {
    let snapshot = cx.snapshot();
    let disk = snapshot.get(this, vbd::VDI)?;
    let home = snapshot.get(&disk, vdi::SR)?;
    Err(errors::SR_OPERATION_NOT_SUPPORTED.with([&home]))
}

async fn pause(cx: Cx, this: Ref<Vbd>) -> Result<String> {
    guard::within(&cx, &this, Op::Pause, async { no_pause(&cx, &this).map(|()| String::new()) }).await
}

async fn unpause(cx: Cx, this: Ref<Vbd>, _: String) -> Result<()> {
    guard::within(&cx, &this, Op::Unpause, async { no_pause(&cx, &this) }).await
}
