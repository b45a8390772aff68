//! Suspending to a memory image and coming back.

use xapi_backend::hypervisor::{Reply, Request};
use xapi_schema::{
    Record, Ref, Result, Value,
    classes::{
        Host, HostAllowedOperations, Sr, Vdi, Vm, VmOperations as Op, VmPowerState as State, host, pool, sr,
        vdi, vm,
    },
    errors,
};
use xapi_store::Read;

use super::{
    guest,
    memory::MIB,
    note,
    placement::{self, Wanted},
    reset,
    start::{self, How},
};
use crate::{
    Cx, Registry,
    guard::{self, Claim},
    handlers::{vdi as disk, vtpm},
    unfinished::{self, Whole},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::suspend, suspend);
    on.on(vm::call::resume, resume);
    on.on(vm::call::resume_on, resume_on);
}

/// The first SR that is chosen for memory images and reachable.
///
/// # Errors
/// VM_NO_SUSPEND_SR [vm].
pub fn image_sr(read: &impl Read, this: &Ref<Vm>) -> Result<Ref<Sr>> {
    let record = read.record(this)?;
    let home = record.get(vm::resident_on);
    let pools = read.all::<xapi_schema::classes::Pool>();
    let of_pool = pools.first().and_then(|p| read.get(p, pool::suspend_image_SR).ok());
    let of_host = read.get(&home, host::suspend_image_sr).ok();
    let chosen = [Some(record.get(vm::suspend_SR)), of_pool, of_host].into_iter().flatten();
    let mut usable = chosen.filter(|sr| read.exists(sr) && placement::sees(read, &home, sr));
    usable.next().ok_or_else(|| errors::VM_NO_SUSPEND_SR.with([this]))
}

/// Room for the memory of a guest and what belongs to it.
fn image_size(static_max: i64) -> i64 {
    (static_max as f64 * 1.2 * 1.05) as i64 + 100 * MIB
}

/// Writes the memory of a running VM to a new disk and ends its domain.
///
/// # Errors
/// As [`write_image`].
pub async fn save(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let (image, resume_data) = write_image(cx, this).await?;
    let (target, host) = (this.clone(), cx.host().clone());
    cx.commit(move |tx| {
        unfinished::settle(tx, &host, std::slice::from_ref(&image), &[])?;
        tx.set(&target, vm::last_booted_record, resume_data)?;
        reset::suspended(tx, &target)
    })
    .await
}

/// Writes the memory of a running VM to a new disk and ends its domain; the record says it runs still, see
/// [`is_between`]. Answers the disk and what is needed to restore it.
///
/// # Errors
/// VM_NO_SUSPEND_SR [vm], SR_SUSPEND_SPACE_INSUFFICIENT [sr], those of the hypervisor. The VM runs on then.
pub async fn write_image(cx: &Cx, this: &Ref<Vm>) -> Result<(Ref<Vdi>, String)> {
    let snapshot = cx.snapshot();
    let home = image_sr(&*snapshot, this)?;
    let record = snapshot.record(this)?;
    let size = image_size(record.get(vm::memory_static_max));
    let members = Value::map([
        ("name_label", Value::str("Suspend image")),
        ("name_description", Value::str("Suspend image")),
        ("SR", Value::Str(home.text().clone())),
        ("virtual_size", Value::Int(size)),
        ("type", Value::str("suspend")),
        ("sharable", Value::Bool(false)),
        ("read_only", Value::Bool(false)),
        ("other_config", Value::map::<&str>([])),
        (
            "sm_config",
            Value::map([
                ("vmhint", Value::str(record.get(vm::uuid))),
                ("initial_allocation", Value::str(size.to_string())),
            ]),
        ),
    ]);
    let image = match disk::create_disk(cx, &members, Whole::Later).await {
        Err(failure) if failure.code == "SR_BACKEND_FAILURE_44" => {
            return Err(errors::SR_SUSPEND_SPACE_INSUFFICIENT.with([&home]));
        }
        other => other?,
    };
    // From here on the next start knows the image by the VM, see [`settle`].
    let (target, written, here) = (this.clone(), image.clone(), cx.host().clone());
    cx.commit(move |tx| {
        tx.set(&target, vm::suspend_VDI, written.clone())?;
        unfinished::settle(tx, &here, &[written], &[])
    })
    .await?;
    match freeze(cx, this, &image).await {
        Ok(resume_data) => Ok((image, resume_data)),
        Err(failure) => {
            let target = this.clone();
            cx.commit(move |tx| tx.set(&target, vm::suspend_VDI, Ref::null())).await?;
            unfinished::abandon(cx, &image).await;
            Err(failure)
        }
    }
}

