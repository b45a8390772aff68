//! VMs as the description of an archive: which objects belong to them, and their records with references replaced
//! by numbers of the archive. Pure.

use std::collections::{BTreeMap, BTreeSet};

use arcstr::ArcStr;
use xapi_schema::{
    Class, ClassId, Record, Ref, Ty, Value,
    classes::{Vbd, Vdi, Vif, Vm, VmPowerState, secret, vbd, vdi, vif, vm, vtpm},
};
use xapi_store::Read;
use xapi_xva::Object;

use crate::handlers::overlay;

/// What an archive tells of its VMs.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Memory images and power states as they are; otherwise every VM is halted.
    pub preserve_power_state: bool,
    /// Snapshots with their VMs.
    pub snapshots: bool,
    /// Classes of devices left out.
    pub excluded: Vec<ClassId>,
}

/// The order of classes in an archive.
const ORDER: [ClassId; 13] = [
    ClassId::Host,
    ClassId::Vm,
    ClassId::VmMetrics,
    ClassId::VmGuestMetrics,
    ClassId::Vbd,
    ClassId::Vif,
    ClassId::Network,
    ClassId::Vdi,
    ClassId::Sr,
    ClassId::VgpuType,
    ClassId::Vgpu,
    ClassId::GpuGroup,
    ClassId::Vtpm,
];

/// What stands in an archive, by class, in the order it was met.
#[derive(Default)]
struct Cast {
    members: BTreeMap<usize, Vec<ArcStr>>,
    known: BTreeSet<ArcStr>,
}

impl Cast {
    /// Takes an object in; `false` when it is there already or does not exist.
    fn add(&mut self, read: &impl Read, class: ClassId, reference: &ArcStr) -> bool {
        let Some(place) = ORDER.iter().position(|known| *known == class) else { return false };
        if read.row(class, reference).is_none() || !self.known.insert(reference.clone()) {
            return false;
        }
        self.members.entry(place).or_default().push(reference.clone());
        true
    }
}

/// Names of the archive for the objects of VMs, and their records.
pub struct Description {
    /// The objects.
    pub objects: Vec<Object>,
    /// Disks with their names, in the order of the names' text: that of the archive's blocks.
    pub disks: Vec<(String, Ref<Vdi>)>,
}

/// Describes VMs.
pub fn describe(read: &impl Read, vms: &[Ref<Vm>], scope: &Scope) -> Description {
    let mut cast = Cast::default();
    for this in vms {
        gather(read, this, scope, &mut cast);
    }
    let mut names: BTreeMap<ArcStr, String> = BTreeMap::new();
    for reference in cast.members.values().flatten() {
        let number = names.len();
        names.insert(reference.clone(), format!("Ref:{number}"));
    }
    let mut objects = Vec::new();
    let mut disks = Vec::new();
    for (place, references) in &cast.members {
        let class = ORDER[*place];
        for reference in references {
            let Some(row) = read.row(class, reference) else { continue };
            let mut snapshot = snapshot(class, &row.record, scope, &names);
            if class == ClassId::Vtpm {
                // What a TPM keeps travels with it; a reference into this pool's secrets would be lost.
                let kept = read.get(&row.record.get(vtpm::contents), secret::value).unwrap_or_default();
                snapshot = overlay(&snapshot, [("contents", Value::str(kept))]);
            }
            let id = names[reference].clone();
            if class == ClassId::Vdi && streamed(read, &row.record) {
                disks.push((id.clone(), Ref::new(reference.clone())));
            }
            objects.push(Object { class: Class::of(class).name.to_string(), id, snapshot });
        }
    }
    disks.sort_by(|a, b| a.0.cmp(&b.0));
    Description { objects, disks }
}

/// Media are not part of a VM, only their names are.
fn streamed(read: &impl Read, disk: &Record) -> bool {
    let home = disk.get(vdi::SR);
    read.get(&home, xapi_schema::classes::sr::content_type).is_ok_and(|kind| kind != "iso")
}

