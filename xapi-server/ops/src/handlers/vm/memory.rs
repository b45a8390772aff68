//! Memory of VMs: what a VM costs beside its own memory, which limits make sense, what a host has left.

use xapi_schema::{
    Failure, Record, Ref, Result,
    classes::{
        DomainType, Host, Vm, VmOperations as Op, VmPowerState as State, host, host_metrics, vm, vm_metrics,
    },
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry, guard, rules};

/// Bytes of a MiB.
pub const MIB: i64 = 1 << 20;

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::compute_memory_overhead, compute_memory_overhead);
    on.on(vm::call::maximise_memory, maximise_memory);
    on.on(vm::call::set_memory_dynamic_max, |cx, this, max| dynamic(cx, this, None, Some(max)));
    on.on(vm::call::set_memory_dynamic_min, |cx, this, min| dynamic(cx, this, Some(min), None));
    on.on(vm::call::set_memory_dynamic_range, |cx, this, min, max| dynamic(cx, this, Some(min), Some(max)));
    on.on(vm::call::set_memory_static_max, |cx, this, max| r#static(cx, this, None, Some(max)));
    on.on(vm::call::set_memory_static_min, |cx, this, min| r#static(cx, this, Some(min), None));
    on.on(vm::call::set_memory_static_range, |cx, this, min, max| r#static(cx, this, Some(min), Some(max)));
    on.on(vm::call::set_memory_limits, set_memory_limits);
    on.on(vm::call::set_memory, set_memory);
    on.on(vm::call::set_memory_target_live, set_memory_target_live);
    on.on(vm::call::wait_memory_target_live, wait_memory_target_live);
    on.on(vm::call::set_HVM_shadow_multiplier, set_shadow_multiplier);
    on.on(vm::call::set_shadow_multiplier_live, set_shadow_multiplier_live);
}

fn ceil_div(a: i64, b: i64) -> i64 {
    a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0)
}

/// MiB the hypervisor needs for a VM beside the VM's own memory.
fn overhead_mib(kind: DomainType, vcpus: i64, static_max: i64, multiplier: f64) -> i64 {
    let memory = ceil_div(static_max, MIB);
    let shadow = ceil_div(256 * vcpus + 2 * memory, 256) as f64 * multiplier;
    let (internal, shim) = match kind {
        DomainType::Pv => (0, 0),
        DomainType::PvInPvh => (1, 23 + memory / 90),
        _ => (1, 0),
    };
    internal + 1 + (shadow.trunc() as i64).max(1) + ceil_div(38 * vcpus, 256) + shim
}

/// Bytes the hypervisor needs for a VM beside the VM's own memory.
pub fn overhead(record: &Record) -> i64 {
    let (vcpus, memory) = (record.get(vm::VCPUs_max), record.get(vm::memory_static_max));
    overhead_mib(record.get(vm::domain_type), vcpus, memory, record.get(vm::HVM_shadow_multiplier)) * MIB
}

/// Bytes a VM needs to be started.
pub fn needed_to_start(record: &Record) -> i64 {
    let kind = record.get(vm::domain_type);
    let policy = match kind {
        DomainType::PvInPvh => record.get(vm::memory_static_max),
        _ => record.get(vm::memory_dynamic_min),
    };
    let multiplier = if kind == DomainType::Pv { 1.0 } else { record.get(vm::HVM_shadow_multiplier) };
    let (vcpus, memory) = (record.get(vm::VCPUs_max), record.get(vm::memory_static_max));
    ceil_div(policy, MIB) * MIB + overhead_mib(kind, vcpus, memory, multiplier) * MIB
}

/// Bytes a host has left, not counting what is reserved there for `candidate`.
///
/// # Errors
/// HANDLE_INVALID.
pub fn free_on_host(read: &impl Read, home: &Ref<Host>, candidate: Option<&Ref<Vm>>) -> Result<i64> {
    let record = read.record(home)?;
    let total = read.get(&record.get(host::metrics), host_metrics::memory_total)?;
    let mut free = total - record.get(host::memory_overhead);
    for row in read.rows(xapi_schema::ClassId::Vm) {
        let here = row.record.get(vm::resident_on) == *home;
        let coming = row.record.get(vm::scheduled_to_be_resident_on) == *home
            && candidate.is_none_or(|candidate| candidate.text() != &row.reference);
        if here || coming {
            free -= row.record.get(vm::memory_dynamic_min) + row.record.get(vm::memory_overhead);
        }
    }
    Ok(free.max(0))
}

async fn compute_memory_overhead(cx: Cx, this: Ref<Vm>) -> Result<i64> {
    Ok(overhead(cx.snapshot().record(&this)?))
}

/// The largest whole number of MiB a VM can have within `total` bytes.
async fn maximise_memory(cx: Cx, this: Ref<Vm>, total: i64, approximate: bool) -> Result<i64> {
    let record = cx.snapshot().record(&this)?.clone();
    let vcpus = if approximate { 64 } else { record.get(vm::VCPUs_max) };
    let (kind, multiplier) = (record.get(vm::domain_type), record.get(vm::HVM_shadow_multiplier));
    let fits = |mib: i64| (mib + overhead_mib(kind, vcpus, mib * MIB, multiplier)) * MIB <= total;
    let (mut low, mut high) = (0, total.max(0) / MIB + 1);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle } else { high = middle }
    }
    Ok(low * MIB)
}

