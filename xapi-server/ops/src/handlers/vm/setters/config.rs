//! Setters of a VM's maps.

use xapi_schema::{
    ApiType, Field, FromValue, Map, Ref, Result, Value,
    classes::{Host, Vdi, Vm, VmOperations as Op, VmPowerState as State, host, vm},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry, declared, guard, handlers::vm::start::GENERIC_BIOS_STRINGS, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::set_other_config, |cx, this, value| set_map(cx, this, vm::other_config, value));
    on.on(vm::call::add_to_other_config, |cx, this, k, v| {
        add(cx, this, vm::other_config, "other_config", k, v)
    });
    on.on(vm::call::remove_from_other_config, |cx, this, k| remove(cx, this, vm::other_config, k));
    on.on(vm::call::set_platform, |cx, this, value| set_map(cx, this, vm::platform, value));
    on.on(vm::call::add_to_platform, |cx, this, k, v| add(cx, this, vm::platform, "platform", k, v));
    on.on(vm::call::remove_from_platform, |cx, this, k| remove(cx, this, vm::platform, k));
    on.on(vm::call::set_NVRAM, set_nvram);
    on.on(vm::call::add_to_NVRAM, add_to_nvram);
    on.on(vm::call::remove_from_NVRAM, remove_from_nvram);
    on.on(vm::call::set_blocked_operations, set_blocked_operations);
    on.on(vm::call::add_to_blocked_operations, add_to_blocked_operations);
    on.on(vm::call::remove_from_blocked_operations, remove_from_blocked_operations);
    on.on(vm::call::set_bios_strings, set_bios_strings);
    on.on(vm::call::copy_bios_strings, copy_bios_strings);
    on.on(vm::call::set_suspend_VDI, set_suspend_vdi);
    on.on_setter("VM.set_xenstore_data", set_xenstore_data);
    on.on_setter("VM.set_VCPUs_params", set_vcpus_params);
    on.on_setter("VM.remove_from_VCPUs_params", remove_from_vcpus_params);
    on.on_named("VM.add_to_VCPUs_params", add_to_vcpus_params);
}

type Texts = Map<String, String>;

async fn set_map(cx: Cx, this: Ref<Vm>, field: Field<Vm, Texts>, value: Texts) -> Result<()> {
    cx.commit(move |tx| with_marks(tx, &this, |tx| tx.set(&this, field, value))).await
}

/// Changes a map. What clients may do to a declared VM hangs on the marks among its keys.
fn with_marks(tx: &mut Tx, this: &Ref<Vm>, change: impl FnOnce(&mut Tx) -> Result<()>) -> Result<()> {
    let before = tx.get(this, vm::other_config)?;
    change(tx)?;
    let after = tx.get(this, vm::other_config)?;
    let marks = declared::differs(&before.into_value(), &after.into_value());
    if marks { rules::refresh(tx, this) } else { Ok(()) }
}

fn add_pair(
    tx: &mut Tx,
    this: &Ref<Vm>,
    field: Field<Vm, Texts>,
    name: &str,
    key: String,
    value: String,
) -> Result<()> {
    let mut map = tx.get(this, field)?;
    if map.contains(key.as_str()) {
        return Err(errors::MAP_DUPLICATE_KEY.with(["VM", name, this.as_str(), &key]));
    }
    map.set(key, value);
    tx.set(this, field, map)
}

async fn add(
    cx: Cx,
    this: Ref<Vm>,
    field: Field<Vm, Texts>,
    name: &'static str,
    key: String,
    value: String,
) -> Result<()> {
    cx.commit(move |tx| with_marks(tx, &this, |tx| add_pair(tx, &this, field, name, key, value))).await
}

async fn remove(cx: Cx, this: Ref<Vm>, field: Field<Vm, Texts>, key: String) -> Result<()> {
    let change = move |tx: &mut Tx| {
        with_marks(tx, &this, |tx| tx.update(&this, field, |map| map.remove(key.as_str())))
    };
    cx.commit(change).await
}

async fn set_nvram(cx: Cx, this: Ref<Vm>, value: Texts) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| tx.set(&target, vm::NVRAM, value));
    guard::within(&cx, &this, Op::ChangingNvram, work).await
}

async fn add_to_nvram(cx: Cx, this: Ref<Vm>, key: String, value: String) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| add_pair(tx, &target, vm::NVRAM, "NVRAM", key, value));
    guard::within(&cx, &this, Op::ChangingNvram, work).await
}

async fn remove_from_nvram(cx: Cx, this: Ref<Vm>, key: String) -> Result<()> {
    let target = this.clone();
    let work = cx.commit(move |tx| tx.update(&target, vm::NVRAM, |map| map.remove(key.as_str())));
    guard::within(&cx, &this, Op::ChangingNvram, work).await
}

async fn set_blocked_operations(cx: Cx, this: Ref<Vm>, value: Map<Op, String>) -> Result<()> {
    cx.commit(move |tx| {
        tx.set(&this, vm::blocked_operations, value)?;
        rules::refresh(tx, &this)
    })
    .await
}

async fn add_to_blocked_operations(cx: Cx, this: Ref<Vm>, key: Op, value: String) -> Result<()> {
    cx.commit(move |tx| {
        let mut map = tx.get(&this, vm::blocked_operations)?;
        if map.0.iter().any(|(known, _)| *known == key) {
            let key = xapi_schema::ApiEnum::as_str(key);
            return Err(errors::MAP_DUPLICATE_KEY.with(["VM", "blocked_operations", this.as_str(), key]));
        }
        map.set(key, value);
        tx.set(&this, vm::blocked_operations, map)?;
        rules::refresh(tx, &this)
    })
    .await
}

