//! Bonds in the kernel's words: what one is made with, by what it is recognised, and what one that spreads its senders
//! must not hear.
//!
//! A switch that takes the cards of such a bond for cards of several machines sends what everybody shall hear back over
//! the other cards. Taken in, it would teach the bridge that its own guests are outside; so what was sent a moment ago is
//! not heard.

use std::fmt::Write;

use rtnetlink::{
    LinkBond,
    packet_route::link::{BondLacpRate, BondMode, BondXmitHashPolicy, LinkMessage},
};
use xapi_backend::program::Program;
use xapi_schema::Result;

use crate::{failed, filter::TABLE, names};

/// The kernel's name of a mode. Its nearest to balancing by the sender's address is a hash over it.
pub fn kernel_mode(mode: &str) -> &'static str {
    match mode {
        "lacp" => "802.3ad",
        "active-backup" => "active-backup",
        _ => "balance-xor",
    }
}

/// Properties that are given, or what the original takes without.
struct Properties<'a>(&'a [(String, String)]);

impl Properties<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    fn number(&self, key: &str, default: u32) -> u32 {
        self.get(key).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    fn by_source(&self) -> bool {
        self.get("hashing_algorithm") == Some("src_mac")
    }

    fn fast(&self) -> bool {
        self.get("lacp-time") == Some("fast")
    }
}

/// What makes a bond.
pub fn message(
    device: &str,
    mode: &str,
    properties: &[(String, String)],
    mac: Option<Vec<u8>>,
) -> LinkMessage {
    let told = Properties(properties);
    let mut new = LinkBond::new(device)
        .miimon(told.number("miimon", 100))
        .updelay(told.number("updelay", 31_000))
        .downdelay(told.number("downdelay", 200));
    new = match kernel_mode(mode) {
        "802.3ad" => {
            let hash =
                if told.by_source() { BondXmitHashPolicy::Layer2 } else { BondXmitHashPolicy::Layer34 };
            let rate = if told.fast() { BondLacpRate::Fast } else { BondLacpRate::Slow };
            let key = u16::try_from(told.number("lacp-aggregation-key", 0)).unwrap_or(0);
            new.mode(BondMode::Ieee8023Ad).xmit_hash_policy(hash).ad_lacp_rate(rate).ad_user_port_key(key)
        }
        "active-backup" => new.mode(BondMode::ActiveBackup),
        _ => new.mode(BondMode::BalanceXor).xmit_hash_policy(BondXmitHashPolicy::VlanSrcMac),
    };
    match mac {
        Some(mac) => new.address(mac).build(),
        None => new.build(),
    }
}

/// Files in which a bond says how it is, and what they must begin with to be the one that is wanted.
pub fn settings(mode: &str, properties: &[(String, String)]) -> Vec<(&'static str, String)> {
    let told = Properties(properties);
    let kernel = kernel_mode(mode);
    let mut all = vec![
        ("mode", kernel.to_string()),
        ("miimon", told.number("miimon", 100).to_string()),
        ("downdelay", told.number("downdelay", 200).to_string()),
        ("updelay", told.number("updelay", 31_000).to_string()),
    ];
    match kernel {
        "802.3ad" => {
            all.push(("xmit_hash_policy", if told.by_source() { "layer2" } else { "layer3+4" }.to_string()));
            all.push(("lacp_rate", if told.fast() { "fast" } else { "slow" }.to_string()));
            all.push(("ad_user_port_key", told.number("lacp-aggregation-key", 0).to_string()));
        }
        "balance-xor" => all.push(("xmit_hash_policy", "vlan+srcmac".to_string())),
        _ => {}
    }
    all
}

/// The rules of a bond that spreads its senders: who sent over it is remembered for some seconds.
fn echoes(device: &str) -> String {
    let mut text = format!("add table netdev {TABLE}\n");
    let kind = "{ type ether_addr; size 65535; flags dynamic, timeout; timeout 5s; }";
    let _ = writeln!(text, "add set netdev {TABLE} sent-{device} {kind}");
    for (chain, hook, rule) in [
        ("sent", "egress", format!("update @sent-{device} {{ ether saddr }}")),
        ("echo", "ingress", format!("ether saddr @sent-{device} drop")),
    ] {
        let place = format!("type filter hook {hook} device \"{device}\" priority 0; policy accept;");
        let _ = writeln!(text, "add chain netdev {TABLE} {chain}-{device} {{ {place} }}");
        let _ = writeln!(text, "flush chain netdev {TABLE} {chain}-{device}");
        let _ = writeln!(text, "add rule netdev {TABLE} {chain}-{device} {rule}");
    }
    text
}

/// Sees to it that a bond does not hear its own echo. The rules go with the device.
///
/// # Errors
/// INTERNAL_ERROR when nftables is not there or refuses: such a bond would cut guests off.
pub async fn hear_no_echo(device: &str, mode: &str) -> Result<()> {
    names::check_interface(device)?;
    if kernel_mode(mode) != "balance-xor" {
        return Ok(());
    }
    let loaded = Program::new("nft").args(["-f", "-"]).input(echoes(device)).succeed().await;
    loaded.map(|_| ()).map_err(|error| failed("a bond that spreads its senders", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_property_is_another_bond() {
        let with = |key: &str, value: &str| settings("lacp", &[(key.into(), value.into())]);
        assert_eq!(settings("lacp", &[]), with("lacp-time", "slow"));
        assert_ne!(settings("lacp", &[]), with("lacp-time", "fast"));
        assert_ne!(settings("lacp", &[]), with("hashing_algorithm", "src_mac"));
        assert_ne!(settings("lacp", &[]), with("lacp-aggregation-key", "7"));
        assert_ne!(settings("balance-slb", &[]), settings("active-backup", &[]));
        assert!(settings("balance-slb", &[]).contains(&("xmit_hash_policy", "vlan+srcmac".into())));
    }
}
