//! What a guest's agent wrote, as the API's fields. Every text is the guest's own; its size was limited
//! when it was read.

use xapi_backend::hypervisor::AgentData;

use xapi_schema::Result;

use crate::{
    shared::Shared,
    xenstore::{self, Limits, Tree},
};

/// Parts of a domain's tree an agent writes to.
pub const PARTS: &[&str] = &["attr", "control", "data", "drivers", "feature", "xenserver/attr"];
/// Nodes whose change means that there is something new. `data` as a whole changes with every heartbeat.
pub const TELLING: &[&str] =
    &["attr", "control", "data/updated", "data/os_name", "drivers", "feature", "xenserver/attr"];

fn pair(key: impl Into<String>, value: &str) -> (String, String) {
    (key.into(), value.to_string())
}

/// Sorts what is below a domain into the fields of `VM_guest_metrics`. `frontends` tells whether a
/// paravirtual device is connected.
pub fn report(tree: &Tree, frontends: bool) -> Option<AgentData> {
    let get = |key: &str| tree.get(key).map(String::as_str);
    let pairs = |wanted: &[(&str, &str)]| -> Vec<(String, String)> {
        wanted.iter().filter_map(|(name, key)| get(key).map(|value| pair(*name, value))).collect()
    };
    let mut drivers_version = pairs(&[
        ("major", "attr/PVAddons/MajorVersion"),
        ("minor", "attr/PVAddons/MinorVersion"),
        ("micro", "attr/PVAddons/MicroVersion"),
        ("build", "attr/PVAddons/BuildVersion"),
        ("application", "attr/PVAddons/Application"),
    ]);
    for (_, text) in tree.iter().filter(|(key, _)| key.starts_with("drivers/")) {
        // `Vendor NAME version attributes`
        let mut words = text.split_whitespace().skip(1);
        if let (Some(name), Some(_)) = (words.next(), words.next()) {
            drivers_version.push(pair(name, text));
        }
    }
    let os_version = pairs(&[
        ("name", "data/os_name"),
        ("uname", "data/os_uname"),
        ("distro", "data/os_distro"),
        ("major", "data/os_majorver"),
        ("minor", "data/os_minorver"),
        ("spmajor", "attr/os/spmajor"),
        ("spminor", "attr/os/spminor"),
    ]);
    let netbios_name = pairs(&[("host_name", "data/host_name_dns"), ("domain", "data/domain")]);
    let networks = networks(tree);
    let other = other(tree);
    let flag = |key: &str| get(key).map(|value| value == "1");
    let data = AgentData {
        os_version,
        netbios_name,
        drivers_detected: frontends || !drivers_version.is_empty(),
        drivers_version,
        networks,
        other,
        hotplug_vbd: flag("feature/hotplug/vbd"),
        hotplug_vif: flag("feature/hotplug/vif"),
    };
    (data != AgentData::default()).then_some(data)
}

fn other(tree: &Tree) -> Vec<(String, String)> {
    let unable = tree.get("data/cant_suspend_reason");
    let features = tree.iter().filter_map(|(key, value)| {
        let name = key.strip_prefix("control/")?;
        let told = name.starts_with("feature-") && !name.contains('/');
        (told && !(unable.is_some() && name == "feature-suspend")).then(|| pair(name, value))
    });
    let mut all: Vec<_> = features.collect();
    if let Some(reason) = unable {
        all.push(pair("data-cant-suspend-reason", reason));
    }
    if let Some(ts) = tree.get("data/ts") {
        all.push(pair("data-ts", ts));
    }
    all
}

/// Addresses of each card in both styles clients read: `0/ip` and `0/ipv4/0`, `0/ipv6/0`.
fn networks(tree: &Tree) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut add = |key: String, value: &str| {
        if !all.iter().any(|(known, _)| *known == key) {
            all.push(pair(key, value));
        }
    };
    for (key, value) in tree {
        let Some(rest) = key.strip_prefix("attr/").filter(|_| !value.trim().is_empty()) else { continue };
        let parts: Vec<&str> = rest.split('/').collect();
        let number = |text: &str| text.parse::<u32>().ok();
        match parts.as_slice() {
            ["vif", card, family @ ("ipv4" | "ipv6"), index]
                if number(card).is_some() && number(index).is_some() =>
            {
                add(format!("{card}/{family}/{index}"), value);
                if *family == "ipv4" && *index == "0" {
                    add(format!("{card}/ip"), value);
                }
            }
            [card, "ip"] => {
                if let Some(card) = old_card(card) {
                    // Several addresses of old agents stand behind each other.
                    for (index, address) in value.split_whitespace().enumerate() {
                        add(format!("{card}/ipv4/{index}"), address);
                        if index == 0 {
                            add(format!("{card}/ip"), address);
                        }
                    }
                }
            }
            [card, "ipv6", index, "addr"] if number(index).is_some() => {
                if let Some(card) = old_card(card) {
                    add(format!("{card}/ipv6/{index}"), value);
                }
            }
            _ => {}
        }
    }
    all
}

