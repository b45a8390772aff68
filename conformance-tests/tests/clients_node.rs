//! Clients from npm work against the daemon: xen-api, the one Xen Orchestra uses, and noVNC, its console.

use std::{path::PathBuf, process::Command};

use conformance_tests::{
    server::{Options, ROOT_PASSWORD, Server, crate_dir},
    tools,
};

/// Packages in a directory called `name`.
fn fetched(name: &str, packages: &[&str]) -> Option<PathBuf> {
    tools::fetched(name, "npm", |command, dir| {
        command.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]);
        command.args(packages).arg("--prefix").arg(dir);
    })
}

fn run(script: &str, options: &Options, name: &str, packages: &[&str]) {
    let Some(dir) = fetched(name, packages) else { return };
    let server = Server::start(options).expect("the daemon starts");
    let mut command = Command::new("node");
    command
        .arg(crate_dir().join("tests/clients").join(script))
        .args([&server.url(), ROOT_PASSWORD])
        .arg(&dir);
    let said = tools::run(&mut command).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(said.trim(), "done");
}

#[test]
fn node_xen_api() {
    const PACKAGE: &str = "xen-api@4.7.6";
    run("xen_api.mjs", &Options::golden(), PACKAGE, &[PACKAGE]);
}

#[test]
fn novnc() {
    // Its browser is pinned with it.
    let packages = ["@novnc/novnc@1.5.0", "jsdom@24.1.3"];
    run("novnc.mjs", &Options::default(), "novnc@1.5.0", &packages);
}