async fn remove_from_blocked_operations(cx: Cx, this: Ref<Vm>, key: Op) -> Result<()> {
    cx.commit(move |tx| {
        tx.update(&this, vm::blocked_operations, |map| map.0.retain(|(known, _)| *known != key))?;
        rules::refresh(tx, &this)
    })
    .await
}

/// Keys an administrator may set; the others of the generic set are fixed.
fn settable(key: &str) -> bool {
    let fixed = ["hp-rombios", "oem-1", "oem-2"];
    GENERIC_BIOS_STRINGS.iter().any(|(known, _)| *known == key) && !fixed.contains(&key)
}

async fn set_bios_strings(cx: Cx, this: Ref<Vm>, value: Texts) -> Result<()> {
    cx.commit(move |tx| {
        if !tx.get(&this, vm::bios_strings)?.0.is_empty() {
            return Err(errors::VM_BIOS_STRINGS_ALREADY_SET.bare());
        }
        let mut strings: Texts =
            GENERIC_BIOS_STRINGS.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        for (key, text) in value.0 {
            let why = match () {
                () if !settable(&key) => "this string cannot be set",
                () if text.is_empty() => "the text is empty",
                () if text.len() > 512 => "the text is longer than 512 bytes",
                () if !text.bytes().all(|b| (32..127).contains(&b)) => "the text is not printable ASCII",
                () => {
                    strings.set(key, text);
                    continue;
                }
            };
            return Err(errors::INVALID_VALUE.with([key.as_str(), why]));
        }
        tx.set(&this, vm::bios_strings, strings)
    })
    .await
}

async fn copy_bios_strings(cx: Cx, this: Ref<Vm>, from: Ref<Host>) -> Result<()> {
    cx.commit(move |tx| {
        if !tx.get(&this, vm::bios_strings)?.0.is_empty() {
            return Err(errors::VM_BIOS_STRINGS_ALREADY_SET.bare());
        }
        let strings = tx.get(&from, host::bios_strings)?;
        tx.set(&this, vm::bios_strings, strings)?;
        tx.set(&this, vm::affinity, from)
    })
    .await
}

async fn set_suspend_vdi(cx: Cx, this: Ref<Vm>, value: Ref<Vdi>) -> Result<()> {
    cx.commit(move |tx| {
        let record = tx.record(&this)?;
        let state = record.get(vm::power_state);
        if state != State::Suspended {
            let params = [this.as_str(), "suspended", rules::state_text(state)];
            return Err(errors::VM_BAD_POWER_STATE.with(params));
        }
        if record.get(vm::suspend_VDI) == value {
            return Ok(());
        }
        // Another image could only be trusted after comparing the bytes of both.
        tx.record(&value)?;
        Err(xapi_schema::Failure::not_implemented("VM.set_suspend_VDI to another image"))
    })
    .await
}

/// Written in any state; a running guest sees it at once.
async fn set_xenstore_data(cx: Cx, this: Ref<Vm>, value: Texts) -> Result<()> {
    let (target, written) = (this.clone(), value.clone());
    cx.commit(move |tx| tx.set(&target, vm::xenstore_data, written)).await?;
    let record = cx.snapshot().record(&this)?.clone();
    if record.get(vm::power_state) == State::Running && !record.get(vm::is_control_domain) {
        cx.xapi.backends.hypervisor.set_xenstore_data(&record.get(vm::uuid), value.0).await?;
    }
    Ok(())
}

/// Written in any state; weight and cap of a running guest change at once, its mask at the next start.
async fn set_vcpus_params(cx: Cx, this: Ref<Vm>, value: Texts) -> Result<()> {
    let target = this.clone();
    cx.commit(move |tx| tx.set(&target, vm::VCPUs_params, value)).await?;
    schedule(&cx, &this).await
}

async fn add_to_vcpus_params(cx: Cx, args: Value) -> Result<()> {
    let text = |name: &str| args.get(name).and_then(String::from_value).unwrap_or_default();
    let (this, key, value) = (Ref::<Vm>::new(text("self")), text("key"), text("value"));
    add(cx.clone(), this.clone(), vm::VCPUs_params, "VCPUs_params", key, value).await?;
    schedule(&cx, &this).await
}

async fn remove_from_vcpus_params(cx: Cx, this: Ref<Vm>, key: String) -> Result<()> {
    remove(cx.clone(), this.clone(), vm::VCPUs_params, key).await?;
    schedule(&cx, &this).await
}

/// What a domain has that is built without a weight and a cap.
const UNSAID: (i64, i64) = (256, 0);

/// Tells the hypervisor the weight and the cap a running VM's record says. One that was taken away is as at the next start.
async fn schedule(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    let record = cx.snapshot().record(this)?.clone();
    let live = matches!(record.get(vm::power_state), State::Running | State::Paused);
    if !live || record.get(vm::is_control_domain) {
        return Ok(());
    }
    let params = record.get(vm::VCPUs_params);
    let number = |key: &str| params.get(key).and_then(|text| text.trim().parse::<i64>().ok());
    let weight = number("weight").filter(|w| *w > 0).unwrap_or(UNSAID.0);
    let cap = number("cap").filter(|c| *c >= 0).unwrap_or(UNSAID.1);
    let told = cx.xapi.backends.hypervisor.set_schedule(&record.get(vm::uuid), weight, cap).await;
    if let Err(failure) = told {
        // The record holds; it is what the next start goes by.
        tracing::warn!(%failure, vm = %this, "the scheduler was not told of new settings");
    }
    Ok(())
}
