//! What a running domain is told, and what is kept of a crashed one, over a stub of `xl`.

#![allow(clippy::unwrap_used)]

mod common;

use common::bench::{Bench, LONG, UUID};
use xapi_backend::{
    Hypervisor,
    hypervisor::{DomainKind, DomainSpec},
};

#[tokio::test]
async fn keys_triggers_and_weights_reach_xl() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let domid = bench.built(&domains).await;
    domains.send_sysrq(UUID, "s").await.unwrap();
    domains.send_trigger(UUID, "nmi").await.unwrap();
    domains.set_vcpus(UUID, 2).await.unwrap();
    domains.set_schedule(UUID, 512, 0).await.unwrap();
    bench.stub.write("info", "xen_scheduler          : credit\n");
    domains.set_schedule(UUID, 64, 50).await.unwrap();
    bench.stub.write("info", "xen_scheduler          : null\n");
    assert_eq!(domains.set_schedule(UUID, 64, 0).await.unwrap_err().code, "OPERATION_NOT_ALLOWED");
    assert_eq!(domains.send_sysrq(UUID, "; x").await.unwrap_err().code, "INVALID_VALUE");
    let calls = bench.stub.read("calls");
    for call in [
        format!("sysrq {domid} s"),
        format!("trigger {domid} nmi"),
        // xl counts the machine's processors, which is not its to judge.
        format!("vcpu-set --ignore-host {domid} 2"),
        format!("sched-credit2 -d {domid} -w 512 -c 0"),
        format!("sched-credit -d {domid} -w 64 -c 50"),
    ] {
        assert!(calls.lines().any(|line| line == call), "no {call:?} in:\n{calls}");
    }
}

#[tokio::test]
async fn a_guest_behind_a_shim_has_what_its_record_says() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let spec = DomainSpec { kind: DomainKind::PvInPvh, ..bench.spec() };
    let domid = domains.build(spec).await.unwrap().domid;
    let node = |name: &str| format!("/local/domain/{domid}/memory/{name}");
    // As xl builds it: the guest's 96 MiB and the shim's 24.
    assert!(bench.stub.read("config").contains("maxmem = 120\n"));
    bench.daemon.set(&node("static-max"), &(120 << 10).to_string());
    bench.state(" 96 1 ", " 120 1 ");
    assert_eq!(domains.domains().await.unwrap()[0].memory, 96 << 20);
    domains.set_memory_target(UUID, 80 << 20).await.unwrap();
    let asked = format!("mem-set {domid} {}k", (80 + 24) << 10);
    assert!(bench.stub.read("calls").lines().any(|call| call == asked), "no {asked:?}");
    // The guest is told its own part.
    let own = (80 << 10).to_string();
    assert_eq!(bench.daemon.get(&node("target")).as_ref(), Some(&own));
    assert_eq!(bench.daemon.get(&node("dynamic-max")).as_ref(), Some(&own));
    // One of an earlier version, whose shim took of its guest's memory.
    bench.daemon.set(&node("static-max"), &(96 << 10).to_string());
    domains.set_memory_target(UUID, 80 << 20).await.unwrap();
    let asked = format!("mem-set {domid} {own}k");
    assert!(bench.stub.read("calls").lines().any(|call| call == asked), "no {asked:?}");
}

#[tokio::test]
async fn the_newest_whole_dump_of_a_guest_is_kept() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let domid = bench.built(&domains).await;
    let cores = bench.dir.path().join("xl/cores");
    std::fs::create_dir_all(&cores).unwrap();
    // One of an earlier domain, one whose writer was killed.
    for left in [format!("{UUID}.4000.core"), format!("{UUID}.4001.part")] {
        std::fs::write(cores.join(left), "earlier").unwrap();
    }
    let files = || {
        let names = std::fs::read_dir(&cores).unwrap().map(|file| file.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    bench.stub.mode("half");
    assert!(domains.dump_core(UUID).await.is_err());
    assert_eq!(files(), [format!("{UUID}.4000.core")]);
    bench.stub.mode("");
    // A second one of the same domain takes the place of the first.
    for _ in 0..2 {
        domains.dump_core(UUID).await.unwrap();
        assert_eq!(files(), [format!("{UUID}.{domid}.core")]);
        assert_eq!(std::fs::read_to_string(cores.join(&files()[0])).unwrap(), format!("{domid}\n"));
    }
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(cores.join(&files()[0]).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(domains.dump_core("no-such").await.unwrap_err().code, "INTERNAL_ERROR");
}