/// The number in a Linux name of a card, `eth0` or `enX1`.
fn old_card(name: &str) -> Option<u32> {
    ["eth", "enX", "eno", "ens", "emp"].iter().find_map(|prefix| name.strip_prefix(prefix)?.parse().ok())
}

impl Shared {
    /// What the agent of a domain says.
    pub async fn read_agent(&self, uuid: &str) -> Result<Option<AgentData>> {
        let Some(domid) = self.find(uuid).await? else { return Ok(None) };
        let domain = format!("/local/domain/{domid}");
        let mut all = xenstore::Tree::new();
        for part in PARTS {
            let (tree, cut) = self.store.tree(&format!("{domain}/{part}"), Limits::AGENT).await?;
            if cut {
                tracing::warn!(uuid, part, "a guest wrote more than is read");
            }
            all.extend(tree.into_iter().map(|(key, value)| {
                (if key.is_empty() { part.to_string() } else { format!("{part}/{key}") }, value)
            }));
        }
        Ok(report(&all, self.frontends(domid).await?))
    }

    /// Some paravirtual disk or card is connected.
    async fn frontends(&self, domid: u32) -> Result<bool> {
        for kind in ["vbd", "vif"] {
            let base = format!("/local/domain/{domid}/device/{kind}");
            for device in self.store.directory(&base).await?.into_iter().take(64) {
                if self.store.find(&format!("{base}/{device}/state")).await?.as_deref() == Some("4") {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, &str)]) -> Tree {
        entries.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    fn find<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
        pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    #[test]
    fn nothing_written_is_nothing_known() {
        assert_eq!(report(&tree(&[("data/beat", "3")]), false), None);
    }

    #[test]
    fn an_agent_of_today_is_understood() {
        let data = report(
            &tree(&[
                ("attr/PVAddons/MajorVersion", "8"),
                ("attr/PVAddons/MinorVersion", "4"),
                ("attr/vif/0/ipv4/0", "10.0.0.2"),
                ("attr/vif/0/ipv6/0", "fe80::1"),
                ("attr/vif/x/ipv6/0", "fe80::2"),
                ("control/feature-suspend", "1"),
                ("control/feature-balloon", "1"),
                ("control/shutdown", ""),
                ("data/os_name", "Debian"),
                ("data/os_distro", "debian"),
                ("feature/hotplug/vbd", "1"),
                ("feature/hotplug/vif", "0"),
            ]),
            true,
        )
        .expect("known");
        assert_eq!(find(&data.drivers_version, "major"), Some("8"));
        assert_eq!(find(&data.os_version, "name"), Some("Debian"));
        let networks = [("0/ipv4/0", "10.0.0.2"), ("0/ip", "10.0.0.2"), ("0/ipv6/0", "fe80::1")]
            .map(|(k, v)| pair(k, v));
        assert_eq!(data.networks, networks);
        assert_eq!(find(&data.other, "feature-suspend"), Some("1"));
        assert_eq!(find(&data.other, "shutdown"), None);
        assert_eq!((data.hotplug_vbd, data.hotplug_vif), (Some(true), Some(false)));
        assert!(data.drivers_detected);
    }

    #[test]
    fn an_old_agent_is_understood() {
        let data = report(
            &tree(&[
                ("attr/eth0/ip", "10.0.0.2 10.0.0.3"),
                ("attr/eth1/ipv6/0/addr", "fe80::1"),
                ("attr/weird/ip", "10.9.9.9"),
                ("control/feature-suspend", "1"),
                ("data/cant_suspend_reason", "no"),
                ("drivers/0", "XenServer XENVBD 8.2 (DEBUG)"),
            ]),
            false,
        )
        .expect("known");
        let keys: Vec<&str> = data.networks.iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(keys, ["0/ipv4/0", "0/ip", "0/ipv4/1", "1/ipv6/0"]);
        assert_eq!(find(&data.other, "feature-suspend"), None);
        assert_eq!(find(&data.other, "data-cant-suspend-reason"), Some("no"));
        assert!(find(&data.drivers_version, "XENVBD").is_some());
    }
}
