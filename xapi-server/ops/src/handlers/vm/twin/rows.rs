//! The records of a VM made from another one: what is kept, what is rewritten.

use arcstr::ArcStr;
use xapi_schema::{
    ApiType, Class, ClassId, ClassTag, DateTime, Map, Record, Ref, Result, Value,
    classes::{
        Vbd, VbdType, Vdi, Vif, Vm, VmGuestMetrics, VmMetrics, VmOperations, VmPowerState as State, vbd, vdi,
        vif, vm,
    },
};
use xapi_store::{Read, Tx};

use super::{How, Pairs};
use crate::{
    handlers::{overlay, vif as card, vm::create::fresh_metrics, vm::start::generation_id, vtpm},
    rules,
};

/// All fields of a record by name, as a constructor takes them.
pub fn fields_of(class: ClassId, record: &Record) -> Value {
    let fields = Class::of(class).fields.iter();
    Value::map(fields.zip(record.values()).map(|(field, value)| (field.name, value.clone())))
}

/// A copy of a record with a uuid of its own.
fn duplicate<C: ClassTag>(tx: &mut Tx, this: &Ref<C>) -> Result<Ref<C>> {
    let members = overlay(&fields_of(C::ID, tx.record(this)?), [("uuid", Value::EMPTY)]);
    tx.create_value(C::ID, None, &members).map(Ref::new)
}

/// A generation id for a VM that is not the one it was; one that had none gets none.
pub fn renewed(id: &str) -> String {
    if id.is_empty() { String::new() } else { generation_id() }
}

/// Metrics and agent's data of the copy.
fn metrics(tx: &mut Tx, source: &Record) -> Result<(Value, Value)> {
    let known: Ref<VmMetrics> = source.get(vm::metrics);
    let metrics = match tx.exists(&known) {
        true => duplicate(tx, &known)?.into_value(),
        false => fresh_metrics(tx, "unspecified")?,
    };
    let agent: Ref<VmGuestMetrics> = source.get(vm::guest_metrics);
    let agent = match tx.exists(&agent) {
        true => duplicate(tx, &agent)?,
        false => Ref::null(),
    };
    Ok((metrics, agent.into_value()))
}

fn other_config(source: &Record, snapshot: bool) -> Map<String, String> {
    let mut config = source.get(vm::other_config);
    config.remove("default_template");
    config.remove("xensource_internal");
    if source.get(vm::is_a_template) && !config.contains("base_template_name") {
        config.set("base_template_name".into(), source.get(vm::name_label));
    }
    if !snapshot {
        config.set("mac_seed".into(), uuid::Uuid::new_v4().to_string());
    }
    config
}

/// What a copy is to become.
pub struct Copy {
    /// Name.
    pub label: String,
    /// Snapshot, clone or copy.
    pub how: How,
    /// Disks that stand in place of the source's.
    pub disks: Pairs,
    /// Copy of the memory image.
    pub image: Option<Ref<Vdi>>,
    /// Task and operation it is marked with while it is made.
    pub mark: (ArcStr, VmOperations),
    /// The moment of a snapshot.
    pub now: DateTime,
}

/// Writes the copy of a VM with its devices, still marked as being made.
///
/// # Errors
/// Those of the store and of device creation.
pub fn write(tx: &mut Tx, this: &Ref<Vm>, copy: &Copy) -> Result<Ref<Vm>> {
    let Copy { label, how, disks, image, mark, now } = copy;
    let source = tx.record(this)?.clone();
    let snapshot = how.is_snapshot();
    let (metrics, agent) = metrics(tx, &source)?;
    let state = source.get(vm::power_state);
    let suspended = image.is_some();
    let null = || Value::str("OpaqueRef:NULL");
    let none = || Value::set([]);
    let no_map = || Value::map::<&str>([]);
    let members = overlay(
        &fields_of(ClassId::Vm, &source),
        [
            ("uuid", Value::EMPTY),
            ("name_label", Value::str(label.as_str())),
            ("power_state", Value::str(if suspended { "Suspended" } else { "Halted" })),
            ("current_operations", Map(vec![(mark.0.to_string(), mark.1)]).into_value()),
            ("is_a_template", Value::Bool(snapshot || source.get(vm::is_a_template))),
            ("is_default_template", Value::Bool(false)),
            ("suspend_VDI", image.clone().unwrap_or_else(Ref::null).into_value()),
            ("metrics", metrics),
            ("guest_metrics", agent),
            ("blocked_operations", no_map()),
            ("ha_always_run", Value::Bool(false)),
            ("appliance", null()),
            ("suspend_SR", null()),
            ("protection_policy", null()),
            ("snapshot_schedule", null()),
            ("resident_on", null()),
            ("scheduled_to_be_resident_on", null()),
            ("start_delay", Value::Int(0)),
            ("shutdown_delay", Value::Int(0)),
            ("order", Value::Int(0)),
            ("version", Value::Int(0)),
            ("domid", Value::Int(-1)),
            ("domarch", Value::EMPTY),
            ("memory_target", Value::Int(0)),
            ("blobs", no_map()),
            ("groups", none()),
            ("attached_PCIs", none()),
            ("requires_reboot", Value::Bool(false)),
            ("pending_guidances", none()),
            ("pending_guidances_recommended", none()),
            ("pending_guidances_full", none()),
            ("recommended_guidances", none()),
            ("transportable_snapshot_id", Value::EMPTY),
            ("is_snapshot_from_vmpp", Value::Bool(false)),
            ("is_vmss_snapshot", Value::Bool(false)),
            ("other_config", other_config(&source, snapshot).into_value()),
            ("generation_id", Value::str(renewed(&source.get(vm::generation_id)))),
            ("is_a_snapshot", Value::Bool(snapshot)),
            ("snapshot_of", if snapshot { Value::Str(this.text().clone()) } else { null() }),
            ("snapshot_time", Value::Time(if snapshot { *now } else { DateTime::EPOCH })),
            ("snapshot_info", snapshot_info(how, state)),
            ("snapshot_metadata", Value::str(if snapshot { metadata(&source) } else { String::new() })),
            ("parent", if snapshot { source.get(vm::parent).into_value() } else { null() }),
        ],
    );
    let made: Ref<Vm> = Ref::new(tx.create_value(ClassId::Vm, None, &members)?);
    if snapshot {
        tx.set(this, vm::parent, made.clone())?;
    }
    let left_out: Vec<Ref<Vdi>> = match how {
        How::Snapshot { without } => without.clone(),
        _ => vec![],
    };
    copy_devices(tx, this, &made, disks, &left_out, snapshot)?;
    Ok(made)
}

