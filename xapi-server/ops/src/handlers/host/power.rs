//! Taking a host in and out of service.

use xapi_backend::host::PowerAction;
use xapi_schema::{
    Ref, Result,
    classes::{Host, HostAllowedOperations as Op, VmPowerState as State, host, host_metrics, vm},
    errors,
};
use xapi_store::Read;

use super::{assert_here, is_live};
use crate::{Cx, Registry, guard, handlers::vm as guest, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(host::call::disable, disable);
    on.on(host::call::enable, enable);
    on.on(host::call::shutdown, |cx, this| power(cx, this, Op::Shutdown));
    on.on(host::call::reboot, |cx, this| power(cx, this, Op::Reboot));
    on.on(host::call::power_on, power_on);
    on.on(host::call::declare_dead, declare_dead);
    on.on(host::call::destroy, destroy);
}

async fn disable(cx: Cx, this: Ref<Host>, _auto_enable: bool) -> Result<()> {
    assert_here(&cx, &this)?;
    cx.commit(move |tx| {
        tx.set(&this, host::enabled, false)?;
        rules::refresh(tx, &this)
    })
    .await
}

async fn enable(cx: Cx, this: Ref<Host>) -> Result<()> {
    assert_here(&cx, &this)?;
    let target = this.clone();
    let work = cx.commit(move |tx| {
        let record = tx.record(&target)?;
        let reboot = xapi_schema::classes::UpdateGuidances::RebootHost;
        if record.get(host::pending_guidances).contains(&reboot) {
            return Err(errors::HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY.with([&target]));
        }
        tx.set(&target, host::enabled, true)
    });
    guard::within(&cx, &this, Op::Enable, work).await
}

async fn power(cx: Cx, this: Ref<Host>, op: Op) -> Result<()> {
    assert_here(&cx, &this)?;
    let action = if op == Op::Reboot { PowerAction::Reboot } else { PowerAction::Shutdown };
    guard::within(&cx, &this, op, cx.xapi.backends.host.power(action)).await
}

/// Another host is switched on by a plug-in of its power controller.
async fn power_on(cx: Cx, this: Ref<Host>) -> Result<()> {
    let work = async { Err(errors::XENAPI_MISSING_PLUGIN.with(["power-on-host"])) };
    guard::within(&cx, &this, Op::PowerOn, work).await
}

/// An administrator vouches for a host being dead; its VMs can then run elsewhere.
async fn declare_dead(cx: Cx, this: Ref<Host>) -> Result<()> {
    if this == *cx.host() || is_live(&*cx.snapshot(), &this) {
        return Err(errors::HOST_IS_LIVE.with([&this]));
    }
    cx.commit(move |tx| {
        for resident in tx.get(&this, host::resident_VMs)? {
            if !tx.get(&resident, vm::is_control_domain)? {
                guest::halted(tx, &resident, true)?;
            }
        }
        let metrics = tx.get(&this, host::metrics)?;
        tx.set(&metrics, host_metrics::live, false)?;
        tx.set(&this, host::enabled, false)?;
        rules::refresh(tx, &this)
    })
    .await
}

async fn destroy(cx: Cx, this: Ref<Host>) -> Result<()> {
    if this == *cx.host() || is_live(&*cx.snapshot(), &this) {
        return Err(errors::HOST_IS_LIVE.with([&this]));
    }
    cx.commit(move |tx| {
        for resident in tx.get(&this, host::resident_VMs)? {
            let record = tx.record(&resident)?;
            if !record.get(vm::is_control_domain) && record.get(vm::power_state) != State::Halted {
                return Err(errors::HOST_HAS_RESIDENT_VMS.with([&this]));
            }
        }
        let dom0 = tx.get(&this, host::control_domain)?;
        if tx.exists(&dom0) {
            tx.destroy(&dom0)?;
        }
        tx.destroy(&this)
    })
    .await
}
