//! The host's networks as `network.nix`: every card, bond, VLAN and address under the name it had, so that records of
//! guests and scripts stay true. What the new system can't do alike is said, never left out in silence.

use super::nix::{Set, file};
use super::{Context, Note};
use crate::host::networkd::{V4, V6};
use crate::pool::Row;
use std::collections::{BTreeMap, BTreeSet};

/// Ethtool's words, and those of a link's settings.
const OFFLOADS: [(&str, &str); 6] = [
    ("rx", "ReceiveChecksumOffload"),
    ("tx", "TransmitChecksumOffload"),
    ("tso", "TCPSegmentationOffload"),
    ("gso", "GenericSegmentationOffload"),
    ("gro", "GenericReceiveOffload"),
    ("lro", "LargeReceiveOffload"),
];

/// One of this host's PIFs with what it stands on.
struct Link<'a> {
    pif: &'a Row,
    network: &'a Row,
    bridge: &'a str,
    /// Interface below, and the tag on it.
    below: String,
    tag: Option<i64>,
}

/// Prefix length of a netmask.
pub fn prefix(netmask: &str) -> Option<u32> {
    let bits = u32::from(netmask.parse::<std::net::Ipv4Addr>().ok()?);
    (bits.leading_ones() + bits.trailing_zeros() == 32 || bits == 0).then(|| bits.leading_ones())
}

/// What of a PIF's addresses goes to its bridge.
struct Address {
    set: Set,
}

