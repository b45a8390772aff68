//! `VM`: virtual machines.

mod create;
mod destroy;
mod devices;
pub mod domain;
mod epoch;
pub mod guest;
mod import;
mod memory;
mod migrate;
mod note;
mod placement;
mod power;
mod provision;
pub mod reconcile;
mod reset;
mod revert;
mod setters;
mod start;
pub mod suspend;
mod twin;

pub use create::fresh_metrics;
pub use destroy::remove;
pub use memory::{free_on_host, overhead};
pub use placement::possible_hosts;
pub use power::shutdown;
pub use reset::{halted, recompute_devices};
pub use start::generation_id;
pub use suspend::{image_sr, restore, save};

use xapi_schema::{
    Ref, Result,
    classes::{Vm, VmOperations, vm},
};
use xapi_store::Read;

use crate::{
    Cx, Registry,
    rules::{self, Asked, Guarded},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    create::register(on);
    destroy::register(on);
    devices::register(on);
    import::register(on);
    memory::register(on);
    migrate::register(on);
    placement::register(on);
    power::register(on);
    provision::register(on);
    revert::register(on);
    setters::register(on);
    start::register(on);
    suspend::register(on);
    twin::register(on);
    on.on(vm::call::assert_operation_valid, assert_operation_valid);
    on.on(vm::call::update_allowed_operations, update_allowed_operations);
    on.on(vm::call::get_cooperative, get_cooperative);
}

async fn assert_operation_valid(cx: Cx, this: Ref<Vm>, op: VmOperations) -> Result<()> {
    Vm::check(&*cx.snapshot(), &this, op, Asked::Guard)
}

async fn update_allowed_operations(cx: Cx, this: Ref<Vm>) -> Result<()> {
    cx.commit(move |tx| {
        recompute_devices(tx, &this)?;
        rules::refresh(tx, &this)
    })
    .await
}

/// Kept for old clients: every VM is taken to follow its memory target.
async fn get_cooperative(cx: Cx, this: Ref<Vm>) -> Result<bool> {
    cx.snapshot().record(&this).map(|_| true)
}
