//! The operations of `VUSB`.

use xapi_schema::{
    Field, Map, Ref, Result,
    classes::{Vm, Vusb, VusbOperations as Op, vusb},
};
use xapi_store::Read;

use super::{
    Asked, Guarded,
    vif::{all_alone, pluggable},
};

impl Guarded for Vusb {
    type Op = Op;
    const CURRENT: Field<Vusb, Map<String, Op>> = vusb::current_operations;
    const ALLOWED: Field<Vusb, Vec<Op>> = vusb::allowed_operations;
    const ADVERTISED: &'static [Op] = &[Op::Attach, Op::Unplug, Op::Plug];

    fn asks_hypervisor(op: Op) -> bool {
        matches!(op, Op::Plug | Op::Unplug)
    }

    fn check(read: &impl Read, this: &Ref<Vusb>, op: Op, _: Asked) -> Result<()> {
        let record = read.record(this)?;
        all_alone("VUSB", this.as_str(), &record.get(vusb::current_operations))?;
        if op == Op::Attach {
            return Ok(());
        }
        let guest: Ref<Vm> = record.get(vusb::VM);
        let machine = read.record(&guest)?;
        let plugged = record.get(vusb::currently_attached);
        pluggable(this.as_str(), plugged, op == Op::Plug, &guest, machine)
    }
}
