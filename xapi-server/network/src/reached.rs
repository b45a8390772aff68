//! How this machine is reached: the card its address is on, directly or below a bridge, and whether somebody leased it.
//! Reads only.

use std::net::Ipv4Addr;

use rtnetlink::{
    Handle, RouteMessageBuilder,
    packet_route::{
        address::{AddressAttribute, AddressHeaderFlags, AddressScope},
        route::{RouteAddress, RouteAttribute, RouteMessage},
    },
};
use xapi_schema::Result;

use crate::{
    Places, addresses, cards, failed,
    links::{self, Interface, listed},
};

/// What the network of this machine says of the way clients come.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// The card.
    pub card: String,
    /// Bridge it is on, if any.
    pub bridge: Option<String>,
    /// Address with its mask.
    pub address: (Ipv4Addr, Ipv4Addr),
    /// Where the rest of the world is.
    pub gateway: Option<Ipv4Addr>,
    /// The address is lent for some time.
    pub leased: bool,
    /// Name servers.
    pub servers: Vec<Ipv4Addr>,
}

/// A default route: the lower its metric, the more it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    metric: u32,
    out: u32,
    gateway: Option<Ipv4Addr>,
}

/// Looks for it; nothing where no card carries an address.
///
/// # Errors
/// INTERNAL_ERROR when the kernel does not answer.
pub async fn reached(places: &Places) -> Result<Option<Reached>> {
    let (connection, handle, _) =
        rtnetlink::new_connection().map_err(|error| failed("the kernel's network", error))?;
    let kernel = tokio::spawn(connection);
    let found = look(&handle, places).await;
    kernel.abort();
    found
}

async fn look(handle: &Handle, places: &Places) -> Result<Option<Reached>> {
    let (all, ways) = (links::all(handle).await?, ways(handle).await?);
    let hardware: Vec<String> = cards::read(&places.sys).into_iter().map(|card| card.device).collect();
    for interface in order(&all, &ways) {
        let Some(card) = card_of(&all, interface, &hardware) else { continue };
        let Some((address, prefix, leased)) = first(handle, interface.index).await? else { continue };
        let gateway = ways.iter().find(|way| way.out == interface.index).and_then(|way| way.gateway);
        return Ok(Some(Reached {
            bridge: (interface.kind == "bridge").then(|| interface.name.clone()),
            card,
            address: (address, addresses::netmask(prefix)),
            gateway,
            leased,
            servers: servers(&std::fs::read_to_string(&places.resolv_conf).unwrap_or_default()),
        }));
    }
    Ok(None)
}

/// Interfaces by how likely clients come over them: those with a way to the rest of the world first.
fn order<'a>(all: &'a [Interface], ways: &[Way]) -> Vec<&'a Interface> {
    let mut sorted: Vec<&Interface> = all.iter().collect();
    sorted.sort_by_key(|one| {
        (ways.iter().position(|way| way.out == one.index).unwrap_or(usize::MAX), one.index)
    });
    sorted
}

/// The card of an interface: itself, or the first that is a port of it.
fn card_of(all: &[Interface], of: &Interface, hardware: &[String]) -> Option<String> {
    let is_card = |one: &&Interface| hardware.contains(&one.name);
    if is_card(&of) {
        return Some(of.name.clone());
    }
    let mut ports = all.iter().filter(|one| one.controller == Some(of.index));
    let port = if of.kind == "bridge" { ports.find(is_card) } else { None };
    port.map(|port| port.name.clone())
}

async fn ways(handle: &Handle) -> Result<Vec<Way>> {
    let asked = RouteMessageBuilder::<Ipv4Addr>::new().build();
    let routes = listed("routes", || handle.route().get(asked.clone()).execute()).await?;
    let mut ways: Vec<Way> =
        routes.iter().filter(|r| r.header.destination_prefix_length == 0).filter_map(way).collect();
    ways.sort_unstable();
    Ok(ways)
}

fn way(route: &RouteMessage) -> Option<Way> {
    let mut way = Way { metric: 0, out: 0, gateway: None };
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(out) => way.out = *out,
            RouteAttribute::Priority(metric) => way.metric = *metric,
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => way.gateway = Some(*gateway),
            _ => {}
        }
    }
    (way.out != 0).then_some(way)
}

/// The first IPv4 address that reaches beyond the link, its prefix length, and whether it ends some day.
async fn first(handle: &Handle, index: u32) -> Result<Option<(Ipv4Addr, u8, bool)>> {
    let all = listed("addresses", || handle.address().get().set_link_index_filter(index).execute()).await?;
    Ok(all.iter().filter(|message| message.header.scope == AddressScope::Universe).find_map(|message| {
        let local = message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Local(std::net::IpAddr::V4(address)) => Some(*address),
            _ => None,
        })?;
        let leased = !message.header.flags.contains(AddressHeaderFlags::Permanent);
        Some((local, message.header.prefix_len, leased))
    }))
}

/// Servers in a resolver's file; one on this machine is somebody's helper and no server of the network.
fn servers(text: &str) -> Vec<Ipv4Addr> {
    let words = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    words
        .filter_map(|word| word.trim().parse().ok())
        .filter(|server: &Ipv4Addr| !server.is_loopback())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(index: u32, name: &str, kind: &str, controller: Option<u32>) -> Interface {
        Interface {
            index,
            name: name.into(),
            mac: String::new(),
            mtu: 1500,
            up: true,
            carrier: true,
            controller,
            on: None,
            kind: kind.into(),
            alias: String::new(),
        }
    }

    #[test]
    fn the_card_is_the_interface_or_below_its_bridge() {
        let all = [
            one(1, "lo", "", None),
            one(2, "eth0", "", Some(4)),
            one(3, "vif1.0", "", Some(4)),
            one(4, "xenbr0", "bridge", None),
            one(5, "eth1", "", Some(6)),
            one(6, "bond0", "bond", None),
        ];
        let hardware = ["eth0".to_string(), "eth1".into()];
        let card = |at: usize| card_of(&all, &all[at], &hardware);
        assert_eq!(card(1), Some("eth0".into()));
        assert_eq!(card(3), Some("eth0".into()));
        // What is on a bond is the bond's, which no card of this host stands for.
        assert_eq!((card(0), card(2), card(5)), (None, None, None));
        let ways = [Way { metric: 0, out: 4, gateway: None }];
        assert_eq!(order(&all, &ways)[0].name, "xenbr0");
        assert_eq!(order(&all, &[])[0].name, "lo");
    }

    #[test]
    fn servers_of_the_network_are_read() {
        let text = "# made by hand\nsearch example.org\nnameserver 127.0.0.53\nnameserver 192.0.2.53\n nameserver ::1\n";
        assert_eq!(servers(text), ["192.0.2.53".parse::<Ipv4Addr>().expect("an address")]);
    }
}
