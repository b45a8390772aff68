//! Moving VMs away from a host. On a pool of one there is nowhere to go, and that is what it says.

use xapi_schema::{
    Map, Ref, Result,
    classes::{Host, HostAllowedOperations as Op, Network, Vm, VmPowerState as State, host, vm},
    errors,
};
use xapi_store::Read;

use crate::{Cx, Registry, guard, handlers::vm as guest};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(host::call::assert_can_evacuate, assert_can_evacuate);
    on.on(host::call::get_vms_which_prevent_evacuation, get_vms_which_prevent_evacuation);
    on.on(host::call::evacuate, evacuate);
    on.on(host::call::retrieve_wlb_evacuate_recommendations, retrieve_wlb_evacuate_recommendations);
}

/// VMs that run on a host, its control domain aside.
///
/// # Errors
/// HANDLE_INVALID.
pub fn residents(read: &impl Read, this: &Ref<Host>) -> Result<Vec<Ref<Vm>>> {
    let all = read.get(this, host::resident_VMs)?;
    let moves = |guest: &Ref<Vm>| {
        read.record(guest).is_ok_and(|record| {
            !record.get(vm::is_control_domain) && record.get(vm::power_state) != State::Halted
        })
    };
    Ok(all.into_iter().filter(moves).collect())
}

/// The reason why each VM cannot leave.
fn obstacles(read: &impl Read, this: &Ref<Host>) -> Result<Vec<(Ref<Vm>, Vec<String>)>> {
    let mut found = Vec::new();
    for resident in residents(read, this)? {
        let elsewhere = guest::possible_hosts(read, &resident)?.into_iter().any(|home| home != *this);
        if !elsewhere {
            let why = errors::NO_HOSTS_AVAILABLE.with([&resident]).to_list();
            found.push((resident, why));
        }
    }
    Ok(found)
}

async fn get_vms_which_prevent_evacuation(cx: Cx, this: Ref<Host>) -> Result<Map<Ref<Vm>, Vec<String>>> {
    obstacles(&*cx.snapshot(), &this).map(Map)
}

async fn assert_can_evacuate(cx: Cx, this: Ref<Host>) -> Result<()> {
    let found = obstacles(&*cx.snapshot(), &this)?;
    if found.is_empty() {
        return Ok(());
    }
    // One parameter, in which errors are apart by bars and their parts by commas.
    let texts: Vec<String> = found.into_iter().map(|(_, why)| why.join(",")).collect();
    Err(errors::CANNOT_EVACUATE_HOST.with([texts.join("|")]))
}

async fn evacuate(cx: Cx, this: Ref<Host>, _: Ref<Network>, _: i64) -> Result<()> {
    let work = async {
        match obstacles(&*cx.snapshot(), &this)?.into_iter().next() {
            Some((_, why)) => Err(xapi_schema::Failure::new(&why[0], why[1..].to_vec())),
            None if residents(&*cx.snapshot(), &this)?.is_empty() => Ok(()),
            None => Err(xapi_schema::Failure::not_implemented("VM.pool_migrate")),
        }
    };
    guard::within(&cx, &this, Op::Evacuate, work).await
}

async fn retrieve_wlb_evacuate_recommendations(cx: Cx, this: Ref<Host>) -> Result<Map<Ref<Vm>, Vec<String>>> {
    cx.snapshot().record(&this)?;
    Err(errors::WLB_NOT_INITIALIZED.bare())
}
