//! The operations of `VM_appliance`.

use xapi_schema::{
    ApiEnum, Field, Map, Ref, Result,
    classes::{VmAppliance, VmApplianceOperation as Op, VmPowerState as State, vm, vm_appliance},
};
use xapi_store::Read;

use super::{Asked, Guarded, busy, not_allowed};

impl Guarded for VmAppliance {
    type Op = Op;
    const CURRENT: Field<VmAppliance, Map<String, Op>> = vm_appliance::current_operations;
    const ALLOWED: Field<VmAppliance, Vec<Op>> = vm_appliance::allowed_operations;
    const ADVERTISED: &'static [Op] = &[Op::Start, Op::CleanShutdown, Op::HardShutdown, Op::Shutdown];

    fn check(read: &impl Read, this: &Ref<VmAppliance>, op: Op, _: Asked) -> Result<()> {
        let record = read.record(this)?;
        if let Some((task, other)) = record.get(vm_appliance::current_operations).0.first() {
            return Err(busy("VM_appliance", this.as_str(), other.as_str(), task));
        }
        let members = record.get(vm_appliance::VMs);
        let states: Vec<State> =
            members.iter().filter_map(|member| read.get(member, vm::power_state).ok()).collect();
        if states.is_empty() {
            return Err(not_allowed("The appliance has no VMs"));
        }
        match op {
            Op::Start if !states.contains(&State::Halted) => {
                Err(not_allowed("No VM of the appliance is halted"))
            }
            Op::CleanShutdown if !states.contains(&State::Running) => {
                Err(not_allowed("No VM of the appliance is running"))
            }
            Op::HardShutdown | Op::Shutdown if states.iter().all(|state| *state == State::Halted) => {
                Err(not_allowed("All VMs of the appliance are halted"))
            }
            _ => Ok(()),
        }
    }
}
