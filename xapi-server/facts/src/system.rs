//! The rest of what a system says about itself: times, kernel, memory, how it was started.

use crate::{Root, Told};

/// Bytes of memory this system has; of a control domain, its own.
pub fn memory(root: &Root) -> i64 {
    kib(root, "MemTotal:") << 10
}

fn kib(root: &Root, key: &str) -> i64 {
    let meminfo = root.text("proc/meminfo");
    let line = meminfo.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Bytes of memory nothing needs, as the kernel reckons.
pub fn memory_available(root: &Root) -> i64 {
    kib(root, "MemAvailable:") << 10
}

/// Unix time at which the machine started.
pub fn boot_time(root: &Root) -> f64 {
    let stat = root.text("proc/stat");
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0.0)
}

/// The kernel's version.
pub fn kernel(root: &Root) -> String {
    root.word("proc/sys/kernel/osrelease")
}

/// The machine was started with its firmware checking signatures. The firmware's variable is four bytes of
/// attributes and one of value.
pub fn secure_boot(root: &Root) -> bool {
    let variable = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
    root.bytes(variable).get(4) == Some(&1)
}

/// Name of the time zone; `UTC` when nothing says otherwise.
pub fn timezone(root: &Root) -> String {
    let link = std::fs::read_link(root.path("etc/localtime")).unwrap_or_default();
    let link = link.to_string_lossy();
    let named = link.split_once("zoneinfo/").map(|(_, name)| name.to_string());
    let named = named.or_else(|| Some(root.word("etc/timezone")).filter(|name| !name.is_empty()));
    match named.as_deref() {
        None | Some("Etc/UTC" | "Universal" | "Zulu") => "UTC".into(),
        Some(name) => name.into(),
    }
}

/// Guests can be given devices safely. The hypervisor owns the hardware that keeps them apart, so it must tell.
pub fn iommu(root: &Root, xen: Option<&Told>) -> bool {
    match xen {
        Some(info) => info
            .get("virt_caps")
            .is_some_and(|caps| caps.split_whitespace().any(|word| word == "hvm_directio")),
        None => !root.names("sys/class/iommu").is_empty(),
    }
}

/// Words of guests the hypervisor can run.
pub fn capabilities(xen: &Told) -> Vec<String> {
    xen.get("xen_caps").map(|caps| caps.split_whitespace().map(String::from).collect()).unwrap_or_default()
}
