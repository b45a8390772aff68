//! Which positions a VM's devices can take.

use std::collections::BTreeSet;

use xapi_schema::{
    Rec, Ref, Result,
    classes::{Vm, VmOperations as Op, vif, vm},
};
use xapi_store::Read;

use crate::{Cx, Registry, guard, handlers::vbd};

/// Cards a VM can have without being told otherwise.
const CARDS: u32 = 16;

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vm::call::get_allowed_VBD_devices, get_allowed_vbd_devices);
    on.on(vm::call::get_allowed_VIF_devices, get_allowed_vif_devices);
    on.on(vm::call::get_boot_record, get_boot_record);
}

async fn get_allowed_vbd_devices(cx: Cx, this: Ref<Vm>) -> Result<Vec<String>> {
    vbd::free_positions(&*cx.snapshot(), &this)
}

async fn get_allowed_vif_devices(cx: Cx, this: Ref<Vm>) -> Result<Vec<String>> {
    let snapshot = cx.snapshot();
    let cards = snapshot.get(&this, vm::VIFs)?;
    let taken: BTreeSet<String> = cards.iter().filter_map(|c| snapshot.get(c, vif::device).ok()).collect();
    Ok((0..CARDS).map(|n| n.to_string()).filter(|n| !taken.contains(n)).collect())
}

async fn get_boot_record(cx: Cx, this: Ref<Vm>) -> Result<Rec<Vm>> {
    let work = async { Ok(Rec::stored(cx.snapshot().record(&this)?.clone())) };
    guard::within(&cx, &this, Op::GetBootRecord, work).await
}
