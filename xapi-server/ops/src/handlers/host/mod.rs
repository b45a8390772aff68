//! `host`: a machine of the pool.

mod agent;
mod evacuate;
pub mod management;
mod plugin;
pub mod power;
mod setters;
pub mod way_back;

use xapi_schema::{
    DateTime, Ref, Result,
    classes::{Host, Pif, Vm, host, host_metrics, pif, vm},
    errors,
};
use xapi_store::Read;

use super::vm as guest;
use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    agent::register(on);
    evacuate::register(on);
    management::register(on);
    plugin::register(on);
    power::register(on);
    setters::register(on);
    on.on(host::call::compute_free_memory, compute_free_memory);
    on.on(host::call::compute_memory_overhead, compute_memory_overhead);
    on.on(host::call::get_servertime, get_servertime);
    on.on(host::call::get_server_localtime, get_server_localtime);
    on.on(host::call::get_uncooperative_resident_VMs, get_uncooperative_resident_vms);
    on.on(host::call::get_uncooperative_domains, get_uncooperative_domains);
    on.on(host::call::get_management_interface, get_management_interface);
    on.on(host::call::dmesg, |cx, this| dmesg(cx, this, false));
    on.on(host::call::dmesg_clear, |cx, this| dmesg(cx, this, true));
    on.on(host::call::get_log, get_log);
    on.on(host::call::send_debug_keys, send_debug_keys);
    on.on(host::call::list_methods, list_methods);
    on.on(host::call::is_in_emergency_mode, is_in_emergency_mode);
    on.on(host::call::backup_rrds, backup_rrds);
    on.on(host::call::sync_data, sync_data);
}

/// A host the coordinator hears from.
pub fn is_live(read: &impl Read, this: &Ref<Host>) -> bool {
    let metrics = read.get(this, host::metrics);
    metrics.and_then(|metrics| read.get(&metrics, host_metrics::live)).unwrap_or(false)
}

/// Calls about a host are answered by the host itself.
///
/// # Errors
/// HOST_OFFLINE [host].
pub fn assert_here(cx: &Cx, this: &Ref<Host>) -> Result<()> {
    if !is_live(&*cx.snapshot(), this) {
        return Err(errors::HOST_OFFLINE.with([this]));
    }
    Ok(())
}

async fn compute_free_memory(cx: Cx, this: Ref<Host>) -> Result<i64> {
    guest::free_on_host(&*cx.snapshot(), &this, None)
}

async fn compute_memory_overhead(cx: Cx, this: Ref<Host>) -> Result<i64> {
    cx.snapshot().get(&this, host::memory_overhead)
}

async fn get_servertime(cx: Cx, this: Ref<Host>) -> Result<DateTime> {
    assert_here(&cx, &this)?;
    Ok(cx.clock().date())
}

/// The daemon's own clock runs in UTC; only the missing zone tells it apart.
async fn get_server_localtime(cx: Cx, this: Ref<Host>) -> Result<DateTime> {
    Ok(get_servertime(cx, this).await?.without_zone())
}

async fn get_uncooperative_resident_vms(cx: Cx, this: Ref<Host>) -> Result<Vec<Ref<Vm>>> {
    cx.snapshot().record(&this)?;
    Ok(vec![])
}

async fn get_uncooperative_domains(cx: Cx, this: Ref<Host>) -> Result<Vec<String>> {
    let gone = get_uncooperative_resident_vms(cx.clone(), this).await?;
    gone.iter().map(|g| cx.snapshot().get(g, vm::uuid)).collect()
}

async fn get_management_interface(cx: Cx, this: Ref<Host>) -> Result<Ref<Pif>> {
    let snapshot = cx.snapshot();
    let mut pifs = snapshot.get(&this, host::PIFs)?.into_iter();
    let found = pifs.find(|p| snapshot.get(p, pif::management).unwrap_or(false));
    found.ok_or_else(|| xapi_schema::Failure::internal("the host has no management interface"))
}

async fn dmesg(cx: Cx, this: Ref<Host>, clear: bool) -> Result<String> {
    assert_here(&cx, &this)?;
    cx.xapi.backends.host.dmesg(clear).await
}

async fn get_log(cx: Cx, this: Ref<Host>) -> Result<String> {
    assert_here(&cx, &this)?;
    cx.xapi.backends.host.log().await
}

/// Keys are single letters, digits or signs; what they do is the hypervisor's affair.
async fn send_debug_keys(cx: Cx, this: Ref<Host>, keys: String) -> Result<()> {
    assert_here(&cx, &this)?;
    if keys.is_empty()
        || keys.len() > 64
        || !keys.bytes().all(|b| b.is_ascii_graphic())
        || keys.starts_with('-')
    {
        return Err(errors::INVALID_VALUE.with(["keys", &keys]));
    }
    cx.xapi.backends.host.debug_keys(&keys).await
}

/// Replaced by `system.listMethods` long ago; the original answers this too.
async fn list_methods(_: Cx) -> Result<Vec<String>> {
    Err(errors::NOT_IMPLEMENTED.with(["list_method"]))
}

async fn is_in_emergency_mode(_: Cx) -> Result<bool> {
    Ok(false)
}

/// Archives of metrics live with the server and need no copy elsewhere on a pool of one.
async fn backup_rrds(cx: Cx, this: Ref<Host>, _: f64) -> Result<()> {
    assert_here(&cx, &this)
}

/// Every acknowledged write is on the disk already.
async fn sync_data(cx: Cx, this: Ref<Host>) -> Result<()> {
    assert_here(&cx, &this)
}
