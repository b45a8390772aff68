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
