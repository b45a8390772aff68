//! Links on paper: bridges exist because they were asked for.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, sync::Mutex};

use async_trait::async_trait;
use xapi_schema::Result;

use super::Faults;
use crate::network::{Addresses, Addressing, Addressing6, Card, Filter, Link, Network};

/// A card of the simulated machine.
#[derive(Debug, Clone)]
pub struct SimCard {
    /// Kernel name.
    pub device: String,
    /// Hardware address.
    pub mac: String,
    /// Bytes.
    pub mtu: i64,
    /// The link is up.
    pub carrier: bool,
    /// Mbit/s.
    pub speed: i64,
}

/// What the DHCP server of the simulated network gives to everybody.
const LEASED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);

pub struct Links {
    cards: Vec<SimCard>,
    bridges: Mutex<BTreeMap<String, Link>>,
    addresses: Mutex<BTreeMap<String, Addresses>>,
    faults: Arc<Faults>,
}

impl Links {
    pub fn new(cards: Vec<SimCard>, faults: Arc<Faults>) -> Links {
        Links { cards, bridges: Mutex::default(), addresses: Mutex::default(), faults }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Link>> {
        self.bridges.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[async_trait]
impl Network for Links {
    async fn cards(&self) -> Result<Vec<Card>> {
        self.faults.check("cards")?;
        let card = |(position, card): (usize, &SimCard)| Card {
            device: card.device.clone(),
            mac: card.mac.to_lowercase(),
            mtu: card.mtu,
            carrier: card.carrier,
            speed: card.speed,
            position,
        };
        Ok(self.cards.iter().enumerate().map(card).collect())
    }

    async fn bring_up(&self, link: &Link) -> Result<()> {
        self.faults.check("bring_up")?;
        self.lock().insert(link.bridge.clone(), link.clone());
        Ok(())
    }

    async fn bring_down(&self, bridge: &str) -> Result<()> {
        self.faults.check("bring_down")?;
        self.lock().remove(bridge);
        self.addresses.lock().unwrap_or_else(|e| e.into_inner()).remove(bridge);
        Ok(())
    }

    async fn address(&self, bridge: &str, how: &Addressing) -> Result<()> {
        self.faults.check("address")?;
        let mut all = self.addresses.lock().unwrap_or_else(|e| e.into_inner());
        let mine = all.entry(bridge.to_string()).or_default();
        (mine.v4, mine.gateway) = match how {
            Addressing::None => (None, None),
            Addressing::Dhcp | Addressing::DhcpAddress => {
                (Some((LEASED, Ipv4Addr::new(255, 255, 255, 0))), None)
            }
            Addressing::Static(ip, netmask, gateway, _) => {
                (ip.parse().ok().zip(netmask.parse().ok()), gateway.parse().ok())
            }
        };
        Ok(())
    }

    async fn address_v6(&self, bridge: &str, how: &Addressing6) -> Result<()> {
        self.faults.check("address_v6")?;
        let mut all = self.addresses.lock().unwrap_or_else(|e| e.into_inner());
        let mine = all.entry(bridge.to_string()).or_default();
        (mine.v6, mine.gateway6) = match how {
            Addressing6::Static(addresses, gateway) => {
                let fixed = |text: &String| {
                    let (address, length) = text.split_once('/')?;
                    Some((address.parse().ok()?, length.parse().ok()?))
                };
                (addresses.iter().filter_map(fixed).collect(), gateway.parse().ok())
            }
            // On this network nobody announces or leases anything over IPv6.
            Addressing6::None | Addressing6::Autoconf | Addressing6::Dhcp => (vec![], None),
        };
        Ok(())
    }

    async fn addresses(&self, bridge: &str) -> Result<Addresses> {
        let all = self.addresses.lock().unwrap_or_else(|e| e.into_inner());
        Ok(all.get(bridge).cloned().unwrap_or_default())
    }

    async fn filter(&self, _: &str, _: &Filter) -> Result<()> {
        self.faults.check("filter")
    }

    /// On paper a card is on the bridge its guest's description says.
    async fn carry(&self, _: &str, _: &str) -> Result<()> {
        self.faults.check("carry")
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        Ok(self.lock().keys().cloned().collect())
    }
}
