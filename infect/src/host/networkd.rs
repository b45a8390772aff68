//! `/var/lib/xcp/networkd.db`: the network as the old host brought it up at boot. Every field may be missing; letter
//! case of the constructors and keys does not matter; a shape nobody knows is an error, not a guess.

use super::malformed::{Malformed, Result, text};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Where it is.
pub const PATH: &str = "/var/lib/xcp/networkd.db";

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Networkd {
    /// Interfaces by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// Bridges by name.
    pub bridges: BTreeMap<String, Bridge>,
    /// Whose gateway is the host's.
    pub gateway_interface: Option<String>,
    /// Whose name servers are the host's.
    pub dns_interface: Option<String>,
    /// Cards in order, on hosts that no longer rename by rules.
    pub interface_order: Option<Vec<OrderedInterface>>,
}

/// IPv4 of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum V4 {
    /// None.
    #[default]
    None,
    /// From DHCP.
    Dhcp,
    /// Addresses with prefix lengths.
    Static(Vec<(String, u8)>),
}

/// IPv6 of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum V6 {
    /// None.
    #[default]
    None,
    /// Only the link's own.
    LinkLocal,
    /// From DHCP.
    Dhcp,
    /// From router advertisements.
    Autoconf,
    /// Addresses with prefix lengths.
    Static(Vec<(String, u8)>),
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Network.
    pub subnet: String,
    /// Its prefix length.
    pub prefix: u8,
    /// Router.
    pub gateway: String,
}

/// An interface with settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// IPv4.
    pub v4: V4,
    /// Its gateway.
    pub v4_gateway: Option<String>,
    /// IPv6.
    pub v6: V6,
    /// Its gateway.
    pub v6_gateway: Option<String>,
    /// Further routes.
    pub routes: Vec<Route>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Search domains.
    pub domains: Vec<String>,
    /// Largest packet.
    pub mtu: Option<u32>,
    /// `ethtool -s`.
    pub settings: BTreeMap<String, String>,
    /// `ethtool -K`.
    pub offload: BTreeMap<String, String>,
}

/// A bridge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Bridge {
    /// Ports by name.
    pub ports: BTreeMap<String, Port>,
    /// Parent bridge and tag of a VLAN's bridge.
    pub vlan: Option<(String, u16)>,
    /// Hardware address.
    pub mac: Option<String>,
    /// Is IGMP snooped?
    pub igmp_snooping: bool,
    /// Other settings.
    pub other_config: BTreeMap<String, String>,
}

/// A port of a bridge: one interface, or several bonded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Interfaces.
    pub interfaces: Vec<String>,
    /// Properties of the bond.
    pub bond: BTreeMap<String, String>,
    /// Hardware address of the bond.
    pub mac: Option<String>,
    /// Kind of port.
    pub kind: String,
}

/// A card in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderedInterface {
    /// Name.
    pub name: String,
    /// Place.
    pub position: i64,
    /// Hardware address, written with colons.
    pub mac: String,
    /// PCI address.
    pub pci: String,
    /// Was it there?
    pub present: bool,
}

/// Reads it.
///
/// # Errors
/// What is no JSON, and shapes nobody knows; the path in the document is in `expected`.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Networkd> {
    let source = text(file, bytes)?;
    let value: Value = serde_json::from_str(source).map_err(|e| {
        Malformed::at(
            file,
            e.line(),
            "JSON",
            source.lines().nth(e.line().saturating_sub(1)).map_or("", |l| tail(l, e.column())),
        )
    })?;
    let cx = Cx { file };
    let root = cx.object(&value, "the document")?;
    let mut out = Networkd::default();
    for (name, one) in cx.members(root, "interface_config")? {
        out.interfaces.insert(name.clone(), cx.interface(one, &format!("interface_config.{name}"))?);
    }
    for (name, one) in cx.members(root, "bridge_config")? {
        out.bridges.insert(name.clone(), cx.bridge(one, &format!("bridge_config.{name}"))?);
    }
    out.gateway_interface = cx.text_of(root, "gateway_interface", "gateway_interface")?;
    out.dns_interface = cx.text_of(root, "dns_interface", "dns_interface")?;
    if let Some(order) = member(root, "interface_order") {
        out.interface_order = Some(
            cx.array(order, "interface_order")?.iter().map(|one| cx.ordered(one)).collect::<Result<_>>()?,
        );
    }
    Ok(out)
}

