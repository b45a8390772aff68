//! Repositories this host has attached, as `storage.nix`: adopted under their UUIDs, never made, never formatted. A
//! secret in a device configuration stays in the database.

use super::nix::{Set, file};
use super::{Context, Note};
use crate::pool::Row;
use std::collections::BTreeSet;

/// Keys that are secrets in the clear. `…_secret` keys hold a UUID and stay.
const SECRETS: [&str; 5] = ["password", "chappassword", "incoming_chappassword", "cifspassword", "secret"];

fn slug(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-').to_owned();
    if out.starts_with(|c: char| c.is_ascii_alphabetic()) { out } else { format!("sr-{out}") }
}

/// Writes the file.
pub fn write(cx: &Context<'_>, notes: &mut Vec<Note>) -> String {
    let pool = cx.pool;
    let mut found: Vec<(&Row, &Row)> = pool
        .pointing("PBD", "host", &cx.row.reference)
        .filter_map(|pbd| pool.follow(pbd, "SR").map(|sr| (sr, pbd)))
        .collect();
    found.sort_by_key(|(sr, _)| (sr.name().to_owned(), sr.uuid().to_owned()));
    let default = pool.pool().and_then(|pool| pool.link("default_SR")).unwrap_or("");
    let suspend = cx
        .row
        .link("suspend_image_sr")
        .or_else(|| pool.pool().and_then(|pool| pool.link("suspend_image_SR")))
        .unwrap_or("");
    let mut taken = BTreeSet::new();
    let mut repositories = Set::new();
    let mut suspend_name = None;
    for (sr, pbd) in found {
        if sr.flag("is_tools_sr") || sr.get("type") == "udev" {
            // The toolstack brings its own.
            continue;
        }
        let mut name = slug(sr.name());
        if !taken.insert(name.clone()) {
            name = format!("{name}-{}", sr.uuid().split('-').next().unwrap_or(""));
            taken.insert(name.clone());
        }
        let mut config = pbd.map("device_config");
        config.retain(|key, value| {
            let secret = SECRETS.contains(&key.as_str());
            if secret && !value.is_empty() {
                notes.push(Note::new(
                    "SR_SECRET",
                    &name,
                    format!("{key} stays in the database, out of the Nix store"),
                ));
            }
            !secret
        });
        let mut set = Set::new();
        let kind = sr.get("type");
        match kind {
            "ext" | "lvm" | "lvhd" => {
                set = set.with("type", if kind == "ext" { "ext" } else { "lvm" });
                // Several devices are written as one list.
                if let Some(device) = config.get("device").filter(|device| !device.contains(',')).cloned() {
                    config.remove("device");
                    set = set.with("device", device);
                }
            }
            "nfs" => {
                set = set
                    .with("type", "nfs")
                    .maybe("server", config.remove("server"))
                    .maybe("serverPath", config.remove("serverpath"));
            }
            "file" => set = set.with("type", "file").maybe("path", config.remove("location")),
            other => set = set.with("type", "other").with("xapiType", other),
        }
        set = set
            .with("adopted", true)
            .with("uuid", sr.uuid())
            .with("label", sr.name())
            .maybe("description", Some(sr.get("name__description")).filter(|text| !text.is_empty()))
            .with("shared", sr.flag("shared"));
        if sr.reference == default {
            set = set.with("default", true);
        }
        if sr.reference == suspend {
            suspend_name = Some(name.clone());
        }
        if !config.is_empty() {
            set = set.with(
                "deviceConfig",
                config.iter().fold(Set::new(), |set, (key, value)| set.with(key, value.as_str())),
            );
        }
        repositories.put(&name, set);
    }
    let storage = Set::new()
        .with("policy", "open")
        .maybe("suspendRepository", suspend_name)
        .with("repositories", repositories);
    let comments = ["Repositories as they are: only introduced and attached. Their disks are never mentioned for formatting.".to_owned()];
    file(&comments, Set::new().with("xennix.storage", storage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (label, name) in [
            ("Local storage", "local-storage"),
            ("  NFS: Büro/1 ", "nfs-b-ro-1"),
            ("1st", "sr-1st"),
            ("", "sr-"),
            ("\"$x", "x"),
        ] {
            assert_eq!(slug(label), name);
        }
    }
}
