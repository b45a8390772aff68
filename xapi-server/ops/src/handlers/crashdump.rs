//! `crashdump`: a guest's memory on a disk, as hosts of long ago left it. New ones are never made.

use xapi_schema::{
    Ref, Result,
    classes::{Crashdump, crashdump},
};
use xapi_store::Read;

use super::vdi;
use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(crashdump::call::destroy, destroy);
}

/// The disk first: a row without a disk can be destroyed again, a disk without the row would only be lost space.
async fn destroy(cx: Cx, this: Ref<Crashdump>) -> Result<()> {
    let disk = cx.snapshot().get(&this, crashdump::VDI)?;
    if cx.snapshot().exists(&disk) {
        vdi::destroy(&cx, &disk).await?;
    }
    cx.commit(move |tx| if tx.exists(&this) { tx.destroy(&this) } else { Ok(()) }).await
}
