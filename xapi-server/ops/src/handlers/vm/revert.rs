//! `VM.revert`: a VM as it was when a snapshot was taken.

use xapi_schema::{
    ApiType, Class, ClassId, Ref, Result, Value,
    classes::{Vbd, Vdi, Vm, VmOperations as Op, VmPowerState as State, vbd, vdi, vm},
    coerce, errors,
};
use xapi_store::{Read, Tx};

use super::{
    note,
    power::stop,
    twin::{copy_devices, own_disks, renewed},
};
use crate::{
    Cx, Registry, guard,
    handlers::{vbd as device, vdi as disk, vif as card, vtpm},
    rules,
    unfinished::{self, Whole},
};

/// Fields a revert leaves as they are.
const KEPT: &[&str] = &[
    "uuid",
    "suspend_VDI",
    "power_state",
    "parent",
    "current_operations",
    "allowed_operations",
    "metrics",
    "guest_metrics",
    "resident_on",
    "scheduled_to_be_resident_on",
    "domid",
    "protection_policy",
    "snapshot_schedule",
    "snapshots",
    "children",
    "tags",
    "affinity",
    "groups",
    "consoles",
    "VBDs",
    "VIFs",
    "VGPUs",
    "VUSBs",
    "VTPMs",
    "attached_PCIs",
    "crash_dumps",
    "is_snapshot_from_vmpp",
    "memory_target",
];

/// Registers the method.
pub fn register(on: &mut Registry) {
    on.on(vm::call::revert, revert);
}

async fn revert(cx: Cx, snapshot: Ref<Vm>) -> Result<()> {
    let state = cx.snapshot();
    let this = state.get(&snapshot, vm::snapshot_of)?;
    if !state.exists(&this) {
        return Err(errors::VM_REVERT_FAILED.with([snapshot.as_str(), this.as_str()]));
    }
    let work = guard::within(&cx, &this, Op::Reverting, restore(&cx, &snapshot, &this));
    guard::within(&cx, &snapshot, Op::Revert, work).await?;
    let state = cx.snapshot();
    let (label, uuid) = (state.get(&snapshot, vm::name_label)?, state.get(&snapshot, vm::uuid)?);
    let what = format!("reverted to snapshot: {label} (uuid {uuid})");
    note::write(&cx, &this, "VM_SNAPSHOT_REVERTED", &what).await;
    Ok(())
}

async fn restore(cx: &Cx, snapshot: &Ref<Vm>, this: &Ref<Vm>) -> Result<()> {
    if cx.snapshot().get(this, vm::power_state)? != State::Halted {
        stop(cx, this).await?;
        note::write(cx, this, "VM_SHUTDOWN", "shutdown forcibly").await;
    }
    let (from, to) = (snapshot.clone(), this.clone());
    cx.commit(move |tx| fields(tx, &from, &to)).await?;
    cx.progress(0.1).await;
    let changed = disks(cx, snapshot, this).await;
    changed.map_err(|failure| match failure.code.as_str() {
        "SR_BACKEND_FAILURE_44" | "SR_BACKEND_FAILURE_109" | "VDI_INCOMPATIBLE_TYPE" => failure,
        _ => {
            tracing::warn!(%failure, vm = %this, "a revert failed");
            errors::VM_REVERT_FAILED.with([snapshot.as_str(), this.as_str()])
        }
    })
}

/// Writes the fields the VM had.
fn fields(tx: &mut Tx, snapshot: &Ref<Vm>, this: &Ref<Vm>) -> Result<()> {
    let text = tx.get(snapshot, vm::snapshot_metadata)?;
    let class = Class::of(ClassId::Vm);
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(&text) {
        for (at, field) in class.fields.iter().enumerate() {
            let Some(value) = json.get(field.name).filter(|_| !KEPT.contains(&field.name)) else { continue };
            if field.is_back_reference() {
                continue;
            }
            let value = coerce(&xapi_codec::json::from_json(value.clone()), field.ty)?;
            tx.set_value(ClassId::Vm, this.as_str(), at, value)?;
        }
    } else {
        // A snapshot taken elsewhere has its fields in a form of its own; its own record has the same.
        let record = tx.record(snapshot)?.clone();
        let own = [
            "name_label",
            "is_a_template",
            "is_a_snapshot",
            "snapshot_of",
            "snapshot_time",
            "snapshot_info",
            "snapshot_metadata",
            "transportable_snapshot_id",
        ];
        for (at, field) in class.fields.iter().enumerate() {
            if !KEPT.contains(&field.name) && !own.contains(&field.name) && !field.is_back_reference() {
                tx.set_value(ClassId::Vm, this.as_str(), at, record.at(at).clone())?;
            }
        }
    }
    tx.set(this, vm::ha_always_run, false)?;
    tx.update(this, vm::generation_id, |id| *id = renewed(id))
}

