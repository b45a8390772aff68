//! What may stand in a command, a rule or the name of a file: names, hardware addresses and settings come from
//! clients and from old databases, and are checked here before any of them is used. Pure.

use std::net::IpAddr;

use xapi_backend::network::{Addressing, Addressing6, Below, Link};
use xapi_schema::Result;

use crate::{failed, links::mac_bytes};

/// What the second port of an emulated machine's card is called behind the name of the first.
pub const EMULATED: &str = "-emu";

/// That second port.
pub fn emulated(port: &str) -> String {
    format!("{port}{EMULATED}")
}

/// A name the kernel takes for an interface, and no more than that.
pub fn is_interface(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=15).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with(['-', '.'])
}

/// Words of settings: no spaces, no lines, nothing that begins another statement.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte))
}

/// # Errors
/// INTERNAL_ERROR naming what is no interface.
pub fn check_interface(name: &str) -> Result<()> {
    if is_interface(name) {
        Ok(())
    } else {
        Err(failed("a network interface", format!("{name:?} is no name for one")))
    }
}

/// # Errors
/// INTERNAL_ERROR naming the first part of a link that cannot be used.
pub fn check(link: &Link) -> Result<()> {
    check_interface(&link.bridge)?;
    if !link.mac.is_empty() && mac_bytes(&link.mac).is_none() {
        return Err(failed(&link.bridge, format!("{:?} is no hardware address", link.mac)));
    }
    let (names, properties): (Vec<&String>, &[(String, String)]) = match &link.below {
        Below::Nothing => (vec![], &[]),
        Below::Device(device) | Below::Tunnel { device, .. } => (vec![device], &[]),
        Below::Vlan { device, bridge, .. } => (vec![device, bridge], &[]),
        Below::Bond { device, members, properties, .. } => {
            (std::iter::once(device).chain(members).collect(), properties)
        }
    };
    names.into_iter().try_for_each(|name| check_interface(name))?;
    match properties.iter().find(|(key, value)| !is_word(key) || !is_word(value)) {
        Some((key, value)) => {
            Err(failed(&link.bridge, format!("{key:?}={value:?} is no property of a bond")))
        }
        None => Ok(()),
    }
}

/// # Errors
/// INTERNAL_ERROR naming the first text that is no address.
pub fn check_addressing(how: &Addressing) -> Result<()> {
    let Addressing::Static(ip, netmask, gateway, servers) = how else { return Ok(()) };
    let all = [ip, netmask, gateway].into_iter().chain(servers);
    all.filter(|text| !text.is_empty()).try_for_each(|text| address(text, text))
}

/// # Errors
/// As [`check_addressing`].
pub fn check_addressing6(how: &Addressing6) -> Result<()> {
    let Addressing6::Static(addresses, gateway) = how else { return Ok(()) };
    addresses.iter().try_for_each(|text| address(text, text.split('/').next().unwrap_or_default()))?;
    if addresses
        .iter()
        .any(|text| text.split_once('/').is_none_or(|(_, length)| length.parse::<u8>().is_err()))
    {
        return Err(failed("an address", "it has no prefix length"));
    }
    if gateway.is_empty() { Ok(()) } else { address(gateway, gateway) }
}

fn address(told: &str, text: &str) -> Result<()> {
    match text.parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(failed("an address", format!("{told:?} is none"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_begin_another_statement_is_refused() {
        for name in ["", "../etc", "a b", "a\nb", "-x", "..", "a-name-of-sixteen"] {
            assert!(!is_interface(name), "{name:?}");
        }
        assert!(["xenbr0", "eth0.42", "vif1.0", "bond0"].iter().all(|name| is_interface(name)));
        let link = |mac: &str, value: &str| Link {
            bridge: "xapi0".into(),
            below: Below::Bond {
                device: "bond0".into(),
                members: vec!["eth0".into()],
                mode: "lacp".into(),
                properties: vec![("miimon".into(), value.into())],
            },
            mtu: 1500,
            mac: mac.into(),
            settings: vec![],
        };
        assert!(check(&link("02:00:00:00:00:01", "100")).is_ok());
        assert!(check(&link("02:00:00:00:00:01 x", "100")).is_err());
        assert!(check(&link("", "100\n[NetDev]")).is_err());
        let with = |server: &str| {
            Addressing::Static("192.0.2.1".into(), "255.255.255.0".into(), String::new(), vec![server.into()])
        };
        assert!(check_addressing(&with("192.0.2.53")).is_ok());
        assert!(check_addressing(&with("192.0.2.53\nDomains=x")).is_err());
    }
}
