//! A disk of a VM moves to another SR. Of a VM that runs most of it is copied while it does: a snapshot first, then what
//! changed since. For the rest the VM holds still, its memory on a disk, as long as it takes to copy what it wrote
//! meanwhile; then it goes on with the new disk.

use xapi_schema::{
    Map, Ref, Result,
    classes::{Sr, Vdi, VdiOperations, Vm, VmOperations, VmPowerState, vbd, vdi, vm},
    errors,
};
use xapi_store::{Read, Tx};

use super::{copy, snapshot};
use crate::{
    Cx, Registry, guard,
    handlers::vm as machine,
    rules, transfer,
    unfinished::{self, Whole},
};

/// How often what changed meanwhile is copied before the VM holds still.
const ROUNDS: usize = 2;

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vdi::call::pool_migrate, pool_migrate);
}

/// Answers the new disk; the old one is gone.
async fn pool_migrate(cx: Cx, this: Ref<Vdi>, home: Ref<Sr>, _: Map<String, String>) -> Result<Ref<Vdi>> {
    let snapshot = cx.snapshot();
    let record = snapshot.record(&this)?;
    let slots = record.get(vdi::VBDs);
    let Some(slot) = slots.first() else { return Err(errors::VDI_NEEDS_VM_FOR_MIGRATE.with([&this])) };
    let guest = snapshot.get(slot, vbd::VM)?;
    transfer::assert_bytes(&cx, &this)?;
    if record.get(vdi::cbt_enabled) {
        return Err(errors::VDI_CBT_ENABLED.with([&this]));
    }
    let work = async {
        // Only under both marks it is sure to stay.
        match cx.snapshot().get(&guest, vm::power_state)? {
            VmPowerState::Halted | VmPowerState::Suspended => still(&cx, &this, &home).await,
            VmPowerState::Running | VmPowerState::Paused => live(&cx, &this, &home, &guest).await,
        }
    };
    let mirrored = guard::within(&cx, &this, VdiOperations::Mirror, work);
    let made = guard::within(&cx, &guest, VmOperations::MigrateSend, mirrored).await?;
    // The VM has its new disk already; an old one that stays behind costs space only.
    unfinished::abandon(&cx, &this).await;
    Ok(made)
}

/// Of a VM that does not run.
async fn still(cx: &Cx, this: &Ref<Vdi>, home: &Ref<Sr>) -> Result<Ref<Vdi>> {
    let null = Ref::null();
    let made = copy::copy_within(cx, this, home, &null, &null, Whole::Later).await?;
    let (old, new, host) = (this.clone(), made.clone(), cx.host().clone());
    let written = cx
        .commit(move |tx| {
            unfinished::settle(tx, &host, std::slice::from_ref(&new), &[])?;
            unfinished::condemn(tx, &host, std::slice::from_ref(&old))?;
            replace(tx, &old, &new)
        })
        .await;
    if let Err(failure) = written {
        unfinished::abandon(cx, &made).await;
        return Err(failure);
    }
    Ok(made)
}

/// Of a VM that runs.
async fn live(cx: &Cx, this: &Ref<Vdi>, home: &Ref<Sr>, guest: &Ref<Vm>) -> Result<Ref<Vdi>> {
    // Without a place for its memory all that is copied before the last step would be for nothing.
    machine::image_sr(&*cx.snapshot(), guest)?;
    let mut behind = Behind { frozen: snapshot::snapshot_within(cx, this, Whole::Later).await?, made: None };
    let moved = follow(cx, this, home, guest, &mut behind).await;
    unfinished::abandon(cx, &behind.frozen).await;
    match (moved, behind.made) {
        (Ok(()), Some(made)) => Ok(made),
        (Ok(()), None) => Err(crate::task::panicked()),
        (Err(failure), made) => {
            // Once the VM has it, it is nobody's to take away.
            let taken = |made: &Ref<Vdi>| !cx.snapshot().get(made, vdi::storage_lock).unwrap_or(true);
            match made {
                Some(made) if taken(&made) => return Err(failure),
                Some(made) => unfinished::abandon(cx, &made).await,
                None => {}
            }
            Err(failure)
        }
    }
}

/// A copy that runs after its original.
struct Behind {
    /// The original as it was when it was last caught up with.
    frozen: Ref<Vdi>,
    /// The copy.
    made: Option<Ref<Vdi>>,
}

async fn follow(
    cx: &Cx,
    this: &Ref<Vdi>,
    home: &Ref<Sr>,
    guest: &Ref<Vm>,
    behind: &mut Behind,
) -> Result<()> {
    let null = Ref::null();
    let frozen = behind.frozen.clone();
    let made = copy::copy_within(cx, &frozen, home, &null, &null, Whole::Later).await?;
    behind.made = Some(made.clone());
    describe(cx, this, &made).await?;
    for _ in 0..ROUNDS {
        cx.check_cancelled()?;
        let next = snapshot::snapshot_within(cx, this, Whole::Later).await?;
        let caught_up = transfer::copy_delta(cx, &next, &behind.frozen, &made).await;
        let before = std::mem::replace(&mut behind.frozen, next);
        unfinished::abandon(cx, &before).await;
        caught_up?;
    }
    cx.check_cancelled()?;
    let record = cx.snapshot().record(guest)?.clone();
    let (host, paused) = (record.get(vm::resident_on), record.get(vm::power_state) == VmPowerState::Paused);
    machine::save(cx, guest).await?;
    let switched = switch(cx, this, behind, &made).await;
    // The VM goes on whatever became of the move.
    machine::restore(cx, guest, &host, paused).await?;
    switched
}

/// The last step, while the VM holds still.
async fn switch(cx: &Cx, this: &Ref<Vdi>, behind: &Behind, made: &Ref<Vdi>) -> Result<()> {
    transfer::copy_delta(cx, this, &behind.frozen, made).await?;
    let (old, new, host) = (this.clone(), made.clone(), cx.host().clone());
    cx.commit(move |tx| {
        unfinished::settle(tx, &host, std::slice::from_ref(&new), &[])?;
        unfinished::condemn(tx, &host, std::slice::from_ref(&old))?;
        replace(tx, &old, &new)
    })
    .await
}

/// What a copy of a snapshot has of the snapshot and should have of its origin.
async fn describe(cx: &Cx, this: &Ref<Vdi>, made: &Ref<Vdi>) -> Result<()> {
    let (old, new) = (this.clone(), made.clone());
    cx.commit(move |tx| {
        let (name, text) = (tx.get(&old, vdi::name_label)?, tx.get(&old, vdi::name_description)?);
        tx.set(&new, vdi::name_label, name)?;
        tx.set(&new, vdi::name_description, text)
    })
    .await
}

/// Puts the new disk wherever the old one is.
fn replace(tx: &mut Tx, old: &Ref<Vdi>, new: &Ref<Vdi>) -> Result<()> {
    for slot in tx.get(old, vdi::VBDs)? {
        tx.set(&slot, vbd::VDI, new.clone())?;
    }
    for other in tx.all::<Vdi>() {
        if tx.get(&other, vdi::snapshot_of)? == *old {
            tx.set(&other, vdi::snapshot_of, new.clone())?;
        }
    }
    let (boot, caching) = (tx.get(old, vdi::on_boot)?, tx.get(old, vdi::allow_caching)?);
    tx.set(new, vdi::on_boot, boot)?;
    tx.set(new, vdi::allow_caching, caching)?;
    rules::refresh(tx, old)?;
    rules::refresh(tx, new)
}