fn snapshot_info(how: &How, state: State) -> Value {
    let live = matches!(state, State::Running | State::Suspended);
    match how {
        How::Snapshot { .. } => {}
        How::Checkpoint if live => {}
        _ => return Value::map::<&str>([]),
    }
    Value::map([
        ("disk-snapshot-type", Value::str("crash_consistent")),
        ("power-state-at-snapshot", Value::Str(xapi_schema::ApiEnum::text(state))),
    ])
}

/// The source's fields as one text, from which a revert restores them.
fn metadata(source: &Record) -> String {
    xapi_codec::json::value_text(&fields_of(ClassId::Vm, source))
}

/// Copies VBDs and VIFs: disks as paired, drives with the medium they have, cards with new addresses
/// unless `same_macs`.
///
/// # Errors
/// Those of the store.
pub fn copy_devices(
    tx: &mut Tx,
    from: &Ref<Vm>,
    to: &Ref<Vm>,
    disks: &Pairs,
    left_out: &[Ref<Vdi>],
    same_macs: bool,
) -> Result<()> {
    // Back-references list the newest first; copies are made in the order of the originals.
    let devices: Vec<Ref<Vbd>> = tx.get(from, vm::VBDs)?;
    for device in devices.into_iter().rev() {
        let source = tx.record(&device)?.clone();
        let paired = disks.iter().find(|(of, _)| *of == device).map(|(_, disk)| disk.clone());
        let before = source.get(vbd::VDI);
        if left_out.contains(&before) {
            continue;
        }
        let drive = source.get(vbd::r#type) == VbdType::Cd;
        let content = paired.unwrap_or(if drive { before } else { Ref::null() });
        if content.is_null() && !source.get(vbd::empty) {
            continue;
        }
        let mut config = source.get(vbd::other_config);
        if !drive {
            config.set("owner".into(), String::new());
        }
        let metrics = tx.create_value(ClassId::VbdMetrics, None, &Value::map::<&str>([]))?;
        let members = overlay(
            &fields_of(ClassId::Vbd, &source),
            [
                ("uuid", Value::EMPTY),
                ("VM", Value::Str(to.text().clone())),
                ("VDI", Value::Str(content.text().clone())),
                ("other_config", config.into_value()),
                ("current_operations", Value::map::<&str>([])),
                ("currently_attached", Value::Bool(false)),
                ("reserved", Value::Bool(false)),
                ("status_code", Value::Int(0)),
                ("metrics", Value::Str(metrics)),
            ],
        );
        let made: Ref<Vbd> = Ref::new(tx.create_value(ClassId::Vbd, None, &members)?);
        rules::refresh(tx, &made)?;
    }
    vtpm::copy(tx, from, to, same_macs)?;
    let seed = tx.get(to, vm::other_config)?.get("mac_seed").cloned().unwrap_or_default();
    let cards: Vec<Ref<Vif>> = tx.get(from, vm::VIFs)?;
    for nic in cards.into_iter().rev() {
        let source = tx.record(&nic)?.clone();
        let position = source.get(vif::device).parse().unwrap_or(0);
        let mac = if same_macs { source.get(vif::MAC) } else { card::derived_mac(&seed, position) };
        let metrics = tx.create_value(ClassId::VifMetrics, None, &Value::map::<&str>([]))?;
        let members = overlay(
            &fields_of(ClassId::Vif, &source),
            [
                ("uuid", Value::EMPTY),
                ("VM", Value::Str(to.text().clone())),
                ("MAC", Value::str(mac)),
                ("MAC_autogenerated", Value::Bool(!same_macs)),
                ("current_operations", Value::map::<&str>([])),
                ("currently_attached", Value::Bool(false)),
                ("reserved", Value::Bool(false)),
                ("reserved_pci", Value::str("OpaqueRef:NULL")),
                ("metrics", Value::Str(metrics)),
            ],
        );
        let made: Ref<Vif> = Ref::new(tx.create_value(ClassId::Vif, None, &members)?);
        rules::refresh(tx, &made)?;
    }
    Ok(())
}

/// The copy is done: its mark goes, and what it and its devices offer is worked out.
///
/// # Errors
/// Those of the store.
pub fn settle(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    tx.set(this, vm::current_operations, Map::default())?;
    crate::handlers::vm::recompute_devices(tx, this)?;
    for device in tx.get(this, vm::VBDs)? {
        let disk = tx.get(&device, vbd::VDI)?;
        if tx.exists(&disk) && tx.get(&disk, vdi::is_a_snapshot)? {
            rules::refresh(tx, &disk)?;
        }
    }
    rules::refresh(tx, this)
}
