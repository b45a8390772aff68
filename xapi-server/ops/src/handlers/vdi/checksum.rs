//! The fingerprint of a disk's content.

use xapi_schema::{
    Ref,
    classes::{Vdi, vdi},
};

use crate::{Cx, Registry, transfer};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(vdi::call::checksum, |cx: Cx, this: Ref<Vdi>| async move { transfer::checksum(&cx, &this).await });
}
