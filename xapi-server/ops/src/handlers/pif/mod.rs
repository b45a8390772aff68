//! `PIF`: a host's end of a network.

mod address;

use xapi_backend::network::Card;

pub use address::{apply as apply_addresses, restore as restore_addresses};
use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{
        Host, IpConfigurationMode, Ipv6ConfigurationMode, Network, Pif, PrimaryAddressType, VmPowerState,
        host, network, pif, pif_metrics, tunnel, vif, vlan, vm,
    },
    errors,
};
use xapi_store::{Read, Tx};

use super::{network as link, vif::is_mac, vlan as tag};
use crate::{Cx, Registry, first_boot::with_bridge};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(pif::call::scan, scan);
    on.on(pif::call::introduce, introduce);
    on.on(pif::call::forget, forget);
    on.on(pif::call::plug, plug);
    on.on(pif::call::unplug, unplug);
    on.on(pif::call::reconfigure_ip, address::reconfigure_ip);
    on.on(pif::call::reconfigure_ipv6, address::reconfigure_ipv6);
    on.on_named("PIF.pool_introduce", db_introduce);
    on.on_named("PIF.db_introduce", db_introduce);
    on.on(pif::call::set_primary_address_type, set_primary_address_type);
    on.on(pif::call::set_disallow_unplug, set_disallow_unplug);
    on.on(pif::call::set_property, set_property);
    on.on(pif::call::create_VLAN, create_vlan);
    on.on(pif::call::destroy, destroy);
    on.on(pif::call::db_forget, db_forget);
}

