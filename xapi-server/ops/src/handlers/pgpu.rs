//! `PGPU`, `GPU_group`, `VGPU_type`: graphics of a host, grouped by model, given to guests whole.

use xapi_backend::host::Pci as Found;
use xapi_schema::{
    ClassId, Map, Ref, Result, Value,
    classes::{GpuGroup, Host, Pgpu, VgpuType, gpu_group, host, pci, pgpu, vgpu, vgpu_type},
    errors,
};
use xapi_store::{Read, Tx};

use super::pci as device;
use crate::{Cx, Registry};

/// What all hosts call a device given whole to a guest.
const WHOLE: &str = "0001:passthrough";
/// Capacity of a device, all of which a guest that has it whole takes.
const CAPACITY: i64 = 1 << 20;

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(pgpu::call::get_remaining_capacity, get_remaining_capacity);
    on.on(pgpu::call::set_enabled_VGPU_types, permit);
    on.on(pgpu::call::add_enabled_VGPU_types, permit_one);
    on.on(pgpu::call::remove_enabled_VGPU_types, forbid_one);
    on.on(pgpu::call::set_GPU_group, set_group);
    on.on(gpu_group::call::create, create_group);
    on.on(gpu_group::call::destroy, destroy_group);
    on.on(gpu_group::call::update_enabled_VGPU_types, update_group);
    on.on(gpu_group::call::update_supported_VGPU_types, update_group);
    on.on(gpu_group::call::get_remaining_capacity, get_group_capacity);
}

/// Brings the rows in line with the devices; those of PCI devices are up to date already.
///
/// # Errors
/// Those of the store.
pub fn sync(tx: &mut Tx, home: &Ref<Host>, all: &[Found]) -> Result<()> {
    // A virtual function is part of the device that provides it.
    let displays = all.iter().filter(|found| found.class >> 16 == 3 && found.physical_function.is_none());
    let mut kept = Vec::new();
    let known = tx.get(home, host::PGPUs)?;
    for found in displays {
        let Some(of) = device::row_of(tx, home, found)? else { continue };
        let row = known.iter().find(|row| tx.get(*row, pgpu::PCI).is_ok_and(|other| other == of)).cloned();
        let row = match row {
            Some(row) => row,
            None => create(tx, home, &of, found)?,
        };
        tx.set(&row, pgpu::is_system_display_device, found.boot_display)?;
        tx.set(&row, pgpu::dom0_access, device::access(found.access))?;
        kept.push(row);
    }
    for row in known.into_iter().filter(|row| !kept.contains(row)) {
        let (group, still) = (tx.get(&row, pgpu::GPU_group)?, tx.exists(&tx.get(&row, pgpu::PCI)?));
        // A guest's device keeps its row, and so do its graphics.
        if !still {
            tx.destroy(&row)?;
            update(tx, &group)?;
        }
    }
    Ok(())
}

fn create(
    tx: &mut Tx,
    home: &Ref<Host>,
    of: &Ref<xapi_schema::classes::Pci>,
    found: &Found,
) -> Result<Ref<Pgpu>> {
    let (whole, group) = (whole(tx)?, group(tx, found)?);
    let members = Value::map([
        ("PCI", Value::Str(of.text().clone())),
        ("host", Value::Str(home.text().clone())),
        ("GPU_group", Value::Str(group.text().clone())),
        ("size", Value::Int(CAPACITY)),
    ]);
    let row: Ref<Pgpu> = tx.create_value(ClassId::Pgpu, None, &members).map(Ref::new)?;
    tx.set(&row, pgpu::supported_VGPU_types, vec![whole.clone()])?;
    tx.set(&row, pgpu::enabled_VGPU_types, vec![whole.clone()])?;
    tx.set(&row, pgpu::supported_VGPU_max_capacities, Map(vec![(whole, 1)]))?;
    update(tx, &group)?;
    Ok(row)
}

