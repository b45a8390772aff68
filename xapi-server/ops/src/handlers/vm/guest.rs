//! What guests do and say by themselves: agents' data, power-offs, reboots and crashes nobody asked for.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use xapi_backend::hypervisor::{AgentData, DomainEvent, Happened};
use xapi_schema::{
    ClassId, DateTime, Map, Ref, Result, Value,
    classes::{
        OnCrashBehaviour, OnNormalExit, TristateType, Vm, VmPowerState as State, pool, vm, vm_guest_metrics,
        vm_metrics,
    },
};
use xapi_store::{Read, Tx};

use super::{epoch, power, reconcile, reset};
use crate::{Cx, Xapi, handlers::vtpm, rules};

/// Longest text taken from a guest, bytes; longer ones are cut.
const LONGEST: usize = 4_096;
/// Most entries taken from one map of a guest.
const MOST: usize = 256;
/// A guest that crashes again this soon is not started again.
const TOO_SOON: i64 = 120;

/// Gives a VM that has begun to run a record for its agent's data.
///
/// # Errors
/// Those of the store.
pub fn appear(tx: &mut Tx, this: &Ref<Vm>, now: DateTime) -> Result<()> {
    if tx.exists(&tx.get(this, vm::guest_metrics)?) {
        return Ok(());
    }
    let members = Value::map([
        ("last_updated", Value::Time(now)),
        ("live", Value::Bool(true)),
        ("can_use_hotplug_vbd", Value::str("unspecified")),
        ("can_use_hotplug_vif", Value::str("unspecified")),
    ]);
    let made = Ref::new(tx.create_value(ClassId::VmGuestMetrics, None, &members)?);
    tx.set(this, vm::guest_metrics, made)
}

/// Takes the agent's data away, as a reboot does.
///
/// # Errors
/// Those of the store.
pub fn vanish(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    let known = tx.get(this, vm::guest_metrics)?;
    tx.set(this, vm::guest_metrics, Ref::null())?;
    if tx.exists(&known) { tx.destroy(&known) } else { Ok(()) }
}

/// Guests may write anything of any size.
fn tamed(pairs: Vec<(String, String)>) -> Map<String, String> {
    let clean = |text: String| -> String {
        let kept: String = text.chars().filter(|c| !c.is_control()).collect();
        let mut end = kept.len().min(LONGEST);
        while !kept.is_char_boundary(end) {
            end -= 1;
        }
        kept[..end].to_string()
    };
    Map(pairs.into_iter().take(MOST).map(|(k, v)| (clean(k), clean(v))).collect())
}

fn tristate(said: Option<bool>) -> TristateType {
    match said {
        Some(true) => TristateType::Yes,
        Some(false) => TristateType::No,
        None => TristateType::Unspecified,
    }
}

/// Asks the backend what the agent says and writes what is new.
///
/// # Errors
/// Those of the backend and the store.
pub async fn read_agent(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let uuid = cx.snapshot().get(this, vm::uuid)?;
    let Some(data) = cx.xapi.backends.hypervisor.agent(&uuid).await? else { return Ok(()) };
    let (target, now) = (this.clone(), cx.clock().date());
    cx.commit(move |tx| write(tx, &target, data, now)).await
}

fn write(tx: &mut Tx, this: &Ref<Vm>, data: AgentData, now: DateTime) -> Result<()> {
    let metrics = tx.get(this, vm::guest_metrics)?;
    let Ok(before) = tx.record(&metrics).cloned() else { return Ok(()) };
    tx.set(&metrics, vm_guest_metrics::os_version, tamed(data.os_version))?;
    tx.set(&metrics, vm_guest_metrics::netbios_name, tamed(data.netbios_name))?;
    tx.set(&metrics, vm_guest_metrics::PV_drivers_version, tamed(data.drivers_version))?;
    tx.set(&metrics, vm_guest_metrics::networks, tamed(data.networks))?;
    tx.set(&metrics, vm_guest_metrics::other, tamed(data.other))?;
    tx.set(&metrics, vm_guest_metrics::can_use_hotplug_vbd, tristate(data.hotplug_vbd))?;
    tx.set(&metrics, vm_guest_metrics::can_use_hotplug_vif, tristate(data.hotplug_vif))?;
    tx.set(&metrics, vm_guest_metrics::PV_drivers_detected, data.drivers_detected)?;
    tx.set(&metrics, vm_guest_metrics::PV_drivers_up_to_date, data.drivers_detected)?;
    if tx.record(&metrics)?.values() != before.values() {
        tx.set(&metrics, vm_guest_metrics::last_updated, now)?;
        reset::recompute_devices(tx, this)?;
        rules::refresh(tx, this)?;
    }
    Ok(())
}

