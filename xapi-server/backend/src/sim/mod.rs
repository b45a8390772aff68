//! A host that is not there: domains without a hypervisor, volumes in sparse files, links on paper.
//!
//! It behaves like a small healthy machine, keeps its state in a directory across restarts, and fails
//! where a test tells it to ([`Faults`]). Nothing of it is proof that real Xen does the same.

mod changes;
mod consoles;
mod domains;
mod faults;
mod host;
mod links;
mod metrics;
mod state;
mod volumes;

use std::{path::Path, sync::Arc};

pub use faults::Faults;
pub use links::SimCard;

use crate::{
    Backends, Storage,
    host::{CrashDump, Devices},
    hypervisor::{DomainEvent, DomainSpec, Happened},
};

/// How large and how fast the simulated machine is.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Bytes of memory for guests.
    pub memory: i64,
    /// Processor vendor reported for domains.
    pub cpu_vendor: String,
    /// Feature words reported for domains.
    pub cpu_features: String,
    /// Processors.
    pub cpus: i64,
    /// What is plugged in; `None` leaves the rows of devices as they are.
    pub devices: Option<Devices>,
    /// What crashes left, likewise.
    pub crash_dumps: Option<Vec<CrashDump>>,
    /// Network cards.
    pub cards: Vec<SimCard>,
    /// Milliseconds until a guest's agent reports addresses.
    pub agent_delay: u64,
    /// Milliseconds it takes to build a domain.
    pub build_delay: u64,
    /// Milliseconds a guest takes to shut down.
    pub shutdown_delay: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Machine {
            memory: 64 << 30,
            cpu_vendor: "GenuineIntel".into(),
            cpu_features: String::new(),
            cpus: 4,
            devices: None,
            crash_dumps: None,
            cards: vec![],
            agent_delay: 400,
            build_delay: 0,
            shutdown_delay: 50,
        }
    }
}

/// What a test can do to the machine from outside.
#[derive(Clone)]
pub struct Levers {
    /// Calls that shall fail.
    pub faults: Arc<Faults>,
    domains: Arc<domains::Domains>,
    host: Arc<host::Machine>,
}

impl Levers {
    /// Plugs and unplugs until this is what is plugged in.
    pub fn plug(&self, devices: Devices) {
        self.host.plug(devices);
    }

    /// What the machine was told to do with its power, in order.
    pub fn power_actions(&self) -> Vec<crate::host::PowerAction> {
        self.host.power_actions()
    }

    /// Lets a guest do something by itself.
    pub fn happen(&self, uuid: &str, what: Happened) {
        // Without a listener it happens unseen, as on a real host.
        let _ = self.domains.sender().send(DomainEvent { uuid: uuid.to_string(), what });
    }

    /// A domain as it is by now.
    pub fn domain(&self, uuid: &str) -> Option<DomainSpec> {
        self.domains.specs().into_iter().map(|(spec, _)| spec).find(|spec| spec.uuid == uuid)
    }
}

/// Opens a simulated machine whose state lives in `dir`; the second value is for tests.
///
/// # Errors
/// A directory that cannot be used, or state in it that cannot be read.
pub fn open(dir: &Path, machine: Machine) -> std::io::Result<(Backends, Levers)> {
    open_with(dir, machine, None)
}

/// As [`open`], with disks that are somewhere else: those of guests are opened there as on a real host.
///
/// # Errors
/// As [`open`].
pub fn open_with(
    dir: &Path,
    machine: Machine,
    disks: Option<Arc<dyn Storage>>,
) -> std::io::Result<(Backends, Levers)> {
    std::fs::create_dir_all(dir)?;
    let faults = Arc::new(Faults::default());
    let domains = Arc::new(domains::Domains::open(dir, machine.clone(), faults.clone(), disks.clone())?);
    let storage = match disks {
        Some(disks) => disks,
        None => Arc::new(volumes::Volumes::open(dir, faults.clone())?),
    };
    let host = Arc::new(host::Machine::new(&machine, domains.clone(), faults.clone()));
    let levers = Levers { faults: faults.clone(), domains: domains.clone(), host: host.clone() };
    let backends = Backends {
        name: "sim",
        hypervisor: domains.clone(),
        storage,
        network: Arc::new(links::Links::new(machine.cards.clone(), faults)),
        host,
        metrics: Arc::new(metrics::Metrics::new(domains, machine.cpus)),
    };
    Ok((backends, levers))
}
