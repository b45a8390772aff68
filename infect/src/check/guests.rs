//! Each guest: whether it may be carried over as it is, and what of its machine the new host can't give it.

use super::{Condition, Facts, Outcome, condition, later, when};
use crate::Severity::{Refuse, Warn};
use crate::pool::{Pool, Row};
use base64::Engine;

const NO_DB: &str = "no database";

/// Real guests: no control domains, templates or snapshots.
fn guests(pool: &Pool) -> impl Iterator<Item = &Row> {
    pool.rows("VM")
        .iter()
        .filter(|vm| !vm.flag("is_control_domain") && !vm.flag("is_a_template") && !vm.flag("is_a_snapshot"))
}

fn each(f: &Facts<'_>, bad: impl Fn(&Pool, &Row) -> Option<String>) -> Outcome {
    let Some(pool) = f.pool else { return Outcome::Unknown(NO_DB) };
    Outcome::Found(
        guests(pool)
            .filter_map(|vm| {
                bad(pool, vm).map(|text| (vm.uuid().to_owned(), format!("{:?}: {text}", vm.name())))
            })
            .collect(),
    )
}

fn platform(vm: &Row, key: &str) -> String {
    vm.map("platform").remove(key).unwrap_or_default()
}

fn on(text: &str) -> bool {
    matches!(text, "true" | "1")
}

fn is_uefi(vm: &Row) -> bool {
    vm.map("HVM__boot_params").get("firmware").is_some_and(|firmware| firmware == "uefi")
}

fn disks<'a>(pool: &'a Pool, vm: &'a Row) -> impl Iterator<Item = &'a Row> {
    pool.pointing("VBD", "VM", &vm.reference).filter(|vbd| !vbd.flag("empty"))
}

