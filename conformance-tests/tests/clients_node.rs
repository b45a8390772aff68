//! The npm package xen-api, the one Xen Orchestra uses, works against the daemon.

use std::process::Command;

use conformance_tests::{
    server::{Options, ROOT_PASSWORD, Server, crate_dir},
    tools,
};

const PACKAGE: &str = "xen-api@4.7.6";

#[test]
fn node_xen_api() {
    let Some(dir) = tools::fetched(PACKAGE, "npm", |command, dir| {
        command.args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            PACKAGE,
            "--prefix",
        ]);
        command.arg(dir);
    }) else {
        return;
    };
    let server = Server::start(&Options::golden()).expect("the daemon starts");
    let mut script = Command::new("node");
    script.arg(crate_dir().join("tests/clients/xen_api.mjs")).args([&server.url(), ROOT_PASSWORD]).arg(&dir);
    let said = tools::run(&mut script).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(said.trim(), "done");
}
