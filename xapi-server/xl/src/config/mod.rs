//! A domain's description as the text `xl create` reads. Pure: opens nothing, asks nobody.
//!
//! What xl cannot express is an error where the guest would be another machine without it, and a note otherwise;
//! notes are logged at each start.

mod devices;
mod machine;
mod text;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use xapi_backend::{
    hypervisor::{Disk, DomainKind, DomainSpec},
    storage::DataPath,
};
use xapi_schema::Result;

pub use devices::{POSITIONS, disk_line, guest_device, nic_line, no_socket, vdev, vdev_number};
pub use machine::{is_uefi, mib, pci, platform, shadow_mib};
#[cfg(test)]
pub use tests::test_spec;
pub use text::{Config, sane};

/// A disk with the place its bytes are at; an empty drive has none.
pub type Placed = (Disk, Option<DataPath>);

/// The hotplug script that puts ports on a bridge, by the bridge's name, where it is not the one xl takes by itself.
pub type CardScript = fn(&str) -> Option<&'static str>;

/// What the host decides, not the record.
#[derive(Debug, Clone)]
pub struct Place {
    /// How cards are put on bridges.
    pub card_script: CardScript,
    /// The socket an emulated machine's screen is shown at.
    pub screen: PathBuf,
    /// Where the sockets of TPMs are.
    pub tpms: PathBuf,
}

/// The text for a new or restored domain.
///
/// # Errors
/// INVALID_VALUE, VALUE_NOT_SUPPORTED, UNKNOWN_BOOTLOADER, VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE,
/// NOT_IMPLEMENTED for what has no equivalent.
pub fn config(spec: &DomainSpec, disks: &[Placed], place: &Place) -> Result<Config> {
    let mut out = Config::default();
    machine::identity(spec, &mut out)?;
    machine::memory(spec, &mut out);
    machine::processors(spec, &mut out)?;
    match spec.kind {
        DomainKind::Hvm => machine::emulated(spec, place, &mut out)?,
        DomainKind::Pv | DomainKind::Pvh | DomainKind::PvInPvh => machine::kernel(spec, &mut out)?,
    }
    machine::common(spec, &mut out)?;
    devices::tpm(spec, place, &mut out)?;
    let hvm = spec.kind == DomainKind::Hvm;
    let lines = disks.iter().map(|(disk, path)| disk_line(disk, path.as_ref(), hvm));
    out.list("disk", lines.collect::<Result<Vec<_>>>()?)?;
    let lines = spec.nics.iter().map(|nic| nic_line(spec, nic, place.card_script));
    out.list("vif", lines.collect::<Result<Vec<_>>>()?)?;
    devices::usb(spec, &mut out)?;
    Ok(out)
}
