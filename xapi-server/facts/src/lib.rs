//! What a Linux machine says about itself: processors, memory, devices, firmware, crashes, counters.
//!
//! Every reader takes a [`Root`], so that a directory with the same files stands for a machine. Nothing here runs a
//! program, writes, or knows the API; what only the hypervisor knows comes as the lines it printed.

pub mod bios;
pub mod counters;
pub mod cpu;
pub mod crash;
pub mod featureset;
pub mod names;
pub mod pci;
mod root;
pub mod system;
pub mod usb;

pub use root::Root;

/// What the hypervisor prints about the machine, by its own names.
pub type Told = std::collections::BTreeMap<String, String>;
