//! The rows of VMs that come in: what an archive tells, rewritten for this pool. One transaction writes them all.

use std::collections::HashMap;

use arcstr::ArcStr;
use xapi_schema::{
    ApiEnum, ApiType, Class, ClassId, Map, Ref, Result, Ty, Value,
    classes::{Host, Network, Vbd, VbdType, Vdi, Vif, Vm, VmOperations, VmPowerState, vm},
    coerce, errors,
};
use xapi_store::{Read, Tx};
use xapi_xva::{Object, Ova};

use super::import::ImportOptions;
use crate::{
    handlers::{overlay, text, texts, vif::derived_mac, vm as machine},
    rules,
};

/// The objects of an archive by name, and what stands for them here.
pub struct Cast {
    objects: Vec<Object>,
    by_id: HashMap<String, usize>,
    /// Disks that were made or found.
    pub disks: HashMap<String, Ref<Vdi>>,
    /// Networks that were made or found.
    pub networks: HashMap<String, Ref<Network>>,
}

impl Cast {
    /// The objects of an archive; nothing stands for them yet.
    pub fn new(ova: Ova) -> Cast {
        let by_id = ova.objects.iter().enumerate().map(|(at, object)| (object.id.clone(), at)).collect();
        Cast { objects: ova.objects, by_id, disks: HashMap::new(), networks: HashMap::new() }
    }

    /// Objects of a class in the order of the archive.
    pub fn of(&self, class: ClassId) -> impl Iterator<Item = &Object> {
        self.objects.iter().filter(move |object| object.class == Class::of(class).name)
    }

    /// VMs that are brought in: never a control domain.
    pub fn vms(&self) -> impl Iterator<Item = &Object> {
        self.of(ClassId::Vm)
            .filter(|object| object.snapshot.get("is_control_domain") != Some(&Value::Bool(true)))
    }

    /// The object a member of another one names.
    pub fn target(&self, object: &Object, member: &str) -> Option<&Object> {
        let id = object.snapshot.get(member)?.as_str()?;
        self.by_id.get(id).map(|at| &self.objects[*at])
    }

    /// Objects of a class that belong to a VM.
    fn devices<'a>(&'a self, class: ClassId, owner: &'a Object) -> impl Iterator<Item = &'a Object> {
        self.of(class).filter(|device| text(&device.snapshot, "VM") == owner.id)
    }

    /// Disks that come with the archive: those in use, and memory images of VMs that stay suspended.
    pub fn wanted_disks(&self) -> Vec<&Object> {
        let of_slots = self
            .of(ClassId::Vbd)
            .filter(|slot| text(&slot.snapshot, "type") != "CD")
            .filter_map(|slot| self.target(slot, "VDI"));
        let images = self.vms().filter(|vm| suspended(vm)).filter_map(|vm| self.target(vm, "suspend_VDI"));
        let mut found: Vec<&Object> = Vec::new();
        for disk in of_slots.chain(images).filter(|disk| !self.is_medium(disk)) {
            if found.iter().all(|known| known.id != disk.id) {
                found.push(disk);
            }
        }
        found
    }

    /// Lies in an SR of media.
    fn is_medium(&self, disk: &Object) -> bool {
        self.target(disk, "SR").is_some_and(|home| text(&home.snapshot, "content_type") == "iso")
    }
}

/// Its record says that its memory was written to a disk.
fn suspended(vm: &Object) -> bool {
    text(&vm.snapshot, "power_state") == "Suspended"
}

/// Checks what forbids an import before anything is made; answers the VMs that are replaced.
///
/// # Errors
/// DUPLICATE_MAC_SEED [seed], VM_BAD_POWER_STATE [vm, Halted, actual],
/// VM_TO_IMPORT_IS_NOT_NEWER_VERSION [vm, old, new].
pub fn check(read: &impl Read, cast: &Cast, options: &ImportOptions) -> Result<Vec<Ref<Vm>>> {
    let mut replaced = Vec::new();
    for vm in cast.vms().filter(|_| options.restore) {
        let (uuid, seed) = (text(&vm.snapshot, "uuid"), mac_seed(&vm.snapshot));
        let own = |row: &xapi_store::Row| {
            let record = &row.record;
            record.get::<Vm, String>(vm::uuid) == uuid || record.get::<Vm, bool>(vm::is_a_snapshot)
        };
        let taken = |row: &&xapi_store::Row| {
            let config = row.record.get::<Vm, Map<String, String>>(vm::other_config);
            !own(row) && config.get("mac_seed").is_some_and(|other| *other == seed)
        };
        if !seed.is_empty() && !options.force && read.rows(ClassId::Vm).any(|row| taken(&row)) {
            return Err(errors::DUPLICATE_MAC_SEED.with([seed]));
        }
        let Some(existing) = read.by_uuid(ClassId::Vm, &uuid) else { continue };
        let this: Ref<Vm> = Ref::new(existing.reference.clone());
        let state: VmPowerState = existing.record.get::<Vm, _>(vm::power_state);
        if state != VmPowerState::Halted && !options.force {
            let actual = ApiEnum::as_str(state);
            return Err(errors::VM_BAD_POWER_STATE.with([this.as_str(), "Halted", actual]));
        }
        let (old, new) = (existing.record.get::<Vm, i64>(vm::version), int(&vm.snapshot, "version"));
        if old >= new && !options.force {
            let (old, new) = (old.to_string(), new.to_string());
            return Err(errors::VM_TO_IMPORT_IS_NOT_NEWER_VERSION.with([this.to_string(), old, new]));
        }
        replaced.push(this);
    }
    Ok(replaced)
}

