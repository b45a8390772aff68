//! What `generate` hands over, `import` takes: the unit of the new system runs these two programs and nothing else.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn infect(args: &[&str], paths: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_infect"));
    command.args(args);
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    command.output().unwrap()
}

fn well(output: &Output) -> &Output {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// As a host leaves it, with the database found where a host has it.
fn generated(into: &Path) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/single-8.3");
    let out = into.join("out");
    let (root, db) = (data.join("host0"), data.join("state.db.gz"));
    well(&infect(&["generate", "--quiet"], &[("--root", &root), ("--db", &db), ("--out", &out)]));
    out.join("handoff")
}

#[test]
fn a_hand_off_is_taken_over_once() {
    let dir = tempfile::tempdir().unwrap();
    let handoff = generated(dir.path());
    let state = dir.path().join("state");
    let take = || infect(&["import", "--quiet"], &[("--handoff", &handoff), ("--state-dir", &state)]);
    well(&take());
    assert!(handoff.join("done").exists());
    let made = |path: &Path| fs::read_dir(path).unwrap().count();
    let before = made(&state);
    assert!(before > 0);
    well(&take());
    assert_eq!(made(&state), before, "nothing happens twice");
    // Killed before it could say so: the state is proved, not made again.
    fs::remove_file(handoff.join("done")).unwrap();
    well(&take());
    assert!(handoff.join("done").exists());
    let original = handoff.join("state.db");
    assert!(fs::metadata(original).unwrap().len() > 0, "the original stays");
}

#[test]
fn a_changed_hand_off_is_refused_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let handoff = generated(dir.path());
    let state = dir.path().join("state");
    fs::write(handoff.join("files/etc/xensource/ptoken"), "another secret, longer than thirty characters")
        .unwrap();
    let refused = infect(&["import", "--quiet"], &[("--handoff", &handoff), ("--state-dir", &state)]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("ptoken"), "{refused:?}");
    assert!(!state.exists() && !handoff.join("done").exists());
}
