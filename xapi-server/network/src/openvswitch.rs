//! [`OpenVswitch`]: bridges of Open vSwitch where it is installed, told by `ovs-vsctl`.
//!
//! A VLAN's bridge is a part of the card's bridge with a tag, not a device of its own. Addresses are the
//! kernel's, on the port each bridge has of its own; what a card was reached by goes along when it is put on one.
//! A card's bridge that is taken down under VLANs loses its addresses, and goes with the last of them.
//! What to tell the switch is worked out in [`crate::switch`].

use async_trait::async_trait;
use xapi_backend::{
    network::{Addresses, Addressing, Addressing6, Below, Card, Filter, Link, Network},
    program::Program,
};
use xapi_schema::{Failure, Result};

use crate::{
    Kernel, Places, dhcp, ethtool, failed, filter, names,
    switch::{self, Bridge, There},
};

/// Where Open vSwitch is told what to do, while it runs.
pub const SOCKET: &str = "/run/openvswitch/db.sock";

/// Network by Open vSwitch.
pub struct OpenVswitch {
    kernel: Kernel,
    run: std::path::PathBuf,
    /// One change at a time: each reads what is there before it acts.
    turn: tokio::sync::Mutex<()>,
}

impl OpenVswitch {
    /// # Errors
    /// No socket to the kernel.
    pub fn open(places: Places) -> std::io::Result<OpenVswitch> {
        let run = places.run.clone();
        Ok(OpenVswitch { kernel: Kernel::open(places)?, run, turn: tokio::sync::Mutex::default() })
    }

    async fn vsctl(&self, arguments: Vec<String>) -> Result<String> {
        let told = Program::new("ovs-vsctl").arg("--timeout=20").args(arguments).succeed().await;
        told.map_err(|error| failed("Open vSwitch", error))
    }

    /// An answer of one line; nothing when the switch does not know what it is asked about.
    async fn line(&self, question: &str) -> Option<String> {
        let told = self.vsctl(switch::words(question)).await.ok()?;
        Some(told.trim().to_string()).filter(|text| !text.is_empty())
    }

    async fn lines(&self, question: &str) -> Result<Vec<String>> {
        Ok(switch::words(&self.vsctl(switch::words(question)).await?))
    }

    /// Whether a bridge is there for its VLANs only.
    async fn kept(&self, bridge: &str) -> bool {
        self.line(&format!("br-get-external-id {bridge} {}", switch::KEPT)).await.is_some()
    }

    /// Every bridge.
    async fn known(&self) -> Result<Vec<Bridge>> {
        let mut all = Vec::new();
        for name in self.lines("list-br").await? {
            let parent = self.line(&format!("br-to-parent {name}")).await.unwrap_or_else(|| name.clone());
            let kept = self.kept(&name).await;
            all.push(Bridge { name, parent, kept });
        }
        Ok(all)
    }

    /// What the switch has of a link already.
    async fn there(&self, link: &Link) -> Result<There> {
        let bridge = link.bridge.as_str();
        let bridges = self.lines("list-br").await?;
        let mut there = There { bridge: bridges.iter().any(|known| known == bridge), ..There::default() };
        if there.bridge {
            there.parent = self.line(&format!("br-to-parent {bridge}")).await;
            there.ports = self.lines(&format!("list-ports {bridge}")).await?;
            there.kept = self.kept(bridge).await;
        }
        for device in switch::devices(link) {
            if let Some(on) = self.line(&format!("iface-to-br {device}")).await {
                if self.line(&format!("port-to-br {device}")).await.is_none() {
                    there.inside.push(device.clone());
                }
                there.on.push((device, on));
            }
        }
        if let Below::Bond { device, .. } = &link.below {
            let port = self.line(&format!("--if-exists get port {device} interfaces")).await;
            there.bonded = match port {
                Some(_) => self.members(device).await?,
                None => vec![],
            };
        }
        Ok(there)
    }

    /// Cards in a bond that is there.
    async fn members(&self, bond: &str) -> Result<Vec<String>> {
        let told = self.lines(&format!("--bare --columns=interfaces list port {bond}")).await?;
        let mut members = Vec::new();
        for number in told {
            members.extend(self.line(&format!("--bare --columns=name list interface {number}")).await);
        }
        Ok(members)
    }

    /// What the kernel has under a name the switch shall use.
    async fn check(&self, link: &Link) -> Result<()> {
        let all = self.kernel.all().await?;
        if let Some(known) = all.iter().find(|known| known.name == link.bridge)
            && known.kind == "bridge"
        {
            return Err(failed(&link.bridge, "it is a bridge of the kernel, not of Open vSwitch"));
        }
        for device in switch::devices(link) {
            let Some(known) = all.iter().find(|known| known.name == device) else {
                return Err(failed(&device, "there is no such network interface"));
            };
            let on = all.iter().find(|one| Some(one.index) == known.controller);
            if let Some(on) = on.filter(|on| !on.kind.starts_with("openvswitch") && on.name != "ovs-system") {
                return Err(failed(&device, format!("it is on {}, which is not Open vSwitch's", on.name)));
            }
        }
        Ok(())
    }