fn mac_seed(vm: &Value) -> String {
    texts(vm, "other_config").get("mac_seed").cloned().unwrap_or_default()
}

/// Numbers travel as text.
pub fn int(value: &Value, member: &str) -> i64 {
    match value.get(member) {
        Some(Value::Int(n)) => *n,
        Some(Value::Str(text)) => text.parse().unwrap_or(0),
        _ => 0,
    }
}

/// The members of a record that this version knows, typed, without references and back-references.
///
/// # Errors
/// Those of [`coerce`] for a value of another type.
fn members(class: ClassId, record: &Value) -> Result<Value> {
    let mut typed = Vec::new();
    for field in Class::of(class).fields {
        let reference = matches!(field.ty, Ty::Ref(_))
            || matches!(field.ty, Ty::Set(inner) if matches!(inner, Ty::Ref(_)))
            || matches!(field.ty, Ty::Map(_, inner) if matches!(inner, Ty::Ref(_)));
        if reference || field.is_back_reference() {
            continue;
        }
        if let Some(value) = record.get(field.name) {
            typed.push((field.name, coerce(value, field.ty)?));
        }
    }
    Ok(Value::map(typed))
}

fn null() -> Value {
    Value::str("OpaqueRef:NULL")
}

/// Who does the import, and when.
pub struct Stamp {
    /// Key in `current_operations`.
    pub key: ArcStr,
    /// Task shown in `other_config:import_task`.
    pub task: String,
}

/// Writes all VMs with their devices, marked as being imported. Answers name and reference of each.
///
/// # Errors
/// Those of the store; values of another type than their fields.
pub fn write(
    tx: &mut Tx,
    cast: &Cast,
    options: &ImportOptions,
    replaced: &[Ref<Vm>],
    stamp: &Stamp,
) -> Result<Vec<(String, Ref<Vm>)>> {
    for this in replaced {
        machine::remove(tx, this)?;
    }
    let mut made: Vec<(String, Ref<Vm>)> = Vec::new();
    for vm in cast.vms() {
        made.push((vm.id.clone(), write_vm(tx, cast, vm, options, stamp)?));
    }
    for (id, this) in &made {
        let Some(vm) = cast.vms().find(|vm| vm.id == *id) else { continue };
        let here = |member: &str| {
            let named = text(&vm.snapshot, member);
            made.iter().find(|(id, _)| *id == named).map(|(_, reference)| reference.clone())
        };
        if let Some(origin) = here("snapshot_of") {
            tx.set(this, vm::snapshot_of, origin)?;
        }
        if let Some(parent) = here("parent") {
            tx.set(this, vm::parent, parent)?;
        }
        write_slots(tx, cast, vm, this, options)?;
        write_cards(tx, cast, vm, this, options)?;
        write_chips(tx, cast, vm, this)?;
    }
    Ok(made)
}

