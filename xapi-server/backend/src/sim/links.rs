//! Links on paper: bridges exist because they were asked for.

use std::{collections::BTreeMap, sync::Arc, sync::Mutex};

use async_trait::async_trait;
use xapi_schema::Result;

use super::Faults;
use crate::network::{Addressing, Card, Link, Network};

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

pub struct Links {
    cards: Vec<SimCard>,
    bridges: Mutex<BTreeMap<String, Link>>,
    faults: Arc<Faults>,
}

impl Links {
    pub fn new(cards: Vec<SimCard>, faults: Arc<Faults>) -> Links {
        Links { cards, bridges: Mutex::default(), faults }
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
        Ok(())
    }

    async fn address(&self, _: &str, _: &Addressing) -> Result<()> {
        self.faults.check("address")
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        Ok(self.lock().keys().cloned().collect())
    }
}