/// The four limits of a VM's memory, bytes.
#[derive(Debug, Clone, Copy)]
struct Limits {
    static_min: i64,
    dynamic_min: i64,
    dynamic_max: i64,
    static_max: i64,
}

impl Limits {
    fn of(record: &Record) -> Limits {
        Limits {
            static_min: record.get(vm::memory_static_min),
            dynamic_min: record.get(vm::memory_dynamic_min),
            dynamic_max: record.get(vm::memory_dynamic_max),
            static_max: record.get(vm::memory_static_max),
        }
    }

    fn check(&self, read: &impl Read, record: &Record) -> Result<()> {
        let nested = read.get(&record.get(vm::metrics), vm_metrics::nested_virt).unwrap_or(false);
        let pinned = self.dynamic_min == self.dynamic_max && self.dynamic_max == self.static_max;
        let why = match () {
            () if record.get(vm::is_control_domain) => Some("control domain"),
            () if nested => Some("nested virt"),
            () => None,
        };
        if let Some(why) = why.filter(|_| !pinned) {
            return Err(errors::MEMORY_CONSTRAINT_VIOLATION_MAXPIN.with([why]));
        }
        let ordered = self.static_min <= self.dynamic_min
            && self.dynamic_min <= self.dynamic_max
            && self.dynamic_max <= self.static_max;
        if ordered { Ok(()) } else { Err(errors::MEMORY_CONSTRAINT_VIOLATION_ORDER.bare()) }
    }

    fn write(&self, tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
        let record = tx.record(this)?.clone();
        self.check(tx, &record)?;
        tx.set(this, vm::memory_static_min, self.static_min)?;
        tx.set(this, vm::memory_static_max, self.static_max)?;
        tx.set(this, vm::memory_dynamic_min, self.dynamic_min)?;
        tx.set(this, vm::memory_dynamic_max, self.dynamic_max)?;
        tx.set(this, vm::memory_target, self.dynamic_min)?;
        let overhead = overhead(tx.record(this)?);
        tx.set(this, vm::memory_overhead, overhead)
    }
}

async fn set_memory_limits(
    cx: Cx,
    this: Ref<Vm>,
    static_min: i64,
    static_max: i64,
    dynamic_min: i64,
    dynamic_max: i64,
) -> Result<()> {
    let (target, limits) = (this.clone(), Limits { static_min, dynamic_min, dynamic_max, static_max });
    let work = cx.commit(move |tx| limits.write(tx, &target));
    guard::within(&cx, &this, Op::ChangingMemoryLimits, work).await
}

async fn set_memory(cx: Cx, this: Ref<Vm>, value: i64) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| {
        let before = Limits::of(tx.record(&target)?);
        Limits { dynamic_min: value, dynamic_max: value, static_max: value, ..before }.write(tx, &target)
    });
    guard::within(&cx, &this, Op::ChangingMemoryLimits, work).await
}

async fn r#static(cx: Cx, this: Ref<Vm>, min: Option<i64>, max: Option<i64>) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| {
        let record = tx.record(&target)?.clone();
        let mut limits = Limits::of(&record);
        limits.static_min = min.unwrap_or(limits.static_min);
        limits.static_max = max.unwrap_or(limits.static_max);
        limits.check(tx, &record)?;
        tx.set(&target, vm::memory_static_min, limits.static_min)?;
        tx.set(&target, vm::memory_static_max, limits.static_max)?;
        let overhead = overhead(tx.record(&target)?);
        tx.set(&target, vm::memory_overhead, overhead)
    });
    guard::within(&cx, &this, Op::ChangingStaticRange, work).await
}

async fn dynamic(cx: Cx, this: Ref<Vm>, min: Option<i64>, max: Option<i64>) -> Result<()> {
    guard::within(&cx, &this, Op::ChangingDynamicRange, change_dynamic(&cx, &this, min, max)).await
}

