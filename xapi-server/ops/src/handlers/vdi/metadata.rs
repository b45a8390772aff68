//! Disks that hold a copy of a pool's database, for a recovery elsewhere.

use xapi_schema::{
    Failure, Ref, Result,
    classes::{Vdi, VdiType, vdi},
};
use xapi_store::Read;

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vdi::call::read_database_pool_uuid, read_database_pool_uuid);
}

/// Empty for a disk that holds no database.
async fn read_database_pool_uuid(cx: Cx, this: Ref<Vdi>) -> Result<String> {
    match cx.snapshot().get(&this, vdi::r#type)? {
        VdiType::Metadata => Err(Failure::not_implemented("VDI.read_database_pool_uuid")),
        _ => Ok(String::new()),
    }
}
