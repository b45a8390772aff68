//! The operations of `VIF`.

use xapi_schema::{
    ApiEnum, Field, Map, Record, Ref, Result,
    classes::{
        Vif, VifOperations as Op, Vm, VmPowerState as State, host, network, pif, vif, vm, vm_guest_metrics,
    },
    errors,
};
use xapi_store::Read;

use super::{
    Asked, Guarded, busy, not_allowed, text,
    vbd::{hvm_hotplug, not_leaving},
};

impl Guarded for Vif {
    type Op = Op;
    const CURRENT: Field<Vif, Map<String, Op>> = vif::current_operations;
    const ALLOWED: Field<Vif, Vec<Op>> = vif::allowed_operations;
    const ADVERTISED: &'static [Op] = &[Op::Attach, Op::Unplug, Op::Plug];

    fn asks_hypervisor(op: Op) -> bool {
        matches!(op, Op::Plug | Op::Unplug)
    }

    fn check(read: &impl Read, this: &Ref<Vif>, op: Op, _: Asked) -> Result<()> {
        let record = read.record(this)?;
        all_alone("VIF", this.as_str(), &record.get(vif::current_operations))?;
        if op == Op::Attach {
            return Ok(());
        }
        let guest: Ref<Vm> = record.get(vif::VM);
        let machine = read.record(&guest)?;
        if op == Op::Plug {
            let named = read.get(&machine.get(vm::resident_on), host::control_domain);
            if named.is_ok_and(|named| named == guest) {
                return Err(not_allowed("The control domain of a host has no VIFs to plug"));
            }
        }
        let pifs = read.get(&record.get(vif::network), network::PIFs).unwrap_or_default();
        if pifs.iter().any(|p| read.get(p, pif::sriov_logical_PIF_of).is_ok_and(|of| !of.is_empty())) {
            return Err(not_allowed("A VIF on an SR-IOV network cannot be plugged or unplugged"));
        }
        let plugged = record.get(vif::currently_attached) || record.get(vif::reserved);
        pluggable(this.as_str(), plugged, op == Op::Plug, &guest, machine)?;
        hvm_hotplug(read, &guest, machine, |metrics| metrics.get(vm_guest_metrics::can_use_hotplug_vif))?;
        Ok(())
    }
}

/// What a card or a USB device asks of its VM before it is plugged or unplugged.
pub(super) fn pluggable(
    this: &str,
    plugged: bool,
    plug: bool,
    guest: &Ref<Vm>,
    machine: &Record,
) -> Result<()> {
    let state = machine.get(vm::power_state);
    if state != State::Running {
        return Err(errors::VM_BAD_POWER_STATE.with([guest.as_str(), "running", text::state(state)]));
    }
    match (plug, plugged) {
        (true, true) => return Err(errors::DEVICE_ALREADY_ATTACHED.with([this])),
        (false, false) => return Err(errors::DEVICE_ALREADY_DETACHED.with([this])),
        _ => {}
    }
    not_leaving(guest, machine, true)
}

/// Nothing may be under way at all; every operation is named, in braces even when there is one.
pub(super) fn all_alone<Op: ApiEnum>(class: &str, this: &str, current: &Map<String, Op>) -> Result<()> {
    if current.0.is_empty() {
        return Ok(());
    }
    let list = |items: Vec<&str>| format!("{{{}}}", items.join("; "));
    let ops = list(current.0.iter().map(|(_, op)| op.as_str()).collect());
    let tasks = list(current.0.iter().map(|(task, _)| task.as_str()).collect());
    Err(busy(class, this, ops, &tasks))
}
