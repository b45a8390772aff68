//! The network of a host whose bridges and addresses somebody else keeps, in the kernel or in Open vSwitch: they are
//! used as they are, and only private bridges are made. No card of the host and no address is ever changed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use xapi_backend::network::{Addresses, Addressing, Addressing6, Below, Card, Filter, Link, Network};
use xapi_schema::{Failure, Result};

/// Bridges that are there.
pub struct Existing {
    /// Those of the kernel, and cards and addresses of any.
    pub kernel: Arc<dyn Network>,
    /// Those of Open vSwitch.
    pub switch: Arc<dyn Network>,
    /// The socket of Open vSwitch; without it there are none of those.
    pub socket: PathBuf,
    /// sysfs.
    pub sys: PathBuf,
}

impl Existing {
    fn has_switch(&self) -> bool {
        self.socket.exists()
    }

    async fn is_switched(&self, bridge: &str) -> Result<bool> {
        Ok(!is_kernels(&self.sys, bridge)
            && self.has_switch()
            && self.switch.bridges().await?.iter().any(|known| known == bridge))
    }

    async fn assert_there(&self, bridge: &str) -> Result<()> {
        if is_kernels(&self.sys, bridge) || self.is_switched(bridge).await? {
            return Ok(());
        }
        Err(Failure::internal(format!("the host has no bridge {bridge}, and its network is kept by others")))
    }
}

/// Is this a bridge of the kernel?
fn is_kernels(sys: &Path, bridge: &str) -> bool {
    !bridge.contains('/') && sys.join("class/net").join(bridge).join("bridge").exists()
}

/// The script that puts cards of guests on a bridge: Open vSwitch's for one that is there and not the kernel's.
pub fn card_script(bridge: &str) -> Option<&'static str> {
    let sys = Path::new("/sys");
    let there = !bridge.contains('/') && sys.join("class/net").join(bridge).exists();
    (there && !is_kernels(sys, bridge)).then_some(SWITCHED)
}

/// The script of Xen for Open vSwitch.
pub const SWITCHED: &str = "vif-openvswitch";

#[async_trait]
impl Network for Existing {
    fn kind(&self) -> &'static str {
        if self.has_switch() { self.switch.kind() } else { self.kernel.kind() }
    }

    async fn cards(&self) -> Result<Vec<Card>> {
        self.kernel.cards().await
    }

    async fn bring_up(&self, link: &Link) -> Result<()> {
        match (self.assert_there(&link.bridge).await, &link.below) {
            (Err(_), Below::Nothing) => self.kernel.bring_up(link).await,
            (there, _) => there,
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
        self.kernel.addresses(bridge).await
    }

    async fn filter(&self, port: &str, rule: &Filter) -> Result<()> {
        let place = self.sys.join("class/net").join(port);
        // A port of the switch is there, and is on no bridge of the kernel.
        let switched = !port.contains('/') && place.exists() && !place.join("brport").exists();
        if switched && self.has_switch() {
            return self.switch.filter(port, rule).await;
        }
        self.kernel.filter(port, rule).await
    }

    async fn carry(&self, port: &str, bridge: &str) -> Result<()> {
        let was = self.sys.join("class/net").join(port).join("brport").exists();
        match (self.is_switched(bridge).await?, was) {
            (true, true) => Err(Failure::internal(format!(
                "{port} is on a bridge of the kernel and cannot go to {bridge}, which is Open vSwitch's"
            ))),
            (true, false) => self.switch.carry(port, bridge).await,
            (false, _) => self.kernel.carry(port, bridge).await,
        }
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        let mut all = self.kernel.bridges().await?;
        if self.has_switch() {
            all.extend(self.switch.bridges().await?);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Bridges of one kind, and what was told to them.
    #[derive(Default)]
    struct Told(Vec<String>, Mutex<Vec<String>>);

    impl Told {
        fn of(bridge: &str) -> Arc<Told> {
            Arc::new(Told(vec![bridge.into()], Mutex::default()))
        }

        fn note(&self, text: String) -> Result<()> {
            self.1.lock().unwrap_or_else(|e| e.into_inner()).push(text);
            Ok(())
        }

        fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.1.lock().unwrap_or_else(|e| e.into_inner()))
        }
    }

    #[async_trait]
    impl Network for Told {
        async fn cards(&self) -> Result<Vec<Card>> {
            Ok(vec![])
        }
        async fn bring_up(&self, link: &Link) -> Result<()> {
            self.note(format!("up {}", link.bridge))
        }
        async fn bring_down(&self, bridge: &str) -> Result<()> {
            self.note(format!("down {bridge}"))
        }
        async fn address(&self, bridge: &str, _: &Addressing) -> Result<()> {
            self.note(format!("address {bridge}"))
        }
        async fn address_v6(&self, bridge: &str, _: &Addressing6) -> Result<()> {
            self.note(format!("address_v6 {bridge}"))
        }
        async fn addresses(&self, _: &str) -> Result<Addresses> {
            Ok(Addresses::default())
        }
        async fn filter(&self, port: &str, _: &Filter) -> Result<()> {
            self.note(format!("filter {port}"))
        }
        async fn carry(&self, port: &str, bridge: &str) -> Result<()> {
            self.note(format!("carry {port} {bridge}"))
        }
        async fn bridges(&self) -> Result<Vec<String>> {
            Ok(self.0.clone())
        }
    }

    fn link(bridge: &str, below: Below) -> Link {
        Link { bridge: bridge.into(), below, mtu: 1500, mac: String::new(), settings: vec![] }
    }

    #[tokio::test]
    async fn each_bridge_is_its_keepers() {
        let host = tempfile::tempdir().expect("a directory");
        let net = host.path().join("class/net");
        for part in ["xenbr0/bridge", "xenbr1", "vif1.0/brport", "vif2.0"] {
            std::fs::create_dir_all(net.join(part)).expect("made");
        }
        let (kernel, switch) = (Told::of("xenbr0"), Told::of("xenbr1"));
        let socket = host.path().join("db.sock");
        let existing = Existing {
            kernel: kernel.clone(),
            switch: switch.clone(),
            socket: socket.clone(),
            sys: host.path().into(),
        };
        let card = || Below::Device("eth0".into());
        existing.bring_up(&link("xenbr1", card())).await.expect_err("the switch does not run");
        assert_eq!(existing.bridges().await.expect("told"), ["xenbr0"]);
        std::fs::write(&socket, "").expect("written");
        assert_eq!(existing.bridges().await.expect("told"), ["xenbr0", "xenbr1"]);
        existing.bring_up(&link("xenbr0", card())).await.expect("it is there");
        existing.bring_up(&link("xenbr1", card())).await.expect("it is there");
        existing.bring_up(&link("xenbr2", card())).await.expect_err("nobody made it");
        assert!(kernel.take().is_empty() && switch.take().is_empty(), "what others keep is not touched");
        existing.bring_up(&link("xapi0", Below::Nothing)).await.expect("a private one is made");
        existing.filter("vif1.0", &Filter::Closed).await.expect("told");
        existing.carry("vif1.0", "xenbr0").await.expect("told");
        assert_eq!(kernel.take(), ["up xapi0", "filter vif1.0", "carry vif1.0 xenbr0"]);
        existing.filter("vif2.0", &Filter::Closed).await.expect("told");
        existing.carry("vif2.0", "xenbr1").await.expect("told");
        assert_eq!(switch.take(), ["filter vif2.0", "carry vif2.0 xenbr1"]);
        existing.carry("vif1.0", "xenbr1").await.expect_err("a card does not change its kind of bridge");
    }
}
