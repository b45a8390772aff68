//! [`OpenVswitch`]: bridges of Open vSwitch where it is installed, told by `ovs-vsctl`.
//!
//! A VLAN's bridge is a part of the card's bridge with a tag, not a device of its own. Addresses are the
//! kernel's, on the port each bridge has of its own.

use async_trait::async_trait;
use xapi_backend::{
    network::{Addresses, Addressing, Addressing6, Below, Card, Filter, Link, Network},
    program::Program,
};
use xapi_schema::{Result, errors};

use crate::{Kernel, Places, ethtool, failed, names};

/// Network by Open vSwitch.
pub struct OpenVswitch {
    kernel: Kernel,
}

impl OpenVswitch {
    /// # Errors
    /// No socket to the kernel.
    pub fn open(places: Places) -> std::io::Result<OpenVswitch> {
        Ok(OpenVswitch { kernel: Kernel::open(places)? })
    }

    async fn vsctl(&self, arguments: Vec<String>) -> Result<String> {
        let told = Program::new("ovs-vsctl").arg("--timeout=20").args(arguments).succeed().await;
        told.map_err(|error| failed("Open vSwitch", error))
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

/// Commands that make a link, to be run as one transaction.
pub fn commands(link: &Link) -> Vec<String> {
    let bridge = link.bridge.as_str();
    let mut told = match &link.below {
        Below::Vlan { bridge: parent, tag, .. } => {
            words(&format!("--may-exist add-br {bridge} {parent} {tag}"))
        }
        _ => words(&format!("--may-exist add-br {bridge} -- set bridge {bridge} fail_mode=standalone")),
    };
    if !link.mac.is_empty() && !matches!(link.below, Below::Vlan { .. }) {
        told.extend(words(&format!("-- set bridge {bridge} other-config:hwaddr={}", link.mac)));
    }
    match &link.below {
        Below::Nothing | Below::Vlan { .. } => {}
        Below::Device(device) => {
            // A card is on one bridge; the switch does not move it by itself.
            told.extend(words(&format!("-- --may-exist add-port {bridge} {device}")));
        }
        Below::Bond { device, members, mode, properties } => {
            let members = members.join(" ");
            told.extend(words(&format!("-- --fake-iface --may-exist add-bond {bridge} {device} {members}")));
            let property = |key: &str, default: &str| {
                let found = properties.iter().find(|(k, _)| k == key);
                found.map_or(default, |(_, value)| value.as_str()).to_string()
            };
            let settings = match mode.as_str() {
                "lacp" => format!(
                    "lacp=active bond_mode={} other-config:lacp-time={} other-config:lacp-fallback-ab={}",
                    if property("hashing_algorithm", "tcpudp_ports") == "src_mac" {
                        "balance-slb"
                    } else {
                        "balance-tcp"
                    },
                    property("lacp-time", "slow"),
                    property("lacp-fallback-ab", "true"),
                ),
                other => format!(
                    "lacp=off bond_mode={other} other-config:bond-rebalance-interval={}",
                    property("rebalance-interval", "1800000")
                ),
            };
            let delays = format!(
                "bond_updelay={} bond_downdelay={} other-config:bond-miimon-interval={}",
                property("updelay", "31000"),
                property("downdelay", "200"),
                property("miimon", "100")
            );
            told.extend(words(&format!("-- set port {device} {settings} {delays}")));
        }
        Below::Tunnel { device, protocol, key, local, remotes } => {
            for (number, remote) in remotes.iter().enumerate() {
                let port = if number == 0 { device.clone() } else { format!("{device}-{number}") };
                let local = local.map(|address| format!(" options:local_ip={address}")).unwrap_or_default();
                told.extend(words(&format!(
                    "-- --may-exist add-port {bridge} {port} -- set interface {port} type={protocol} \
                     options:remote_ip={remote} options:key={key}{local}"
                )));
            }
        }
    }
    told
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
        match &link.below {
            Below::Device(device) => ethtool::apply(device, &link.settings).await,
            Below::Bond { members, .. } => {
                for member in members {
                    ethtool::apply(member, &link.settings).await;
                }
            }
            _ => {}
        }
        self.vsctl(commands(link)).await?;
        // The switch makes the device; sizes and whether it is on are the kernel's.
        let mut arguments = vec!["link".into(), "set".into(), link.bridge.clone(), "up".into()];
        if link.mtu > 0 {
            arguments.extend(["mtu".into(), link.mtu.to_string()]);
        }
        let told = Program::new("ip").args(arguments).succeed().await;
        told.map(|_| ()).map_err(|error| failed(&link.bridge, error))
    }

    async fn bring_down(&self, bridge: &str) -> Result<()> {
        names::check_interface(bridge)?;
        self.vsctl(words(&format!("--if-exists del-br {bridge}"))).await.map(|_| ())
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

    /// The switch's frames do not pass the filters of the kernel's bridge.
    async fn filter(&self, _: &str, rule: &Filter) -> Result<()> {
        match rule {
            Filter::Open => Ok(()),
            _ => {
                Err(errors::OPERATION_NOT_ALLOWED.with(["Open vSwitch ports cannot be locked by this host"]))
            }
        }
    }

    async fn bridges(&self) -> Result<Vec<String>> {
        Ok(words(&self.vsctl(vec!["list-br".into()]).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(below: Below) -> String {
        let link = Link {
            bridge: "xapi0".into(),
            below,
            mtu: 1500,
            mac: "02:00:00:00:00:01".into(),
            settings: vec![],
        };
        commands(&link).join(" ")
    }

    #[test]
    fn a_vlan_is_a_part_of_its_parent() {
        let below = Below::Vlan { device: "eth0".into(), bridge: "xenbr0".into(), tag: 7 };
        assert_eq!(told(below), "--may-exist add-br xapi0 xenbr0 7");
    }

    #[test]
    fn a_bond_is_a_port_with_settings() {
        let below = Below::Bond {
            device: "bond0".into(),
            members: vec!["eth0".into(), "eth1".into()],
            mode: "balance-slb".into(),
            properties: vec![],
        };
        let text = told(below);
        assert!(text.contains("--fake-iface --may-exist add-bond xapi0 bond0 eth0 eth1"), "{text}");
        assert!(text.contains("set port bond0 lacp=off bond_mode=balance-slb"), "{text}");
    }
}
