//! A disk of a halted VM moves to another SR. While the VM runs that is the business of a mirror, which is not built.

use xapi_schema::{
    Map, Ref, Result,
    classes::{Sr, Vdi, VdiOperations, VmOperations, VmPowerState, vbd, vdi, vm},
    errors,
};
use xapi_store::Read;

use super::copy;
use crate::{
    Cx, Registry, guard, rules, transfer,
    unfinished::{self, Whole},
};

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
    if snapshot.get(&guest, vm::power_state)? != VmPowerState::Halted {
        return Err(errors::NOT_IMPLEMENTED.with(["VDI.pool_migrate of a VM that is not halted"]));
    }
    let made = {
        let work = async {
            let made = copy::copy_within(&cx, &this, &home, &Ref::null(), &Ref::null(), Whole::Later).await?;
            let (old, new, host) = (this.clone(), made.clone(), cx.host().clone());
            cx.commit(move |tx| {
                unfinished::settle(tx, &host, std::slice::from_ref(&new), &[])?;
                unfinished::condemn(tx, &host, std::slice::from_ref(&old))?;
                for slot in tx.get(&old, vdi::VBDs)? {
                    tx.set(&slot, vbd::VDI, new.clone())?;
                }
                for other in tx.all::<Vdi>() {
                    if tx.get(&other, vdi::snapshot_of)? == old {
                        tx.set(&other, vdi::snapshot_of, new.clone())?;
                    }
                }
                let (boot, caching) = (tx.get(&old, vdi::on_boot)?, tx.get(&old, vdi::allow_caching)?);
                tx.set(&new, vdi::on_boot, boot)?;
                tx.set(&new, vdi::allow_caching, caching)?;
                rules::refresh(tx, &old)?;
                rules::refresh(tx, &new)
            })
            .await?;
            Ok(made)
        };
        let mirrored = guard::within(&cx, &this, VdiOperations::Mirror, work);
        guard::within(&cx, &guest, VmOperations::MigrateSend, mirrored).await?
    };
    // The VM has its new disk already; an old one that stays behind costs space only.
    unfinished::abandon(&cx, &this).await;
    Ok(made)
}
