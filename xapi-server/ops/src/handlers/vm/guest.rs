//! What guests do and say by themselves: agents' data, power-offs, reboots and crashes nobody asked for.

use std::sync::Arc;

use tokio::sync::broadcast::error::RecvError;
use xapi_backend::hypervisor::{Activity, AgentData, Devices, Domain, DomainEvent, Happened};
use xapi_schema::{
    ClassId, DateTime, Map, Record, Ref, Result, Value,
    classes::{
        Host, OnCrashBehaviour, OnNormalExit, TristateType, Vbd, Vm, VmPowerState as State, pool, vbd, vdi,
        vif, vm, vm_guest_metrics, vm_metrics,
    },
};
use xapi_store::{Read, Tx};

use super::{epoch, power, reset, suspend};
use crate::{
    Cx, Xapi,
    handlers::{console, vbd as disk, vif as nic, vtpm},
    rules,
};

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
        match events.recv().await {
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
fn later(cx: &Cx, this: &Ref<Vm>) {
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
            agree(cx, this, domain, &[]).await?;
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

/// At a start: makes records agree with the domains there are, for what runs is the truth. Domains nobody knows are left
/// alone. Answers the VMs whose start or restart was cut short: the storage has to be there before these are settled.
pub async fn reconcile(cx: &Cx) -> CutShort {
    let hypervisor = &cx.xapi.backends.hypervisor;
    let (domains, unbuilt) = match (hypervisor.domains().await, hypervisor.to_be_rebuilt().await) {
        (Ok(domains), Ok(unbuilt)) => (domains, unbuilt),
        (Err(failure), _) | (_, Err(failure)) => {
            tracing::error!(%failure, "the hypervisor does not say what runs; nothing is changed");
            return CutShort::default();
        }
    };
    let snapshot = cx.snapshot();
    let mut cut = CutShort::default();
    for this in snapshot.all::<Vm>() {
        let Ok(record) = snapshot.record(&this).cloned() else { continue };
        let uuid = record.get(vm::uuid);
        let domain = domains.iter().find(|d| d.uuid == uuid).cloned();
        let here = record.get(vm::resident_on) == *cx.host();
        if record.get(vm::is_control_domain) {
            continue;
        }
        if !here && domain.is_none() {
            if let Err(failure) = undo_start(cx, &this).await {
                tracing::error!(%failure, vm = %this, "what a start had marked could not be let go of");
            }
            continue;
        }
        if here && domain.is_none() && unbuilt.contains(&uuid) {
            cut.restarts.push(this.clone());
        }
        // Marks died with the process that held them.
        let target = this.clone();
        let cleared = cx.commit(move |tx| tx.set(&target, vm::current_operations, Map::default())).await;
        if domain.as_ref().is_some_and(|domain| was_not_let_go_on(&record, domain, cx.host())) {
            cut.builds.push(this);
            continue;
        }
        if domain.is_none() && suspend::is_between(&record) && cleared.is_ok() {
            // Whether it is suspended now is seen when storage is there.
            continue;
        }
        if domain.as_ref().is_some_and(|domain| is_half_made(&record, domain, cx.host())) {
            cut.starts.push(this);
            continue;
        }
        if let Err(failure) = cleared.and(agree(cx, &this, domain, &unbuilt).await) {
            tracing::error!(%failure, "a VM could not be brought in line with its domain");
        }
    }
    let known = |uuid: &str| snapshot.by_uuid(ClassId::Vm, uuid).is_some();
    for domain in domains.iter().filter(|d| !known(&d.uuid)) {
        tracing::warn!(uuid = domain.uuid, domid = domain.domid, "a domain belongs to no VM of this pool");
    }
    cut
}

/// VMs in the middle of something when an earlier process died.
#[derive(Debug, Default)]
pub struct CutShort {
    /// Their domain was ended to be built again and was not; they count as running until it is made up for.
    restarts: Vec<Ref<Vm>>,
    /// Their domain was built, but nobody was told of it.
    starts: Vec<Ref<Vm>>,
    /// They count as running, and their domain was built and never went on.
    builds: Vec<Ref<Vm>>,
    /// They count as suspended, and their memory image is whole.
    resumes: Vec<Ref<Vm>>,
}

/// A start or resume nobody was told of: the toolstack died before it was written down.
fn is_half_made(record: &Record, domain: &Domain, home: &Ref<Host>) -> bool {
    let template = record.get(vm::is_a_template) || record.get(vm::is_control_domain);
    domain.activity == Activity::Paused && record.get(vm::resident_on) != *home && !template
}

/// A start, restart or resume died between its domain and the guest's first moment. What was still to be done to the
/// domain is not known, but nothing is lost with it.
fn was_not_let_go_on(record: &Record, domain: &Domain, home: &Ref<Host>) -> bool {
    let runs = record.get(vm::power_state) == State::Running && record.get(vm::resident_on) == *home;
    let ours = !record.get(vm::is_a_template) && !record.get(vm::is_control_domain);
    runs && ours && domain.activity == Activity::Paused && domain.fresh
}

/// Ends domains whose start was cut short. To be called when storage is there and before anybody looks for images of VMs
/// that run.
pub async fn end_half_made(cx: &Cx, cut: &mut CutShort) {
    for this in &cut.starts {
        let Ok(uuid) = cx.snapshot().get(this, vm::uuid) else { continue };
        tracing::warn!(vm = %this, "a domain whose start was cut short is ended");
        if let Err(failure) = cx.xapi.backends.hypervisor.destroy(&uuid).await {
            tracing::error!(%failure, vm = %this, "it could not be ended");
        }
    }
    for this in std::mem::take(&mut cut.builds) {
        tracing::warn!(vm = %this, "a domain never went on: that is made up for");
        let resumed = cx.snapshot().get(&this, vm::suspend_VDI).is_ok_and(|image| image.not_null().is_some());
        match suspend::back_to_image(cx, &this).await {
            Ok(true) => cut.resumes.push(this),
            // Its image is spent, which is the last thing before it goes on: only the domain has its memory.
            Ok(false) if resumed => {
                let Ok(uuid) = cx.snapshot().get(&this, vm::uuid) else { continue };
                if let Err(failure) = cx.xapi.backends.hypervisor.unpause(&uuid).await {
                    tracing::error!(%failure, vm = %this, "it stays paused");
                }
            }
            Ok(false) => cut.restarts.push(this),
            Err(failure) => tracing::error!(%failure, vm = %this, "it stays paused"),
        }
    }
}

/// At a start: which disks and cards of running VMs are attached is what their domains have. A plug or unplug that was cut
/// short may have come to its end since.
pub async fn agree_devices(cx: &Cx) {
    let snapshot = cx.snapshot();
    for this in snapshot.all::<Vm>() {
        let Ok(record) = snapshot.record(&this) else { continue };
        let runs = matches!(record.get(vm::power_state), State::Running | State::Paused);
        if !runs || record.get(vm::resident_on) != *cx.host() || record.get(vm::is_control_domain) {
            continue;
        }
        let devices = cx.xapi.backends.hypervisor.devices(&record.get(vm::uuid)).await;
        let written = match devices {
            Ok(None) => continue,
            Ok(Some(there)) => {
                let target = this.clone();
                cx.commit(move |tx| write_devices(tx, &target, &there)).await
            }
            Err(failure) => Err(failure),
        };
        if let Err(failure) = written {
            tracing::error!(%failure, vm = %this, "the devices of a VM could not be brought in line with its domain");
        }
    }
}

fn write_devices(tx: &mut Tx, this: &Ref<Vm>, there: &Devices) -> Result<()> {
    for device in tx.get(this, vm::VBDs)? {
        let position = disk::disk(tx, &device)?.position;
        let attached = there.disks.contains(&position);
        if tx.get(&device, vbd::currently_attached)? != attached {
            tracing::warn!(vm = %this, position, attached, "a disk is not as its record says");
            tx.set(&device, vbd::currently_attached, attached)?;
        }
        if let Some((_, medium)) = there.media.iter().find(|(at, _)| *at == position) {
            write_medium(tx, &device, medium)?;
        }
    }
    for card in tx.get(this, vm::VIFs)? {
        let position = nic::nic(tx, &card)?.position;
        let attached = there.nics.contains(&position);
        if tx.get(&card, vif::currently_attached)? != attached {
            tracing::warn!(vm = %this, position, attached, "a network card is not as its record says");
            tx.set(&card, vif::currently_attached, attached)?;
        }
    }
    reset::recompute_devices(tx, this)?;
    rules::refresh(tx, this)
}

/// A change of medium that was cut short: the record says what the drive has.
fn write_medium(tx: &mut Tx, drive: &Ref<Vbd>, medium: &str) -> Result<()> {
    let before = tx.get(drive, vbd::VDI)?;
    let known = if tx.exists(&before) { tx.get(&before, vdi::uuid)? } else { String::new() };
    if known == medium {
        return Ok(());
    }
    let now = match tx.by_uuid(ClassId::Vdi, medium).map(|row| Ref::new(row.reference.clone())) {
        Some(now) => now,
        None if medium.is_empty() => Ref::null(),
        // Not what it was when it was put in; nothing better is known.
        None => return Ok(()),
    };
    tracing::warn!(drive = %drive, medium, "a drive does not have the medium its record says");
    tx.set(drive, vbd::VDI, now)?;
    tx.set(drive, vbd::empty, medium.is_empty())?;
    if tx.exists(&before) { rules::refresh(tx, &before) } else { Ok(()) }
}

/// Makes up for starts, restarts and resumes that were cut short.
pub async fn restart(cx: &Cx, cut: CutShort) {
    for this in cut.resumes {
        if let Err(failure) = suspend::restore(cx, &this, &cx.host().clone(), false).await {
            tracing::error!(%failure, vm = %this, "a VM that was being resumed stays suspended");
        }
    }
    for this in cut.restarts {
        if let Err(failure) = power::rebuild(cx, &this).await {
            tracing::error!(%failure, vm = %this, "a VM that was being restarted could not be started");
        }
    }
}

/// Devices of a VM without a domain that a start or resume marked as attached before it was cut short: they would keep
/// their disks in use for ever.
async fn undo_start(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let marked = {
        let snapshot = cx.snapshot();
        let record = snapshot.record(this)?;
        let attached = |device: &Ref<Vbd>| snapshot.get(device, vbd::currently_attached).unwrap_or(false);
        let still = matches!(record.get(vm::power_state), State::Halted | State::Suspended);
        let ours = record.get(vm::resident_on).not_null().is_none() && !record.get(vm::is_a_template);
        still && ours && record.get(vm::VBDs).iter().any(attached)
    };
    if !marked {
        return Ok(());
    }
    let target = this.clone();
    cx.commit(move |tx| match tx.get(&target, vm::power_state)? {
        State::Halted => reset::halted(tx, &target, false),
        State::Suspended => reset::suspended(tx, &target),
        _ => Ok(()),
    })
    .await
}

/// What a VM's record becomes for the domain it has, or has not.
async fn agree(cx: &Cx, this: &Ref<Vm>, domain: Option<Domain>, unbuilt: &[String]) -> Result<()> {
    let record = cx.snapshot().record(this)?.clone();
    let home = cx.host().clone();
    let known = record.get(vm::resident_on) == home;
    let template = record.get(vm::is_a_template) || record.get(vm::is_control_domain);
    if domain.is_none() && !known || template {
        return Ok(());
    }
    if domain.as_ref().is_some_and(|domain| is_half_made(&record, domain, &home)) {
        tracing::warn!(vm = %this, "a domain whose start was cut short is ended");
        cx.xapi.backends.hypervisor.destroy(&record.get(vm::uuid)).await?;
        return undo_start(cx, this).await;
    }
    if domain.is_none() && unbuilt.contains(&record.get(vm::uuid)) {
        return Ok(());
    }
    let (target, now) = (this.clone(), cx.clock().date());
    cx.commit(move |tx| {
        // An operation that began meanwhile writes itself what becomes of the VM.
        if !tx.get(&target, vm::current_operations)?.0.is_empty() {
            return Ok(());
        }
        let Some(domain) = domain else { return reset::halted(tx, &target, false) };
        if !known {
            tracing::warn!(vm = %target, domid = domain.domid, "a VM runs that was not started here");
            tx.set(&target, vm::resident_on, home.clone())?;
            appear(tx, &target, now)?;
        }
        console::offer(tx, &target, &home)?;
        let paused = domain.activity == Activity::Paused;
        tx.set(&target, vm::power_state, if paused { State::Paused } else { State::Running })?;
        tx.set(&target, vm::domid, domain.domid)?;
        reset::recompute_devices(tx, &target)?;
        rules::refresh(tx, &target)
    })
    .await
}
