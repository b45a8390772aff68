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
    Kernel, Places, dhcp, ethtool, failed, filter,
    listing::{self, Listing},
    names,
    switch::{self, There},
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

    /// Everything the switch has.
    async fn listing(&self) -> Result<Listing> {
        let answer = self.vsctl(switch::words(listing::QUESTION)).await?;
        Listing::read(&answer).map_err(|error| failed("Open vSwitch", error))
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
                && self.listing().await?.ports_of(left).iter().all(|port| switch::is_guest(port))
            {
                self.kernel.take_over(left, &link.bridge).await?;
            }
        }
        Ok(())
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
        let there = There::of(link, &self.listing().await?);
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
        let all = self.listing().await?;
        if all.bridge(bridge).is_none() {
            return Ok(());
        }
        if let Some(port) = all.ports_of(bridge).iter().find(|port| switch::is_guest(port)) {
            return Err(failed(bridge, format!("{port} is still on it")));
        }
        dhcp::stop(&self.run, bridge).await?;
        if switch::has_vlans(bridge, &all.bridges) {
            self.kernel.address(bridge, &Addressing::None).await?;
            self.kernel.address_v6(bridge, &Addressing6::None).await?;
        }
        self.vsctl(switch::removal(bridge, &all.bridges)).await.map(|_| ())
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
        let all = self.listing().await?;
        for port in [port.to_string(), names::emulated(port)] {
            if all.port(&port).is_some_and(|port| port.bridge != bridge) {
                let told = format!("--if-exists del-port {port} -- add-port {bridge} {port}");
                self.vsctl(switch::words(&told)).await?;
            }
        }
        Ok(())
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        Ok(self.listing().await?.bridges.into_iter().map(|bridge| bridge.name).collect())
    }
}
