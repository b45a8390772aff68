//! The messages VM operations leave. A message that cannot be written never fails its operation.

use xapi_schema::{
    DateTime, Ref,
    classes::{Cls, Host, Message, Vm, host, vm},
};
use xapi_store::{Read, Tx};

use crate::{
    Cx,
    handlers::message::{self, Note},
};

/// Writes a message named `name` about a VM: its name, its uuid, then `what`.
pub async fn write(cx: &Cx, this: &Ref<Vm>, name: &'static str, what: &str) {
    let (target, what, now) = (this.clone(), what.to_string(), cx.clock().date());
    let done = cx.commit(move |tx| {
        write_within(tx, &target, name, &what, now);
        Ok(())
    });
    if let Err(failure) = done.await {
        tracing::warn!(%failure, name, "a message could not be written");
    }
}

/// As [`write`], as a part of a change.
pub fn write_within(
    tx: &mut Tx,
    this: &Ref<Vm>,
    name: &str,
    what: &str,
    now: DateTime,
) -> Option<Ref<Message>> {
    let record = tx.record(this).ok()?;
    let (label, uuid) = (record.get(vm::name_label), record.get(vm::uuid));
    let note = Note {
        name: name.into(),
        priority: 5,
        cls: Cls::Vm,
        body: format!("VM '{label}' (uuid: {uuid}) {what}"),
        obj_uuid: uuid,
    };
    let written = message::write(tx, &note, now);
    written.inspect_err(|failure| tracing::warn!(%failure, name, "a message could not be written")).ok()
}

/// `on host: NAME (uuid: UUID)`.
pub fn on_host(read: &impl Read, home: &Ref<Host>) -> String {
    let label = read.get(home, host::name_label).unwrap_or_default();
    let uuid = read.get(home, host::uuid).unwrap_or_default();
    format!("on host: {label} (uuid: {uuid})")
}
