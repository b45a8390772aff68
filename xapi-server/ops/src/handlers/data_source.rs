//! Data sources of hosts, VMs and SRs: what is measured and its newest value.
//!
//! No history is kept, so none is said to be, and none can be asked for.

use xapi_backend::metrics::{Metric, Owner};
use xapi_schema::{
    Rec, Ref, Result, Value,
    classes::{DataSource, Host, Sr, Vm, VmOperations, VmPowerState, host, sr, vm},
    errors,
};
use xapi_store::Read;

use crate::{Cx, Registry, guard, metrics, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(host::call::get_data_sources, of_host);
    on.on(host::call::query_data_source, query_host);
    on.on(host::call::forget_data_source_archives, forget_host);
    on.on(vm::call::get_data_sources, of_vm);
    on.on(vm::call::query_data_source, query_vm);
    on.on(vm::call::forget_data_source_archives, forget_vm);
    on.on(sr::call::get_data_sources, of_sr);
    on.on(sr::call::query_data_source, query_sr);
    on.on(sr::call::forget_data_source_archives, forget_sr);
}

type Listed = Vec<Rec<DataSource>>;

/// A list says what there is; values are asked for one by one.
fn listed(metric: Metric) -> Rec<DataSource> {
    Rec::map(Value::map([
        ("name_label", Value::str(metric.name)),
        ("name_description", Value::str(metric.description)),
        ("enabled", Value::Bool(false)),
        ("standard", Value::Bool(metric.standard)),
        ("units", Value::str(metric.units)),
        ("min", Value::Float(metric.min)),
        ("max", Value::Float(metric.max)),
        ("value", Value::Float(0.0)),
    ]))
}

async fn list(cx: &Cx, owner: &Owner) -> Result<Listed> {
    Ok(metrics::all(cx, owner).await?.into_iter().map(listed).collect())
}

async fn query(cx: &Cx, owner: &Owner, name: &str) -> Result<f64> {
    metrics::value(cx, owner, name).await?.ok_or_else(|| metrics::unknown(name))
}

/// There is no archive of anything, which is what is asked for; of what is not measured it is not true.
async fn forget(cx: &Cx, owner: &Owner, name: &str) -> Result<()> {
    match metrics::all(cx, owner).await?.iter().any(|metric| metric.name == name) {
        true => Ok(()),
        false => Err(metrics::unknown(name)),
    }
}

fn assert_host(cx: &Cx, this: &Ref<Host>) -> Result<Owner> {
    super::host::assert_here(cx, this)?;
    Ok(Owner::Host)
}

async fn of_host(cx: Cx, this: Ref<Host>) -> Result<Listed> {
    list(&cx, &assert_host(&cx, &this)?).await
}

async fn query_host(cx: Cx, this: Ref<Host>, name: String) -> Result<f64> {
    query(&cx, &assert_host(&cx, &this)?, &name).await
}

async fn forget_host(cx: Cx, this: Ref<Host>, name: String) -> Result<()> {
    forget(&cx, &assert_host(&cx, &this)?, &name).await
}

fn vm_owner(cx: &Cx, this: &Ref<Vm>) -> Result<Owner> {
    cx.snapshot().get(this, vm::uuid).map(Owner::Vm)
}

async fn of_vm(cx: Cx, this: Ref<Vm>) -> Result<Listed> {
    let work = async { list(&cx, &vm_owner(&cx, &this)?).await };
    guard::within(&cx, &this, VmOperations::DataSourceOp, work).await
}

async fn query_vm(cx: Cx, this: Ref<Vm>, name: String) -> Result<f64> {
    let state = cx.snapshot().get(&this, vm::power_state)?;
    if !matches!(state, VmPowerState::Running | VmPowerState::Paused) {
        let params = [this.as_str(), "running;paused", rules::state_text(state)];
        return Err(errors::VM_BAD_POWER_STATE.with(params));
    }
    query(&cx, &vm_owner(&cx, &this)?, &name).await
}

async fn forget_vm(cx: Cx, this: Ref<Vm>, name: String) -> Result<()> {
    let work = async { forget(&cx, &vm_owner(&cx, &this)?, &name).await };
    guard::within(&cx, &this, VmOperations::DataSourceOp, work).await
}

fn sr_owner(cx: &Cx, this: &Ref<Sr>) -> Result<Owner> {
    cx.snapshot().get(this, sr::uuid).map(Owner::Sr)
}

async fn of_sr(cx: Cx, this: Ref<Sr>) -> Result<Listed> {
    list(&cx, &sr_owner(&cx, &this)?).await
}

async fn query_sr(cx: Cx, this: Ref<Sr>, name: String) -> Result<f64> {
    query(&cx, &sr_owner(&cx, &this)?, &name).await
}

async fn forget_sr(cx: Cx, this: Ref<Sr>, name: String) -> Result<()> {
    forget(&cx, &sr_owner(&cx, &this)?, &name).await
}
