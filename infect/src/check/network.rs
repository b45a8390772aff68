//! Networks: what the new host can't bring up, and what it brings up otherwise.

use super::{Condition, Facts, Outcome, condition, when};
use crate::Severity::{Refuse, Warn};
use crate::host::networkd::V4;
use crate::pool::{Pool, Row};
use std::collections::{BTreeMap, BTreeSet};

const NO_DB: &str = "no row of this host in a database";
/// The longest name the kernel takes.
const LONGEST: usize = 15;

fn with(f: &Facts<'_>, judge: impl Fn(&Pool, &[&Row]) -> Vec<(String, String)>) -> Outcome {
    let (Some(pool), Some(row)) = (f.pool, f.row()) else { return Outcome::Unknown(NO_DB) };
    let mine: Vec<&Row> = pool.pointing("PIF", "host", &row.reference).collect();
    Outcome::Found(judge(pool, &mine))
}

fn about(pif: &Row, text: impl Into<String>) -> (String, String) {
    (pif.get("device").to_owned(), text.into())
}

/// Network cards as the machine or the last boot shows them: hardware address, place.
fn cards(f: &Facts<'_>) -> Vec<(String, Option<String>)> {
    if f.host.machine.cards.is_empty() {
        return f
            .host
            .rename
            .lastboot
            .iter()
            .map(|seen| (seen.mac.clone(), Some(seen.pci.clone())))
            .collect();
    }
    f.host.machine.cards.iter().map(|card| (card.mac.clone(), card.pci.clone())).collect()
}

