//! What the toolstack stands on: hypervisor, storage, network and host, behind traits.
//!
//! A backend is told what to do in its own small vocabulary (a domain, a volume, a link) and reports what
//! happened by itself as events. It never sees the store, a task or a session, and keeps no policy.
//!
//! [`sim`] is complete and needs nothing of the machine but a directory.

pub mod features;
pub mod host;
pub mod hypervisor;
pub mod metrics;
pub mod network;
pub mod program;
pub mod sim;
pub mod storage;

use std::sync::Arc;

pub use host::HostControl;
pub use hypervisor::Hypervisor;
pub use metrics::MetricsSource;
pub use network::Network;
pub use storage::Storage;

/// One of each kind.
#[derive(Clone)]
pub struct Backends {
    /// `sim` or `xl`; shown at start and in `host.software_version`.
    pub name: &'static str,
    /// Domains.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// Disks.
    pub storage: Arc<dyn Storage>,
    /// Links and bridges.
    pub network: Arc<dyn Network>,
    /// The machine itself.
    pub host: Arc<dyn HostControl>,
    /// What is measured.
    pub metrics: Arc<dyn MetricsSource>,
}
