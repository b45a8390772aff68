//! `VTPM`: what a VM's trusted platform module keeps, as a secret of the pool. The module itself is a program of the host;
//! here is only its state.

use base64::{Engine, engine::general_purpose::STANDARD};
use xapi_backend::hypervisor::Tpm;
use xapi_schema::{
    ApiType, ClassId, Failure, Record, Ref, Result, Value,
    classes::{Pool, Secret, Vm, VmOperations as Op, VmPowerState as State, Vtpm, pool, secret, vm, vtpm},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry, guard, rules};

/// The restriction that excludes modules.
const RESTRICTION: &str = "restrict_vtpm";

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vtpm::call::create, create);
    on.on(vtpm::call::destroy, destroy);
    on.on(vtpm::call::get_contents, get_contents);
    on.on(vtpm::call::set_contents, set_contents);
}

/// An empty module, filled by its program at the first start.
async fn create(cx: Cx, this: Ref<Vm>, unique: bool) -> Result<Ref<Vtpm>> {
    let target = this.clone();
    let work = cx.commit(move |tx| {
        let pools = tx.all::<Pool>();
        let restrictions = pools.first().map(|pool| tx.get(pool, pool::restrictions)).transpose()?;
        if restrictions.is_some_and(|all| all.get(RESTRICTION).is_some_and(|value| value != "false")) {
            return Err(errors::FEATURE_RESTRICTED.with([RESTRICTION]));
        }
        let made = write(tx, &target, String::new(), unique)?;
        rules::refresh(tx, &target)?;
        Ok(made)
    });
    guard::within(&cx, &this, Op::CreateVtpm, work).await
}

fn secret(tx: &mut Tx, contents: String) -> Result<Value> {
    tx.create_value(ClassId::Secret, None, &Value::map([("value", Value::str(contents))])).map(Value::Str)
}

fn write(tx: &mut Tx, this: &Ref<Vm>, contents: String, unique: bool) -> Result<Ref<Vtpm>> {
    let contents = secret(tx, contents)?;
    let members = Value::map([
        ("VM", Value::Str(this.text().clone())),
        ("backend", Ref::<Vm>::null().into_value()),
        ("persistence_backend", Value::str("xapi")),
        ("is_unique", Value::Bool(unique)),
        ("is_protected", Value::Bool(false)),
        ("contents", contents),
    ]);
    tx.create_value(ClassId::Vtpm, None, &members).map(Ref::new)
}

/// Other contents in a new secret; the old one goes.
fn replace(tx: &mut Tx, this: &Ref<Vtpm>, contents: String) -> Result<()> {
    let before = tx.get(this, vtpm::contents)?;
    let contents = secret(tx, contents)?;
    tx.set(this, vtpm::contents, Ref::new(contents.as_str().unwrap_or_default()))?;
    forget(tx, &before)
}

fn forget(tx: &mut Tx, kept: &Ref<Secret>) -> Result<()> {
    if tx.exists(kept) { tx.destroy(kept) } else { Ok(()) }
}

/// Removes a module with what it keeps.
///
/// # Errors
/// Those of the store.
pub fn remove(tx: &mut Tx, this: &Ref<Vtpm>) -> Result<()> {
    let kept = tx.get(this, vtpm::contents)?;
    forget(tx, &kept)?;
    tx.destroy(this)
}

/// Copies the modules of a VM; one that is unique is empty in the copy, unless the copy takes the VM's own place.
///
/// # Errors
/// Those of the store.
pub fn copy(tx: &mut Tx, from: &Ref<Vm>, to: &Ref<Vm>, in_place: bool) -> Result<()> {
    for chip in tx.get(from, vm::VTPMs)?.into_iter().rev() {
        let unique = tx.get(&chip, vtpm::is_unique)?;
        let kept: Ref<Secret> = tx.get(&chip, vtpm::contents)?;
        let contents = if unique && !in_place { String::new() } else { tx.get(&kept, secret::value)? };
        write(tx, to, contents, unique)?;
    }
    Ok(())
}

