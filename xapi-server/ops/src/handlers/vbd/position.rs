//! Positions of disks: the many ways to write one, and which are free.

use std::collections::BTreeSet;

use xapi_schema::{
    Ref, Result,
    classes::{Vm, vbd, vm},
    errors,
};
use xapi_store::Read;

/// Positions a VM has; the control domain has one more.
const POSITIONS: u32 = 255;

/// Where a device name puts a disk: on the paravirtual bus, on the IDE bus, or in a floppy drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Xen(u32),
    Ide(u32),
    Scsi(u32),
    Floppy(u32),
}

/// All readings of a device name; none when it is no name of a device.
fn readings(name: &str) -> Vec<Slot> {
    if let Ok(n) = name.parse::<u32>() {
        let ide = (n < 4).then_some(Slot::Ide(n));
        return std::iter::once(Slot::Xen(n)).chain(ide).collect();
    }
    let named = |prefix: &str| name.strip_prefix(prefix).and_then(letters);
    let slot = named("xvd").map(Slot::Xen);
    let slot = slot.or_else(|| named("hd").map(Slot::Ide));
    let slot = slot.or_else(|| named("sd").map(Slot::Scsi));
    let slot = slot.or_else(|| named("fd").map(Slot::Floppy));
    slot.or_else(|| bus_name(name).map(Slot::Xen)).into_iter().collect()
}

/// `a` is 0, `z` 25, `aa` 26; a partition number may follow.
fn letters(text: &str) -> Option<u32> {
    let name = text.trim_end_matches(|c: char| c.is_ascii_digit());
    if name.is_empty() || name.len() > 2 || !name.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    let value = name.bytes().fold(0, |sum, b| sum * 26 + u32::from(b - b'a') + 1);
    Some(value - 1)
}

/// `dN` or `dNpM`.
fn bus_name(name: &str) -> Option<u32> {
    let rest = name.strip_prefix('d')?;
    let (disk, partition) = rest.split_once('p').unwrap_or((rest, "0"));
    partition.parse::<u32>().ok()?;
    disk.parse().ok()
}

/// The number of a position, however it is written.
pub fn number(name: &str) -> Option<u32> {
    readings(name).first().map(|slot| match slot {
        Slot::Xen(n) | Slot::Ide(n) | Slot::Scsi(n) | Slot::Floppy(n) => *n,
    })
}

/// Every reading of every device the VM has.
fn taken(read: &impl Read, guest: &Ref<Vm>) -> Result<BTreeSet<Slot>> {
    let mut slots = BTreeSet::new();
    for device in read.get(guest, vm::VBDs)? {
        let Ok(record) = read.record(&device) else { continue };
        for name in [record.get(vbd::userdevice), record.get(vbd::device)] {
            slots.extend(readings(&name));
        }
    }
    Ok(slots)
}

/// Positions a new disk could take, as decimal texts.
///
/// # Errors
/// HANDLE_INVALID.
pub fn free_positions(read: &impl Read, guest: &Ref<Vm>) -> Result<Vec<String>> {
    let taken = taken(read, guest)?;
    let last = POSITIONS + u32::from(read.get(guest, vm::is_control_domain)?);
    let free = |n: &u32| !readings(&n.to_string()).iter().any(|slot| taken.contains(slot));
    Ok((0..last).filter(free).map(|n| n.to_string()).collect())
}

/// Checks a wanted position, or finds one for `autodetect`.
///
/// # Errors
/// INVALID_DEVICE [userdevice], DEVICE_ALREADY_EXISTS [userdevice].
pub fn choose(read: &impl Read, guest: &Ref<Vm>, wanted: &str, floppy: bool) -> Result<String> {
    let invalid = || errors::INVALID_DEVICE.with([wanted]);
    if wanted == "autodetect" {
        if floppy {
            let taken = taken(read, guest)?;
            let free = (0..2).find(|n| !taken.contains(&Slot::Floppy(*n)));
            let letter = free.map(|n| if n == 0 { "fda" } else { "fdb" });
            return letter.map(str::to_string).ok_or_else(invalid);
        }
        return free_positions(read, guest)?.into_iter().next().ok_or_else(invalid);
    }
    let slots = readings(wanted);
    // Numbers beyond what a VM can have are taken as they are, as the original does.
    if slots.is_empty() && wanted.parse::<i64>().is_err() {
        return Err(invalid());
    }
    let taken = taken(read, guest)?;
    if slots.iter().any(|slot| taken.contains(slot)) {
        return Err(errors::DEVICE_ALREADY_EXISTS.with([wanted]));
    }
    Ok(wanted.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_xen_disk_and_one_of_four_ide_disks() {
        assert_eq!(readings("0"), [Slot::Xen(0), Slot::Ide(0)]);
        assert_eq!(readings("4"), [Slot::Xen(4)]);
        assert_eq!(readings("hda"), [Slot::Ide(0)]);
        assert_eq!(readings("xvdaa1"), [Slot::Xen(26)]);
        assert_eq!(readings("d3p1"), [Slot::Xen(3)]);
        for senseless in ["", "xvd", "xvdA", "hd1", "dp", "disk", "-1"] {
            assert_eq!(readings(senseless), [], "{senseless}");
        }
    }
}
