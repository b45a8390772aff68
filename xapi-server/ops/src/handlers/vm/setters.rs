//! Setters of `VM` that check a value or do more than write a field.

mod config;
mod templates;

use xapi_schema::{
    ApiEnum, Map, Ref, Result,
    classes::{
        DomainType, OnCrashBehaviour, UpdateStatus, Vm, VmAppliance, VmGroup, VmOperations as Op,
        VmPowerState as State, VmSecurebootCertificatesState as Certificates, Vmpp, Vmss, vm,
    },
    errors,
};
use xapi_store::{Read, Tx};

use super::memory;
use crate::{Cx, Registry, guard, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    config::register(on);
    templates::register(on);
    on.on(vm::call::set_actions_after_crash, set_actions_after_crash);
    on.on(vm::call::set_VCPUs_max, set_vcpus_max);
    on.on(vm::call::set_VCPUs_at_startup, set_vcpus_at_startup);
    on.on(vm::call::set_has_vendor_device, set_has_vendor_device);
    on.on(vm::call::set_domain_type, set_domain_type);
    on.on(vm::call::set_HVM_boot_policy, set_hvm_boot_policy);
    on.on(vm::call::set_start_delay, |cx, this, value| not_negative(cx, this, vm::start_delay, value));
    on.on(vm::call::set_shutdown_delay, |cx, this, value| not_negative(cx, this, vm::shutdown_delay, value));
    on.on(vm::call::set_order, |cx, this, value| not_negative(cx, this, vm::order, value));
    on.on(vm::call::set_ha_restart_priority, set_ha_restart_priority);
    on.on(vm::call::set_ha_always_run, set_ha_always_run);
    on.on(vm::call::set_appliance, set_appliance);
    on.on(vm::call::set_groups, set_groups);
    on.on(vm::call::set_snapshot_schedule, set_snapshot_schedule);
    on.on(vm::call::set_protection_policy, set_protection_policy);
    on.on(vm::call::set_NVRAM_EFI_variables, set_nvram_efi_variables);
    on.on(vm::call::update_secureboot_certificates_on_boot, update_secureboot_certificates_on_boot);
}

async fn set_actions_after_crash(cx: Cx, this: Ref<Vm>, value: OnCrashBehaviour) -> Result<()> {
    cx.commit(move |tx| tx.set(&this, vm::actions_after_crash, value)).await
}

/// The wording is what clients show.
const VCPUS: &str = "VCPU values must satisfy: 0 < VCPUs_at_startup \u{2264} VCPUs_max";

fn write_overhead(tx: &mut Tx, this: &Ref<Vm>) -> Result<()> {
    let overhead = memory::overhead(tx.record(this)?);
    tx.set(this, vm::memory_overhead, overhead)
}

async fn set_vcpus_max(cx: Cx, this: Ref<Vm>, value: i64) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| {
        if value < 1 || value < tx.get(&target, vm::VCPUs_at_startup)? {
            return Err(errors::INVALID_VALUE.with([VCPUS.to_string(), value.to_string()]));
        }
        tx.set(&target, vm::VCPUs_max, value)?;
        let running = tx.get(&target, vm::power_state)? == State::Running;
        if running && tx.get(&target, vm::is_control_domain)? {
            tx.set(&target, vm::requires_reboot, true)?;
        }
        write_overhead(tx, &target)
    });
    guard::within(&cx, &this, Op::ChangingVCPUs, work).await
}

async fn set_vcpus_at_startup(cx: Cx, this: Ref<Vm>, value: i64) -> Result<()> {
    cx.commit(move |tx| {
        let record = tx.record(&this)?;
        if record.get(vm::is_control_domain) {
            let text = "The processors of the control domain are set when the host boots";
            return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
        }
        if value < 1 || value > record.get(vm::VCPUs_max) {
            return Err(errors::INVALID_VALUE.with([VCPUS.to_string(), value.to_string()]));
        }
        tx.set(&this, vm::VCPUs_at_startup, value)?;
        write_overhead(tx, &this)
    })
    .await
}

fn assert_halted(read: &impl Read, this: &Ref<Vm>) -> Result<()> {
    match read.get(this, vm::power_state)? {
        State::Halted => Ok(()),
        actual => {
            let params = [this.as_str(), "halted", rules::state_text(actual)];
            Err(errors::VM_BAD_POWER_STATE.with(params))
        }
    }
}

async fn set_has_vendor_device(cx: Cx, this: Ref<Vm>, value: bool) -> Result<()> {
    cx.commit(move |tx| {
        assert_halted(tx, &this)?;
        tx.set(&this, vm::has_vendor_device, value)?;
        if value {
            tx.update(&this, vm::hardware_platform_version, |version| *version = (*version).max(2))?;
        }
        Ok(())
    })
    .await
}

async fn set_domain_type(cx: Cx, this: Ref<Vm>, value: DomainType) -> Result<()> {
    if value == DomainType::Unspecified {
        return Err(errors::INVALID_VALUE.with(["domain_type", "unspecified"]));
    }
    cx.commit(move |tx| {
        assert_halted(tx, &this)?;
        tx.set(&this, vm::domain_type, value)?;
        let policy = if value == DomainType::Hvm { "BIOS order" } else { "" };
        tx.set(&this, vm::HVM_boot_policy, policy.to_string())?;
        write_overhead(tx, &this)
    })
    .await
}