/// The module of a VM as its domain is given it; there is one at most.
///
/// # Errors
/// HANDLE_INVALID.
pub fn described(read: &impl Read, vm: &Record) -> Result<Option<Tpm>> {
    let Some(chip) = vm.get(vm::VTPMs).into_iter().next() else { return Ok(None) };
    let contents = read.get(&read.get(&chip, vtpm::contents)?, secret::value)?;
    Ok(Some(Tpm { uuid: read.get(&chip, vtpm::uuid)?, contents }))
}

/// Takes over what the modules of a VM keep by now, whether their domain is there still or has gone.
///
/// # Errors
/// Those of the hypervisor and the store; what was not taken over stays with the hypervisor.
pub async fn keep(cx: &Cx, this: &Ref<Vm>) -> Result<()> {
    for chip in cx.snapshot().get(this, vm::VTPMs)? {
        take_over(cx, &chip).await?;
    }
    Ok(())
}

/// As [`keep`], where something else must go on: what fails now is tried again before the next start and copy.
pub async fn keep_now_or_later(cx: &Cx, this: &Ref<Vm>) {
    if let Err(failure) = keep(cx, this).await {
        tracing::error!(%failure, vm = %this, "what a TPM keeps could not be taken over yet");
    }
}

async fn take_over(cx: &Cx, chip: &Ref<Vtpm>) -> Result<()> {
    let uuid = cx.snapshot().get(chip, vtpm::uuid)?;
    let hypervisor = &cx.xapi.backends.hypervisor;
    let now = hypervisor.tpm_state(&uuid).await?;
    if let Some(now) = now.clone() {
        let chip = chip.clone();
        cx.commit(move |tx| {
            let before = tx.get(&chip, vtpm::contents)?;
            if tx.exists(&before) && tx.get(&before, secret::value)? == now {
                return Ok(());
            }
            replace(tx, &chip, now)
        })
        .await?;
    }
    hypervisor.forget_tpm(&uuid, now.as_deref()).await
}

/// At a start: takes over what modules left whose domain ended while nobody looked, and forgets those of no VM.
pub async fn settle(cx: &Cx) -> Result<()> {
    let hypervisor = &cx.xapi.backends.hypervisor;
    for uuid in hypervisor.tpms().await? {
        let known = cx.snapshot().find_uuid::<Vtpm>(&uuid);
        let settled = match known {
            Ok(chip) => take_over(cx, &chip).await,
            Err(_) => match hypervisor.tpm_state(&uuid).await {
                Ok(kept) => hypervisor.forget_tpm(&uuid, kept.as_deref()).await,
                Err(failure) => Err(failure),
            },
        };
        if let Err(failure) = settled {
            tracing::error!(%failure, vtpm = uuid, "what a TPM keeps could not be taken over yet");
        }
    }
    Ok(())
}

async fn destroy(cx: Cx, this: Ref<Vtpm>) -> Result<()> {
    cx.commit(move |tx| {
        let owner = tx.get(&this, vtpm::VM)?;
        if tx.exists(&owner) {
            let state = tx.get(&owner, vm::power_state)?;
            if !matches!(state, State::Halted | State::Suspended) {
                let params = [owner.as_str(), "halted;suspended", rules::state_text(state)];
                return Err(errors::VM_BAD_POWER_STATE.with(params));
            }
        }
        remove(tx, &this)?;
        if tx.exists(&owner) { rules::refresh(tx, &owner) } else { Ok(()) }
    })
    .await
}

async fn get_contents(cx: Cx, this: Ref<Vtpm>) -> Result<String> {
    let snapshot = cx.snapshot();
    snapshot.get(&snapshot.get(&this, vtpm::contents)?, secret::value)
}

async fn set_contents(cx: Cx, this: Ref<Vtpm>, contents: String) -> Result<()> {
    if STANDARD.decode(&contents).is_err() {
        return Err(Failure::internal("the state of a TPM is base64"));
    }
    // What was kept before shall not come back over it.
    take_over(&cx, &this).await?;
    cx.commit(move |tx| replace(tx, &this, contents)).await
}
