//! What may pass the port of a guest's card: rules for nftables, a chain per port and direction: in the bridge family,
//! or at the device where another switch carries the frames.
//!
//! The text is a pure function of the rule; it is loaded as one transaction, so there is no moment without rules.

use std::fmt::Write;

use xapi_backend::{network::Filter, program::Program};
use xapi_schema::Result;

use crate::{failed, links::mac_bytes, names};

/// Table all chains of ours live in.
pub const TABLE: &str = "xennix";

/// The rules for a port, complete: loading them replaces what was there.
pub fn rules(port: &str, rule: &Filter) -> String {
    let (from, to) = (format!("from-{port}"), format!("to-{port}"));
    let mut text = format!("add table bridge {TABLE}\n");
    // Maps decide by the port's name, so that other ports cost nothing.
    for (map, hook) in [("from", "iifname"), ("to", "oifname")] {
        let _ = writeln!(text, "add map bridge {TABLE} {map} {{ type ifname : verdict; }}");
        let priority = "type filter hook forward priority 0; policy accept;";
        let _ = writeln!(text, "add chain bridge {TABLE} forward-{map} {{ {priority} }}");
        let _ = writeln!(text, "flush chain bridge {TABLE} forward-{map}");
        let _ = writeln!(text, "add rule bridge {TABLE} forward-{map} {hook} vmap @{map}");
    }
    // Frames for the host itself, and from it, do not pass the forward hook.
    for (hook, map, key) in [("input", "from", "iifname"), ("output", "to", "oifname")] {
        let priority = format!("type filter hook {hook} priority 0; policy accept;");
        let _ = writeln!(text, "add chain bridge {TABLE} {hook} {{ {priority} }}");
        let _ = writeln!(text, "flush chain bridge {TABLE} {hook}");
        let _ = writeln!(text, "add rule bridge {TABLE} {hook} {key} vmap @{map}");
    }
    for chain in [&from, &to] {
        let _ = writeln!(text, "add chain bridge {TABLE} {chain}");
        let _ = writeln!(text, "flush chain bridge {TABLE} {chain}");
    }
    for line in lines(rule) {
        let (chain, line) = match line {
            Line::From(line) => (&from, line),
            Line::To(line) => (&to, line),
        };
        let _ = writeln!(text, "add rule bridge {TABLE} {chain} {line}");
    }
    for (map, chain) in [("from", &from), ("to", &to)] {
        let _ = writeln!(text, "add element bridge {TABLE} {map} {{ \"{port}\" : jump {chain} }}");
    }
    text
}

/// The rules for a port whose frames pass no bridge of the kernel, complete: they stand at the device itself. Older
/// kernels forget them with it; newer ones keep them for a device of the same name, whose own rules then take their place.
pub fn rules_at_device(port: &str, rule: &Filter) -> String {
    let mut text = format!("add table netdev {TABLE}\n");
    for (chain, hook) in [("from", "ingress"), ("to", "egress")] {
        let place = format!("type filter hook {hook} device \"{port}\" priority 0; policy accept;");
        let _ = writeln!(text, "add chain netdev {TABLE} {chain}-{port} {{ {place} }}");
        let _ = writeln!(text, "flush chain netdev {TABLE} {chain}-{port}");
        if *rule == Filter::Open {
            let _ = writeln!(text, "delete chain netdev {TABLE} {chain}-{port}");
        }
    }
    for line in lines(rule) {
        let (chain, line) = match line {
            Line::From(line) => ("from", line),
            Line::To(line) => ("to", line),
        };
        let _ = writeln!(text, "add rule netdev {TABLE} {chain}-{port} {line}");
    }
    text
}

enum Line {
    From(String),
    To(String),
}

fn lines(rule: &Filter) -> Vec<Line> {
    match rule {
        Filter::Open => vec![],
        Filter::Closed => vec![Line::From("drop".into()), Line::To("drop".into())],
        Filter::Locked { mac, v4, v6 } => {
            let mut lines = vec![Line::From(format!("ether saddr != {mac} drop"))];
            // Before a guest has an address it asks for one from 0.0.0.0.
            lines.push(Line::From("ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept".into()));
            for address in v4 {
                lines.push(Line::From(format!("ip saddr {address} accept")));
                lines.push(Line::From(format!("arp saddr ether {mac} arp saddr ip {address} accept")));
                lines.push(Line::To(format!("ip daddr {address} accept")));
                lines.push(Line::To(format!("arp daddr ip {address} accept")));
            }
            // Duplicate address detection is sent from the unspecified address.
            if !v6.is_empty() {
                lines.push(Line::From("ip6 saddr :: icmpv6 type nd-neighbor-solicit accept".into()));
            }
            for address in v6 {
                lines.push(Line::From(format!(
                    "icmpv6 type nd-neighbor-advert icmpv6 taddr != {address} drop"
                )));
                lines.push(Line::From(format!("ip6 saddr {address} accept")));
                lines.push(Line::To(format!("ip6 daddr {address} accept")));
            }
            if !v6.is_empty() {
                lines.push(Line::To(
                    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept".into(),
                ));
            }
            lines.push(Line::To("udp sport 67 udp dport 68 accept".into()));
            lines.extend([Line::From("drop".into()), Line::To("drop".into())]);
            lines
        }
    }
}

