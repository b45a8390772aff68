//! Everything of a domain that is not a device.

use xapi_backend::hypervisor::{DomainKind, DomainSpec};
use xapi_schema::{Result, errors};

use super::text::Config;

const MIB: i64 = 1 << 20;
/// Directories kernels may come from.
const KERNELS: &[&str] = &["/var/lib/xcp/guest/", "/boot/guest/"];
/// Groups of enlightenments that have a key of their own.
const VIRIDIAN: &[&str] = &[
    "time_ref_count",
    "reference_tsc",
    "hcall_remote_tlb_flush",
    "apic_assist",
    "crash_ctl",
    "stimer",
    "hcall_ipi",
    "synic",
    "ex_processor_masks",
    "no_vp_limit",
    "cpu_hotplug",
];

/// The value of a key of a list of pairs.
fn find<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
}

/// A key of `VM.platform`.
pub fn platform<'a>(spec: &'a DomainSpec, key: &str) -> Option<&'a str> {
    find(&spec.platform, key)
}

/// A switch of `VM.platform`: nothing when it is absent or says nothing.
fn switch(spec: &DomainSpec, key: &str) -> Option<bool> {
    match platform(spec, key)?.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}

fn number(spec: &DomainSpec, key: &str) -> Result<Option<i64>> {
    let Some(text) = platform(spec, key) else { return Ok(None) };
    let wrong = || errors::INVALID_VALUE.with([format!("platform:{key}"), text.to_string()]);
    text.trim().parse().map(Some).map_err(|_| wrong())
}

/// The firmware is UEFI.
pub fn is_uefi(spec: &DomainSpec) -> bool {
    find(&spec.details.boot.params, "firmware") == Some("uefi")
}

pub fn identity(spec: &DomainSpec, out: &mut Config) -> Result<()> {
    // Names of VMs need not be unique and xl's must be.
    out.set("name", &spec.uuid)?;
    out.set("uuid", &spec.uuid)?;
    let kind = match spec.kind {
        DomainKind::Hvm => "hvm",
        DomainKind::Pv => "pv",
        DomainKind::Pvh | DomainKind::PvInPvh => "pvh",
    };
    out.set("type", kind)?;
    if spec.kind == DomainKind::PvInPvh {
        out.flag("pvshim", true);
        // What it may take: the guest has all the rest, which is what its record says.
        out.set("pvshim_extra", &format!("shim_mem={}M", shim_mib(spec)))?;
    }
    // What happens next is decided by us, when we see how it ended.
    for action in ["on_poweroff", "on_reboot", "on_crash", "on_watchdog", "on_soft_reset"] {
        out.set(action, "preserve")?;
    }
    Ok(())
}

/// Whole MiB.
pub fn mib(bytes: i64) -> i64 {
    (bytes + MIB - 1) / MIB
}

/// MiB the shim of a guest has beside the guest's own memory; xl counts both as one.
fn shim_mib(spec: &DomainSpec) -> i64 {
    if spec.kind == DomainKind::PvInPvh { 23 + mib(spec.memory_max) / 90 } else { 0 }
}

pub fn memory(spec: &DomainSpec, out: &mut Config) {
    let max = mib(spec.memory_max).max(1) + shim_mib(spec);
    out.number("maxmem", max);
    // The shim hands on all there is when it starts, and a paravirtual kernel touches it: nothing may be missing then.
    let start = if spec.kind == DomainKind::PvInPvh { max } else { mib(spec.memory_target) };
    out.number("memory", start.clamp(1, max));
    if spec.kind == DomainKind::Hvm && spec.details.shadow_multiplier > 1.0 {
        out.number("shadow_memory", shadow_mib(spec));
    }
}

/// MiB for tables of shadowed memory: what the machine needs, times the multiplier.
pub fn shadow_mib(spec: &DomainSpec) -> i64 {
    let needed = (256 * spec.vcpus_max + 2 * mib(spec.memory_max) + 255) / 256;
    ((spec.details.shadow_multiplier * needed as f64) as i64).max(1)
}

pub fn processors(spec: &DomainSpec, out: &mut Config) -> Result<()> {
    let start = if spec.kind == DomainKind::PvInPvh { spec.vcpus_max } else { spec.vcpus };
    out.number("maxvcpus", spec.vcpus_max);
    out.number("vcpus", start.clamp(1, spec.vcpus_max.max(1)));
    let param = |key: &str| find(&spec.details.vcpus_params, key).map(str::trim).filter(|t| !t.is_empty());
    for (key, word, most) in [("weight", "cpu_weight", 65_535), ("cap", "cap", 100 * spec.vcpus_max)] {
        if let Some(text) = param(key) {
            let wrong = || errors::INVALID_VALUE.with([format!("VCPUs_params:{key}"), text.to_string()]);
            let value: i64 = text.parse().map_err(|_| wrong())?;
            if value < 0 || (key == "weight" && value == 0) {
                return Err(wrong());
            }
            out.number(word, value.min(most));
        }
    }
    if let Some(mask) = param("mask") {
        out.list("cpus", masks(mask, spec.vcpus_max)?)?;
    }
    let cores = number(spec, "cores-per-socket")?.unwrap_or(1);
    if cores < 1 || spec.vcpus_max % cores != 0 {
        let params = [spec.vcpus_max.to_string(), cores.to_string()];
        return Err(errors::VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE.with(params));
    }
    if cores > 1 {
        out.note("platform:cores-per-socket: xl shows each processor as a socket of its own");
    }
    Ok(())
}