pub(super) const CODES: &[Condition] = &[
    later("VM_RUNNING", Refuse, "a guest runs", "shut it down or move it away before the cut-over", |f| {
        each(f, |_, vm| {
            matches!(vm.get("power_state"), "Running" | "Paused")
                .then(|| vm.get("power_state").to_lowercase())
        })
    }),
    condition(
        "VM_SUSPENDED",
        Refuse,
        "a guest is suspended, and its memory can't be taken up again",
        "resume it and shut it down",
        |f| each(f, |_, vm| (vm.get("power_state") == "Suspended").then(|| "suspended".into())),
    ),
    condition(
        "VM_RESET_SUSPENDED",
        Refuse,
        "a suspended guest has a disk that is reset at start",
        "resume it and shut it down",
        |f| {
            each(f, |pool, vm| {
                let reset = disks(pool, vm)
                    .filter_map(|vbd| pool.follow(vbd, "VDI"))
                    .find(|vdi| vdi.get("on_boot") == "reset")?;
                (vm.get("power_state") == "Suspended").then(|| format!("disk {}", reset.uuid()))
            })
        },
    ),
    condition(
        "VM_RESET_DISK",
        Warn,
        "a guest has a disk that is reset at each start: as nothing on its repository may be changed before the conversion is \
         committed, it does not start until then",
        "accept, or let the disk keep what is written: xe vdi-param-set on-boot=persist",
        |f| {
            each(f, |pool, vm| {
                let reset = disks(pool, vm)
                    .filter_map(|vbd| pool.follow(vbd, "VDI"))
                    .find(|vdi| vdi.get("on_boot") == "reset")?;
                Some(format!("disk {}", reset.uuid()))
            })
        },
    ),
    condition(
        "VM_DOMAIN_TYPE",
        Refuse,
        "nobody knows this kind of guest",
        "set its domain-type with xe",
        |f| {
            each(f, |_, vm| {
                let kind = vm.get("domain_type");
                (!["", "hvm", "pv", "pvh", "pv_in_pvh", "unspecified"].contains(&kind))
                    .then(|| format!("kind {kind:?}"))
            })
        },
    ),
    condition(
        "VM_PV32",
        Warn,
        "a guest is paravirtual in the old way: 32-bit ones need a shim, and Xen must be built for them",
        "turn it into an HVM or PVH guest",
        |f| {
            each(f, |_, vm| {
                let old = matches!(vm.get("domain_type"), "" | "unspecified")
                    && vm.get("HVM__boot_policy").is_empty();
                (vm.get("domain_type") == "pv" || old).then(|| "paravirtual".into())
            })
        },
    ),
    condition("VM_VGPU", Refuse, "a guest has a virtual GPU", "take the GPU away from it", |f| {
        each(f, |pool, vm| {
            pool.pointing("VGPU", "VM", &vm.reference).next().map(|one| format!("GPU {}", one.uuid()))
        })
    }),
    condition(
        "VM_QEMU_STUB",
        Warn,
        "a guest's virtual hardware is of a device model that is gone",
        "start it once with the present device model",
        |f| {
            each(f, |_, vm| {
                let model = platform(vm, "device-model");
                (!["", "qemu-upstream-compat", "qemu-upstream-uefi", "qemu-upstream"]
                    .contains(&model.as_str()))
                .then(|| format!("device model {model:?}"))
            })
        },
    ),
    condition(
        "VM_ENCRYPTED_VDI",
        Refuse,
        "a guest's disk is encrypted by the old storage",
        "copy its content to a plain disk",
        |f| {
            each(f, |pool, vm| {
                let mut images = disks(pool, vm).filter_map(|vbd| pool.follow(vbd, "VDI"));
                images
                    .find(|vdi| vdi.map("sm_config").contains_key("key_hash"))
                    .map(|vdi| format!("disk {}", vdi.uuid()))
            })
        },
    ),
    condition(
        "VM_SECUREBOOT",
        Warn,
        "a guest starts signed systems only, which its new firmware does not check",
        "accept, or switch Secure Boot off in it",
        |f| {
            each(f, |_, vm| {
                // `auto` follows the certificates of the pool.
                let wanted = platform(vm, "secureboot");
                (is_uefi(vm) && (on(&wanted) || wanted == "auto")).then(|| format!("Secure Boot: {wanted}"))
            })
        },
    ),
    condition(
        "VM_VTPM",
        Warn,
        "a guest has a virtual TPM",
        "save recovery keys of encrypted disks in it first",
        |f| {
            each(f, |pool, vm| {
                pool.pointing("VTPM", "VM", &vm.reference).next().map(|_| "virtual TPM".into())
            })
        },
    ),
    condition("VM_NVRAM", Refuse, "a guest's UEFI variables can't be read", "clear its NVRAM with xe", |f| {
        each(f, |_, vm| {
            let text = vm.map("NVRAM").remove("EFI-variables")?;
            let blob = base64::engine::general_purpose::STANDARD.decode(text.trim());
            let problem = blob.map_err(|_| "no base64".to_owned()).and_then(|blob| variables(&blob));
            problem.err()
        })
    }),
    condition(
        "VM_NVME_BOOT",
        Warn,
        "a UEFI guest without drivers for Xen may not find its disk",
        "install the drivers first",
        |f| {
            each(f, |pool, vm| {
                let drivers = pool
                    .follow(vm, "guest_metrics")
                    .is_some_and(|metrics| metrics.flag("PV_drivers_detected"));
                (is_uefi(vm) && !drivers).then(|| "no drivers for Xen were seen".into())
            })
        },
    ),
    condition(
        "VM_CPS",
        Warn,
        "a guest's processors become one socket each",
        "check its licences, or accept",
        |f| {
            each(f, |_, vm| {
                let cores = platform(vm, "cores-per-socket");
                cores.parse::<u32>().is_ok_and(|cores| cores > 1).then(|| format!("{cores} cores a socket"))
            })
        },
    ),
    condition(
        "VM_PCI",
        Warn,
        "a guest has a device of the host",
        "see that xen-pciback still hides it, then accept",
        |f| {
            each(f, |_, vm| {
                let mut devices = vm.map("other_config").remove("pci").filter(|text| !text.is_empty());
                devices = devices
                    .or_else(|| Some(vm.set("attached_PCIs").join(", ")).filter(|text| !text.is_empty()));
                devices
            })
        },
    ),
    condition("VM_NESTED", Warn, "a guest runs guests of its own", "accept, and try it", |f| {
        each(f, |_, vm| {
            (on(&platform(vm, "nested-virt")) || on(&platform(vm, "exp-nested-hvm")))
                .then(|| "nested virtualisation".into())
        })
    }),
    condition("VM_USB", Warn, "a guest has a USB device of the host", "plug it in again afterwards", |f| {
        each(f, |pool, vm| {
            pool.pointing("VUSB", "VM", &vm.reference).next().map(|one| format!("USB {}", one.uuid()))
        })
    }),
    condition(
        "VM_VBD_MISSING",
        Refuse,
        "a guest's disk has no record",
        "remove the disk from the guest",
        |f| {
            each(f, |pool, vm| {
                disks(pool, vm)
                    .find(|vbd| vbd.link("VDI").is_some_and(|vdi| pool.at(vdi).is_none()))
                    .map(|vbd| format!("device {}", vbd.get("userdevice")))
            })
        },
    ),
    condition(
        "VM_VIF_NETWORK",
        Warn,
        "a guest's network is not on this host",
        "attach it to another one",
        |f| {
            each(f, |pool, vm| {
                pool.pointing("VIF", "VM", &vm.reference)
                    .find(|vif| pool.follow(vif, "network").is_none())
                    .map(|vif| format!("interface {}", vif.get("device")))
            })
        },
    ),
    condition(
        "VM_MEMORY",
        Warn,
        "guests that start by themselves want more memory than the host has",
        "let fewer start, or give them less",
        |f| {
            let (Some(pool), Some(row)) = (f.pool, f.row()) else { return Outcome::Unknown(NO_DB) };
            let total = pool.follow(row, "metrics").map_or(0, |metrics| metrics.number("memory__total"));
            let starts = |vm: &&Row| {
                vm.map("other_config").get("auto_poweron").is_some_and(|v| on(v))
                    && vm.get("affinity") == row.reference
            };
            let wanted: i64 = guests(pool).filter(starts).map(|vm| vm.number("memory__dynamic_max")).sum();
            when(total > 0 && wanted > total, format!("{} of {} MiB", wanted >> 20, total >> 20))
        },
    ),
];

