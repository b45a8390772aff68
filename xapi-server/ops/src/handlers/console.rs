//! `console`: a way to see a domain. Records follow the hypervisor; clients rarely make them.

use xapi_schema::{
    ApiEnum, ClassId, Record, Ref, Result, Value,
    classes::{Console, DomainType, Host, Vm, console, host, vm},
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

/// The protocols a running VM can be seen by. Machines with a screen have a serial line besides, unless they are built
/// without; the text of the others is shown as pictures, too, unless that is switched off.
fn protocols(record: &Record) -> Vec<&'static str> {
    let (platform, other_config) = (record.get(vm::platform), record.get(vm::other_config));
    if record.get(vm::domain_type) == DomainType::Hvm {
        let serial = platform.get("hvm_serial").or_else(|| other_config.get("hvm_serial"));
        return match serial.map(String::as_str) {
            Some("none" | "") => vec!["rfb"],
            _ => vec!["rfb", "vt100"],
        };
    }
    match other_config.get("disable_pv_vnc").map(String::as_str) {
        None | Some("0" | "false") => vec!["rfb", "vt100"],
        Some(_) => vec!["vt100"],
    }
}

/// Gives a running VM the consoles it lacks, at the address of its host.
///
/// # Errors
/// Those of the store.
pub fn offer(tx: &mut Tx, guest: &Ref<Vm>, home: &Ref<Host>) -> Result<()> {
    let mut known = Vec::new();
    for this in tx.get(guest, vm::consoles)? {
        known.push(tx.get(&this, console::protocol)?.as_str());
    }
    let base = base(tx, home, port(tx, home)?)?;
    let missing = protocols(tx.record(guest)?).into_iter().filter(|protocol| !known.contains(protocol));
    for protocol in missing {
        let members = Value::map([
            ("protocol", Value::str(protocol)),
            ("VM", Value::Str(guest.text().clone())),
            ("port", Value::Int(-1)),
        ]);
        let made: Ref<Console> = Ref::new(tx.create_value(ClassId::Console, None, &members)?);
        let uuid = tx.get(&made, console::uuid)?;
        tx.set(&made, console::location, format!("{base}uuid={uuid}"))?;
    }
    Ok(())
}

/// Where clients come to, up to what they ask for.
fn base(read: &impl Read, home: &Ref<Host>, port: Option<u16>) -> Result<String> {
    let address = read.get(home, host::address)?;
    let address = if address.contains(':') { format!("[{address}]") } else { address };
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("https://{address}{port}/console?"))
}

/// The port clients come to where it is not the usual one: the control domain's consoles have been told.
fn port(read: &impl Read, home: &Ref<Host>) -> Result<Option<u16>> {
    let dom0 = read.get(home, host::control_domain)?;
    let Ok(consoles) = read.get(&dom0, vm::consoles) else { return Ok(None) };
    let Some(first) = consoles.first() else { return Ok(None) };
    let location = read.get(first, console::location)?;
    let authority = location.split('/').nth(2).unwrap_or_default();
    Ok(authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()))
}

/// Lets the consoles of a host's domains name the address it has now.
///
/// # Errors
/// Those of the store.
pub fn readdress(tx: &mut Tx, home: &Ref<Host>) -> Result<()> {
    let port = port(tx, home)?;
    listening(tx, home, port)
}

/// Lets them name a port as well, where it is not the usual one.
///
/// # Errors
/// Those of the store.
pub fn listening(tx: &mut Tx, home: &Ref<Host>, port: Option<u16>) -> Result<()> {
    let right = base(tx, home, port)?;
    for this in tx.all::<Console>() {
        let guest = tx.get(&this, console::VM)?;
        let here = tx.exists(&guest) && tx.get(&guest, vm::resident_on)? == *home;
        if here && !tx.get(&this, console::location)?.starts_with(&right) {
            tx.set(&this, console::location, format!("{right}ref={this}"))?;
        }
    }
    Ok(())
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
