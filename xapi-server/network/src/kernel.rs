//! [`Kernel`]: bridges, VLANs, bonds and tunnels made by the kernel itself, told over netlink.
//!
//! What is there already and as wanted stays untouched: frames of running guests do not notice a second call.
//! An interface that carries the host's address hands it to the bridge it is put on, or keeps it when that fails.

use std::{collections::HashSet, net::IpAddr};

use async_trait::async_trait;
use rtnetlink::{
    Handle, LinkBridge, LinkMessageBuilder, LinkUnspec,
    packet_route::link::{LinkAttribute, LinkMessage},
};
use xapi_backend::network::{Addresses, Addressing, Addressing6, Card, Filter, Link, Network};
use xapi_schema::{Failure, Result, errors};

use crate::{
    Places, addresses, cards, dhcp, failed, filter,
    links::{self, Interface},
    names, resolver,
};

mod below;

use below::size;
pub(crate) use below::vlan_name;

/// Longest name the kernel takes.
const NAME: usize = 15;

/// The kernel's own network.
pub struct Kernel {
    handle: Handle,
    places: Places,
    /// One change at a time: each reads what is there before it acts.
    turn: tokio::sync::Mutex<()>,
    /// Ports with rules, once they were asked for: a port without any costs nothing to open.
    limited: tokio::sync::OnceCell<std::sync::Mutex<HashSet<String>>>,
}

impl Kernel {
    /// Speaks to the kernel from the network namespace of the calling thread.
    ///
    /// # Errors
    /// No socket to the kernel.
    pub fn open(places: Places) -> std::io::Result<Kernel> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Kernel {
            handle,
            places,
            turn: tokio::sync::Mutex::default(),
            limited: tokio::sync::OnceCell::new(),
        })
    }

    pub(crate) async fn all(&self) -> Result<Vec<Interface>> {
        links::all(&self.handle).await
    }

    pub(crate) async fn find(&self, name: &str) -> Result<Option<Interface>> {
        Ok(self.all().await?.into_iter().find(|known| known.name == name))
    }

    async fn get(&self, name: &str) -> Result<Interface> {
        let found = self.find(name).await?;
        found.ok_or_else(|| failed(name, "there is no such network interface"))
    }

    async fn add(&self, name: &str, message: LinkMessage) -> Result<Interface> {
        let made = self.handle.link().add(message).execute().await;
        made.map_err(|error| failed(&format!("{name} cannot be made"), error))?;
        self.get(name).await
    }

    async fn set(&self, known: &Interface, change: LinkMessageBuilder<LinkUnspec>) -> Result<()> {
        let set = self.handle.link().set(change.index(known.index).build()).execute().await;
        set.map_err(|error| failed(&format!("{} cannot be changed", known.name), error))
    }

    pub(crate) async fn remove(&self, known: &Interface) -> Result<()> {
        let gone = self.handle.link().del(known.index).execute().await;
        gone.map_err(|error| failed(&format!("{} cannot be removed", known.name), error))
    }

    /// An interface of a kind, made if it is not there. One of that name and another kind is somebody else's.
    async fn ensure(
        &self,
        name: &str,
        kind: &str,
        message: impl FnOnce() -> LinkMessage,
    ) -> Result<Interface> {
        if name.is_empty() || name.len() > NAME {
            return Err(failed(name, format!("a name of an interface has 1 to {NAME} characters")));
        }
        match self.find(name).await? {
            Some(known) if known.kind == kind => Ok(known),
            Some(_) => Err(failed(name, format!("an interface of that name is there and is no {kind}"))),
            None => self.add(name, message()).await,
        }
    }

    /// Brings one interface to a size and up.
    async fn ready(&self, known: &Interface, mtu: Option<u32>) -> Result<()> {
        if let Some(mtu) = mtu.filter(|mtu| *mtu != known.mtu) {
            self.set(known, change().mtu(mtu)).await?;
        }
        if !known.up {
            self.set(known, change().up()).await?;
        }
        Ok(())
    }

    /// Puts an interface on a bridge or into a bond, with what it was reached by going along: its own addresses, and
    /// those of a bridge that nothing outside is reached through any more.
    async fn join(&self, known: &Interface, controller: &Interface) -> Result<()> {
        if known.controller == Some(controller.index) {
            return Ok(());
        }
        let left = self.left_behind(known).await?;
        self.set(known, change().controller(controller.index)).await?;
        for from in left.into_iter().chain([known.index]) {
            if let Err(failure) = addresses::hand_over(&self.handle, from, controller.index).await {
                let back = known.controller.unwrap_or(0);
                self.set(known, change().controller(back)).await?;
                return Err(failure);
            }
        }
        Ok(())
    }

    /// The bridge an interface is on, when it is the only way out of it.
    async fn left_behind(&self, known: &Interface) -> Result<Option<u32>> {
        let all = self.all().await?;
        let old = all.iter().find(|one| Some(one.index) == known.controller && one.kind == "bridge");
        Ok(old.map(|old| old.index).filter(|old| {
            !all.iter()
                .any(|one| one.controller == Some(*old) && one.index != known.index && !is_guest_port(one))
        }))
    }

    /// Takes a card's addresses over to an interface that now carries what the card did.
    pub(crate) async fn take_over(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.get(from).await?, self.get(to).await?);
        addresses::hand_over(&self.handle, from.index, to.index).await
    }

    /// Switches an interface on.
    pub(crate) async fn switch_on(&self, name: &str) -> Result<()> {
        self.ready(&self.get(name).await?, None).await
    }

    /// Lets the kernel tell everybody of an interface once more, as it is: its alias is set to what it was.
    pub(crate) async fn tell_again(&self, name: &str) -> Result<()> {
        let known = self.get(name).await?;
        let alias = LinkAttribute::IfAlias(known.alias.clone());
        self.set(&known, change().append_extra_attribute(alias)).await
    }

    async fn leave(&self, known: &Interface) -> Result<()> {
        self.set(known, change().nocontroller()).await
    }

    /// Lets a DHCP client serve a bridge. Clients leave a fixed address beside the one they are given, so it goes
    /// before; without a client it stays.
    async fn lease(&self, known: &Interface, whole: bool) -> Result<()> {
        if dhcp::serves(&self.places.run, &known.name, whole) {
            return Ok(());
        }
        let before = addresses::take_fixed(&self.handle, known.index).await?;
        let started = dhcp::start(&self.places.run, &known.name, whole).await;
        if started.is_err() {
            before.give(&self.handle, known.index).await?;
        }
        started
    }

    /// Takes off a bridge what we put there for another purpose: cards, VLANs and bonds, never ports of guests.
    async fn clear(&self, bridge: &Interface, keep: Option<&Interface>) -> Result<()> {
        for known in self.all().await? {
            let ours = known.controller == Some(bridge.index) && keep.map(|k| k.index) != Some(known.index);
            if ours && !is_guest_port(&known) {
                self.leave(&known).await?;
                if is_made_by_us(&known) {
                    self.remove(&known).await?;
                }
            }
        }
        Ok(())
    }
}