/// Puts copies of the snapshot's disks in place of the VM's. The old disks go last, when everything else
/// has been done.
async fn disks(cx: &Cx, snapshot: &Ref<Vm>, this: &Ref<Vm>) -> Result<()> {
    let state = cx.snapshot();
    let (frozen, record) = (state.record(snapshot)?.clone(), state.record(this)?.clone());
    let mut made: Vec<(Ref<Vbd>, Ref<Vdi>)> = Vec::new();
    let copied = async {
        for (place, source) in own_disks(&*state, &frozen) {
            cx.check_cancelled()?;
            let copy = cx
                .subtask("Async.VDI.clone", |cx| async move {
                    disk::clone(&cx, &source, xapi_schema::Map::default(), Whole::Later).await
                })
                .await?;
            made.push((place, copy));
        }
        let image = frozen.get(vm::suspend_VDI);
        match state.exists(&image) {
            true => disk::clone(cx, &image, xapi_schema::Map::default(), Whole::Later).await.map(Some),
            false => Ok(None),
        }
    };
    let image = match copied.await {
        Ok(image) => image,
        Err(failure) => {
            for (_, copy) in made {
                unfinished::abandon(cx, &copy).await;
            }
            return Err(failure);
        }
    };
    cx.progress(0.5).await;
    let origins: Vec<Ref<Vdi>> = own_disks(&*state, &frozen)
        .iter()
        .filter_map(|(_, source)| state.get(source, vdi::snapshot_of).ok())
        .collect();
    // Disks the snapshot does not know are left alone, only not attached any more.
    let replaced: Vec<Ref<Vdi>> = own_disks(&*state, &record)
        .into_iter()
        .map(|(_, old)| old)
        .filter(|old| origins.contains(old))
        .collect();
    let (from, to, pairs) = (snapshot.clone(), this.clone(), made);
    let (host, going) = (cx.host().clone(), replaced.clone());
    cx.commit(move |tx| {
        let fresh: Vec<Ref<Vdi>> = pairs.iter().map(|(_, disk)| disk.clone()).chain(image.clone()).collect();
        unfinished::settle(tx, &host, &fresh, &[])?;
        unfinished::condemn(tx, &host, &going)?;
        swap(tx, &from, &to, &pairs, image)
    })
    .await?;
    cx.progress(0.9).await;
    for old in replaced {
        unfinished::abandon(cx, &old).await;
    }
    cx.progress(1.0).await;
    Ok(())
}

fn swap(
    tx: &mut Tx,
    snapshot: &Ref<Vm>,
    this: &Ref<Vm>,
    pairs: &[(Ref<Vbd>, Ref<Vdi>)],
    image: Option<Ref<Vdi>>,
) -> Result<()> {
    for old in tx.get(this, vm::VBDs)? {
        device::remove(tx, &old)?;
    }
    for old in tx.get(this, vm::VIFs)? {
        card::remove(tx, &old)?;
    }
    for old in tx.get(this, vm::VTPMs)? {
        vtpm::remove(tx, &old)?;
    }
    // All snapshots of a replaced disk now belong to the disk that took its place.
    for (place, copy) in pairs {
        let source = tx.get(place, vbd::VDI)?;
        let origin = tx.get(&source, vdi::snapshot_of)?;
        if origin.is_null() {
            continue;
        }
        for sibling in tx.all::<Vdi>() {
            if tx.get(&sibling, vdi::snapshot_of)? == origin {
                tx.set(&sibling, vdi::snapshot_of, copy.clone())?;
            }
        }
        let plain = [(vdi::is_a_snapshot, false)];
        for (field, value) in plain {
            tx.set(copy, field, value)?;
        }
    }
    copy_devices(tx, snapshot, this, &pairs.to_vec(), &[], true)?;
    let suspended = image.is_some();
    tx.set(this, vm::suspend_VDI, image.unwrap_or_else(Ref::null))?;
    tx.set(this, vm::parent, snapshot.clone())?;
    let frozen = tx.record(snapshot)?.clone();
    for (field, class) in
        [(vm::metrics.index, ClassId::VmMetrics), (vm::guest_metrics.index, ClassId::VmGuestMetrics)]
    {
        let old = tx.record(this)?.at(field).as_str().unwrap_or_default().to_string();
        if tx.row(class, &old).is_some() {
            tx.destroy_row(class, &old)?;
        }
        let source = frozen.at(field).as_str().unwrap_or_default().to_string();
        let copy = match tx.row(class, &source).map(|row| row.record.clone()) {
            Some(record) => {
                let members = super::twin::fields_of(class, &record);
                let members = crate::handlers::overlay(&members, [("uuid", Value::EMPTY)]);
                Value::Str(tx.create_value(class, None, &members)?)
            }
            None => Ref::<Vm>::null().into_value(),
        };
        tx.set_value(ClassId::Vm, this.as_str(), field, copy)?;
    }
    tx.set(this, vm::power_state, if suspended { State::Suspended } else { State::Halted })?;
    super::recompute_devices(tx, this)?;
    rules::refresh(tx, this)?;
    Ok(())
}
