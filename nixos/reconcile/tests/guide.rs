//! The commands of the guide as they are written there. Each is run, in the order of its page, inside a small machine
//! made for the page; or it stands in the list with the reason why it can't be run here. A command that is neither
//! fails the test.

#![allow(clippy::unwrap_used)]

mod guide {
    pub mod list;
    pub mod machine;
    pub mod pages;
}

use guide::{
    list::{COMMANDS, How},
    machine::{self, Ran},
    pages,
};

/// What becomes of a command of the guide.
fn how(page: &str, command: &str) -> Option<&'static How> {
    COMMANDS.iter().find(|one| one.page == page && one.command == command).map(|one| &one.how)
}

#[test]
fn every_command_is_run_or_has_a_reason() {
    let written = pages::commands();
    assert!(!written.is_empty());
    let missing: Vec<_> = written.iter().filter(|(page, command)| how(page, command).is_none()).collect();
    assert!(missing.is_empty(), "neither run nor listed in guide/list.rs: {missing:#?}");
    let gone: Vec<_> = COMMANDS
        .iter()
        .filter(|one| !written.iter().any(|(page, command)| page == one.page && command == one.command))
        .map(|one| one.command)
        .collect();
    assert!(gone.is_empty(), "no longer in the guide: {gone:#?}");
    for one in COMMANDS {
        if let How::Cannot(why) = one.how {
            println!("not run here: {} ({why})", one.command);
        }
    }
}

/// Runs what can be run of a page.
fn run(page: &str, setup: &str) {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "only root can make the machine of a page");
        println!("SKIPPED: only root can make the machine of a page");
        return;
    }
    let steps: Vec<_> = pages::commands()
        .into_iter()
        .filter(|(of, _)| of == page)
        .filter_map(|(_, command)| match how(page, &command) {
            Some(How::Run { before, .. }) => Some((command, *before)),
            _ => None,
        })
        .collect();
    assert!(!steps.is_empty(), "nothing of {page} is run");
    let ran = machine::run(setup, &steps);
    assert_eq!(ran.len(), steps.len(), "it did not come to its end: {ran:#?}");
    for ((command, _), Ran { code, said }) in steps.iter().zip(&ran) {
        let Some(How::Run { codes, says, .. }) = how(page, command) else { continue };
        assert!(codes.contains(code), "{command}: ended with {code}:\n{said}");
        assert!(said.contains(says), "{command}: does not say {says:?}:\n{said}");
    }
}

#[test]
fn install() {
    run("install", machine::TOOLSTACK);
}

#[test]
fn declare_a_guest() {
    run("declare-a-guest", machine::TOOLSTACK);
}

#[test]
fn go_back() {
    run("go-back", machine::GENERATIONS);
}

#[test]
fn infect() {
    run("infect", machine::CONVERTED);
}
