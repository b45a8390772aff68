//! `check` on the command line: several images at once, images that were not closed, and encrypted ones.

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
fn check_takes_several_images_and_says_of_each_what_it_found() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    for name in ["a.vhd", "b.qcow2", "c.qcow2"] {
        ok(d, &["create", name, "8M"]);
    }
    assert_eq!(ok(d, &["check", "a.vhd", "b.qcow2"]), "a.vhd: clean\nb.qcow2: clean\n");
    // The header's own cluster, counted twice.
    let mut bytes = std::fs::read(d.join("b.qcow2")).expect("read");
    let number = |b: &[u8], at: usize| u64::from_be_bytes(b[at..at + 8].try_into().expect("8")) as usize;
    let block = number(&bytes, number(&bytes, 48));
    bytes[block + 1] = 2;
    std::fs::write(d.join("b.qcow2"), &bytes).expect("write");
    let out = run(d, &["check", "a.vhd", "b.qcow2", "c.qcow2"]);
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.starts_with("a.vhd: clean\nb.qcow2: not clean\n  warning: b.qcow2: "), "{text}");
    assert!(text.contains("[leaked]") && text.ends_with("c.qcow2: clean\n"), "{text}");
    // One that is missing or unreadable does not end the work.
    let out = run(d, &["check", "missing.vhd", "a.vhd", "b.qcow2"]);
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    assert_eq!(out.status.code(), Some(2), "{text}");
    assert!(text.contains("missing.vhd: unreadable") && text.contains("a.vhd: clean"), "{text}");
    assert!(fails(d, &["check", "missing.vhd"]).contains("No such file"), "alone it is told as before");
    let out = run(d, &["check", "--json", "a.vhd", "b.qcow2"]);
    let lines: Vec<serde_json::Value> = String::from_utf8(out.stdout)
        .expect("UTF-8")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!((&lines[0]["path"], &lines[0]["clean"]), (&"a.vhd".into(), &true.into()));
    assert_eq!((&lines[1]["findings"][0]["code"], &lines[1]["readable"]), (&"leaked".into(), &true.into()));
    assert_eq!(run(d, &["check"]).status.code(), Some(2));
}

#[test]
fn a_qcow2_that_was_not_closed_is_a_finding_and_attaching_mends_it() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    ok(d, &["create", "a.qcow2", "8M"]);
    ok(d, &["snapshot", "a.qcow2", "s.qcow2", "--base", "b.qcow2"]);
    let path = d.join("a.qcow2");
    let sound = std::fs::read(&path).expect("read");
    let mut bytes = sound.clone();
    bytes[79] |= 1;
    std::fs::write(&path, &bytes).expect("write");
    let out = run(d, &["check", "a.qcow2"]);
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("not closed") && text.contains("attaching it mends it"), "{text}");
    assert!(std::fs::read(&path).expect("read") == bytes, "check changes nothing");
    assert_eq!(run(d, &["check", "."]).status.code(), Some(1));
    // What it promised.
    use xennix_disk::{file::Access, qcow2::Qcow2Disk, volumes::Directory};
    Qcow2Disk::open(&Directory::new(d), "a.qcow2", Access::Write).expect("attach").close().expect("close");
    assert_eq!(run(d, &["check", "a.qcow2"]).status.code(), Some(0));
    // Two tables at one place: that is not mended, and not promised.
    let table = u64::from_be_bytes(sound[40..48].try_into().expect("8"));
    let mut bytes = sound;
    bytes[79] |= 1;
    bytes[table as usize..table as usize + 8].copy_from_slice(&(table | 1 << 63).to_be_bytes());
    std::fs::write(&path, &bytes).expect("write");
    let out = run(d, &["check", "a.qcow2"]);
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(text.contains("can't be mended"), "{text}");
    assert!(Qcow2Disk::open(&Directory::new(d), "a.qcow2", Access::Write).is_err());
}

#[test]
fn an_encrypted_qcow2_is_neither_clean_nor_read() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    std::fs::write(d.join("in.raw"), [5; 1 << 20]).expect("write");
    ok(d, &["convert", "-O", "qcow2", "in.raw", "a.qcow2"]);
    let mut bytes = std::fs::read(d.join("a.qcow2")).expect("read");
    bytes[35] = 1;
    std::fs::write(d.join("a.qcow2"), &bytes).expect("write");
    assert_eq!(run(d, &["check", "a.qcow2"]).status.code(), Some(2));
    for args in [&["info", "a.qcow2"][..], &["convert", "-O", "raw", "a.qcow2", "b.raw"], &["map", "a.qcow2"]]
    {
        assert!(fails(d, args).contains("encrypted"), "{args:?}");
    }
    assert!(!d.join("b.raw").exists());
}