fn gather(read: &impl Read, this: &Ref<Vm>, scope: &Scope, cast: &mut Cast) {
    let Ok(record) = read.record(this) else { return };
    if !cast.add(read, ClassId::Vm, this.text()) {
        return;
    }
    let wanted = |class: ClassId| !scope.excluded.contains(&class);
    if scope.preserve_power_state {
        cast.add(read, ClassId::Host, record.get(vm::resident_on).text());
        disk(read, &record.get(vm::suspend_VDI), cast);
    }
    cast.add(read, ClassId::Host, record.get(vm::affinity).text());
    cast.add(read, ClassId::VmMetrics, record.get(vm::metrics).text());
    cast.add(read, ClassId::VmGuestMetrics, record.get(vm::guest_metrics).text());
    for device in record.get(vm::VBDs).iter().filter(|_| wanted(ClassId::Vbd)) {
        let device: &Ref<Vbd> = device;
        if let Ok(slot) = read.record(device) {
            cast.add(read, ClassId::Vbd, device.text());
            disk(read, &slot.get(vbd::VDI), cast);
        }
    }
    for device in record.get(vm::VIFs).iter().filter(|_| wanted(ClassId::Vif)) {
        let device: &Ref<Vif> = device;
        if let Ok(card) = read.record(device) {
            cast.add(read, ClassId::Vif, device.text());
            cast.add(read, ClassId::Network, card.get(vif::network).text());
        }
    }
    for device in record.get(vm::VGPUs).iter().filter(|_| wanted(ClassId::Vgpu)) {
        if let Ok(card) = read.record(device) {
            cast.add(read, ClassId::Vgpu, device.text());
            cast.add(read, ClassId::VgpuType, card.get(xapi_schema::classes::vgpu::r#type).text());
            cast.add(read, ClassId::GpuGroup, card.get(xapi_schema::classes::vgpu::GPU_group).text());
        }
    }
    for device in record.get(vm::VTPMs).iter().filter(|_| wanted(ClassId::Vtpm)) {
        cast.add(read, ClassId::Vtpm, device.text());
    }
    for snapshot in record.get(vm::snapshots).iter().filter(|_| scope.snapshots) {
        gather(read, snapshot, scope, cast);
    }
}

fn disk(read: &impl Read, this: &Ref<Vdi>, cast: &mut Cast) {
    if cast.add(read, ClassId::Vdi, this.text())
        && let Ok(home) = read.get(this, vdi::SR)
    {
        cast.add(read, ClassId::Sr, home.text());
    }
}

fn snapshot(class: ClassId, record: &Record, scope: &Scope, names: &BTreeMap<ArcStr, String>) -> Value {
    let told = record.wire_members().map(|(name, value)| {
        let ty = Class::of(class).field(name).map_or(&Ty::Any, |(_, field)| &field.ty);
        let blank = blank(class, name, record, scope);
        (name, blank.unwrap_or_else(|| renamed(ty, value, names)))
    });
    Value::map(told)
}

/// References to objects of the archive get their names, others are null; in sets they are left out.
fn renamed(ty: &Ty, value: &Value, names: &BTreeMap<ArcStr, String>) -> Value {
    let name =
        |value: &Value| value.as_str().and_then(|text| names.get(text)).map(|n| Value::str(n.as_str()));
    match (ty, value) {
        (Ty::Ref(_), value) => name(value).unwrap_or_else(|| Value::str("OpaqueRef:NULL")),
        (Ty::Set(Ty::Ref(_)), value) => {
            Value::set(value.as_set().unwrap_or_default().iter().filter_map(name))
        }
        (_, value) => value.clone(),
    }
}

/// What an archive never tells, and what it tells only when asked.
fn blank(class: ClassId, field: &str, record: &Record, scope: &Scope) -> Option<Value> {
    let null = || Some(Value::str("OpaqueRef:NULL"));
    let (none, empty) = (|| Some(Value::set([])), || Some(Value::map::<&str>([])));
    match (class, field) {
        (_, "allowed_operations") => none(),
        (_, "current_operations" | "blobs") => empty(),
        (ClassId::Vbd | ClassId::Vif, "metrics") => null(),
        (ClassId::Vbd | ClassId::Vif, "currently_attached") if !scope.preserve_power_state => {
            Some(Value::Bool(false))
        }
        (ClassId::Vm, "consoles" | "crash_dumps") => none(),
        (ClassId::Vm, "protection_policy") => null(),
        (ClassId::Vm, "power_state") => {
            let state: VmPowerState = record.get(vm::power_state);
            let told = if scope.preserve_power_state { state } else { VmPowerState::Halted };
            Some(Value::Str(xapi_schema::ApiEnum::text(told)))
        }
        (ClassId::Vm, "suspend_VDI" | "resident_on") if !scope.preserve_power_state => null(),
        (ClassId::Vm, "is_a_snapshot") if !scope.snapshots => Some(Value::Bool(false)),
        (ClassId::Vm, "snapshot_of" | "parent") if !scope.snapshots => null(),
        (ClassId::Vm, "snapshot_time") if !scope.snapshots => Some(Value::Time(xapi_schema::DateTime::EPOCH)),
        _ => None,
    }
}
