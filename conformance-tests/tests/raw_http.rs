//! Replays recorded bytes on raw sockets: framing, refusals, headers, forms of login.

use conformance_tests::{
    replay::{lists, raw},
    server::{Options, Server, target_dir},
};

#[test]
fn raw_http() {
    let server = Server::start(&Options::golden()).expect("the daemon starts");
    let report = raw::run(&server).expect("recordings and lists are readable");
    let text = report.to_string();
    println!("{text}");
    let file = target_dir().expect("a target directory").join("golden-http-raw.txt");
    std::fs::write(&file, &text).expect("the report can be written");
    let reached = lists::thresholds().expect("reached.toml is readable");
    let wanted = reached.get(raw::NAME).copied().expect("reached.toml names http-raw");
    let (equal, ..) = report.counts();
    assert!(equal >= wanted, "{equal} steps are equal, {wanted} were before; see {}", file.display());
    if equal > wanted {
        println!("{equal} steps are equal now: raise reached.toml from {wanted}, to keep it so");
    }
}