fn tail(line: &str, column: usize) -> &str {
    line.get(column.saturating_sub(1)..).unwrap_or("")
}

fn member<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let found =
        object.get(key).or_else(|| object.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v));
    found.filter(|value| !value.is_null())
}

struct Cx<'a> {
    file: &'a str,
}

impl Cx<'_> {
    fn wrong<T>(&self, value: &Value, path: &str, expected: &str) -> Result<T> {
        Err(Malformed::at(self.file, 1, format!("{expected} at {path}"), &value.to_string()))
    }

    fn object<'v>(&self, value: &'v Value, path: &str) -> Result<&'v Map<String, Value>> {
        value.as_object().map_or_else(|| self.wrong(value, path, "an object"), Ok)
    }

    fn array<'v>(&self, value: &'v Value, path: &str) -> Result<&'v Vec<Value>> {
        value.as_array().map_or_else(|| self.wrong(value, path, "a list"), Ok)
    }

    fn text(&self, value: &Value, path: &str) -> Result<String> {
        value.as_str().map_or_else(|| self.wrong(value, path, "a text"), |s| Ok(s.to_owned()))
    }

    fn number(&self, value: &Value, path: &str, most: u64) -> Result<u64> {
        match value.as_u64().or_else(|| value.as_str().and_then(|s| s.parse().ok())) {
            Some(n) if n <= most => Ok(n),
            _ => self.wrong(value, path, &format!("a number up to {most}")),
        }
    }

    fn members<'v>(&self, object: &'v Map<String, Value>, key: &str) -> Result<Vec<(&'v String, &'v Value)>> {
        member(object, key).map_or(Ok(Vec::new()), |value| Ok(self.object(value, key)?.iter().collect()))
    }

    fn text_of(&self, object: &Map<String, Value>, key: &str, path: &str) -> Result<Option<String>> {
        member(object, key).map(|value| self.text(value, path)).transpose()
    }

    fn map_of(&self, object: &Map<String, Value>, key: &str, path: &str) -> Result<BTreeMap<String, String>> {
        let Some(value) = member(object, key) else { return Ok(BTreeMap::new()) };
        let path = format!("{path}.{key}");
        // Old files write an association list.
        if let Some(list) = value.as_array() {
            return list
                .iter()
                .map(|pair| match pair.as_array().map(Vec::as_slice) {
                    Some([key, value]) => Ok((self.text(key, &path)?, self.text(value, &path)?)),
                    _ => self.wrong(pair, &path, "[key, value]"),
                })
                .collect();
        }
        self.object(value, &path)?.iter().map(|(k, v)| Ok((k.clone(), self.text(v, &path)?))).collect()
    }

    fn texts(&self, value: &Value, path: &str) -> Result<Vec<String>> {
        self.array(value, path)?.iter().map(|one| self.text(one, path)).collect()
    }

    fn addresses(&self, value: &Value, path: &str, most: u64) -> Result<Vec<(String, u8)>> {
        self.array(value, path)?
            .iter()
            .map(|one| match one.as_array().map(Vec::as_slice) {
                Some([address, prefix]) => {
                    let text = self.text(address, path)?;
                    if text.parse::<std::net::IpAddr>().is_err() {
                        return self.wrong(address, path, "an IP address");
                    }
                    Ok((text, self.number(prefix, path, most)? as u8))
                }
                _ => self.wrong(one, path, "[address, prefix length]"),
            })
            .collect()
    }

    /// Constructor and argument.
    fn constructor<'v>(&self, value: &'v Value, path: &str) -> Result<(String, Option<&'v Value>)> {
        match value {
            Value::String(name) => Ok((name.to_lowercase(), None)),
            Value::Array(list) if list.len() == 1 => Ok((self.text(&list[0], path)?.to_lowercase(), None)),
            Value::Array(list) if list.len() == 2 => {
                Ok((self.text(&list[0], path)?.to_lowercase(), Some(&list[1])))
            }
            _ => self.wrong(value, path, "a constructor"),
        }
    }

    fn v4(&self, value: &Value, path: &str) -> Result<V4> {
        match self.constructor(value, path)? {
            (name, None) if name == "none4" => Ok(V4::None),
            (name, None) if name == "dhcp4" => Ok(V4::Dhcp),
            (name, Some(argument)) if name == "static4" => {
                Ok(V4::Static(self.addresses(argument, path, 32)?))
            }
            _ => self.wrong(value, path, "None4, DHCP4 or Static4"),
        }
    }

    fn v6(&self, value: &Value, path: &str) -> Result<V6> {
        match self.constructor(value, path)? {
            (name, None) if name == "none6" => Ok(V6::None),
            (name, None) if name == "linklocal6" => Ok(V6::LinkLocal),
            (name, None) if name == "dhcp6" => Ok(V6::Dhcp),
            (name, None) if name == "autoconf6" => Ok(V6::Autoconf),
            (name, Some(argument)) if name == "static6" => {
                Ok(V6::Static(self.addresses(argument, path, 128)?))
            }
            _ => self.wrong(value, path, "None6, Linklocal6, DHCP6, Autoconf6 or Static6"),
        }
    }

    fn route(&self, value: &Value, path: &str) -> Result<Route> {
        let (subnet, prefix, gateway) = match value {
            Value::Array(list) if list.len() == 3 => (&list[2], &list[1], &list[0]),
            Value::Object(object) => {
                match (member(object, "subnet"), member(object, "netmask"), member(object, "gateway")) {
                    (Some(subnet), Some(prefix), Some(gateway)) => (subnet, prefix, gateway),
                    _ => return self.wrong(value, path, "{subnet, netmask, gateway}"),
                }
            }
            _ => return self.wrong(value, path, "a route"),
        };
        Ok(Route {
            subnet: self.text(subnet, path)?,
            prefix: self.number(prefix, path, 128)? as u8,
            gateway: self.text(gateway, path)?,
        })
    }

    fn interface(&self, value: &Value, path: &str) -> Result<Interface> {
        let object = self.object(value, path)?;
        let at = |key: &str| format!("{path}.{key}");
        let (dns, domains) = match member(object, "dns") {
            None => (Vec::new(), Vec::new()),
            Some(Value::Array(list)) if list.len() == 2 => {
                (self.texts(&list[0], &at("dns"))?, self.texts(&list[1], &at("dns"))?)
            }
            Some(other) => return self.wrong(other, &at("dns"), "[servers, domains]"),
        };
        Ok(Interface {
            v4: member(object, "ipv4_conf")
                .map(|v| self.v4(v, &at("ipv4_conf")))
                .transpose()?
                .unwrap_or_default(),
            v4_gateway: self.text_of(object, "ipv4_gateway", &at("ipv4_gateway"))?,
            v6: member(object, "ipv6_conf")
                .map(|v| self.v6(v, &at("ipv6_conf")))
                .transpose()?
                .unwrap_or_default(),
            v6_gateway: self.text_of(object, "ipv6_gateway", &at("ipv6_gateway"))?,
            routes: member(object, "ipv4_routes").map_or(Ok(Vec::new()), |v| {
                self.array(v, &at("ipv4_routes"))?
                    .iter()
                    .map(|one| self.route(one, &at("ipv4_routes")))
                    .collect()
            })?,
            dns,
            domains,
            mtu: member(object, "mtu")
                .map(|v| self.number(v, &at("mtu"), 65_535))
                .transpose()?
                .map(|n| n as u32),
            settings: self.map_of(object, "ethtool_settings", path)?,
            offload: self.map_of(object, "ethtool_offload", path)?,
        })
    }

    fn bridge(&self, value: &Value, path: &str) -> Result<Bridge> {
        let object = self.object(value, path)?;
        let at = |key: &str| format!("{path}.{key}");
        let mut ports = BTreeMap::new();
        if let Some(all) = member(object, "ports") {
            for (name, one) in self.object(all, &at("ports"))? {
                ports.insert(name.clone(), self.port(one, &format!("{path}.ports.{name}"))?);
            }
        }
        let vlan = match member(object, "vlan") {
            None => None,
            Some(Value::Array(list)) if list.len() == 2 => {
                Some((self.text(&list[0], &at("vlan"))?, self.number(&list[1], &at("vlan"), 4094)? as u16))
            }
            Some(other) => return self.wrong(other, &at("vlan"), "[parent bridge, tag]"),
        };
        Ok(Bridge {
            ports,
            vlan,
            mac: self.text_of(object, "bridge_mac", &at("bridge_mac"))?,
            igmp_snooping: member(object, "igmp_snooping").and_then(Value::as_bool).unwrap_or(false),
            other_config: self.map_of(object, "other_config", path)?,
        })
    }

    fn port(&self, value: &Value, path: &str) -> Result<Port> {
        let object = self.object(value, path)?;
        Ok(Port {
            interfaces: member(object, "interfaces")
                .map_or(Ok(Vec::new()), |v| self.texts(v, &format!("{path}.interfaces")))?,
            bond: self.map_of(object, "bond_properties", path)?,
            mac: self.text_of(object, "bond_mac", &format!("{path}.bond_mac"))?,
            kind: self
                .text_of(object, "kind", &format!("{path}.kind"))?
                .unwrap_or_else(|| "Basic_port".into()),
        })
    }

    fn ordered(&self, value: &Value) -> Result<OrderedInterface> {
        let path = "interface_order";
        let object = self.object(value, path)?;
        let mac = self.text_of(object, "mac", path)?.unwrap_or_default();
        // Six raw octets, each as one character.
        let mac = if mac.chars().count() == 6 {
            mac.chars().map(|c| format!("{:02x}", c as u32)).collect::<Vec<_>>().join(":")
        } else {
            mac
        };
        Ok(OrderedInterface {
            name: self.text_of(object, "name", path)?.unwrap_or_default(),
            position: member(object, "position").and_then(Value::as_i64).unwrap_or(-1),
            mac,
            pci: self.text_of(object, "pci", path)?.unwrap_or_default(),
            present: member(object, "present").and_then(Value::as_bool).unwrap_or(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_encoding() {
        let read = parse(
            PATH,
            br#"{"interface_config": {
                "xenbr0": {"ipv4_conf": ["Static4", [["192.0.2.10", 24]]], "dns": [["192.0.2.53"], ["example.net"]], "mtu": 1500,
                           "ipv4_routes": [{"subnet": "198.51.100.0", "netmask": 24, "gateway": "192.0.2.1"}, ["192.0.2.2", 8, "10.0.0.0"]]},
                "xenbr1": {"ipv4_conf": "dhcp4", "ipv6_conf": ["static6", [["2001:db8::1", 64]]]},
                "eth2": {}},
               "bridge_config": {"xapi3": {"vlan": ["xenbr0", 42], "ports": {"bond0": {"interfaces": ["eth2", "eth3"], "bond_properties": {"mode": "lacp"}}}}},
               "Gateway_Interface": "xenbr0", "interface_order": [{"name": "eth0", "position": 0, "mac": "RT\u0000\u0006\u0000\u00ff", "pci": "0000:01:00.0", "present": true}]}"#,
        )
        .unwrap();
        let one = &read.interfaces["xenbr0"];
        assert_eq!(one.v4, V4::Static(vec![("192.0.2.10".into(), 24)]));
        assert_eq!(
            (one.routes[0].subnet.as_str(), one.routes[1].subnet.as_str(), one.routes[1].prefix),
            ("198.51.100.0", "10.0.0.0", 8)
        );
        assert_eq!(read.interfaces["xenbr1"].v4, V4::Dhcp);
        assert_eq!(read.interfaces["eth2"], Interface::default());
        assert_eq!(read.bridges["xapi3"].vlan, Some(("xenbr0".into(), 42)));
        assert_eq!(read.gateway_interface.as_deref(), Some("xenbr0"));
        assert_eq!(read.interface_order.unwrap()[0].mac, "52:54:00:06:00:ff");
    }

    #[test]
    fn wrong_shapes_are_named() {
        let e = parse(PATH, b"{\"interface_config\":\n {\"eth0\": }}").unwrap_err();
        assert_eq!((e.line, e.expected.as_str()), (2, "JSON"));
        for (text, place) in [
            (r#"{"interface_config": {"a": {"ipv4_conf": "Static4"}}}"#, "interface_config.a.ipv4_conf"),
            (
                r#"{"interface_config": {"a": {"ipv4_conf": ["Static4", [["192.0.2.1", 33]]]}}}"#,
                "interface_config.a.ipv4_conf",
            ),
            (r#"{"interface_config": {"a": {"dns": "x"}}}"#, "interface_config.a.dns"),
            (r#"{"bridge_config": {"b": {"vlan": ["x", 5000]}}}"#, "bridge_config.b.vlan"),
            (r#"[]"#, "the document"),
        ] {
            let e = parse(PATH, text.as_bytes()).unwrap_err();
            assert!(e.expected.ends_with(place), "{e}");
        }
    }
}
