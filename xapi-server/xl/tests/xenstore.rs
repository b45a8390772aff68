//! The client of xenstore against a daemon in memory.

#![allow(clippy::unwrap_used)]

mod common;

use std::{sync::Arc, time::Duration};

use common::Daemon;
use xapi_xl::xenstore::{Change, Client, Error, Limits};

const LONG: Duration = Duration::from_secs(60);

fn client(daemon: &Daemon) -> Client {
    Client::new(vec!["/nowhere/at-all".into(), daemon.socket.clone()], LONG)
}

#[tokio::test]
async fn nodes_are_read_written_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&dir.path().join("s"), Arc::default());
    let store = client(&daemon);
    assert_eq!(store.find("/a").await, Ok(None));
    store.write("/a/b", "value\0with zero").await.unwrap();
    assert_eq!(store.read("/a/b").await.unwrap(), "value\0with zero");
    let changes = [
        Change::Write("/a/c".into(), "1".into()),
        Change::Permit("/a/c".into(), vec!["n3".into()]),
        Change::Remove("/a/b".into()),
        Change::Remove("/never/there".into()),
    ];
    store.commit(&changes).await.unwrap();
    assert_eq!(store.directory("/a").await.unwrap(), ["c"]);
    store.remove("/a").await.unwrap();
    store.remove("/a").await.unwrap();
    assert!(store.directory("/a").await.unwrap().is_empty());
}

#[tokio::test]
async fn senseless_requests_are_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&dir.path().join("s"), Arc::default());
    let store = client(&daemon);
    assert!(matches!(store.write("/a b", "x").await, Err(Error::Senseless(_))));
    assert!(matches!(store.read("a\0b").await, Err(Error::Senseless(_))));
    assert!(matches!(store.write("/a", &"x".repeat(5_000)).await, Err(Error::Senseless(_))));
    assert!(daemon.nodes.lock().unwrap().is_empty());
}

#[tokio::test]
async fn long_lists_come_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&dir.path().join("s"), Arc::default());
    for n in 0..900 {
        daemon.set(&format!("/many/node-{n:04}"), "");
    }
    let names = client(&daemon).directory("/many").await.unwrap();
    assert_eq!((names.len(), names[0].as_str(), names[899].as_str()), (900, "node-0000", "node-0899"));
}

#[tokio::test]
async fn what_a_guest_writes_is_read_within_limits() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&dir.path().join("s"), Arc::default());
    let store = client(&daemon);
    daemon.set("/d/a/b", "1");
    daemon.set("/d/c", "2");
    let (tree, cut) = store.tree("/d", Limits::AGENT).await.unwrap();
    assert_eq!((tree["a/b"].as_str(), tree["c"].as_str(), tree.len(), cut), ("1", "2", 2, false));
    let deep: String = (0..40).map(|n| format!("/{n}")).collect();
    daemon.set(&format!("/deep{deep}"), "x");
    assert!(store.tree("/deep", Limits::AGENT).await.unwrap().1);
    for n in 0..600 {
        daemon.set(&format!("/wide/{n}"), "x");
    }
    let (tree, cut) = store.tree("/wide", Limits::AGENT).await.unwrap();
    assert!(cut && tree.len() <= Limits::AGENT.nodes);
    for n in 0..100 {
        daemon.set(&format!("/big/{n}"), &"x".repeat(3_000));
    }
    let (tree, cut) = store.tree("/big", Limits::AGENT).await.unwrap();
    assert!(cut && tree.values().map(String::len).sum::<usize>() <= Limits::AGENT.bytes);
}

#[tokio::test]
async fn watches_outlive_the_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let daemon = Daemon::start(&socket, Arc::default());
    let nodes = daemon.nodes.clone();
    let store = client(&daemon);
    let mut watch = store.watch("/a").await.unwrap();
    let next = async |watch: &mut xapi_xl::xenstore::Watch| {
        tokio::time::timeout(LONG, watch.next()).await.expect("an event comes").expect("it goes on")
    };
    assert_eq!(next(&mut watch).await, "/a");
    daemon.set("/a/b", "1");
    assert_eq!(next(&mut watch).await, "/a/b");
    drop(daemon);
    let daemon = Daemon::start(&socket, nodes);
    // Being set again makes it fire.
    assert_eq!(next(&mut watch).await, "/a");
    daemon.set("/a/c", "2");
    assert_eq!(next(&mut watch).await, "/a/c");
    assert_eq!(store.read("/a/b").await.unwrap(), "1");
}

#[tokio::test]
async fn a_daemon_that_is_silent_is_given_up_on() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let silent = tokio::net::UnixListener::bind(&socket).unwrap();
    let store = Client::new(vec![socket], Duration::from_millis(200));
    assert_eq!(store.read("/a").await, Err(Error::Late(0)));
    drop(silent);
    assert!(matches!(store.read("/a").await, Err(Error::Gone(_))));
}

#[tokio::test]
async fn a_daemon_that_takes_nobody_is_not_gone_around() {
    let dir = tempfile::tempdir().unwrap();
    let (socket, device) = (dir.path().join("s"), dir.path().join("device"));
    let other = Daemon::start(&device, Arc::default());
    let store = Client::new(vec![socket.clone(), device], LONG);
    // Nobody listens at what is there.
    drop(tokio::net::UnixListener::bind(&socket).unwrap());
    let refused = store.write("/a", "1").await.unwrap_err();
    assert!(matches!(&refused, Error::Gone(why) if why.contains("/s: ")), "{refused}");
    assert_eq!(other.get("/a"), None);
    // Where there is no such place at all, the next is the one.
    std::fs::remove_file(&socket).unwrap();
    store.write("/a", "1").await.unwrap();
    assert_eq!(other.get("/a").as_deref(), Some("1"));
}