fn with_device(read: &impl Read, home: &Ref<Host>, device: &str) -> Result<Option<Ref<Pif>>> {
    for known in read.get(home, host::PIFs)? {
        let record = read.record(&known)?;
        if record.get(pif::device) == device && record.get(pif::VLAN) < 0 {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

/// The first version of the API whose hosts number their networks instead of naming them after cards.
const NUMBERED: (i64, i64) = (2, 22);

/// Writes the row of a card nobody knew, on the network of its position. `version` is the reported one of
/// the API, which decides the network's name.
///
/// # Errors
/// Those of the store.
pub fn introduce_card(
    tx: &mut Tx,
    home: &Ref<Host>,
    card: &Card,
    managed: bool,
    version: (i64, i64),
) -> Result<Ref<Pif>> {
    let bridge = format!("xenbr{}", card.position);
    let network: Ref<Network> = match with_bridge(tx, &bridge)? {
        Some(known) => known,
        None => {
            let label = if version >= NUMBERED {
                format!("Pool-wide network {}", card.position)
            } else {
                format!("Pool-wide network associated with {}", card.device)
            };
            let members = Value::map([
                ("name_label", Value::str(label)),
                ("bridge", Value::str(if managed { bridge.as_str() } else { "" })),
                ("MTU", Value::Int(1_500)),
                ("managed", Value::Bool(managed)),
            ]);
            Ref::new(tx.create_value(ClassId::Network, None, &members)?)
        }
    };
    let metrics =
        tx.create_value(ClassId::PifMetrics, None, &Value::map([("carrier", Value::Bool(false))]))?;
    let members = Value::map([
        ("device", Value::str(card.device.as_str())),
        ("device_name", Value::str(card.device.as_str())),
        ("network", Value::Str(network.text().clone())),
        ("host", Value::Str(home.text().clone())),
        ("MAC", Value::str(card.mac.to_lowercase())),
        ("MTU", Value::Int(card.mtu)),
        ("VLAN", Value::Int(-1)),
        ("metrics", Value::Str(metrics)),
        ("physical", Value::Bool(true)),
        ("currently_attached", Value::Bool(false)),
        ("ip_configuration_mode", Value::str("None")),
        ("ipv6_configuration_mode", Value::str("None")),
        ("managed", Value::Bool(managed)),
        ("properties", Value::map([("gro", Value::str("on"))])),
        ("primary_address_type", Value::str("IPv4")),
        ("igmp_snooping_status", Value::str("unknown")),
    ]);
    tx.create_value(ClassId::Pif, None, &members).map(Ref::new)
}

async fn scan(cx: Cx, home: Ref<Host>) -> Result<()> {
    cx.snapshot().record(&home)?;
    let cards = cx.xapi.backends.network.cards().await?;
    let version = cx.xapi.settings.api_version;
    cx.commit(move |tx| {
        for card in &cards {
            if with_device(tx, &home, &card.device)?.is_none() {
                introduce_card(tx, &home, card, true, version)?;
            }
        }
        Ok(())
    })
    .await?;
    watch_links(&cx).await
}

/// Writes what the cards say about their links.
///
/// # Errors
/// Those of the backend and the store.
pub async fn watch_links(cx: &Cx) -> Result<()> {
    let cards = cx.xapi.backends.network.cards().await?;
    let (home, now, snapshot) = (cx.host().clone(), cx.clock().date(), cx.snapshot());
    let mut news = Vec::new();
    for card in cards {
        let Some(this) = with_device(&*snapshot, &home, &card.device)? else { continue };
        let metrics = snapshot.get(&this, pif::metrics)?;
        let Ok(record) = snapshot.record(&metrics) else { continue };
        let known = (record.get(pif_metrics::carrier), record.get(pif_metrics::speed));
        // A machine on which nothing changes writes nothing.
        if known != (card.carrier, card.speed) || record.get(pif_metrics::duplex) != card.carrier {
            news.push((metrics, card));
        }
    }
    if news.is_empty() {
        return Ok(());
    }
    cx.commit(move |tx| {
        for (metrics, card) in news.into_iter().filter(|(metrics, _)| tx.exists(metrics)).collect::<Vec<_>>()
        {
            tx.set(&metrics, pif_metrics::carrier, card.carrier)?;
            tx.set(&metrics, pif_metrics::speed, card.speed)?;
            tx.set(&metrics, pif_metrics::duplex, card.carrier)?;
            tx.set(&metrics, pif_metrics::last_updated, now)?;
        }
        Ok(())
    })
    .await
}

/// Brings up what a host shall have up from the start: cards and bonds, and whatever has an address. One that
/// cannot be brought up does not keep the others.
pub async fn plug_all(cx: &Cx) {
    let snapshot = cx.snapshot();
    for this in snapshot.get(cx.host(), host::PIFs).unwrap_or_default() {
        let Ok(record) = snapshot.record(&this) else { continue };
        let whole = record.get(pif::physical) || !record.get(pif::bond_master_of).is_empty();
        let addressed = record.get(pif::ip_configuration_mode) != IpConfigurationMode::None;
        let member = snapshot.exists(&record.get(pif::bond_slave_of));
        if !record.get(pif::managed) || member || !(whole || addressed) {
            continue;
        }
        if let Err(failure) = bring_up(cx, &this).await {
            tracing::warn!(%failure, device = record.get(pif::device), "a network interface did not come up");
        } else if let Err(failure) = apply_addresses(cx, &this).await {
            tracing::warn!(%failure, device = record.get(pif::device), "an address could not be set");
        }
    }
}

/// Follows links and leased addresses of this host.
///
/// # Errors
/// Those of the backend and the store.
pub async fn watch(cx: &Cx) -> Result<()> {
    watch_links(cx).await?;
    for this in cx.snapshot().get(cx.host(), host::PIFs)? {
        let record = cx.snapshot().record(&this)?.clone();
        let leased = record.get(pif::ip_configuration_mode) == IpConfigurationMode::Dhcp;
        let announced = !matches!(
            record.get(pif::ipv6_configuration_mode),
            Ipv6ConfigurationMode::None | Ipv6ConfigurationMode::Static
        );
        if record.get(pif::currently_attached) && (leased || announced) {
            address::observe(cx, &this).await?;
        }
    }
    Ok(())
}

async fn introduce(cx: Cx, home: Ref<Host>, mac: String, device: String, managed: bool) -> Result<Ref<Pif>> {
    let mac = mac.to_lowercase();
    let cards = cx.xapi.backends.network.cards().await?;
    let card = cards.into_iter().find(|card| card.device == device);
    let wanted = match (&card, mac.is_empty()) {
        (Some(card), true) => card.mac.clone(),
        _ => mac,
    };
    if !is_mac(&wanted) {
        return Err(errors::MAC_INVALID.with([wanted]));
    }
    if with_device(&*cx.snapshot(), &home, &device)?.is_some() {
        return Err(errors::DUPLICATE_PIF_DEVICE_NAME.with([device]));
    }
    let Some(card) = card.filter(|card| card.mac == wanted) else {
        let params = [device, wanted];
        return Err(
            errors::COULD_NOT_FIND_NETWORK_INTERFACE_WITH_SPECIFIED_DEVICE_NAME_AND_MAC_ADDRESS.with(params)
        );
    };
    let version = cx.xapi.settings.api_version;
    cx.commit(move |tx| introduce_card(tx, &home, &card, managed, version)).await
}

async fn forget(cx: Cx, this: Ref<Pif>) -> Result<()> {
    let record = cx.snapshot().record(&this)?.clone();
    if record.get(pif::management) {
        return Err(errors::PIF_IS_MANAGEMENT_INTERFACE.with([&this]));
    }
    let bonded = cx.snapshot().exists(&record.get(pif::bond_slave_of));
    if bonded || !record.get(pif::bond_master_of).is_empty() {
        return Err(errors::PIF_ALREADY_BONDED.with([&this]));
    }
    let tagged = cx.snapshot().exists(&record.get(pif::VLAN_master_of));
    if tagged || !record.get(pif::VLAN_slave_of).is_empty() {
        return Err(errors::PIF_VLAN_STILL_EXISTS.with([&this]));
    }
    if !record.get(pif::tunnel_transport_PIF_of).is_empty() {
        return Err(errors::PIF_TUNNEL_STILL_EXISTS.with([&this]));
    }
    if record.get(pif::managed) {
        bring_down(&cx, &this).await?;
    }
    cx.commit(move |tx| remove(tx, &this)).await
}

/// Removes a PIF's row with its metrics.
///
/// # Errors
/// Those of the store.
pub fn remove(tx: &mut Tx, this: &Ref<Pif>) -> Result<()> {
    let metrics = tx.get(this, pif::metrics)?;
    if tx.exists(&metrics) {
        tx.destroy(&metrics)?;
    }
    tx.destroy(this)
}

/// Only a row, as given.
async fn db_introduce(cx: Cx, args: Value) -> Result<Ref<Pif>> {
    cx.commit(move |tx| tx.create_value(ClassId::Pif, None, &args).map(Ref::new)).await
}

async fn db_forget(cx: Cx, this: Ref<Pif>) -> Result<()> {
    cx.commit(move |tx| tx.destroy(&this)).await
}

fn assert_managed(cx: &Cx, this: &Ref<Pif>) -> Result<()> {
    match cx.snapshot().get(this, pif::managed)? {
        true => Ok(()),
        false => Err(errors::PIF_UNMANAGED.with([this])),
    }
}

/// Makes a PIF's bridge, what it stands on first.
///
/// # Errors
/// Those of the backend.
pub async fn bring_up(cx: &Cx, this: &Ref<Pif>) -> Result<()> {
    let snapshot = cx.snapshot();
    if let Some(over) = snapshot.get(this, pif::tunnel_access_PIF_of)?.first() {
        let under = snapshot.get(over, tunnel::transport_PIF)?;
        super::tunnel::assert_transport(&*snapshot, &under)?;
        link::bring_up(cx, &snapshot.get(&under, pif::network)?).await?;
    }
    let tagged = snapshot.get(this, pif::VLAN_master_of)?;
    if snapshot.exists(&tagged) {
        let under = snapshot.get(&tagged, vlan::tagged_PIF)?;
        link::bring_up(cx, &snapshot.get(&under, pif::network)?).await?;
    }
    link::bring_up(cx, &snapshot.get(this, pif::network)?).await
}

/// Removes a PIF's bridge.
///
/// # Errors
/// VIF_IN_USE [network, vif], those of the backend.
pub async fn bring_down(cx: &Cx, this: &Ref<Pif>) -> Result<()> {
    let snapshot = cx.snapshot();
    let network = snapshot.get(this, pif::network)?;
    for card in snapshot.get(&network, network::VIFs)? {
        let attached = snapshot.get(&card, vif::currently_attached)?;
        let guest = snapshot.get(&card, vif::VM)?;
        let running = snapshot.get(&guest, vm::power_state).is_ok_and(|state| state == VmPowerState::Running);
        if attached && running {
            return Err(errors::VIF_IN_USE.with([network.as_str(), card.as_str()]));
        }
    }
    cx.xapi.backends.network.bring_down(&snapshot.get(&network, network::bridge)?).await?;
    let target = this.clone();
    cx.commit(move |tx| tx.set(&target, pif::currently_attached, false)).await
}

async fn plug(cx: Cx, this: Ref<Pif>) -> Result<()> {
    assert_managed(&cx, &this)?;
    if cx.snapshot().exists(&cx.snapshot().get(&this, pif::bond_slave_of)?) {
        return Err(errors::CANNOT_PLUG_BOND_SLAVE.with([&this]));
    }
    bring_up(&cx, &this).await?;
    apply_addresses(&cx, &this).await
}

async fn unplug(cx: Cx, this: Ref<Pif>) -> Result<()> {
    assert_managed(&cx, &this)?;
    let record = cx.snapshot().record(&this)?.clone();
    if record.get(pif::management) {
        return Err(errors::PIF_IS_MANAGEMENT_INTERFACE.with([&this]));
    }
    if record.get(pif::disallow_unplug) {
        return Err(errors::PIF_DOES_NOT_ALLOW_UNPLUG.with([&this]));
    }
    bring_down(&cx, &this).await
}

async fn set_primary_address_type(cx: Cx, this: Ref<Pif>, value: PrimaryAddressType) -> Result<()> {
    if cx.snapshot().get(&this, pif::management)? {
        return Err(errors::PIF_IS_MANAGEMENT_INTERFACE.with([&this]));
    }
    cx.commit(move |tx| tx.set(&this, pif::primary_address_type, value)).await
}

async fn set_disallow_unplug(cx: Cx, this: Ref<Pif>, value: bool) -> Result<()> {
    cx.commit(move |tx| tx.set(&this, pif::disallow_unplug, value)).await
}

async fn set_property(cx: Cx, this: Ref<Pif>, name: String, value: String) -> Result<()> {
    if name != "gro" || !["on", "off"].contains(&value.as_str()) {
        return Err(errors::INVALID_VALUE.with(["properties".to_string(), format!("{name} = {value}")]));
    }
    cx.commit(move |tx| {
        let record = tx.record(&this)?;
        let whole = record.get(pif::physical) || !record.get(pif::bond_master_of).is_empty();
        if !whole || tx.exists(&record.get(pif::bond_slave_of)) {
            return Err(errors::CANNOT_CHANGE_PIF_PROPERTIES.with([&this]));
        }
        tx.update(&this, pif::properties, |all| all.set(name, value))
    })
    .await
}

async fn create_vlan(
    cx: Cx,
    device: String,
    network: Ref<Network>,
    home: Ref<Host>,
    number: i64,
) -> Result<Ref<Pif>> {
    let Some(under) = with_device(&*cx.snapshot(), &home, &device)? else {
        return Err(errors::INVALID_VALUE.with(["device", &device]));
    };
    tag::create_up(&cx, under, number, network).await.map(|(_, made)| made)
}

async fn destroy(cx: Cx, this: Ref<Pif>) -> Result<()> {
    let tagged = cx.snapshot().get(&this, pif::VLAN_master_of)?;
    if !cx.snapshot().exists(&tagged) {
        return Err(errors::PIF_IS_PHYSICAL.bare());
    }
    tag::destroy(cx, tagged).await
}
