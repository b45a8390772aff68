//! Pausing, shutting down and rebooting.

use xapi_backend::hypervisor::{Activity, Reply, Request};
use xapi_schema::{
    ApiEnum, Failure, Ref, Result,
    classes::{Host, Vm, VmOperations as Op, VmPowerState as State, host, host_metrics, vm, vm_metrics},
    errors,
};
use xapi_store::Read;

use super::{epoch, guest, note, placement, reset, start};
use crate::{
    Cx, Registry, Xapi,
    guard::{self, Claim},
    handlers::vdi as disk,
    rules, task,
};

/// Seconds a guest has to shut down.
const PATIENCE: u64 = 1_200;

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::pause, pause);
    on.on(vm::call::unpause, unpause);
    on.on(vm::call::clean_shutdown, clean_shutdown);
    on.on(vm::call::hard_shutdown, hard_shutdown);
    on.on(vm::call::shutdown, shutdown);
    on.on(vm::call::clean_reboot, clean_reboot);
    on.on(vm::call::hard_reboot, hard_reboot);
    on.on(vm::call::power_state_reset, power_state_reset);
    on.on(vm::call::send_sysrq, send_sysrq);
    on.on(vm::call::send_trigger, send_trigger);
    on.on(vm::call::set_VCPUs_number_live, set_vcpus_number_live);
    on.on(vm::call::add_to_VCPUs_params_live, add_to_vcpus_params_live);
}

fn uuid_of(cx: &Cx, this: &Ref<Vm>) -> Result<String> {
    cx.snapshot().get(this, vm::uuid)
}

async fn set_state(cx: &Cx, this: &Ref<Vm>, state: State) -> Result<()> {
    let target = this.clone();
    cx.commit(move |tx| {
        tx.set(&target, vm::power_state, state)?;
        reset::recompute_devices(tx, &target)?;
        rules::refresh(tx, &target)
    })
    .await
}

async fn pause(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let work = async {
        cx.xapi.backends.hypervisor.pause(&uuid_of(&cx, &this)?).await?;
        set_state(&cx, &this, State::Paused).await
    };
    guard::within(&cx, &this, Op::Pause, work).await?;
    note::write(&cx, &this, "VM_PAUSED", "paused").await;
    Ok(())
}

async fn unpause(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let work = async {
        cx.xapi.backends.hypervisor.unpause(&uuid_of(&cx, &this)?).await?;
        set_state(&cx, &this, State::Running).await
    };
    guard::within(&cx, &this, Op::Unpause, work).await?;
    note::write(&cx, &this, "VM_UNPAUSED", "unpaused").await;
    Ok(())
}

/// HA must not start again what somebody stops on purpose.
async fn no_restart(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let target = this.clone();
    cx.commit(move |tx| tx.set(&target, vm::ha_always_run, false)).await
}

/// Asks the guest and waits; whoever cancels the task stops the waiting.
async fn ask(cx: &Cx, this: &Ref<Vm>, request: Request, seconds: u64) -> Result<()> {
    let uuid = uuid_of(cx, this)?;
    let reply = tokio::select! {
        reply = cx.xapi.backends.hypervisor.ask(&uuid, request, seconds) => reply?,
        () = cx.task.cancelled() => return cx.check_cancelled(),
    };
    match reply {
        Reply::Done => Ok(()),
        Reply::Ignored => Err(errors::VM_FAILED_SHUTDOWN_ACKNOWLEDGMENT.with([this])),
        Reply::TimedOut => Err(errors::VM_SHUTDOWN_TIMEOUT.with([this.to_string(), format!("{seconds}.")])),
    }
}

/// Writes that a domain is gone, then keeps the distance an administrator set.
async fn ended(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let target = this.clone();
    cx.commit(move |tx| reset::halted(tx, &target, false)).await?;
    epoch::end(cx, this).await;
    start::wait(cx, cx.snapshot().get(this, vm::shutdown_delay)?).await;
    Ok(())
}

async fn stop_cleanly(cx: &Cx, this: &Ref<Vm>, seconds: u64) -> Result<()> {
    ask(cx, this, Request::Poweroff, seconds).await?;
    guest::end(cx, this).await?;
    ended(cx, this).await
}

/// Ends a VM whatever it is doing; a suspended one loses its memory image.
///
/// # Errors
/// NO_HOSTS_AVAILABLE [] when no host sees the disks of a suspended VM, those of the hypervisor.
pub async fn stop(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let record = cx.snapshot().record(this)?.clone();
    match record.get(vm::power_state) {
        State::Halted => Ok(()),
        State::Suspended => {
            let image = record.get(vm::suspend_VDI);
            if cx.snapshot().exists(&image)
                && let Err(failure) = disk::destroy(cx, &image).await
            {
                tracing::warn!(%failure, vm = %this, "the memory image of a VM could not be destroyed");
            }
            let target = this.clone();
            cx.commit(move |tx| {
                tx.set(&target, vm::suspend_VDI, Ref::null())?;
                reset::halted(tx, &target, true)
            })
            .await?;
            epoch::end(cx, this).await;
            Ok(())
        }
        State::Running | State::Paused => {
            guest::end(cx, this).await?;
            ended(cx, this).await
        }
    }
}

