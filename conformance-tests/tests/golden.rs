//! Replays the recorded answers of the original; each encoding must reach what it reached before.

use conformance_tests::{
    replay::{self, lists, recording::Encoding},
    server::{Options, Server, target_dir},
};

fn replayed(encoding: Encoding) {
    let server = Server::start(&Options::golden()).expect("the daemon starts");
    let report = replay::run(encoding, &server).expect("recordings and lists are readable");
    let text = report.to_string();
    println!("{text}");
    let file = target_dir().expect("a target directory").join(format!("golden-{}.txt", encoding.name()));
    std::fs::write(&file, &text).expect("the report can be written");
    let reached = lists::thresholds().expect("reached.toml is readable");
    let wanted = reached.get(encoding.name()).copied().expect("reached.toml names each encoding");
    let (equal, ..) = report.counts();
    assert!(equal >= wanted, "{equal} steps are equal, {wanted} were before; see {}", file.display());
    if equal > wanted {
        println!("{equal} steps are equal now: raise reached.toml from {wanted}, to keep it so");
    }
}

#[test]
fn xmlrpc() {
    replayed(Encoding::Xml);
}

#[test]
fn jsonrpc1() {
    replayed(Encoding::Json1);
}

#[test]
fn jsonrpc2() {
    replayed(Encoding::Json2);
}
