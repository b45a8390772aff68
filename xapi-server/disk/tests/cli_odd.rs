//! The command line given what makes no sense: it says which file and why, changes nothing, and leaves nothing behind.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

const DISK: &str = env!("CARGO_BIN_EXE_xennix-disk");

fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(DISK).args(args).current_dir(dir).output().expect("run")
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let out = run(dir, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("UTF-8")
}

/// Every file of a directory.
fn all(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).expect("directory").map(|e| e.expect("entry").path());
    let files = entries.filter(|path| path.is_file());
    files.map(|path| (path.display().to_string(), std::fs::read(&path).expect("read"))).collect()
}

/// A refusal with these words that changes nothing.
fn refused(dir: &Path, args: &[&str], words: &[&str]) {
    let before = all(dir);
    let out = run(dir, args);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{args:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{args:?}: {word:?} is not in {said}");
    }
    assert!(all(dir) == before, "{args:?} changed something");
}

/// A directory with one disk of each format.
fn place() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("tempdir");
    std::fs::write(dir.path().join("in.raw"), [5; 1 << 20]).expect("write");
    for format in ["vhd", "qcow2"] {
        ok(dir.path(), &["convert", "-O", format, "in.raw", &format!("a.{format}")]);
    }
    std::fs::create_dir(dir.path().join("dir")).expect("directory");
    dir
}

#[test]
fn what_is_there_is_not_replaced_and_what_is_missing_is_named() {
    let dir = place();
    let d = dir.path();
    for name in ["a.vhd", "a.qcow2", "in.raw"] {
        refused(d, &["create", name, "8M"], &[name, "exists already"]);
        refused(d, &["convert", "-O", "raw", "a.vhd", name], &[name, "exists already"]);
    }
    refused(d, &["convert", "-O", "vhd", "a.vhd", "dir"], &["dir", "exists already"]);
    refused(d, &["convert", "-O", "vhd", "a.vhd", "no/b.vhd"], &["no/b.vhd", "No such file"]);
    for command in ["info", "map", "check", "coalesce", "repair"] {
        refused(d, &[command, "missing.vhd"], &["missing.vhd", "No such file"]);
    }
    refused(d, &["resize", "missing.qcow2", "1G"], &["missing.qcow2", "is missing"]);
    refused(d, &["convert", "-O", "raw", "missing.vhd", "b.raw"], &["missing.vhd", "No such file"]);
    refused(d, &["create", "no/b.vhd", "8M"], &["no/b.vhd", "No such file"]);
    refused(d, &["recover", "nowhere"], &["nowhere", "No such file"]);
    refused(d, &["control", "nowhere", "status"], &["nowhere", "No such file"]);
    refused(d, &["info", "dir/.."], &["names no image"]);
}

#[test]
fn what_can_t_be_made_leaves_nothing() {
    let dir = place();
    let d = dir.path();
    refused(d, &["create", "b.vhd", "3T"], &["can't be made"]);
    refused(d, &["create", "b.vhd", "0"], &["can't be made"]);
    refused(d, &["create", "b.qcow2", "99999T"], &["too large"]);
    refused(d, &["create", "b.raw", "9000000T"], &["b.raw"]);
    refused(d, &["create", "b.raw", "99999999999T"], &["too large"]);
    // Disks have whole sectors.
    for name in ["b.raw", "b.qcow2"] {
        ok(d, &["create", name, "1000"]);
        assert!(ok(d, &["info", name]).contains("1024"), "{name}");
    }
    // No room: what was written so far goes.
    let before = all(d);
    for (format, source) in [("raw", "a.vhd"), ("vhd", "in.raw"), ("qcow2", "in.raw")] {
        let script =
            format!("trap '' XFSZ; ulimit -f 64; exec {DISK} convert -O {format} {source} c.{format}");
        let out = Command::new("sh").args(["-c", &script]).current_dir(d).output().expect("run");
        assert_eq!(out.status.code(), Some(2), "{format}: {}", String::from_utf8_lossy(&out.stderr));
        assert!(all(d) == before, "{format}: something is left");
    }
}

#[test]
fn one_name_is_not_two_images() {
    let dir = place();
    let d = dir.path();
    for args in [["a.vhd", "s.vhd", "s.vhd"], ["a.qcow2", "s.qcow2", "s.qcow2"]] {
        refused(d, &["snapshot", args[0], args[1], "--base", args[2]], &["two images"]);
    }
    for args in [["a.vhd", "a.vhd", "b.vhd"], ["a.vhd", "s.vhd", "a.vhd"]] {
        refused(d, &["snapshot", args[0], args[1], "--base", args[2]], &["exists already"]);
    }
    // What is made on the way.
    refused(d, &["snapshot", "a.vhd", "a.vhd.new", "--base", "b.vhd"], &[]);
    refused(d, &["snapshot", "a.vhd", "no/s.vhd", "--base", "b.vhd"], &["no/s.vhd"]);
    // A name says what it is.
    refused(d, &["snapshot", "a.vhd", "s.raw", "--base", "b.vhd"], &["s.raw", "has to say so"]);
    refused(d, &["snapshot", "a.vhd", "s.qcow2", "--base", "b.vhd"], &["s.qcow2", "has to say so"]);
    refused(d, &["snapshot", "a.qcow2", "s.qcow2", "--base", "b.vhd"], &["b.vhd", "has to say so"]);
    assert_eq!(ok(d, &["check", "."]), "clean\n");
    ok(d, &["snapshot", "a.vhd", "s.vhd", "--base", "b.vhd"]);
}

#[test]
fn a_server_puts_its_files_over_no_image() {
    let dir = place();
    let d = dir.path();
    std::fs::copy(d.join("a.vhd"), d.join("s.new")).expect("copy");
    std::fs::copy(d.join("a.vhd"), d.join("t.control")).expect("copy");
    std::os::unix::fs::symlink("a.vhd", d.join("link")).expect("link");
    let serve = |more: &[&str], words: &[&str]| {
        refused(d, &[&["serve", "a.vhd"], more].concat(), words);
    };
    serve(&["--socket", "a.vhd"], &["a.vhd"]);
    serve(&["--socket", "./dir/../a.vhd"], &["two uses"]);
    serve(&["--socket", "a.qcow2"], &["a.qcow2", "no socket"]);
    serve(&["--socket", "s"], &["s.new", "no socket"]);
    serve(&["--socket", "t"], &["t.control", "no socket"]);
    serve(&["--socket", "u", "--control", "u"], &["two uses"]);
    serve(&["--socket", "u", "--state", "a.qcow2"], &["a.qcow2", "no state"]);
    serve(&["--socket", "u", "--state", "link"], &["two uses"]);
    serve(&["--socket", "no/u"], &["no/u", "No such file"]);
}

#[test]
fn repair_mends_a_qcow2_that_was_not_closed() {
    let dir = place();
    let d = dir.path();
    let sound = std::fs::read(d.join("a.qcow2")).expect("read");
    let mut bytes = sound.clone();
    bytes[79] |= 1;
    std::fs::write(d.join("a.qcow2"), &bytes).expect("write");
    assert_eq!(run(d, &["check", "a.qcow2"]).status.code(), Some(1));
    ok(d, &["repair", "a.qcow2"]);
    assert!(std::fs::read(d.join("a.qcow2")).expect("read") == sound);
    ok(d, &["repair", "a.qcow2"]);
    refused(d, &["repair", "in.raw"], &["nothing to repair"]);
    refused(d, &["coalesce", "in.raw"], &["raw"]);
    refused(d, &["check", "in.raw"], &["nothing to check"]);
}
