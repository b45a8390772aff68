//! [`Networkd`]: the same network told to systemd-networkd by units, for hosts that it manages.
//!
//! The units live where they are gone after a boot: what the system declares comes up without us, and what the
//! toolstack adds is told again when it starts. Reading and filters are the kernel's, as in [`Kernel`].

use std::{fs, time::Duration};

use async_trait::async_trait;
use xapi_backend::{
    network::{Addresses, Addressing, Addressing6, Card, Filter, Link, Network},
    program::Program,
};
use xapi_schema::Result;

use crate::{
    Kernel, Places, failed, names, replace,
    units::{self, Unit},
};

/// How long an interface may take to appear after it was told.
const APPEARS: Duration = Duration::from_secs(30);

/// Network by units of systemd-networkd.
pub struct Networkd {
    kernel: Kernel,
    places: Places,
}

impl Networkd {
    /// # Errors
    /// No socket to the kernel, a directory of units that cannot be made.
    pub fn open(places: Places) -> std::io::Result<Networkd> {
        fs::create_dir_all(&places.units)?;
        Ok(Networkd { kernel: Kernel::open(places.clone())?, places })
    }

    async fn networkctl(&self, arguments: &[&str]) -> Result<()> {
        let told = Program::new("networkctl").args(arguments.iter().copied()).succeed().await;
        told.map(|_| ()).map_err(|error| failed("systemd-networkd", error))
    }

    /// Writes units; answers whether any of them is new.
    fn write(&self, units: &[Unit]) -> Result<bool> {
        let mut changed = false;
        for unit in units {
            let path = self.places.units.join(&unit.path);
            if fs::read_to_string(&path).is_ok_and(|now| now == unit.text) {
                continue;
            }
            changed = true;
            replace(&path, &unit.text).map_err(|error| failed(&unit.path, error))?;
        }
        Ok(changed)
    }

    fn forget(&self, path: &str) -> Result<()> {
        let path = self.places.units.join(path);
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match gone {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(failed(&path.display().to_string(), error))
            }
            _ => Ok(()),
        }
    }

    /// Units of ours that mention a bridge or only serve it.
    fn of_bridge(&self, bridge: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.places.units) else { return Vec::new() };
        let onto = format!("Bridge={bridge}\n");
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let ours = names.filter(|name| name.contains("-xennix-"));
        ours.filter(|name| {
            let own = [
                format!("15-xennix-{bridge}.netdev"),
                format!("30-xennix-{bridge}.network"),
                format!("30-xennix-{bridge}.network.d"),
            ];
            let text = fs::read_to_string(self.places.units.join(name)).unwrap_or_default();
            own.contains(name) || text.contains(&onto)
        })
        .collect()
    }

    async fn told(&self, bridge: &str) -> Result<()> {
        self.networkctl(&["reload"]).await?;
        let end = tokio::time::Instant::now() + APPEARS;
        while self.kernel.find(bridge).await?.is_none() {
            if tokio::time::Instant::now() > end {
                return Err(failed(bridge, "systemd-networkd did not make the bridge"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.networkctl(&["reconfigure", bridge]).await
    }
}

#[async_trait]
impl Network for Networkd {
    async fn cards(&self) -> Result<Vec<Card>> {
        self.kernel.cards().await
    }

    async fn bring_up(&self, link: &Link) -> Result<()> {
        names::check(link)?;
        let units = units::of_link(link);
        // What stood below the bridge before and does no longer.
        let kept: Vec<&str> = units.iter().map(|unit| unit.path.as_str()).collect();
        let mut stale = self.of_bridge(&link.bridge);
        stale.retain(|name| name.starts_with("20-") && !kept.contains(&name.as_str()));
        for name in &stale {
            self.forget(name)?;
        }
        let changed = self.write(&units)? || !stale.is_empty();
        if changed || self.kernel.find(&link.bridge).await?.is_none() {
            self.told(&link.bridge).await?;
        }
        Ok(())
    }

    async fn bring_down(&self, bridge: &str) -> Result<()> {
        names::check_interface(bridge)?;
        // Units first: while they are there, what is removed comes back. A bridge with guests keeps both.
        let (units, saved) = (self.of_bridge(bridge), self.saved(bridge));
        for name in &units {
            self.forget(name)?;
        }
        if let Err(failure) = self.kernel.bring_down(bridge).await {
            self.write(&saved)?;
            return Err(failure);
        }
        self.networkctl(&["reload"]).await
    }

    async fn address(&self, bridge: &str, how: &Addressing) -> Result<()> {
        names::check_interface(bridge)?;
        names::check_addressing(how)?;
        match units::of_address(bridge, how) {
            Some(unit) => {
                self.write(&[unit])?;
            }
            None => self.forget(&format!("30-xennix-{bridge}.network.d/ipv4.conf"))?,
        }
        self.told(bridge).await
    }

    async fn address_v6(&self, bridge: &str, how: &Addressing6) -> Result<()> {
        names::check_interface(bridge)?;
        names::check_addressing6(how)?;
        if self.write(&[units::of_address6(bridge, how)])? {
            self.told(bridge).await?;
        }
        Ok(())
    }

    async fn addresses(&self, bridge: &str) -> Result<Addresses> {
        self.kernel.addresses(bridge).await
    }

    async fn filter(&self, port: &str, rule: &Filter) -> Result<()> {
        self.kernel.filter(port, rule).await
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        self.kernel.bridges().await
    }
}

impl Networkd {
    /// The files of a bridge with their content, drop-ins included.
    fn saved(&self, bridge: &str) -> Vec<Unit> {
        let mut saved = Vec::new();
        for name in self.of_bridge(bridge) {
            let path = self.places.units.join(&name);
            let files = match fs::read_dir(&path) {
                Ok(entries) => {
                    let inside = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned());
                    inside.map(|file| format!("{name}/{file}")).collect()
                }
                Err(_) => vec![name],
            };
            for path in files {
                if let Ok(text) = fs::read_to_string(self.places.units.join(&path)) {
                    saved.push(Unit { path, text });
                }
            }
        }
        saved
    }
}