/// The commands that forget a port.
fn forgotten(port: &str) -> String {
    let mut text = rules(port, &Filter::Open);
    for (map, chain) in [("from", format!("from-{port}")), ("to", format!("to-{port}"))] {
        let _ = writeln!(text, "delete element bridge {TABLE} {map} {{ \"{port}\" }}");
        let _ = writeln!(text, "delete chain bridge {TABLE} {chain}");
    }
    text
}

/// Ports that have rules now, by the rules the kernel has; none where there is no table of ours.
pub async fn ports() -> Vec<String> {
    let listed = Program::new("nft").args(["-j", "list", "map", "bridge", TABLE, "from"]).succeed().await;
    let tree: serde_json::Value =
        listed.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let maps = tree["nftables"].as_array().into_iter().flatten();
    let elements = maps.filter_map(|item| item["map"]["elem"].as_array()).flatten();
    elements.filter_map(|pair| pair[0].as_str().map(str::to_string)).collect()
}

/// Loads the rules for a port. A port with nothing forbidden has none.
///
/// # Errors
/// INTERNAL_ERROR when nftables is not there or refuses.
pub async fn apply(port: &str, rule: &Filter) -> Result<()> {
    check(port, rule)?;
    load(if *rule == Filter::Open { forgotten(port) } else { rules(port, rule) }, rule).await
}

/// As [`apply`], at a device that is there.
///
/// # Errors
/// As [`apply`].
pub async fn apply_at_device(port: &str, rule: &Filter) -> Result<()> {
    check(port, rule)?;
    load(rules_at_device(port, rule), rule).await
}

fn check(port: &str, rule: &Filter) -> Result<()> {
    names::check_interface(port)?;
    match rule {
        Filter::Locked { mac, .. } if mac_bytes(mac).is_none() => {
            Err(failed("a filter", format!("{mac:?} is no hardware address")))
        }
        _ => Ok(()),
    }
}

async fn load(text: String, rule: &Filter) -> Result<()> {
    let loaded = Program::new("nft").args(["-f", "-"]).input(text).succeed().await;
    match (loaded, rule) {
        // Without nftables nothing was ever forbidden.
        (Err(xapi_backend::program::Error::Start { .. }), Filter::Open) => Ok(()),
        (loaded, _) => loaded.map(|_| ()).map_err(|error| failed("the filter of a port", error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_but_names_and_addresses_gets_into_a_rule() {
        let locked = |mac: &str| Filter::Locked { mac: mac.into(), v4: vec![], v6: vec![] };
        assert!(apply("vif1.0; flush ruleset", &locked("02:00:00:00:00:01")).await.is_err());
        assert!(apply("vif1.0", &locked("02:00:00:00:00:01 drop; flush ruleset")).await.is_err());
    }

    #[test]
    fn a_locked_port_knows_its_addresses() {
        let rule = Filter::Locked {
            mac: "02:00:00:00:00:01".into(),
            v4: vec!["192.0.2.7".parse().expect("an address")],
            v6: vec![],
        };
        let text = rules("vif1.0", &rule);
        assert!(text.contains("from-vif1.0 ether saddr != 02:00:00:00:00:01 drop"), "{text}");
        assert!(text.contains("from-vif1.0 ip saddr 192.0.2.7 accept"), "{text}");
        assert!(text.contains("from-vif1.0 drop"), "{text}");
        let text = rules_at_device("vif1.0", &rule);
        assert!(text.contains("from-vif1.0 { type filter hook ingress device \"vif1.0\""), "{text}");
        assert!(text.contains("add rule netdev xennix to-vif1.0 ip daddr 192.0.2.7 accept"), "{text}");
        let open = rules_at_device("vif1.0", &Filter::Open);
        assert!(open.ends_with("delete chain netdev xennix to-vif1.0\n"), "{open}");
    }
}
