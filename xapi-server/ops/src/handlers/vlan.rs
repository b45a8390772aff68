//! `VLAN`: a tag on a PIF, seen as a PIF of its own.

use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Network, Pif, Vlan, network, pif, vif, vlan},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on_named("VLAN.pool_introduce", pool_introduce);
    on.on(vlan::call::create, create);
    on.on(vlan::call::destroy, destroy);
}

/// Everything that must be true before a VLAN can be made, in order.
fn check(read: &impl Read, under: &Ref<Pif>, tag: i64, link: &Ref<Network>) -> Result<()> {
    let wanted = read.record(link)?;
    let record = read.record(under)?;
    if !wanted.get(network::managed) {
        return Err(errors::NETWORK_UNMANAGED.with([link]));
    }
    let home = record.get(pif::host);
    for other in wanted.get(network::PIFs) {
        if read.get(&other, pif::host)? == home {
            return Err(errors::NETWORK_ALREADY_CONNECTED.with([home.as_str(), other.as_str()]));
        }
    }
    if !record.get(pif::managed) {
        return Err(errors::PIF_UNMANAGED.with([under]));
    }
    if read.exists(&record.get(pif::bond_slave_of)) {
        return Err(errors::CANNOT_ADD_VLAN_TO_BOND_SLAVE.with([under]));
    }
    if read.exists(&record.get(pif::VLAN_master_of)) {
        return Err(errors::PIF_IS_VLAN.with([under]));
    }
    if !record.get(pif::tunnel_access_PIF_of).is_empty() {
        return Err(errors::IS_TUNNEL_ACCESS_PIF.with([under]));
    }
    if !(0..=4094).contains(&tag) {
        return Err(errors::VLAN_TAG_INVALID.with([tag.to_string()]));
    }
    for known in record.get(pif::VLAN_slave_of) {
        if read.get(&known, vlan::tag)? == tag {
            return Err(errors::PIF_VLAN_EXISTS.with([record.get(pif::device)]));
        }
    }
    let trunked = |card: &Ref<_>| read.get(card, vif::trunks).is_ok_and(|tags: Vec<i64>| !tags.is_empty());
    if wanted.get(network::VIFs).iter().any(trunked) {
        return Err(errors::NETWORK_INCOMPATIBLE_WITH_TRUNKS.with([link]));
    }
    Ok(())
}

/// Writes the VLAN and its PIF.
///
/// # Errors
/// The first reason why it cannot be.
pub fn create_rows(
    tx: &mut Tx,
    under: &Ref<Pif>,
    tag: i64,
    link: &Ref<Network>,
) -> Result<(Ref<Vlan>, Ref<Pif>)> {
    check(tx, under, tag, link)?;
    let record = tx.record(under)?.clone();
    let device = record.get(pif::device);
    let members = Value::map([
        ("device", Value::str(device.as_str())),
        ("device_name", Value::str(device.as_str())),
        ("network", Value::Str(link.text().clone())),
        ("host", Value::Str(record.get(pif::host).text().clone())),
        ("MAC", Value::str("fe:ff:ff:ff:ff:ff")),
        ("MTU", Value::Int(record.get(pif::MTU))),
        ("VLAN", Value::Int(tag)),
        ("metrics", Value::Str(record.get(pif::metrics).text().clone())),
        ("managed", Value::Bool(true)),
        ("currently_attached", Value::Bool(false)),
        ("IPv6", Value::set([Value::EMPTY])),
        ("ip_configuration_mode", Value::str("None")),
        ("ipv6_configuration_mode", Value::str("None")),
        ("primary_address_type", Value::str("IPv4")),
        ("igmp_snooping_status", Value::str("unknown")),
    ]);
    let tagged: Ref<Pif> = Ref::new(tx.create_value(ClassId::Pif, None, &members)?);
    let members = Value::map([
        ("tagged_PIF", Value::Str(under.text().clone())),
        ("untagged_PIF", Value::Str(tagged.text().clone())),
        ("tag", Value::Int(tag)),
    ]);
    let made: Ref<Vlan> = Ref::new(tx.create_value(ClassId::Vlan, None, &members)?);
    tx.set(&tagged, pif::VLAN_master_of, made.clone())?;
    Ok((made, tagged))
}

/// Only a row, as given.
async fn pool_introduce(cx: Cx, args: Value) -> Result<Ref<Vlan>> {
    cx.commit(move |tx| tx.create_value(ClassId::Vlan, None, &args).map(Ref::new)).await
}

async fn create(cx: Cx, under: Ref<Pif>, tag: i64, link: Ref<Network>) -> Result<Ref<Vlan>> {
    create_up(&cx, under, tag, link).await.map(|(made, _)| made)
}

/// Writes a VLAN and brings it up; one that does not come up is not written.
///
/// # Errors
/// As [`create_rows`], those of the backend.
pub async fn create_up(
    cx: &Cx,
    under: Ref<Pif>,
    tag: i64,
    link: Ref<Network>,
) -> Result<(Ref<Vlan>, Ref<Pif>)> {
    let (made, tagged) = cx.commit(move |tx| create_rows(tx, &under, tag, &link)).await?;
    if let Err(failure) = super::pif::bring_up(cx, &tagged).await {
        cx.commit(move |tx| {
            tx.destroy(&tagged)?;
            tx.destroy(&made)
        })
        .await?;
        return Err(failure);
    }
    Ok((made, tagged))
}

/// Takes a VLAN down and removes its rows.
///
/// # Errors
/// PIF_IS_MANAGEMENT_INTERFACE [pif], VIF_IN_USE [network, vif].
pub async fn destroy(cx: Cx, this: Ref<Vlan>) -> Result<()> {
    let tagged = cx.snapshot().get(&this, vlan::untagged_PIF)?;
    if cx.snapshot().exists(&tagged) {
        if cx.snapshot().get(&tagged, pif::management)? {
            return Err(errors::PIF_IS_MANAGEMENT_INTERFACE.with([&tagged]));
        }
        super::pif::bring_down(&cx, &tagged).await?;
    }
    cx.commit(move |tx| {
        if tx.exists(&tagged) {
            tx.destroy(&tagged)?;
        }
        tx.destroy(&this)
    })
    .await
}
