//! The network of a Linux host: cards, bridges, VLANs, bonds, tunnels, addresses, and filters at the ports of
//! guests. Implements [`xapi_backend::Network`] in three ways: by the kernel alone, by units for
//! systemd-networkd, and by Open vSwitch.
//!
//! Never touches an interface it was not told about, and decides nothing: which bridge stands on which card is
//! told by whoever calls.

mod addresses;
mod bonds;
pub mod cards;
mod dhcp;
mod ethtool;
mod filter;
mod kernel;
mod links;
mod listing;
mod names;
mod networkd;
mod openvswitch;
mod reached;
mod resolver;
mod switch;
mod unit_files;
pub mod units;

use std::path::{Path, PathBuf};

use xapi_schema::Failure;

pub use kernel::Kernel;
pub use networkd::Networkd;
pub use openvswitch::{OpenVswitch, SOCKET as SWITCH_SOCKET};
pub use reached::{Reached, reached};

/// Where things are that differ between machines and tests.
#[derive(Debug, Clone)]
pub struct Places {
    /// Root of sysfs, normally `/sys`.
    pub sys: PathBuf,
    /// File with the DNS servers, normally `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// Directory for pid files and leases, normally `/run/xennix`.
    pub run: PathBuf,
    /// Directory of the units we generate, normally `/run/systemd/network`.
    pub units: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Places {
            sys: "/sys".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            run: "/run/xennix".into(),
            units: "/run/systemd/network".into(),
        }
    }
}

/// The failure of something the kernel or a program would not do.
fn failed(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::internal(format!("{what}: {error}"))
}

/// Writes a file so that readers see the old text or the new one, never half of one.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let beside = path.with_extension("xennix-new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
