//! How a network becomes a bridge on a host: what it stands on, sizes and settings, and making it.

use xapi_backend::network::{Below, Link};
use xapi_schema::{
    ApiEnum, Map, Record, Ref, Result,
    classes::{Host, Network, Pif, Tunnel, Vm, bond, network, pif, tunnel, vif, vlan, vm},
    errors,
};
use xapi_store::Read;

use crate::Cx;

/// Properties of a bond with what its PIF's `bond-` keys override.
fn bond_properties(own: Map<String, String>, config: &Map<String, String>) -> Vec<(String, String)> {
    let mut all = own;
    for (key, value) in config.0.iter().filter_map(|(key, value)| Some((key.strip_prefix("bond-")?, value))) {
        all.set(key.to_string(), value.clone());
    }
    all.0
}

/// Settings of a PIF's card: its `ethtool-` keys, before them `properties[gro]` as the default, and no large
/// receive offload unless asked for.
fn card_settings(record: &Record) -> Vec<(String, String)> {
    let mut all: Map<String, String> = Map::default();
    all.set("lro".into(), "off".into());
    if let Some(gro) = record.get(pif::properties).get("gro") {
        all.set("gro".into(), gro.clone());
    }
    for (key, value) in record.get(pif::other_config).0 {
        if let Some(key) = key.strip_prefix("ethtool-") {
            all.set(key.to_string(), value);
        }
    }
    all.0
}

/// The size of frames on a PIF: its own `mtu` key, else its network's.
fn frame_size(record: Option<&Record>, network: i64) -> i64 {
    let own = record.and_then(|record| record.get(pif::other_config).get("mtu")?.parse().ok());
    own.unwrap_or(network)
}

/// What a PIF's bridge stands on.
fn below(read: &impl Read, this: &Ref<Pif>) -> Result<Below> {
    let record = read.record(this)?;
    if let Some(bond) = record.get(pif::bond_master_of).first() {
        let details = read.record(bond)?;
        let members = details.get(bond::slaves);
        return Ok(Below::Bond {
            device: record.get(pif::device),
            members: members.iter().map(|m| read.get(m, pif::device)).collect::<Result<_>>()?,
            mode: details.get(bond::mode).as_str().to_string(),
            properties: bond_properties(details.get(bond::properties), &record.get(pif::other_config)),
        });
    }
    if let Some(tunnel) = record.get(pif::tunnel_access_PIF_of).first() {
        return below_tunnel(read, tunnel, record.get(pif::device));
    }
    let tagged = record.get(pif::VLAN_master_of);
    if read.exists(&tagged) {
        let under = read.get(&tagged, vlan::tagged_PIF)?;
        return Ok(Below::Vlan {
            device: read.get(&under, pif::device)?,
            bridge: read.get(&read.get(&under, pif::network)?, network::bridge)?,
            tag: record.get(pif::VLAN),
        });
    }
    Ok(Below::Device(record.get(pif::device)))
}

/// A tunnel whose far ends are told in `tunnel.other_config` (`remotes`, comma separated, and `key`) is made by
/// this host. Without them it is a bridge, whose ports are the business of an SDN controller.
fn below_tunnel(read: &impl Read, this: &Ref<Tunnel>, device: String) -> Result<Below> {
    let record = read.record(this)?;
    let config = record.get(tunnel::other_config);
    let told = |key: &str| config.get(key).map(String::as_str).unwrap_or_default();
    let remotes: Vec<_> = told("remotes").split(',').filter_map(|text| text.trim().parse().ok()).collect();
    if remotes.is_empty() {
        return Ok(Below::Nothing);
    }
    Ok(Below::Tunnel {
        device,
        protocol: record.get(tunnel::protocol).as_str().to_string(),
        key: told("key").parse().unwrap_or(0),
        local: read.get(&record.get(tunnel::transport_PIF), pif::IP)?.parse().ok(),
        remotes,
    })
}

/// The hardware address of a PIF's bridge: its own, for a VLAN that of the PIF below.
fn bridge_mac(read: &impl Read, this: &Ref<Pif>) -> Result<String> {
    let tagged = read.get(this, pif::VLAN_master_of)?;
    match read.exists(&tagged) {
        true => read.get(&read.get(&tagged, vlan::tagged_PIF)?, pif::MAC),
        false => read.get(this, pif::MAC),
    }
}

/// The bridge of a network on a host, through the host's PIF if it has one there.
///
/// # Errors
/// CANNOT_PLUG_BOND_SLAVE [pif].
pub fn link(read: &impl Read, this: &Ref<Network>, home: &Ref<Host>) -> Result<(Link, Option<Ref<Pif>>)> {
    let record = read.record(this)?;
    let pifs = record.get(network::PIFs);
    let here = pifs.into_iter().find(|p| read.get(p, pif::host).is_ok_and(|at| at == *home));
    let (below, mac, settings) = match &here {
        Some(here) => {
            if read.exists(&read.get(here, pif::bond_slave_of)?) {
                return Err(errors::CANNOT_PLUG_BOND_SLAVE.with([here]));
            }
            (below(read, here)?, bridge_mac(read, here)?, card_settings(read.record(here)?))
        }
        None => (Below::Nothing, String::new(), vec![]),
    };
    let own = here.as_ref().map(|here| read.record(here)).transpose()?.map(AsRef::as_ref);
    let mtu = frame_size(own, record.get(network::MTU));
    let link = Link { bridge: record.get(network::bridge), below, mtu, mac, settings };
    Ok((link, here))
}

/// Makes the bridge of a network on this host.
///
/// # Errors
/// BRIDGE_NOT_AVAILABLE [bridge] for a network somebody else manages, those of the backend.
pub async fn bring_up(cx: &Cx, this: &Ref<Network>) -> Result<()> {
    let snapshot = cx.snapshot();
    let (link, here) = link(&*snapshot, this, cx.host())?;
    if !snapshot.get(this, network::managed)? {
        let there = cx.xapi.backends.network.bridges().await?.contains(&link.bridge);
        return if there { Ok(()) } else { Err(errors::BRIDGE_NOT_AVAILABLE.with([link.bridge])) };
    }
    cx.xapi.backends.network.bring_up(&link).await?;
    match here {
        Some(here) if !cx.snapshot().get(&here, pif::currently_attached)? => {
            cx.commit(move |tx| tx.set(&here, pif::currently_attached, true)).await
        }
        _ => Ok(()),
    }
}

/// Makes the bridges a VM's cards need.
///
/// # Errors
/// As [`bring_up`].
pub async fn bring_up_for(cx: &Cx, guest: &Ref<Vm>) -> Result<()> {
    let cards = cx.snapshot().get(guest, vm::VIFs)?;
    for card in cards {
        let network = cx.snapshot().get(&card, vif::network)?;
        if cx.snapshot().exists(&network) {
            bring_up(cx, &network).await?;
        }
    }
    Ok(())
}
