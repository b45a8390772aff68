//! `tunnel`: a network that reaches other hosts over a PIF.
//!
//! Between bridges of the kernel a tunnel is made by this host from `other_config`, see `network/link.rs`; a
//! change of it takes effect when the access PIF is plugged again.

use xapi_schema::{
    ApiEnum, ClassId, Ref, Result, Value,
    classes::{IpConfigurationMode, Network, Pif, Tunnel, TunnelProtocol, host, network, pif, tunnel},
    errors,
};
use xapi_store::{Read, Tx};

use super::{pif as card, vif::fresh_mac};
use crate::{Cx, Registry};

/// Registers the methods.
pub fn register(on: &mut Registry) {
    on.on(tunnel::call::create, create);
    on.on(tunnel::call::destroy, destroy);
}

fn check(read: &impl Read, under: &Ref<Pif>, wanted: &Ref<Network>) -> Result<()> {
    if !read.get(wanted, network::managed)? {
        return Err(errors::NETWORK_UNMANAGED.with([wanted]));
    }
    let record = read.record(under)?;
    let home = record.get(pif::host);
    for other in read.get(wanted, network::PIFs)? {
        if read.get(&other, pif::host)? == home {
            return Err(errors::NETWORK_ALREADY_CONNECTED.with([home.as_str(), other.as_str()]));
        }
    }
    if !record.get(pif::managed) {
        return Err(errors::PIF_UNMANAGED.with([under]));
    }
    if read.exists(&record.get(pif::bond_slave_of)) {
        return Err(errors::CANNOT_ADD_TUNNEL_TO_BOND_SLAVE.with([under]));
    }
    if !record.get(pif::tunnel_access_PIF_of).is_empty() {
        return Err(errors::IS_TUNNEL_ACCESS_PIF.with([under]));
    }
    if !record.get(pif::sriov_logical_PIF_of).is_empty() {
        return Err(errors::CANNOT_ADD_TUNNEL_TO_SRIOV_LOGICAL.with([under]));
    }
    Ok(())
}

/// Packets of a tunnel need an address to come from.
///
/// # Errors
/// TRANSPORT_PIF_NOT_CONFIGURED [transport].
pub fn assert_transport(read: &impl Read, under: &Ref<Pif>) -> Result<()> {
    match read.get(under, pif::ip_configuration_mode)? {
        IpConfigurationMode::None => Err(errors::TRANSPORT_PIF_NOT_CONFIGURED.with([under])),
        _ => Ok(()),
    }
}

fn create_rows(
    tx: &mut Tx,
    under: &Ref<Pif>,
    wanted: &Ref<Network>,
    protocol: TunnelProtocol,
) -> Result<(Ref<Tunnel>, Ref<Pif>)> {
    check(tx, under, wanted)?;
    // Plugging would find it out too, but a tunnel that can't work shall not be left behind.
    assert_transport(tx, under)?;
    let record = tx.record(under)?.clone();
    let home = record.get(pif::host);
    let pifs = tx.get(&home, host::PIFs)?;
    let used = pifs.iter().map(|p| tx.get(p, pif::device)).collect::<Result<Vec<_>>>()?;
    let device = (0..).map(|n| format!("tunnel{n}")).find(|name| !used.contains(name)).unwrap_or_default();
    let members = Value::map([
        ("device", Value::str(device.as_str())),
        ("device_name", Value::str(device.as_str())),
        ("network", Value::Str(wanted.text().clone())),
        ("host", Value::Str(home.text().clone())),
        ("MAC", Value::str(fresh_mac())),
        ("MTU", Value::Int(-1)),
        ("VLAN", Value::Int(-1)),
        ("metrics", Value::Str(record.get(pif::metrics).text().clone())),
        ("physical", Value::Bool(false)),
        ("managed", Value::Bool(true)),
        ("currently_attached", Value::Bool(false)),
        ("ip_configuration_mode", Value::str("None")),
        ("ipv6_configuration_mode", Value::str("None")),
        ("primary_address_type", Value::str("IPv4")),
        ("igmp_snooping_status", Value::str("unknown")),
    ]);
    let access: Ref<Pif> = Ref::new(tx.create_value(ClassId::Pif, None, &members)?);
    let members = Value::map([
        ("access_PIF", Value::Str(access.text().clone())),
        ("transport_PIF", Value::Str(under.text().clone())),
        ("protocol", Value::str(protocol.as_str())),
        ("status", Value::map([("active", Value::str("false"))])),
    ]);
    let this = Ref::new(tx.create_value(ClassId::Tunnel, None, &members)?);
    Ok((this, access))
}

async fn create(
    cx: Cx,
    under: Ref<Pif>,
    wanted: Ref<Network>,
    protocol: TunnelProtocol,
) -> Result<Ref<Tunnel>> {
    let (this, access) = cx.commit(move |tx| create_rows(tx, &under, &wanted, protocol)).await?;
    if let Err(failure) = card::bring_up(&cx, &access).await {
        let made = this.clone();
        cx.commit(move |tx| {
            tx.destroy(&access)?;
            tx.destroy(&made)
        })
        .await?;
        return Err(failure);
    }
    Ok(this)
}

async fn destroy(cx: Cx, this: Ref<Tunnel>) -> Result<()> {
    let access = cx.snapshot().get(&this, tunnel::access_PIF)?;
    card::bring_down(&cx, &access).await?;
    cx.commit(move |tx| {
        tx.destroy(&access)?;
        tx.destroy(&this)
    })
    .await
}
