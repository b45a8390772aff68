//! Making a VM a template, and back.

use xapi_schema::{
    Ref, Result,
    classes::{Vm, VmOperations as Op, vm, vm_metrics},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry, guard, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_setter("VM.set_is_a_template", set_is_a_template);
    on.on(vm::call::set_is_default_template, set_is_default_template);
}

async fn set_is_a_template(cx: Cx, this: Ref<Vm>, value: bool) -> Result<()> {
    change(&cx, &this, value).await
}

async fn change(cx: &Cx, this: &Ref<Vm>, template: bool) -> Result<()> {
    let (target, now) = (this.clone(), cx.clock().date());
    if !template {
        return cx
            .commit(move |tx| {
                tx.set(&target, vm::is_a_template, false)?;
                let metrics = tx.get(&target, vm::metrics)?;
                if tx.exists(&metrics) {
                    tx.set(&metrics, vm_metrics::install_time, now)?;
                }
                rules::refresh(tx, &target)
            })
            .await;
    }
    let work = cx.commit(move |tx| into_template(tx, &target));
    guard::within(cx, this, Op::MakeIntoTemplate, work).await
}

fn into_template(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    let record = tx.record(this)?.clone();
    let pools = tx.all::<xapi_schema::classes::Pool>();
    let ha = pools.first().map(|p| tx.get(p, xapi_schema::classes::pool::ha_enabled));
    let protected = record.get(vm::ha_always_run) && record.get(vm::ha_restart_priority) == "restart";
    if protected && matches!(ha, Some(Ok(true))) {
        return Err(errors::VM_IS_PROTECTED.with([this]));
    }
    tx.set(this, vm::ha_always_run, false)?;
    for usb in record.get(vm::VUSBs) {
        tx.destroy(&usb)?;
    }
    tx.set(this, vm::groups, vec![])?;
    let metrics = record.get(vm::metrics);
    if tx.exists(&metrics) {
        tx.destroy(&metrics)?;
    }
    tx.set(this, vm::metrics, Ref::null())?;
    tx.set(this, vm::is_a_template, true)?;
    rules::refresh(tx, this)
}

async fn set_is_default_template(cx: Cx, this: Ref<Vm>, value: bool) -> Result<()> {
    if value && !cx.snapshot().get(&this, vm::is_a_template)? {
        change(&cx, &this, true).await?;
    }
    cx.commit(move |tx| {
        tx.update(&this, vm::other_config, |config| {
            config.set("default_template".into(), value.to_string());
        })?;
        tx.set(&this, vm::is_default_template, value)?;
        rules::refresh(tx, &this)
    })
    .await
}
