//! What is installed on a host beside the programs: it goes where it belongs, is well-formed, and tells of every flag.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

fn page(name: &str) -> String {
    fs::read_to_string(packaging().join("man").join(name)).unwrap().replace("\\-", "-")
}

/// On a developer's machine a tool may be missing; the gate has all.
fn runs(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok();
    if !there {
        assert!(std::env::var_os("CI").is_none(), "{tool} is needed here");
        eprintln!("skipped: there is no {tool}");
    }
    there
}

/// Flags `xapi --help` tells of.
fn flags() -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_xapi")).arg("--help").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.split_whitespace().filter(|word| word.starts_with("--"));
    let mut flags: Vec<String> =
        words.map(|word| word.trim_end_matches([',', ':', ';', '.']).to_string()).collect();
    flags.sort();
    flags.dedup();
    flags
}

#[test]
fn the_manual_tells_of_every_flag_and_key() {
    let (daemon, file) = (page("xapi.8"), page("xapi.toml.5"));
    let flags = flags();
    assert!(flags.len() > 10, "{flags:?}");
    for flag in &flags {
        assert!(daemon.contains(flag.as_str()), "xapi.8 does not tell of {flag}");
        let no_key = ["--config", "--hash-password", "--check", "--json", "--help", "--version"];
        if !no_key.contains(&flag.as_str()) {
            let key = format!(".B {}", flag.trim_start_matches('-'));
            assert!(file.lines().any(|line| line == key), "xapi.toml.5 does not tell of {key}");
        }
    }
}

