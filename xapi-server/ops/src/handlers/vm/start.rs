//! `VM.start` and what a start is made of.

use xapi_backend::hypervisor::{DomainSpec, Started};
use xapi_schema::{
    Map, Ref, Result,
    classes::{
        DomainType, Host, HostAllowedOperations, Message, Vbd, VbdOperations, Vif, VifOperations, Vm,
        VmOperations as Op, VmPowerState as State, host, vbd, vif, vm, vm_metrics, vusb,
    },
    errors,
};
use xapi_store::{Read, Tx};

use super::{
    domain, epoch, guest, memory, note,
    placement::{self, Wanted},
    reset,
};
use crate::{
    Cx, Registry,
    guard::{self, Claim, Marks},
    handlers::{console, locking, network as link, pci, vtpm, vusb as vusbs},
    rules,
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::start, start);
    on.on(vm::call::start_on, start_on);
}

/// The strings a guest sees when nobody chose others, in the order clients see them.
pub const GENERIC_BIOS_STRINGS: &[(&str, &str)] = &[
    ("bios-vendor", "Xen"),
    ("bios-version", ""),
    ("system-manufacturer", "Xen"),
    ("system-product-name", "HVM domU"),
    ("system-version", ""),
    ("system-serial-number", ""),
    ("baseboard-manufacturer", ""),
    ("baseboard-product-name", ""),
    ("baseboard-version", ""),
    ("baseboard-serial-number", ""),
    ("baseboard-asset-tag", ""),
    ("baseboard-location-in-chassis", ""),
    ("enclosure-asset-tag", ""),
    ("hp-rombios", ""),
    ("oem-1", "Xen"),
    ("oem-2", "MS_VM_CERT/SHA1/bdbeb6e0a816d43fa6d3fe8aaef04c2bad9d3e3d"),
];

async fn start(cx: Cx, this: Ref<Vm>, paused: bool, _force: bool) -> Result<()> {
    guard::under(&cx, async |marks| {
        marks.enter(first_marks(&cx, &this, Op::Start)).await?;
        let home = placement::choose(&*cx.snapshot(), &this)?;
        boot(&cx, marks, &this, &home, paused).await
    })
    .await
}

async fn start_on(cx: Cx, this: Ref<Vm>, home: Ref<Host>, paused: bool, _force: bool) -> Result<()> {
    let snapshot = cx.snapshot();
    let current = snapshot.get(&home, host::current_operations)?;
    if current.0.iter().any(|(_, op)| *op == HostAllowedOperations::Evacuate) {
        return Err(errors::HOST_EVACUATE_IN_PROGRESS.with([&home]));
    }
    guard::under(&cx, async |marks| {
        marks.enter(first_marks(&cx, &this, Op::StartOn)).await?;
        placement::assert_can_boot_here(&*cx.snapshot(), &this, &home, Wanted::START)?;
        boot(&cx, marks, &this, &home, paused).await
    })
    .await
}

/// The marks of a start that need not know the host.
fn first_marks(cx: &Cx, this: &Ref<Vm>, op: Op) -> Vec<Claim> {
    let target = this.clone();
    let machine = Claim::on(cx, this, op).begins(move |tx| prepare(tx, &target));
    vec![machine, disks(cx, this), cards(cx, this)]
}

/// All disks of a VM as being attached.
pub fn disks(cx: &Cx, this: &Ref<Vm>) -> Claim {
    let (one, other) = (this.clone(), this.clone());
    let entered = move |tx: &Tx| domain::disks(tx, &one);
    Claim::each::<Vbd>(cx, VbdOperations::Attach, entered, move |tx| tx.get(&other, vm::VBDs))
}

/// All cards of a VM as being attached.
pub fn cards(cx: &Cx, this: &Ref<Vm>) -> Claim {
    let (one, other) = (this.clone(), this.clone());
    let entered = move |tx: &Tx| tx.get(&one, vm::VIFs);
    Claim::each::<Vif>(cx, VifOperations::Attach, entered, move |tx| tx.get(&other, vm::VIFs))
}

