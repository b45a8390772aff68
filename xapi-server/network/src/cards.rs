//! The network cards of the machine, as sysfs shows them. Reads only.
//!
//! What a hypervisor's emulator hangs into its own control domain looks like a card and is none: it leads back to the
//! same domain.

use std::{fs, path::Path};

use xapi_backend::network::Card;

/// Cards with a device behind them. `eth<N>` has position N, the others follow in order of name.
pub fn read(sys: &Path) -> Vec<Card> {
    let Ok(entries) = fs::read_dir(sys.join("class/net")) else { return Vec::new() };
    let first = is_control_domain(sys);
    let mut found: Vec<Card> = entries
        .flatten()
        .filter_map(|entry| card(&entry.path(), &entry.file_name().to_string_lossy(), first))
        .collect();
    found.sort_by(|a, b| a.device.cmp(&b.device));
    place(&mut found);
    found
}

/// This machine is the control domain of a Xen host.
fn is_control_domain(sys: &Path) -> bool {
    let read = |path: &str| fs::read_to_string(sys.join(path)).unwrap_or_default();
    read("hypervisor/start_flags/initdomain").trim() == "1"
        || read("../proc/xen/capabilities").split_whitespace().any(|word| word == "control_d")
}

fn card(directory: &Path, name: &str, control_domain: bool) -> Option<Card> {
    let device = directory.join("device");
    // Backends of guests have a device on the bus of Xen, which is no card.
    let bus = fs::canonicalize(device.join("subsystem")).unwrap_or_default();
    let guests = name.starts_with("vif") || name.starts_with("tap");
    let looped = control_domain && bus.ends_with("bus/xen");
    if !device.exists() || looped || (guests && bus.ends_with("xen-backend")) {
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

    #[test]
    fn what_leads_back_to_the_control_domain_is_no_card() {
        let root = tempfile::tempdir().expect("a directory");
        let sys = root.path().join("sys");
        for (name, bus) in [("eth0", "pci"), ("eth1", "xen"), ("vif3.0", "xen-backend")] {
            let device = sys.join("devices").join(name);
            fs::create_dir_all(sys.join("bus").join(bus)).expect("made");
            fs::create_dir_all(&device).expect("made");
            std::os::unix::fs::symlink(sys.join("bus").join(bus), device.join("subsystem")).expect("linked");
            let directory = sys.join("class/net").join(name);
            fs::create_dir_all(&directory).expect("made");
            std::os::unix::fs::symlink(&device, directory.join("device")).expect("linked");
        }
        let names = || read(&sys).into_iter().map(|card| card.device).collect::<Vec<_>>();
        // In a guest of Xen the same device is its card.
        assert_eq!(names(), ["eth0", "eth1"]);
        fs::create_dir_all(root.path().join("proc/xen")).expect("made");
        fs::write(root.path().join("proc/xen/capabilities"), "control_d\n").expect("written");
        assert_eq!(names(), ["eth0"]);
    }
}