async fn clean_shutdown(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let work = async {
        no_restart(&cx, &this).await?;
        stop_cleanly(&cx, &this, PATIENCE).await
    };
    guard::within(&cx, &this, Op::CleanShutdown, work).await?;
    note::write(&cx, &this, "VM_SHUTDOWN", "shutdown cleanly").await;
    Ok(())
}

/// Operations a forced end interrupts.
async fn interrupt(cx: &Cx, this: &Ref<Vm>, which: &[Op]) -> Result<()> {
    let current = cx.snapshot().get(this, vm::current_operations)?;
    for (key, _) in current.0.iter().filter(|(_, op)| which.contains(op)) {
        task::interrupt(&cx.xapi, key);
    }
    for _ in 0..600 {
        let current = cx.snapshot().get(this, vm::current_operations)?;
        if !current.0.iter().any(|(key, op)| which.contains(op) && *key != cx.task_key()) {
            return Ok(());
        }
        let _ =
            tokio::time::timeout(std::time::Duration::from_millis(200), cx.xapi.work_done.notified()).await;
    }
    // What cannot be interrupted loses its domain all the same.
    Ok(())
}

async fn hard_shutdown(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let interrupted = [
        Op::CleanShutdown,
        Op::CleanReboot,
        Op::HardReboot,
        Op::PoolMigrate,
        Op::CallPlugin,
        Op::Shutdown,
        Op::Suspend,
    ];
    let work = async {
        interrupt(&cx, &this, &interrupted).await?;
        no_restart(&cx, &this).await?;
        stop(&cx, &this).await
    };
    guard::within(&cx, &this, Op::HardShutdown, work).await?;
    note::write(&cx, &this, "VM_SHUTDOWN", "shutdown forcibly").await;
    Ok(())
}

/// Asks first, and insists when asking does not help.
///
/// # Errors
/// Those of the rules and the backend.
pub async fn shutdown(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let work = async {
        no_restart(&cx, &this).await?;
        let record = cx.snapshot().record(&this)?.clone();
        if record.get(vm::power_state) == State::Suspended {
            return stop(&cx, &this).await;
        }
        let delay = record.get(vm::shutdown_delay);
        let seconds = if delay > 0 { delay as u64 } else { PATIENCE };
        if let Err(failure) = stop_cleanly(&cx, &this, seconds).await {
            tracing::info!(%failure, vm = %this, "the guest did not shut down and is ended");
            cx.check_cancelled()?;
            stop(&cx, &this).await?;
        }
        Ok(())
    };
    guard::within(&cx, &this, Op::Shutdown, work).await?;
    note::write(&cx, &this, "VM_SHUTDOWN", "shutdown").await;
    Ok(())
}

async fn clean_reboot(cx: Cx, this: Ref<Vm>) -> Result<()> {
    guard::under(&cx, async |marks| {
        let machine = Claim::on(&cx, &this, Op::CleanReboot);
        marks.enter(vec![machine, start::disks(&cx, &this), start::cards(&cx, &this)]).await?;
        ask(&cx, &this, Request::Reboot, PATIENCE).await?;
        rebuild(&cx, &this).await
    })
    .await?;
    note::write(&cx, &this, "VM_REBOOTED", "rebooted cleanly").await;
    Ok(())
}

async fn hard_reboot(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let interrupted = [Op::CleanShutdown, Op::CleanReboot, Op::PoolMigrate, Op::CallPlugin, Op::Suspend];
    guard::under(&cx, async |marks| {
        marks.enter(vec![Claim::on(&cx, &this, Op::HardReboot)]).await?;
        interrupt(&cx, &this, &interrupted).await?;
        marks.enter(vec![start::disks(&cx, &this), start::cards(&cx, &this)]).await?;
        rebuild(&cx, &this).await
    })
    .await?;
    note::write(&cx, &this, "VM_REBOOTED", "rebooted forcibly").await;
    Ok(())
}

