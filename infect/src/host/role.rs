//! The host's place in its pool: `pool.conf`, the pool's secret, and where the database is. The secret is never shown.

use super::malformed::{Malformed, Result, lines, text, word};
use serde::Serialize;
use std::collections::BTreeMap;

/// Where the role is.
pub const POOL_CONF: &str = "/etc/xensource/pool.conf";
/// Where the secret is.
pub const PTOKEN: &str = "/etc/xensource/ptoken";
/// Where the list of databases is.
pub const DB_CONF: &str = "/etc/xensource/db.conf";
/// What bridges are made of.
pub const NETWORK_CONF: &str = "/etc/xensource/network.conf";

/// What the host is in its pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It coordinates.
    Master,
    /// It follows the coordinator at this address.
    Member(String),
    /// It lost its pool.
    Broken,
}

/// Reads `pool.conf`.
///
/// # Errors
/// Anything but the three things it may say.
pub fn pool_conf(file: &str, bytes: &[u8]) -> Result<Role> {
    let expected = "`master`, `slave:ADDRESS` or `broken`";
    let token = word(file, bytes, expected)?;
    match token.as_str() {
        "master" => Ok(Role::Master),
        "broken" => Ok(Role::Broken),
        other => match other.split_once(':') {
            Some(("slave", address))
                if address.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() =>
            {
                Ok(Role::Member(address.trim_matches(['[', ']']).to_owned()))
            }
            Some(("slave", name))
                if !name.is_empty()
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) =>
            {
                Ok(Role::Member(name.to_owned()))
            }
            _ => Err(Malformed::at(file, 1, expected, other)),
        },
    }
}

/// The pool's secret. `Debug` and serialisation say its length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The secret itself, for the hand-off.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({} characters)", self.0.len())
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.serialize_str(&format!("({} characters)", self.0.len()))
    }
}

/// Reads the secret.
///
/// # Errors
/// When it is shorter than any that was ever made.
pub fn ptoken(file: &str, bytes: &[u8]) -> Result<Secret> {
    let expected = "a secret of at least 30 characters without spaces";
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Malformed::hidden(file, 1, expected))?
        .trim_end_matches(['\n', '\r']);
    if text.len() < 30 || text.contains(char::is_whitespace) {
        return Err(Malformed::hidden(file, 1, expected));
    }
    Ok(Secret(text.to_owned()))
}

/// One place the database is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DatabasePath {
    /// The file.
    pub path: String,
    /// Its settings, in lower case.
    pub settings: BTreeMap<String, String>,
}

impl DatabasePath {
    /// Is the file compressed?
    pub fn compressed(&self) -> bool {
        self.settings.get("compress").is_some_and(|v| v == "true")
    }

    /// Is it on shared storage?
    pub fn remote(&self) -> bool {
        self.settings.get("is_on_remote_storage").is_some_and(|v| v == "true")
    }
}

/// Reads `db.conf`.
///
/// # Errors
/// A setting outside a block, or a line that is neither.
pub fn db_conf(file: &str, bytes: &[u8]) -> Result<Vec<DatabasePath>> {
    let mut blocks: Vec<DatabasePath> = Vec::new();
    for (number, line) in lines(text(file, bytes)?) {
        if let Some(path) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            if !path.starts_with('/') {
                return Err(Malformed::at(file, number, "[/absolute/path]", line));
            }
            blocks.push(DatabasePath { path: path.to_owned(), ..DatabasePath::default() });
            continue;
        }
        let Some((key, value)) = line.split_once(':') else {
            return Err(Malformed::at(file, number, "`[path]` or `key:value`", line));
        };
        let Some(block) = blocks.last_mut() else {
            return Err(Malformed::at(file, number, "`[path]` before the first setting", line));
        };
        block.settings.insert(key.trim().to_owned(), value.trim().to_lowercase());
    }
    Ok(blocks)
}

/// What bridges are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Open vSwitch.
    Openvswitch,
    /// The kernel's bridges.
    Bridge,
}

/// Reads `network.conf`.
///
/// # Errors
/// An unknown word.
pub fn network_conf(file: &str, bytes: &[u8]) -> Result<Backend> {
    let expected = "`openvswitch` or `bridge`";
    match word(file, bytes, expected)?.as_str() {
        "openvswitch" | "vswitch" => Ok(Backend::Openvswitch),
        "bridge" => Ok(Backend::Bridge),
        other => Err(Malformed::at(file, 1, expected, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        assert_eq!(pool_conf("f", b"master").unwrap(), Role::Master);
        assert_eq!(pool_conf("f", b"slave:192.0.2.21\n").unwrap(), Role::Member("192.0.2.21".into()));
        assert_eq!(pool_conf("f", b"slave:2001:db8::1").unwrap(), Role::Member("2001:db8::1".into()));
        assert_eq!(pool_conf("f", b"broken").unwrap(), Role::Broken);
        for bad in [&b""[..], b"slave:", b"boss", b"master x", b"slave:;rm"] {
            assert!(pool_conf("f", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_secret_stays_secret() {
        let long = "37e6c5e6-ca48-59c2-b733-3828515b0643/ca6c5b1b-e7b1";
        let secret = ptoken("f", format!("{long}\n").as_bytes()).unwrap();
        assert_eq!(secret.expose(), long);
        assert!(!format!("{secret:?}{}", serde_json::to_string(&secret).unwrap()).contains("37e6"));
        let e = ptoken("f", b"short secret").unwrap_err();
        assert!(!e.to_string().contains("short"), "{e}");
    }

    #[test]
    fn databases() {
        let read = db_conf(
            "f",
            b"[/var/lib/xcp/state.db]\nmode:no_limit\nformat:XML\nodd:kept\n[/x]\ncompress:true\n",
        )
        .unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].settings["format"], "xml");
        assert_eq!(read[0].settings["odd"], "kept");
        assert!(read[1].compressed() && !read[0].remote());
        assert_eq!(db_conf("f", b"\nmode:x").unwrap_err().line, 2);
        assert_eq!(db_conf("f", b"[/x]\nword").unwrap_err().line, 2);
        assert_eq!(network_conf("f", b"vswitch\n").unwrap(), Backend::Openvswitch);
        assert!(network_conf("f", b"wires").is_err());
    }
}
