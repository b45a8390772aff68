//! The network cards of the machine, as sysfs shows them. Reads only.

use std::{fs, path::Path};

use xapi_backend::network::Card;

/// Cards with a device behind them. `eth<N>` has position N, the others follow in order of name.
pub fn read(sys: &Path) -> Vec<Card> {
    let Ok(entries) = fs::read_dir(sys.join("class/net")) else { return Vec::new() };
    let mut found: Vec<Card> = entries
        .flatten()
        .filter_map(|entry| card(&entry.path(), &entry.file_name().to_string_lossy()))
        .collect();
    found.sort_by(|a, b| a.device.cmp(&b.device));
    place(&mut found);
    found
}

fn card(directory: &Path, name: &str) -> Option<Card> {
    let device = directory.join("device");
    // Backends of guests have a device on the bus of Xen, which is no card.
    let bus = fs::canonicalize(device.join("subsystem")).unwrap_or_default();
    let guests = name.starts_with("vif") || name.starts_with("tap");
    if !device.exists() || (guests && bus.ends_with("xen-backend")) {
        return None;
    }
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default().trim().to_string();
    // In a bond the address shown is the bond's.
    let permanent = read("bonding_slave/perm_hwaddr");
    let mac = if permanent.is_empty() { read("address") } else { permanent };
    Some(Card {
        device: name.to_string(),
        mac: mac.to_lowercase(),
        mtu: read("mtu").parse().unwrap_or(1500),
        carrier: read("carrier") == "1",
        speed: read("speed").parse().unwrap_or(0).max(0),
        position: 0,
    })
}

/// Numbers cards: by the number in `eth<N>`, the rest by the lowest free one.
fn place(cards: &mut [Card]) {
    let numbered = |card: &Card| card.device.strip_prefix("eth").and_then(|n| n.parse::<usize>().ok());
    let mut taken: Vec<usize> = cards.iter().filter_map(numbered).collect();
    for card in cards.iter_mut() {
        card.position = numbered(card).unwrap_or_else(|| {
            let free = (0..).find(|n| !taken.contains(n)).unwrap_or_default();
            taken.push(free);
            free
        });
    }
    cards.sort_by_key(|card| card.position);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sysfs(cards: &[(&str, bool)]) -> tempfile::TempDir {
        let sys = tempfile::tempdir().expect("a directory");
        for (name, hardware) in cards {
            let directory = sys.path().join("class/net").join(name);
            fs::create_dir_all(&directory).expect("made");
            fs::write(directory.join("address"), "02:00:00:00:00:0A\n").expect("written");
            fs::write(directory.join("mtu"), "9000\n").expect("written");
            fs::write(directory.join("speed"), "-1\n").expect("written");
            if *hardware {
                fs::create_dir_all(directory.join("device")).expect("made");
            }
        }
        sys
    }

    #[test]
    fn only_hardware_counts_and_names_give_positions() {
        let sys =
            sysfs(&[("lo", false), ("eth2", true), ("eth10", true), ("enp1s0", true), ("xenbr0", false)]);
        let cards = read(sys.path());
        let told: Vec<_> = cards.iter().map(|card| (card.device.as_str(), card.position)).collect();
        assert_eq!(told, [("enp1s0", 0), ("eth2", 2), ("eth10", 10)]);
        assert_eq!((cards[0].mac.as_str(), cards[0].mtu, cards[0].speed), ("02:00:00:00:00:0a", 9000, 0));
    }
}
