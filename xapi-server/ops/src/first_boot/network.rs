//! Networks and PIFs of a fresh host.

use xapi_schema::{
    ClassId, Ref, Result, Value,
    classes::{Host, Network, host, network, pif},
};
use xapi_store::{Read, Tx};

use super::{Nic, Pairs, Seed};

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
        for (position, nic) in seed.hardware.nics.iter().enumerate() {
            introduce(tx, seed, this, position, nic)?;
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

/// A PIF for a card that has none yet, on the network of its position.
fn introduce(tx: &mut Tx, seed: &Seed, this: &Ref<Host>, position: usize, nic: &Nic) -> Result<()> {
    for known in tx.get(this, host::PIFs)? {
        if tx.get(&known, pif::device)? == nic.device && tx.get(&known, pif::physical)? {
            return Ok(());
        }
    }
    let bridge = format!("xenbr{position}");
    let network = match with_bridge(tx, &bridge)? {
        Some(known) => known,
        None => {
            let label = format!("Pool-wide network associated with {}", nic.device);
            create(tx, &label, "", &bridge, 1500, &Pairs::default())?
        }
    };
    let metrics = Value::map([
        ("carrier", Value::Bool(nic.carrier)),
        ("speed", Value::Int(nic.speed)),
        ("duplex", Value::Bool(nic.carrier)),
    ]);
    let metrics = tx.create_value(ClassId::PifMetrics, None, &metrics)?;
    let management = bridge == seed.identity.management_interface;
    let members = Value::map([
        ("device", Value::str(nic.device.as_str())),
        ("device_name", Value::str(nic.device.as_str())),
        ("network", Value::Str(network.text().clone())),
        ("host", Value::Str(this.text().clone())),
        ("MAC", Value::str(nic.mac.to_lowercase())),
        ("MTU", Value::Int(nic.mtu)),
        ("VLAN", Value::Int(-1)),
        ("metrics", Value::Str(metrics)),
        ("physical", Value::Bool(true)),
        ("currently_attached", Value::Bool(management)),
        ("management", Value::Bool(management)),
        ("ip_configuration_mode", Value::str(if management { "Static" } else { "None" })),
        ("IP", Value::str(if management { seed.identity.address.as_str() } else { "" })),
        ("managed", Value::Bool(true)),
        ("properties", Pairs::of(&[("gro", "on")]).value()),
        ("primary_address_type", Value::str("IPv4")),
        ("igmp_snooping_status", Value::str("unknown")),
    ]);
    tx.create_value(ClassId::Pif, None, &members)?;
    Ok(())
}
