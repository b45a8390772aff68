//! Who the host is: `pool.nix` (names, identities, services with settings of their own) and the flake over everything.

use super::nix::{Set, file, quoted};
use super::{Context, Note};
use crate::host::role::Role;

/// Where the hand-off directory will be.
pub const HANDOFF: &str = "/var/lib/xennix-handoff";

/// Writes `pool.nix`.
pub fn pool(cx: &Context<'_>, notes: &mut Vec<Note>) -> String {
    let (host, row) = (cx.host, cx.row);
    let mut comments = vec![
        "Identity and services of the host. Everything secret is in the hand-off directory, none of it here."
            .to_owned(),
    ];
    match &host.role {
        Some(Role::Member(address)) => {
            comments.push(format!("The host is a member of the pool coordinated at {address}."))
        }
        Some(Role::Master) => comments.push("The host coordinates its pool.".to_owned()),
        Some(Role::Broken) | None => {
            notes.push(Note::new("POOL_ROLE_BROKEN", "", "the host's role in its pool is not known"))
        }
    }
    let full = host.hostname.clone().unwrap_or_else(|| row.get("hostname").to_owned());
    let short = full.split('.').next().unwrap_or("").to_owned();
    let mut top = Set::new().with("networking.hostName", short);
    let mut identity = Set::new().with("uuid", row.uuid()).with("nameLabel", row.name());
    let description = row.get("name__description");
    identity = identity.with("nameDescription", description);
    top.put("xennix.host", identity);
    if let Some(pool) = cx.pool.pool() {
        let named = Set::new()
            .maybe("nameLabel", Some(pool.get("name_label")).filter(|text| !text.is_empty()))
            .maybe("nameDescription", Some(pool.get("name_description")).filter(|text| !text.is_empty()));
        if !named.is_empty() {
            top.put("xennix.pool", named);
        }
    }
    top = top.maybe("time.timeZone", host.timezone.clone());
    if !host.time.default && !host.time.servers.is_empty() && !host.time_from_dhcp {
        top.put("networking.timeServers", host.time.servers.clone());
    }
    top = top.maybe("console.keyMap", host.keymap.clone());
    let initiator = host
        .initiator
        .clone()
        .or_else(|| Some(row.get("iscsi_iqn").to_owned()).filter(|name| !name.is_empty()));
    if let Some(name) = initiator {
        if !row.get("iscsi_iqn").is_empty() && row.get("iscsi_iqn") != name {
            notes.push(Note::new(
                "ISCSI_IQN",
                &name,
                "the file and the database differ about the initiator's name; the file's is taken",
            ));
        }
        top.put("services.openiscsi", Set::new().with("enable", true).with("name", name));
    }
    top.put("services.openssh.enable", true);
    let mut root = Set::new();
    if host.password.as_ref().is_some_and(|password| !password.locked) {
        root.put("hashedPasswordFile", format!("{HANDOFF}/root-password"));
    }
    if !host.authorized_keys.is_empty() {
        root.put("openssh.authorizedKeys.keys", host.authorized_keys.clone());
    }
    if !root.is_empty() {
        for (key, value) in super::nix::pairs(root) {
            top.put(&format!("users.users.root.{key}"), value);
        }
    }
    file(&comments, top)
}

/// Writes `flake.nix`.
pub fn flake(cx: &Context<'_>, url: &str) -> String {
    let name =
        super::nix::name(cx.host.hostname.as_deref().unwrap_or("dom0").split('.').next().unwrap_or("dom0"));
    format!(
        "{{
  inputs.xennix.url = {};
  outputs = {{ xennix, ... }}: {{
    nixosConfigurations.{name} = xennix.lib.mkDom0 {{
      modules = [
        # Written by `infect generate`; change what you like once the host is confirmed.
        ./hardware.nix
        ./disks.nix
        ./network.nix
        ./storage.nix
        ./pool.nix
        {{
          xennix.migrate = {{ enable = true; handoffDir = {}; }};
          system.stateVersion = \"26.05\";
        }}
      ];
    }};
  }};
}}
",
        quoted(url),
        quoted(HANDOFF),
    )
}
