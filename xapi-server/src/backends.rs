//! What the daemon stands on, chosen by its settings: a real Xen, or a machine that is not there.

use std::sync::Arc;

use anyhow::{Context, Result};
use xapi_backend::{Backends, Network};
use xapi_ops::first_boot::Seed;
use xapi_store::Store;
use xapi_xl::xenstore::Client;

use xapi_network::{Kernel, Networkd, OpenVswitch, Places};

use crate::{
    bridges::{self, Existing},
    config::Config,
    drivers::{self, Database},
    machine, storage,
};

/// Opens it.
///
/// # Errors
/// A directory that cannot be used.
pub async fn open(config: &Config, seed: &Seed, store: &Store, database: &Arc<Database>) -> Result<Backends> {
    let own = match config.storage {
        "native" => Some(storage::native(config, store)?),
        _ => None,
    };
    let disks = match (own, &config.drivers) {
        (Some(own), Some(dir)) => {
            let kept = config.state_dir.join("drivers");
            Some(drivers::beside(own, dir, database, storage::policies(store), &kept).await)
        }
        (own, _) => own,
    };
    let (mut simulated, _) =
        xapi_backend::sim::open_with(&config.state_dir.join("sim"), machine::simulated(seed), disks)
            .context("the simulated machine could not be opened")?;
    if config.backend != "xl" {
        // The machine's own network below simulated guests, where it was asked for.
        if config.network != "existing" {
            simulated.network = network(config)?;
        }
        return Ok(simulated);
    }
    let (xl, root) = (xapi_xl::Xl::default(), xapi_facts::Root::default());
    let measured = xapi_xl::Metrics::new(
        xl.clone(),
        Client::of_host(),
        root.clone(),
        seed.identity.control_domain_uuid.clone(),
    );
    let storage = simulated.storage;
    let options = xapi_xl::Options {
        xl: xl.clone(),
        store: Client::of_host(),
        storage: storage.clone(),
        memory: Arc::new(xapi_xl::Privcmd::default()),
        hypercalls: xapi_xl::Hypercalls::at("/dev/xen"),
        card_script: match config.network {
            "openvswitch" => |_| Some(bridges::SWITCHED),
            "existing" => bridges::card_script,
            _ => |_| None,
        },
        screens: xapi_xl::SCREENS.into(),
        tpm: xapi_xl::tpm::Programs::default(),
        cpu_vendor: seed.hardware.cpu_info.get("vendor").unwrap_or_default().to_string(),
    };
    let domains = xapi_xl::Domains::open(&config.state_dir.join("xl"), options)
        .context("what is kept of domains could not be opened")?;
    Ok(Backends {
        name: "xl",
        hypervisor: Arc::new(domains),
        storage,
        network: network(config)?,
        host: Arc::new(xapi_xl::Host::new(xl, root)),
        metrics: Arc::new(measured),
    })
}

/// How the host's network is made.
fn network(config: &Config) -> Result<Arc<dyn Network>> {
    let places = Places::default();
    let opened: std::io::Result<Arc<dyn Network>> = match config.network {
        "kernel" => Kernel::open(places).map(|network| Arc::new(network) as _),
        "networkd" => Networkd::open(places).map(|network| Arc::new(network) as _),
        "openvswitch" => OpenVswitch::open(places).map(|network| Arc::new(network) as _),
        _ => existing(places).map(|network| Arc::new(network) as _),
    };
    opened.context("the network of this host")
}

fn existing(places: Places) -> std::io::Result<Existing> {
    Ok(Existing {
        sys: places.sys.clone(),
        socket: xapi_network::SWITCH_SOCKET.into(),
        kernel: Arc::new(Kernel::open(places.clone())?),
        switch: Arc::new(OpenVswitch::open(places)?),
    })
}
