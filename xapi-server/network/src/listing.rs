//! What Open vSwitch has, of one answer of `ovs-vsctl`: bridges, ports and what is in them, as they stand at one moment. Pure.
//!
//! Follows how `ovs-vsctl` itself reads the switch's tables: a VLAN's bridge is a port that says so, and the ports of the
//! same tag beside it are on that bridge; a bridge's own port is none of its ports.

use std::collections::HashMap;

use serde_json::Value;

use crate::switch::{Bridge, KEPT};

/// The question; its answer is a table in JSON a line, in this order.
pub const QUESTION: &str = "--format=json --columns=name,ports,external_ids list bridge \
     -- --columns=_uuid,name,tag,fake_bridge,interfaces list port -- --columns=_uuid,name list interface";

/// A port.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Its name: that of its interface, or of the bond.
    pub name: String,
    /// The bridge it is on, which may be a VLAN's.
    pub bridge: String,
    /// Names of its interfaces: more than one in a bond.
    pub interfaces: Vec<String>,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// Every bridge, of VLANs too.
    pub bridges: Vec<Bridge>,
    /// Every port that is not a bridge's own.
    pub ports: Vec<Port>,
}

impl Listing {
    /// Reads an answer to [`QUESTION`].
    ///
    /// # Errors
    /// What is not as expected of it.
    pub fn read(answer: &str) -> Result<Listing, String> {
        let tables =
            answer.lines().filter(|line| !line.is_empty()).map(rows).collect::<Result<Vec<_>, _>>()?;
        let [bridges, ports, interfaces] = &tables[..] else {
            return Err(format!("{} tables instead of 3", tables.len()));
        };
        let by_number = |rows: &[Row]| -> HashMap<String, Row> {
            rows.iter()
                .filter_map(|row| Some((number(row.get("_uuid")?)?.to_string(), row.clone())))
                .collect()
        };
        let (ports, interfaces) = (by_number(ports), by_number(interfaces));
        let mut all = Listing::default();
        for bridge in bridges {
            let name = text(bridge, "name")?;
            all.bridges.push(Bridge { name: name.clone(), parent: name.clone(), kept: has(bridge, KEPT) });
            let own: Vec<&Row> = items(bridge, "ports").filter_map(|p| ports.get(number(p)?)).collect();
            let mut vlans = HashMap::new();
            for port in own.iter().filter(|port| port.get("fake_bridge") == Some(&Value::Bool(true))) {
                let vlan = text(port, "name")?;
                vlans.extend(tag(port).map(|tag| (tag, vlan.clone())));
                all.bridges.push(Bridge { name: vlan, parent: name.clone(), kept: false });
            }
            for port in own {
                let on = tag(port).and_then(|tag| vlans.get(&tag)).unwrap_or(&name);
                let port_name = text(port, "name")?;
                if port_name == name || port_name == *on {
                    continue;
                }
                let inside = items(port, "interfaces").filter_map(|i| interfaces.get(number(i)?));
                let interfaces = inside.map(|interface| text(interface, "name")).collect::<Result<_, _>>()?;
                all.ports.push(Port { name: port_name, bridge: on.clone(), interfaces });
            }
        }
        Ok(all)
    }

    /// A bridge.
    pub fn bridge(&self, name: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|bridge| bridge.name == name)
    }

    /// A port.
    pub fn port(&self, name: &str) -> Option<&Port> {
        self.ports.iter().find(|port| port.name == name)
    }

    /// The port an interface is in.
    pub fn holder(&self, interface: &str) -> Option<&Port> {
        self.ports.iter().find(|port| port.interfaces.iter().any(|known| known == interface))
    }

    /// Names of a bridge's ports.
    pub fn ports_of(&self, bridge: &str) -> Vec<String> {
        self.ports.iter().filter(|port| port.bridge == bridge).map(|port| port.name.clone()).collect()
    }
}

type Row = HashMap<String, Value>;

fn rows(line: &str) -> Result<Vec<Row>, String> {
    let table: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let part = |name: &str| table[name].as_array().ok_or_else(|| format!("a table has no {name}"));
    let headings: Vec<&str> = part("headings")?.iter().filter_map(Value::as_str).collect();
    let row = |row: &Value| {
        let cells = row.as_array().into_iter().flatten().cloned();
        headings.iter().map(|heading| heading.to_string()).zip(cells).collect()
    };
    Ok(part("data")?.iter().map(row).collect())
}

