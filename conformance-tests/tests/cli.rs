//! Replays recorded command lines of `xe` over the thin protocol.

use conformance_tests::{
    replay::{cli, lists},
    server::{Options, Server, target_dir},
};

#[test]
fn command_lines() {
    let server = Server::start(&Options::golden()).expect("the daemon starts");
    let report = cli::run(&server).expect("recordings and lists are readable");
    let text = report.to_string();
    println!("{text}");
    let file = target_dir().expect("a target directory").join("golden-cli.txt");
    std::fs::write(&file, &text).expect("the report can be written");
    let reached = lists::thresholds().expect("reached.toml is readable");
    let wanted = reached.get(cli::NAME).copied().expect("reached.toml names cli");
    let (equal, ..) = report.counts();
    assert!(equal >= wanted, "{equal} steps are equal, {wanted} were before; see {}", file.display());
    if equal > wanted {
        println!("{equal} steps are equal now: raise reached.toml from {wanted}, to keep it so");
    }
}
