//! The Python XenAPI module from PyPI works against the daemon.

use std::process::Command;

use conformance_tests::{
    server::{Options, ROOT_PASSWORD, Server, crate_dir, xapi, xe},
    tools,
};

const PACKAGE: &str = "XenAPI==26.21.1";

/// Runs a script with the module; `None` where it can't be had.
fn run(script: &str, args: &[&str]) -> Option<()> {
    let dir = tools::fetched(PACKAGE, "python3", |command, dir| {
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE, "--target"]);
        command.arg(dir);
    })?;
    let mut command = Command::new("python3");
    command.arg(crate_dir().join("tests/clients").join(script)).args(args).env("PYTHONPATH", &dir);
    let said = tools::run(&mut command).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(said.trim(), "done");
    Some(())
}

#[test]
fn python_xenapi() {
    let server = Server::start(&Options { tls: true, ..Options::golden() }).expect("the daemon starts");
    let secure = format!("https://{}", server.https().expect("an address over TLS"));
    run("xenapi.py", &[&server.url(), ROOT_PASSWORD, &secure]);
}

#[test]
fn the_life_of_a_vm() {
    let server = Server::start(&Options::default()).expect("the daemon starts");
    run("life.py", &[&server.url(), ROOT_PASSWORD]);
}

#[test]
fn disks_and_vms_over_http() {
    let server = Server::start(&Options::default()).expect("the daemon starts");
    run("disks.py", &[&server.url(), ROOT_PASSWORD]);
}

/// Needs no module: the interpreter's own TLS, held back to what clients of ten years ago spoke.
#[test]
fn old_tls() {
    let server = Server::start(&Options { tls: true, ..Options::golden() }).expect("the daemon starts");
    let address = server.https().expect("an address over TLS");
    let mut command = Command::new("python3");
    command.arg(crate_dir().join("tests/clients/tls.py")).arg(address.port().to_string()).arg(ROOT_PASSWORD);
    let said = tools::run(&mut command).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(said.trim(), "done");
}

#[test]
fn incremental_backup() {
    let server = Server::start(&Options { nbd: true, ..Options::default() }).expect("the daemon starts");
    run("nbd.py", &[&server.url(), ROOT_PASSWORD]);
}

#[test]
fn disks_and_vms_through_xe() {
    let server = Server::start(&Options::default()).expect("the daemon starts");
    let xe = xe().expect("xe is built");
    run("xe.py", &[&server.url(), ROOT_PASSWORD, &xe.display().to_string()]);
}

#[test]
fn killed_while_disks_move() {
    let dir = tempfile::tempdir().expect("a directory");
    let xapi = xapi().expect("the daemon is built");
    run("killed.py", &[&xapi.display().to_string(), ROOT_PASSWORD, &dir.path().display().to_string()]);
}
