//! The machine itself: `hardware.nix` (what the initrd needs, what Xen was told) and `disks.nix` (where the new system
//! lies, what of the old one stays untouched).

use super::nix::{Set, file};
use super::{Context, Note};
use crate::host::grub::argument;
use crate::host::system_disk::Part;

/// Drivers that reach the disks and cards of nearly every server, where the real ones are not known.
const USUAL: [&str; 14] = [
    "ahci",
    "ata_piix",
    "bnxt_en",
    "e1000e",
    "hpsa",
    "i40e",
    "igb",
    "ixgbe",
    "megaraid_sas",
    "mpt3sas",
    "nvme",
    "sd_mod",
    "tg3",
    "usb_storage",
];
/// What keyboards and disks need whatever else is there.
const ALWAYS: [&str; 4] = ["sd_mod", "usb_storage", "usbhid", "xhci_pci"];
/// Arguments of Xen that the new system decides itself.
const XEN_OWN: [&str; 6] = ["dom0_mem", "dom0_max_vcpus", "ucode", "crashkernel", "vga", "kexec"];
/// Arguments of the kernel that the new system decides itself.
const KERNEL_OWN: [&str; 13] = [
    "root",
    "ro",
    "rw",
    "nolvm",
    "hpet",
    "console",
    "quiet",
    "vga",
    "splash",
    "plymouth.ignore-serial-consoles",
    "rd.auto",
    "crashkernel",
    "initrd",
];

fn key(argument: &str) -> &str {
    argument.split('=').next().unwrap_or("")
}

/// Writes `hardware.nix`.
pub fn hardware(cx: &Context<'_>, notes: &mut Vec<Note>) -> String {
    let host = cx.host;
    let mut drivers: Vec<String> = host
        .machine
        .pci
        .iter()
        .filter(|card| card.is_vital())
        .filter_map(|card| card.driver.as_ref().map(|driver| driver.replace('-', "_")))
        .collect();
    let mut comments = vec!["The machine as the old system saw it, and what Xen was told.".to_owned()];
    if drivers.is_empty() {
        drivers = USUAL.map(str::to_owned).to_vec();
        comments.push(
            "The drivers in use are only known on the running host: these are the usual ones.".to_owned(),
        );
        notes.push(Note::new(
            "HARDWARE_UNKNOWN",
            "",
            "drivers in use are only known on the running host; the usual ones are listed",
        ));
    }
    drivers.extend(ALWAYS.map(str::to_owned));
    drivers.sort();
    drivers.dedup();
    let entry = host.grub().and_then(|grub| grub.default_entry());
    let (xen, kernel) = entry.map_or((&[][..], &[][..]), |entry| (&entry.xen[..], &entry.kernel[..]));
    let memory = argument(xen, "dom0_mem").and_then(mebibytes).or_else(|| host.fact("DOM0_MEM").parse().ok());
    let vcpus = argument(xen, "dom0_max_vcpus")
        .and_then(|text| text.rsplit('-').next())
        .or(Some(host.fact("DOM0_VCPUS")))
        .and_then(|text| text.parse::<i64>().ok());
    let kept: Vec<String> = xen
        .iter()
        .skip(1)
        .filter(|one| !XEN_OWN.contains(&key(one)) && one.as_str() != "console=vga")
        .cloned()
        .collect();
    let kernel: Vec<String> =
        kernel.iter().skip(1).filter(|one| !KERNEL_OWN.contains(&key(one))).cloned().collect();
    let mut hypervisor = Set::new();
    let dom0 = Set::new().maybe("memory", memory).maybe("vcpus", vcpus);
    if !dom0.is_empty() {
        hypervisor.put("dom0", dom0);
    }
    if !kept.is_empty() {
        hypervisor.put("cmdline", kept);
    }
    let mut top = Set::new().with("boot.initrd.availableKernelModules", drivers);
    if !kernel.is_empty() {
        top.put("boot.kernelParams", kernel);
    }
    if !hypervisor.is_empty() {
        top.put("xennix.hypervisor", hypervisor);
    }
    let total = cx
        .pool
        .follow(cx.row, "metrics")
        .map(|metrics| metrics.number("memory__total") >> 20)
        .filter(|mib| *mib > 0);
    if let Some(total) = total {
        top.put("xennix.host.memory", total);
    }
    file(&comments, top)
}

