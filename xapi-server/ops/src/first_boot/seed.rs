//! [`Seed`]: identity, hardware and choices a new state directory starts from.
//!
//! Read from a TOML file given with `--first-boot`, completed by what the backend knows of the machine.

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess, Visitor},
};

/// Everything first boot needs to know.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// Who this host is.
    pub identity: Identity,
    /// What it consists of.
    pub hardware: Hardware,
    /// `host.software_version`, in order.
    pub software_version: Pairs,
    /// Name of a committed template set, or `none`.
    pub templates: String,
    /// Storage manager rows; `None` takes the full list of driver types.
    #[serde(default)]
    pub sm: Option<Vec<SmRow>>,
    /// Make the storage repositories of a fresh host.
    pub storage_repositories: bool,
    /// Make networks and PIFs for the machine's network cards.
    pub scan_networks: bool,
}

/// Who this host is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// uuid of the host.
    pub host_uuid: String,
    /// uuid of its control domain.
    pub control_domain_uuid: String,
    /// Host name, also the first name label.
    pub hostname: String,
    /// Management address.
    pub address: String,
    /// Bridge of the management interface; empty when there is none.
    pub management_interface: String,
    /// How the management interface is configured, where that is known.
    #[serde(default)]
    pub management: Option<Management>,
    /// API version to report.
    pub api_version: (i64, i64),
}

/// How the host is reached at the moment it becomes one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Management {
    /// Address of the interface.
    pub address: String,
    /// Its netmask.
    pub netmask: String,
    /// Way to the rest of the world, empty for none.
    pub gateway: String,
    /// Name servers, comma separated.
    pub servers: String,
    /// A DHCP server says all that.
    pub leased: bool,
}

/// What the host consists of.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// Logical processors.
    pub cpus: i64,
    /// `host.cpu_info`, in order.
    pub cpu_info: Pairs,
    /// Bytes of memory.
    pub memory_total: i64,
    /// Bytes the hypervisor and the control domain keep for themselves.
    pub memory_overhead: i64,
    /// Bytes of memory of the control domain.
    pub control_domain_memory: i64,
    /// Virtual processors of the control domain.
    pub control_domain_vcpus: i64,
    /// Words of the hypervisor.
    pub capabilities: Vec<String>,
    /// `host.bios_strings`, in order.
    #[serde(default)]
    pub bios_strings: Pairs,
    /// `host.chipset_info`.
    #[serde(default)]
    pub chipset_info: Pairs,
    /// Unix time the machine started.
    #[serde(default)]
    pub boot_time: f64,
    /// Guests run already while this is looked at.
    #[serde(default)]
    pub guests_running: bool,
    /// The firmware checked signatures when the machine started.
    #[serde(default)]
    pub secure_boot: bool,
    /// Name of the time zone; empty when nobody says.
    #[serde(default)]
    pub timezone: String,
    /// Network cards in order of position.
    #[serde(default)]
    pub nics: Vec<Nic>,
}

/// A network card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nic {
    /// Kernel name.
    pub device: String,
    /// Hardware address.
    pub mac: String,
    /// Bytes.
    pub mtu: i64,
    /// Link is up.
    #[serde(default)]
    pub carrier: bool,
    /// Mbit/s, 0 when unknown.
    #[serde(default)]
    pub speed: i64,
    /// Position among the cards; that in the list without.
    #[serde(default)]
    pub position: Option<usize>,
}

/// One storage manager row.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmRow {
    /// SR type it serves.
    pub r#type: String,
    /// Name.
    pub name_label: String,
    /// Longer text.
    #[serde(default)]
    pub name_description: String,
    /// Maker.
    #[serde(default)]
    pub vendor: String,
    /// Copyright text.
    #[serde(default)]
    pub copyright: String,
    /// Version of the driver.
    #[serde(default)]
    pub version: String,
    /// Version of the driver interface.
    #[serde(default)]
    pub required_api_version: String,
    /// Keys of `device_config` and their meaning.
    #[serde(default)]
    pub configuration: Pairs,
    /// Features as `NAME` or `NAME/2`.
    pub features: Vec<String>,
}

/// Pairs of text in the order they were written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pairs(pub Vec<(String, String)>);

impl Pairs {
    /// From borrowed pairs.
    pub fn of(pairs: &[(&str, &str)]) -> Pairs {
        Pairs(pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect())
    }

    /// As an API map.
    pub fn value(&self) -> xapi_schema::Value {
        xapi_schema::Value::map(self.0.iter().map(|(k, v)| (k.as_str(), xapi_schema::Value::str(v.as_str()))))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table of texts")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry::<String, String>()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
