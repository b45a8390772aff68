//! The Python XenAPI module from PyPI works against the daemon.

use std::process::Command;

use conformance_tests::{
    server::{Options, ROOT_PASSWORD, Server, crate_dir},
    tools,
};

const PACKAGE: &str = "XenAPI==26.21.1";

#[test]
fn python_xenapi() {
    let Some(dir) = tools::fetched(PACKAGE, "python3", |command, dir| {
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE, "--target"]);
        command.arg(dir);
    }) else {
        return;
    };
    let server = Server::start(&Options { tls: true, ..Options::golden() }).expect("the daemon starts");
    let secure = format!("https://{}", server.https().expect("an address over TLS"));
    let mut script = Command::new("python3");
    script.arg(crate_dir().join("tests/clients/xenapi.py")).args([&server.url(), ROOT_PASSWORD, &secure]);
    script.env("PYTHONPATH", &dir);
    let said = tools::run(&mut script).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(said.trim(), "done");
}