fn write_vm(
    tx: &mut Tx,
    cast: &Cast,
    object: &Object,
    options: &ImportOptions,
    stamp: &Stamp,
) -> Result<Ref<Vm>> {
    let record = &object.snapshot;
    let known = members(ClassId::Vm, record)?;
    let image = cast.target(object, "suspend_VDI").and_then(|disk| cast.disks.get(&disk.id));
    let state = if suspended(object) && image.is_some() { "Suspended" } else { "Halted" };
    let template = record.get("is_a_template") == Some(&Value::Bool(true));
    let mut config = texts(&known, "other_config");
    config.remove("grant_api_access");
    config.set("import_task".into(), stamp.task.clone());
    if !options.restore || !config.contains("mac_seed") {
        config.set("mac_seed".into(), uuid::Uuid::new_v4().to_string());
    }
    if !options.force {
        config.remove("default_template");
    }
    let mut platform = texts(&known, "platform");
    if !platform.contains("device-model") {
        platform.set("device-model".into(), "qemu-upstream-compat".into());
    }
    let version = if options.restore { int(record, "version").saturating_add(1) } else { 0 };
    let generation = text(record, "generation_id");
    let generation = match generation.is_empty() || options.live || template {
        true => generation,
        false => machine::generation_id(),
    };
    let priority = text(record, "ha_restart_priority");
    let (priority, order) = match priority.parse::<i64>() {
        // The oldest archives number the classes; the number is an order now.
        Ok(order @ 0..=3) => ("restart".to_string(), order),
        _ => (priority, int(record, "order")),
    };
    let domain_type = text(record, "domain_type");
    let metrics = match cast.target(object, "metrics") {
        Some(told) => {
            let fresh = overlay(&members(ClassId::VmMetrics, &told.snapshot)?, [("uuid", Value::EMPTY)]);
            Value::Str(tx.create_value(ClassId::VmMetrics, None, &fresh)?)
        }
        None => machine::fresh_metrics(tx, "unspecified")?,
    };
    let agent = match cast.target(object, "guest_metrics") {
        Some(told) => {
            let fresh = overlay(&members(ClassId::VmGuestMetrics, &told.snapshot)?, [("uuid", Value::EMPTY)]);
            Value::Str(tx.create_value(ClassId::VmGuestMetrics, None, &fresh)?)
        }
        None => null(),
    };
    let uuid = if options.restore { text(record, "uuid") } else { String::new() };
    let mark = Map(vec![(stamp.key.to_string(), VmOperations::Import)]);
    let whole = overlay(
        &known,
        [
            ("uuid", Value::str(uuid)),
            ("power_state", Value::str(state)),
            ("allowed_operations", Value::set([])),
            ("current_operations", mark.into_value()),
            ("other_config", config.into_value()),
            ("platform", platform.into_value()),
            ("version", Value::Int(version)),
            ("generation_id", Value::str(generation)),
            ("ha_restart_priority", Value::str(priority)),
            ("order", Value::Int(order)),
            (
                "suspend_VDI",
                image.filter(|_| state == "Suspended").map_or_else(null, |d| Value::Str(d.text().clone())),
            ),
            ("affinity", host_here(tx, cast, object, "affinity")),
            ("metrics", metrics),
            ("guest_metrics", agent),
            (
                "is_default_template",
                Value::Bool(options.force && record.get("is_default_template") == Some(&Value::Bool(true))),
            ),
            ("is_control_domain", Value::Bool(false)),
            ("domid", Value::Int(-1)),
            ("domain_type", Value::str(if domain_type.is_empty() { "unspecified" } else { &domain_type })),
        ],
    );
    let made: Ref<Vm> = Ref::new(tx.create_value(ClassId::Vm, None, &whole)?);
    let overhead = machine::overhead(tx.record(&made)?);
    tx.set(&made, vm::memory_overhead, overhead)?;
    Ok(made)
}

/// The host of this pool an object names, by its uuid.
fn host_here(read: &impl Read, cast: &Cast, object: &Object, member: &str) -> Value {
    let named = cast.target(object, member).map(|host| text(&host.snapshot, "uuid"));
    let found = named.and_then(|uuid| read.by_uuid(ClassId::Host, &uuid));
    found.map_or_else(null, |row| Value::Str(Ref::<Host>::new(row.reference.clone()).text().clone()))
}

fn write_slots(tx: &mut Tx, cast: &Cast, vm: &Object, this: &Ref<Vm>, options: &ImportOptions) -> Result<()> {
    let asleep = tx.get(this, vm::power_state)? == VmPowerState::Suspended;
    // The newest stands first in the VM's list.
    let slots: Vec<&Object> = cast.devices(ClassId::Vbd, vm).collect();
    for slot in slots.into_iter().rev() {
        let known = members(ClassId::Vbd, &slot.snapshot)?;
        let drive = text(&slot.snapshot, "type") == ApiEnum::as_str(VbdType::Cd);
        let content = cast.target(slot, "VDI");
        let disk = match content {
            Some(medium) if drive => find_medium(tx, &text(&medium.snapshot, "location")),
            Some(disk) => cast.disks.get(&disk.id).cloned(),
            None => None,
        };
        // Slots of disks that were left out would never be of use.
        if disk.is_none() && !drive {
            continue;
        }
        let metrics = tx.create_value(ClassId::VbdMetrics, None, &Value::map::<&str>([]))?;
        let attached = asleep && slot.snapshot.get("currently_attached") == Some(&Value::Bool(true));
        let uuid = if options.restore { text(&slot.snapshot, "uuid") } else { String::new() };
        let whole = overlay(
            &known,
            [
                ("uuid", Value::str(uuid)),
                ("VM", Value::Str(this.text().clone())),
                ("empty", Value::Bool(disk.is_none())),
                ("VDI", disk.map_or_else(null, |disk| Value::Str(disk.text().clone()))),
                ("currently_attached", Value::Bool(attached)),
                ("allowed_operations", Value::set([])),
                ("current_operations", Value::map::<&str>([])),
                ("reserved", Value::Bool(false)),
                ("metrics", Value::Str(metrics)),
            ],
        );
        let made: Ref<Vbd> = Ref::new(tx.create_value(ClassId::Vbd, None, &whole)?);
        rules::refresh(tx, &made)?;
    }
    Ok(())
}

