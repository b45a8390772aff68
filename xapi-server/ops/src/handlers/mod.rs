//! The functions behind hand-written methods, one file or folder per class.

mod auth;
mod blob;
mod bond;
pub mod console;
mod crashdump;
mod data_source;
pub mod host;
pub(crate) mod host_crashdump;
pub mod locking;
pub mod message;
pub(crate) mod network;
pub mod pbd;
pub(crate) mod pci;
pub(crate) mod pgpu;
pub mod pif;
mod pool;
pub(crate) mod pusb;
mod role;
mod secret;
pub mod sr;
mod tunnel;
mod user;
pub(crate) mod vbd;
pub(crate) mod vdi;
pub(crate) mod vif;
mod vlan;
pub mod vm;
mod vm_appliance;
mod vm_group;
pub(crate) mod vtpm;
pub(crate) mod vusb;

use arcstr::ArcStr;
use xapi_schema::{Map, Value};

use crate::{Registry, event, session, task};

/// Registers every function there is.
pub fn register(on: &mut Registry) {
    session::methods::register(on);
    task::register(on);
    event::register(on);
    message::register(on);
    auth::register(on);
    role::register(on);
    blob::register(on);
    bond::register(on);
    console::register(on);
    crashdump::register(on);
    data_source::register(on);
    host::register(on);
    host_crashdump::register(on);
    network::register(on);
    pbd::register(on);
    pci::register(on);
    pgpu::register(on);
    pusb::register(on);
    pif::register(on);
    pool::register(on);
    secret::register(on);
    sr::register(on);
    tunnel::register(on);
    vbd::register(on);
    vdi::register(on);
    vif::register(on);
    vlan::register(on);
    vm::register(on);
    user::register(on);
    vm_appliance::register(on);
    vm_group::register(on);
    vtpm::register(on);
    vusb::register(on);
}

/// The members of a constructor with some set or replaced.
pub(crate) fn overlay<const N: usize>(members: &Value, pairs: [(&'static str, Value); N]) -> Value {
    let given = members.as_map().unwrap_or_default().iter();
    let kept = given.filter(|(key, _)| pairs.iter().all(|(name, _)| key != name)).cloned();
    let kept: Vec<_> = kept.collect();
    let set = pairs.into_iter().map(|(name, value)| (ArcStr::from(name), value));
    Value::Map(kept.into_iter().chain(set).collect())
}

/// A member of a constructor as text, empty when absent.
pub(crate) fn text(members: &Value, name: &str) -> String {
    members.get(name).and_then(Value::as_str).unwrap_or_default().to_string()
}

/// A member of a constructor that is a map of texts.
pub(crate) fn texts(members: &Value, name: &str) -> Map<String, String> {
    members.get(name).and_then(xapi_schema::FromValue::from_value).unwrap_or_default()
}

/// A map of texts as backends take it.
fn pairs(map: Map<String, String>) -> Vec<(String, String)> {
    map.0
}

/// True for "1" and "true" in any case.
fn truth(text: Option<&String>) -> bool {
    text.is_some_and(|t| t == "1" || t.eq_ignore_ascii_case("true"))
}
