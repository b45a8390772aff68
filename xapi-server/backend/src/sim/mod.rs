//! A host that is not there: domains without a hypervisor, volumes in sparse files, links on paper.
//!
//! It behaves like a small healthy machine, keeps its state in a directory across restarts, and fails
//! where a test tells it to ([`Faults`]). Nothing of it is proof that real Xen does the same.

mod domains;
mod faults;
mod host;
mod links;
mod state;
mod volumes;

use std::{path::Path, sync::Arc};

pub use faults::Faults;
pub use links::SimCard;

use crate::Backends;

/// How large and how fast the simulated machine is.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Bytes of memory for guests.
    pub memory: i64,
    /// Processor vendor reported for domains.
    pub cpu_vendor: String,
    /// Feature words reported for domains.
    pub cpu_features: String,
    /// Network cards.
    pub cards: Vec<SimCard>,
    /// Milliseconds until a guest's agent reports addresses.
    pub agent_delay: u64,
    /// Milliseconds a guest takes to shut down.
    pub shutdown_delay: u64,
}

impl Default for Machine {
    fn default() -> Self {
        Machine {
            memory: 64 << 30,
            cpu_vendor: "GenuineIntel".into(),
            cpu_features: String::new(),
            cards: vec![],
            agent_delay: 400,
            shutdown_delay: 50,
        }
    }
}

/// Opens a simulated machine whose state lives in `dir`; the second value injects faults.
///
/// # Errors
/// A directory that cannot be used, or state in it that cannot be read.
pub fn open(dir: &Path, machine: Machine) -> std::io::Result<(Backends, Arc<Faults>)> {
    std::fs::create_dir_all(dir)?;
    let faults = Arc::new(Faults::default());
    let backends = Backends {
        name: "sim",
        hypervisor: Arc::new(domains::Domains::open(dir, machine.clone(), faults.clone())?),
        storage: Arc::new(volumes::Volumes::open(dir, faults.clone())?),
        network: Arc::new(links::Links::new(machine.cards.clone(), faults.clone())),
        host: Arc::new(host::Machine::new(machine.memory)),
    };
    Ok((backends, faults))
}
