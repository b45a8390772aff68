//! Units for systemd-networkd that say what a [`Link`] and its addresses say. Text only: a pure function.
//!
//! Names begin with `xennix-`, so that what people wrote is never touched. What several links say about one card
//! stands in drop-ins, a file per statement. The first line of each says which bridge it is there for.

use xapi_backend::network::{Addressing, Addressing6, Below, Link};

use crate::{addresses::prefix_length, bonds::kernel_mode, kernel::vlan_name};

/// A file below the directory of units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Path relative to the directory.
    pub path: String,
    /// Content.
    pub text: String,
}

/// A unit file being written: sections with lines.
#[derive(Default)]
struct Text(String);

impl Text {
    fn section(mut self, name: &str, lines: impl IntoIterator<Item = (&'static str, String)>) -> Text {
        let lines: String = lines.into_iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        if !lines.is_empty() {
            let gap = if self.0.is_empty() { "" } else { "\n" };
            self.0.push_str(&format!("{gap}[{name}]\n{lines}"));
        }
        self
    }

    fn at(self, path: String) -> Unit {
        Unit { path, text: self.0 }
    }
}

fn text() -> Text {
    Text::default()
}

/// First line of the units of a bridge.
pub fn owner(bridge: &str) -> String {
    format!("# XenNix: for the bridge {bridge}\n")
}

fn owned(bridge: &str, unit: Unit) -> Unit {
    Unit { text: format!("{}{}", owner(bridge), unit.text), ..unit }
}

/// Device a unit makes.
pub fn made(path: &str) -> Option<&str> {
    path.strip_suffix(".netdev")?.split_once("-xennix-").map(|(_, device)| device)
}

/// Interfaces that have to be where for a link to be there: (interface, bridge or bond).
pub fn places(link: &Link) -> Vec<(String, String)> {
    let onto = |device: &str| (device.to_string(), link.bridge.clone());
    match &link.below {
        Below::Nothing => vec![],
        Below::Device(device) | Below::Tunnel { device, .. } => vec![onto(device)],
        Below::Vlan { device, tag, .. } => {
            vec![onto(&vlan_name(device, u16::try_from(*tag).unwrap_or_default()))]
        }
        Below::Bond { device, members, .. } => {
            let members = members.iter().map(|member| (member.clone(), device.clone()));
            std::iter::once(onto(device)).chain(members).collect()
        }
    }
}

fn yes() -> String {
    "yes".into()
}

fn no() -> String {
    "no".into()
}

/// What an interface on its way to a bridge is told: no addresses of its own.
fn port(name: &str, line: (&'static str, String), mtu: i64) -> Unit {
    let size = (mtu > 0).then(|| ("MTUBytes", mtu.to_string()));
    text()
        .section("Match", [("Name", name.to_string())])
        .section("Link", size)
        .section("Network", [line, ("LinkLocalAddressing", no()), ("ConfigureWithoutCarrier", yes())])
        .at(format!("20-xennix-{name}.network"))
}

/// The units of a link, the ones of its addresses aside.
pub fn of_link(link: &Link) -> Vec<Unit> {
    let bridge = link.bridge.as_str();
    let mac = (!link.mac.is_empty()).then(|| ("MACAddress", link.mac.clone()));
    let size = (link.mtu > 0).then(|| ("MTUBytes", link.mtu.to_string()));
    let mut units = vec![
        text()
            .section(
                "NetDev",
                [("Name", bridge.to_string()), ("Kind", "bridge".into())].into_iter().chain(mac),
            )
            .section("Bridge", [("STP", no()), ("ForwardDelaySec", "0".into()), ("MulticastSnooping", no())])
            .at(format!("15-xennix-{bridge}.netdev")),
        text()
            .section("Match", [("Name", bridge.to_string())])
            .section("Link", size)
            .section("Network", [("LinkLocalAddressing", "ipv6".into()), ("ConfigureWithoutCarrier", yes())])
            .at(format!("30-xennix-{bridge}.network")),
    ];
    let onto = || ("Bridge", bridge.to_string());
    match &link.below {
        Below::Nothing => {}
        Below::Device(device) => units.push(port(device, onto(), link.mtu)),
        Below::Vlan { device, tag, .. } => {
            let name = vlan_name(device, u16::try_from(*tag).unwrap_or_default());
            units.push(
                text()
                    .section("NetDev", [("Name", name.clone()), ("Kind", "vlan".into())])
                    .section("VLAN", [("Id", tag.to_string())])
                    .at(format!("12-xennix-{name}.netdev")),
            );
            units.push(
                text()
                    .section("Network", [("VLAN", name.clone())])
                    .at(format!("20-xennix-{device}.network.d/vlan-{tag}.conf")),
            );
            units.push(port(&name, onto(), link.mtu));
        }
        Below::Bond { device, members, mode, properties } => {
            units.push(bond(link, device, mode, properties));
            units.extend(members.iter().map(|member| port(member, ("Bond", device.clone()), link.mtu)));
            units.push(port(device, onto(), link.mtu));
        }
        Below::Tunnel { device, protocol, key, local, remotes } => {
            let ends = local
                .iter()
                .map(|address| ("Local", address.to_string()))
                .chain(remotes.first().map(|address| ("Remote", address.to_string())));
            let (kind, section, number) = match protocol.as_str() {
                "gre" => ("gretap", "Tunnel", ("Key", key.to_string())),
                _ => ("vxlan", "VXLAN", ("VNI", key.to_string())),
            };
            units.push(
                text()
                    .section("NetDev", [("Name", device.clone()), ("Kind", kind.into())])
                    .section(section, std::iter::once(number).chain(ends).chain([("Independent", yes())]))
                    .at(format!("12-xennix-{device}.netdev")),
            );
            units.push(port(device, onto(), link.mtu));
        }
    }
    units.into_iter().map(|unit| owned(bridge, unit)).collect()
}

fn bond(link: &Link, device: &str, mode: &str, properties: &[(String, String)]) -> Unit {
    let property = |key: &str| properties.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    let milliseconds = |key: &str, default: &str| format!("{}ms", property(key).unwrap_or(default));
    let mac = (!link.mac.is_empty()).then(|| ("MACAddress", link.mac.clone()));
    let mut lines = vec![
        ("Mode", kernel_mode(mode).to_string()),
        ("MIIMonitorSec", milliseconds("miimon", "100")),
        ("UpDelaySec", milliseconds("updelay", "31000")),
        ("DownDelaySec", milliseconds("downdelay", "200")),
    ];
    match kernel_mode(mode) {
        "802.3ad" => {
            let layer = property("hashing_algorithm") == Some("src_mac");
            lines.push(("TransmitHashPolicy", if layer { "layer2" } else { "layer3+4" }.into()));
            let fast = property("lacp-time") == Some("fast");
            lines.push(("LACPTransmitRate", if fast { "fast" } else { "slow" }.into()));
        }
        "balance-xor" => lines.push(("TransmitHashPolicy", "vlan+srcmac".into())),
        _ => {}
    }
    text()
        .section("NetDev", [("Name", device.to_string()), ("Kind", "bond".into())].into_iter().chain(mac))
        .section("Bond", lines)
        .at(format!("12-xennix-{device}.netdev"))
}

/// The IPv4 address of a bridge; without one there is no file.
///
/// DHCP identifies by the hardware address, as the client of the original does: otherwise the lease changes.
pub fn of_address(bridge: &str, how: &Addressing) -> Option<Unit> {
    let path = format!("30-xennix-{bridge}.network.d/ipv4.conf");
    let unit = match how {
        Addressing::None => None,
        Addressing::Dhcp => Some(
            text()
                .section("Network", [("DHCP", "ipv4".into())])
                .section("DHCPv4", [("ClientIdentifier", "mac".into())])
                .at(path),
        ),
        Addressing::DhcpAddress => {
            let not = ["UseGateway", "UseRoutes", "UseDNS", "UseNTP", "UseDomains"].map(|key| (key, no()));
            Some(
                text()
                    .section("Network", [("DHCP", "ipv4".into())])
                    .section("DHCPv4", [("ClientIdentifier", "mac".into())].into_iter().chain(not))
                    .at(path),
            )
        }
        Addressing::Static(ip, netmask, gateway, servers) => {
            let prefix = netmask.parse().ok().and_then(prefix_length)?;
            let lines = std::iter::once(("Address", format!("{ip}/{prefix}")))
                .chain((!gateway.is_empty()).then(|| ("Gateway", gateway.clone())))
                .chain(servers.iter().map(|server| ("DNS", server.clone())));
            Some(text().section("Network", lines).at(path))
        }
    };
    unit.map(|unit| owned(bridge, unit))
}

/// The IPv6 address of a bridge. There is always a file: without one the kernel would listen to routers.
pub fn of_address6(bridge: &str, how: &Addressing6) -> Unit {
    let path = format!("30-xennix-{bridge}.network.d/ipv6.conf");
    let lines: Vec<(&'static str, String)> = match how {
        Addressing6::None => vec![("IPv6AcceptRA", no())],
        Addressing6::Autoconf => vec![("IPv6AcceptRA", yes())],
        Addressing6::Dhcp => vec![("DHCP", "ipv6".into()), ("IPv6AcceptRA", yes())],
        Addressing6::Static(addresses, gateway) => std::iter::once(("IPv6AcceptRA", no()))
            .chain(addresses.iter().map(|address| ("Address", address.clone())))
            .chain((!gateway.is_empty()).then(|| ("Gateway", gateway.clone())))
            .collect(),
    };
    owned(bridge, text().section("Network", lines).at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(below: Below) -> Link {
        Link { bridge: "xapi3".into(), below, mtu: 1500, mac: String::new(), settings: vec![] }
    }

    fn paths(units: &[Unit]) -> Vec<&str> {
        units.iter().map(|unit| unit.path.as_str()).collect()
    }

    #[test]
    fn a_vlan_stands_beside_what_its_card_is_told_otherwise() {
        let units = of_link(&link(Below::Vlan { device: "eth0".into(), bridge: "xenbr0".into(), tag: 42 }));
        assert_eq!(
            paths(&units),
            [
                "15-xennix-xapi3.netdev",
                "30-xennix-xapi3.network",
                "12-xennix-eth0.42.netdev",
                "20-xennix-eth0.network.d/vlan-42.conf",
                "20-xennix-eth0.42.network",
            ]
        );
        assert_eq!(units[3].text, format!("{}[Network]\nVLAN=eth0.42\n", owner("xapi3")));
        assert!(units[4].text.contains("Bridge=xapi3"));
    }

    #[test]
    fn a_bond_says_its_mode_and_members_join_it() {
        let below = Below::Bond {
            device: "bond0".into(),
            members: vec!["eth0".into(), "eth1".into()],
            mode: "lacp".into(),
            properties: vec![("lacp-time".into(), "fast".into())],
        };
        let units = of_link(&link(below));
        let bond = units.iter().find(|unit| unit.path == "12-xennix-bond0.netdev").expect("a bond");
        assert!(
            bond.text.contains("Mode=802.3ad\nMIIMonitorSec=100ms\nUpDelaySec=31000ms\nDownDelaySec=200ms\n")
        );
        assert!(bond.text.contains("TransmitHashPolicy=layer3+4\nLACPTransmitRate=fast\n"), "{}", bond.text);
        assert!(
            units
                .iter()
                .any(|unit| unit.path == "20-xennix-eth1.network" && unit.text.contains("Bond=bond0"))
        );
    }

    #[test]
    fn addresses_are_files_of_their_own() {
        let fixed = Addressing::Static(
            "192.0.2.2".into(),
            "255.255.254.0".into(),
            "192.0.2.1".into(),
            vec!["192.0.2.53".into()],
        );
        let unit = of_address("xenbr0", &fixed).expect("a file");
        let lines = "[Network]\nAddress=192.0.2.2/23\nGateway=192.0.2.1\nDNS=192.0.2.53\n";
        assert_eq!(unit.text, format!("{}{lines}", owner("xenbr0")));
        assert!(
            of_address("xenbr0", &Addressing::Dhcp).expect("a file").text.contains("ClientIdentifier=mac")
        );
        assert_eq!(of_address("xenbr0", &Addressing::None), None);
        let unit = of_address6("xenbr0", &Addressing6::None);
        assert!(unit.text.ends_with("[Network]\nIPv6AcceptRA=no\n"), "{}", unit.text);
        let alone = of_address("xenbr0", &Addressing::DhcpAddress).expect("a file");
        assert!(alone.text.contains("DHCP=ipv4") && alone.text.contains("UseGateway=no"), "{}", alone.text);
    }
}
