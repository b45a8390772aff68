//! The messages VM operations leave. A message that cannot be written never fails its operation.

use xapi_schema::{
    Ref,
    classes::{Cls, Host, Vm, host, vm},
};
use xapi_store::Read;

use crate::{
    Cx,
    handlers::message::{self, Note},
};

/// Writes a message named `name` about a VM: its name, its uuid, then `what`.
pub async fn write(cx: &Cx, this: &Ref<Vm>, name: &str, what: &str) {
    let snapshot = cx.snapshot();
    let Ok(record) = snapshot.record(this) else { return };
    let (label, uuid) = (record.get(vm::name_label), record.get(vm::uuid));
    let note = Note {
        name: name.into(),
        priority: 5,
        cls: Cls::Vm,
        body: format!("VM '{label}' (uuid: {uuid}) {what}"),
        obj_uuid: uuid,
    };
    let now = cx.clock().date();
    if let Err(failure) = cx.commit(move |tx| message::write(tx, &note, now)).await {
        tracing::warn!(%failure, name, "a message could not be written");
    }
}

/// `on host: NAME (uuid: UUID)`.
pub fn on_host(cx: &Cx, home: &Ref<Host>) -> String {
    let snapshot = cx.snapshot();
    let label = snapshot.get(home, host::name_label).unwrap_or_default();
    let uuid = snapshot.get(home, host::uuid).unwrap_or_default();
    format!("on host: {label} (uuid: {uuid})")
}