/// A port a guest is behind.
fn is_guest_port(known: &Interface) -> bool {
    ["vif", "tap"].iter().any(|prefix| known.name.starts_with(prefix))
}

/// Is there a card that rules for a port are for?
fn has_port(all: &[Interface], port: &str) -> bool {
    all.iter().any(|known| known.name == port || known.name == card_of(port))
}

/// The first port of the card a port belongs to.
fn card_of(port: &str) -> &str {
    port.strip_suffix(names::EMULATED).unwrap_or(port)
}

/// Made only to stand below a bridge of ours.
fn is_made_by_us(known: &Interface) -> bool {
    ["vlan", "bond", "vxlan", "gretap"].contains(&known.kind.as_str())
}

#[async_trait]
impl Network for Kernel {
    async fn cards(&self) -> Result<Vec<Card>> {
        Ok(cards::read(&self.places.sys))
    }

    async fn bring_up(&self, link: &Link) -> Result<()> {
        names::check(link)?;
        let _turn = self.turn.lock().await;
        let name = link.bridge.as_str();
        let make = || LinkBridge::new(name).forward_delay(0).mcast_snooping(false).build();
        let fresh = self.find(name).await?.is_none();
        let bridge = self.ensure(name, "bridge", make).await?;
        let made = async {
            let port = self.make_below(link).await?;
            if let Some(port) = &port {
                if let Some(old) = port.controller.filter(|old| *old != bridge.index) {
                    tracing::info!(port = port.name, old, bridge = name, "a port moves to another bridge");
                }
                self.join(port, &bridge).await?;
            }
            self.clear(&bridge, port.as_ref()).await?;
            let wanted = if link.mac.is_empty() {
                port.as_ref().map(|p| p.mac.clone())
            } else {
                Some(link.mac.clone())
            };
            if let Some(bytes) =
                wanted.filter(|mac| *mac != bridge.mac).and_then(|mac| links::mac_bytes(&mac))
            {
                self.set(&bridge, change().address(bytes)).await?;
            }
            self.ready(&bridge, size(link)?).await
        };
        let outcome: Result<(), Failure> = made.await;
        if outcome.is_err() && fresh {
            // A bridge with nothing behind it would look as if the network were there.
            self.clear(&bridge, None).await?;
            self.remove(&bridge).await?;
        }
        outcome
    }