/// A host as being reserved for a VM.
pub fn reserved(cx: &Cx, this: &Ref<Vm>, home: &Ref<Host>, op: HostAllowedOperations) -> Claim {
    let (target, host, coming) = (this.clone(), home.clone(), this.clone());
    let reserve = move |tx: &mut Tx| tx.set(&target, vm::scheduled_to_be_resident_on, host.clone());
    // A VM that has come to run there has been written down as such; this is for one that has not.
    let release = move |tx: &mut Tx| tx.set(&coming, vm::scheduled_to_be_resident_on, Ref::null());
    Claim::on(cx, home, op).begins(reserve).ends(release)
}

/// What a VM is given before its first placement.
fn prepare(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    settle_type(tx, this)?;
    let overhead = memory::overhead(tx.record(this)?);
    tx.set(this, vm::memory_overhead, overhead)?;
    if tx.get(this, vm::bios_strings)?.0.is_empty() {
        let generic = GENERIC_BIOS_STRINGS.iter().map(|(k, v)| (k.to_string(), v.to_string()));
        tx.set(this, vm::bios_strings, generic.collect())?;
    }
    Ok(())
}

/// Old records may not say how the guest is virtualised.
///
/// # Errors
/// HANDLE_INVALID.
pub fn settle_type(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    if tx.get(this, vm::domain_type)? == DomainType::Unspecified {
        let policy = tx.get(this, vm::HVM_boot_policy)?;
        let kind = if policy.is_empty() { DomainType::Pv } else { DomainType::Hvm };
        tx.set(this, vm::domain_type, kind)?;
    }
    Ok(())
}

/// The device model belongs to the firmware.
fn platform(record: &xapi_schema::Record) -> Map<String, String> {
    let mut platform = record.get(vm::platform);
    if record.get(vm::domain_type) == DomainType::Hvm {
        let uefi = record.get(vm::HVM_boot_params).get("firmware").is_some_and(|f| f == "uefi");
        let model = if uefi { "qemu-upstream-uefi" } else { "qemu-upstream-compat" };
        match platform.get("device-model").map(String::as_str) {
            None | Some("qemu-trad") => platform.set("device-model".into(), model.into()),
            Some(_) => {}
        }
        if platform.get("secureboot").is_some_and(|v| v == "auto") {
            platform.set("secureboot".into(), "false".into());
        }
    }
    platform
}

/// What is written before [`launch`]: what a boot decides anew, and that devices are attached.
///
/// # Errors
/// HANDLE_INVALID.
pub fn begin(tx: &mut Tx, this: &Ref<Vm>, afresh: bool) -> Result<()> {
    if afresh {
        begin_afresh(tx, this)?;
    }
    for device in domain::disks(tx, this)? {
        tx.set(&device, vbd::currently_attached, true)?;
    }
    for card in tx.get(this, vm::VIFs)? {
        tx.set(&card, vif::currently_attached, true)?;
    }
    for device in tx.get(this, vm::VUSBs)? {
        tx.set(&device, vusb::currently_attached, true)?;
    }
    Ok(())
}

fn begin_afresh(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    let record = tx.record(this)?.clone();
    if record.get(vm::ha_restart_priority) == "restart" {
        tx.set(this, vm::ha_always_run, true)?;
    }
    tx.set(this, vm::platform, platform(&record))?;
    let agent = record.get(vm::guest_metrics);
    tx.set(this, vm::guest_metrics, Ref::null())?;
    if tx.exists(&agent) {
        tx.destroy(&agent)?;
    }
    if record.get(vm::generation_id) == "0:0" {
        tx.set(this, vm::generation_id, generation_id())?;
    }
    Ok(())
}

