//! The interface a host is managed by: which PIF it is, and the address that follows it.

use xapi_schema::{
    Ref, Result,
    classes::{
        Host, IpConfigurationMode, Ipv6ConfigurationMode, Network, Pif, PrimaryAddressType, host, network,
        pif, pool,
    },
    errors,
};
use xapi_store::{Read, Tx};

use super::{assert_here, way_back};
use crate::{
    Cx, Registry,
    handlers::{console, pif as card},
};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(host::call::management_reconfigure, reconfigure);
    on.on(host::call::local_management_reconfigure, local_reconfigure);
    on.on(host::call::management_disable, disable);
    on.on(pool::call::management_reconfigure, reconfigure_pool);
    on.on(host::call::sync_vlans, nothing_to_copy);
    on.on(host::call::sync_tunnels, nothing_to_copy);
    on.on(host::call::sync_pif_currently_attached, sync_attached);
}

/// The address clients reach a PIF's host at, without a prefix length.
///
/// # Errors
/// HANDLE_INVALID.
pub fn address(read: &impl Read, this: &Ref<Pif>) -> Result<String> {
    let record = read.record(this)?;
    Ok(match record.get(pif::primary_address_type) {
        PrimaryAddressType::IPv4 => record.get(pif::IP),
        PrimaryAddressType::IPv6 => {
            let first = record.get(pif::IPv6).into_iter().next().unwrap_or_default();
            first.split('/').next().unwrap_or_default().to_string()
        }
    })
}

/// Keeps `host.address` that of the management PIF. Other PIFs change nothing.
///
/// # Errors
/// Those of the store.
pub fn follow(tx: &mut Tx, this: &Ref<Pif>) -> Result<()> {
    if !tx.get(this, pif::management)? {
        return Ok(());
    }
    let (home, now) = (tx.get(this, pif::host)?, address(tx, this)?);
    if tx.get(&home, host::address)? == now {
        return Ok(());
    }
    tx.set(&home, host::address, now)?;
    console::readdress(tx, &home)
}

fn current(read: &impl Read, home: &Ref<Host>) -> Result<Option<Ref<Pif>>> {
    let mut pifs = read.get(home, host::PIFs)?.into_iter();
    Ok(pifs.find(|p| read.get(p, pif::management).unwrap_or(false)))
}

fn assert_usable(read: &impl Read, this: &Ref<Pif>) -> Result<()> {
    let record = read.record(this)?;
    if record.get(pif::managed) && read.exists(&record.get(pif::bond_slave_of)) {
        return Err(errors::CANNOT_PLUG_BOND_SLAVE.with([this]));
    }
    match record.get(pif::primary_address_type) {
        PrimaryAddressType::IPv4 if record.get(pif::ip_configuration_mode) == IpConfigurationMode::None => {
            Err(errors::PIF_HAS_NO_NETWORK_CONFIGURATION.with([this]))
        }
        PrimaryAddressType::IPv6
            if record.get(pif::ipv6_configuration_mode) == Ipv6ConfigurationMode::None =>
        {
            Err(errors::PIF_HAS_NO_V6_NETWORK_CONFIGURATION.with([this]))
        }
        _ => Ok(()),
    }
}

async fn reconfigure(cx: Cx, this: Ref<Pif>) -> Result<()> {
    let snapshot = cx.snapshot();
    assert_usable(&*snapshot, &this)?;
    let home = snapshot.get(&this, pif::host)?;
    assert_here(&cx, &home)?;
    let before = current(&*snapshot, &home)?;
    if before.as_ref() == Some(&this) {
        return Ok(());
    }
    let Some(before) = before else { return make(&cx, &home, Some(&this)).await };
    let (at, now, uuid) = (home.clone(), cx.clock().date().unix(), snapshot.get(&before, pif::uuid)?);
    cx.commit(move |tx| way_back::note(tx, &at, now, way_back::Change::Management(uuid))).await?;
    if let Err(failure) = make(&cx, &home, Some(&this)).await {
        // Half a change would leave the host between two interfaces.
        let undone = make(&cx, &home, Some(&before)).await;
        way_back::guard(&cx);
        return undone.and(Err(failure));
    }
    way_back::guard(&cx);
    Ok(())
}