/// The type of a device given whole.
fn whole(tx: &mut Tx) -> Result<Ref<VgpuType>> {
    for known in tx.all::<VgpuType>() {
        if tx.get(&known, vgpu_type::identifier)? == WHOLE {
            return Ok(known);
        }
    }
    let members = Value::map([
        ("model_name", Value::str("passthrough")),
        ("size", Value::Int(CAPACITY)),
        ("implementation", Value::str("passthrough")),
        ("identifier", Value::str(WHOLE)),
    ]);
    tx.create_value(ClassId::VgpuType, None, &members).map(Ref::new)
}

fn kind(found: &Found) -> String {
    format!("{:04x}/{:04x}", found.vendor, found.device)
}

/// The group of devices like this one.
fn group(tx: &mut Tx, found: &Found) -> Result<Ref<GpuGroup>> {
    for known in tx.all::<GpuGroup>() {
        if tx.get(&known, gpu_group::GPU_types)?.contains(&kind(found)) {
            return Ok(known);
        }
    }
    let label = format!("Group of {} {} GPUs", found.vendor_name, found.device_name);
    let members =
        Value::map([("name_label", Value::str(label)), ("GPU_types", Value::set([Value::str(kind(found))]))]);
    tx.create_value(ClassId::GpuGroup, None, &members).map(Ref::new)
}

/// What the members of a group are and can do.
fn update(tx: &mut Tx, this: &Ref<GpuGroup>) -> Result<()> {
    if !tx.exists(this) {
        return Ok(());
    }
    let (mut kinds, mut supported, mut enabled) = (Vec::new(), Vec::new(), Vec::new());
    for member in tx.get(this, gpu_group::PGPUs)? {
        let record = tx.record(&member)?.clone();
        if let Ok(device) = tx.record(&record.get(pgpu::PCI)) {
            kinds.push(format!("{}/{}", device.get(pci::vendor_id), device.get(pci::device_id)));
        }
        supported.extend(record.get(pgpu::supported_VGPU_types));
        enabled.extend(record.get(pgpu::enabled_VGPU_types));
    }
    kinds.sort();
    kinds.dedup();
    for types in [&mut supported, &mut enabled] {
        types.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        types.dedup();
    }
    // An empty group keeps what it was for, so that the device finds it when it is back.
    if !kinds.is_empty() {
        tx.set(this, gpu_group::GPU_types, kinds)?;
    }
    tx.set(this, gpu_group::supported_VGPU_types, supported)?;
    tx.set(this, gpu_group::enabled_VGPU_types, enabled)
}

/// How many more guests can have a device of this type.
fn remaining(read: &impl Read, this: &Ref<Pgpu>, wanted: &Ref<VgpuType>) -> Result<i64> {
    let record = read.record(this)?;
    read.record(wanted)?;
    if !record.get(pgpu::enabled_VGPU_types).contains(wanted) {
        return Ok(0);
    }
    let most = record.get(pgpu::supported_VGPU_max_capacities);
    let most = most.0.iter().find(|(kind, _)| kind == wanted).map_or(0, |(_, most)| *most);
    Ok((most - record.get(pgpu::resident_VGPUs).len() as i64).max(0))
}

