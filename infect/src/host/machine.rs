//! The machine under the host, as its `/proc` and `/sys` show it: cards and drivers, firmware, mounts. A copied root has
//! none of that; then nothing is known, and nothing is guessed.

use super::fstab::{self, Mount};
use super::tree::Tree;
use serde::Serialize;

/// What is known of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Is this the running host?
    pub live: bool,
    /// Is it the control domain?
    pub dom0: Option<bool>,
    /// Are we root?
    pub root: Option<bool>,
    /// Does the firmware check signatures?
    pub secure_boot: Option<bool>,
    /// Cards of PCI.
    pub pci: Vec<Pci>,
    /// Network cards.
    pub cards: Vec<Card>,
    /// Present mounts.
    pub mounts: Vec<Mount>,
    /// Arrays of disks.
    pub arrays: Vec<String>,
    /// Command line of the running kernel.
    pub command_line: Vec<String>,
    /// Memory of dom0 in MiB.
    pub memory: Option<u64>,
    /// Bytes free on the EFI partition.
    pub esp_free: Option<u64>,
    /// Is the hardware clock in local time?
    pub local_clock: Option<bool>,
}

/// A card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pci {
    /// Its place.
    pub address: String,
    /// What drivers are matched by.
    pub modalias: String,
    /// Its class, as `0x020000`.
    pub class: String,
    /// The driver in use.
    pub driver: Option<String>,
}

impl Pci {
    /// Is it storage or network, without which the new system would be lost?
    pub fn is_vital(&self) -> bool {
        ["0x01", "0x02", "0x0c04", "0x0c06"].iter().any(|class| self.class.starts_with(class))
    }
}

/// A network card.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Card {
    /// Name now.
    pub name: String,
    /// Hardware address.
    pub mac: String,
    /// PCI place.
    pub pci: Option<String>,
}

const SECURE_BOOT: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

fn word(tree: &dyn Tree, path: &str) -> Option<String> {
    let bytes = tree.read(path, 1 << 20).ok()??;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

fn last(path: Option<String>) -> Option<String> {
    path?.rsplit('/').next().map(str::to_owned)
}

/// Reads what there is.
pub fn read(tree: &dyn Tree) -> Machine {
    let mut out = Machine { live: tree.is_live(), ..Machine::default() };
    if out.live {
        out.dom0 = Some(word(tree, "/proc/xen/capabilities").is_some_and(|text| text.contains("control_d")));
        out.root = Some(nix::unistd::geteuid().is_root());
        out.esp_free = nix::sys::statvfs::statvfs("/boot/efi")
            .ok()
            .filter(|_| tree.exists("/boot/efi/EFI"))
            .map(|s| s.blocks_available() * s.fragment_size());
    } else if tree.exists("/proc/xen/capabilities") {
        out.dom0 = word(tree, "/proc/xen/capabilities").map(|text| text.contains("control_d"));
    }
    // Four bytes of attributes, then the value.
    out.secure_boot = match tree.read(SECURE_BOOT, 16) {
        Ok(Some(bytes)) => Some(bytes.get(4) == Some(&1)),
        _ if out.live || tree.exists("/sys/firmware") => Some(false),
        _ => None,
    };
    for address in tree.list("/sys/bus/pci/devices").unwrap_or_default() {
        let at = format!("/sys/bus/pci/devices/{address}");
        out.pci.push(Pci {
            modalias: word(tree, &format!("{at}/modalias")).unwrap_or_default(),
            class: word(tree, &format!("{at}/class")).unwrap_or_default(),
            driver: last(tree.link(&format!("{at}/driver")).ok().flatten()),
            address,
        });
    }
    for name in tree.list("/sys/class/net").unwrap_or_default() {
        let at = format!("/sys/class/net/{name}");
        // Bridges, bonds and links of guests have no device.
        let Some(pci) = tree.link(&format!("{at}/device")).ok().flatten() else { continue };
        let mac = word(tree, &format!("{at}/address")).unwrap_or_default().to_lowercase();
        out.cards.push(Card { name, mac, pci: last(Some(pci)) });
    }
    if let Ok(Some(bytes)) = tree.read(fstab::MOUNTS, 4 << 20) {
        out.mounts = fstab::parse(fstab::MOUNTS, &bytes).unwrap_or_default();
    }
    let stat = word(tree, "/proc/mdstat").unwrap_or_default();
    out.arrays = stat
        .lines()
        .filter(|line| line.starts_with("md") && line.contains(" : "))
        .map(|l| l.split(' ').next().unwrap_or("").to_owned())
        .collect();
    out.command_line =
        word(tree, "/proc/cmdline").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    out.memory = word(tree, "/proc/meminfo")
        .and_then(|text| text.lines().find_map(|l| l.strip_prefix("MemTotal:").map(str::to_owned)))
        .and_then(|l| l.trim().trim_end_matches(" kB").trim().parse::<u64>().ok())
        .map(|kib| kib / 1024);
    out.local_clock = word(tree, "/etc/adjtime").map(|text| text.lines().nth(2) == Some("LOCAL"));
    out
}