async fn set_hvm_boot_policy(cx: Cx, this: Ref<Vm>, value: String) -> Result<()> {
    cx.commit(move |tx| {
        assert_halted(tx, &this)?;
        let kind = if value.is_empty() { DomainType::Pv } else { DomainType::Hvm };
        tx.set(&this, vm::domain_type, kind)?;
        tx.set(&this, vm::HVM_boot_policy, value)?;
        write_overhead(tx, &this)
    })
    .await
}

async fn not_negative(cx: Cx, this: Ref<Vm>, field: xapi_schema::Field<Vm, i64>, value: i64) -> Result<()> {
    if value < 0 {
        return Err(errors::INVALID_VALUE.with(["must not be negative".to_string(), value.to_string()]));
    }
    cx.commit(move |tx| tx.set(&this, field, value)).await
}

fn write_priority(tx: &mut Tx, this: &Ref<Vm>, value: &str) -> Result<()> {
    if !["", "best-effort", "restart"].contains(&value) {
        return Err(errors::INVALID_VALUE.with(["ha_restart_priority", value]));
    }
    if tx.get(this, vm::ha_restart_priority)? != value {
        tx.set(this, vm::ha_restart_priority, value.to_string())?;
        if tx.get(this, vm::power_state)? == State::Running {
            tx.set(this, vm::ha_always_run, value == "restart")?;
        }
    }
    rules::refresh(tx, this)
}

async fn set_ha_restart_priority(cx: Cx, this: Ref<Vm>, value: String) -> Result<()> {
    cx.commit(move |tx| write_priority(tx, &this, &value)).await
}

async fn set_ha_always_run(cx: Cx, this: Ref<Vm>, value: bool) -> Result<()> {
    cx.commit(move |tx| write_priority(tx, &this, if value { "restart" } else { "" })).await
}

/// Control domains, templates and snapshots belong to no appliance and no group.
fn assert_ordinary(read: &impl Read, this: &Ref<Vm>, what: &str) -> Result<()> {
    let record = read.record(this)?;
    let kind = match () {
        () if record.get(vm::is_control_domain) => "control domains",
        () if record.get(vm::is_a_snapshot) => "snapshots",
        () if record.get(vm::is_a_template) => "templates",
        () => return Ok(()),
    };
    Err(errors::OPERATION_NOT_ALLOWED.with([format!("{what} are not for {kind}")]))
}

async fn set_appliance(cx: Cx, this: Ref<Vm>, value: Ref<VmAppliance>) -> Result<()> {
    cx.commit(move |tx| {
        assert_ordinary(tx, &this, "Appliances")?;
        let before = tx.get(&this, vm::appliance)?;
        tx.set(&this, vm::appliance, value)?;
        rules::refresh(tx, &before)?;
        rules::refresh(tx, &this)?;
        Ok(())
    })
    .await
}

async fn set_groups(cx: Cx, this: Ref<Vm>, value: Vec<Ref<VmGroup>>) -> Result<()> {
    cx.commit(move |tx| {
        assert_ordinary(tx, &this, "Groups")?;
        if value.len() > 1 {
            return Err(errors::TOO_MANY_GROUPS.bare());
        }
        tx.set(&this, vm::groups, value)
    })
    .await
}

async fn set_snapshot_schedule(cx: Cx, this: Ref<Vm>, value: Ref<Vmss>) -> Result<()> {
    cx.commit(move |tx| {
        let none = value.is_null() || value.as_str().is_empty();
        if !none && !tx.exists(&value) {
            return Err(errors::INVALID_VALUE.with([&value]));
        }
        let record = tx.record(&this)?;
        if record.get(vm::is_control_domain) {
            return Err(errors::INVALID_VALUE.with([&value]));
        }
        if record.get(vm::is_a_template) {
            return Err(errors::VM_IS_TEMPLATE.with([&this]));
        }
        tx.set(&this, vm::snapshot_schedule, if none { Ref::null() } else { value })?;
        rules::refresh(tx, &this)
    })
    .await
}

async fn set_protection_policy(_: Cx, _: Ref<Vm>, _: Ref<Vmpp>) -> Result<()> {
    Err(errors::MESSAGE_REMOVED.bare())
}

/// The firmware's own variables, written by it in any state.
async fn set_nvram_efi_variables(cx: Cx, this: Ref<Vm>, value: String, update: UpdateStatus) -> Result<()> {
    cx.commit(move |tx| {
        tx.update(&this, vm::NVRAM, |nvram: &mut Map<String, String>| {
            nvram.set("EFI-variables".into(), value)
        })?;
        if update.as_str() == "yes" {
            tx.set(&this, vm::secureboot_certificates_state, Certificates::Ok)?;
        }
        Ok(())
    })
    .await
}

async fn update_secureboot_certificates_on_boot(cx: Cx, this: Ref<Vm>, mark: bool) -> Result<()> {
    cx.commit(move |tx| {
        let state = tx.get(&this, vm::secureboot_certificates_state)?;
        if state == Certificates::Ok {
            let text = "There is no update of the secure boot certificates to be made";
            return Err(errors::OPERATION_NOT_ALLOWED.with([text]));
        }
        let wanted = if mark { Certificates::UpdateOnBoot } else { Certificates::UpdateAvailable };
        tx.set(&this, vm::secureboot_certificates_state, wanted)
    })
    .await
}
