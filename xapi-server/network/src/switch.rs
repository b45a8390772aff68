//! What Open vSwitch is told to make a link, as one transaction of `ovs-vsctl`. Pure.

use xapi_backend::network::{Below, Link};

use crate::listing::Listing;

/// What the switch has of a link already.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct There {
    /// The bridge.
    pub bridge: bool,
    /// The bridge it is a part of; its own name when it is a whole one.
    pub parent: Option<String>,
    /// Its ports.
    pub ports: Vec<String>,
    /// Cards that are on some bridge, with its name.
    pub on: Vec<(String, String)>,
    /// Cards in the bond.
    pub bonded: Vec<String>,
    /// Cards that are in some bond, and so no ports by themselves.
    pub inside: Vec<String>,
    /// It was taken down, and stayed for the VLANs on it.
    pub kept: bool,
}

impl There {
    /// What concerns a link, of all there is.
    pub fn of(link: &Link, all: &Listing) -> There {
        let mut there = There::default();
        if let Some(bridge) = all.bridge(&link.bridge) {
            there.bridge = true;
            there.parent = Some(bridge.parent.clone());
            there.ports = all.ports_of(&link.bridge);
            there.kept = bridge.kept;
        }
        for device in devices(link) {
            if let Some(port) = all.holder(&device) {
                if port.name != device {
                    there.inside.push(device.clone());
                }
                there.on.push((device, port.bridge.clone()));
            }
        }
        if let Below::Bond { device, .. } = &link.below {
            there.bonded = all.port(device).map(|port| port.interfaces.clone()).unwrap_or_default();
        }
        there
    }
}

/// A bridge the switch has.
#[derive(Debug, Clone, PartialEq)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// The bridge it is a part of; its own name when it is a whole one.
    pub parent: String,
    /// As [`There::kept`].
    pub kept: bool,
}

/// Says of a bridge that it is there for its VLANs only, as one of its external ids.
pub const KEPT: &str = "xennix-kept";

/// Bridges that are a part of this one.
fn parts<'a>(bridge: &'a str, all: &'a [Bridge]) -> impl Iterator<Item = &'a Bridge> {
    all.iter().filter(move |other| other.parent == bridge && other.name != bridge)
}

/// Whether VLANs are on a bridge.
pub fn has_vlans(bridge: &str, all: &[Bridge]) -> bool {
    parts(bridge, all).next().is_some()
}

/// The commands that take a bridge down. VLANs are parts of their card's bridge and would go with it: it stays until the
/// last of them has gone.
pub fn removal(bridge: &str, all: &[Bridge]) -> Vec<String> {
    if has_vlans(bridge, all) {
        return words(&format!("br-set-external-id {bridge} {KEPT} yes"));
    }
    let mut told = format!("--if-exists del-br {bridge}");
    let parent = all.iter().find(|known| known.name == bridge).map_or(bridge, |known| &known.parent);
    let waits = all.iter().any(|known| known.name == parent && known.kept);
    if waits && parts(parent, all).all(|part| part.name == bridge) {
        told = format!("{told} -- --if-exists del-br {parent}");
    }
    words(&told)
}

/// A command in words.
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

/// A port a guest is behind.
pub fn is_guest(port: &str) -> bool {
    ["vif", "tap"].iter().any(|prefix| port.starts_with(prefix))
}

/// Cards a link stands on.
pub fn devices(link: &Link) -> Vec<String> {
    match &link.below {
        Below::Device(device) => vec![device.clone()],
        Below::Bond { members, .. } => members.clone(),
        Below::Nothing | Below::Vlan { .. } | Below::Tunnel { .. } => vec![],
    }
}

