//! Which card is `ethN`: static rules of the administrator, and what the last boot found. Never renames.

use super::malformed::{Malformed, Result, text};
use serde::Serialize;
use serde_json::Value;

/// Directory of both files.
pub const DIRECTORY: &str = "/etc/sysconfig/network-scripts/interface-rename-data";

/// How a static rule knows a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Hardware address.
    Mac(String),
    /// PCI address, with the index among a device's ports.
    Pci(String, Option<u32>),
    /// Physical port name.
    Ppn(String),
    /// Label of the firmware.
    Label(String),
}

/// A static rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// `ethN`.
    pub name: String,
    /// Which card.
    pub by: By,
}

/// A card as the last boot found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Hardware address, in lower case.
    pub mac: String,
    /// PCI address.
    pub pci: String,
    /// `ethN`.
    pub name: String,
}

/// What the dynamic rules say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Dynamic {
    /// Cards of the last boot.
    pub lastboot: Vec<Seen>,
    /// Cards that are gone.
    pub old: Vec<Seen>,
}

/// Is it six octets with colons?
pub fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    parts.len() == 6
        && parts.iter().all(|part| part.len() == 2 && part.chars().all(|c| c.is_ascii_hexdigit()))
}

fn is_eth(name: &str) -> bool {
    name.strip_prefix("eth").is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
}

/// Reads `static-rules.conf`.
///
/// # Errors
/// A line that is no rule.
pub fn static_rules(file: &str, bytes: &[u8]) -> Result<Vec<Rule>> {
    let expected = "`ethN: mac|pci|ppn|label = \"value\"`";
    let mut out = Vec::new();
    for (number, line) in super::malformed::lines(text(file, bytes)?) {
        let wrong = || Malformed::at(file, number, expected, line);
        let (name, rest) = line.split_once(':').ok_or_else(wrong)?;
        let (key, value) = rest.split_once('=').ok_or_else(wrong)?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value).to_owned();
        if !is_eth(name.trim()) || value.is_empty() {
            return Err(wrong());
        }
        let by = match key.trim() {
            "mac" if is_mac(&value) => By::Mac(value.to_lowercase()),
            "pci" => match value.split_once('[') {
                None => By::Pci(value, None),
                Some((address, index)) => {
                    let index = index.strip_suffix(']').and_then(|i| i.parse().ok()).ok_or_else(wrong)?;
                    By::Pci(address.to_owned(), Some(index))
                }
            },
            "ppn" => By::Ppn(value),
            "label" => By::Label(value),
            _ => return Err(wrong()),
        };
        out.push(Rule { name: name.trim().to_owned(), by });
    }
    Ok(out)
}

/// Reads `dynamic-rules.json`.
///
/// # Errors
/// What is no JSON after its comments, or lists no cards.
pub fn dynamic_rules(file: &str, bytes: &[u8]) -> Result<Dynamic> {
    // Comment lines become empty ones, so that the JSON reader counts lines as the file has them.
    let source: Vec<&str> =
        text(file, bytes)?.lines().map(|l| if l.trim_start().starts_with('#') { "" } else { l }).collect();
    if source.iter().all(|line| line.trim().is_empty()) {
        return Ok(Dynamic::default());
    }
    let value: Value = serde_json::from_str(&source.join("\n")).map_err(|e| {
        Malformed::at(file, e.line(), "JSON", source.get(e.line().saturating_sub(1)).unwrap_or(&""))
    })?;
    let cards = |key: &str| -> Result<Vec<Seen>> {
        let wrong = |value: &Value| {
            Malformed::at(file, 1, format!("[mac, pci, \"ethN\"] in {key}"), &value.to_string())
        };
        let Some(list) = value.get(key) else { return Ok(Vec::new()) };
        list.as_array()
            .ok_or_else(|| wrong(list))?
            .iter()
            .map(|one| {
                let texts: Vec<&str> =
                    one.as_array().map(|l| l.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
                match texts[..] {
                    [mac, pci, name] if is_mac(mac) => {
                        Ok(Seen { mac: mac.to_lowercase(), pci: pci.to_owned(), name: name.to_owned() })
                    }
                    _ => Err(wrong(one)),
                }
            })
            .collect()
    };
    if !value.is_object() {
        return Err(Malformed::at(file, 1, "{\"lastboot\": …, \"old\": …}", &value.to_string()));
    }
    Ok(Dynamic { lastboot: cards("lastboot")?, old: cards("old")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let read = static_rules("f", b"# c\neth0: mac = \"52:54:00:06:00:00\"\neth1:pci=0000:02:00.0[1]\neth2: label = em1\neth3: ppn = \"em3\"\n").unwrap();
        assert_eq!(read[0].by, By::Mac("52:54:00:06:00:00".into()));
        assert_eq!(read[1].by, By::Pci("0000:02:00.0".into(), Some(1)));
        assert_eq!(read.len(), 4);
        for bad in [
            "eth0 mac = x",
            "eth0: mac = nonsense",
            "wlan0: label = x",
            "eth0: colour = red",
            "eth0: pci = 1[x]",
        ] {
            assert_eq!(static_rules("f", format!("\n{bad}").as_bytes()).unwrap_err().line, 2, "{bad}");
        }
    }

    #[test]
    fn last_boot() {
        let read = dynamic_rules(
            "f",
            b"# c\n{\"lastboot\": [[\"52:54:00:06:00:AA\", \"0000:01:00.0\", \"eth0\"]], \"old\": []}",
        )
        .unwrap();
        assert_eq!(read.lastboot[0].mac, "52:54:00:06:00:aa");
        assert_eq!(dynamic_rules("f", b"# only a comment\n").unwrap(), Dynamic::default());
        assert_eq!(dynamic_rules("f", b"# c\n{\n\"lastboot\": [\n}").unwrap_err().line, 4);
        assert!(dynamic_rules("f", b"{\"lastboot\": [[\"x\"]]}").is_err());
        assert!(dynamic_rules("f", b"[]").is_err());
    }
}
