//! The emulator xl starts for machines that are emulated, and what it knows. xl tells nobody which one that is.

use std::path::PathBuf;

use xapi_facts::Root;

/// Where packages put it.
const PLACES: &[&str] = &[
    "usr/libexec/xen-qemu-system-i386",
    "usr/libexec/xen/bin/qemu-system-i386",
    "usr/lib/xen/bin/qemu-system-i386",
    "usr/local/libexec/xen/bin/qemu-system-i386",
    "usr/local/lib/xen/bin/qemu-system-i386",
];

/// The one that serves disks of the control domain is the same; where none runs, that of a release of Xen, then where
/// packages put it.
pub fn find(root: &Root) -> Option<PathBuf> {
    let serves = |pid: &String| {
        let words = root.bytes(format!("proc/{pid}/cmdline"));
        pid.bytes().all(|b| b.is_ascii_digit())
            && words.split(|byte| *byte == 0).any(|word| word == b"-xen-domid")
    };
    let running = root.names("proc").into_iter().filter(serves);
    let running = running.filter_map(|pid| std::fs::read_link(root.path(format!("proc/{pid}/exe"))).ok());
    let releases = root.names("usr/lib").into_iter().filter(|name| name.starts_with("xen-"));
    let releases = releases.map(|name| root.path(format!("usr/lib/{name}/bin/qemu-system-i386")));
    let places = PLACES.iter().map(|place| root.path(place));
    running.chain(releases).chain(places).find(|path| path.is_file())
}

/// What an emulator prints when it is asked for the kinds of TPM it knows (`-tpmdev help`) has the one guests are given.
pub fn knows_tpm(told: &str) -> bool {
    told.lines().any(|line| line.split_whitespace().next() == Some("emulator"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_runs_is_xls() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = Root::at(dir.path());
        let put = |path: &str, bytes: &[u8]| {
            let path = root.path(path);
            std::fs::create_dir_all(path.parent().expect("has one")).expect("made");
            std::fs::write(&path, bytes).expect("written");
            path
        };
        assert_eq!(find(&root), None);
        let packaged = put("usr/libexec/xen-qemu-system-i386", b"");
        assert_eq!(find(&root), Some(packaged));
        let release = put("usr/lib/xen-4.20/bin/qemu-system-i386", b"");
        assert_eq!(find(&root), Some(release.clone()));
        let own = put("opt/qemu", b"");
        put("proc/7/cmdline", b"qemu\0-name\0-xen-domid\0");
        std::os::unix::fs::symlink(put("opt/other", b""), root.path("proc/7/exe")).expect("linked");
        put("proc/12/cmdline", b"qemu\0-xen-domid\x000\0-M\0xenpv\0");
        std::os::unix::fs::symlink(&own, root.path("proc/12/exe")).expect("linked");
        std::fs::write(root.path("proc/7/cmdline"), b"vi\0notes of -xen-domid\0").expect("written");
        assert_eq!(find(&root), Some(own.clone()));
        // It was replaced since and cannot be run any more.
        std::fs::remove_file(own).expect("removed");
        assert_eq!(find(&root), Some(release));
    }

    #[test]
    fn a_list_of_kinds_is_read() {
        let list = "Supported TPM types (choose only one):\n passthrough   Passthrough TPM backend driver\n    emulator   TPM emulator backend driver\n";
        assert!(knows_tpm(list));
        assert!(!knows_tpm("xen-qemu-system-i386: -tpmdev: invalid option\n"));
        assert!(!knows_tpm(" passthrough   Passthrough TPM backend driver of no emulator\n"));
    }
}
