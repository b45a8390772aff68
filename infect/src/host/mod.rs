//! An XCP-ng host, read whole and left as it is: each file by its own reader, put together as one description. A file
//! that is not there is no error here; one that is not as it should be is, with file and line.

pub mod carried;
pub mod certificate;
pub mod fstab;
pub mod gpt;
pub mod grub;
pub mod history;
pub mod image;
pub mod inventory;
pub mod local_db;
pub mod lvm;
pub mod machine;
pub mod malformed;
pub mod medium;
pub mod networkd;
pub mod rename;
pub mod role;
pub mod services;
pub mod shell;
mod show;
pub mod superblock;
pub mod system_disk;
pub mod tree;

pub use malformed::Malformed;
use serde::Serialize;
use std::collections::BTreeMap;
use tree::Tree;

/// Longest settings file that is read.
const LONGEST: u64 = 64 << 20;
/// Markers of a finished first boot.
pub const FIRST_BOOT: [&str; 2] = ["/var/lib/misc/ran-network-init", "/var/lib/misc/ran-storage-init"];
/// Answers given at installation.
pub const FIRSTBOOT_DATA: &str = "/etc/firstboot.d/data";

/// A host as its files say.
#[derive(Debug, Default, Serialize)]
pub struct Host {
    /// The inventory.
    pub inventory: Option<inventory::Inventory>,
    /// Role in the pool.
    pub role: Option<role::Role>,
    /// Secret of the pool.
    pub secret: Option<role::Secret>,
    /// Where the database is.
    pub databases: Vec<role::DatabasePath>,
    /// What bridges are made of.
    pub backend: Option<role::Backend>,
    /// The network of the last boot.
    pub networkd: Option<networkd::Networkd>,
    /// Names of cards, by rule.
    pub rename_rules: Vec<rename::Rule>,
    /// Names of cards, as found.
    pub rename: rename::Dynamic,
    /// Answers of the first boot, by file.
    pub firstboot: BTreeMap<String, BTreeMap<String, String>>,
    /// Markers of the first boot that are missing.
    pub firstboot_missing: Vec<String>,
    /// Boot menu on BIOS.
    pub grub_bios: Option<grub::Grub>,
    /// Boot menu on UEFI.
    pub grub_uefi: Option<grub::Grub>,
    /// Mounts of the boot.
    pub fstab: Vec<fstab::Mount>,
    /// Name.
    pub hostname: Option<String>,
    /// Name servers.
    pub resolver: services::Resolver,
    /// Time servers.
    pub time: services::Time,
    /// Are time servers taken from DHCP?
    pub time_from_dhcp: bool,
    /// Time zone.
    pub timezone: Option<String>,
    /// Keyboard.
    pub keymap: Option<String>,
    /// Root's password.
    pub password: Option<services::RootPassword>,
    /// Keys that log in as root.
    pub authorized_keys: Vec<String>,
    /// The iSCSI initiator's name.
    pub initiator: Option<String>,
    /// Identity of the installation.
    pub machine_id: Option<String>,
    /// What the host itself remembers.
    pub local: BTreeMap<String, String>,
    /// Certificates by file.
    pub certificates: BTreeMap<String, certificate::Pem>,
    /// Graphs, payloads, alerts.
    pub history: history::History,
    /// The machine.
    pub machine: machine::Machine,
    /// The system's disk, when one was given.
    pub disk: Option<system_disk::SystemDisk>,
    /// Files that are not as they should be.
    pub problems: Vec<Malformed>,
}

impl Host {
    /// Does it start by UEFI? As the old installer tells: by the mount of the EFI partition.
    pub fn is_uefi(&self) -> bool {
        self.fstab.iter().any(|mount| mount.at == "/boot/efi")
    }

    /// The boot menu in use.
    pub fn grub(&self) -> Option<&grub::Grub> {
        if self.is_uefi() { self.grub_uefi.as_ref() } else { self.grub_bios.as_ref() }
    }

    /// Label of the file system mounted somewhere.
    pub fn label_of(&self, at: &str) -> Option<&str> {
        self.fstab.iter().find(|mount| mount.at == at).and_then(fstab::label)
    }

    /// A setting of the inventory.
    pub fn fact(&self, key: &str) -> &str {
        self.inventory.as_ref().map_or("", |inventory| inventory.get(key))
    }
}

struct Reading<'a> {
    tree: &'a dyn Tree,
    problems: Vec<Malformed>,
}