/// Lists of processors, one for each of the guest's; those without a list take the first.
fn masks(mask: &str, count: i64) -> Result<Vec<String>> {
    let wrong = || errors::INVALID_VALUE.with(["VCPUs_params:mask", mask]);
    let one = |list: &str| -> Result<String> {
        let numbers = list.split(',').map(|n| n.trim().parse::<u32>().map(|n| n.to_string()));
        Ok(numbers.collect::<std::result::Result<Vec<_>, _>>().map_err(|_| wrong())?.join(","))
    };
    let given = mask.split(';').map(one).collect::<Result<Vec<_>>>()?;
    let first = given.first().cloned().ok_or_else(wrong)?;
    let count = usize::try_from(count).unwrap_or(1);
    Ok((0..count).map(|n| given.get(n).unwrap_or(&first).clone()).collect())
}

/// A guest that starts from a kernel, or from a program that finds one.
pub fn kernel(spec: &DomainSpec, out: &mut Config) -> Result<()> {
    let boot = &spec.details.boot;
    let words = [boot.args.trim(), boot.legacy_args.trim()];
    let args = words.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(" ");
    match boot.loader.trim() {
        "" => {
            out.set("kernel", allowed("PV_kernel", &boot.kernel)?)?;
            if !boot.ramdisk.is_empty() {
                out.set("ramdisk", allowed("PV_ramdisk", &boot.ramdisk)?)?;
            }
        }
        "pygrub" => {
            out.set("bootloader", "pygrub")?;
            let args = boot.loader_args.split_whitespace().map(String::from).collect();
            out.list("bootloader_args", args)?;
        }
        other => return Err(errors::UNKNOWN_BOOTLOADER.with([spec.uuid.as_str(), other])),
    }
    if !args.is_empty() {
        out.set("cmdline", &args)?;
    }
    Ok(())
}

/// A guest's record must not name any file of the host.
fn allowed<'a>(what: &str, path: &'a str) -> Result<&'a str> {
    let inside = KERNELS.iter().any(|dir| path.strip_prefix(dir).is_some_and(|rest| !rest.is_empty()));
    if inside && !path.split('/').any(|part| part == "..") {
        return Ok(path);
    }
    Err(errors::INVALID_VALUE.with([what, path]))
}

