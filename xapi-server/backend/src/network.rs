//! [`Network`]: network cards, bridges and what runs over them.

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
}

/// An address for a bridge.
#[derive(Debug, Clone, PartialEq)]
pub enum Addressing {
    /// None.
    None,
    /// From a DHCP server.
    Dhcp,
    /// Fixed: address, netmask, gateway, DNS servers.
    Static(String, String, String, Vec<String>),
}

/// Network cards, bridges and what runs over them.
#[async_trait]
pub trait Network: Send + Sync + 'static {
    /// The machine's cards in order of position.
    async fn cards(&self) -> Result<Vec<Card>>;
    /// Makes a bridge as described; one that is like that already stays untouched.
    async fn bring_up(&self, link: &Link) -> Result<()>;
    /// Removes a bridge; one that is gone is fine.
    async fn bring_down(&self, bridge: &str) -> Result<()>;
    /// Gives a bridge its address.
    async fn address(&self, bridge: &str, how: &Addressing) -> Result<()>;
    /// Bridges there are.
    async fn bridges(&self) -> Result<Vec<String>>;
}
