//! `host.bios_strings`: what the firmware says about the machine.

use crate::Root;

/// Keys of the API and the kernel's names for them.
const NAMES: &[(&str, &str)] = &[
    ("bios-vendor", "bios_vendor"),
    ("bios-version", "bios_version"),
    ("system-manufacturer", "sys_vendor"),
    ("system-product-name", "product_name"),
    ("system-version", "product_version"),
    ("system-serial-number", "product_serial"),
    ("baseboard-manufacturer", "board_vendor"),
    ("baseboard-product-name", "board_name"),
    ("baseboard-version", "board_version"),
    ("baseboard-serial-number", "board_serial"),
];

/// Texts every guest shows, by which software knows that it runs on Xen. The second is checked by Windows.
const STANDARD: [&str; 2] = ["Xen", "MS_VM_CERT/SHA1/bdbeb6e0a816d43fa6d3fe8aaef04c2bad9d3e3d"];

/// Longest text that is taken over.
const LONGEST: usize = 255;

/// The texts in the order clients see them.
pub fn read(root: &Root) -> Vec<(String, String)> {
    let named = NAMES
        .iter()
        .map(|(key, name)| (key.to_string(), clean(&root.text(format!("sys/class/dmi/id/{name}")))));
    let mut all: Vec<(String, String)> = named.collect();
    let own = root.names("sys/firmware/dmi/entries").into_iter().filter(|name| name.starts_with("11-"));
    let own = own.flat_map(|name| texts(&root.bytes(format!("sys/firmware/dmi/entries/{name}/raw"))));
    let standard = STANDARD.iter().map(|text| text.to_string());
    let numbered = standard.chain(own).enumerate().map(|(at, text)| (format!("oem-{}", at + 1), text));
    all.extend(numbered);
    // A ROM of one maker's old machines, known by a text in low memory that Linux keeps from reading.
    all.push(("hp-rombios".into(), String::new()));
    all
}

/// Printable and of a sensible length.
fn clean(text: &str) -> String {
    let text: String = text.chars().filter(|c| (' '..='~').contains(c)).take(LONGEST).collect();
    text.trim().to_string()
}

/// The texts after a structure of the firmware's table: each ends with a zero byte, the last with two.
fn texts(raw: &[u8]) -> Vec<String> {
    let Some(length) = raw.get(1) else { return Vec::new() };
    let rest = raw.get(usize::from(*length)..).unwrap_or_default();
    let count = usize::from(raw.get(4).copied().unwrap_or(0));
    rest.split(|byte| *byte == 0)
        .take_while(|text| !text.is_empty())
        .take(count)
        .map(|text| clean(&String::from_utf8_lossy(text)))
        .collect()
}