/// Asks the guest to hold still, then takes its memory.
async fn freeze(cx: &Cx, this: &Ref<Vm>, image: &Ref<Vdi>) -> Result<String> {
    let uuid = cx.snapshot().get(this, vm::uuid)?;
    let hypervisor = &cx.xapi.backends.hypervisor;
    match hypervisor.ask(&uuid, Request::Suspend, 1_200).await? {
        Reply::Done => {}
        Reply::Ignored => return Err(errors::VM_FAILED_SUSPEND_ACKNOWLEDGMENT.with([this])),
        Reply::TimedOut => return Err(errors::VM_SUSPEND_TIMEOUT.with([this.as_str(), "1200."])),
    }
    cx.check_cancelled()?;
    let place = place(&*cx.snapshot(), image)?;
    guest::keep_variables(cx, this).await?;
    let saved = hypervisor.save(&uuid, place).await?;
    vtpm::keep_now_or_later(cx, this).await;
    Ok(saved)
}

fn place(read: &impl Read, image: &Ref<Vdi>) -> Result<(String, String)> {
    let record = read.record(image)?;
    Ok((read.get(&record.get(vdi::SR), sr::uuid)?, record.get(vdi::location)))
}

/// The disk goes first: a VM that still names it is how the next start finds it.
async fn drop_image(cx: &Cx, this: &Ref<Vm>, image: &Ref<Vdi>) -> Result<()> {
    if let Err(failure) = disk::destroy(cx, image).await {
        tracing::warn!(%failure, vdi = %image, "a memory image could not be destroyed");
    }
    let target = this.clone();
    cx.commit(move |tx| tx.set(&target, vm::suspend_VDI, Ref::null())).await
}

/// The VM's record says it runs and names a memory image: a suspend or resume was at work on it.
pub fn is_between(record: &Record) -> bool {
    let runs = matches!(record.get(vm::power_state), State::Running | State::Paused);
    runs && record.get(vm::suspend_VDI).not_null().is_some()
}

/// Makes a VM suspended again whose domain was built from its memory image and never went on; false when there is no
/// whole image, and then nothing has changed.
///
/// # Errors
/// Those of the hypervisor and the store.
pub async fn back_to_image(cx: &Cx, this: &Ref<Vm>) -> Result<bool> {
    let record = cx.snapshot().record(this)?.clone();
    let hypervisor = &cx.xapi.backends.hypervisor;
    let whole = match place(&*cx.snapshot(), &record.get(vm::suspend_VDI)) {
        Ok(place) => hypervisor.is_whole(place).await?,
        Err(_) => false,
    };
    if !whole {
        return Ok(false);
    }
    hypervisor.destroy(&record.get(vm::uuid)).await?;
    let target = this.clone();
    cx.commit(move |tx| reset::suspended(tx, &target)).await?;
    Ok(true)
}

/// Finishes suspends and resumes that a killed toolstack left half-way: where the domain is, its image goes; where it
/// is gone, a whole image makes the VM suspended. To be called when storage is there and before clients come.
pub async fn settle(cx: &Cx) -> Result<()> {
    let snapshot = cx.snapshot();
    let mut between = Vec::new();
    for this in snapshot.all::<Vm>() {
        let record = snapshot.record(&this)?;
        if is_between(record) && !record.get(vm::is_a_template) && record.get(vm::resident_on) == *cx.host() {
            between.push((this, record.get(vm::uuid), record.get(vm::suspend_VDI)));
        }
    }
    if between.is_empty() {
        return Ok(());
    }
    let domains = cx.xapi.backends.hypervisor.domains().await?;
    for (this, uuid, image) in between {
        let runs = domains.iter().any(|domain| domain.uuid == uuid);
        if let Err(failure) = settle_one(cx, &this, &image, runs).await {
            tracing::error!(%failure, vm = %this, "a suspend or resume that was cut short could not be sorted out");
        }
    }
    Ok(())
}

async fn settle_one(cx: &Cx, this: &Ref<Vm>, image: &Ref<Vdi>, runs: bool) -> Result<()> {
    if runs {
        tracing::warn!(vm = %this, "the memory image of a VM that runs is removed");
        return drop_image(cx, this, image).await;
    }
    let whole = match place(&*cx.snapshot(), image) {
        // What cannot be read now may be whole; a resume will tell.
        Ok(place) => cx.xapi.backends.hypervisor.is_whole(place).await.unwrap_or(true),
        Err(_) => false,
    };
    let target = this.clone();
    if whole {
        tracing::warn!(vm = %this, "a suspend that was cut short is completed");
        return cx.commit(move |tx| reset::suspended(tx, &target)).await;
    }
    cx.commit(move |tx| reset::halted(tx, &target, false)).await?;
    drop_image(cx, this, image).await
}

