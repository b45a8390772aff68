//! Suspending to a memory image and coming back.

use xapi_backend::hypervisor::{Reply, Request};
use xapi_schema::{
    Ref, Result, Value,
    classes::{Host, HostAllowedOperations, Sr, Vdi, Vm, VmOperations as Op, host, pool, sr, vdi, vm},
    errors,
};
use xapi_store::Read;

use super::{
    memory::MIB,
    note,
    placement::{self, Wanted},
    reset, start,
};
use crate::{
    Cx, Registry, guard,
    handlers::vdi as disk,
    unfinished::{self, Whole},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::suspend, suspend);
    on.on(vm::call::resume, resume);
    on.on(vm::call::resume_on, resume_on);
}

/// The first SR that is chosen for memory images and reachable.
fn image_sr(read: &impl Read, this: &Ref<Vm>) -> Result<Ref<Sr>> {
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
/// VM_NO_SUSPEND_SR [vm], SR_SUSPEND_SPACE_INSUFFICIENT [sr], those of the hypervisor. The VM runs on then.
pub async fn save(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
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
    let (target, written) = (this.clone(), image.clone());
    cx.commit(move |tx| tx.set(&target, vm::suspend_VDI, written)).await?;
    match freeze(cx, this, &image).await {
        Ok(resume_data) => {
            let (target, host) = (this.clone(), cx.host().clone());
            cx.commit(move |tx| {
                unfinished::settle(tx, &host, std::slice::from_ref(&image), &[])?;
                tx.set(&target, vm::last_booted_record, resume_data)?;
                reset::suspended(tx, &target)
            })
            .await
        }
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
    hypervisor.save(&uuid, place).await
}

fn place(read: &impl Read, image: &Ref<Vdi>) -> Result<(String, String)> {
    let record = read.record(image)?;
    Ok((read.get(&record.get(vdi::SR), sr::uuid)?, record.get(vdi::location)))
}

async fn drop_image(cx: &Cx, image: &Ref<Vdi>) {
    if let Err(failure) = disk::destroy(cx, image).await {
        tracing::warn!(%failure, vdi = %image, "a memory image could not be destroyed");
    }
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
    if let Err(failure) = start::launch(cx, this, home, paused, Some(place)).await {
        let target = this.clone();
        cx.commit(move |tx| reset::suspended(tx, &target)).await?;
        return Err(failure);
    }
    let target = this.clone();
    cx.commit(move |tx| {
        if tx.get(&target, vm::ha_restart_priority)? == "restart" {
            tx.set(&target, vm::ha_always_run, true)?;
        }
        tx.set(&target, vm::suspend_VDI, Ref::null())
    })
    .await?;
    drop_image(cx, &image).await;
    Ok(())
}

async fn resume(cx: Cx, this: Ref<Vm>, paused: bool, _force: bool) -> Result<()> {
    let work = start::with_disks(&cx, &this, async {
        let target = this.clone();
        cx.commit(move |tx| start::settle_type(tx, &target)).await?;
        let home = placement::choose(&*cx.snapshot(), &this)?;
        let back = restore(&cx, &this, &home, paused);
        start::on_host(&cx, &this, &home, HostAllowedOperations::VmResume, back).await?;
        Ok(home)
    });
    let home = guard::within(&cx, &this, Op::Resume, work).await?;
    note::write(&cx, &this, "VM_RESUMED", &format!("resumed {}", note::on_host(&cx, &home))).await;
    Ok(())
}

async fn resume_on(cx: Cx, this: Ref<Vm>, home: Ref<Host>, paused: bool, _force: bool) -> Result<()> {
    let work = start::with_disks(&cx, &this, async {
        placement::assert_can_boot_here(&*cx.snapshot(), &this, &home, Wanted::START)?;
        let back = restore(&cx, &this, &home, paused);
        start::on_host(&cx, &this, &home, HostAllowedOperations::VmResume, back).await
    });
    guard::within(&cx, &this, Op::ResumeOn, work).await?;
    note::write(&cx, &this, "VM_RESUMED", &format!("resumed {}", note::on_host(&cx, &home))).await;
    Ok(())
}
