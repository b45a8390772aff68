//! Domains on a real Xen.
//!
//! `xl` is run as a child, never linked: it may abort, and its library is bound to one release of Xen. What xl
//! cannot say is done in xenstore; the one thing it takes too long to say is said to the hypervisor itself. What runs is the
//! truth; nothing here keeps policy, and domains made by others are shown and left alone.

mod agent;
mod ask;
pub mod config;
mod console;
mod cores;
mod devices;
mod domains;
mod earlier;
pub mod emulator;
mod firmware;
mod guest;
pub mod host;
mod hypercall;
mod image;
mod levers;
mod life;
mod metrics;
mod positions;
mod records;
mod screens;
mod shared;
mod table;
mod telling;
mod tool;
pub mod tpm;
mod watcher;
pub mod xenstore;

pub use domains::{Domains, Options};
pub use firmware::{Memory, Privcmd};
pub use host::Host;
pub use hypercall::Hypercalls;
pub use metrics::Metrics;
pub use screens::SCREENS;
pub use tool::Xl;

/// MiB of memory of the control domain, and of each other one, in what `xl list -v` prints.
pub fn memory_of_domains(list: &str) -> (i64, Vec<i64>) {
    (table::control_domain_memory(list), table::rows(list).iter().map(|row| row.memory).collect())
}

/// This machine is the control domain of a Xen host.
pub fn is_control_domain() -> bool {
    let capabilities = std::fs::read_to_string("/proc/xen/capabilities").unwrap_or_default();
    capabilities.split_whitespace().any(|word| word == "control_d")
}
