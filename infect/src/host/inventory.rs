//! `/etc/xensource-inventory`: who the host is, and what it was made from.

use super::malformed::{Malformed, Result};
use super::shell;
use serde::Serialize;
use std::collections::BTreeMap;

/// Where it is.
pub const PATH: &str = "/etc/xensource-inventory";

/// The inventory; keys nobody knows are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Every key and value.
    pub values: BTreeMap<String, String>,
}

/// A release that can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Release {
    /// XCP-ng 8.2 or 8.3.
    Supported,
    /// XenServer or Citrix Hypervisor 8.2 and later: nearly the same, never tried.
    BestEffort,
    /// Anything else.
    Unsupported,
}

/// Reads it.
///
/// # Errors
/// A line that is none, and identities that are missing or no UUIDs.
pub fn parse(file: &str, bytes: &[u8]) -> Result<Inventory> {
    let mut values = BTreeMap::new();
    let mut at = BTreeMap::new();
    for (line, key, value) in shell::parse(file, bytes)? {
        at.insert(key.clone(), line);
        values.insert(key, value);
    }
    for key in ["INSTALLATION_UUID", "CONTROL_DOMAIN_UUID"] {
        match values.get(key) {
            None => {
                return Err(Malformed::at(
                    file,
                    bytes.split(|b| *b == b'\n').count(),
                    format!("{key}='<uuid>'"),
                    "",
                ));
            }
            Some(value) if uuid::Uuid::parse_str(value).is_err() => {
                return Err(Malformed::at(file, at[key], format!("a UUID for {key}"), value));
            }
            Some(_) => {}
        }
    }
    Ok(Inventory { values })
}

impl Inventory {
    /// A value, "" when there is none.
    pub fn get(&self, key: &str) -> &str {
        self.values.get(key).map_or("", String::as_str)
    }

    /// The host's UUID.
    pub fn host_uuid(&self) -> &str {
        self.get("INSTALLATION_UUID")
    }

    /// The bridge of the management network; `None` when management is switched off.
    pub fn management(&self) -> Option<&str> {
        Some(self.get("MANAGEMENT_INTERFACE")).filter(|name| !name.is_empty())
    }

    /// Partitions the installer made, as it names them.
    pub fn layout(&self) -> Vec<&str> {
        self.get("PARTITION_LAYOUT").split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
    }

    /// Brand and version, for people.
    pub fn product(&self) -> String {
        format!("{} {}", self.get("PRODUCT_BRAND"), self.get("PRODUCT_VERSION"))
    }

    /// What kind of source it is.
    pub fn release(&self) -> Release {
        let version = self.get("PRODUCT_VERSION");
        let is = |prefix: &str| version == prefix || version.starts_with(&format!("{prefix}."));
        match self.get("PRODUCT_BRAND") {
            "XCP-ng" if is("8.2") || is("8.3") => Release::Supported,
            "XenServer" | "Citrix Hypervisor" if is("8.2") || is("8.3") || is("8.4") || is("9") => {
                Release::BestEffort
            }
            "XenServer" if self.get("PRODUCT_VERSION_TEXT") == "8" => Release::BestEffort,
            _ => Release::Unsupported,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "PRODUCT_BRAND='XCP-ng'\nPRODUCT_VERSION='8.3.0'\nODD='kept'\n\
        INSTALLATION_UUID='96b2c882-6fe8-5ede-993b-d930645d60ca'\nCONTROL_DOMAIN_UUID='5408e6c0-57cc-511c-a10d-9f2dd171ab9b'\n";

    #[test]
    fn reads_and_keeps_the_unknown() {
        let read = parse(PATH, GOOD.as_bytes()).unwrap();
        assert_eq!(read.get("ODD"), "kept");
        assert_eq!(read.release(), Release::Supported);
        assert_eq!(read.management(), None);
    }

    #[test]
    fn identities_must_be_there() {
        let e = parse(PATH, b"PRODUCT_BRAND='XCP-ng'\n").unwrap_err();
        assert!(e.to_string().contains("INSTALLATION_UUID"), "{e}");
        let e = parse(PATH, GOOD.replace("96b2c882-6fe8", "96b2c882").as_bytes()).unwrap_err();
        assert_eq!((e.line, e.expected.as_str()), (4, "a UUID for INSTALLATION_UUID"));
    }

    #[test]
    fn old_releases_are_told_apart() {
        for (brand, version, kind) in [
            ("XCP-ng", "8.2.1", Release::Supported),
            ("XCP-ng", "8.1.0", Release::Unsupported),
            ("XCP-ng", "7.6.0", Release::Unsupported),
            ("XenServer", "9.0.0", Release::BestEffort),
            ("Citrix Hypervisor", "8.2.0", Release::BestEffort),
            ("XenServer", "7.1.2", Release::Unsupported),
        ] {
            let text = GOOD.replace("XCP-ng", brand).replace("8.3.0", version);
            assert_eq!(parse(PATH, text.as_bytes()).unwrap().release(), kind, "{brand} {version}");
        }
    }
}