fn owned(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// Writes the file.
pub fn write(cx: &Context<'_>, notes: &mut Vec<Note>) -> String {
    let pool = cx.pool;
    let mine: Vec<&Row> = pool.pointing("PIF", "host", &cx.row.reference).collect();
    let slaves: BTreeSet<&str> = mine
        .iter()
        .filter(|pif| pif.link("bond_slave_of").is_some())
        .map(|pif| pif.reference.as_str())
        .collect();
    let vlans: BTreeMap<&str, &Row> =
        pool.rows("VLAN").iter().map(|vlan| (vlan.get("untagged_PIF"), vlan)).collect();
    let tunnels: BTreeSet<&str> = pool.rows("tunnel").iter().map(|tunnel| tunnel.get("access_PIF")).collect();
    let logical: BTreeSet<&str> =
        pool.rows("network_sriov").iter().map(|sriov| sriov.get("logical_PIF")).collect();

    let mut names = BTreeMap::new();
    let mut links_of_cards = BTreeMap::new();
    let mut links: Vec<Link<'_>> = Vec::new();
    for pif in &mine {
        let device = pif.get("device");
        let Some(network) = pool.follow(pif, "network") else {
            notes.push(Note::new("NET_NETWORK_MISSING", pif.uuid(), "the interface belongs to no network"));
            continue;
        };
        let bridge = network.get("bridge");
        if tunnels.contains(pif.reference.as_str()) || logical.contains(pif.reference.as_str()) {
            notes.push(Note::new(
                "NET_TUNNEL",
                bridge,
                "tunnels and virtual functions are not carried over: the network has no way out",
            ));
            continue;
        }
        if pif.flag("physical") {
            if pif.get("managed") == "false" {
                notes.push(Note::new(
                    "NET_UNMANAGED_PIF",
                    device,
                    "not managed by the old host; only its name is kept",
                ));
            }
            names.insert(device.to_owned(), pif.get("MAC").to_lowercase());
            let settings = card_settings(cx, pif, notes);
            if !settings.is_empty() {
                links_of_cards.insert(format!("10-{device}"), Set::new().with("linkConfig", settings));
            }
        }
        if slaves.contains(pif.reference.as_str()) || pif.get("managed") == "false" {
            continue;
        }
        let vlan = vlans.get(pif.reference.as_str());
        let below =
            vlan.and_then(|vlan| pool.follow(vlan, "tagged_PIF")).map_or(device, |trunk| trunk.get("device"));
        links.push(Link {
            pif,
            network,
            bridge,
            below: below.to_owned(),
            tag: vlan.map(|vlan| vlan.number("tag")),
        });
    }
    links.sort_by(|a, b| a.bridge.cmp(b.bridge));

    let management = links.iter().find(|link| link.pif.flag("management"));
    let wanted = |key: &str| {
        links
            .iter()
            .find(|link| link.pif.map("other_config").get(key).is_some_and(|v| v == "true"))
            .or(management)
    };
    let gateway = wanted("defaultroute").map(|link| link.bridge);
    let resolver = wanted("peerdns").map(|link| link.bridge);

    let mut bridges = Set::new();
    for link in &links {
        let is_management = link.pif.flag("management");
        let mut set =
            describe(link.network).with("interfaces", vec![link.below.clone()]).maybe("vlan", link.tag);
        let mtu = link
            .pif
            .map("other_config")
            .get("mtu")
            .and_then(|m| m.parse().ok())
            .unwrap_or(link.network.number("MTU"));
        set = set.maybe("mtu", Some(mtu).filter(|mtu| *mtu > 0 && *mtu != 1500));
        let mac = link.pif.get("MAC").to_lowercase();
        let known = link.tag.is_some() || names.get(&link.below) == Some(&mac) || mac.is_empty();
        set = set.maybe("mac", (!known).then_some(mac));
        if !is_management {
            let address = address(cx, link, gateway, resolver, notes);
            for (key, value) in super::nix::pairs(address.set) {
                set.put(&key, value);
            }
        }
        bridges.put(link.bridge, set);
    }
    private(cx, &mut bridges);

    let mut network = Set::new();
    // Clients go on changing networks as they always did.
    network.put("policy", "open");
    network.put(
        "names",
        names
            .iter()
            .fold(Set::new(), |set, (name, mac)| set.with(name, Set::new().with("mac", mac.as_str()))),
    );
    let bonds = bonds(cx, &mine, notes);
    if !bonds.is_empty() {
        network.put("bonds", bonds);
    }
    match management {
        Some(link) => {
            let address = address(cx, link, gateway, resolver, notes);
            let set = super::nix::pairs(address.set)
                .into_iter()
                .fold(Set::new().with("bridge", link.bridge), |set, (key, value)| set.with(&key, value));
            network.put("management", set);
        }
        None => {
            notes.push(Note::new("NET_MGMT_NONE", "", "the host has no management network"));
            network.put("management", Set::new().with("enable", false));
        }
    }
    network.put("bridges", bridges);

    let mut top = Set::new();
    top.put("xennix.network", network);
    if !links_of_cards.is_empty() {
        top.put(
            "systemd.network.links",
            links_of_cards.into_iter().fold(Set::new(), |set, (name, one)| set.with(&name, one)),
        );
    }
    let mut comments = vec![
        "Networks as the old host had them: cards by hardware address, every bridge under its name."
            .to_owned(),
    ];
    comments.extend(
        notes
            .iter()
            .filter(|note| note.code.starts_with("NET_"))
            .map(|note| format!("{}: {} {}", note.code, note.subject, note.text)),
    );
    file(&comments, top)
}

fn describe(network: &Row) -> Set {
    Set::new()
        .with("label", network.name())
        .maybe("description", owned(network.get("name__description")))
        .with("uuid", network.uuid())
}

/// Networks no host reaches anything by.
fn private(cx: &Context<'_>, bridges: &mut Set) {
    let mut rows: Vec<&Row> = cx
        .pool
        .rows("network")
        .iter()
        .filter(|network| cx.pool.pointing("PIF", "network", &network.reference).next().is_none())
        .collect();
    rows.sort_by_key(|network| network.get("bridge").to_owned());
    for network in rows.into_iter().filter(|network| !network.get("bridge").is_empty()) {
        let other = network.map("other_config");
        let internal = other.get("is_host_internal_management_network").is_some_and(|v| v == "true");
        let own = other.get("ip_begin").zip(other.get("netmask").and_then(|mask| prefix(mask)));
        let address = own.filter(|_| internal).map(|(address, prefix)| format!("{address}/{prefix}"));
        let mtu = Some(network.number("MTU")).filter(|mtu| *mtu > 0 && *mtu != 1500);
        bridges.put(
            network.get("bridge"),
            describe(network).with("private", true).maybe("mtu", mtu).maybe("address", address),
        );
    }
}

fn bonds(cx: &Context<'_>, mine: &[&Row], notes: &mut Vec<Note>) -> Set {
    let mut found: Vec<(&Row, &Row)> = cx
        .pool
        .rows("Bond")
        .iter()
        .filter_map(|bond| {
            mine.iter().find(|pif| pif.reference == bond.get("master")).map(|master| (bond, *master))
        })
        .collect();
    found.sort_by_key(|(_, master)| master.get("device").to_owned());
    let mut out = Set::new();
    for (bond, master) in found {
        let device = master.get("device");
        let primary = bond.link("primary_slave").unwrap_or("");
        let mut members: Vec<&Row> =
            mine.iter().filter(|pif| pif.get("bond_slave_of") == bond.reference).copied().collect();
        // The primary one first: the kernel takes its hardware address.
        members.sort_by_key(|pif| (pif.reference != primary, pif.get("device").to_owned()));
        let names: Vec<String> = members.iter().map(|pif| pif.get("device").to_owned()).collect();
        let properties = bond.map("properties");
        let mode = match bond.get("mode") {
            "lacp" => "lacp",
            "active-backup" => "active-backup",
            other => {
                let was = if other.is_empty() { "balance-slb" } else { other };
                notes.push(Note::new(
                    "NET_BALANCE_SLB",
                    device,
                    format!("the kernel has no {was}: the bond became active-backup, which uses one link at a time"),
                ));
                "active-backup"
            }
        };
        let hash = match properties.get("hashing_algorithm").map(String::as_str) {
            Some("tcpudp_ports") => "layer3+4",
            _ => "layer2",
        };
        let mut set = Set::new().with("interfaces", names.clone()).with("mode", mode);
        if mode == "lacp" {
            set = set.with("hash", hash).with(
                "lacpRate",
                if properties.get("lacp-time").is_some_and(|t| t == "fast") { "fast" } else { "slow" },
            );
        } else {
            set = set.maybe("primary", names.first().cloned());
        }
        for key in ["lacp-aggregation-key", "lacp-fallback-ab"] {
            if properties.contains_key(key) {
                notes.push(Note::new(
                    "NET_BOND_PROPERTY",
                    device,
                    format!("{key} has no counterpart and is left out"),
                ));
            }
        }
        out.put(device, set);
    }
    out
}

/// Ethtool settings of a card that differ from what the kernel does by itself.
fn card_settings(cx: &Context<'_>, pif: &Row, notes: &mut Vec<Note>) -> Set {
    let network =
        cx.pool.follow(pif, "network").map(|network| network.map("other_config")).unwrap_or_default();
    let own = pif.map("other_config");
    let setting = |key: &str| own.get(key).or_else(|| network.get(key)).map(String::as_str);
    let mut out = Set::new();
    for (word, name) in OFFLOADS {
        let asked = match setting(&format!("ethtool-{word}")) {
            Some("on" | "true") => Some(true),
            Some("off" | "false") => Some(false),
            _ => None,
        };
        let asked = asked.or_else(|| {
            (word == "gro" && pif.map("properties").get("gro").is_some_and(|v| v == "off")).then_some(false)
        });
        out = out.maybe(name, asked);
    }
    for word in ["sg", "ufo"] {
        if setting(&format!("ethtool-{word}")).is_some() {
            notes.push(Note::new(
                "NET_OFFLOAD",
                pif.get("device"),
                format!("ethtool-{word} has no counterpart and is left out"),
            ));
        }
    }
    if let Some(speed) = setting("ethtool-speed") {
        out = out.with("BitsPerSecond", format!("{speed}M"));
    }
    if let Some(duplex @ ("half" | "full")) = setting("ethtool-duplex") {
        out = out.with("Duplex", duplex);
    }
    match setting("ethtool-autoneg") {
        Some("on" | "true") => out = out.with("AutoNegotiation", true),
        Some("off" | "false") => out = out.with("AutoNegotiation", false),
        _ => {}
    }
    if setting("ethtool-advertise").is_some() {
        notes.push(Note::new("NET_OFFLOAD", pif.get("device"), "ethtool-advertise is left out"));
    }
    out
}

/// Addresses as the database says; for the management network as the old host last brought it up, where that differs.
fn address(
    cx: &Context<'_>,
    link: &Link<'_>,
    gateway: Option<&str>,
    resolver: Option<&str>,
    notes: &mut Vec<Note>,
) -> Address {
    let pif = link.pif;
    let is_gateway = gateway == Some(link.bridge);
    let is_resolver = resolver == Some(link.bridge);
    let mut dhcp = pif.get("ip_configuration_mode") == "DHCP";
    let mut own = (pif.get("ip_configuration_mode") == "Static")
        .then(|| prefix(pif.get("netmask")).map(|prefix| format!("{}/{prefix}", pif.get("IP"))))
        .flatten();
    if pif.get("ip_configuration_mode") == "Static" && own.is_none() {
        notes.push(Note::new(
            "NET_NETMASK",
            link.bridge,
            format!("{:?} is no netmask: the address is left out", pif.get("netmask")),
        ));
    }
    let mut router = owned(pif.get("gateway"));
    let live = cx
        .host
        .networkd
        .as_ref()
        .and_then(|db| db.interfaces.get(link.bridge))
        .filter(|_| pif.flag("management"));
    if let Some(live) = live {
        let (live_dhcp, live_own) = match &live.v4 {
            V4::Dhcp => (true, None),
            V4::Static(all) => (false, all.first().map(|(address, prefix)| format!("{address}/{prefix}"))),
            V4::None => (false, None),
        };
        if (live_dhcp, &live_own) != (dhcp, &own) {
            notes.push(Note::new(
                "NET_DB_DIFFERS",
                link.bridge,
                "the host's own file and the database differ about the management address; the host's own is taken",
            ));
            (dhcp, own) = (live_dhcp, live_own);
            router.clone_from(&live.v4_gateway);
        }
    }
    let mut set = Set::new();
    if dhcp {
        set.put("dhcp", true);
        if !is_gateway && pif.flag("management") {
            notes.push(Note::new(
                "NET_GATEWAY",
                link.bridge,
                "the default route was another network's; DHCP here may bring one, too",
            ));
        }
    }
    set = set.maybe("address", own.clone());
    if own.is_some() && is_gateway {
        set = set.maybe("gateway", router);
    }
    if is_resolver && !dhcp {
        let servers = list(pif.get("DNS"));
        if !servers.is_empty() {
            set.put("dns", servers);
        }
        let domains = pif.map("other_config").get("domain").map(|domains| list(domains)).unwrap_or_default();
        let domains = if domains.is_empty() { cx.host.resolver.domains.clone() } else { domains };
        if !domains.is_empty() {
            set.put("searchDomains", domains);
        }
    }
    set = v6(set, link, live.map(|live| &live.v6), is_gateway, notes);
    let mut routes = Vec::new();
    for route in list(link.network.map("other_config").get("static-routes").map_or("", String::as_str)) {
        match route.split('/').collect::<Vec<_>>()[..] {
            [subnet, length, via]
                if subnet.parse::<std::net::IpAddr>().is_ok() && via.parse::<std::net::IpAddr>().is_ok() =>
            {
                routes
                    .push(Set::new().with("destination", format!("{subnet}/{length}")).with("gateway", via));
            }
            _ => notes.push(Note::new(
                "NET_ROUTE",
                link.bridge,
                format!("{route:?} is no route and is left out"),
            )),
        }
    }
    if !routes.is_empty() {
        set.put("routes", routes);
    }
    Address { set }
}

fn v6(set: Set, link: &Link<'_>, live: Option<&V6>, is_gateway: bool, notes: &mut Vec<Note>) -> Set {
    let pif = link.pif;
    match (pif.get("ipv6_configuration_mode"), live) {
        ("DHCP", _) => set.with("ipv6", "dhcp"),
        ("Autoconf", _) => set.with("ipv6", "auto"),
        ("Static", _) => {
            let all = pif.set("IPv6");
            if all.len() > 1 {
                notes.push(Note::new(
                    "NET_IPV6",
                    link.bridge,
                    "only the first of several IPv6 addresses is declared",
                ));
            }
            let gateway = owned(pif.get("ipv6_gateway")).filter(|_| is_gateway);
            set.with("ipv6", "static")
                .maybe("ipv6Address", all.into_iter().next())
                .maybe("ipv6Gateway", gateway)
        }
        (_, Some(V6::Dhcp)) => set.with("ipv6", "dhcp"),
        (_, Some(V6::Autoconf)) => set.with("ipv6", "auto"),
        _ => set,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netmasks() {
        for (mask, length) in [
            ("255.255.255.0", Some(24)),
            ("255.255.255.255", Some(32)),
            ("0.0.0.0", Some(0)),
            ("255.0.255.0", None),
            ("x", None),
        ] {
            assert_eq!(prefix(mask), length, "{mask}");
        }
    }
}
