//! Plug-ins and extensions: programs of the administrator's that clients call by name.

use xapi_schema::{
    Failure, Map, Ref, Result, Value,
    classes::{Host, Vm, VmOperations, VmPowerState as State, host, vm},
    errors,
};
use xapi_store::Read;

use super::assert_here;
use crate::{
    Cx, Registry,
    guard::{self, Patience},
    rules::Asked,
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(host::call::call_plugin, call_plugin);
    on.on(host::call::has_extension, has_extension);
    on.on(host::call::call_extension, call_extension);
    on.on(vm::call::call_plugin, call_guest_plugin);
    on.on(vm::call::call_host_plugin, call_host_plugin);
}

/// A name that cannot lead out of the directory of plug-ins.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

/// Running programs is the daemon's to allow; this crate starts none.
async fn run(cx: &Cx, plugin: &str, function: &str, args: Map<String, String>) -> Result<String> {
    match &cx.xapi.settings.plugins {
        Some(plugins) if is_plain(plugin) => plugins.call(plugin, function, args.0).await,
        _ => Err(errors::XENAPI_MISSING_PLUGIN.with([plugin])),
    }
}

async fn call_plugin(
    cx: Cx,
    this: Ref<Host>,
    plugin: String,
    function: String,
    args: Map<String, String>,
) -> Result<String> {
    assert_here(&cx, &this)?;
    run(&cx, &plugin, &function, args).await
}

async fn has_extension(cx: Cx, this: Ref<Host>, _: String) -> Result<bool> {
    assert_here(&cx, &this)?;
    Ok(false)
}

async fn call_extension(cx: Cx, this: Ref<Host>, call: String) -> Result<Value> {
    assert_here(&cx, &this)?;
    Err(Failure::internal(format!("{call:?} is no call of an extension of this host")))
}

/// The only plug-in inside guests asks their agent; a guest without one cannot do it.
async fn call_guest_plugin(
    cx: Cx,
    this: Ref<Vm>,
    plugin: String,
    function: String,
    _: Map<String, String>,
) -> Result<String> {
    let work = async {
        if plugin != "guest-agent-operation" {
            return Err(errors::XENAPI_MISSING_PLUGIN.with([plugin]));
        }
        let why = format!("the guest's agent does not offer {function:?}");
        Err(errors::XENAPI_PLUGIN_FAILURE.with(["failed to find fn".to_string(), why.clone(), why]))
    };
    guard::within_as(&cx, &this, VmOperations::CallPlugin, Asked::Guard, Patience::Once, work).await
}

async fn call_host_plugin(
    cx: Cx,
    this: Ref<Vm>,
    plugin: String,
    function: String,
    args: Map<String, String>,
) -> Result<String> {
    let state = cx.snapshot().get(&this, vm::power_state)?;
    if state != State::Running {
        // Capitals are what the original answers here.
        let params = [this.as_str(), "Running", xapi_schema::ApiEnum::as_str(state)];
        return Err(errors::VM_BAD_POWER_STATE.with(params));
    }
    let work = run(&cx, &plugin, &function, args);
    guard::within_as(&cx, &this, VmOperations::CallPlugin, Asked::Guard, Patience::Once, work).await
}
