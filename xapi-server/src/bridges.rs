//! The network of a host whose bridges and addresses somebody else keeps: they are used as they are, and only
//! private bridges are made. No card of the host and no address is ever changed.

use std::sync::Arc;

use async_trait::async_trait;
use xapi_backend::network::{Addresses, Addressing, Addressing6, Below, Card, Filter, Link, Network};
use xapi_schema::{Failure, Result};

/// Bridges that are there.
pub struct Existing(pub Arc<dyn Network>);

impl Existing {
    async fn assert_there(&self, bridge: &str) -> Result<()> {
        if self.0.bridges().await?.iter().any(|known| known == bridge) {
            return Ok(());
        }
        Err(Failure::internal(format!("the host has no bridge {bridge}, and its network is kept by others")))
    }
}

#[async_trait]
impl Network for Existing {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    async fn cards(&self) -> Result<Vec<Card>> {
        self.0.cards().await
    }

    async fn bring_up(&self, link: &Link) -> Result<()> {
        if self.assert_there(&link.bridge).await.is_ok() {
            return Ok(());
        }
        match link.below {
            Below::Nothing => self.0.bring_up(link).await,
            _ => self.assert_there(&link.bridge).await,
        }
    }

    /// A bridge may be somebody else's, so it stays.
    async fn bring_down(&self, _: &str) -> Result<()> {
        Ok(())
    }

    async fn address(&self, bridge: &str, how: &Addressing) -> Result<()> {
        if *how == Addressing::None { Ok(()) } else { self.assert_there(bridge).await }
    }

    async fn address_v6(&self, bridge: &str, how: &Addressing6) -> Result<()> {
        if *how == Addressing6::None { Ok(()) } else { self.assert_there(bridge).await }
    }

    async fn addresses(&self, bridge: &str) -> Result<Addresses> {
        self.0.addresses(bridge).await
    }

    async fn filter(&self, port: &str, rule: &Filter) -> Result<()> {
        self.0.filter(port, rule).await
    }

    async fn carry(&self, port: &str, bridge: &str) -> Result<()> {
        self.0.carry(port, bridge).await
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        self.0.bridges().await
    }
}
