//! `pool`: the hosts as one.

mod settings;

use xapi_schema::{
    Failure, Map, Ref, Result,
    classes::{Host, Network, Pif, Pool, Vm, host, network, pif, pool},
    errors,
};
use xapi_store::Read;

use super::vlan as tag;
use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    settings::register(on);
    on.on(pool::call::sync_database, sync_database);
    on.on(pool::call::get_license_state, get_license_state);
    on.on(pool::call::join, join);
    on.on(pool::call::join_force, join);
    on.on(pool::call::eject, eject);
    on.on(pool::call::designate_new_master, designate_new_master);
    on.on(pool::call::recover_slaves, recover_slaves);
    on.on(pool::call::is_slave, is_slave);
    on.on(pool::call::initialize_wlb, initialize_wlb);
    on.on(pool::call::deconfigure_wlb, deconfigure_wlb);
    on.on(pool::call::retrieve_wlb_configuration, retrieve_wlb_configuration);
    on.on(pool::call::retrieve_wlb_recommendations, retrieve_wlb_recommendations);
    on.on(pool::call::send_wlb_configuration, send_wlb_configuration);
    on.on(pool::call::disable_ha, disable_ha);
    on.on(pool::call::ha_compute_max_host_failures_to_tolerate, tolerated);
    on.on(pool::call::ha_failover_plan_exists, ha_failover_plan_exists);
    on.on(pool::call::set_ha_host_failures_to_tolerate, set_ha_host_failures_to_tolerate);
    on.on(pool::call::create_VLAN_from_PIF, create_vlan_from_pif);
    on.on(pool::call::has_extension, has_extension);
    on.on(pool::call::add_to_guest_agent_config, add_to_guest_agent_config);
    on.on(pool::call::remove_from_guest_agent_config, remove_from_guest_agent_config);
    on.on(pool::call::set_igmp_snooping_enabled, set_igmp_snooping_enabled);
    on.on(pool::call::crl_list, nothing_listed);
    on.on(pool::call::certificate_list, nothing_listed);
    on.on(pool::call::disable_redo_log, disable_redo_log);
    on.on(pool::call::enable_ssl_legacy, enable_ssl_legacy);
    on.on(pool::call::disable_ssl_legacy, disable_ssl_legacy);
    on.on(pool::call::set_update_sync_enabled, set_update_sync_enabled);
    on.on(pool::call::set_telemetry_next_collection, set_telemetry_next_collection);
    on.on(pool::call::set_local_auth_max_threads, |cx, this, v| {
        threads(cx, this, pool::local_auth_max_threads, v)
    });
    on.on(pool::call::set_ext_auth_max_threads, |cx, this, v| {
        threads(cx, this, pool::ext_auth_max_threads, v)
    });
}

/// Every acknowledged write is on the disk already.
async fn sync_database(_: Cx) -> Result<()> {
    Ok(())
}

async fn get_license_state(cx: Cx, this: Ref<Pool>) -> Result<Map<String, String>> {
    let snapshot = cx.snapshot();
    let coordinator = snapshot.get(&this, pool::master)?;
    let edition = snapshot.get(&coordinator, host::edition)?;
    Ok(Map(vec![("edition".into(), edition), ("expiry".into(), "never".into())]))
}

/// This host cannot become a member of another pool yet. The address is tried first, so that a wrong one
/// is told apart.
async fn join(cx: Cx, address: String, _: String, _: String) -> Result<()> {
    let patience = std::time::Duration::from_secs(10);
    let there = match &cx.xapi.settings.outside {
        Some(outside) => outside.listens(&address, 443, patience).await,
        None => false,
    };
    if there {
        return Err(Failure::not_implemented("pool.join"));
    }
    Err(errors::JOINING_HOST_CONNECTION_FAILED.bare())
}

async fn eject(cx: Cx, this: Ref<Host>) -> Result<()> {
    cx.snapshot().record(&this)?;
    if this == cx.xapi.coordinator()? {
        return Err(Failure::internal("the coordinator cannot be ejected"));
    }
    Err(Failure::not_implemented("pool.eject"))
}

async fn designate_new_master(cx: Cx, this: Ref<Host>) -> Result<()> {
    cx.snapshot().record(&this)?;
    if this == cx.xapi.coordinator()? {
        return Ok(());
    }
    Err(Failure::not_implemented("pool.designate_new_master"))
}

/// Hosts that answered: with a pool of one there is nobody to be called back.
async fn recover_slaves(cx: Cx) -> Result<Vec<Ref<Host>>> {
    if cx.snapshot().all::<Host>().len() == 1 {
        return Ok(vec![]);
    }
    Err(Failure::not_implemented("pool.recover_slaves"))
}

async fn is_slave(cx: Cx, this: Ref<Host>) -> Result<bool> {
    cx.snapshot().record(&this)?;
    Ok(this != cx.xapi.coordinator()?)
}

async fn initialize_wlb(_: Cx, url: String, _: String, _: String, _: String, _: String) -> Result<()> {
    let (address, port) = url.split_once(':').unwrap_or((&url, ""));
    if address.is_empty() || port.parse::<u16>().is_err() {
        return Err(errors::WLB_URL_INVALID.with([url]));
    }
    Err(errors::WLB_CONNECTION_REFUSED.bare())
}

async fn deconfigure_wlb(cx: Cx) -> Result<()> {
    let this = cx.xapi.pool()?;
    cx.commit(move |tx| {
        tx.set(&this, pool::wlb_enabled, false)?;
        tx.set(&this, pool::wlb_url, String::new())?;
        tx.set(&this, pool::wlb_username, String::new())
    })
    .await
}

async fn retrieve_wlb_configuration(_: Cx) -> Result<Map<String, String>> {
    Err(errors::WLB_NOT_INITIALIZED.bare())
}