/// MiB of `dom0_mem`, as in `4096M,max:4096M`.
pub fn mebibytes(text: &str) -> Option<i64> {
    let first = text
        .split(',')
        .map(|part| part.trim_start_matches("min:"))
        .find(|part| part.starts_with(|c: char| c.is_ascii_digit()))?;
    let digits = first.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: i64 = digits.parse().ok()?;
    match first[digits.len()..].to_ascii_uppercase().as_str() {
        "G" => Some(number << 10),
        "M" => Some(number),
        "K" | "" => Some(number >> 10),
        _ => None,
    }
}

/// UUID the new root file system gets, the same each time for a host.
pub fn root_uuid(host_uuid: &str) -> String {
    let host = uuid::Uuid::parse_str(host_uuid).unwrap_or_default();
    uuid::Uuid::new_v5(&host, b"xennix-root").to_string()
}

/// Writes `disks.nix`.
pub fn disks(cx: &Context<'_>, notes: &mut Vec<Note>) -> String {
    let host = cx.host;
    let device = host.fact("PRIMARY_DISK");
    if device.is_empty() {
        notes.push(Note::new("DISK_UNKNOWN", "", "the inventory names no disk: set xennix.disks.device"));
    }
    let bios = !host.is_uefi();
    let array = device.starts_with("/dev/md");
    // An array's members carry the same labels as the array: there only the number is safe.
    let find = |at: &str, part: Part, usual: u32| {
        let number = host.disk.as_ref().and_then(|disk| disk.part(part)).map_or(usual, |one| one.number);
        if array {
            return Some(format!("{device}p{number}"));
        }
        host.label_of(at).map(|label| format!("/dev/disk/by-label/{label}"))
    };
    let mut disks = Set::new()
        .with("layout", "xcp-ng-inplace")
        .maybe("device", Some(device).filter(|device| !device.is_empty()))
        .with("rootDevice", "/dev/disk/by-label/xennix-root")
        .with("efi", !bios);
    if !bios {
        disks = disks.maybe("espDevice", find("/boot/efi", Part::Esp, 4));
    }
    disks = disks
        .maybe("logsDevice", find("/var/log", Part::Logs, 5))
        .maybe("swapDevice", find("swap", Part::Swap, 6))
        .maybe("oldRootDevice", find("/", Part::Root, 1))
        .with("keepOldRoot", true)
        .with("keepOldLogs", true);
    let mut boot = Set::new()
        .with("firmware", if bios { "bios" } else { "uefi" })
        .with("loader", if bios { "grub-foreign" } else { "systemd-boot" });
    if bios {
        let root = root_uuid(cx.row.uuid());
        boot =
            boot.with("foreignGrub", Set::new().with("directory", "/old/boot/grub").with("rootUuid", root));
    } else {
        // The old system's EFI partition has room for little more.
        boot = boot.with("configurationLimit", 2);
    }
    let comments = [
        "The new root lies where the old system kept its backup. The old root and logs are only ever read, beside the new".to_owned(),
        "ones; the repository on the same disk is not mentioned, so nothing here can format it.".to_owned(),
    ];
    file(&comments, Set::new().with("xennix.disks", disks).with("xennix.boot", boot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, mib) in
            [("4096M,max:4096M", Some(4096)), ("max:2G,2G", Some(2048)), ("1048576", Some(1024)), ("x", None)]
        {
            assert_eq!(mebibytes(text), mib, "{text}");
        }
    }
}