async fn suspend(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let work = async {
        let target = this.clone();
        cx.commit(move |tx| tx.set(&target, vm::ha_always_run, false)).await?;
        save(&cx, &this).await
    };
    guard::within(&cx, &this, Op::Suspend, work).await?;
    note::write(&cx, &this, "VM_SUSPENDED", "suspended").await;
    Ok(())
}

/// Brings a suspended VM back on a host; it stays suspended with its image when that fails.
///
/// # Errors
/// VM_HAS_NO_SUSPEND_VDI ["VM", vm] (the VM is halted then), those of the hypervisor.
pub async fn restore(cx: &Cx, this: &Ref<Vm>, home: &Ref<Host>, paused: bool) -> Result<()> {
    let image = cx.snapshot().get(this, vm::suspend_VDI)?;
    let Ok(place) = place(&*cx.snapshot(), &image) else {
        let target = this.clone();
        cx.commit(move |tx| reset::halted(tx, &target, true)).await?;
        return Err(errors::VM_HAS_NO_SUSPEND_VDI.with(["VM", this.as_str()]));
    };
    launch(cx, this, home, How { paused, afresh: false, image: Some(place), cancel: true }).await?;
    let target = this.clone();
    cx.commit(move |tx| {
        if tx.get(&target, vm::ha_restart_priority)? == "restart" {
            tx.set(&target, vm::ha_always_run, true)?;
        }
        Ok(())
    })
    .await?;
    drop_image(cx, this, &image).await
}

/// Brings a VM whose memory was just written back from there; it is suspended with its image when that fails.
///
/// # Errors
/// Those of the hypervisor.
pub async fn continue_from(cx: &Cx, this: &Ref<Vm>, home: &Ref<Host>, image: &Ref<Vdi>) -> Result<()> {
    let place = place(&*cx.snapshot(), image)?;
    launch(cx, this, home, How { paused: false, afresh: false, image: Some(place), cancel: false }).await?;
    drop_image(cx, this, image).await
}

async fn launch(cx: &Cx, this: &Ref<Vm>, home: &Ref<Host>, how: How) -> Result<()> {
    let target = this.clone();
    cx.commit(move |tx| start::begin(tx, &target, false)).await?;
    let Err(failure) = start::launch(cx, this, home, how).await else { return Ok(()) };
    let target = this.clone();
    cx.commit(move |tx| reset::suspended(tx, &target)).await?;
    Err(failure)
}

async fn resume(cx: Cx, this: Ref<Vm>, paused: bool, _force: bool) -> Result<()> {
    let home = guard::under(&cx, async |marks| {
        let target = this.clone();
        let machine = Claim::on(&cx, &this, Op::Resume).begins(move |tx| start::settle_type(tx, &target));
        marks.enter(vec![machine, start::disks(&cx, &this)]).await?;
        let home = placement::choose(&*cx.snapshot(), &this)?;
        marks.enter(vec![start::reserved(&cx, &this, &home, HostAllowedOperations::VmResume)]).await?;
        restore(&cx, &this, &home, paused).await?;
        Ok(home)
    })
    .await?;
    tell_of_resume(&cx, &this, &home).await;
    Ok(())
}

async fn resume_on(cx: Cx, this: Ref<Vm>, home: Ref<Host>, paused: bool, _force: bool) -> Result<()> {
    guard::under(&cx, async |marks| {
        let machine = Claim::on(&cx, &this, Op::ResumeOn);
        marks.enter(vec![machine, start::disks(&cx, &this)]).await?;
        placement::assert_can_boot_here(&*cx.snapshot(), &this, &home, Wanted::START)?;
        marks.enter(vec![start::reserved(&cx, &this, &home, HostAllowedOperations::VmResume)]).await?;
        restore(&cx, &this, &home, paused).await
    })
    .await?;
    tell_of_resume(&cx, &this, &home).await;
    Ok(())
}

async fn tell_of_resume(cx: &Cx, this: &Ref<Vm>, home: &Ref<Host>) {
    let what = format!("resumed {}", note::on_host(&*cx.snapshot(), home));
    note::write(cx, this, "VM_RESUMED", &what).await;
}
