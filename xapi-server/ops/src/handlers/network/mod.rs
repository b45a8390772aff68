//! `network`: what VMs and hosts are connected by.

use xapi_schema::{
    ApiEnum, ClassId, Ref, Result, Value,
    classes::{Host, Network, NetworkDefaultLockingMode, NetworkPurpose, Vm, network, vif},
    errors,
};
use xapi_store::{Read, Tx};

pub mod link;

pub use link::{bring_up, bring_up_for};

use super::{overlay, text};
use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_create(create);
    on.on_destroy(destroy);
    on.on(network::call::attach, attach);
    on.on(network::call::set_default_locking_mode, set_default_locking_mode);
    on.on(network::call::add_purpose, add_purpose);
    on.on(network::call::remove_purpose, remove_purpose);
    on.on(network::call::attach_for_vm, attach_for_vm);
    on.on(network::call::detach_for_vm, detach_for_vm);
    on.on_named("network.pool_introduce", pool_introduce);
}

/// The first `xapi<n>` no network uses; the recorded server began with 1.
fn fresh_bridge(read: &impl Read) -> String {
    let used: Vec<String> =
        read.rows(ClassId::Network).map(|row| row.record.get::<Network, String>(network::bridge)).collect();
    let names = (1..).map(|n| format!("xapi{n}"));
    names.into_iter().find(|name| !used.contains(name)).unwrap_or_default()
}

/// Makes a network on a bridge of its own, or on the one given.
///
/// # Errors
/// INVALID_VALUE [bridge, name], BRIDGE_NAME_EXISTS [name].
pub async fn create(cx: Cx, members: Value) -> Result<Ref<Network>> {
    let internal = cx.session.pool;
    cx.commit(move |tx| {
        let bridge = text(&members, "bridge");
        if bridge.is_empty() {
            let fresh = fresh_bridge(tx);
            return write(tx, &overlay(&members, [("bridge", Value::str(fresh))]));
        }
        let reserved = ["xen", "xapi", "vif", "tap", "eth"];
        let unfit = bridge.len() > 15 || reserved.iter().any(|prefix| bridge.starts_with(prefix));
        if unfit && !internal {
            return Err(errors::INVALID_VALUE.with(["bridge", &bridge]));
        }
        if tx.rows(ClassId::Network).any(|row| row.record.get::<Network, String>(network::bridge) == bridge) {
            return Err(errors::BRIDGE_NAME_EXISTS.with([bridge]));
        }
        write(tx, &members)
    })
    .await
}

fn write(tx: &mut Tx, members: &Value) -> Result<Ref<Network>> {
    let mtu = match members.get("MTU") {
        Some(Value::Int(mtu)) if *mtu > 0 => *mtu,
        _ => 1_500,
    };
    let members = overlay(members, [("MTU", Value::Int(mtu))]);
    tx.create_value(ClassId::Network, None, &members).map(Ref::new)
}

/// Only a row, as given.
async fn pool_introduce(cx: Cx, args: Value) -> Result<Ref<Network>> {
    cx.commit(move |tx| write(tx, &args)).await
}

async fn destroy(cx: Cx, this: Ref<Network>) -> Result<()> {
    let record = cx.snapshot().record(&this)?.clone();
    let (bridge, managed) = (record.get(network::bridge), record.get(network::managed));
    cx.commit(move |tx| {
        let record = tx.record(&this)?.clone();
        let cards = record.get(network::VIFs);
        let busy = |card: &&Ref<_>| {
            tx.get(*card, vif::currently_attached).unwrap_or(false)
                || tx.get(*card, vif::reserved).unwrap_or(false)
        };
        let attached: Vec<_> = cards.iter().filter(busy).collect();
        if !attached.is_empty() {
            return Err(errors::NETWORK_CONTAINS_VIF.with(attached));
        }
        let pifs = record.get(network::PIFs);
        if !pifs.is_empty() {
            return Err(errors::NETWORK_CONTAINS_PIF.with(pifs.iter()));
        }
        let config = record.get(network::other_config);
        if config.get("is_host_internal_management_network").is_some_and(|v| v == "true") {
            return Err(errors::CANNOT_DESTROY_SYSTEM_NETWORK.with([&this]));
        }
        for card in cards {
            super::vif::remove(tx, &card)?;
        }
        tx.destroy(&this)
    })
    .await?;
    // A private network's bridge came with its first guest; nobody could ask for its end any more.
    if managed
        && !bridge.is_empty()
        && let Err(failure) = cx.xapi.backends.network.bring_down(&bridge).await
    {
        tracing::warn!(%failure, bridge, "the bridge of a network that is gone stays");
    }
    Ok(())
}

async fn attach(cx: Cx, this: Ref<Network>, home: Ref<Host>) -> Result<()> {
    cx.snapshot().record(&home)?;
    bring_up(&cx, &this).await
}

async fn attach_for_vm(cx: Cx, _: Ref<Host>, guest: Ref<Vm>) -> Result<()> {
    bring_up_for(&cx, &guest).await
}

/// Bridges stay: another VM may come to them the next moment.
async fn detach_for_vm(cx: Cx, _: Ref<Host>, guest: Ref<Vm>) -> Result<()> {
    cx.snapshot().record(&guest).map(|_| ())
}

async fn set_default_locking_mode(
    cx: Cx,
    this: Ref<Network>,
    value: NetworkDefaultLockingMode,
) -> Result<()> {
    // Nothing is attached, so there is no port to apply it to.
    cx.commit(move |tx| {
        let cards = tx.get(&this, network::VIFs)?;
        let attached = cards.iter().find(|card| tx.get(*card, vif::currently_attached).unwrap_or(false));
        if let Some(card) = attached {
            return Err(errors::VIF_IN_USE.with([this.as_str(), card.as_str()]));
        }
        tx.set(&this, network::default_locking_mode, value)
    })
    .await
}

async fn add_purpose(cx: Cx, this: Ref<Network>, value: NetworkPurpose) -> Result<()> {
    cx.commit(move |tx| {
        if !tx.get(&this, network::managed)? {
            return Err(errors::NETWORK_UNMANAGED.with([&this]));
        }
        let mut mine = tx.get(&this, network::purpose)?;
        if mine.contains(&value) {
            return Ok(());
        }
        for other in tx.all::<Network>() {
            let theirs = tx.get(&other, network::purpose)?;
            if let Some(clash) = theirs.iter().find(|purpose| **purpose != value) {
                let params = [value.as_str(), clash.as_str()];
                return Err(errors::NETWORK_INCOMPATIBLE_PURPOSES.with(params));
            }
        }
        mine.insert(0, value);
        tx.set(&this, network::purpose, mine)
    })
    .await
}

async fn remove_purpose(cx: Cx, this: Ref<Network>, value: NetworkPurpose) -> Result<()> {
    cx.commit(move |tx| tx.update(&this, network::purpose, |all| all.retain(|known| *known != value))).await
}
