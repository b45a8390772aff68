//! The operations of `VBD`.

use xapi_schema::{
    ApiEnum, Failure, Field, Map, Record, Ref, Result,
    classes::{
        DomainType, TristateType, Vbd, VbdMode, VbdOperations as Op, VbdType, Vdi, VdiOperations, Vm,
        VmOperations, VmPowerState as State, vbd, vdi, vm, vm_guest_metrics, vm_metrics,
    },
    errors,
};
use xapi_store::Read;

use super::{Asked, Guarded, busy, not_allowed, smallest, text, vm::drivers_known};

/// Key in `other_config` of a VBD by which the toolstack itself has a disk; its value is the task. Others of the control
/// domain are no reason not to attach a disk, this one is: bytes are under way.
pub const TRANSFER: &str = "xennix_transfer";

impl Guarded for Vbd {
    type Op = Op;
    const CURRENT: Field<Vbd, Map<String, Op>> = vbd::current_operations;
    const ALLOWED: Field<Vbd, Vec<Op>> = vbd::allowed_operations;
    const ADVERTISED: &'static [Op] =
        &[Op::Attach, Op::Unpause, Op::Unplug, Op::Plug, Op::Insert, Op::UnplugForce, Op::Pause, Op::Eject];

    fn asks_hypervisor(op: Op) -> bool {
        matches!(op, Op::Plug | Op::Unplug | Op::UnplugForce | Op::Insert | Op::Eject)
    }

