//! Consoles as clients use them: `CONNECT`, WebSockets by a client of others, RFB, `xe console` on a terminal.

use std::process::Command;

use conformance_tests::{
    server::{Options, ROOT_PASSWORD, Server, crate_dir, xe},
    tools,
};

/// Runs a script with packages; nothing where they can't be had.
fn run(packages: &[&str], script: &str, args: &[&str]) {
    let mut paths = Vec::new();
    for &package in packages {
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
    run(
        &["XenAPI==26.21.1", "websocket-client==1.8.0"],
        "consoles.py",
        &[&server.url(), ROOT_PASSWORD, &secure, &xe.display().to_string()],
    );
}

#[test]
fn screens_as_others_see_them() {
    let server = Server::start(&Options::default()).expect("the daemon starts");
    let packages = ["XenAPI==26.21.1", "asyncvnc==1.3.0", "pillow==11.3.0"];
    run(&packages, "viewers.py", &[&server.url(), ROOT_PASSWORD]);
}
