//! Consoles as clients use them: `CONNECT`, WebSockets by a client of others, RFB, `xe console` on a terminal.

use std::process::Command;

use conformance_tests::{
    server::{Options, ROOT_PASSWORD, Server, crate_dir, xe},
    tools,
};

const PACKAGES: [&str; 2] = ["XenAPI==26.21.1", "websocket-client==1.8.0"];

/// Runs a script with the packages; nothing where they can't be had.
fn run(script: &str, args: &[&str]) {
    let mut paths = Vec::new();
    for package in PACKAGES {
        let Some(dir) = tools::fetched(package, "python3", |command, dir| {
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", package, "--target"];
            command.args(pip).arg(dir);
        }) else {
            return;
        };
        paths.push(dir);
    }
    let path = std::env::join_paths(paths).expect("paths without colons");
    let mut command = Command::new("python3");
    command.arg(crate_dir().join("tests/clients").join(script)).args(args).env("PYTHONPATH", path);
    let said = tools::run(&mut command).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(said.trim(), "done");
}

#[test]
fn consoles() {
    let server = Server::start(&Options { tls: true, ..Options::default() }).expect("the daemon starts");
    let xe = xe().expect("xe is built");
    let secure = server.https().expect("an address over TLS").to_string();
    run("consoles.py", &[&server.url(), ROOT_PASSWORD, &secure, &xe.display().to_string()]);
}