pub(super) const CODES: &[Condition] = &[
    condition(
        "NET_MGMT_SRIOV",
        Refuse,
        "the management network lies on a virtual function",
        "move management to a card",
        |f| {
            with(f, |pool, mine| {
                let logical: BTreeSet<&str> =
                    pool.rows("network_sriov").iter().map(|one| one.get("logical_PIF")).collect();
                mine.iter()
                    .filter(|pif| pif.flag("management") && logical.contains(pif.reference.as_str()))
                    .map(|pif| about(pif, "a virtual function"))
                    .collect()
            })
        },
    ),
    condition(
        "NET_MGMT_TUNNEL",
        Refuse,
        "the management network lies in a tunnel",
        "move management to a card",
        |f| {
            with(f, |pool, mine| {
                tunnels(pool, mine)
                    .into_iter()
                    .filter(|pif| pif.flag("management"))
                    .map(|pif| about(pif, "a tunnel"))
                    .collect()
            })
        },
    ),
    condition(
        "NET_UNMANAGED_PIF",
        Refuse,
        "a card belongs to the boot from a network",
        "install on a local disk",
        |f| {
            with(f, |_, mine| {
                mine.iter()
                    .filter(|pif| pif.get("managed") == "false")
                    .map(|pif| about(pif, "not managed by the old toolstack"))
                    .collect()
            })
        },
    ),
    condition(
        "NET_MAC_MISSING",
        Refuse,
        "a card the database knows is not in the machine",
        "put it back, or forget it with xe pif-forget",
        |f| {
            let there: BTreeSet<String> = cards(f).into_iter().map(|(mac, _)| mac).collect();
            if there.is_empty() {
                return Outcome::Unknown("neither the machine nor the last boot shows its cards");
            }
            with(f, |_, mine| {
                let gone = mine
                    .iter()
                    .filter(|pif| pif.flag("physical") && !there.contains(&pif.get("MAC").to_lowercase()));
                gone.map(|pif| about(pif, pif.get("MAC"))).collect()
            })
        },
    ),
    condition(
        "NET_MAC_DUPLICATE",
        Refuse,
        "two cards have the same hardware address and can't be told apart",
        "give one another address",
        |f| {
            let mut seen: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
            cards(f).into_iter().for_each(|(mac, pci)| seen.entry(mac).or_default().push(pci));
            let twice = seen.into_iter().filter(|(mac, places)| !mac.is_empty() && places.len() > 1);
            Outcome::Found(twice.map(|(mac, places)| (mac, format!("{} cards", places.len()))).collect())
        },
    ),
    condition(
        "NET_MGMT_NONE",
        Refuse,
        "the host has no management network",
        "set one with xe host-management-reconfigure",
        |f| {
            let off = f.host.inventory.as_ref().is_some_and(|inventory| inventory.management().is_none());
            match with(f, |_, mine| {
                if mine.iter().any(|pif| pif.flag("management")) {
                    Vec::new()
                } else {
                    vec![(String::new(), "no interface is for management".into())]
                }
            }) {
                Outcome::Found(found) if found.is_empty() => when(off, "the inventory names no bridge"),
                other => other,
            }
        },
    ),
    condition(
        "NET_DB_DIFFERS",
        Warn,
        "the database and the host's own file differ about management",
        "accept: the host's own file is taken",
        |f| {
            let Some(networkd) = &f.host.networkd else { return Outcome::Unknown("no networkd.db") };
            with(f, |pool, mine| {
                let mut found = Vec::new();
                for pif in mine.iter().filter(|pif| pif.flag("management")) {
                    let Some(bridge) = pool.follow(pif, "network").map(|network| network.get("bridge"))
                    else {
                        continue;
                    };
                    if f.host
                        .inventory
                        .as_ref()
                        .and_then(|inventory| inventory.management())
                        .is_some_and(|own| own != bridge)
                    {
                        found.push((
                            bridge.to_owned(),
                            format!("the inventory says {}", f.host.fact("MANAGEMENT_INTERFACE")),
                        ));
                    }
                    let live = networkd.interfaces.get(bridge).map(|interface| &interface.v4);
                    let same = match (live, pif.get("ip_configuration_mode")) {
                        (Some(V4::Dhcp), "DHCP") | (Some(V4::None), "None") => true,
                        (Some(V4::Static(all)), "Static") => all.iter().any(|(address, prefix)| {
                            address == pif.get("IP")
                                && crate::generate::network::prefix(pif.get("netmask"))
                                    == Some(u32::from(*prefix))
                        }),
                        _ => false,
                    };
                    if !same {
                        found.push((
                            bridge.to_owned(),
                            format!(
                                "the database says {} {}",
                                pif.get("ip_configuration_mode"),
                                pif.get("IP")
                            ),
                        ));
                    }
                }
                found
            })
        },
    ),
    condition(
        "NET_BALANCE_SLB",
        Warn,
        "a bond spreads guests over links in a way the kernel can't",
        "make it active-backup or LACP, or accept active-backup",
        |f| {
            with(f, |pool, mine| {
                let of = |bond: &&Row| mine.iter().find(|pif| pif.reference == bond.get("master"));
                let slb =
                    pool.rows("Bond").iter().filter(|bond| matches!(bond.get("mode"), "balance-slb" | ""));
                slb.filter_map(|bond| of(&bond).map(|master| about(master, "balance-slb"))).collect()
            })
        },
    ),
    condition(
        "NET_TUNNEL",
        Warn,
        "a network between hosts lies in a tunnel, which is not carried over",
        "make it a VLAN, or accept",
        |f| with(f, |pool, mine| tunnels(pool, mine).into_iter().map(|pif| about(pif, "a tunnel")).collect()),
    ),
    condition("NET_SDN", Warn, "a controller of networks is set up, and is dropped", "accept", |f| {
        with(f, |pool, _| {
            pool.rows("SDN_controller")
                .iter()
                .map(|row| (row.uuid().to_owned(), row.get("address").to_owned()))
                .collect()
        })
    }),
    condition("NET_OPENFLOW", Warn, "switches have rules of their own, and lose them", "accept", |f| match f
        .live
        .flows
    {
        Some(count) => when(count > 0, format!("{count} rules")),
        None => Outcome::Unknown("a copy of the files does not show the switches"),
    }),
    condition("NET_IGMP", Warn, "switches follow multicast groups, and will not", "accept", |f| {
        with(f, |pool, _| {
            let on = pool.pool().is_some_and(|row| row.flag("igmp_snooping_enabled"));
            if on { vec![(String::new(), "IGMP snooping is on".into())] } else { Vec::new() }
        })
    }),
    condition(
        "NET_BRIDGE_NAME",
        Refuse,
        "a bridge's name is too long, or two networks share it",
        "make the network anew",
        |f| {
            with(f, |pool, _| {
                let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
                pool.rows("network")
                    .iter()
                    .for_each(|network| *seen.entry(network.get("bridge")).or_default() += 1);
                let bad = seen
                    .into_iter()
                    .filter(|(name, count)| !name.is_empty() && (name.len() > LONGEST || *count > 1));
                bad.map(|(name, count)| {
                    (
                        name.to_owned(),
                        if count > 1 { "two networks".into() } else { format!("{} characters", name.len()) },
                    )
                })
                .collect()
            })
        },
    ),
    condition(
        "NET_MTU_VLAN",
        Warn,
        "a VLAN's packets are larger than those of what carries it",
        "raise the MTU below, or lower it above",
        |f| {
            with(f, |pool, mine| {
                let mtu =
                    |pif: &Row| pool.follow(pif, "network").map_or(1500, |network| network.number("MTU"));
                let pairs = pool.rows("VLAN").iter().filter_map(|vlan| {
                    Some((pool.follow(vlan, "untagged_PIF")?, pool.follow(vlan, "tagged_PIF")?))
                });
                let here =
                    |(above, _): &(&Row, &Row)| mine.iter().any(|pif| pif.reference == above.reference);
                let bad = pairs.filter(here).filter(|(above, below)| mtu(above) > mtu(below));
                bad.map(|(above, below)| about(below, format!("{} over {}", mtu(above), mtu(below))))
                    .collect()
            })
        },
    ),
    condition(
        "NET_MTU_MANAGEMENT",
        Warn,
        "management uses jumbo frames",
        "see that every switch on the way takes them, then accept",
        |f| {
            with(f, |pool, mine| {
                let mtu =
                    |pif: &Row| pool.follow(pif, "network").map_or(1500, |network| network.number("MTU"));
                mine.iter()
                    .filter(|pif| pif.flag("management") && mtu(pif) > 1500)
                    .map(|pif| about(pif, format!("MTU {}", mtu(pif))))
                    .collect()
            })
        },
    ),
    condition("NET_BACKEND_VM", Warn, "a network is served by a guest, and will not be", "accept", |f| {
        with(f, |pool, _| {
            let by = |row: &&Row| row.map("other_config").contains_key("backend_vm");
            pool.rows("network")
                .iter()
                .filter(by)
                .map(|row| (row.uuid().to_owned(), row.name().to_owned()))
                .collect()
        })
    }),
];

fn tunnels<'a>(pool: &Pool, mine: &[&'a Row]) -> Vec<&'a Row> {
    let access: BTreeSet<&str> = pool.rows("tunnel").iter().map(|tunnel| tunnel.get("access_PIF")).collect();
    mine.iter().filter(|pif| access.contains(pif.reference.as_str())).copied().collect()
}