/// A guest with firmware and emulated devices.
pub fn emulated(spec: &DomainSpec, place: &super::Place, out: &mut Config) -> Result<()> {
    let boot = &spec.details.boot;
    match find(&boot.params, "firmware").unwrap_or("bios") {
        "bios" => out.set("bios", "seabios")?,
        "uefi" => out.set("bios", "ovmf")?,
        other => return Err(errors::INVALID_VALUE.with(["HVM_boot_params:firmware", other])),
    }
    let order = find(&boot.params, "order").unwrap_or_default().to_ascii_lowercase();
    let order: String = order.chars().filter(|c| "cdn".contains(*c)).collect();
    out.set("boot", if order.is_empty() { "cd" } else { &order })?;
    out.set("device_model_version", "qemu-xen")?;
    if switch(spec, "secureboot") == Some(true) {
        let text = "this host's firmware cannot check signatures";
        return Err(errors::VALUE_NOT_SUPPORTED.with(["platform:secureboot", "true", text]));
    }
    for key in ["acpi", "apic", "pae", "hpet"] {
        out.flag(key, switch(spec, key).unwrap_or(true));
    }
    for key in ["acpi_s3", "acpi_s4"] {
        out.flag(key, switch(spec, key).unwrap_or(false));
    }
    if let Some(slate) = switch(spec, "acpi_laptop_slate") {
        out.flag("acpi_laptop_slate", slate);
    }
    if switch(spec, "viridian") == Some(true) {
        let own = |group: &&&str| switch(spec, &format!("viridian_{group}")) == Some(true);
        let groups = ["base", "freq"].iter().chain(VIRIDIAN.iter().filter(own));
        out.list("viridian", groups.map(ToString::to_string).collect())?;
    }
    if let Some(seconds) = number(spec, "timeoffset")? {
        out.number("rtc_timeoffset", seconds);
    }
    if let Some(mode) = number(spec, "timer_mode")? {
        out.number("timer_mode", mode);
    }
    match platform(spec, "vga") {
        Some("std" | "stdvga") => out.set("vga", "stdvga")?,
        None | Some("cirrus" | "") => out.set("vga", "cirrus")?,
        Some(other) => return Err(errors::INVALID_VALUE.with(["platform:vga", other])),
    }
    let least = if platform(spec, "vga").is_some_and(|v| v.starts_with("std")) { 16 } else { 8 };
    out.number("videoram", number(spec, "videoram")?.unwrap_or(least).max(least));
    // The console is for us alone, who hand it on to those who may see it. What has a colon is taken by xl as it stands.
    out.flag("vnc", true);
    out.set("vnclisten", &format!("unix:{}", place.screen.display()))?;
    out.flag("vncunused", false);
    if let Some(keymap) = platform(spec, "keymap").filter(|k| !k.is_empty()) {
        out.set("keymap", keymap)?;
    }
    if switch(spec, "usb").unwrap_or(true) {
        out.flag("usb", true);
        if switch(spec, "usb_tablet").unwrap_or(true) {
            out.set("usbdevice", "tablet")?;
        }
    }
    let serial = platform(spec, "hvm_serial").or_else(|| find(&spec.details.other_config, "hvm_serial"));
    match serial.unwrap_or("pty") {
        "none" | "" => {}
        "pty" => out.set("serial", "pty")?,
        other => {
            return Err(errors::VALUE_NOT_SUPPORTED.with(["platform:hvm_serial", other, "use pty or none"]));
        }
    }
    for (key, word) in [("nested-virt", "nestedhvm"), ("exp-nested-hvm", "nestedhvm")] {
        if switch(spec, key) == Some(true) {
            out.flag(word, true);
            break;
        }
    }
    if let Some(size) = number(spec, "mmio_size_mib")? {
        out.number("mmio_hole", size);
    }
    if let Some(hap) = switch(spec, "hap") {
        out.flag("hap", hap);
    }
    if switch(spec, "igd_passthrough") == Some(true) {
        out.flag("gfx_passthru", true);
    }
    out.set("ms_vm_genid", if spec.details.generation_id.is_empty() { "none" } else { "generate" })?;
    if spec.details.vendor_device {
        out.set("vendor_device", "xenserver")?;
    }
    if platform(spec, "device_id").is_some_and(|id| id != "0001") {
        out.note("platform:device_id: the emulated platform device always is 0001");
    }
    if platform(spec, "parallel").is_some_and(|p| p != "none" && !p.is_empty()) {
        out.note("platform:parallel: there is no parallel port");
    }
    Ok(())
}

/// What all kinds share.
pub fn common(spec: &DomainSpec, out: &mut Config) -> Result<()> {
    match number(spec, "tsc_mode")? {
        None => {}
        Some(mode) => {
            let names = ["default", "always_emulate", "native", "native_paravirt"];
            let name = usize::try_from(mode).ok().and_then(|mode| names.get(mode));
            let wrong = || errors::INVALID_VALUE.with(["platform:tsc_mode".to_string(), mode.to_string()]);
            out.set("tsc_mode", name.ok_or_else(wrong)?)?;
        }
    }
    if let Some(vpmu) = switch(spec, "vpmu") {
        out.flag("vpmu", vpmu);
    }
    for key in ["max_grant_frames", "max_maptrack_frames"] {
        if let Some(value) = number(spec, key)? {
            out.number(key, value);
        }
    }
    if platform(spec, "featureset").is_some_and(|set| !set.is_empty()) {
        out.note("platform:featureset: the guest sees what xl gives by default");
    }
    // Whatever driver of the host has them lets go of them first.
    out.list("pci", pci(spec)?.into_iter().map(|device| device + ",seize=1").collect())
}

/// Addresses of the host's PCI devices that a guest is given: `other_config:pci`, entries `SLOT/ADDRESS` behind each other.
///
/// # Errors
/// INVALID_VALUE [key, entry].
pub fn pci(spec: &DomainSpec) -> Result<Vec<String>> {
    let list = find(&spec.details.other_config, "pci").unwrap_or_default();
    let device = |entry: &str| entry.trim().rsplit('/').next().unwrap_or_default().to_string();
    let devices: Vec<String> = list.split(',').map(device).filter(|d| !d.is_empty()).collect();
    let sound = |d: &String| d.chars().all(|c| c.is_ascii_hexdigit() || ":.".contains(c));
    match devices.iter().find(|d| !sound(d)) {
        Some(wrong) => Err(errors::INVALID_VALUE.with(["other_config:pci", wrong])),
        None => Ok(devices),
    }
}
