//! Networks and PIFs of a fresh host.

use xapi_backend::network::Card;
use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Host, IpConfigurationMode, Network, host, network, pif},
};
use xapi_store::{Read, Tx};

use super::{Nic, Pairs, Seed};
use crate::handlers::pif::introduce_card;

/// Bridge of the network between control domain and guests.
const INTERNAL: &str = "xenapi";

/// Makes the internal management network and, when asked for, a PIF and a network per card.
pub fn establish(tx: &mut Tx, seed: &Seed, this: &Ref<Host>) -> Result<()> {
    if with_bridge(tx, INTERNAL)?.is_none() {
        let config = [
            ("is_guest_installer_network", "true"),
            ("is_host_internal_management_network", "true"),
            ("ip_begin", "169.254.0.1"),
            ("ip_end", "169.254.255.254"),
            ("netmask", "255.255.0.0"),
        ];
        let description = "Network on which guests get a link-local address to talk to the host's API";
        create(tx, "Host internal management network", description, INTERNAL, 1500, &Pairs::of(&config))?;
    }
    if seed.scan_networks {
        for (at, nic) in seed.hardware.nics.iter().enumerate() {
            introduce(tx, seed, this, nic.position.unwrap_or(at), nic)?;
        }
    }
    Ok(())
}

/// The network of a bridge.
pub fn with_bridge(tx: &impl Read, bridge: &str) -> Result<Option<Ref<Network>>> {
    for candidate in tx.all::<Network>() {
        if tx.get(&candidate, network::bridge)? == bridge {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

fn create(
    tx: &mut Tx,
    label: &str,
    text: &str,
    bridge: &str,
    mtu: i64,
    config: &Pairs,
) -> Result<Ref<Network>> {
    let members = Value::map([
        ("name_label", Value::str(label)),
        ("name_description", Value::str(text)),
        ("bridge", Value::str(bridge)),
        ("MTU", Value::Int(mtu)),
        ("managed", Value::Bool(true)),
        ("other_config", config.value()),
    ]);
    tx.create_value(ClassId::Network, None, &members).map(Ref::new)
}

/// A PIF for a card that has none yet. The one of the management bridge is up and carries the address.
fn introduce(tx: &mut Tx, seed: &Seed, this: &Ref<Host>, position: usize, nic: &Nic) -> Result<()> {
    for known in tx.get(this, host::PIFs)? {
        if tx.get(&known, pif::device)? == nic.device && tx.get(&known, pif::physical)? {
            return Ok(());
        }
    }
    let card = Card {
        device: nic.device.clone(),
        mac: nic.mac.clone(),
        mtu: nic.mtu,
        carrier: nic.carrier,
        speed: nic.speed,
        position,
    };
    let made = introduce_card(tx, this, &card, true, seed.identity.api_version)?;
    if format!("xenbr{position}") == seed.identity.management_interface {
        tx.set(&made, pif::management, true)?;
        tx.set(&made, pif::currently_attached, true)?;
        tx.set(&made, pif::ip_configuration_mode, IpConfigurationMode::Static)?;
        tx.set(&made, pif::IP, seed.identity.address.clone())?;
        if let Some(told) = &seed.identity.management {
            if told.leased {
                tx.set(&made, pif::ip_configuration_mode, IpConfigurationMode::Dhcp)?;
            }
            tx.set(&made, pif::IP, told.address.clone())?;
            tx.set(&made, pif::netmask, told.netmask.clone())?;
            tx.set(&made, pif::gateway, told.gateway.clone())?;
            tx.set(&made, pif::DNS, told.servers.clone())?;
        }
    }
    Ok(())
}