async fn boot(cx: &Cx, marks: &mut Marks, this: &Ref<Vm>, home: &Ref<Host>, paused: bool) -> Result<()> {
    let target = this.clone();
    let begun =
        reserved(cx, this, home, HostAllowedOperations::VmStart).begins(move |tx| begin(tx, &target, true));
    marks.enter(vec![begun]).await?;
    let how = How { paused, afresh: true, image: None, cancel: true };
    if let Err(failure) = launch(cx, this, home, how).await {
        let target = this.clone();
        cx.commit(move |tx| reset::halted(tx, &target, false)).await?;
        epoch::end(cx, this).await;
        return Err(failure);
    }
    wait(cx, cx.snapshot().get(this, vm::start_delay)?).await;
    Ok(())
}

/// A delay an administrator set between VMs; whoever cancels the task need not wait for it.
pub async fn wait(cx: &Cx, seconds: i64) {
    if seconds > 0 {
        tokio::select! {
            () = tokio::time::sleep(std::time::Duration::from_secs(seconds as u64)) => {}
            () = cx.task.cancelled() => {}
        }
    }
}

/// Two random numbers that tell a guest it is not the one it was.
pub fn generation_id() -> String {
    let half = || {
        let bytes = *uuid::Uuid::new_v4().as_bytes();
        u64::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[9], bytes[10]])
            >> 1
    };
    format!("{}:{}", half(), half())
}

/// How a domain is to come to be.
pub struct How {
    /// It stays paused.
    pub paused: bool,
    /// It is a boot of its own, and not a part of a reboot or of going on; a message tells of it.
    pub afresh: bool,
    /// The SR and the location of the memory it continues with.
    pub image: Option<(String, String)>,
    /// Whoever cancels the task ends the work, too: not where a domain just gave way to this one.
    pub cancel: bool,
}

/// Builds the domain of a VM, from a memory image or afresh, and writes what became of it; after [`begin`].
///
/// # Errors
/// Those of the hypervisor, TASK_CANCELLED; then there is no domain, and the record is as it was but for what a boot decides and
/// `currently_attached` of its devices.
pub async fn launch(cx: &Cx, this: &Ref<Vm>, home: &Ref<Host>, how: How) -> Result<()> {
    let How { paused, afresh, image, cancel } = how;
    let restored = image.is_some();
    vtpm::keep(cx, this).await?;
    link::bring_up_for(cx, this).await?;
    let usb = vusbs::plugged(cx, this, home).await?;
    let spec = DomainSpec { usb, ..domain::spec(&*cx.snapshot(), this)? };
    tracing::debug!(vm = %this, "it can be built");
    let uuid = spec.uuid.clone();
    let hypervisor = &cx.xapi.backends.hypervisor;
    let building = async {
        match image {
            Some(image) => hypervisor.restore(spec, image).await,
            None => {
                epoch::begin(cx, this).await?;
                hypervisor.build(spec).await
            }
        }
    };
    let still_wanted = || if cancel { cx.check_cancelled() } else { Ok(()) };
    let started = match until_cancelled(cx, cancel, &uuid, building).await {
        Ok(started) => started,
        Err(failure) => return still_wanted().and(Err(failure)),
    };
    tracing::debug!(vm = %this, "it is built");
    let has_agent = started.has_agent;
    let mut told = None;
    let running = async {
        still_wanted()?;
        told = record_start(cx, this, home, started, Written { paused, afresh, restored }).await?;
        tracing::debug!(vm = %this, "that is written down");
        // A guest is limited before it can send anything.
        locking::apply_all(cx, this).await?;
        if paused { Ok(()) } else { hypervisor.unpause(&uuid).await }
    };
    if let Err(failure) = running.await {
        if let Some(told) = told
            && let Err(failure) = cx.commit(move |tx| tx.destroy(&told)).await
        {
            tracing::warn!(%failure, vm = %this, "the message of a failed start could not be taken back");
        }
        // A domain nobody knows of must not stay behind.
        if let Err(failure) = hypervisor.destroy(&uuid).await {
            tracing::error!(%failure, vm = %this, "the domain of a failed start could not be ended");
        }
        return Err(failure);
    }
    tracing::debug!(vm = %this, "it goes on");
    if has_agent { guest::read_agent(cx, this).await } else { Ok(()) }
}