/// Follows what happens to domains for as long as the toolstack runs.
pub async fn watch(xapi: Arc<Xapi>) {
    let mut events = xapi.backends.hypervisor.events();
    loop {
        let event = events.recv().await;
        // What a start finds out comes first.
        xapi.known.wait(true).await;
        match event {
            Ok(event) => react(&xapi, event).await,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "domain events were missed; looking at every domain");
                look_at_all(&Cx::internal(&xapi, "xapi.reconcile")).await;
            }
            Err(RecvError::Closed) => return,
        }
    }
}

async fn react(xapi: &Arc<Xapi>, event: DomainEvent) {
    let cx = Cx::internal(xapi, "xapi.domain_event");
    let Ok(this) = cx.snapshot().find_uuid::<Vm>(&event.uuid) else { return };
    let done = match event.what {
        Happened::Agent => read_agent(&cx, &this).await,
        Happened::Memory(bytes) => used_memory(&cx, &this, bytes).await,
        Happened::Firmware => {
            vtpm::keep_now_or_later(&cx, &this).await;
            keep_variables(&cx, &this).await
        }
        Happened::Clock(seconds) => set_clock(&cx, &this, seconds).await,
        // A call that is ending the VM itself writes what became of it; if it was about something else, the
        // guest's end is looked at when it is done.
        _ if !is_free(&cx, &this) => {
            later(&cx, &this);
            Ok(())
        }
        Happened::Appeared | Happened::Vanished => look_again(&cx, &this).await,
        ended => ended_by_itself(&cx, &this, &ended).await,
    };
    if let Err(failure) = done {
        tracing::warn!(%failure, vm = %this, "a domain event could not be handled");
    }
}

/// No operation is at work on a VM.
fn is_free(cx: &Cx, this: &Ref<Vm>) -> bool {
    cx.snapshot().get(this, vm::current_operations).is_ok_and(|current| current.0.is_empty())
}

/// Looks at a domain again when no operation is at work on its VM any more.
pub fn later(cx: &Cx, this: &Ref<Vm>) {
    let (xapi, this) = (cx.xapi.clone(), this.clone());
    tokio::spawn(async move {
        let cx = Cx::internal(&xapi, "xapi.domain_event");
        while cx.snapshot().exists(&this) && !is_free(&cx, &this) {
            let done = cx.xapi.work_done.notified();
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), done).await;
        }
        if let Err(failure) = look_again(&cx, &this).await {
            tracing::warn!(%failure, vm = %this, "a domain could not be looked at again");
        }
    });
}

/// Acts on how a domain is now, whatever was told of it before.
async fn look_again(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let Ok(uuid) = cx.snapshot().get(this, vm::uuid) else { return Ok(()) };
    match cx.xapi.backends.hypervisor.ended(&uuid).await? {
        Some(Happened::Vanished) | None => {
            let domains = cx.xapi.backends.hypervisor.domains().await?;
            let domain = domains.into_iter().find(|domain| domain.uuid == uuid);
            reconcile::agree(cx, this, domain, &[]).await?;
            vtpm::keep_now_or_later(cx, this).await;
            Ok(())
        }
        Some(ended) => ended_by_itself(cx, this, &ended).await,
    }
}

/// As [`look_again`], for every VM of this host.
async fn look_at_all(cx: &Cx) {
    let snapshot = cx.snapshot();
    for this in snapshot.all::<Vm>() {
        if snapshot.get(&this, vm::resident_on).is_ok_and(|home| home == *cx.host()) {
            later(cx, &this);
        }
    }
}

async fn used_memory(cx: &Cx, this: &Ref<Vm>, bytes: i64) -> Result<()> {
    let target = this.clone();
    cx.commit(move |tx| {
        let metrics = tx.get(&target, vm::metrics)?;
        if tx.exists(&metrics) { tx.set(&metrics, vm_metrics::memory_actual, bytes) } else { Ok(()) }
    })
    .await
}

