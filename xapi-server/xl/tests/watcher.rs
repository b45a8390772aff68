//! What is told of domains: who comes, who ends, what a guest says.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{
    Daemon,
    bench::{Bench, LONG, UUID, event},
};
use xapi_backend::{
    Hypervisor,
    hypervisor::{DomainKind, DomainSpec, Happened, Started},
};
use xapi_schema::Result;
use xapi_xl::Domains;

/// One look at the beginning, one for who listens now, and perhaps one for watches, which fire when they are set.
async fn calm(bench: &Bench) {
    let asked = || bench.stub.read("calls").lines().filter(|call| call.starts_with("list")).count();
    let (begun, mut known) = (tokio::time::Instant::now(), 0);
    while asked() < 2 || asked() > known {
        assert!(begun.elapsed() < LONG, "nobody looks, or all the time");
        known = asked();
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
}

#[tokio::test]
async fn a_start_has_two_children_and_its_guest_is_heard() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let mut events = domains.events();
    calm(&bench).await;
    let before = bench.stub.read("calls");
    let domid = bench.built(&domains).await;
    bench.daemon.fire("@introduceDomain");
    domains.unpause(UUID).await.unwrap();
    bench.daemon.set(&format!("/local/domain/{domid}/data/updated"), "1");
    event(&mut events, |what| *what == Happened::Agent).await;
    let calls = bench.stub.read("calls");
    let children: Vec<&str> =
        calls[before.len()..].lines().filter_map(|call| call.split(' ').next()).collect();
    assert_eq!(children, ["create", "unpause"]);
}

#[tokio::test]
async fn a_domain_is_told_what_it_finds_while_it_is_built() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let _events = domains.events();
    calm(&bench).await;
    let building = told_early(&bench, &domains).await;
    let told = bench.daemon.get(NUMBER);
    bench.daemon.set(DISK, "told");
    bench.stub.mode("");
    building.await.unwrap().unwrap();
    // Once is enough.
    assert_eq!(bench.daemon.get(NUMBER), told);
    assert_eq!(bench.daemon.get(DISK).as_deref(), Some("told"));
}

#[tokio::test]
async fn nothing_is_left_of_what_was_told_a_domain_xl_could_not_build() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let _events = domains.events();
    calm(&bench).await;
    let building = told_early(&bench, &domains).await;
    bench.stub.mode("create-breaks");
    building.await.unwrap().unwrap_err();
    assert_eq!((bench.daemon.get(NUMBER), bench.daemon.get(DISK)), (None, None));
}

const NUMBER: &str = "/local/domain/1/unique-domain-id";
const DISK: &str = "/local/domain/0/backend/qdisk/1/51712/sm-data/vdi-uuid";

/// A start whose xl is still at work when its domain has been told everything.
async fn told_early(bench: &Bench, domains: &Domains) -> tokio::task::JoinHandle<Result<Started>> {
    bench.stub.mode("create-waits");
    let (builder, spec) = (domains.clone(), bench.spec());
    let building = tokio::spawn(async move { builder.build(spec).await });
    let begun = tokio::time::Instant::now();
    while bench.daemon.get(NUMBER).is_none() || bench.daemon.get(DISK).is_none() {
        assert!(begun.elapsed() < LONG, "nothing is told");
        bench.daemon.fire("@introduceDomain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!building.is_finished());
    building
}

#[tokio::test]
async fn who_comes_is_told_when_its_start_is_over() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let mut events = domains.events();
    calm(&bench).await;
    let begun = tokio::time::Instant::now();
    bench.built(&domains).await;
    bench.daemon.fire("@introduceDomain");
    event(&mut events, |what| *what == Happened::Appeared).await;
    // What is asked about it then would be a part of the price of its start.
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_end_while_xenstore_was_away_is_told_when_it_is_back() {
    let mut bench = Bench::new().await;
    let domains = bench.open(LONG);
    bench.built(&domains).await;
    domains.unpause(UUID).await.unwrap();
    let mut events = domains.events();
    bench.daemon.stop();
    // Nobody is there to tell of it, and what xl says is looked at only when something fires.
    bench.state("------", "---s--");
    bench.state(" - -\n", " 0 -\n");
    bench.daemon =
        Daemon::beside(&bench.daemon.socket, bench.daemon.nodes.clone(), bench.stub.dir.join("table"));
    assert_eq!(event(&mut events, |what| *what == Happened::Poweroff).await, Happened::Poweroff);
}

#[tokio::test]
async fn a_clock_set_by_the_guest_is_told() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let mut events = domains.events();
    // Where a machine is emulated, its clock is.
    let spec = DomainSpec { kind: DomainKind::Hvm, ..bench.spec() };
    domains.build(spec).await.unwrap();
    let node = format!("/vm/{UUID}/rtc/timeoffset");
    let begun = tokio::time::Instant::now();
    let mut seconds = 0;
    loop {
        assert!(begun.elapsed() < LONG, "no event");
        seconds += 60;
        // The guest may have come after the last look.
        bench.daemon.fire("@introduceDomain");
        bench.daemon.set(&node, &seconds.to_string());
        let told = tokio::time::timeout(
            Duration::from_millis(300),
            event(&mut events, |what| matches!(what, Happened::Clock(_))),
        );
        if let Ok(Happened::Clock(told)) = told.await {
            assert!(told > 60 && told <= seconds, "{told}");
            return;
        }
    }
}