    async fn bring_down(&self, bridge: &str) -> Result<()> {
        names::check_interface(bridge)?;
        let _turn = self.turn.lock().await;
        let Some(known) = self.find(bridge).await? else { return Ok(()) };
        if known.kind != "bridge" {
            return Err(failed(bridge, "this interface is no bridge"));
        }
        let all = self.all().await?;
        if let Some(port) = all.iter().find(|p| p.controller == Some(known.index) && is_guest_port(p)) {
            return Err(failed(bridge, format!("{} is still on it", port.name)));
        }
        dhcp::stop(&self.places.run, bridge).await?;
        self.clear(&known, None).await?;
        self.remove(&known).await
    }

    async fn address(&self, bridge: &str, how: &Addressing) -> Result<()> {
        names::check_interface(bridge)?;
        names::check_addressing(how)?;
        let _turn = self.turn.lock().await;
        let known = self.get(bridge).await?;
        if !matches!(how, Addressing::Dhcp | Addressing::DhcpAddress) {
            dhcp::stop(&self.places.run, bridge).await?;
        }
        match how {
            Addressing::None => {
                addresses::remove(&self.handle, known.index, |address, _| address.is_ipv4()).await
            }
            Addressing::Dhcp => self.lease(&known, true).await,
            Addressing::DhcpAddress => {
                self.lease(&known, false).await?;
                addresses::set_gateway(&self.handle, known.index, false, None).await
            }
            Addressing::Static(ip, netmask, gateway, servers) => {
                let (wanted, prefix) = fixed(ip, netmask)?;
                // First the new one: there is no moment in which the host has no address.
                addresses::add(&self.handle, known.index, wanted, prefix).await?;
                // Of two in one subnet the kernel drops the later with the earlier, unless told otherwise.
                let promote = format!("/proc/sys/net/ipv4/conf/{bridge}/promote_secondaries");
                let _ = std::fs::write(promote, "1");
                addresses::remove(&self.handle, known.index, |address, length| {
                    address.is_ipv4() && (*address, length) != (wanted, prefix)
                })
                .await?;
                addresses::add(&self.handle, known.index, wanted, prefix).await?;
                let gateway = optional(gateway, "gateway")?;
                addresses::set_gateway(&self.handle, known.index, false, gateway).await?;
                resolver::set(&self.places.resolv_conf, bridge, servers).await
            }
        }
    }