/// A medium of this pool with the same file name.
fn find_medium(read: &impl Read, location: &str) -> Option<Ref<Vdi>> {
    use xapi_schema::classes::{sr, vdi};
    let row = read.rows(ClassId::Vdi).find(|row| {
        let home = row.record.get::<Vdi, Ref<xapi_schema::classes::Sr>>(vdi::SR);
        row.record.get::<Vdi, String>(vdi::location) == location
            && read.get(&home, sr::content_type).is_ok_and(|kind| kind == "iso")
    })?;
    Some(Ref::new(row.reference.clone()))
}

fn write_cards(tx: &mut Tx, cast: &Cast, vm: &Object, this: &Ref<Vm>, options: &ImportOptions) -> Result<()> {
    let asleep = tx.get(this, vm::power_state)? == VmPowerState::Suspended;
    let seed = tx.get(this, vm::other_config)?.get("mac_seed").cloned().unwrap_or_default();
    let cards: Vec<&Object> = cast.devices(ClassId::Vif, vm).collect();
    for card in cards.into_iter().rev() {
        let known = members(ClassId::Vif, &card.snapshot)?;
        let network = cast.target(card, "network").and_then(|network| cast.networks.get(&network.id));
        let Some(network) = network else { continue };
        let position = text(&card.snapshot, "device").parse().unwrap_or(0);
        let told = text(&card.snapshot, "MAC");
        let own = options.restore && !told.is_empty();
        let mac = if own { told } else { derived_mac(&seed, position) };
        let metrics = tx.create_value(ClassId::VifMetrics, None, &Value::map::<&str>([]))?;
        let attached = asleep && card.snapshot.get("currently_attached") == Some(&Value::Bool(true));
        let uuid = if options.restore { text(&card.snapshot, "uuid") } else { String::new() };
        let autogenerated = !own || card.snapshot.get("MAC_autogenerated") == Some(&Value::Bool(true));
        let whole = overlay(
            &known,
            [
                ("uuid", Value::str(uuid)),
                ("VM", Value::Str(this.text().clone())),
                ("network", Value::Str(network.text().clone())),
                ("MAC", Value::str(mac)),
                ("MAC_autogenerated", Value::Bool(autogenerated)),
                ("currently_attached", Value::Bool(attached)),
                ("allowed_operations", Value::set([])),
                ("current_operations", Value::map::<&str>([])),
                ("reserved", Value::Bool(false)),
                ("metrics", Value::Str(metrics)),
            ],
        );
        let made: Ref<Vif> = Ref::new(tx.create_value(ClassId::Vif, None, &whole)?);
        rules::refresh(tx, &made)?;
    }
    Ok(())
}

/// Virtual TPMs with what they keep.
fn write_chips(tx: &mut Tx, cast: &Cast, vm: &Object, this: &Ref<Vm>) -> Result<()> {
    for chip in cast.devices(ClassId::Vtpm, vm) {
        let kept = Value::map([("value", Value::str(text(&chip.snapshot, "contents")))]);
        let secret = tx.create_value(ClassId::Secret, None, &kept)?;
        let whole = overlay(
            &members(ClassId::Vtpm, &chip.snapshot)?,
            [
                ("uuid", Value::EMPTY),
                ("VM", Value::Str(this.text().clone())),
                ("contents", Value::Str(secret)),
                ("allowed_operations", Value::set([])),
                ("current_operations", Value::map::<&str>([])),
            ],
        );
        tx.create_value(ClassId::Vtpm, None, &whole)?;
    }
    Ok(())
}

/// Takes the marks away: the VMs are whole.
///
/// # Errors
/// Those of the store.
pub fn settle(tx: &mut Tx, made: &[(String, Ref<Vm>)]) -> Result<()> {
    for (_, this) in made {
        tx.set(this, vm::current_operations, Map::default())?;
        machine::recompute_devices(tx, this)?;
        rules::refresh(tx, this)?;
    }
    Ok(())
}