/// Writes which types may be had of a device. One that guests have right now stays.
fn permit_types(tx: &mut Tx, this: &Ref<Pgpu>, mut wanted: Vec<Ref<VgpuType>>) -> Result<()> {
    wanted.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    wanted.dedup();
    let record = tx.record(this)?.clone();
    let supported = record.get(pgpu::supported_VGPU_types);
    for kind in &wanted {
        tx.record(kind)?;
        if !supported.contains(kind) {
            let all: Vec<&str> = supported.iter().map(Ref::as_str).collect();
            return Err(errors::VGPU_TYPE_NOT_SUPPORTED.with([kind.as_str(), &all.join(",")]));
        }
    }
    let mut users = Vec::new();
    for resident in record.get(pgpu::resident_VGPUs) {
        if !wanted.contains(&tx.get(&resident, vgpu::r#type)?) {
            users.push(tx.get(&resident, vgpu::VM)?);
        }
    }
    if !users.is_empty() {
        return Err(errors::PGPU_IN_USE_BY_VM.with(&users));
    }
    tx.set(this, pgpu::enabled_VGPU_types, wanted)?;
    update(tx, &record.get(pgpu::GPU_group))
}

async fn permit(cx: Cx, this: Ref<Pgpu>, wanted: Vec<Ref<VgpuType>>) -> Result<()> {
    cx.commit(move |tx| permit_types(tx, &this, wanted)).await
}

async fn permit_one(cx: Cx, this: Ref<Pgpu>, kind: Ref<VgpuType>) -> Result<()> {
    cx.commit(move |tx| {
        let mut wanted = tx.get(&this, pgpu::enabled_VGPU_types)?;
        wanted.push(kind);
        permit_types(tx, &this, wanted)
    })
    .await
}

async fn forbid_one(cx: Cx, this: Ref<Pgpu>, kind: Ref<VgpuType>) -> Result<()> {
    cx.commit(move |tx| {
        let mut wanted = tx.get(&this, pgpu::enabled_VGPU_types)?;
        wanted.retain(|known| *known != kind);
        permit_types(tx, &this, wanted)
    })
    .await
}

/// Moves a device that no guest has to a group of its kind, or to an empty one that takes any.
async fn set_group(cx: Cx, this: Ref<Pgpu>, group: Ref<GpuGroup>) -> Result<()> {
    cx.commit(move |tx| {
        let (record, kinds) = (tx.record(&this)?.clone(), tx.get(&group, gpu_group::GPU_types)?);
        let mut users = Vec::new();
        for resident in record.get(pgpu::resident_VGPUs) {
            users.push(tx.get(&resident, vgpu::VM)?);
        }
        if !users.is_empty() {
            return Err(errors::PGPU_IN_USE_BY_VM.with(&users));
        }
        let device = tx.record(&record.get(pgpu::PCI))?;
        let kind = format!("{}/{}", device.get(pci::vendor_id), device.get(pci::device_id));
        if !kinds.is_empty() && !kinds.contains(&kind) {
            return Err(
                errors::PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP.with([kind, format!("[{}]", kinds.join(", "))])
            );
        }
        tx.set(&this, pgpu::GPU_group, group.clone())?;
        update(tx, &record.get(pgpu::GPU_group))?;
        update(tx, &group)
    })
    .await
}

async fn get_remaining_capacity(cx: Cx, this: Ref<Pgpu>, wanted: Ref<VgpuType>) -> Result<i64> {
    remaining(&*cx.snapshot(), &this, &wanted)
}

async fn get_group_capacity(cx: Cx, this: Ref<GpuGroup>, wanted: Ref<VgpuType>) -> Result<i64> {
    let snapshot = cx.snapshot();
    let members = snapshot.get(&this, gpu_group::PGPUs)?;
    members.iter().map(|member| remaining(&*snapshot, member, &wanted)).sum()
}

async fn create_group(
    cx: Cx,
    label: String,
    text: String,
    config: Map<String, String>,
) -> Result<Ref<GpuGroup>> {
    cx.commit(move |tx| {
        let members = Value::map([("name_label", Value::str(label)), ("name_description", Value::str(text))]);
        let this = tx.create_value(ClassId::GpuGroup, None, &members).map(Ref::new)?;
        tx.set(&this, gpu_group::other_config, config)?;
        Ok(this)
    })
    .await
}

async fn destroy_group(cx: Cx, this: Ref<GpuGroup>) -> Result<()> {
    cx.commit(move |tx| {
        let (virtuals, members) = (tx.get(&this, gpu_group::VGPUs)?, tx.get(&this, gpu_group::PGPUs)?);
        if !virtuals.is_empty() {
            return Err(errors::GPU_GROUP_CONTAINS_VGPU.with(&virtuals));
        }
        if !members.is_empty() {
            return Err(errors::GPU_GROUP_CONTAINS_PGPU.with(&members));
        }
        tx.destroy(&this)
    })
    .await
}

async fn update_group(cx: Cx, this: Ref<GpuGroup>) -> Result<()> {
    cx.snapshot().record(&this)?;
    cx.commit(move |tx| update(tx, &this)).await
}
