//! A VM with a TPM from its record to the real `swtpm` and back, beside a stub of `xl` and of the emulator.

#![allow(clippy::unwrap_used)]

#[path = "../../xl/tests/common/tpm.rs"]
mod chip;
#[path = "common/mod.rs"]
mod toolstack;
#[path = "../../xl/tests/common/mod.rs"]
mod xen;

use std::{path::Path, sync::Arc, time::Duration};

use chip::{Ended, Guest};
use toolstack::{Host, no, str};
use xapi_schema::Value;
use xapi_store::Store;
use xapi_xl::{Domains, Hypercalls, Options, Privcmd, tpm::Programs, xenstore::Client};

const LONG: Duration = Duration::from_secs(60);

/// A toolstack with the state and over the domains of `dir`.
async fn host(dir: &Path, xen: &xen::Stub, daemon: &xen::Daemon, programs: &Programs) -> Host {
    let store = Store::in_memory().unwrap();
    Host::with(Default::default(), store, |backends| {
        let options = Options {
            xl: xen.xl(LONG),
            store: Client::new(vec![daemon.socket.clone()], LONG),
            storage: backends.storage.clone(),
            memory: Arc::new(Privcmd::default()),
            hypercalls: Hypercalls::at("/nowhere"),
            card_script: |_| None,
            screens: dir.join("screens"),
            tpm: programs.clone(),
            cpu_vendor: "GenuineIntel".into(),
        };
        backends.hypervisor = Arc::new(Domains::open(&dir.join("xl"), options).unwrap());
    })
    .await
}

async fn chip_of(host: &Host, vm: &str) -> String {
    match host.get("VM", "VTPMs", vm).await {
        Value::Set(chips) => chips[0].as_str().unwrap().to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tpm_is_in_the_record_whatever_becomes_of_the_guest() {
    let dir = tempfile::tempdir().unwrap();
    let Some(programs) = chip::programs(dir.path()) else { return };
    let xen = xen::Stub::new(dir.path());
    let daemon = xen::Daemon::beside(&dir.path().join("s"), Arc::default(), xen.dir.join("table"));
    let _ended = Ended(dir.path().join("xl/tpm"));
    let host = host(dir.path(), &xen, &daemon, &programs).await;
    let vm = host.vm("sealed").await;
    let chip = host.text("VTPM.create", [str(&vm), no()]).await;
    let changes = |from: &str, to: &str| Guest::changes(&chip::socket(&xen.read("config")), from, to);
    let contents = async || host.text("VTPM.get_contents", [str(&chip)]).await;
    let running = || chip::running(&dir.path().join("xl/tpm")).len();
    let left = || std::fs::read_dir(dir.path().join("xl/tpm")).unwrap().count();

    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let (guest, told) = changes("", "one");
    assert_eq!(told, "changed");
    // A snapshot of a guest that runs has what its TPM keeps at that moment.
    let snapshot = host.text("VM.snapshot", [str(&vm), str("then"), Value::set([])]).await;
    let one = host.text("VTPM.get_contents", [str(&chip_of(&host, &snapshot).await)]).await;
    assert!(!one.is_empty());
    assert_eq!(contents().await, one);
    host.ok("VM.hard_reboot", [str(&vm)]).await;
    drop(guest);
    let (guest, told) = changes("one", "two");
    assert_eq!(told, "changed");
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    drop(guest);
    let two = contents().await;
    assert_ne!(two, one);
    assert_eq!((running(), left()), (0, 0), "it is in the record, and nowhere else");

    // It is the record that is started from: the snapshot's owner is the snapshot's.
    host.ok("VM.revert", [str(&snapshot)]).await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let (guest, told) = changes("two", "three");
    assert_eq!(told, "refused");
    drop(guest);
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let (guest, told) = changes("one", "three");
    assert_eq!(told, "changed");
    let chip = chip_of(&host, &vm).await;
    let uuid = host.text("VTPM.get_uuid", [str(&chip)]).await;

    // The guest ends while no toolstack looks; the next start of one takes over what it left.
    let before = host.text("VTPM.get_contents", [str(&chip)]).await;
    let xl = host.xapi.backends.hypervisor.clone();
    xen.write("table", "");
    drop(guest);
    xapi_ops::startup::run(&host.xapi, false).await;
    let three = host.text("VTPM.get_contents", [str(&chip)]).await;
    assert_ne!(three, before);
    assert_eq!(host.state(&vm).await, "Halted");
    assert_eq!((xl.tpm_state(&uuid).await.unwrap(), running(), left()), (None, 0, 0));
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let (guest, told) = changes("three", "four");
    assert_eq!(told, "changed");
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    drop(guest);
    host.ok("VM.destroy", [str(&vm)]).await;
    assert_eq!((running(), left()), (0, 0));
}

#[tokio::test]
async fn a_host_without_tpms_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let xen = xen::Stub::new(dir.path());
    let daemon = xen::Daemon::beside(&dir.path().join("s"), Arc::default(), xen.dir.join("table"));
    let programs = Programs { swtpm: "/nowhere/swtpm".into(), emulator: None };
    let host = host(dir.path(), &xen, &daemon, &programs).await;
    let vm = host.vm("sealed").await;
    host.text("VTPM.create", [str(&vm), no()]).await;
    let refused = host.err("VM.start", [str(&vm), no(), no()]).await;
    assert_eq!(refused.code, "NOT_IMPLEMENTED");
    assert!(refused.to_string().contains("no swtpm on this host"), "{refused}");
    assert_eq!(host.state(&vm).await, "Halted");
}
