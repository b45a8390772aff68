//! What runs is the truth: records brought in line with the domains there are, at a start and when one domain is in doubt;
//! and what an earlier process left in the middle is made up for.

use std::time::Duration;

use xapi_backend::hypervisor::{Activity, Devices, Domain};
use xapi_schema::{
    ClassId, Map, Record, Ref, Result,
    classes::{Host, Vbd, Vm, VmPowerState as State, vbd, vdi, vif, vm, vusb},
};
use xapi_store::{Read, Tx};

use super::{guest, power, reset, suspend};
use crate::{
    Cx,
    handlers::{console, vbd as disk, vif as nic},
    rules,
};

/// How long a start waits for a hypervisor that fails, and how often it asks again. Afterwards it is asked while the API
/// serves already.
const PATIENCE: Duration = Duration::from_secs(3);
const RETRY: Duration = Duration::from_millis(500);

/// The domains there are, and those that were ended to be built again.
async fn what_runs(cx: &Cx, patience: Duration) -> Result<(Vec<Domain>, Vec<String>)> {
    let hypervisor = &cx.xapi.backends.hypervisor;
    let until = tokio::time::Instant::now() + patience;
    loop {
        let failure = match (hypervisor.domains().await, hypervisor.to_be_rebuilt().await) {
            (Ok(domains), Ok(unbuilt)) => return Ok((domains, unbuilt)),
            (Err(failure), _) | (_, Err(failure)) => failure,
        };
        if tokio::time::Instant::now() >= until {
            return Err(failure);
        }
        tracing::warn!(%failure, "the hypervisor does not say what runs; it is asked again");
        tokio::time::sleep(RETRY).await;
    }
}

/// When records are brought in line with domains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before clients come.
    AtStart,
    /// Once the hypervisor answers. Clients are there, but nothing that asks the hypervisor is let begin.
    Late,
}

/// Makes records agree with the domains there are, for what runs is the truth. Domains nobody knows are left alone. Answers
/// the VMs whose start or restart was cut short: the storage has to be there before these are settled.
///
/// # Errors
/// Those of the hypervisor; then nothing is changed.
pub async fn all(cx: &Cx, when: When) -> Result<CutShort> {
    let patience = if when == When::AtStart { PATIENCE } else { Duration::ZERO };
    let (domains, unbuilt) = what_runs(cx, patience).await?;
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
        if when == When::Late && !record.get(vm::current_operations).0.is_empty() {
            // A copy or the like: how its domain is, is looked at when that has ended.
            guest::later(cx, &this);
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
        let cleared = match when {
            When::AtStart => {
                cx.commit(move |tx| tx.set(&target, vm::current_operations, Map::default())).await
            }
            When::Late => Ok(()),
        };
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
    Ok(cut)
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
        let ended = match cx.xapi.backends.hypervisor.destroy(&uuid).await {
            Ok(()) => undo_start(cx, this).await,
            failed => failed,
        };
        if let Err(failure) = ended {
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

/// What a start or resume marked of a VM without a domain before it was cut short: devices that count as attached would keep
/// their disks in use for ever, and a host that is reserved its memory.
async fn undo_start(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let marked = {
        let snapshot = cx.snapshot();
        is_marked(&*snapshot, snapshot.record(this)?, cx.host())
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

fn is_marked(read: &impl Read, record: &Record, home: &Ref<Host>) -> bool {
    let reserved = record.get(vm::scheduled_to_be_resident_on).not_null();
    let (here, elsewhere) = (reserved.as_ref() == Some(home), reserved.is_some_and(|other| other != *home));
    if record.get(vm::resident_on).not_null().is_some() || record.get(vm::is_a_template) || elsewhere {
        return false;
    }
    let disks = record.get(vm::VBDs).iter().any(|d| read.get(d, vbd::currently_attached).unwrap_or(false));
    let others = || {
        record.get(vm::VIFs).iter().any(|card| read.get(card, vif::currently_attached).unwrap_or(false))
            || record
                .get(vm::VUSBs)
                .iter()
                .any(|usb| read.get(usb, vusb::currently_attached).unwrap_or(false))
    };
    match record.get(vm::power_state) {
        State::Halted => disks || here || others(),
        // Its cards stay where they are.
        State::Suspended => disks || here,
        _ => false,
    }
}

/// What a VM's record becomes for the domain it has, or has not.
pub(super) async fn agree(cx: &Cx, this: &Ref<Vm>, domain: Option<Domain>, unbuilt: &[String]) -> Result<()> {
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
            guest::appear(tx, &target, now)?;
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
