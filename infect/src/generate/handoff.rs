//! The hand-off directory: what the new system takes over that must never lie in a Nix store. Root's own, each file with
//! its sum in `handoff.json`.

use super::Context;
use crate::host::carried;
use crate::host::role::Role;
use crate::host::tree::Tree;
use crate::keep::{self, Written};
use crate::{At, Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;

/// Version of `handoff.json`.
pub const SCHEMA: u32 = 1;
/// Name of the list in its directory.
pub const LIST: &str = "handoff.json";
/// Name of the database in it.
pub const DATABASE: &str = "state.db";

/// What `handoff.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handoff {
    /// Version of this file.
    pub schema: u32,
    /// Brand and version of the old system.
    pub product: String,
    /// The host.
    pub host: HostIdentity,
    /// The database, as a path in the directory.
    pub database: DatabaseIdentity,
    /// Every file, sorted.
    pub files: Vec<Item>,
    /// Links that were found and are made by whoever puts files in place.
    pub links: Vec<Link>,
}

/// Who the host is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostIdentity {
    /// Its UUID.
    pub uuid: String,
    /// UUID of its control domain.
    pub control_domain: String,
    /// Its name.
    pub hostname: String,
    /// `master` or `member`.
    pub role: String,
    /// Address of the coordinator, for a member.
    pub master: Option<String>,
}

/// What the database is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseIdentity {
    /// Where it is.
    pub path: String,
    /// Schema's minor number.
    pub schema_minor: u64,
    /// Number of its last change.
    pub generation: u64,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Path in the directory.
    pub path: String,
    /// Where it was on the host; empty for what was made.
    pub from: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// Permission bits it had.
    pub mode: u32,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Where it was on the host.
    pub from: String,
    /// Where it leads.
    pub to: String,
}

/// Writes the directory, which is empty.
///
/// # Errors
/// What can't be read or written.
pub fn write(cx: &Context<'_>, tree: &dyn Tree, database: &Path, into: &Path) -> Result<Handoff> {
    let mut files = Vec::new();
    let mut links = Vec::new();
    let item = |path: String, from: &str, mode: u32, written: Written| Item {
        path,
        from: from.to_owned(),
        size: written.size,
        sha256: written.sha256,
        mode,
    };
    let failed = |path: &str| {
        let path = path.into();
        move |source| Error::Io { path, source }
    };
    for found in carried::walk(tree, carried::HANDED_OVER).map_err(failed("/"))? {
        if let Some(to) = found.link {
            links.push(Link { from: found.path, to });
            continue;
        }
        let Some(source) = tree.open(&found.path).map_err(failed(&found.path))? else { continue };
        let path = format!("files{}", found.path);
        // Whatever it was before: in here nobody but root reads it.
        let written = keep::copy(&into.join(&path), 0o600, source)?;
        files.push(item(path, &found.path, found.mode, written));
    }
    let source = File::open(database).map_err(Error::io(database))?;
    let written = keep::copy(&into.join(DATABASE), 0o600, source)?;
    files.push(item(DATABASE.into(), "", 0o600, written));
    if let Some(password) = cx.host.password.as_ref().filter(|password| !password.locked) {
        let text = format!("{}\n", password.hash.expose());
        let written = keep::copy(&into.join("root-password"), 0o600, text.as_bytes())?;
        files.push(item("root-password".into(), "", 0o600, written));
    }
    files.sort();
    let (role, master) = match &cx.host.role {
        Some(Role::Member(address)) => ("member", Some(address.clone())),
        _ => ("master", None),
    };
    let handoff = Handoff {
        schema: SCHEMA,
        product: cx.host.inventory.as_ref().map(|inventory| inventory.product()).unwrap_or_default(),
        host: HostIdentity {
            uuid: cx.row.uuid().to_owned(),
            control_domain: cx.host.fact("CONTROL_DOMAIN_UUID").to_owned(),
            hostname: cx.host.hostname.clone().unwrap_or_default(),
            role: role.into(),
            master,
        },
        database: DatabaseIdentity {
            path: DATABASE.into(),
            schema_minor: cx.pool.schema,
            generation: cx.pool.generation,
        },
        files,
        links,
    };
    let mut text = serde_json::to_string_pretty(&handoff).map_err(|e| Error::Output(e.into()))?;
    text.push('\n');
    // Last: a directory without it is none.
    keep::copy(&into.join(LIST), 0o600, text.as_bytes())?;
    Ok(handoff)
}

/// Reads the list and proves that every file is what it says.
///
/// # Errors
/// The first file that is missing or changed.
pub fn open(directory: &Path) -> Result<Handoff> {
    let list = directory.join(LIST);
    let text = std::fs::read(&list).map_err(Error::io(&list))?;
    let handoff: Handoff = serde_json::from_slice(&text)
        .map_err(|e| Error::malformed(&list, At::Line(e.line() as u64), "a hand-off list", e.to_string()))?;
    if handoff.schema != SCHEMA {
        return Err(Error::malformed(
            &list,
            At::File,
            format!("schema {SCHEMA}"),
            handoff.schema.to_string(),
        ));
    }
    for item in &handoff.files {
        let plain =
            !item.path.starts_with('/') && !item.path.split('/').any(|part| part == ".." || part.is_empty());
        if !plain {
            return Err(Error::malformed(&list, At::File, "paths inside the directory", item.path.clone()));
        }
        let path = directory.join(&item.path);
        let found = File::open(&path).and_then(keep::sum).map_err(Error::io(&path))?;
        if (found.size, &found.sha256) != (item.size, &item.sha256) {
            return Err(Error::malformed(
                &path,
                At::File,
                format!("{} bytes with SHA-256 {}", item.size, item.sha256),
                format!("{} bytes with {}", found.size, found.sha256),
            ));
        }
    }
    Ok(handoff)
}
