//! Setters of `VDI` that do more than write a field.

use xapi_schema::{
    ApiType, Field, Ref, Result,
    classes::{OnBoot, StorageOperations, Vdi, VdiOperations, VmPowerState as State, vbd, vdi, vm},
    errors,
};
use xapi_store::Read;

use super::{place, within_both};
use crate::{Cx, Registry, rules};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vdi::call::set_name_label, set_name_label);
    on.on(vdi::call::set_name_description, set_name_description);
    on.on(vdi::call::set_on_boot, set_on_boot);
    on.on(vdi::call::set_allow_caching, set_allow_caching);
    on.on(vdi::call::set_managed, |cx, this, value| told_by_driver(cx, this, vdi::managed, value));
    on.on(vdi::call::set_sharable, |cx, this, value| told_by_driver(cx, this, vdi::sharable, value));
    on.on(vdi::call::set_read_only, |cx, this, value| told_by_driver(cx, this, vdi::read_only, value));
    on.on(vdi::call::set_missing, |cx, this, value| told_by_driver(cx, this, vdi::missing, value));
    on.on(vdi::call::set_virtual_size, |cx, this, value| told_by_driver(cx, this, vdi::virtual_size, value));
    on.on(vdi::call::set_physical_utilisation, |cx, this, value| {
        told_by_driver(cx, this, vdi::physical_utilisation, value)
    });
    on.on(vdi::call::set_is_a_snapshot, |cx, this, value| {
        told_by_driver(cx, this, vdi::is_a_snapshot, value)
    });
    on.on(vdi::call::set_snapshot_of, |cx, this, value| told_by_driver(cx, this, vdi::snapshot_of, value));
    on.on(vdi::call::set_snapshot_time, |cx, this, value| {
        told_by_driver(cx, this, vdi::snapshot_time, value)
    });
    on.on(vdi::call::set_metadata_of_pool, |cx, this, value| {
        told_by_driver(cx, this, vdi::metadata_of_pool, value)
    });
    on.on(vdi::call::set_cbt_enabled, |cx, this, value| told_by_driver(cx, this, vdi::cbt_enabled, value));
}

/// Fields only a storage driver's own session may write.
async fn told_by_driver<T: ApiType + Send + 'static>(
    cx: Cx,
    this: Ref<Vdi>,
    field: Field<Vdi, T>,
    value: T,
) -> Result<()> {
    let home = cx.snapshot().get(&this, vdi::SR)?;
    crate::handlers::sr::assert_driver(&cx, &home)?;
    cx.commit(move |tx| {
        tx.set(&this, field, value)?;
        rules::refresh(tx, &this)
    })
    .await
}

async fn set_name_label(cx: Cx, this: Ref<Vdi>, value: String) -> Result<()> {
    let description = cx.snapshot().get(&this, vdi::name_description)?;
    rename(&cx, &this, &value, &description).await?;
    let target = this.clone();
    cx.commit(move |tx| tx.set(&target, vdi::name_label, value)).await?;
    renamed(&cx, &this).await
}

async fn set_name_description(cx: Cx, this: Ref<Vdi>, value: String) -> Result<()> {
    let label = cx.snapshot().get(&this, vdi::name_label)?;
    rename(&cx, &this, &label, &value).await?;
    let target = this.clone();
    cx.commit(move |tx| tx.set(&target, vdi::name_description, value)).await?;
    renamed(&cx, &this).await
}

/// The driver keeps names too, so that a lost database can be rebuilt.
async fn rename(cx: &Cx, this: &Ref<Vdi>, label: &str, description: &str) -> Result<()> {
    let place = place(cx, this)?;
    cx.xapi.backends.storage.name_volume(&place.sr, &place.location, label, description).await
}

/// A driver that reads names in the records does so now.
async fn renamed(cx: &Cx, this: &Ref<Vdi>) -> Result<()> {
    let place = place(cx, this)?;
    cx.xapi.backends.storage.records_changed(&place.sr, &place.location).await
}

/// Every VM that has the disk must be halted.
fn assert_halted(read: &impl Read, this: &Ref<Vdi>) -> Result<()> {
    for device in read.get(this, vdi::VBDs)? {
        let guest = read.get(&device, vbd::VM)?;
        let state = read.get(&guest, vm::power_state)?;
        if state != State::Halted {
            let params = [guest.as_str(), "halted", rules::state_text(state)];
            return Err(errors::VM_BAD_POWER_STATE.with(params));
        }
    }
    Ok(())
}

async fn set_on_boot(cx: Cx, this: Ref<Vdi>, value: OnBoot) -> Result<()> {
    let work = async {
        assert_halted(&*cx.snapshot(), &this)?;
        let place = place(&cx, &this)?;
        let storage = &cx.xapi.backends.storage;
        let reset = value == OnBoot::Reset;
        if reset && cx.snapshot().get(&this, vdi::on_boot)? == value {
            // What it goes back to stays what it was when that was said first.
            return Ok(());
        }
        // Kept before the record says so: a start in between loses nothing.
        if reset {
            storage.set_reset(&place.sr, &place.location, true).await?;
        }
        let target = this.clone();
        let written = cx.commit(move |tx| {
            assert_halted(tx, &target)?;
            tx.set(&target, vdi::on_boot, value)?;
            rules::refresh(tx, &target)
        });
        let written = written.await;
        if (!reset || written.is_err())
            && let Err(failure) = storage.set_reset(&place.sr, &place.location, false).await
        {
            tracing::warn!(%failure, vdi = %this, "what a disk was to start with is kept longer than it is needed");
        }
        written
    };
    within_both(&cx, &this, StorageOperations::VdiSetOnBoot, VdiOperations::SetOnBoot, work).await
}

async fn set_allow_caching(cx: Cx, this: Ref<Vdi>, value: bool) -> Result<()> {
    cx.commit(move |tx| {
        assert_halted(tx, &this)?;
        tx.set(&this, vdi::allow_caching, value)
    })
    .await
}
