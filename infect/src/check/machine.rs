//! The machine: its disk, firmware, drivers, clock and certificates.

use super::{Condition, Facts, Outcome, condition, when};
use crate::Severity::{Refuse, Warn};
use crate::host::gpt::Table;
use crate::host::grub::argument;
use crate::host::system_disk::Part;

/// Drivers that load firmware which is no part of a small system.
const WITH_FIRMWARE: [&str; 13] = [
    "aic94xx",
    "bnx2",
    "bnx2x",
    "cxgb4",
    "ice",
    "isci",
    "liquidio",
    "mlxsw_spectrum",
    "netxen_nic",
    "nfp",
    "qed",
    "qede",
    "qla2xxx",
];
/// MiB the new root needs, with room.
const ROOM: [(Part, u64); 2] = [(Part::Root, 10 << 10), (Part::Backup, 12 << 10)];
const NO_DISK: &str = "the system's disk was not looked at (name it with --disk)";

pub(super) const CODES: &[Condition] = &[
    condition(
        "LAYOUT_OLD",
        Refuse,
        "the disk has no partition for logs: the layout of old releases",
        "reinstall with the present layout",
        |f| {
            let Some(inventory) = &f.host.inventory else { return Outcome::Unknown("no inventory") };
            when(
                !inventory.layout().contains(&"LOG"),
                format!("PARTITION_LAYOUT is {:?}", inventory.get("PARTITION_LAYOUT")),
            )
        },
    ),
    condition("LAYOUT_DOS", Refuse, "the disk has no GPT", "reinstall with the present layout", |f| match &f
        .host
        .disk
    {
        Some(disk) => when(!matches!(disk.table, Table::Gpt(_)), format!("{} has no GPT", disk.name)),
        None => Outcome::Unknown(NO_DISK),
    }),
    condition(
        "LAYOUT_ROOT_SMALL",
        Refuse,
        "root is smaller than 10 GiB",
        "reinstall with the present layout",
        |f| small(f, 0),
    ),
    condition(
        "LAYOUT_BACKUP_SMALL",
        Refuse,
        "there is no backup partition of 12 GiB for the new system",
        "reinstall with the present layout",
        |f| small(f, 1),
    ),
    condition(
        "DISK_BFS_MULTIPATH",
        Refuse,
        "root lies on a multipath device",
        "install on a local disk",
        |f| {
            let disk = f.host.fact("PRIMARY_DISK");
            when(
                disk.starts_with("/dev/mapper/") || disk.contains("/dm-") || disk.contains("dm-uuid-mpath"),
                disk,
            )
        },
    ),
    condition("DISK_BFS_ISCSI", Refuse, "root lies on iSCSI", "install on a local disk", |f| {
        boots_with(f, &["rd.iscsi.ibft", "rd.iscsi.firmware"])
    }),
    condition("DISK_BFS_FCOE", Refuse, "root lies on FCoE", "install on a local disk", |f| {
        boots_with(f, &["fcoe"])
    }),
    condition(
        "DISK_RAID",
        Warn,
        "root lies on a software RAID: the first start can't be for once only",
        "choose the entry by hand at the first start",
        |f| {
            let disk = f.host.fact("PRIMARY_DISK");
            let mounted = f
                .host
                .machine
                .mounts
                .iter()
                .any(|mount| mount.at == "/" && mount.device.starts_with("/dev/md"));
            when(disk.starts_with("/dev/md") || mounted, disk)
        },
    ),
    condition(
        "SECUREBOOT_HOST",
        Refuse,
        "the firmware starts signed systems only",
        "switch Secure Boot off in the firmware",
        |f| match f.host.machine.secure_boot {
            Some(on) => when(on, "Secure Boot is on"),
            None if !f.host.is_uefi() => when(false, ""),
            None => Outcome::Unknown("a copy of the files does not show the firmware"),
        },
    ),
    condition(
        "ESP_SPACE",
        Refuse,
        "less than 200 MiB are free on the EFI partition",
        "remove what does not belong to the vendor from it",
        |f| match f.host.machine.esp_free {
            _ if !f.host.is_uefi() => when(false, ""),
            Some(free) => when(free < 200 << 20, format!("{} MiB are free", free >> 20)),
            None => Outcome::Unknown("a copy of the files does not show the EFI partition"),
        },
    ),
    condition("MEM_DOM0", Warn, "dom0 has less than 2 GiB", "give dom0 more memory", |f| {
        let xen = f.host.grub().and_then(|grub| grub.default_entry()).map_or(&[][..], |entry| &entry.xen);
        let told = argument(xen, "dom0_mem").and_then(crate::generate::machine::mebibytes);
        match told.or_else(|| f.host.fact("DOM0_MEM").parse().ok()) {
            Some(mib) => when(mib < 2048, format!("{mib} MiB")),
            None => Outcome::Unknown("neither the boot menu nor the inventory says"),
        }
    }),
    condition(
        "DRIVER_MISSING",
        Refuse,
        "a card in use has no driver in the new kernel",
        "replace the card, or add its driver to the new system",
        |f| {
            let Some(aliases) = f.aliases else {
                return Outcome::Unknown("the new kernel's modules.alias was not given (--modules-alias)");
            };
            if f.host.machine.pci.is_empty() {
                return Outcome::Unknown("a copy of the files does not show the cards");
            }
            let used = f.host.machine.pci.iter().filter(|card| card.is_vital() && card.driver.is_some());
            let without = used.filter(|card| aliases.drivers(&card.modalias).is_empty());
            Outcome::Found(
                without
                    .map(|card| {
                        (
                            card.address.clone(),
                            format!("{} (now {})", card.modalias, card.driver.as_deref().unwrap_or("")),
                        )
                    })
                    .collect(),
            )
        },
    ),
    condition(
        "FIRMWARE_BLOB",
        Warn,
        "a card needs firmware of its maker",
        "keep hardware.enableRedistributableFirmware on in the new system",
        |f| {
            if f.host.machine.pci.is_empty() {
                return Outcome::Unknown("a copy of the files does not show the cards");
            }
            let cards = f
                .host
                .machine
                .pci
                .iter()
                .filter_map(|card| card.driver.as_deref().map(|driver| (card, driver.replace('-', "_"))));
            let blobs = cards.filter(|(_, driver)| WITH_FIRMWARE.contains(&driver.as_str()));
            Outcome::Found(blobs.map(|(card, driver)| (card.address.clone(), driver)).collect())
        },
    ),
    condition(
        "CERT_SMALL",
        Warn,
        "a certificate has an RSA key of less than 2048 bits",
        "make new certificates before",
        |f| {
            certificates(f, |one, _| one.kind == "RSA" && one.bits < 2048, |one| format!("{} bits", one.bits))
        },
    ),
    condition("CERT_EXPIRED", Warn, "a certificate is not valid now", "make new certificates before", |f| {
        certificates(
            f,
            |one, now| one.not_after < now || one.not_before > now,
            |one| format!("valid until {} (seconds since 1970)", one.not_after),
        )
    }),
    condition("CLOCK", Warn, "the clock is off by more than a minute", "let chronyd set it", |f| {
        match f.live.clock_offset {
            Some(offset) => when(offset.abs() > 60.0, format!("{offset:.0} seconds")),
            None => Outcome::Unknown("chronyd does not answer here"),
        }
    }),
    condition(
        "CLOCK_LOCAL",
        Warn,
        "the hardware clock is in local time",
        "run hwclock --systohc --utc",
        |f| when(f.host.machine.local_clock == Some(true), "/etc/adjtime says LOCAL"),
    ),
];

