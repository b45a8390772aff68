//! What first boot starts from: a seed file, or this machine. Identity is made once and kept.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use xapi_ops::first_boot::{Identity, Management, Pairs, Seed};

use crate::{config::Config, machine, state};

/// Says who this host is in a state that was carried over from another toolstack.
const ADOPTED: &str = "adopted.toml";

/// What [`ADOPTED`] holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adopted {
    identity: Who,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    host_uuid: String,
    control_domain_uuid: String,
    hostname: String,
    address: String,
    management_interface: String,
}

/// The seed of this state directory.
///
/// # Errors
/// An unreadable or senseless seed file.
pub async fn load(config: &Config) -> Result<Seed> {
    let kept = config.state_dir.join("first-boot.toml");
    let given = match &config.first_boot {
        Some(path) => Some(std::fs::read_to_string(path).with_context(|| path.display().to_string())?),
        None => None,
    };
    // A seed is for a new state directory; later starts keep the one they began with.
    let text = if kept.exists() { Some(std::fs::read_to_string(&kept)?) } else { given };
    let adopted = adopted(&config.state_dir.join(ADOPTED))?;
    let mut seed = match text {
        Some(text) => {
            let seed: Seed = toml::from_str(&text).context("the first-boot file")?;
            if !kept.exists() {
                state::write_private(&kept, &text)?;
            }
            seed
        }
        None => from_machine(config, adopted.is_some()).await?,
    };
    if let Some(who) = adopted {
        let api_version = seed.identity.api_version;
        let Who { host_uuid, control_domain_uuid, hostname, address, management_interface } = who;
        seed.identity = Identity {
            host_uuid,
            control_domain_uuid,
            hostname,
            address,
            management_interface,
            management: None,
            api_version,
        };
        // The pool has what it had: nothing of a fresh host is made in it.
        (seed.templates, seed.storage_repositories, seed.scan_networks) = ("none".into(), false, false);
    }
    Ok(seed)
}

fn adopted(path: &Path) -> Result<Option<Who>> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let adopted: Adopted = toml::from_str(&text).with_context(|| path.display().to_string())?;
            Ok(Some(adopted.identity))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// The bridge of the card this machine is reached by, and how. A machine that only plays a host keeps what it is.
async fn reached(config: &Config) -> Result<Option<(String, Management)>> {
    let own = config.network != "existing";
    if config.backend != "xl" && !own {
        return Ok(None);
    }
    let places = xapi_network::Places::default();
    let found = xapi_network::reached(&places).await;
    let Some(found) = found.map_err(|failure| anyhow::anyhow!("{failure}")).context("the network")? else {
        return Ok(None);
    };
    let cards = xapi_network::cards::read(&places.sys);
    let position = cards.iter().find(|card| card.device == found.card).map_or(0, |card| card.position);
    let servers: Vec<String> = found.servers.iter().map(ToString::to_string).collect();
    let how = Management {
        address: found.address.0.to_string(),
        netmask: found.address.1.to_string(),
        gateway: found.gateway.map(|gateway| gateway.to_string()).unwrap_or_default(),
        servers: servers.join(","),
        // Addresses others keep are as they are.
        leased: found.leased && own,
    };
    Ok(Some((format!("xenbr{position}"), how)))
}

/// Does anything listen on more than this machine's own loop?
fn listens_outside(config: &Config) -> bool {
    let outside = |text: &String| {
        let host = text.rsplit_once(':').map_or(text.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        text != "none"
            && host != "localhost"
            && !host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    [&config.http, &config.https].into_iter().flatten().any(outside)
}

async fn from_machine(config: &Config, adopted: bool) -> Result<Seed> {
    let uuid = |name: &str| match adopted {
        // Told by the state; none is made up.
        true => Ok(String::new()),
        false => state::secret(&config.state_dir.join(name), || Ok(uuid::Uuid::new_v4().to_string())),
    };
    let hostname = machine::hostname();
    let reached = reached(config).await?;
    let (management_interface, management) = match reached {
        Some((bridge, how)) => (bridge, Some(how)),
        None => ("xenbr0".into(), None),
    };
    // Addresses others keep matter only where somebody can come; otherwise clients are told that nobody can.
    let management = management.filter(|_| config.network != "existing" || listens_outside(config));
    let address = match &management {
        Some(how) if listens_outside(config) => how.address.clone(),
        _ => "127.0.0.1".into(),
    };
    let (hardware, xen, emulator) = if config.backend == "xl" {
        let (hardware, told) = machine::xen_host().await?;
        (hardware, told.get("xen_version").cloned().unwrap_or_default(), machine::emulator().await)
    } else {
        (machine::hardware(), "simulated".into(), None)
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
            address,
            management_interface,
            management,
            api_version: (2, 21),
        },
        hardware,
        software_version: Pairs(
            software
                .into_iter()
                .chain(emulator.map(|version| ("xennix_emulator", version)))
                .map(|(k, v)| (k.to_string(), v))
                .collect(),
        ),
        templates: "xcp-ng-8.3".into(),
        sm: None,
        storage_repositories: true,
        scan_networks: true,
    })
}