async fn change_dynamic(cx: &Cx, this: &Ref<Vm>, min: Option<i64>, max: Option<i64>) -> Result<()> {
    let before = cx.snapshot().record(this)?.clone();
    let running = before.get(vm::power_state) == State::Running && !before.get(vm::is_control_domain);
    let target = this.clone();
    let wanted = cx
        .commit(move |tx| {
            let record = tx.record(&target)?.clone();
            let old = Limits::of(&record);
            let new = Limits {
                dynamic_min: min.unwrap_or(old.dynamic_min),
                dynamic_max: max.unwrap_or(old.dynamic_max),
                ..old
            };
            new.check(tx, &record)?;
            if running {
                let free = free_on_host(tx, &record.get(vm::resident_on), None)?;
                let more = new.dynamic_min - old.dynamic_min;
                if more > free {
                    // KiB only here, as the original has it.
                    let params = [(more / 1024).to_string(), (free / 1024).to_string()];
                    return Err(errors::HOST_NOT_ENOUGH_FREE_MEMORY.with(params));
                }
            }
            tx.set(&target, vm::memory_target, new.dynamic_min)?;
            tx.set(&target, vm::memory_dynamic_min, new.dynamic_min)?;
            tx.set(&target, vm::memory_dynamic_max, new.dynamic_max)?;
            Ok(new.dynamic_max)
        })
        .await?;
    if !running {
        return Ok(());
    }
    let told = cx.xapi.backends.hypervisor.set_memory_target(&before.get(vm::uuid), wanted).await;
    let target = this.clone();
    match told {
        Ok(()) => cx.commit(move |tx| tx.set(&target, vm::memory_target, wanted)).await,
        Err(failure) => {
            let old = Limits::of(&before);
            cx.commit(move |tx| {
                tx.set(&target, vm::memory_dynamic_min, old.dynamic_min)?;
                tx.set(&target, vm::memory_dynamic_max, old.dynamic_max)?;
                tx.set(&target, vm::memory_target, before.get(vm::memory_target))
            })
            .await?;
            Err(failure)
        }
    }
}

/// The balloon follows the dynamic range; a target of its own is accepted and has no effect.
async fn set_memory_target_live(cx: Cx, this: Ref<Vm>, _: i64) -> Result<()> {
    guard::within(&cx, &this, Op::ChangingMemoryLive, async { Ok(()) }).await
}

async fn wait_memory_target_live(cx: Cx, this: Ref<Vm>) -> Result<()> {
    let work = async {
        let uuid = cx.snapshot().get(&this, vm::uuid)?;
        for _ in 0..256 {
            let domains = cx.xapi.backends.hypervisor.domains().await?;
            let Some(domain) = domains.into_iter().find(|domain| domain.uuid == uuid) else {
                return Err(Failure::internal(format!("{this} has no domain")));
            };
            if (domain.memory - cx.snapshot().get(&this, vm::memory_target)?).abs() <= MIB {
                let target = this.clone();
                return cx
                    .commit(move |tx| {
                        let metrics = tx.get(&target, vm::metrics)?;
                        tx.set(&metrics, vm_metrics::memory_actual, domain.memory)
                    })
                    .await;
            }
            cx.check_cancelled()?;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        Err(errors::VM_MEMORY_TARGET_WAIT_TIMEOUT.with([cx.task_key().as_str()]))
    };
    guard::within(&cx, &this, Op::AwaitingMemoryLive, work).await
}

async fn set_shadow_multiplier(cx: Cx, this: Ref<Vm>, value: f64) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| {
        if value.is_nan() || value < 1.0 {
            return Err(errors::INVALID_VALUE.with(["multiplier".to_string(), value.to_string()]));
        }
        tx.set(&target, vm::HVM_shadow_multiplier, value)?;
        let overhead = overhead(tx.record(&target)?);
        tx.set(&target, vm::memory_overhead, overhead)
    });
    guard::within(&cx, &this, Op::ChangingShadowMemory, work).await
}

/// Shadow memory of a running guest is the hypervisor's own business nowadays; the field follows.
async fn set_shadow_multiplier_live(cx: Cx, this: Ref<Vm>, value: f64) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| {
        let record = tx.record(&target)?.clone();
        if record.get(vm::domain_type) == DomainType::Pv {
            return Ok(());
        }
        let (before, home) = (record.get(vm::memory_overhead), record.get(vm::resident_on));
        tx.set(&target, vm::HVM_shadow_multiplier, value)?;
        let after = overhead(tx.record(&target)?);
        let free = free_on_host(tx, &home, None)?;
        if after - before > free {
            let params = [(after - before).to_string(), free.to_string()];
            return Err(errors::HOST_NOT_ENOUGH_FREE_MEMORY.with(params));
        }
        tx.set(&target, vm::memory_overhead, after)?;
        rules::refresh(tx, &target)
    });
    guard::within(&cx, &this, Op::ChangingShadowMemoryLive, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_is_what_the_original_reports() {
        assert_eq!(overhead_mib(DomainType::Hvm, 1, 256 * MIB, 1.0), 6);
        assert_eq!(overhead_mib(DomainType::Hvm, 4, 512 * MIB, 1.0), 11);
        assert_eq!(overhead_mib(DomainType::Pv, 2, 4096 * MIB, 1.0), 36);
    }
}
