//! Devices on the USB bus, as far as guests may have them.
//!
//! Which ones is a list of rules, the first that fits decides: `ALLOW` or `DENY`, a colon, and pairs of `vid`, `pid`,
//! `rel`, `class`, `subclass`, `prot` and a hexadecimal number. An administrator's own list is in
//! `/etc/xensource/usb-policy.conf`, in the form hosts of the original have.

use xapi_backend::host::Usb;

use crate::{Root, names::Names};

const DEVICES: &str = "sys/bus/usb/devices";
const POLICY: &str = "etc/xensource/usb-policy.conf";

/// Without an own list: what the host itself is used with, what carries its network, and what is no device.
const DEFAULT: &str = "\
DENY: class=09
DENY: class=02
DENY: class=0a
DENY: class=0b
DENY: class=e0
DENY: class=ef subclass=04
DENY: class=03 subclass=01 prot=01
DENY: class=03 subclass=01 prot=02
DENY: vid=17e9
ALLOW:
";

/// Names of what a rule can ask about.
const KEYS: [&str; 6] = ["vid", "pid", "rel", "class", "subclass", "prot"];

/// What a device or one of its interfaces says, in the order of [`KEYS`].
type Facts = [u32; 6];

struct Rule {
    allow: bool,
    wanted: Vec<(usize, u32)>,
}

fn rules(text: &str) -> Vec<Rule> {
    let rule = |line: &str| {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (verb, rest) = line.split_once(':')?;
        let allow = match verb.trim().to_ascii_uppercase().as_str() {
            "ALLOW" => true,
            "DENY" => false,
            _ => return None,
        };
        let pair = |word: &str| {
            let (key, value) = word.split_once('=')?;
            let at = KEYS.iter().position(|known| known.eq_ignore_ascii_case(key))?;
            u32::from_str_radix(value, 16).ok().map(|value| (at, value))
        };
        // A rule that is not understood must not fit everything.
        rest.split_whitespace().map(pair).collect::<Option<Vec<_>>>().map(|wanted| Rule { allow, wanted })
    };
    text.lines().filter_map(rule).collect()
}

/// A device may be passed on when every one of its interfaces may.
fn allowed(rules: &[Rule], all: &[Facts]) -> bool {
    let judge = |facts: &Facts| {
        let fits = |rule: &&Rule| rule.wanted.iter().all(|(at, value)| facts[*at] == *value);
        rules.iter().find(fits).is_some_and(|rule| rule.allow)
    };
    !all.is_empty() && all.iter().all(judge)
}

/// The devices guests may have, in order of path.
pub fn read(root: &Root) -> Vec<Usb> {
    let own = root.text(POLICY);
    let rules = rules(if own.trim().is_empty() { DEFAULT } else { &own });
    let names = Names::usb(root);
    let entries = root.names(DEVICES);
    let one = |name: &String| device(root, &rules, &names, &entries, name);
    entries.iter().filter(|name| is_path(name)).filter_map(one).collect()
}

/// `1-2.3`: no controller, no interface.
fn is_path(name: &str) -> bool {
    name.contains('-') && name.bytes().all(|b| b.is_ascii_digit() || b == b'-' || b == b'.')
}

fn device(root: &Root, rules: &[Rule], names: &Names, entries: &[String], name: &str) -> Option<Usb> {
    let word = |of: &str, file: &str| root.word(format!("{DEVICES}/{of}/{file}"));
    let hex = |of: &str, file: &str| u32::from_str_radix(&word(of, file), 16).unwrap_or(0);
    let (vendor, product) = (word(name, "idVendor"), word(name, "idProduct"));
    let (vendor_number, product_number) =
        (u16::from_str_radix(&vendor, 16).ok()?, u16::from_str_radix(&product, 16).ok()?);
    let shared = [u32::from(vendor_number), u32::from(product_number), hex(name, "bcdDevice")];
    let prefix = format!("{name}:");
    let interface = |of: &String| {
        let [vid, pid, rel] = shared;
        [
            vid,
            pid,
            rel,
            hex(of, "bInterfaceClass"),
            hex(of, "bInterfaceSubClass"),
            hex(of, "bInterfaceProtocol"),
        ]
    };
    let own = [
        shared[0],
        shared[1],
        shared[2],
        hex(name, "bDeviceClass"),
        hex(name, "bDeviceSubClass"),
        hex(name, "bDeviceProtocol"),
    ];
    let interfaces: Vec<Facts> =
        entries.iter().filter(|entry| entry.starts_with(&prefix)).map(interface).collect();
    // A class of 0 says that the interfaces tell.
    let told: Vec<Facts> = if own[3] == 0 && !interfaces.is_empty() {
        interfaces
    } else {
        std::iter::once(own).chain(interfaces).collect()
    };
    if !allowed(rules, &told) {
        return None;
    }
    let said = |file: &str| Some(word(name, file)).filter(|text| !text.is_empty());
    let speed = word(name, "speed").parse().unwrap_or(-1.0);
    Some(Usb {
        path: name.to_string(),
        bus: word(name, "busnum").parse().unwrap_or(0),
        address: word(name, "devnum").parse().unwrap_or(0),
        vendor: names.known_vendor(vendor_number).or_else(|| said("manufacturer")).unwrap_or_default(),
        product: names
            .known_device(vendor_number, product_number)
            .or_else(|| said("product"))
            .unwrap_or_default(),
        vendor_id: vendor,
        product_id: product,
        serial: word(name, "serial"),
        version: word(name, "version"),
        speed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = rules(
            "# mine\nallow: vid=056a class=03\nDENY: class=03\nNONSENSE: x\nDENY: colour=red\nALLOW:\n",
        );
        let tablet = [0x056a, 1, 0, 3, 0, 0];
        let keyboard = [0x046d, 1, 0, 3, 1, 1];
        let stick = [0x0781, 1, 0, 8, 6, 0x50];
        assert!(allowed(&rules, &[tablet]));
        assert!(!allowed(&rules, &[keyboard]));
        assert!(allowed(&rules, &[stick]));
        assert!(!allowed(&rules, &[stick, keyboard]), "one part that may not go keeps the whole");
        assert!(!allowed(&rules, &[]), "what says nothing is not passed on");
    }
}