/// A new domain in place of the old one. Clients never see the VM leave `Running`.
///
/// # Errors
/// Those of the hypervisor; then the VM is halted.
pub async fn rebuild(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let record = cx.snapshot().record(this)?.clone();
    let home: Ref<Host> = match record.get(vm::resident_on).not_null() {
        Some(home) => home,
        None => placement::choose(&*cx.snapshot(), this)?,
    };
    if record.get(vm::power_state) == State::Suspended {
        return Err(errors::VM_BAD_POWER_STATE.with([this.as_str(), "running", "suspended"]));
    }
    guest::keep_variables(cx, this).await?;
    cx.xapi.backends.hypervisor.destroy_to_rebuild(&record.get(vm::uuid)).await?;
    let target = this.clone();
    let anew = async {
        cx.commit(move |tx| {
            guest::vanish(tx, &target)?;
            start::begin(tx, &target, false)
        })
        .await?;
        epoch::end(cx, this).await;
        let how = start::How { paused: false, afresh: false, image: None, cancel: false };
        start::launch(cx, this, &home, how).await
    };
    if let Err(failure) = anew.await {
        let target = this.clone();
        cx.commit(move |tx| reset::halted(tx, &target, false)).await?;
        epoch::end(cx, this).await;
        // There is nothing left to be built again.
        cx.xapi.backends.hypervisor.destroy(&record.get(vm::uuid)).await?;
        return Err(failure);
    }
    Ok(())
}

/// Nobody is at work at a VM: a start under way would give it a domain whose disks then count as free.
fn assert_left_alone(xapi: &Xapi, read: &impl Read, this: &Ref<Vm>) -> Result<()> {
    let current = read.get(this, vm::current_operations)?;
    match current.0.iter().find(|(key, _)| task::goes_on(xapi, key)) {
        Some((key, op)) => {
            Err(errors::OTHER_OPERATION_IN_PROGRESS.with(["VM", this.as_str(), op.as_str(), key]))
        }
        None => Ok(()),
    }
}

/// The last resort after a host died: the record is reset, no domain is touched. Unlike the original it is refused while work at
/// the VM goes on.
async fn power_state_reset(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(&this)?;
    assert_left_alone(&cx.xapi, &*snapshot, &this)?;
    if record.get(vm::is_control_domain) {
        return Err(errors::CANNOT_RESET_CONTROL_DOMAIN.with([&this]));
    }
    if matches!(record.get(vm::power_state), State::Running | State::Paused) {
        let home = record.get(vm::resident_on);
        let here = home == *cx.host();
        if here {
            let domains = cx.xapi.backends.hypervisor.domains().await?;
            let uuid = record.get(vm::uuid);
            if domains.iter().any(|d| d.uuid == uuid && d.activity == Activity::Running) {
                return Err(errors::DOMAIN_EXISTS.with([&this]));
            }
            cx.xapi.backends.hypervisor.destroy(&uuid).await?;
        } else {
            let metrics = snapshot.get(&home, host::metrics)?;
            if snapshot.get(&metrics, host_metrics::live).unwrap_or(false) {
                return Err(errors::HOST_IS_LIVE.with([&home]));
            }
        }
    }
    let xapi = cx.xapi.clone();
    cx.commit(move |tx| {
        assert_left_alone(&xapi, tx, &this)?;
        reset::halted(tx, &this, true)
    })
    .await
}

async fn send_sysrq(cx: Cx, this: Ref<Vm>, key: String) -> Result<()> {
    let work = async { cx.xapi.backends.hypervisor.send_sysrq(&uuid_of(&cx, &this)?, &key).await };
    guard::within(&cx, &this, Op::SendSysrq, work).await
}

async fn send_trigger(cx: Cx, this: Ref<Vm>, trigger: String) -> Result<()> {
    let work = async { cx.xapi.backends.hypervisor.send_trigger(&uuid_of(&cx, &this)?, &trigger).await };
    guard::within(&cx, &this, Op::SendTrigger, work).await
}

async fn set_vcpus_number_live(cx: Cx, this: Ref<Vm>, count: i64) -> Result<()> {
    let work = async {
        let record = cx.snapshot().record(&this)?.clone();
        let max = record.get(vm::VCPUs_max);
        if count < 1 || count > max {
            let text = "VCPU values must satisfy: 0 < VCPUs <= VCPUs_max".to_string();
            return Err(errors::INVALID_VALUE.with([text, max.to_string()]));
        }
        cx.xapi.backends.hypervisor.set_vcpus(&record.get(vm::uuid), count).await?;
        let target = this.clone();
        cx.commit(move |tx| {
            tx.set(&target, vm::VCPUs_at_startup, count)?;
            let metrics = tx.get(&target, vm::metrics)?;
            if tx.exists(&metrics) {
                tx.set(&metrics, vm_metrics::VCPUs_number, count)?;
            }
            Ok(())
        })
        .await
    };
    guard::within(&cx, &this, Op::ChangingVCPUsLive, work).await
}

async fn add_to_vcpus_params_live(cx: Cx, this: Ref<Vm>, _: String, _: String) -> Result<()> {
    let refused = async { Err(Failure::not_implemented("add_to_VCPUs_params_live")) };
    guard::within(&cx, &this, Op::ChangingVCPUsLive, refused).await
}
