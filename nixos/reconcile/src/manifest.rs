//! The manifest: the one document the Nix half hands over. These types are its definition;
//! `nixos/manifest.schema.json` is generated from them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version this program reads.
pub const SCHEMA_VERSION: u32 = 1;

/// Why a manifest is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Not the document it should be.
    #[error("the manifest can't be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// Written for another program.
    #[error(
        "the manifest has schema version {0}, this program reads {SCHEMA_VERSION}: take both from one release"
    )]
    Version(u64),
    /// Readable, but it names what it does not declare.
    #[error("{option}: {text}")]
    Meaning {
        /// Option to correct.
        option: String,
        /// What is wrong.
        text: String,
    },
}

/// Everything that is declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Version of this document's shape.
    pub schema_version: u32,
    /// UUID the configuration gives this host; UUIDs of declared objects derive from it.
    pub host_uuid: String,
    /// Names of the pool; empty ones are left alone.
    pub pool: Names,
    /// Names of the host; empty ones are left alone.
    pub host: Names,
    /// Networks, by bridge.
    pub networks: Vec<Network>,
    /// Storage repositories.
    pub storage: Vec<Repository>,
    /// Guests.
    pub domains: Vec<Domain>,
    /// How to go about it.
    pub policy: Rules,
}

/// What clients see of a pool or host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Names {
    /// Name.
    pub name_label: String,
    /// Description.
    pub name_description: String,
}

/// What clients may do to a declared object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Nothing.
    Locked,
    /// Start, stop, snapshots, consoles.
    Power,
    /// Everything until the next switch.
    Open,
}

impl Policy {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Policy::Locked => "locked",
            Policy::Power => "power",
            Policy::Open => "open",
        }
    }
}

/// How to go about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    /// Whether policies are enforced.
    pub lock: bool,
    /// Whether guests nothing declares are shut down.
    pub remove_others: bool,
    /// Repository for the memory of suspended guests; null leaves the pool's setting.
    pub suspend_repository: Option<String>,
}

/// A network of guests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// Name in the configuration.
    pub name: String,
    /// Bridge it stands on.
    pub bridge: String,
    /// UUID, or what it is known by when the server chose another.
    pub uuid: String,
    /// Name for clients.
    pub label: String,
    /// Description for clients.
    pub description: String,
    /// What clients may do.
    pub policy: Policy,
    /// Whether the host's address is here.
    pub management: bool,
    /// Largest packet in bytes.
    pub mtu: u32,
    /// Option it comes from.
    pub option: String,
}

/// A storage repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repository {
    /// Name in the configuration.
    pub name: String,
    /// UUID, or what it is known by when the server chose another.
    pub uuid: String,
    /// Name for clients.
    pub label: String,
    /// Description for clients.
    pub description: String,
    /// Exists already: introduced and attached, never made.
    pub adopted: bool,
    /// May be made when it is not there.
    pub create: bool,
    /// What clients may do.
    pub policy: Policy,
    /// SR type of the server.
    #[serde(rename = "type")]
    pub kind: String,
    /// `user` or `iso`.
    pub content_type: String,
    /// Reached by all hosts.
    pub shared: bool,
    /// Takes new disks.
    pub default: bool,
    /// How this host reaches it.
    pub device_config: BTreeMap<String, String>,
    /// Option it comes from.
    pub option: String,
}

/// How a guest is virtualised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DomainType {
    /// PVH.
    Pvh,
    /// HVM.
    Hvm,
    /// PV.
    Pv,
}

impl DomainType {
    /// As the API writes it.
    pub fn text(self) -> &'static str {
        match self {
            DomainType::Pvh => "pvh",
            DomainType::Hvm => "hvm",
            DomainType::Pv => "pv",
        }
    }
}

/// What becomes of a guest that is no longer declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnRemove {
    /// It is shut down and given to the clients.
    Shutdown,
    /// It runs on and is given to the clients.
    Keep,
    /// It is shut down and removed, with those of its disks that don't say `keep`.
    Destroy,
}

impl OnRemove {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            OnRemove::Shutdown => "shutdown",
            OnRemove::Keep => "keep",
            OnRemove::Destroy => "destroy",
        }
    }
}