    async fn make(&self, link: &Link, there: &There) -> Result<()> {
        let devices = switch::devices(link);
        for device in &devices {
            ethtool::apply(device, &link.settings).await;
            self.kernel.switch_on(device).await?;
        }
        self.vsctl(switch::commands(link, there)).await?;
        // What goes wrong in the switch itself is only told there.
        self.kernel.switch_on(&link.bridge).await?;
        if matches!(link.below, Below::Bond { .. }) {
            // The switch asks whether a card may be used when the kernel tells of one, and not when it is told to speak LACP
            // no more: a card LACP had not agreed on would stay unused.
            for device in &devices {
                self.kernel.tell_again(device).await?;
            }
        }
        for device in devices {
            self.kernel.take_over(&device, &link.bridge).await?;
            let left = there.on.iter().find(|(known, on)| *known == device && *on != link.bridge);
            if let Some((_, left)) = left
                && self.ways_out(left).await?.is_empty()
            {
                self.kernel.take_over(left, &link.bridge).await?;
            }
        }
        Ok(())
    }

    /// Ports of a bridge that are not guests'.
    async fn ways_out(&self, bridge: &str) -> Result<Vec<String>> {
        let ports = self.lines(&format!("list-ports {bridge}")).await?;
        Ok(ports.into_iter().filter(|port| !switch::is_guest(port)).collect())
    }
}

#[async_trait]
impl Network for OpenVswitch {
    fn kind(&self) -> &'static str {
        "openvswitch"
    }

    async fn cards(&self) -> Result<Vec<Card>> {
        self.kernel.cards().await
    }

    async fn bring_up(&self, link: &Link) -> Result<()> {
        names::check(link)?;
        let _turn = self.turn.lock().await;
        self.check(link).await?;
        let there = self.there(link).await?;
        let made: Result<(), Failure> = self.make(link, &there).await;
        if made.is_err() && !there.bridge {
            // A bridge with nothing behind it would look as if the network were there.
            self.vsctl(switch::words(&format!("--if-exists del-br {}", link.bridge))).await?;
        }
        made
    }

    async fn bring_down(&self, bridge: &str) -> Result<()> {
        names::check_interface(bridge)?;
        let _turn = self.turn.lock().await;
        let all = self.known().await?;
        if !all.iter().any(|known| known.name == bridge) {
            return Ok(());
        }
        let ports = self.lines(&format!("list-ports {bridge}")).await?;
        if let Some(port) = ports.iter().find(|port| switch::is_guest(port)) {
            return Err(failed(bridge, format!("{port} is still on it")));
        }
        dhcp::stop(&self.run, bridge).await?;
        if switch::has_vlans(bridge, &all) {
            self.kernel.address(bridge, &Addressing::None).await?;
            self.kernel.address_v6(bridge, &Addressing6::None).await?;
        }
        self.vsctl(switch::removal(bridge, &all)).await.map(|_| ())
    }

    async fn address(&self, bridge: &str, how: &Addressing) -> Result<()> {
        names::check_interface(bridge)?;
        names::check_addressing(how)?;
        self.kernel.address(bridge, how).await
    }

    async fn address_v6(&self, bridge: &str, how: &Addressing6) -> Result<()> {
        names::check_interface(bridge)?;
        names::check_addressing6(how)?;
        self.kernel.address_v6(bridge, how).await
    }

    async fn addresses(&self, bridge: &str) -> Result<Addresses> {
        self.kernel.addresses(bridge).await
    }

    /// The switch's frames do not pass the filters of the kernel's bridge, so they stand at the device.
    async fn filter(&self, port: &str, rule: &Filter) -> Result<()> {
        let mut there = Vec::new();
        for port in [port.to_string(), names::emulated(port)] {
            if self.kernel.find(&port).await?.is_some() {
                there.push(port);
            }
        }
        if there.is_empty() && *rule != Filter::Open {
            return Err(failed(port, "there is no such port to be limited"));
        }
        for port in there {
            filter::apply_at_device(&port, rule).await?;
        }
        Ok(())
    }

    async fn carry(&self, port: &str, bridge: &str) -> Result<()> {
        names::check_interface(port)?;
        names::check_interface(bridge)?;
        let _turn = self.turn.lock().await;
        for port in [port.to_string(), names::emulated(port)] {
            let on = self.line(&format!("port-to-br {port}")).await;
            if on.is_some() && on.as_deref() != Some(bridge) {
                let told = format!("--if-exists del-port {port} -- add-port {bridge} {port}");
                self.vsctl(switch::words(&told)).await?;
            }
        }
        Ok(())
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        self.lines("list-br").await
    }
}