/// The commands.
pub fn commands(link: &Link, there: &There) -> Vec<String> {
    let bridge = link.bridge.as_str();
    let mut told = String::new();
    let mut tell = |command: String| told = format!("{told} -- {command}");
    let parent = match &link.below {
        Below::Vlan { bridge: parent, .. } => parent.as_str(),
        _ => bridge,
    };
    // What is part of another bridge, or no part where it should be one, cannot be changed; guests go along.
    let anew = there.bridge && there.parent.as_deref().is_some_and(|known| known != parent);
    if anew {
        tell(format!("del-br {bridge}"));
    }
    match &link.below {
        Below::Vlan { tag, .. } => tell(format!("--may-exist add-br {bridge} {parent} {tag}")),
        _ => {
            tell(format!("--may-exist add-br {bridge}"));
            tell(format!("set bridge {bridge} fail_mode=standalone"));
            if there.kept {
                tell(format!("br-set-external-id {bridge} {KEPT}"));
            }
        }
    }
    if !link.mac.is_empty() && parent == bridge {
        tell(format!("set bridge {bridge} other-config:hwaddr={}", link.mac));
    }
    if anew {
        for port in there.ports.iter().filter(|port| is_guest(port)) {
            tell(format!("add-port {bridge} {port}"));
        }
    }
    // A card is on one bridge; the switch does not move it by itself.
    let off = |card: &String| there.on.iter().any(|(known, on)| known == card && on != bridge);
    match &link.below {
        Below::Nothing | Below::Vlan { .. } => {}
        Below::Device(device) => {
            // The port it is in goes: a bond that loses a card has been taken apart.
            if off(device) || there.inside.contains(device) {
                tell(format!("--if-exists --with-iface del-port {device}"));
            }
            tell(format!("--may-exist add-port {bridge} {device}"));
        }
        Below::Bond { device, members, mode, properties } => {
            let same = there.bonded.len() == members.len()
                && members.iter().all(|member| there.bonded.contains(member) && !off(member));
            if !same {
                tell(format!("--if-exists del-port {device}"));
                let taken = members.iter().filter(|m| there.on.iter().any(|(known, _)| known == *m));
                for member in taken.filter(|member| !there.bonded.contains(member)) {
                    tell(format!("--if-exists --with-iface del-port {member}"));
                }
                tell(format!("--fake-iface add-bond {bridge} {device} {}", members.join(" ")));
            }
            tell(format!("set port {device} {}", bond(mode, properties)));
        }
        Below::Tunnel { device, protocol, key, local, remotes } => {
            for (number, remote) in remotes.iter().enumerate() {
                let port = if number == 0 { device.clone() } else { format!("{device}-{number}") };
                let local = local.map(|address| format!(" options:local_ip={address}")).unwrap_or_default();
                tell(format!("--may-exist add-port {bridge} {port}"));
                tell(format!(
                    "set interface {port} type={protocol} options:remote_ip={remote} options:key={key}{local}"
                ));
            }
        }
    }
    if link.mtu > 0 {
        for interface in devices(link).iter().map(String::as_str).chain([bridge]) {
            tell(format!("set interface {interface} mtu_request={}", link.mtu));
        }
    }
    let mut told = words(&told);
    told.remove(0);
    told
}