/// A guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Domain {
    /// Name in the configuration.
    pub name: String,
    /// UUID, or what it is known by when the server chose another.
    pub uuid: String,
    /// Name for clients.
    pub label: String,
    /// Description for clients.
    pub description: String,
    /// How it is virtualised.
    #[serde(rename = "type")]
    pub kind: DomainType,
    /// Starts with the host.
    pub auto_start: bool,
    /// Lower ones start first.
    pub start_order: u32,
    /// What clients may do.
    pub policy: Policy,
    /// What becomes of it when it is no longer declared.
    pub on_remove: OnRemove,
    /// Whether it is restarted when it can't be changed while it runs.
    pub restart_if_changed: bool,
    /// Its root lives in memory; nothing of the API says so, the guest's system does.
    pub ephemeral: bool,
    /// PCI devices handed to it.
    pub pci: Vec<String>,
    /// Further fields of the record, by their API names.
    pub extra_record: BTreeMap<String, String>,
    /// Memory in MiB.
    pub memory: u64,
    /// Virtual processors.
    pub vcpus: Vcpus,
    /// What it starts from.
    pub boot: Boot,
    /// Disks in order.
    pub disks: Vec<Disk>,
    /// Network cards in order.
    pub networks: Vec<Nic>,
    /// Option it comes from.
    pub option: String,
}

/// Virtual processors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vcpus {
    /// At start.
    pub count: u32,
    /// At the most.
    pub max: u32,
    /// Share against other guests.
    pub weight: u32,
}

/// What a guest starts from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Boot {
    /// A kernel of this host.
    Direct {
        /// Kernel file.
        kernel: String,
        /// Initial RAM disk.
        initrd: Option<String>,
        /// Arguments.
        cmdline: String,
    },
    /// The boot loader on its own disk, read by dom0's.
    Pvgrub {},
    /// UEFI firmware.
    Uefi {},
    /// BIOS firmware.
    Bios {},
    /// An image of an ISO repository, then the disk.
    Iso {
        /// Name of the image.
        iso: String,
    },
}

/// A disk of a guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disk {
    /// Name in the configuration.
    pub name: String,
    /// Repository; null takes the default one.
    pub repository: Option<String>,
    /// The guest may only read it.
    pub read_only: bool,
    /// Firmware starts from it.
    pub bootable: bool,
    /// UUID, or what it is known by when the server chose another.
    pub uuid: String,
    /// Exists already and is only attached.
    pub adopted: bool,
    /// Place among the guest's disks.
    pub position: u32,
    /// Bytes of a disk that is made.
    pub size: Option<u64>,
    /// File of this host whose content it has.
    pub path: Option<String>,
    /// Kept when its guest is removed.
    pub keep: bool,
}

/// A network card of a guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Nic {
    /// Name in the configuration.
    pub name: String,
    /// Bridge of its network.
    pub bridge: String,
    /// Place among the guest's cards.
    pub position: u32,
    /// Hardware address.
    pub mac: String,
    /// Only `addresses` may pass.
    pub locked: bool,
    /// IP addresses it may use when locked.
    pub addresses: Vec<String>,
}

impl Manifest {
    /// Reads one and checks what types can't.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn parse(text: &str) -> Result<Manifest, Unfit> {
        let value: serde_json::Value = serde_json::from_str(text)?;
        match value.get("schemaVersion").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(SCHEMA_VERSION) => {}
            Some(other) => return Err(Unfit::Version(other)),
            None => {}
        }
        let manifest: Manifest = serde_json::from_value(value)?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), Unfit> {
        let wrong = |option: &str, text: String| Err(Unfit::Meaning { option: option.into(), text });
        let mut seen = std::collections::BTreeSet::new();
        for domain in &self.domains {
            for disk in &domain.disks {
                if let Some(name) = &disk.repository
                    && self.repository(name).is_none()
                {
                    return wrong(
                        &domain.option,
                        format!("no repository {name:?} for the disk {:?}", disk.name),
                    );
                }
                if !disk.adopted && disk.size.is_none() && disk.path.is_none() {
                    return wrong(
                        &domain.option,
                        format!("the disk {:?} has neither size nor path", disk.name),
                    );
                }
                if !seen.insert(disk.uuid.clone()) && !disk.read_only {
                    return wrong(
                        &domain.option,
                        format!("the writable disk {:?} is declared twice", disk.name),
                    );
                }
            }
        }
        let mut uuids = std::collections::BTreeSet::new();
        let objects = self.domains.iter().map(|d| (&d.uuid, &d.option));
        let objects = objects.chain(self.storage.iter().map(|s| (&s.uuid, &s.option)));
        for (uuid, option) in objects.chain(self.networks.iter().map(|n| (&n.uuid, &n.option))) {
            if !uuids.insert(uuid.clone()) {
                return wrong(option, format!("the UUID {uuid} is declared twice"));
            }
        }
        Ok(())
    }

    /// A repository by its name in the configuration.
    pub fn repository(&self, name: &str) -> Option<&Repository> {
        self.storage.iter().find(|one| one.name == name)
    }
}

/// The JSON schema of [`Manifest`].
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Manifest).to_value()
}