/// Waits for a domain; whoever cancels the task ends its waiting for others. What has begun is not broken off: half a domain
/// is worse than one that is taken away again.
async fn until_cancelled<T>(cx: &Cx, cancel: bool, uuid: &str, building: impl Future<Output = T>) -> T {
    let mut building = std::pin::pin!(building);
    if cancel {
        tokio::select! {
            outcome = &mut building => return outcome,
            () = cx.task.cancelled() => cx.xapi.backends.hypervisor.give_up(uuid).await,
        }
    }
    building.await
}

/// How a start is written down.
struct Written {
    paused: bool,
    afresh: bool,
    restored: bool,
}

/// Writes that a domain is there; answers the message that tells of it, where one does.
async fn record_start(
    cx: &Cx,
    this: &Ref<Vm>,
    home: &Ref<Host>,
    started: Started,
    how: Written,
) -> Result<Option<Ref<Message>>> {
    let Written { paused, afresh, restored } = how;
    let (target, host, now) = (this.clone(), home.clone(), cx.clock().date());
    // One change, and before the guest goes on: it waits for it, and each has a flush of its own, which takes longest
    // while a guest begins.
    cx.commit(move |tx| {
        tx.set(&target, vm::resident_on, host.clone())?;
        tx.set(&target, vm::scheduled_to_be_resident_on, Ref::null())?;
        let kind = tx.get(&target, vm::domain_type)?;
        reset::set_domain_type(tx, &target, kind)?;
        tx.set(&target, vm::power_state, if paused { State::Paused } else { State::Running })?;
        guest::appear(tx, &target, now)?;
        tx.set(&target, vm::domid, started.domid)?;
        let goal = tx.get(&target, vm::memory_dynamic_max)?;
        tx.set(&target, vm::memory_target, goal)?;
        let metrics = tx.get(&target, vm::metrics)?;
        if tx.exists(&metrics) {
            let hvm = tx.get(&target, vm::domain_type)? == DomainType::Hvm;
            let vcpus = tx.get(&target, vm::VCPUs_at_startup)?;
            tx.set(&metrics, vm_metrics::hvm, hvm)?;
            if !restored {
                tx.set(&metrics, vm_metrics::start_time, now)?;
            }
            tx.set(&metrics, vm_metrics::VCPUs_number, vcpus)?;
            tx.set(&metrics, vm_metrics::memory_actual, goal)?;
        }
        let flags = [("vendor", started.cpu_vendor), ("features", started.cpu_features)];
        let flags = flags.into_iter().map(|(k, v)| (k.to_string(), v)).collect();
        tx.set(&target, vm::last_boot_CPU_flags, flags)?;
        for device in domain::disks(tx, &target)? {
            let position = crate::handlers::vbd::disk(tx, &device)?.position;
            if let Some((_, name)) = started.disks.iter().find(|(at, _)| *at == position) {
                tx.set(&device, vbd::device, name.clone())?;
            }
        }
        pci::attach(tx, &target, &host)?;
        console::offer(tx, &target, &host)?;
        reset::recompute_devices(tx, &target)?;
        rules::refresh(tx, &target)?;
        let what = afresh.then(|| format!("started {}", note::on_host(tx, &host)));
        Ok(what.and_then(|what| note::write_within(tx, &target, "VM_STARTED", &what, now)))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_ids_are_two_numbers_of_63_bits() {
        for _ in 0..100 {
            let id = generation_id();
            let (a, b) = id.split_once(':').unwrap();
            assert!(a.parse::<i64>().is_ok() && b.parse::<i64>().is_ok(), "{id}");
        }
    }
}
