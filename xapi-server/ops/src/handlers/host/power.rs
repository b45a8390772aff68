//! Taking a host in and out of service.
//!
//! A host that goes down takes its guests down in order first: they are asked, then ended; storage is let go of; only
//! then the machine is told. What cannot be ended keeps the machine up.

use xapi_backend::host::{Ends, PowerAction};
use xapi_schema::{
    Ref, Result, Value,
    classes::{Host, HostAllowedOperations as Op, VmPowerState as State, host, host_metrics, vm},
    errors,
};
use xapi_store::Read;

use super::{assert_here, is_live};
use crate::{
    Cx, Registry,
    guard::{self, Claim, Marks},
    handlers::{pbd, vm as guest},
    rules, task,
};

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

/// Key of `host.other_config` of a host that stays disabled until somebody enables it.
pub const STAYS_DISABLED: &str = "xennix_stays_disabled";

async fn disable(cx: Cx, this: Ref<Host>, auto_enable: bool) -> Result<()> {
    assert_here(&cx, &this)?;
    cx.commit(move |tx| {
        tx.set(&this, host::enabled, false)?;
        if !auto_enable {
            tx.update(&this, host::other_config, |config| config.set(STAYS_DISABLED.into(), "true".into()))?;
        }
        rules::refresh(tx, &this)
    })
    .await
}

async fn enable(cx: Cx, this: Ref<Host>) -> Result<()> {
    assert_here(&cx, &this)?;
    let target = this.clone();
    let work = cx.commit(move |tx| {
        let record = tx.record(&target)?.clone();
        let reboot = xapi_schema::classes::UpdateGuidances::RebootHost;
        if record.get(host::pending_guidances).contains(&reboot) {
            return Err(errors::HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY.with([&target]));
        }
        if record.get(host::other_config).contains(STAYS_DISABLED) {
            tx.update(&target, host::other_config, |config| {
                config.remove(STAYS_DISABLED);
            })?;
        }
        tx.set(&target, host::enabled, true)
    });
    guard::within(&cx, &this, Op::Enable, work).await
}

/// Answers once the rules let it begin; the rest is a task of its own, under which the host stays marked.
async fn power(cx: Cx, this: Ref<Host>, op: Op) -> Result<()> {
    assert_here(&cx, &this)?;
    if this != *cx.host() {
        return Err(errors::HOST_OFFLINE.with([&this]));
    }
    let label = if op == Op::Reboot { "Host reboot" } else { "Host shutdown" };
    let new = task::NewTask { label: label.into(), ..task::NewTask::default() };
    let running = task::begin(&cx.xapi, new).await?;
    let part = Cx { task: running.clone(), ..cx.clone() };
    let mut marks = Marks::of(&part);
    match marks.enter(vec![Claim::on(&part, &this, op)]).await {
        Ok(()) => {
            tokio::spawn(async move {
                let outcome = go_down(&part, &this, op).await;
                if let Ok(Ends::Machine) = outcome {
                    // The mark stays: the host is on its way, and says so until it is gone.
                    return;
                }
                if let Err(failure) = &outcome {
                    tracing::error!(%failure, ?op, "the host did not go down");
                }
                marks.leave().await;
                let outcome = outcome.map(|_| Value::EMPTY);
                task::finish(&part.xapi, &running, &outcome).await;
            });
            Ok(())
        }
        Err(failure) => {
            task::discard(&cx.xapi, &running).await;
            Err(failure)
        }
    }
}

/// Ends what runs, lets go of storage, and tells the machine.
async fn go_down(cx: &Cx, this: &Ref<Host>, op: Op) -> Result<Ends> {
    let residents = super::evacuate::residents(&*cx.snapshot(), this)?;
    let ends = residents.into_iter().map(|resident| guest::shutdown(cx.clone(), resident));
    for ended in futures_util::future::join_all(ends).await {
        ended?;
    }
    for link in cx.snapshot().get(this, host::PBDs)? {
        if let Err(failure) = pbd::unplug(cx.clone(), link).await {
            tracing::warn!(%failure, "storage was not let go of");
        }
    }
    set_live(cx, this, false).await?;
    let action = if op == Op::Reboot { PowerAction::Reboot } else { PowerAction::Shutdown };
    let told = cx.xapi.backends.host.power(action).await;
    match &told {
        Ok(Ends::Machine) => {}
        Ok(Ends::Process) => {
            if let Some(agent) = &cx.xapi.settings.agent {
                agent.stop(op == Op::Reboot);
            }
        }
        // It is still here, and useful.
        Err(_) => {
            set_live(cx, this, true).await?;
            pbd::plug_all(cx).await;
        }
    }
    told
}

async fn set_live(cx: &Cx, this: &Ref<Host>, live: bool) -> Result<()> {
    let this = this.clone();
    cx.commit(move |tx| {
        let metrics = tx.get(&this, host::metrics)?;
        tx.set(&metrics, host_metrics::live, live)
    })
    .await
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
