//! The command line: what it prints, its exit status, and that it never replaces a file.

use std::path::Path;
use std::process::{Command, Output};

fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xennix-disk")).args(args).current_dir(dir).output().expect("run")
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let out = run(dir, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

fn fails(dir: &Path, args: &[&str]) -> String {
    let out = run(dir, args);
    assert_eq!(out.status.code(), Some(2), "{args:?}");
    String::from_utf8(out.stderr).expect("UTF-8")
}

#[test]
fn a_disk_through_its_life() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    let bytes: Vec<u8> = (0..(6 << 20) / 8u64).flat_map(|i| (i / 700).to_le_bytes()).collect();
    std::fs::write(d.join("in.raw"), &bytes).expect("write");
    ok(d, &["convert", "-O", "vhd", "in.raw", "a.vhd"]);
    assert!(fails(d, &["convert", "-O", "vhd", "in.raw", "a.vhd"]).contains("exists"));
    ok(d, &["snapshot", "a.vhd", "s.vhd", "--base", "b.vhd"]);
    ok(d, &["resize", "a.vhd", "9M"]);
    let info: serde_json::Value = serde_json::from_str(&ok(d, &["info", "--json", "a.vhd"])).expect("JSON");
    assert_eq!(info["virtual_size"], 9 << 20);
    assert_eq!(info["layers"][1]["name"], "b.vhd");
    assert_eq!(info["layers"][1]["hidden"], true);
    assert_eq!(ok(d, &["check", "a.vhd"]), "clean\n");
    assert_eq!(ok(d, &["check", "."]), "clean\n");
    let map: Vec<serde_json::Value> =
        ok(d, &["map", "--json", "a.vhd"]).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!((&map[0]["image"], &map[0]["depth"]), (&"b.vhd".into(), &1.into()));
    let end = map.last().expect("lines");
    assert_eq!((&end["data"], end["start"].as_u64()), (&false.into(), Some(6 << 20)));
    ok(d, &["convert", "-O", "qcow2", "a.vhd", "a.qcow2"]);
    ok(d, &["convert", "-O", "raw", "a.qcow2", "a.raw"]);
    let mut want = bytes.clone();
    want.resize(9 << 20, 0);
    assert!(std::fs::read(d.join("a.raw")).expect("read") == want);
    let piped = run(d, &["convert", "-O", "raw", "s.vhd", "-"]);
    assert!(piped.status.success() && piped.stdout == bytes);
    ok(d, &["convert", "-O", "vhd", "--base", "b.vhd", "a.vhd", "delta.vhd"]);
    assert!(std::fs::metadata(d.join("delta.vhd")).expect("metadata").len() < 1 << 20);
    std::fs::remove_file(d.join("delta.vhd")).expect("remove");
    ok(d, &["revert", "a.vhd", "s.vhd", "--base", "unused.vhd"]);
    assert!(fails(d, &["coalesce", "a.vhd"]).contains("other children"));
    std::fs::remove_file(d.join("s.vhd")).expect("remove");
    ok(d, &["coalesce", "a.vhd"]);
    assert!(!d.join("b.vhd").exists());
    assert!(run(d, &["convert", "-O", "raw", "a.vhd", "-"]).stdout == bytes);
    assert_eq!(ok(d, &["recover", "."]), "");
}

#[test]
fn qcow2_chains_are_merged() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    std::fs::write(d.join("in.raw"), [5; 1 << 20]).expect("write");
    ok(d, &["convert", "-O", "qcow2", "in.raw", "a.qcow2"]);
    for n in ["1", "2"] {
        ok(d, &["snapshot", "a.qcow2", &format!("s{n}.qcow2"), "--base", &format!("b{n}.qcow2")]);
    }
    assert!(fails(d, &["coalesce", "a.qcow2"]).contains("other children"));
    for n in ["1", "2"] {
        std::fs::remove_file(d.join(format!("s{n}.qcow2"))).expect("remove");
    }
    ok(d, &["coalesce", "a.qcow2"]);
    assert!(d.join("a.qcow2").exists() && !d.join("b1.qcow2").exists());
    assert!(run(d, &["convert", "-O", "raw", "a.qcow2", "-"]).stdout == [5; 1 << 20]);
    assert_eq!(run(d, &["check", "a.qcow2"]).status.code(), Some(0));
}

#[test]
fn check_tells_clean_findings_and_unreadable_apart() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    ok(d, &["create", "a.vhd", "10G"]);
    assert_eq!(run(d, &["check", "a.vhd"]).status.code(), Some(0));
    let path = d.join("a.vhd");
    let mut bytes = std::fs::read(&path).expect("read");
    let end = bytes.len() - 512;
    bytes[end..].fill(0xc7);
    std::fs::write(&path, &bytes).expect("write");
    let out = run(d, &["check", "a.vhd"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stdout).contains("no-tail-footer"));
    ok(d, &["repair", "a.vhd"]);
    assert_eq!(run(d, &["check", "a.vhd"]).status.code(), Some(0));
    bytes[..8].copy_from_slice(b"v_poison");
    std::fs::write(&path, &bytes).expect("write");
    assert_eq!(run(d, &["check", "a.vhd"]).status.code(), Some(2));
    assert!(fails(d, &["info", "a.vhd"]).contains("journal"));
    assert!(fails(d, &["info", "missing.vhd"]).contains("I/O"));
    std::fs::write(d.join("plain"), [0; 4096]).expect("write");
    assert!(fails(d, &["info", "plain"]).contains("--format"), "content is never guessed");
    assert!(ok(d, &["info", "--format", "raw", "plain"]).contains("4096"));
}
