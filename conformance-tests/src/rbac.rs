//! Who may call what, read from `tests/data`: facts, no opinion on how a server decides.

use crate::server::crate_dir;

/// The six roles in the order of the columns.
pub const ROLES: [&str; 6] =
    ["pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only"];

/// One method.
#[derive(Debug, Clone)]
pub struct Method {
    /// `Class.method`.
    pub name: String,
    /// Types of the parameters after the session; a trailing `?` marks those that may be left out.
    pub params: Vec<String>,
    /// Offers `Async.`.
    pub has_async: bool,
    /// For pool members only.
    pub internal: bool,
    /// Answers MESSAGE_REMOVED.
    pub removed: bool,
    /// In the model although its class is removed.
    pub of_removed_class: bool,
    /// One answer for each of [`ROLES`].
    pub allowed: [bool; 6],
}

/// A key of a map with roles of its own.
#[derive(Debug, Clone)]
pub struct Key {
    /// `Class.method`.
    pub method: String,
    /// The key; a trailing `*` stands for any ending.
    pub key: String,
    /// One answer for each of [`ROLES`].
    pub allowed: [bool; 6],
}

fn rows(file: &str) -> Result<Vec<Vec<String>>, String> {
    let path = crate_dir().join("tests/data").join(file);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{file}: {e}"))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Ok(lines.map(|line| line.split('\t').map(str::to_string).collect()).collect())
}

fn allowed(digits: &str) -> Result<[bool; 6], String> {
    let found: Vec<bool> = digits.chars().map(|digit| digit == '1').collect();
    found.try_into().map_err(|_| format!("{digits:?} is not six digits"))
}

/// All methods that take a session.
///
/// # Errors
/// An unreadable file.
pub fn methods() -> Result<Vec<Method>, String> {
    let parse = |row: Vec<String>| match row.as_slice() {
        [name, params, flags, digits] => Ok(Method {
            name: name.clone(),
            params: params.split(',').filter(|p| !p.is_empty()).map(str::to_string).collect(),
            has_async: flags.split(',').any(|flag| flag == "async"),
            internal: flags.split(',').any(|flag| flag == "internal"),
            removed: flags.split(',').any(|flag| flag == "removed"),
            of_removed_class: flags.split(',').any(|flag| flag == "of-removed-class"),
            allowed: allowed(digits)?,
        }),
        other => Err(format!("rbac.tsv: {other:?}")),
    };
    rows("rbac.tsv")?.into_iter().map(parse).collect()
}

/// All keys with roles of their own.
///
/// # Errors
/// An unreadable file.
pub fn keys() -> Result<Vec<Key>, String> {
    let parse = |row: Vec<String>| match row.as_slice() {
        [method, key, digits] => {
            Ok(Key { method: method.clone(), key: key.clone(), allowed: allowed(digits)? })
        }
        other => Err(format!("rbac-keys.tsv: {other:?}")),
    };
    rows("rbac-keys.tsv")?.into_iter().map(parse).collect()
}