/// Settings of a bond's port.
fn bond(mode: &str, properties: &[(String, String)]) -> String {
    let property = |key: &str, default: &str| {
        let found = properties.iter().find(|(k, _)| k == key);
        found.map_or(default, |(_, value)| value.as_str()).to_string()
    };
    let settings = match mode {
        "lacp" => {
            let by_source = property("hashing_algorithm", "tcpudp_ports") == "src_mac";
            format!(
                "lacp=active bond_mode={} other-config:lacp-time={} other-config:lacp-fallback-ab={}",
                if by_source { "balance-slb" } else { "balance-tcp" },
                property("lacp-time", "slow"),
                property("lacp-fallback-ab", "true"),
            )
        }
        other => format!(
            "lacp=off bond_mode={other} other-config:bond-rebalance-interval={}",
            property("rebalance-interval", "1800000")
        ),
    };
    format!(
        "{settings} bond_updelay={} bond_downdelay={} other-config:bond-miimon-interval={}",
        property("updelay", "31000"),
        property("downdelay", "200"),
        property("miimon", "100")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(below: Below, there: &There) -> String {
        let mac = "02:00:00:00:00:01".into();
        commands(&Link { bridge: "xapi0".into(), below, mtu: 1400, mac, settings: vec![] }, there).join(" ")
    }

    fn vlan() -> Below {
        Below::Vlan { device: "eth0".into(), bridge: "xenbr0".into(), tag: 7 }
    }

    fn bonded() -> Below {
        Below::Bond {
            device: "bond0".into(),
            members: vec!["eth0".into(), "eth1".into()],
            mode: "balance-slb".into(),
            properties: vec![],
        }
    }

    #[test]
    fn a_vlan_is_a_part_of_its_parent() {
        assert_eq!(
            told(vlan(), &There::default()),
            "--may-exist add-br xapi0 xenbr0 7 -- set interface xapi0 mtu_request=1400"
        );
        // Its cards went into a bond: it becomes a part of the bond's bridge, with its guests.
        let elsewhere = There {
            bridge: true,
            parent: Some("xapi9".into()),
            ports: vec!["vif3.0".into(), "x".into()],
            ..There::default()
        };
        assert_eq!(
            told(vlan(), &elsewhere),
            "del-br xapi0 -- --may-exist add-br xapi0 xenbr0 7 -- add-port xapi0 vif3.0 \
             -- set interface xapi0 mtu_request=1400"
        );
    }

    #[test]
    fn a_bridge_stays_until_its_last_vlan_has_gone() {
        let known =
            |name: &str, parent: &str, kept| Bridge { name: name.into(), parent: parent.into(), kept };
        let down = |bridge: &str, all: &[Bridge]| removal(bridge, all).join(" ");
        let mut all = vec![
            known("xenbr0", "xenbr0", false),
            known("xapi0", "xenbr0", false),
            known("xapi1", "xenbr0", false),
            known("xenbr1", "xenbr1", true),
        ];
        assert!(has_vlans("xenbr0", &all) && !has_vlans("xapi0", &all) && !has_vlans("xenbr1", &all));
        assert_eq!(down("xenbr0", &all), "br-set-external-id xenbr0 xennix-kept yes");
        // One that is in use stays without its VLANs.
        assert_eq!(down("xapi0", &all[..2]), "--if-exists del-br xapi0");
        all[0].kept = true;
        assert_eq!(down("xapi0", &all), "--if-exists del-br xapi0", "another VLAN is on it");
        all.remove(2);
        assert_eq!(down("xapi0", &all), "--if-exists del-br xapi0 -- --if-exists del-br xenbr0");
        // In use again, it is no longer one that only stays.
        let card = || Below::Device("eth0".into());
        assert!(
            told(card(), &There { kept: true, ..There::default() })
                .contains("br-set-external-id xapi0 xennix-kept --")
        );
        assert!(!told(card(), &There::default()).contains(KEPT));
    }

    #[test]
    fn a_card_leaves_the_bridge_it_was_on() {
        let card = || Below::Device("eth0".into());
        let on = |bridge: &str| There { on: vec![("eth0".into(), bridge.into())], ..There::default() };
        assert!(
            told(card(), &on("xenbr0"))
                .contains("-- --if-exists --with-iface del-port eth0 -- --may-exist add-port xapi0 eth0")
        );
        assert!(!told(card(), &on("xapi0")).contains("del-port"));
        // A bond on this very bridge is taken apart.
        let inside = There { inside: vec!["eth0".into()], ..on("xapi0") };
        assert!(
            told(card(), &inside).contains("--with-iface del-port eth0 -- --may-exist add-port xapi0 eth0")
        );
    }

    #[test]
    fn a_bond_is_a_port_with_settings() {
        let on = |bridge: &str| vec![("eth0".into(), bridge.into()), ("eth1".into(), bridge.into())];
        let text = told(bonded(), &There { on: on("xenbr0"), ..There::default() });
        assert!(
            text.contains(
                "--if-exists --with-iface del-port eth1 -- --fake-iface add-bond xapi0 bond0 eth0 eth1"
            ),
            "{text}"
        );
        assert!(text.contains("set port bond0 lacp=off bond_mode=balance-slb"), "{text}");
        // One that is there only gets its settings.
        let there = There { on: on("xapi0"), bonded: vec!["eth1".into(), "eth0".into()], ..There::default() };
        let text = told(bonded(), &there);
        assert!(!text.contains("add-bond") && text.contains("set port bond0"), "{text}");
    }
}
