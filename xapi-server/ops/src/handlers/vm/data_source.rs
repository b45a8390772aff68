//! Data sources of a VM, as far as its record knows them: how much memory it has and shall have. Everything
//! else is measured, and answered where measuring is.

use xapi_schema::{
    Failure, Ref, Result,
    classes::{Vm, VmOperations, VmPowerState, vm, vm_metrics},
    errors,
};
use xapi_store::Read;

use crate::{Cx, Registry, guard, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::query_data_source, query);
}

async fn query(cx: Cx, this: Ref<Vm>, name: String) -> Result<f64> {
    let state = cx.snapshot().get(&this, vm::power_state)?;
    if state != VmPowerState::Running {
        return Err(errors::VM_BAD_POWER_STATE.with([this.as_str(), "running", rules::state_text(state)]));
    }
    let read = async {
        let snapshot = cx.snapshot();
        let record = snapshot.record(&this)?;
        match name.as_str() {
            "memory_target" => Ok(record.get(vm::memory_target) as f64),
            "memory" => Ok(snapshot.get(&record.get(vm::metrics), vm_metrics::memory_actual)? as f64),
            _ => Err(Failure::not_implemented("VM.query_data_source")),
        }
    };
    guard::within(&cx, &this, VmOperations::DataSourceOp, read).await
}
