//! `console`: a way to see a domain. Records follow the hypervisor; clients rarely make them.

use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Console, Host, Vm, console, host, vm},
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_create(create);
    on.on_destroy(destroy);
}

async fn create(cx: Cx, members: Value) -> Result<Ref<Console>> {
    cx.commit(move |tx| tx.create_value(ClassId::Console, None, &members).map(Ref::new)).await
}

async fn destroy(cx: Cx, this: Ref<Console>) -> Result<()> {
    cx.commit(move |tx| tx.destroy(&this)).await
}

/// Gives a running VM a graphical console at the address of its host.
///
/// # Errors
/// Those of the store.
pub fn offer(tx: &mut Tx, guest: &Ref<Vm>, home: &Ref<Host>) -> Result<()> {
    if !tx.get(guest, vm::consoles)?.is_empty() {
        return Ok(());
    }
    let address = tx.get(home, host::address)?;
    let members = Value::map([
        ("protocol", Value::str("rfb")),
        ("VM", Value::Str(guest.text().clone())),
        ("port", Value::Int(-1)),
    ]);
    let made: Ref<Console> = Ref::new(tx.create_value(ClassId::Console, None, &members)?);
    let uuid = tx.get(&made, console::uuid)?;
    tx.set(&made, console::location, format!("https://{address}/console?uuid={uuid}"))
}

/// Takes the consoles of a VM away.
///
/// # Errors
/// Those of the store.
pub fn withdraw(tx: &mut Tx, guest: &Ref<Vm>) -> Result<()> {
    for this in tx.get(guest, vm::consoles)? {
        tx.destroy(&this)?;
    }
    Ok(())
}
