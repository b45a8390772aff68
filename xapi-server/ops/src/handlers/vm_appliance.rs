//! `VM_appliance`: VMs that are started and stopped together, in order.

use std::collections::BTreeMap;

use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Vm, VmAppliance, VmApplianceOperation as Op, VmPowerState as State, vm, vm_appliance},
    errors,
};
use xapi_store::Read;

use crate::{CallInfo, Cx, Registry, guard, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_create(create);
    on.on_destroy(destroy);
    on.on(vm_appliance::call::start, start);
    on.on(vm_appliance::call::clean_shutdown, |cx, this| stop(cx, this, Op::CleanShutdown, "clean_shutdown"));
    on.on(vm_appliance::call::hard_shutdown, |cx, this| stop(cx, this, Op::HardShutdown, "hard_shutdown"));
    on.on(vm_appliance::call::shutdown, |cx, this| stop(cx, this, Op::Shutdown, "shutdown"));
}

async fn create(cx: Cx, members: Value) -> Result<Ref<VmAppliance>> {
    cx.commit(move |tx| {
        let made = Ref::new(tx.create_value(ClassId::VmAppliance, None, &members)?);
        rules::refresh(tx, &made)?;
        Ok(made)
    })
    .await
}

async fn destroy(cx: Cx, this: Ref<VmAppliance>) -> Result<()> {
    cx.commit(move |tx| tx.destroy(&this)).await
}

/// Members that are not where they should be, by their order.
fn groups(
    read: &impl Read,
    this: &Ref<VmAppliance>,
    wanted: &[State],
) -> Result<BTreeMap<i64, Vec<Ref<Vm>>>> {
    let mut groups: BTreeMap<i64, Vec<Ref<Vm>>> = BTreeMap::new();
    for member in read.get(this, vm_appliance::VMs)? {
        let record = read.record(&member)?;
        if !wanted.contains(&record.get(vm::power_state)) {
            groups.entry(record.get(vm::order)).or_default().push(member);
        }
    }
    Ok(groups)
}

/// Calls a method on all members of each group at once; a member's failure stops nobody else.
async fn drive(cx: &Cx, groups: Vec<Vec<Ref<Vm>>>, method: &'static str, more: &[Value]) -> Result<()> {
    let info = CallInfo {
        subtask_of: cx.task_ref().map(|task| task.to_string()),
        ..CallInfo::from(crate::Peer::Local)
    };
    for group in groups {
        cx.check_cancelled()?;
        let calls = group.iter().map(|member| {
            let session = Value::Str(cx.session.reference.text().clone());
            let args = [session, Value::Str(member.text().clone())].into_iter().chain(more.iter().cloned());
            let (xapi, info, args) = (cx.xapi.clone(), info.clone(), args.collect::<Vec<_>>());
            async move { xapi.call(&info, method, args).await }
        });
        let outcomes = futures_util::future::join_all(calls).await;
        for failure in outcomes.into_iter().filter_map(Result::err) {
            tracing::warn!(%failure, method, "a member of an appliance did not follow");
        }
    }
    Ok(())
}

/// Fails with the members that are not where they should be.
fn assert_all(read: &impl Read, this: &Ref<VmAppliance>, wanted: &[State], op: &str) -> Result<()> {
    let missing: Vec<_> = groups(read, this, wanted)?.into_values().flatten().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let params = std::iter::once(format!("VM_appliance.{op}")).chain(missing.iter().map(Ref::to_string));
    Err(errors::OPERATION_PARTIALLY_FAILED.with(params))
}

async fn start(cx: Cx, this: Ref<VmAppliance>, paused: bool) -> Result<()> {
    let wanted: &'static [State] = if paused { &[State::Running, State::Paused] } else { &[State::Running] };
    let work = async {
        let ascending = groups(&*cx.snapshot(), &this, wanted)?.into_values().collect();
        drive(&cx, ascending, "VM.start", &[Value::Bool(paused), Value::Bool(false)]).await?;
        assert_all(&*cx.snapshot(), &this, wanted, "start")
    };
    guard::within(&cx, &this, Op::Start, work).await
}

async fn stop(cx: Cx, this: Ref<VmAppliance>, op: Op, name: &'static str) -> Result<()> {
    let method = match op {
        Op::CleanShutdown => "VM.clean_shutdown",
        Op::HardShutdown => "VM.hard_shutdown",
        _ => "VM.shutdown",
    };
    let work = async {
        let descending = groups(&*cx.snapshot(), &this, &[State::Halted])?.into_values().rev().collect();
        drive(&cx, descending, method, &[]).await?;
        assert_all(&*cx.snapshot(), &this, &[State::Halted], name)
    };
    guard::within(&cx, &this, op, work).await
}
