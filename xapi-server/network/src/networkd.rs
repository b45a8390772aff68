//! [`Networkd`]: the same network told to systemd-networkd by units, for hosts that it manages.
//!
//! The units live where they are gone after a boot: what the system declares comes up without us, and what the
//! toolstack adds is told again when it starts. Reading and filters are the kernel's, as in [`Kernel`].
//!
//! What it was told has happened when a call answers; what does not happen in time is taken back.

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;
use tokio::time::Instant;
use xapi_backend::{
    network::{Addresses, Addressing, Addressing6, Below, Card, Filter, Link, Network},
    program::Program,
};
use xapi_schema::Result;

use crate::{
    Kernel, Places, addresses, bonds, failed,
    kernel::fixed,
    names,
    unit_files::UnitFiles,
    units::{self, Unit},
};

/// How long something may take to come true after it was told.
const COMES: Duration = Duration::from_secs(60);
/// How long a first lease is waited for.
const LEASED: Duration = Duration::from_secs(15);
/// After how long it is told again: a device that was removed may not have been forgotten yet.
const AGAIN: Duration = Duration::from_secs(5);

/// Network by units of systemd-networkd.
pub struct Networkd {
    kernel: Kernel,
    files: UnitFiles,
    /// One change at a time: units of one link are read while those of another are written.
    turn: tokio::sync::Mutex<()>,
}

impl Networkd {
    /// # Errors
    /// No socket to the kernel, a directory of units that cannot be made.
    pub fn open(places: Places) -> std::io::Result<Networkd> {
        let files = UnitFiles::open(places.units.clone())?;
        Ok(Networkd { kernel: Kernel::open(places)?, files, turn: tokio::sync::Mutex::default() })
    }

    async fn networkctl(&self, arguments: &[&str]) -> Result<()> {
        let told = Program::new("networkctl").args(arguments.iter().copied()).succeed().await;
        told.map(|_| ()).map_err(|error| failed("systemd-networkd", error))
    }

    /// What a link still lacks; nothing when it is there.
    async fn lacks(&self, link: &Link) -> Result<Option<String>> {
        let all = self.kernel.all().await?;
        let find = |name: &str| all.iter().find(|known| known.name == name);
        let Some(bridge) = find(&link.bridge) else { return Ok(Some(format!("the bridge {}", link.bridge))) };
        if !bridge.up {
            return Ok(Some(format!("{} up", link.bridge)));
        }
        for (port, onto) in units::places(link) {
            let there = find(&port).zip(find(&onto));
            if there.is_none_or(|(port, onto)| port.controller != Some(onto.index)) {
                return Ok(Some(format!("{port} on {onto}")));
            }
        }
        Ok(None)
    }