    fn check(read: &impl Read, this: &Ref<Vbd>, op: Op, asked: Asked) -> Result<()> {
        let record = read.record(this)?;
        alone(this, record, op)?;
        medium(this, record, op)?;
        let guest: Ref<Vm> = record.get(vbd::VM);
        let machine = read.record(&guest)?;
        plugging(this, record, &guest, machine, op)?;
        not_leaving(&guest, machine, matches!(op, Op::Plug | Op::Unplug))?;
        let hotplug = matches!(op, Op::Plug | Op::Unplug | Op::UnplugForce);
        if hotplug && machine.get(vm::power_state) == State::Running {
            let can = vm_guest_metrics::can_use_hotplug_vbd;
            if hvm_hotplug(read, &guest, machine, |metrics| metrics.get(can))? {
                let cd = record.get(vbd::r#type) == VbdType::Cd;
                if cd {
                    return Err(not_allowed("The CD of an HVM guest can only be inserted or ejected"));
                }
            }
        }
        if matches!(op, Op::Insert | Op::Eject)
            && record.get(vbd::r#type) == VbdType::Cd
            && machine.get(vm::power_state) == State::Suspended
        {
            return Err(errors::VM_BAD_POWER_STATE.with([guest.as_str(), "halted, running", "suspended"]));
        }
        if record.get(vbd::empty) {
            return Ok(());
        }
        disk(read, this, record, machine, op, asked)
    }
}

fn attached(record: &Record) -> bool {
    record.get(vbd::currently_attached) || record.get(vbd::reserved)
}

fn alone(this: &Ref<Vbd>, record: &Record, op: Op) -> Result<()> {
    let current = record.get(vbd::current_operations);
    let tolerated: &[Op] = match op {
        Op::Pause => &[Op::Pause, Op::Unpause],
        Op::Unpause => &[Op::Attach, Op::Pause, Op::Unpause],
        _ => &[],
    };
    let others = current.0.into_iter().filter(|(_, current)| !tolerated.contains(current)).collect();
    match smallest(&others) {
        Some((task, other)) => Err(busy("VBD", this.as_str(), other.as_str(), task)),
        None => Ok(()),
    }
}

fn medium(this: &Ref<Vbd>, record: &Record, op: Op) -> Result<()> {
    if matches!(op, Op::Unplug | Op::UnplugForce) && !record.get(vbd::unpluggable) {
        return Err(errors::VBD_NOT_UNPLUGGABLE.with([this]));
    }
    if matches!(op, Op::Insert | Op::Eject) && record.get(vbd::r#type) != VbdType::Cd {
        return Err(errors::VBD_NOT_REMOVABLE_MEDIA.with([this]));
    }
    let empty = record.get(vbd::empty);
    match op {
        Op::Eject if empty => Err(errors::VBD_IS_EMPTY.with([this])),
        Op::Insert if !empty => Err(errors::VBD_NOT_EMPTY.with([this])),
        _ => Ok(()),
    }
}

fn plugging(this: &Ref<Vbd>, record: &Record, guest: &Ref<Vm>, machine: &Record, op: Op) -> Result<()> {
    let state = machine.get(vm::power_state);
    let running = state == State::Running;
    let bad_state = || Err(errors::VM_BAD_POWER_STATE.with([guest.as_str(), "running", text::state(state)]));
    match op {
        Op::Plug if running && attached(record) => Err(errors::DEVICE_ALREADY_ATTACHED.with([this])),
        Op::Unplug | Op::UnplugForce if running && !attached(record) => {
            Err(errors::DEVICE_ALREADY_DETACHED.with([this]))
        }
        Op::Plug | Op::Unplug | Op::UnplugForce if !running => bad_state(),
        Op::Pause | Op::Unpause if !running && state != State::Paused => bad_state(),
        _ => Ok(()),
    }
}

/// Devices are not moved under a VM that is being stopped.
pub(super) fn not_leaving(guest: &Ref<Vm>, machine: &Record, concerned: bool) -> Result<()> {
    let leaving =
        [VmOperations::CleanShutdown, VmOperations::HardShutdown, VmOperations::Suspend, VmOperations::Pause];
    let current = machine.get(vm::current_operations);
    match current.0.iter().find(|(_, op)| concerned && leaving.contains(op)) {
        Some((_, op)) => Err(not_allowed(format!("{guest} is going through {}", op.as_str()))),
        None => Ok(()),
    }
}

/// True for a running HVM guest that can plug devices; an error for one that cannot.
pub(super) fn hvm_hotplug(
    read: &impl Read,
    guest: &Ref<Vm>,
    machine: &Record,
    can: impl Fn(&Record) -> TristateType,
) -> Result<bool> {
    let metrics = read.record(&machine.get(vm::metrics)).ok();
    let domain_type = metrics.map(|m| m.get(vm_metrics::current_domain_type));
    match domain_type.unwrap_or_else(|| machine.get(vm::domain_type)) {
        DomainType::Hvm => {}
        DomainType::Unspecified => {
            return Err(Failure::internal(format!("the domain type of {guest} is not known")));
        }
        _ => return Ok(false),
    }
    let agent = read.record(&machine.get(vm::guest_metrics)).ok();
    let tells = agent.map(|agent| can(agent)).unwrap_or(TristateType::Unspecified);
    if tells == TristateType::No {
        return Err(not_allowed("The guest cannot plug devices of this kind while it runs"));
    }
    let willing = agent
        .is_some_and(|agent| tells == TristateType::Yes || agent.get(vm_guest_metrics::PV_drivers_detected));
    if willing || agent.is_some_and(|agent| drivers_known(agent)) {
        return Ok(true);
    }
    Err(errors::VM_MISSING_PV_DRIVERS.with([guest]))
}

fn disk(
    read: &impl Read,
    this: &Ref<Vbd>,
    record: &Record,
    machine: &Record,
    op: Op,
    asked: Asked,
) -> Result<()> {
    let reference: Ref<Vdi> = record.get(vbd::VDI);
    let Ok(image) = read.record(&reference) else { return Ok(()) };
    if !image.get(vdi::managed) {
        return Err(errors::VDI_NOT_MANAGED.with([this]));
    }
    if !matches!(op, Op::Attach | Op::Plug | Op::Insert) {
        return Ok(());
    }
    let current = image.get(vdi::current_operations);
    let others = current.0.into_iter();
    let others =
        others.filter(|(_, op)| !matches!(op, VdiOperations::Mirror | VdiOperations::Copy)).collect();
    if let Some((task, other)) = smallest(&others) {
        return Err(busy("VDI", reference.as_str(), other.as_str(), task));
    }
    if asked == Asked::Advice || record.get(vbd::currently_attached) {
        return Ok(());
    }
    let writes = record.get(vbd::mode) == VbdMode::Rw;
    let alone = !image.get(vdi::sharable) && !machine.get(vm::is_control_domain);
    for other in image.get(vdi::VBDs).iter().filter(|other| *other != this) {
        let Ok(other) = read.record(other) else { continue };
        let matters = transfers(read, other) || (alone && holds(read, other));
        if (writes || other.get(vbd::mode) == VbdMode::Rw) && matters {
            return Err(errors::VDI_IN_USE.with([&reference]));
        }
    }
    if writes && image.get(vdi::read_only) {
        return Err(errors::VDI_READONLY.with([&reference]));
    }
    Ok(())
}

/// A VBD by which the toolstack itself has the disk. Anybody can write the key; only the toolstack plugs such a VBD.
fn transfers(read: &impl Read, other: &Record) -> bool {
    other.get(vbd::currently_attached)
        && other.get(vbd::other_config).contains(TRANSFER)
        && read.get(&other.get(vbd::VM), vm::is_control_domain).unwrap_or(false)
}

/// A VBD of another VM that has the disk, or is about to.
fn holds(read: &impl Read, other: &Record) -> bool {
    let Ok(owner) = read.record(&other.get(vbd::VM)) else { return false };
    let counts = owner.get(vm::power_state) != State::Suspended && !owner.get(vm::is_control_domain);
    counts && (attached(other) || !other.get(vbd::current_operations).0.is_empty())
}