fn small(f: &Facts<'_>, which: usize) -> Outcome {
    let Some(disk) = f.host.disk.as_ref().filter(|disk| disk.gpt().is_some()) else {
        return Outcome::Unknown(NO_DISK);
    };
    let (part, needed) = ROOM[which];
    match disk.part(part) {
        Some(one) => {
            when(one.size >> 20 < needed, format!("partition {} has {} MiB", one.number, one.size >> 20))
        }
        None => when(true, "not found by its label"),
    }
}

fn boots_with(f: &Facts<'_>, words: &[&str]) -> Outcome {
    let menu = f.host.grub().and_then(|grub| grub.default_entry()).map_or(&[][..], |entry| &entry.kernel);
    let all = menu.iter().chain(&f.host.machine.command_line);
    let found: Vec<&String> =
        all.filter(|one| words.contains(&one.split('=').next().unwrap_or(""))).collect();
    when(!found.is_empty(), found.first().map_or(String::new(), |one| (*one).clone()))
}

fn certificates(
    f: &Facts<'_>,
    bad: impl Fn(&crate::host::certificate::Certificate, i64) -> bool,
    text: impl Fn(&crate::host::certificate::Certificate) -> String,
) -> Outcome {
    let all = f
        .host
        .certificates
        .iter()
        .flat_map(|(file, pem)| pem.certificates.iter().map(move |one| (file, one)));
    Outcome::Found(
        all.filter(|(_, one)| bad(one, f.now)).map(|(file, one)| (file.clone(), text(one))).collect(),
    )
}
