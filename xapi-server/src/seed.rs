//! What first boot starts from: a seed file, or this machine. Identity is made once and kept.

use anyhow::{Context, Result};
use xapi_ops::first_boot::{Identity, Pairs, Seed};

use crate::{config::Config, machine, state};

/// The seed of this state directory.
///
/// # Errors
/// An unreadable or senseless seed file.
pub fn load(config: &Config) -> Result<Seed> {
    let kept = config.state_dir.join("first-boot.toml");
    let given = match &config.first_boot {
        Some(path) => Some(std::fs::read_to_string(path).with_context(|| path.display().to_string())?),
        None => None,
    };
    // A seed is for a new state directory; later starts keep the one they began with.
    let text = if kept.exists() { Some(std::fs::read_to_string(&kept)?) } else { given };
    match text {
        Some(text) => {
            let seed: Seed = toml::from_str(&text).context("the first-boot file")?;
            if !kept.exists() {
                state::write_private(&kept, &text)?;
            }
            Ok(seed)
        }
        None => from_machine(config),
    }
}

fn from_machine(config: &Config) -> Result<Seed> {
    let uuid =
        |name: &str| state::secret(&config.state_dir.join(name), || Ok(uuid::Uuid::new_v4().to_string()));
    let hostname = machine::hostname();
    let (hardware, xen) = if config.backend == "xl" {
        let (hardware, info) = machine::xen_host()?;
        (hardware, info.get("xen_version").cloned().unwrap_or_default())
    } else {
        (machine::hardware(), "simulated".into())
    };
    let software = [
        ("product_version", "8.3.0".to_string()),
        ("product_version_text", "8.3".into()),
        ("product_version_text_short", "8.3".into()),
        ("platform_name", "XCP".into()),
        ("platform_version", "3.4.0".into()),
        ("product_brand", "XCP-ng".into()),
        ("build_number", "xennix".into()),
        ("hostname", "localhost".into()),
        ("xapi", "26.17".into()),
        ("xapi_build", "26.17.0".into()),
        ("xen", xen),
        ("linux", machine::kernel()),
        ("network_backend", "bridge".into()),
        ("db_schema", "5.909".into()),
        ("xennix", env!("CARGO_PKG_VERSION").into()),
        ("xennix_backend", config.backend.into()),
    ];
    Ok(Seed {
        identity: Identity {
            host_uuid: uuid("host-uuid")?,
            control_domain_uuid: uuid("control-domain-uuid")?,
            hostname,
            address: "127.0.0.1".into(),
            management_interface: "xenbr0".into(),
            api_version: (2, 21),
        },
        hardware,
        software_version: Pairs(software.into_iter().map(|(k, v)| (k.to_string(), v)).collect()),
        templates: "xcp-ng-8.3".into(),
        sm: None,
        storage_repositories: true,
        scan_networks: true,
    })
}