async fn retrieve_wlb_recommendations(_: Cx) -> Result<Map<Ref<Vm>, Vec<String>>> {
    Err(errors::WLB_NOT_INITIALIZED.bare())
}

async fn send_wlb_configuration(_: Cx, _: Map<String, String>) -> Result<()> {
    Err(errors::WLB_NOT_INITIALIZED.bare())
}

async fn disable_ha(cx: Cx) -> Result<()> {
    if !cx.snapshot().get(&cx.xapi.pool()?, pool::ha_enabled)? {
        return Err(errors::HA_NOT_ENABLED.bare());
    }
    Err(Failure::not_implemented("pool.disable_ha"))
}

/// Protected VMs of a pool: those HA would start again.
fn protected(read: &impl Read) -> usize {
    let vms = read.rows(xapi_schema::ClassId::Vm);
    let restarted = vms.filter(|row| {
        let record = &row.record;
        record.get(xapi_schema::classes::vm::ha_always_run)
            && record.get(xapi_schema::classes::vm::ha_restart_priority) == "restart"
    });
    restarted.count()
}

/// Without protected VMs every host may fail.
async fn tolerated(cx: Cx) -> Result<i64> {
    let snapshot = cx.snapshot();
    if protected(&*snapshot) > 0 {
        return Ok(0);
    }
    Ok(snapshot.all::<Host>().len() as i64)
}

async fn ha_failover_plan_exists(cx: Cx, failures: i64) -> Result<bool> {
    Ok(failures <= tolerated(cx).await?)
}

async fn set_ha_host_failures_to_tolerate(cx: Cx, this: Ref<Pool>, value: i64) -> Result<()> {
    if value < 0 {
        let params = ["ha_host_failures_to_tolerate".to_string(), value.to_string()];
        return Err(errors::INVALID_VALUE.with(params));
    }
    cx.commit(move |tx| tx.set(&this, pool::ha_host_failures_to_tolerate, value)).await
}

/// The same tag on every host's PIF of a network; a failure takes all of them back.
async fn create_vlan_from_pif(
    cx: Cx,
    this: Ref<Pif>,
    link: Ref<Network>,
    number: i64,
) -> Result<Vec<Ref<Pif>>> {
    let made = cx
        .commit(move |tx| {
            let untagged = tx.get(&this, pif::network)?;
            let mut made = Vec::new();
            for under in tx.get(&untagged, network::PIFs)? {
                let home = tx.get(&under, pif::host)?;
                if super::host::is_live(tx, &home) {
                    made.push(tag::create_rows(tx, &under, number, &link)?.1);
                }
            }
            Ok(made)
        })
        .await?;
    for one in &made {
        if let Err(failure) = super::pif::bring_up(&cx, one).await {
            tracing::warn!(%failure, pif = %one, "a new VLAN could not be brought up");
        }
    }
    Ok(made)
}

async fn has_extension(cx: Cx, this: Ref<Pool>, _: String) -> Result<bool> {
    cx.snapshot().record(&this).map(|_| false)
}

async fn add_to_guest_agent_config(cx: Cx, this: Ref<Pool>, key: String, value: String) -> Result<()> {
    cx.commit(move |tx| {
        let mut map = tx.get(&this, pool::guest_agent_config)?;
        if map.contains(key.as_str()) {
            return Err(errors::MAP_DUPLICATE_KEY.with(["pool", "guest_agent_config", this.as_str(), &key]));
        }
        map.set(key, value);
        tx.set(&this, pool::guest_agent_config, map)
    })
    .await
}

async fn remove_from_guest_agent_config(cx: Cx, this: Ref<Pool>, key: String) -> Result<()> {
    cx.commit(move |tx| tx.update(&this, pool::guest_agent_config, |map| map.remove(key.as_str()))).await
}

async fn set_igmp_snooping_enabled(cx: Cx, this: Ref<Pool>, value: bool) -> Result<()> {
    if value {
        return Err(Failure::not_implemented("pool.set_igmp_snooping_enabled to true"));
    }
    cx.commit(move |tx| tx.set(&this, pool::igmp_snooping_enabled, false)).await
}

/// None can be installed yet, so none is there.
async fn nothing_listed(_: Cx) -> Result<Vec<String>> {
    Ok(vec![])
}

async fn disable_redo_log(cx: Cx) -> Result<()> {
    let this = cx.xapi.pool()?;
    cx.commit(move |tx| tx.set(&this, pool::redo_log_enabled, false)).await
}

async fn enable_ssl_legacy(_: Cx, _: Ref<Pool>) -> Result<()> {
    Err(errors::FEATURE_RESTRICTED.with(["ssl_legacy"]))
}

/// Old protocol versions are never spoken.
async fn disable_ssl_legacy(cx: Cx, this: Ref<Pool>) -> Result<()> {
    cx.snapshot().record(&this).map(|_| ())
}

async fn set_update_sync_enabled(cx: Cx, this: Ref<Pool>, value: bool) -> Result<()> {
    if value {
        return Err(Failure::not_implemented("pool.set_update_sync_enabled to true"));
    }
    cx.commit(move |tx| tx.set(&this, pool::update_sync_enabled, false)).await
}

async fn set_telemetry_next_collection(cx: Cx, this: Ref<Pool>, value: xapi_schema::DateTime) -> Result<()> {
    cx.commit(move |tx| tx.set(&this, pool::telemetry_next_collection, value)).await
}

async fn threads(cx: Cx, this: Ref<Pool>, field: xapi_schema::Field<Pool, i64>, value: i64) -> Result<()> {
    if value < 1 {
        return Err(errors::INVALID_VALUE.with(["max_threads".to_string(), value.to_string()]));
    }
    cx.commit(move |tx| tx.set(&this, field, value)).await
}