fn text(row: &Row, column: &str) -> Result<String, String> {
    let found = row.get(column).and_then(Value::as_str);
    found.map(str::to_string).ok_or_else(|| format!("a row has no {column}"))
}

/// The atoms of a set; one that stands alone is written without the set around it.
fn items<'a>(row: &'a Row, column: &str) -> impl Iterator<Item = &'a Value> {
    let value = row.get(column);
    let inside = value.filter(|value| value[0] == "set").map(|value| &value[1]);
    let (many, one) = (inside.and_then(Value::as_array), value.filter(|_| inside.is_none()));
    many.into_iter().flatten().chain(one)
}

/// A reference to a row.
fn number(atom: &Value) -> Option<&str> {
    if atom[0] == "uuid" { atom[1].as_str() } else { None }
}

fn tag(port: &Row) -> Option<i64> {
    port.get("tag")?.as_i64()
}

/// An external id is there.
fn has(bridge: &Row, key: &str) -> bool {
    let pairs = bridge.get("external_ids").and_then(|map| map[1].as_array());
    pairs.into_iter().flatten().any(|pair| pair[0] == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Open vSwitch 3.1 answered; numbers shortened.
    const ANSWER: &str = r#"
{"data":[["empty",["uuid","e0"],["map",[]]],["xenbr0",["set",[["uuid","b0"],["uuid","b1"],["uuid","b2"],["uuid","b3"],["uuid","b4"]]],["map",[["xennix-kept","yes"]]]]],"headings":["name","ports","external_ids"]}
{"data":[[["uuid","b1"],"bond0",["set",[]],false,["set",[["uuid","i1"],["uuid","i2"]]]],[["uuid","b2"],"eth0",["set",[]],false,["uuid","i3"]],[["uuid","b4"],"vif1.0",5,false,["uuid","i4"]],[["uuid","b0"],"xenbr0",["set",[]],false,["uuid","i5"]],[["uuid","e0"],"empty",["set",[]],false,["uuid","i6"]],[["uuid","b3"],"xapi5",5,true,["uuid","i7"]]],"headings":["_uuid","name","tag","fake_bridge","interfaces"]}
{"data":[[["uuid","i5"],"xenbr0"],[["uuid","i2"],"eth1"],[["uuid","i3"],"eth0"],[["uuid","i7"],"xapi5"],[["uuid","i6"],"empty"],[["uuid","i4"],"vif1.0"],[["uuid","i1"],"eth2"]],"headings":["_uuid","name"]}
"#;

    #[test]
    fn a_switch_is_read_as_its_own_program_reads_it() {
        let all = Listing::read(ANSWER).expect("an answer");
        let bridge =
            |name: &str, parent: &str, kept| Bridge { name: name.into(), parent: parent.into(), kept };
        assert_eq!(
            all.bridges,
            [
                bridge("empty", "empty", false),
                bridge("xenbr0", "xenbr0", true),
                bridge("xapi5", "xenbr0", false)
            ]
        );
        assert_eq!(all.ports_of("xenbr0"), ["bond0", "eth0"]);
        assert_eq!(all.ports_of("xapi5"), ["vif1.0"]);
        assert!(all.ports_of("empty").is_empty());
        assert_eq!(
            all.holder("eth1").map(|port| (port.name.as_str(), port.bridge.as_str())),
            Some(("bond0", "xenbr0"))
        );
        assert_eq!(
            all.port("bond0").map(|port| port.interfaces.as_slice()),
            Some(&["eth2".into(), "eth1".into()][..])
        );
        // As `port-to-br` and `iface-to-br` say of them.
        for none in ["eth1", "xapi5", "xenbr0"] {
            assert_eq!(all.port(none), None);
        }
        for none in ["bond0", "xapi5", "xenbr0"] {
            assert_eq!(all.holder(none), None);
        }
    }

    #[test]
    fn what_is_no_answer_is_not_taken_for_an_empty_switch() {
        for text in ["", "{}", "{\"headings\":[],\"data\":[]}", "no\nno\nno"] {
            assert!(Listing::read(text).is_err(), "{text}");
        }
    }
}