    /// Tells systemd-networkd to read its units, until a link is there.
    async fn made(&self, link: &Link) -> Result<()> {
        let end = Instant::now() + COMES;
        let mut again = Instant::now();
        loop {
            if Instant::now() >= again {
                self.networkctl(&["reload"]).await?;
                again = Instant::now() + AGAIN;
            }
            match self.lacks(link).await? {
                None => return Ok(()),
                Some(what) if Instant::now() > end => {
                    return Err(failed(&link.bridge, format!("systemd-networkd did not bring about {what}")));
                }
                Some(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Gives a DHCP server some time to answer; without one the address comes when it comes.
    async fn leased(&self, bridge: &str) -> Result<()> {
        let end = Instant::now() + LEASED;
        while self.kernel.addresses(bridge).await?.v4.is_none() && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Takes units away, and the devices they made.
    async fn forget(&self, paths: &[String]) -> Result<()> {
        for path in paths {
            self.files.forget(path)?;
        }
        for device in paths.iter().filter_map(|path| units::made(path)) {
            if let Some(known) = self.kernel.find(device).await? {
                self.kernel.remove(&known).await?;
            }
        }
        Ok(())
    }

    /// Writes what a link needs and takes away what it needs no longer; answers whether anything changed.
    async fn write(&self, link: &Link, wanted: &[Unit]) -> Result<bool> {
        let kept = |path: &String| wanted.iter().any(|unit| unit.path == *path);
        // Addresses of the bridge are told apart.
        let addresses = format!("30-xennix-{}.network.d/", link.bridge);
        let mut stale = self.files.of_bridge(&link.bridge);
        stale.retain(|path| !kept(path) && !path.starts_with(&addresses));
        self.forget(&stale).await?;
        let mut changed = !stale.is_empty();
        for unit in wanted {
            let before = self.files.read(&unit.path);
            if before.as_ref() == Some(&unit.text) {
                continue;
            }
            changed = true;
            // A device is made by its unit and never changed by it. Whatever is a guest's is on the bridge, which stays.
            if let (Some(_), Some(device)) = (&before, units::made(&unit.path))
                && device != link.bridge
                && let Some(known) = self.kernel.find(device).await?
            {
                self.kernel.remove(&known).await?;
            }
            self.files.write(unit)?;
        }
        Ok(changed)
    }
}

#[async_trait]
impl Network for Networkd {
    async fn cards(&self) -> Result<Vec<Card>> {
        self.kernel.cards().await
    }

    async fn bring_up(&self, link: &Link) -> Result<()> {
        names::check(link)?;
        let _turn = self.turn.lock().await;
        let wanted = units::of_link(link);
        let mut paths: Vec<String> = wanted.iter().map(|unit| unit.path.clone()).collect();
        paths.extend(self.files.of_bridge(&link.bridge));
        let before = self.files.saved(&paths);
        let changed = self.write(link, &wanted).await?;
        if !changed && self.lacks(link).await?.is_none() {
            return Ok(());
        }
        let mut made = self.made(link).await;
        if let Below::Bond { device, mode, .. } = &link.below
            && made.is_ok()
        {
            made = bonds::hear_no_echo(device, mode).await;
        }
        if made.is_err() {
            // As it was: what is half told would come true at some later time.
            let new: Vec<String> =
                paths.into_iter().filter(|path| !before.iter().any(|unit| unit.path == *path)).collect();
            self.forget(&new).await?;
            for unit in &before {
                self.files.write(unit)?;
            }
            self.networkctl(&["reload"]).await?;
        }
        made
    }

    async fn bring_down(&self, bridge: &str) -> Result<()> {
        names::check_interface(bridge)?;
        let _turn = self.turn.lock().await;
        // Units first: while they are there, what is removed comes back. A bridge with guests keeps both.
        let paths = self.files.of_bridge(bridge);
        let saved = self.files.saved(&paths);
        for path in &paths {
            self.files.forget(path)?;
        }
        if let Err(failure) = self.kernel.bring_down(bridge).await {
            for unit in &saved {
                self.files.write(unit)?;
            }
            return Err(failure);
        }
        // What did not stand below the bridge at the moment.
        let rest: Vec<String> = paths.into_iter().filter(|path| units::made(path) != Some(bridge)).collect();
        self.forget(&rest).await?;
        self.networkctl(&["reload"]).await
    }

    async fn address(&self, bridge: &str, how: &Addressing) -> Result<()> {
        names::check_interface(bridge)?;
        names::check_addressing(how)?;
        let _turn = self.turn.lock().await;
        let path = format!("30-xennix-{bridge}.network.d/ipv4.conf");
        let before = self.files.read(&path);
        let unit = units::of_address(bridge, how);
        if before.as_deref() != unit.as_ref().map(|unit| unit.text.as_str()) {
            match &unit {
                Some(unit) => self.files.write(unit)?,
                None => self.files.forget(&path)?,
            }
            self.networkctl(&["reload"]).await?;
            self.networkctl(&["reconfigure", bridge]).await?;
        }
        let (wanted, prefix) = match how {
            Addressing::Static(ip, netmask, ..) => fixed(ip, netmask)?,
            Addressing::Dhcp | Addressing::DhcpAddress => return self.leased(bridge).await,
            Addressing::None => return Ok(()),
        };
        let end = Instant::now() + COMES;
        loop {
            let now = self.kernel.addresses(bridge).await?;
            let has = now.v4.is_some_and(|(ip, mask)| {
                IpAddr::V4(ip) == wanted && addresses::prefix_length(mask) == Some(prefix)
            });
            if has {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(failed(bridge, format!("systemd-networkd did not give it {wanted}/{prefix}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn address_v6(&self, bridge: &str, how: &Addressing6) -> Result<()> {
        names::check_interface(bridge)?;
        names::check_addressing6(how)?;
        let _turn = self.turn.lock().await;
        let unit = units::of_address6(bridge, how);
        if self.files.read(&unit.path).as_ref() == Some(&unit.text) {
            return Ok(());
        }
        self.files.write(&unit)?;
        self.networkctl(&["reload"]).await?;
        self.networkctl(&["reconfigure", bridge]).await
    }

    async fn addresses(&self, bridge: &str) -> Result<Addresses> {
        self.kernel.addresses(bridge).await
    }

    async fn filter(&self, port: &str, rule: &Filter) -> Result<()> {
        self.kernel.filter(port, rule).await
    }

    async fn carry(&self, port: &str, bridge: &str) -> Result<()> {
        self.kernel.carry(port, bridge).await
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        self.kernel.bridges().await
    }
}
