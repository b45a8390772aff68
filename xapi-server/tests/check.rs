//! `xapi --check` as a person and a program meet it.

#![allow(clippy::unwrap_used)]

use std::{net::TcpListener, process::Command};

fn check(dir: &std::path::Path, more: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xapi"))
        .args(["--check", "--backend", "sim", "--https", "none", "--state-dir"])
        .arg(dir.join("state"))
        .args(more)
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_machine_that_will_do_is_told_so_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (status, text) = check(dir.path(), &["--http", "127.0.0.1:0"]);
    assert_eq!(status, 0, "{text}");
    assert!(
        text.lines().any(|line| line.starts_with("ok") && line.contains("state"))
            || text.contains("kept in memory")
            || text.contains("overlay"),
        "{text}"
    );
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_port_that_is_taken_is_lacking() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, text) = check(dir.path(), &["--json", "--http", &address]);
    assert_eq!(status, 1, "{text}");
    let lines: serde_json::Value = serde_json::from_str(&text).unwrap();
    let http = lines.as_array().unwrap().iter().find(|line| line["name"] == "http").unwrap();
    assert_eq!(http["state"], "lacks");
    assert!(!http["advice"].as_str().unwrap().is_empty());
}