    async fn address_v6(&self, bridge: &str, how: &Addressing6) -> Result<()> {
        names::check_interface(bridge)?;
        names::check_addressing6(how)?;
        let _turn = self.turn.lock().await;
        let known = self.get(bridge).await?;
        let announced = matches!(how, Addressing6::Autoconf);
        let setting = format!("/proc/sys/net/ipv6/conf/{bridge}/accept_ra");
        if let Err(error) = std::fs::write(&setting, if announced { "2" } else { "0" })
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(failed(&setting, error));
        }
        match how {
            Addressing6::Autoconf => Ok(()),
            Addressing6::Dhcp => Err(failed(bridge, "DHCP for IPv6 is not offered without systemd-networkd")),
            Addressing6::None => {
                addresses::remove(&self.handle, known.index, |address, _| address.is_ipv6()).await
            }
            Addressing6::Static(wanted, gateway) => {
                let wanted = wanted.iter().map(|text| cidr(text)).collect::<Result<Vec<_>>>()?;
                for (address, prefix) in &wanted {
                    addresses::add(&self.handle, known.index, *address, *prefix).await?;
                }
                addresses::remove(&self.handle, known.index, |address, prefix| {
                    address.is_ipv6() && !wanted.contains(&(*address, prefix))
                })
                .await?;
                addresses::set_gateway(&self.handle, known.index, true, optional(gateway, "ipv6_gateway")?)
                    .await
            }
        }
    }

    async fn addresses(&self, bridge: &str) -> Result<Addresses> {
        match self.find(bridge).await? {
            Some(known) => addresses::told(&self.handle, known.index).await,
            None => Ok(Addresses::default()),
        }
    }

    async fn filter(&self, port: &str, rule: &Filter) -> Result<()> {
        let _turn = self.turn.lock().await;
        let known = async || std::sync::Mutex::new(filter::ports().await.into_iter().collect());
        let limited = self.limited.get_or_init(known).await;
        let lock = || limited.lock().unwrap_or_else(|e| e.into_inner());
        if *rule == Filter::Open && !lock().contains(port) {
            return Ok(());
        }
        // An emulated machine's card has two ports: the guest chooses by which driver it loads.
        for port in [port.to_string(), names::emulated(port)] {
            filter::apply(&port, rule).await?;
            match rule {
                Filter::Open => lock().remove(&port),
                _ => lock().insert(port),
            };
        }
        // Numbers of domains come again some day, and must not find the rules of others.
        let there = self.all().await?;
        let stale = |known: &&String| !has_port(&there, known) && card_of(known) != port;
        let gone: Vec<String> = lock().iter().filter(stale).cloned().collect();
        for port in gone {
            filter::apply(&port, &Filter::Open).await?;
            lock().remove(&port);
        }
        Ok(())
    }

    async fn carry(&self, port: &str, bridge: &str) -> Result<()> {
        names::check_interface(bridge)?;
        let _turn = self.turn.lock().await;
        let onto = self.get(bridge).await?;
        for port in [port.to_string(), names::emulated(port)] {
            if let Some(known) = self.find(&port).await?
                && known.controller != Some(onto.index)
            {
                self.set(&known, change().controller(onto.index)).await?;
            }
        }
        Ok(())
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        let all = self.all().await?;
        Ok(all.into_iter().filter(|known| known.kind == "bridge").map(|known| known.name).collect())
    }
}

/// A fixed IPv4 address with its prefix length.
pub(crate) fn fixed(ip: &str, netmask: &str) -> Result<(IpAddr, u8)> {
    let invalid = |field: &str| errors::INVALID_IP_ADDRESS_SPECIFIED.with([field]);
    let address = ip.parse().map_err(|_| invalid("IP"))?;
    let prefix = netmask.parse().ok().and_then(addresses::prefix_length).ok_or_else(|| invalid("netmask"))?;
    Ok((IpAddr::V4(address), prefix))
}

fn optional(text: &str, field: &str) -> Result<Option<IpAddr>> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| errors::INVALID_IP_ADDRESS_SPECIFIED.with([field]))
}

fn cidr(text: &str) -> Result<(IpAddr, u8)> {
    let parsed = text.split_once('/').and_then(|(address, prefix)| {
        let address: std::net::Ipv6Addr = address.parse().ok()?;
        Some((IpAddr::V6(address), prefix.parse().ok().filter(|prefix| *prefix <= 128)?))
    });
    parsed.ok_or_else(|| errors::INVALID_CIDR_ADDRESS_SPECIFIED.with(["IPv6"]))
}

/// A change of an interface that is there.
fn change() -> LinkMessageBuilder<LinkUnspec> {
    LinkMessageBuilder::<LinkUnspec>::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tagged_interfaces_fit_the_kernel() {
        assert_eq!(vlan_name("eth0", 42), "eth0.42");
        assert_eq!(vlan_name("enp129s0f1np1x", 4094), "enp129s0f1.4094");
    }

    #[test]
    fn addresses_with_holes_in_the_mask_are_refused() {
        assert!(fixed("192.0.2.1", "255.0.255.0").is_err());
        assert_eq!(fixed("192.0.2.1", "255.255.255.0").expect("fits").1, 24);
        assert!(cidr("2001:db8::1/129").is_err());
    }
}