#[test]
fn manual_pages_are_well_formed() {
    if !runs("man") {
        return;
    }
    for entry in fs::read_dir(packaging().join("man")).unwrap() {
        let path = entry.unwrap().path();
        let output = Command::new("man")
            .args(["--warnings=all", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(&path)
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && told.trim().is_empty(), "{}: {told}", path.display());
    }
}

#[test]
fn the_settings_that_are_installed_are_understood() {
    let dir = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(packaging().join("xapi.toml")).unwrap();
    let text = text.replace("/var/lib/xennix", &dir.path().join("state").to_string_lossy());
    let file = dir.path().join("xapi.toml");
    fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xapi"))
        .args(["--check", "--json", "--backend", "sim", "--http", "none", "--https", "none", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn everything_goes_below_the_destination() {
    let dir = tempfile::tempdir().unwrap();
    let (bin, root) = (dir.path().join("bin"), dir.path().join("root"));
    fs::create_dir_all(&bin).unwrap();
    for program in ["xapi", "xe", "xennix-disk"] {
        fs::write(bin.join(program), program).unwrap();
        fs::set_permissions(bin.join(program), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let install = || {
        let output = Command::new(packaging().join("install"))
            .arg("--bin")
            .arg(&bin)
            .env("DESTDIR", &root)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    install();
    let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode("usr/sbin/xapi"), mode("usr/bin/xe"), mode("usr/sbin/xennix-disk")),
        (0o755, 0o755, 0o755)
    );
    assert_eq!((mode("etc/pam.d/xapi"), mode("var/lib/xennix")), (0o644, 0o700));
    for path in [
        "usr/lib/systemd/system/xapi.service",
        "usr/share/man/man8/xapi.8",
        "usr/share/man/man5/xapi.toml.5",
        "usr/share/man/man1/xe.1",
        "usr/share/man/man1/xennix-disk.1",
        "usr/lib/udev/rules.d/12-xennix-volumes.rules",
        "usr/lib/udev/rules.d/59-xennix-disks.rules",
        "usr/lib/udev/rules.d/68-xennix-groups.rules",
    ] {
        assert!(root.join(path).is_file(), "{path}");
    }
    // What an administrator changed stays; programs are replaced.
    fs::write(root.join("etc/xennix/xapi.toml"), "log = \"debug\"\n").unwrap();
    fs::write(bin.join("xapi"), "newer").unwrap();
    install();
    assert_eq!(fs::read_to_string(root.join("etc/xennix/xapi.toml")).unwrap(), "log = \"debug\"\n");
    assert_eq!(fs::read_to_string(root.join("usr/sbin/xapi")).unwrap(), "newer");
    fs::remove_file(bin.join("xe")).unwrap();
    let output = Command::new(packaging().join("install"))
        .arg("--bin")
        .arg(&bin)
        .env("DESTDIR", &root)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_unit_lets_guests_live() {
    let text = fs::read_to_string(packaging().join("systemd/xapi.service")).unwrap();
    let has = |line: &str| text.lines().any(|known| known == line);
    // Disk servers are in the unit's group: they must outlive it, and share its mounts.
    assert!(has("KillMode=process") && has("SendSIGKILL=no"));
    let namespaces = [
        "Protect",
        "Private",
        "ReadOnlyPaths",
        "ReadWritePaths",
        "InaccessiblePaths",
        "TemporaryFileSystem",
        "RootDirectory",
        "BindPaths",
        "DynamicUser",
        "MountFlags",
    ];
    for line in text.lines() {
        assert!(
            !namespaces.iter().any(|prefix| line.starts_with(prefix)),
            "{line} makes a namespace of mounts"
        );
    }
    if !runs("systemd-analyze") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("xapi.service");
    fs::write(&unit, text.replace("/usr/sbin/xapi", env!("CARGO_BIN_EXE_xapi"))).unwrap();
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let about: Vec<&str> = told.lines().filter(|line| line.contains("xapi.service")).collect();
    assert!(about.is_empty(), "{about:?}");
}

/// Tries rules on a loop device with a file system, in a namespace of its own: what udev itself says of it. `$1` is a
/// directory with the system's rules and ours, `$2` a name of one of ours or nothing.
const TRY: &str = r###"
set -e
truncate -s 16M "$1/image"; mkfs.ext4 -q -F "$1/image"
device=$(losetup --find --show "$1/image"); name=${device#/dev/}
trap 'losetup --detach "$device"' EXIT
mkdir -p /run/udev /dev/disk; mount -t tmpfs none /run/udev; mkdir -p /run/udev/rules.d
# Links it makes are seen by nobody else.
mount -t tmpfs none /dev/disk
cp "$1"/theirs/*.rules /run/udev/rules.d/
[ -z "$2" ] || sed "s#KERNEL==\"[^\"]*\"#KERNEL==\"$name\"#; s#ATTR{dm/name}==\"[^\"]*\", ##" "$1/ours/$2" > "/run/udev/rules.d/$2"
udevadm test --action=add "/sys/block/$name" 2>&1
"###;

#[test]
fn rules_keep_the_host_from_looking_into_guests_disks() {
    let ours = packaging().join("udev");
    for entry in fs::read_dir(&ours).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let rules: Vec<&str> =
            text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
        assert_eq!(rules.len(), 1);
        assert!(rules[0].starts_with("ACTION!=\"remove\", SUBSYSTEM==\"block\", "), "{}", rules[0]);
        assert!(rules[0].contains("ENV{DM_UDEV_DISABLE_OTHER_RULES_FLAG}=\"1\""), "{}", rules[0]);
    }
    if !runs("udevadm") {
        return;
    }
    let files = fs::read_dir(&ours).unwrap().map(|entry| entry.unwrap().path());
    let verified = Command::new("udevadm").arg("verify").args(files).output().unwrap();
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    // Before systemd 254 there is no such command.
    assert!(verified.status.success() || told.contains("nknown"), "{told}");
    let dir = tempfile::tempdir().unwrap();
    let (theirs, copy) = (dir.path().join("theirs"), dir.path().join("ours"));
    fs::create_dir(&theirs).unwrap();
    fs::create_dir(&copy).unwrap();
    let place = ["/usr/lib/udev/rules.d", "/lib/udev/rules.d"].map(Path::new);
    let place = place.into_iter().find(|p| p.join("60-persistent-storage.rules").exists()).unwrap();
    for name in ["60-block.rules", "60-persistent-storage.rules"] {
        fs::copy(place.join(name), theirs.join(name)).unwrap();
    }
    for entry in fs::read_dir(&ours).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let told = |rules: &str| -> Option<String> {
        let tried = Command::new("unshare")
            .args(["--mount", "sh", "-c", TRY, "sh"])
            .arg(dir.path())
            .arg(rules)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&tried.stdout).into_owned();
        if !tried.status.success() {
            let why = String::from_utf8_lossy(&tried.stderr).into_owned();
            assert!(std::env::var_os("CI").is_none(), "no loop device: {why}{text}");
            eprintln!("skipped: {why}");
            return None;
        }
        Some(text)
    };
    let has = |text: &str, wanted: &str| text.lines().any(|line| line == wanted);
    let Some(bare) = told("") else { return };
    assert!(has(&bare, "ID_FS_TYPE=ext4") && bare.contains("disk/by-uuid"), "what is kept off: {bare}");
    for rules in ["12-xennix-volumes.rules", "59-xennix-disks.rules"] {
        let text = told(rules).unwrap();
        assert!(!text.contains("ID_FS_TYPE=") && !text.contains("disk/by-uuid"), "{rules}: {text}");
        for wanted in ["DM_UDEV_DISABLE_OTHER_RULES_FLAG=1", "SYSTEMD_READY=0", "UDISKS_IGNORE=1"] {
            assert!(has(&text, wanted), "{rules} does not say {wanted}: {text}");
        }
    }
}