/// Walks the variables of a guest's firmware; says what is wrong with them.
fn variables(blob: &[u8]) -> Result<(), String> {
    let mut at = 0usize;
    let mut take = |count: usize| -> Result<&[u8], String> {
        let part = at
            .checked_add(count)
            .and_then(|end| blob.get(at..end))
            .ok_or_else(|| format!("cut at byte {}", blob.len()))?;
        at += count;
        Ok(part)
    };
    let long = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).unwrap_or(0);
    if take(4)? != b"VARS" {
        return Err("it does not begin with VARS".into());
    }
    let version = take(4)?.try_into().map(u32::from_le_bytes).unwrap_or(0);
    if version > 2 {
        return Err(format!("version {version} is newer than anything known"));
    }
    let (count, _) = (long(take(8)?), take(8)?);
    if version == 2 {
        take(268)?;
    }
    for _ in 0..count {
        for _ in 0..2 {
            let length =
                usize::try_from(long(take(8)?)).map_err(|_| "a length past everything".to_owned())?;
            take(length)?;
        }
        take(16 + 4 + 16 + 32)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::variables;

    #[test]
    fn firmware_variables() {
        let mut blob =
            b"VARS\x01\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0A\0\x01\0\0\0\0\0\0\0x"
                .to_vec();
        blob.extend([0; 68]);
        assert_eq!(variables(&blob), Ok(()));
        for cut in 0..blob.len() {
            assert!(variables(&blob[..cut]).is_err(), "{cut}");
        }
    }
}
