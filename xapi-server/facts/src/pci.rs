//! Devices on the PCI bus.

use xapi_backend::host::{Access, Pci};

use crate::{Root, names::Names};

/// The driver that keeps devices for guests.
const KEEPER: &str = "pciback";

const DEVICES: &str = "sys/bus/pci/devices";

/// All devices, in order of address.
pub fn read(root: &Root) -> Vec<Pci> {
    let names = Names::pci(root);
    let hidden = hidden(&root.text("proc/cmdline"));
    let addresses = root.names(DEVICES).into_iter().filter(|name| is_address(name));
    addresses.filter_map(|address| device(root, &names, &hidden, address)).collect()
}

/// `0000:00:1f.2`.
fn is_address(name: &str) -> bool {
    let shape = |b: u8| if b.is_ascii_hexdigit() { b'0' } else { b };
    name.len() == 12 && name.bytes().map(shape).eq("0000:00:00.0".bytes())
}

/// Addresses the kernel was started to keep for guests, each with its domain in front.
fn hidden(cmdline: &str) -> Vec<String> {
    let lists = cmdline.split_whitespace().filter_map(|word| word.strip_prefix("xen-pciback.hide="));
    let each = lists.flat_map(|list| list.split(['(', ')', ',']).filter(|part| !part.is_empty()));
    each.map(|part| if part.len() == 7 { format!("0000:{part}") } else { part.to_string() }).collect()
}

fn access(driver: &str, hidden: bool) -> Access {
    match (driver == KEEPER || driver == "xen-pciback", hidden) {
        (true, true) => Access::Disabled,
        (true, false) => Access::EnableOnReboot,
        (false, _) => Access::Enabled,
    }
}

fn device(root: &Root, names: &Names, hidden: &[String], address: String) -> Option<Pci> {
    let at = |name: &str| format!("{DEVICES}/{address}/{name}");
    let number = |name: &str| {
        let text = root.word(at(name));
        u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
    };
    let short = |name: &str| number(name).and_then(|n| u16::try_from(n).ok());
    let (class, vendor, device) = (number("class")?, short("vendor")?, short("device")?);
    let (board_vendor, board) =
        (short("subsystem_vendor").unwrap_or(0), short("subsystem_device").unwrap_or(0));
    let driver = root.target(at("driver"));
    let physical = Some(root.target(at("physfn"))).filter(|target| is_address(target));
    Some(Pci {
        class,
        vendor,
        device,
        subsystem_vendor: board_vendor,
        subsystem_device: board,
        class_name: names.class((class >> 8) as u16),
        vendor_name: names.vendor(vendor),
        device_name: names.device(vendor, device),
        subsystem_vendor_name: names.vendor(board_vendor),
        subsystem_device_name: names.board(vendor, device, board_vendor, board),
        access: access(&driver, hidden.contains(&address)),
        driver,
        physical_function: physical,
        boot_display: root.word(at("boot_vga")) == "1",
        address,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_devices_are_told_apart() {
        let list = hidden("root=/dev/sda xen-pciback.hide=(04:00.0)(0000:05:00.1) quiet");
        assert_eq!(list, ["0000:04:00.0", "0000:05:00.1"]);
        assert_eq!(access("pciback", true), Access::Disabled);
        assert_eq!(access("pciback", false), Access::EnableOnReboot);
        assert_eq!(access("e1000e", false), Access::Enabled);
    }
}