impl Reading<'_> {
    fn bytes(&mut self, path: &str) -> Option<Vec<u8>> {
        self.tree.read(path, LONGEST).unwrap_or_else(|e| {
            self.problems.push(Malformed::at(path, 0, "a readable file", &e.to_string()));
            None
        })
    }

    fn file<T>(&mut self, path: &str, parse: impl Fn(&str, &[u8]) -> malformed::Result<T>) -> Option<T> {
        let bytes = self.bytes(path)?;
        parse(path, &bytes).map_err(|e| self.problems.push(e)).ok()
    }

    fn list(&mut self, path: &str) -> Vec<String> {
        self.tree.list(path).unwrap_or_else(|e| {
            self.problems.push(Malformed::at(path, 0, "a readable directory", &e.to_string()));
            Vec::new()
        })
    }
}

/// Reads a host.
pub fn read(tree: &dyn Tree, disk: Option<system_disk::SystemDisk>) -> Host {
    let mut r = Reading { tree, problems: Vec::new() };
    let mut host = Host {
        inventory: r.file(inventory::PATH, inventory::parse),
        role: r.file(role::POOL_CONF, role::pool_conf),
        secret: r.file(role::PTOKEN, role::ptoken),
        databases: r.file(role::DB_CONF, role::db_conf).unwrap_or_default(),
        backend: r.file(role::NETWORK_CONF, role::network_conf),
        networkd: r.file(networkd::PATH, networkd::parse),
        rename_rules: r
            .file(&format!("{}/static-rules.conf", rename::DIRECTORY), rename::static_rules)
            .unwrap_or_default(),
        rename: r
            .file(&format!("{}/dynamic-rules.json", rename::DIRECTORY), rename::dynamic_rules)
            .unwrap_or_default(),
        grub_bios: r.file(grub::BIOS, grub::parse),
        grub_uefi: r.file(grub::UEFI, grub::parse),
        fstab: r.file(fstab::PATH, fstab::parse).unwrap_or_default(),
        hostname: r.file(services::HOSTNAME, services::hostname),
        resolver: r.file(services::RESOLV, services::resolv).unwrap_or_default(),
        time: r.file(services::CHRONY, services::chrony).unwrap_or_default(),
        time_from_dhcp: tree
            .stat(services::CHRONY_DHCP)
            .is_ok_and(|s| s.is_some_and(|s| s.mode & 0o111 != 0)),
        timezone: tree
            .link("/etc/localtime")
            .ok()
            .flatten()
            .and_then(|to| to.split_once("zoneinfo/").map(|(_, zone)| zone.to_owned())),
        authorized_keys: r.file(services::AUTHORIZED_KEYS, services::authorized_keys).unwrap_or_default(),
        initiator: r.file(services::INITIATOR, services::initiator),
        machine_id: r.file(services::MACHINE_ID, services::machine_id),
        local: r.file(local_db::PATH, local_db::parse).unwrap_or_default(),
        machine: machine::read(tree),
        disk,
        ..Host::default()
    };
    host.firstboot_missing =
        FIRST_BOOT.iter().filter(|path| !tree.exists(path)).map(|path| (*path).to_owned()).collect();
    for name in r.list(FIRSTBOOT_DATA).into_iter().filter(|name| name.ends_with(".conf")) {
        if let Some(values) = r.file(&format!("{FIRSTBOOT_DATA}/{name}"), shell::parse) {
            host.firstboot.insert(name, values.into_iter().map(|(_, key, value)| (key, value)).collect());
        }
    }
    host.keymap = r
        .file("/etc/vconsole.conf", shell::parse)
        .and_then(|values| values.into_iter().find(|(_, key, _)| key == "KEYMAP").map(|(_, _, value)| value));
    host.password = password(&mut r);
    for path in [certificate::HOST, certificate::POOL] {
        if let Some(pem) = r.file(path, certificate::parse) {
            host.certificates.insert(path.to_owned(), pem);
        }
    }
    for directory in certificate::TRUSTED {
        for name in r.list(directory).into_iter().filter(|name| name.ends_with(".pem")) {
            let path = format!("{directory}/{name}");
            if let Some(pem) = r.file(&path, certificate::parse) {
                host.certificates.insert(path, pem);
            }
        }
    }
    host.history = history::read(tree, &mut r.problems);
    host.problems = r.problems;
    host
}

/// Root's hash: `shadow`, unless `passwd` still holds one itself.
fn password(r: &mut Reading<'_>) -> Option<services::RootPassword> {
    let old =
        r.bytes(services::PASSWD).and_then(|bytes| services::root_password(services::PASSWD, &bytes).ok());
    let old = old.filter(|password| password.hash.expose().len() > 1);
    old.or_else(|| r.file(services::SHADOW, services::root_password))
}
