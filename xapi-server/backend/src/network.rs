//! [`Network`]: network cards, bridges and what runs over them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_trait::async_trait;
use xapi_schema::Result;

/// A network card of the machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Kernel name.
    pub device: String,
    /// Hardware address, lower case.
    pub mac: String,
    /// Bytes.
    pub mtu: i64,
    /// The link is up.
    pub carrier: bool,
    /// Mbit/s, 0 when unknown.
    pub speed: i64,
    /// Position among the cards.
    pub position: usize,
}

/// What a link is built on.
#[derive(Debug, Clone, PartialEq)]
pub enum Below {
    /// Nothing outside this host.
    Nothing,
    /// A card or bond.
    Device(String),
    /// A tag on a card or bond.
    Vlan {
        /// The card or bond.
        device: String,
        /// Bridge of the untagged traffic.
        bridge: String,
        /// 0 to 4094.
        tag: i64,
    },
    /// Several cards.
    Bond {
        /// Name of the bonded device.
        device: String,
        /// Cards in it.
        members: Vec<String>,
        /// Mode.
        mode: String,
        /// `Bond.properties` with what a PIF's `bond-` keys override.
        properties: Vec<(String, String)>,
    },
    /// A tunnel to other hosts.
    Tunnel {
        /// Kernel name of this end.
        device: String,
        /// `vxlan` or `gre`.
        protocol: String,
        /// Number that keeps tunnels apart.
        key: u32,
        /// Address of this end.
        local: Option<IpAddr>,
        /// Addresses of the other ends.
        remotes: Vec<IpAddr>,
    },
}

/// A bridge that shall be there.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Bridge.
    pub bridge: String,
    /// What it stands on.
    pub below: Below,
    /// Bytes.
    pub mtu: i64,
    /// Hardware address; empty for the one of what is below.
    pub mac: String,
    /// Settings of the card below: `speed`, `duplex`, `autoneg`, `advertise` and offloads such as `gro`.
    pub settings: Vec<(String, String)>,
}

/// An address for a bridge.
#[derive(Debug, Clone, PartialEq)]
pub enum Addressing {
    /// None.
    None,
    /// From a DHCP server, with the way out and the name servers it tells.
    Dhcp,
    /// From a DHCP server, and nothing but the address: the way out is another interface's.
    DhcpAddress,
    /// Fixed: address, netmask, gateway, DNS servers.
    Static(String, String, String, Vec<String>),
}

/// An IPv6 address for a bridge, besides the link-local one.
#[derive(Debug, Clone, PartialEq)]
pub enum Addressing6 {
    /// None.
    None,
    /// What routers announce.
    Autoconf,
    /// From a DHCP server.
    Dhcp,
    /// Fixed: addresses with prefix lengths, gateway (empty for none).
    Static(Vec<String>, String),
}

/// What a bridge's addresses are at the moment, however they came.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Addresses {
    /// First IPv4 address and its netmask.
    pub v4: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Where IPv4 leaves for elsewhere through this bridge.
    pub gateway: Option<Ipv4Addr>,
    /// IPv6 addresses with prefix lengths, without link-local ones.
    pub v6: Vec<(Ipv6Addr, u8)>,
    /// Where IPv6 leaves for elsewhere through this bridge.
    pub gateway6: Option<Ipv6Addr>,
}

/// What a guest's card may send and receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Everything.
    Open,
    /// Nothing.
    Closed,
    /// Only under its own hardware address and these addresses.
    Locked {
        /// Hardware address.
        mac: String,
        /// IPv4 addresses.
        v4: Vec<Ipv4Addr>,
        /// IPv6 addresses.
        v6: Vec<Ipv6Addr>,
    },
}

/// Network cards, bridges and what runs over them.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// How bridges are made: `bridge` by the kernel, `openvswitch` by that switch. Reported as
    /// `host.software_version[network_backend]`.
    fn kind(&self) -> &'static str {
        "bridge"
    }
    /// The machine's cards in order of position.
    async fn cards(&self) -> Result<Vec<Card>>;
    /// Makes a bridge as described; one that is like that already stays untouched.
    async fn bring_up(&self, link: &Link) -> Result<()>;
    /// Removes a bridge; one that is gone is fine.
    async fn bring_down(&self, bridge: &str) -> Result<()>;
    /// Gives a bridge its address.
    async fn address(&self, bridge: &str, how: &Addressing) -> Result<()>;
    /// Gives a bridge its IPv6 address.
    async fn address_v6(&self, bridge: &str, how: &Addressing6) -> Result<()>;
    /// The addresses of a bridge as they are.
    async fn addresses(&self, bridge: &str) -> Result<Addresses>;
    /// Limits what goes through the port of a guest's card, from the next frame on.
    async fn filter(&self, port: &str, rule: &Filter) -> Result<()>;
    /// Puts the port of a running guest's card on another bridge; one that is not there is fine.
    async fn carry(&self, port: &str, bridge: &str) -> Result<()>;
    /// Bridges there are.
    async fn bridges(&self) -> Result<Vec<String>>;
}