/// Writes what a guest's firmware keeps into the record, before the domain goes or because it changed.
///
/// # Errors
/// Those of the store. What the hypervisor cannot say is logged: a guest must be able to end all the same.
pub async fn keep_variables(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    const KEY: &str = "EFI-variables";
    let uuid = cx.snapshot().get(this, vm::uuid)?;
    match cx.xapi.backends.hypervisor.firmware_variables(&uuid).await {
        Ok(Some(now)) => {
            let target = this.clone();
            cx.commit(move |tx| {
                let known = tx.get(&target, vm::NVRAM)?;
                if known.get(KEY) == Some(&now) {
                    return Ok(());
                }
                tx.update(&target, vm::NVRAM, |nvram| nvram.set(KEY.into(), now))
            })
            .await
        }
        Ok(None) => Ok(()),
        Err(failure) => {
            tracing::warn!(%failure, vm = %this, "the UEFI variables of a guest cannot be read");
            Ok(())
        }
    }
}

/// Ends the domain of a VM; what its firmware and its TPM keep is in the record.
///
/// # Errors
/// Those of the store and the hypervisor.
pub async fn end(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    keep_variables(cx, this).await?;
    cx.xapi.backends.hypervisor.destroy(&cx.snapshot().get(this, vm::uuid)?).await?;
    vtpm::keep_now_or_later(cx, this).await;
    Ok(())
}

/// What the guest made of its clock outlives it.
async fn set_clock(cx: &Cx, this: &Ref<Vm>, seconds: i64) -> Result<()> {
    let target = this.clone();
    cx.commit(move |tx| {
        tx.update(&target, vm::platform, |platform| platform.set("timeoffset".into(), seconds.to_string()))
    })
    .await
}

/// What becomes of a VM whose guest ended without being asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Halt,
    Restart,
    Keep,
}

fn decide(record: &xapi_schema::Record, ended: &Happened, age: i64) -> Then {
    match ended {
        Happened::Poweroff => match record.get(vm::actions_after_shutdown) {
            OnNormalExit::Destroy => Then::Halt,
            OnNormalExit::Restart => Then::Restart,
        },
        Happened::Reboot => match record.get(vm::actions_after_reboot) {
            OnNormalExit::Destroy => Then::Halt,
            OnNormalExit::Restart => Then::Restart,
        },
        _ if age < TOO_SOON => Then::Halt,
        _ => match record.get(vm::actions_after_crash) {
            OnCrashBehaviour::Destroy | OnCrashBehaviour::CoredumpAndDestroy => Then::Halt,
            OnCrashBehaviour::Preserve => Then::Keep,
            _ => Then::Restart,
        },
    }
}

async fn ended_by_itself(cx: &Cx, this: &Ref<Vm>, ended: &Happened) -> Result<()> {
    let record = cx.snapshot().record(this)?.clone();
    if !matches!(record.get(vm::power_state), State::Running | State::Paused) {
        return Ok(());
    }
    // A call that is ending the VM itself writes what became of it.
    if !record.get(vm::current_operations).0.is_empty() {
        return Ok(());
    }
    let started = cx.snapshot().get(&record.get(vm::metrics), vm_metrics::start_time);
    let age = started.map_or(i64::MAX, |started| cx.clock().date().unix() - started.unix());
    let action = record.get(vm::actions_after_crash);
    let dump = matches!(action, OnCrashBehaviour::CoredumpAndDestroy | OnCrashBehaviour::CoredumpAndRestart);
    if *ended == Happened::Crash
        && dump
        && let Err(failure) = cx.xapi.backends.hypervisor.dump_core(&record.get(vm::uuid)).await
    {
        tracing::warn!(%failure, vm = %this, "the memory of a crashed guest could not be kept");
    }
    match decide(&record, ended, age) {
        Then::Restart => power::rebuild(cx, this).await,
        Then::Keep => {
            let target = this.clone();
            cx.commit(move |tx| {
                tx.set(&target, vm::power_state, State::Paused)?;
                rules::refresh(tx, &target)
            })
            .await
        }
        Then::Halt => {
            end(cx, this).await?;
            let (target, poweroff) = (this.clone(), *ended == Happened::Poweroff);
            cx.commit(move |tx| {
                let pools = tx.all::<xapi_schema::classes::Pool>();
                let keeps = pools.first().map(|p| tx.get(p, pool::ha_reboot_vm_on_internal_shutdown));
                if poweroff && matches!(keeps, Some(Ok(false))) {
                    tx.set(&target, vm::ha_always_run, false)?;
                }
                reset::halted(tx, &target, false)
            })
            .await?;
            epoch::end(cx, this).await;
            Ok(())
        }
    }
}
