//! `VM_group`: VMs that shall not share a host.

use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{VmGroup, vm, vm_group},
};
use xapi_store::Read;

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_create(create);
    on.on_destroy(destroy);
}

async fn create(cx: Cx, members: Value) -> Result<Ref<VmGroup>> {
    cx.commit(move |tx| tx.create_value(ClassId::VmGroup, None, &members).map(Ref::new)).await
}

/// Members stay without a group.
async fn destroy(cx: Cx, this: Ref<VmGroup>) -> Result<()> {
    cx.commit(move |tx| {
        for member in tx.get(&this, vm_group::VMs)? {
            let mut groups = tx.get(&member, vm::groups)?;
            groups.retain(|group| *group != this);
            tx.set(&member, vm::groups, groups)?;
        }
        tx.destroy(&this)
    })
    .await
}