/// Makes a PIF the one the host is managed by: up first, then told, so that a failure changes nothing.
///
/// # Errors
/// Those of the backend and the store.
pub(super) async fn make(cx: &Cx, home: &Ref<Host>, this: Option<&Ref<Pif>>) -> Result<()> {
    if let Some(this) = this {
        card::bring_up(cx, this).await?;
    }
    let before = current(&*cx.snapshot(), home)?;
    let (target, at) = (this.cloned(), home.clone());
    let wanted = this.map(|this| cx.snapshot().get(this, pif::network)).transpose()?;
    cx.commit(move |tx| {
        // All PIFs of the host on the network of management carry the mark.
        for known in tx.get(&at, host::PIFs)? {
            let marked = wanted.is_some() && tx.get(&known, pif::network).ok() == wanted;
            if tx.get(&known, pif::management)? != marked {
                tx.set(&known, pif::management, marked)?;
            }
        }
        match &target {
            Some(target) => follow(tx, target),
            None => tx.set(&at, host::address, String::new()),
        }
    })
    .await?;
    if let Some(this) = this {
        // Only now it is known that the default route goes this way.
        card::apply_addresses(cx, this).await?;
    }
    // And no longer that way, where it is not the one that says so.
    match before.filter(|before| Some(before) != this) {
        Some(before) => card::apply_addresses(cx, &before).await,
        None => Ok(()),
    }
}

async fn disable(cx: Cx) -> Result<()> {
    let home = cx.host().clone();
    make(&cx, &home, None).await
}

async fn local_reconfigure(_: Cx, _: String) -> Result<()> {
    Err(errors::NOT_IN_EMERGENCY_MODE.bare())
}

async fn reconfigure_pool(cx: Cx, wanted: Ref<Network>) -> Result<()> {
    let snapshot = cx.snapshot();
    let pifs = snapshot.get(&wanted, network::PIFs)?;
    let mut chosen = Vec::new();
    for home in snapshot.all::<Host>() {
        let here = pifs.iter().find(|p| snapshot.get(*p, pif::host).is_ok_and(|at| at == home));
        let Some(here) = here else {
            return Err(errors::PIF_NOT_PRESENT.with([home.as_str(), wanted.as_str()]));
        };
        chosen.push(here.clone());
    }
    let kinds =
        chosen.iter().map(|p| snapshot.get(p, pif::primary_address_type)).collect::<Result<Vec<_>>>()?;
    if let Some(odd) = kinds.iter().position(|kind| Some(kind) != kinds.first()) {
        return Err(errors::PIF_INCOMPATIBLE_PRIMARY_ADDRESS_TYPE.with([&chosen[odd]]));
    }
    for this in &chosen {
        assert_usable(&*snapshot, this)?;
    }
    for this in chosen {
        reconfigure(cx.clone(), this).await?;
    }
    Ok(())
}

/// A host has its own VLANs and tunnels; those of a coordinator are copied when a host joins one.
async fn nothing_to_copy(cx: Cx, this: Ref<Host>) -> Result<()> {
    assert_here(&cx, &this)
}

/// Which PIFs are up, by the bridges that are really there.
async fn sync_attached(cx: Cx, this: Ref<Host>, there: Vec<String>) -> Result<()> {
    assert_here(&cx, &this)?;
    cx.commit(move |tx| {
        for known in tx.get(&this, host::PIFs)? {
            let bridge = tx.get(&tx.get(&known, pif::network)?, network::bridge)?;
            let bonded = tx.exists(&tx.get(&known, pif::bond_slave_of)?);
            let up = !bonded && there.contains(&bridge);
            if tx.get(&known, pif::managed)? && tx.get(&known, pif::currently_attached)? != up {
                tx.set(&known, pif::currently_attached, up)?;
            }
        }
        Ok(())
    })
    .await
}
