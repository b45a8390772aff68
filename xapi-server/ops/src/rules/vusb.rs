//! The operations of `VUSB`.

use xapi_schema::{
    Field, Map, Ref, Result,
    classes::{Vm, VmPowerState as State, Vusb, VusbOperations as Op, vm, vusb},
    errors,
};
use xapi_store::Read;

use super::{Asked, Guarded, text, vbd::not_leaving, vif::all_alone};

impl Guarded for Vusb {
    type Op = Op;
    const CURRENT: Field<Vusb, Map<String, Op>> = vusb::current_operations;
    const ALLOWED: Field<Vusb, Vec<Op>> = vusb::allowed_operations;
    const ADVERTISED: &'static [Op] = &[Op::Attach, Op::Unplug, Op::Plug];

    fn check(read: &impl Read, this: &Ref<Vusb>, op: Op, _: Asked) -> Result<()> {
        let record = read.record(this)?;
        all_alone("VUSB", this.as_str(), &record.get(vusb::current_operations))?;
        if op == Op::Attach {
            return Ok(());
        }
        let guest: Ref<Vm> = record.get(vusb::VM);
        let machine = read.record(&guest)?;
        let plugged = record.get(vusb::currently_attached);
        let state = machine.get(vm::power_state);
        let running = state == State::Running;
        match op {
            Op::Plug if running && plugged => return Err(errors::DEVICE_ALREADY_ATTACHED.with([this])),
            Op::Unplug if running && !plugged => return Err(errors::DEVICE_ALREADY_DETACHED.with([this])),
            _ if !running => {
                let params = [guest.as_str(), "running", text::state(state)];
                return Err(errors::VM_BAD_POWER_STATE.with(params));
            }
            _ => {}
        }
        not_leaving(&guest, machine, true)
    }
}
