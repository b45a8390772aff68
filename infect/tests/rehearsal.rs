//! The commands as an administrator types them, on a copied root: looked at, judged, saved, generated, taken over.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/single-8.3")
}

fn infect(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_infect")).args(arguments).arg("--quiet").output().unwrap()
}

fn json(arguments: &[&str], code: i32) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let out = infect(&all);
    assert_eq!(out.status.code(), Some(code), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn from_a_copy_to_a_state_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let root = data().join("host0").to_string_lossy().into_owned();
    let db = data().join("state.db.gz").to_string_lossy().into_owned();

    let host = json(&["inspect", "--root", &root], 0);
    assert_eq!(host["hostname"], "xcp-one");
    assert_eq!(host["secret"], "(110 characters)");

    let verdict = json(&["check", "--root", &root, "--db", &db], 1);
    assert_eq!(verdict["go"], false);
    let codes: Vec<&str> =
        verdict["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"VM_SUSPENDED"), "{codes:?}");
    let unknown = infect(&["check", "--root", &root, "--db", &db, "--accept", "NO_SUCH_CODE"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(json(&["check", "--catalogue"], 0).as_array().unwrap().len() > 100);

    json(&["snapshot", "--root", &root, "--db", &db, "--out", &path("snap")], 0);
    let made = json(&["generate", "--root", &root, "--db", &db, "--out", &path("made")], 0);
    assert_eq!(made["flake"].as_array().unwrap().len(), 6);
    // Once more takes the place of the first.
    json(&["generate", "--root", &root, "--db", &db, "--out", &path("made")], 0);
    let status = json(&["status", "--snapshot", &path("snap"), "--generated", &path("made")], 0);
    assert_eq!(status["snapshot"]["state"], "whole");
    assert_eq!(status["generated"]["done"], false);

    let handoff = path("made/handoff");
    json(&["import", "--handoff", &handoff, "--state-dir", &path("state")], 0);
    json(&["verify", "--old", &db, "--new", &path("state")], 0);
    assert_eq!(json(&["status", "--generated", &path("made")], 0)["generated"]["done"], true);

    // A changed byte is not taken over.
    std::fs::write(dir.path().join("made/handoff/files/etc/xensource/ptoken"), "x").unwrap();
    let refused = infect(&["import", "--handoff", &handoff, "--state-dir", &path("other")]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!dir.path().join("other").exists());
    json(&["status", "--generated", &path("made")], 1);
}

#[test]
fn a_malformed_file_is_told_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("etc")).unwrap();
    std::fs::write(dir.path().join("etc/resolv.conf"), "search a\nnameserver nowhere\n").unwrap();
    let out = infect(&["inspect", "--root", &dir.path().to_string_lossy()]);
    assert_eq!(out.status.code(), Some(1));
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(
        text.contains("/etc/resolv.conf:2: expected nameserver ADDRESS, found \"nameserver nowhere\""),
        "{text}"
    );
    assert_eq!(infect(&["inspect"]).status.code(), Some(2));
}
