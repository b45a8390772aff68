//! What drivers can do, in the words of `SM.features`: all words there are, and the one list of what our own drivers do.
//! Rows of `SM` are written from it, clients and the rules go by those, and tests hold each word against its driver.
//!
//! A word stands here only when something comes of it. The original's rows have more (caches of other hosts, databases
//! kept in an SR, what a guest's disk is attached by without a server): these drivers do none of that, so they do not say
//! it. Two words are more than the original's: `VDI_REVERT`, as ours revert a disk themselves, and what a disk of `file`
//! can be told for its guest's start.

/// Every word clients know; what else a driver tells is its own affair.
pub const KNOWN: &[&str] = &[
    "SR_CREATE",
    "SR_DELETE",
    "SR_ATTACH",
    "SR_DETACH",
    "SR_SCAN",
    "SR_PROBE",
    "SR_UPDATE",
    "SR_SUPPORTS_LOCAL_CACHING",
    "SR_METADATA",
    "SR_TRIM",
    "SR_MULTIPATH",
    "SR_CACHING",
    "SR_STATS",
    "VDI_CREATE",
    "VDI_DELETE",
    "VDI_ATTACH",
    "VDI_DETACH",
    "VDI_MIRROR",
    "VDI_MIRROR_IN",
    "VDI_RESIZE",
    "VDI_RESIZE_ONLINE",
    "VDI_CLONE",
    "VDI_SNAPSHOT",
    "VDI_ACTIVATE",
    "VDI_ACTIVATE_READONLY",
    "VDI_DEACTIVATE",
    "VDI_UPDATE",
    "VDI_INTRODUCE",
    "VDI_GENERATE_CONFIG",
    "VDI_ATTACH_OFFLINE",
    "VDI_RESET_ON_BOOT",
    "VDI_CONFIG_CBT",
    "VDI_COMPOSE",
    "LARGE_VDI",
    "THIN_PROVISIONING",
    "VDI_READ_CACHING",
    "VDI_REVERT",
];

/// What every driver of virtual disks does.
const IMAGES: &[&str] = &[
    "SR_PROBE",
    "SR_UPDATE",
    "VDI_CREATE",
    "VDI_DELETE",
    "VDI_ATTACH",
    "VDI_DETACH",
    "VDI_CLONE",
    "VDI_SNAPSHOT",
    "VDI_RESIZE",
    "VDI_MIRROR",
    "VDI_ACTIVATE",
    "VDI_DEACTIVATE",
    "VDI_CONFIG_CBT",
    "VDI_RESET_ON_BOOT/2",
    "VDI_REVERT",
];

/// What our driver of a type does; nothing for a type that is none of ours.
pub fn of(kind: &str) -> Vec<String> {
    let (base, more): (&[&str], &[&str]) = match kind {
        "ext" | "xfs" | "nfs" | "smb" => (IMAGES, &["VDI_UPDATE", "THIN_PROVISIONING"]),
        "file" => (IMAGES, &["THIN_PROVISIONING"]),
        "lvm" | "lvmoiscsi" | "lvmohba" => (IMAGES, &["VDI_UPDATE"]),
        "iso" => (&[], &["VDI_ATTACH", "VDI_DETACH", "SR_SCAN", "SR_ATTACH", "SR_DETACH"]),
        "udev" => (&[], &["VDI_INTRODUCE", "VDI_ATTACH", "VDI_DETACH", "VDI_UPDATE", "SR_UPDATE"]),
        "dummy" => (&[], &["SR_UPDATE"]),
        _ => (&[], &[]),
    };
    base.iter().chain(more).map(|word| word.to_string()).collect()
}

/// A word and its version: `NAME` is the first, `NAME/2` the second.
pub fn split(word: &str) -> (&str, i64) {
    match word.split_once('/') {
        Some((name, version)) => (name, version.parse().unwrap_or(1)),
        None => (word, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_drivers_use_words_clients_know_once() {
        for kind in
            ["ext", "xfs", "nfs", "smb", "file", "lvm", "lvmoiscsi", "lvmohba", "iso", "udev", "dummy"]
        {
            let words = of(kind);
            let names: std::collections::BTreeSet<&str> = words.iter().map(|w| split(w).0).collect();
            assert!(!words.is_empty() && names.len() == words.len(), "{kind}: {words:?}");
            assert!(names.iter().all(|name| KNOWN.contains(name)), "{kind}: {words:?}");
        }
        assert!(of("gfs2").is_empty());
        assert_eq!((split("A/2"), split("A")), (("A", 2), ("A", 1)));
    }
}
