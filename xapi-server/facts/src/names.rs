//! Names of vendors and devices, from the lists distributions ship. Where there is none, numbers serve as names.

use std::collections::HashMap;

use crate::Root;

/// Where lists of PCI names are.
const PCI: &[&str] =
    &["usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids", "run/current-system/sw/share/hwdata/pci.ids"];
/// Where lists of USB names are.
const USB: &[&str] = &[
    "usr/share/misc/usb.ids",
    "usr/share/hwdata/usb.ids",
    "var/lib/usbutils/usb.ids",
    "run/current-system/sw/share/hwdata/usb.ids",
];

/// Classes that get rows, by the names the lists give them.
const CLASSES: &[(u16, &str)] = &[
    (0x0100, "SCSI storage controller"),
    (0x0101, "IDE interface"),
    (0x0102, "Floppy disk controller"),
    (0x0104, "RAID bus controller"),
    (0x0105, "ATA controller"),
    (0x0106, "SATA controller"),
    (0x0107, "Serial Attached SCSI controller"),
    (0x0108, "Non-Volatile memory controller"),
    (0x0180, "Mass storage controller"),
    (0x0200, "Ethernet controller"),
    (0x0207, "Infiniband controller"),
    (0x0280, "Network controller"),
    (0x0300, "VGA compatible controller"),
    (0x0302, "3D controller"),
    (0x0380, "Display controller"),
    (0x0403, "Audio device"),
    (0x0c03, "USB controller"),
];

/// Names by number.
#[derive(Debug, Clone, Default)]
pub struct Names {
    vendors: HashMap<u16, String>,
    devices: HashMap<(u16, u16), String>,
    boards: HashMap<(u16, u16, u16, u16), String>,
    classes: HashMap<u16, String>,
}

impl Names {
    /// Names of PCI devices.
    pub fn pci(root: &Root) -> Names {
        Names::first(root, PCI)
    }

    /// Names of USB devices.
    pub fn usb(root: &Root) -> Names {
        Names::first(root, USB)
    }

    fn first(root: &Root, places: &[&str]) -> Names {
        places
            .iter()
            .find(|place| root.has(place))
            .map_or_else(Names::default, |place| Names::parse(&root.text(place)))
    }

    /// Reads a list: vendors, below them devices, below those boards; classes after a `C`, below them kinds. What is
    /// below stands further in by one tab.
    pub fn parse(text: &str) -> Names {
        let mut names = Names::default();
        // Vendor or class, and the device, of the line above.
        let (mut vendor, mut class, mut device) = (None, None, None);
        let number = |text: &str| u16::from_str_radix(text, 16).ok();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let depth = line.bytes().take_while(|b| *b == b'\t').count();
            let Some((id, name)) = line.trim_start_matches('\t').split_once(' ') else { continue };
            let name = name.trim_start();
            match (depth, number(id)) {
                (0, Some(of)) if id.len() == 4 => {
                    (vendor, class, device) = (Some(of), None, None);
                    names.vendors.insert(of, name.to_string());
                }
                (0, _) if id == "C" => {
                    let (of, name) = name.split_once(' ').unwrap_or((name, ""));
                    (vendor, class, device) = (None, number(of), None);
                    if let Some(of) = class {
                        names.classes.insert(of << 8 | 0xff, name.trim().to_string());
                    }
                }
                (0, _) => (vendor, class, device) = (None, None, None),
                (1, Some(id)) => {
                    device = Some(id);
                    if let Some(vendor) = vendor {
                        names.devices.insert((vendor, id), name.to_string());
                    } else if let Some(class) = class {
                        names.classes.insert(class << 8 | id, name.to_string());
                    }
                }
                (2, Some(board_vendor)) => {
                    let board = name.split_once(' ').and_then(|(id, name)| Some((number(id)?, name.trim())));
                    if let (Some(vendor), Some(device), Some((board, name))) = (vendor, device, board) {
                        names.boards.insert((vendor, device, board_vendor, board), name.to_string());
                    }
                }
                _ => {}
            }
        }
        names
    }

    /// Name of a vendor.
    pub fn vendor(&self, vendor: u16) -> String {
        self.vendors.get(&vendor).cloned().unwrap_or_else(|| format!("Vendor {vendor:04x}"))
    }

    /// Name of a device.
    pub fn device(&self, vendor: u16, device: u16) -> String {
        self.devices.get(&(vendor, device)).cloned().unwrap_or_else(|| format!("Device {device:04x}"))
    }

    /// Name of a device, if a list has one.
    pub fn known_device(&self, vendor: u16, device: u16) -> Option<String> {
        self.devices.get(&(vendor, device)).cloned()
    }

    /// Name of a vendor, if a list has one.
    pub fn known_vendor(&self, vendor: u16) -> Option<String> {
        self.vendors.get(&vendor).cloned()
    }

    /// Name of a board.
    pub fn board(&self, vendor: u16, device: u16, board_vendor: u16, board: u16) -> String {
        let known = self.boards.get(&(vendor, device, board_vendor, board));
        known.cloned().unwrap_or_else(|| format!("Device {board:04x}"))
    }

    /// Name of a class: of the kind, or of all kinds.
    pub fn class(&self, class: u16) -> String {
        let own = || CLASSES.iter().find(|(known, _)| *known == class).map(|(_, name)| name.to_string());
        let known = self.classes.get(&class).cloned().or_else(own);
        known
            .or_else(|| self.classes.get(&(class | 0xff)).cloned())
            .unwrap_or_else(|| format!("Class {class:04x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "# a comment\n\n\
8086  Intel Corporation\n\t10d3  82574L Gigabit Network Connection\n\t\t8086 a01f  Gigabit CT Desktop Adapter\n\
10de  NVIDIA Corporation\n\t10d3  Another\nC 03  Display controller\n\t00  VGA compatible controller\n\t\t00  VGA controller\n";

    #[test]
    fn lists_are_read() {
        let names = Names::parse(LIST);
        assert_eq!(names.vendor(0x8086), "Intel Corporation");
        assert_eq!(names.device(0x8086, 0x10d3), "82574L Gigabit Network Connection");
        assert_eq!(names.device(0x10de, 0x10d3), "Another");
        assert_eq!(names.board(0x8086, 0x10d3, 0x8086, 0xa01f), "Gigabit CT Desktop Adapter");
        assert_eq!(names.class(0x0300), "VGA compatible controller");
        assert_eq!(names.class(0x0310), "Display controller");
    }

    #[test]
    fn numbers_serve_where_no_list_does() {
        let names = Names::parse("rubbish\n\t\t\tx\n\u{0}");
        assert_eq!(names.vendor(0x1af4), "Vendor 1af4");
        assert_eq!(names.device(0x1af4, 0x1000), "Device 1000");
        assert_eq!(names.class(0x0200), "Ethernet controller");
        assert_eq!(names.class(0x1234), "Class 1234");
    }
}
