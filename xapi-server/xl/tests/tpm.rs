//! TPMs of guests: the real `swtpm`, beside a stub of `xl` and of the emulator. What a guest changed in its TPM is believed
//! only when the TPM itself keeps to it in the guest's next life.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/tpm.rs"]
mod tpm;

use std::{sync::Arc, time::Duration};

use common::{Daemon, Stub};
use tpm::{Ended, Guest, running};
use xapi_backend::{
    Hypervisor,
    hypervisor::{Details, DomainKind, DomainSpec, Happened, Tpm},
};
use xapi_xl::{Domains, Options, tpm::Programs, xenstore::Client};

const UUID: &str = "0e260f5c-8fb8-48c9-90fb-d389a294d22a";
const CHIP: &str = "551d1127-c95a-4ea9-a668-3572d007e822";
const LONG: Duration = Duration::from_secs(60);

struct Bench {
    stub: Stub,
    daemon: Daemon,
    programs: Programs,
    _ended: Ended,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Bench> {
        let dir = tempfile::tempdir().unwrap();
        let programs = tpm::programs(dir.path())?;
        let stub = Stub::new(dir.path());
        let daemon = Daemon::beside(&dir.path().join("s"), Arc::default(), stub.dir.join("table"));
        let ended = Ended(dir.path().join("xl/tpm"));
        Some(Bench { stub, daemon, programs, _ended: ended, dir })
    }

    /// As after a start of the toolstack.
    fn open(&self) -> Domains {
        let (backends, _) =
            xapi_backend::sim::open(&self.dir.path().join("sim"), Default::default()).unwrap();
        let options = Options {
            xl: self.stub.xl(LONG),
            store: Client::new(vec![self.daemon.socket.clone()], LONG),
            storage: backends.storage,
            memory: Arc::new(xapi_xl::Privcmd::default()),
            hypercalls: xapi_xl::Hypercalls::at("/nowhere"),
            card_script: |_| None,
            screens: self.dir.path().join("screens"),
            tpm: self.programs.clone(),
            cpu_vendor: "AuthenticAMD".into(),
        };
        Domains::open(&self.dir.path().join("xl"), options).unwrap()
    }

    fn guest(&self, from: &str, to: &str) -> (Guest, String) {
        Guest::changes(&tpm::socket(&self.stub.read("config")), from, to)
    }

    fn running(&self) -> usize {
        running(&self.dir.path().join("xl/tpm")).len()
    }

    async fn ends(&self) {
        let until = std::time::Instant::now() + LONG;
        while self.running() > 0 {
            assert!(std::time::Instant::now() < until, "the TPM does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn spec(contents: &str) -> DomainSpec {
    DomainSpec {
        uuid: UUID.into(),
        name: "guest".into(),
        kind: DomainKind::Hvm,
        memory_max: 96 << 20,
        memory_target: 96 << 20,
        vcpus_max: 1,
        vcpus: 1,
        disks: vec![],
        nics: vec![],
        usb: vec![],
        platform: vec![],
        xenstore_data: vec![],
        details: Details {
            tpm: Some(Tpm { uuid: CHIP.into(), contents: contents.into() }),
            ..Details::default()
        },
    }
}

#[tokio::test]
async fn what_a_guest_seals_outlives_it() {
    let Some(bench) = Bench::new() else { return };
    let domains = bench.open();
    let mut events = domains.events();
    let domid = domains.build(spec("")).await.unwrap().domid;
    assert_eq!(bench.running(), 1);
    // The guest's own firmware describes a TPM of version 2 to it.
    let version = bench.daemon.get(&format!("/local/domain/{domid}/platform/tpm_version"));
    assert_eq!(version.as_deref(), Some("2"));
    assert_eq!(domains.tpm_state(CHIP).await.unwrap(), None, "no guest has begun");
    let (guest, told) = bench.guest("", "one");
    assert_eq!(told, "changed");
    let kept = domains.tpm_state(CHIP).await.unwrap().unwrap();
    // Whoever keeps the record hears of it while the guest runs.
    let heard = tokio::time::timeout(LONG, async {
        loop {
            let event = events.recv().await.unwrap();
            if event.what == Happened::Firmware {
                return event.uuid;
            }
        }
    });
    assert_eq!(heard.await.unwrap(), UUID);
    domains.forget_tpm(CHIP, Some(&kept)).await.unwrap();
    assert_eq!(
        domains.tpm_state(CHIP).await.unwrap().as_ref(),
        Some(&kept),
        "one that works is not forgotten"
    );
    domains.destroy(UUID).await.unwrap();
    assert_eq!(bench.running(), 0, "it ends with its domain, whatever the emulator does");
    drop(guest);
    assert_eq!(domains.tpm_state(CHIP).await.unwrap().as_ref(), Some(&kept));
    drop(domains);

    // Nothing was taken over yet when the toolstack died.
    let domains = bench.open();
    domains.settle().await.unwrap();
    assert_eq!(domains.tpms().await.unwrap(), [CHIP]);
    let refused = domains.build(spec("")).await.unwrap_err();
    assert!(refused.to_string().contains("not in the record yet"), "{refused}");
    domains.forget_tpm(CHIP, Some("something else")).await.unwrap();
    assert_eq!(domains.tpm_state(CHIP).await.unwrap().as_ref(), Some(&kept), "only what was taken over goes");
    domains.forget_tpm(CHIP, Some(&kept)).await.unwrap();
    assert_eq!((domains.tpm_state(CHIP).await.unwrap(), domains.tpms().await.unwrap()), (None, vec![]));

    // In its next life the TPM knows who its owner is.
    domains.build(spec(&kept)).await.unwrap();
    let (guest, told) = bench.guest("", "thief");
    assert_eq!(told, "refused");
    domains.destroy(UUID).await.unwrap();
    drop(guest);
    let now = domains.tpm_state(CHIP).await.unwrap();
    domains.forget_tpm(CHIP, now.as_deref()).await.unwrap();
    domains.build(spec(&now.unwrap())).await.unwrap();
    let (_guest, told) = bench.guest("one", "two");
    assert_eq!(told, "changed");
    domains.destroy(UUID).await.unwrap();
}

#[tokio::test]
async fn a_tpm_lives_as_long_as_its_guest() {
    let Some(bench) = Bench::new() else { return };
    let domains = bench.open();
    domains.build(spec("")).await.unwrap();
    let (guest, _) = bench.guest("", "one");
    drop(domains);
    // The next toolstack disturbs it as little as the end of the last.
    let domains = bench.open();
    domains.settle().await.unwrap();
    assert_eq!(bench.running(), 1);
    // Behind our back: the emulator ends, and with it the TPM.
    bench.stub.write("table", "");
    drop(guest);
    bench.ends().await;
    assert!(domains.tpm_state(CHIP).await.unwrap().is_some());
    domains.destroy(UUID).await.unwrap();
}

#[tokio::test]
async fn a_start_that_was_cut_short_leaves_no_tpm() {
    let Some(bench) = Bench::new() else { return };
    let domains = bench.open();
    bench.stub.mode("fail");
    domains.build(spec("")).await.unwrap_err();
    bench.stub.mode("");
    domains.destroy(UUID).await.unwrap();
    assert_eq!(bench.running(), 0);
    // The toolstack dies before there is an emulator.
    domains.build(spec("")).await.unwrap();
    drop(domains);
    bench.stub.write("table", "");
    assert_eq!(bench.running(), 1);
    let domains = bench.open();
    domains.settle().await.unwrap();
    assert_eq!(bench.running(), 0);
    domains.forget_tpm(CHIP, None).await.unwrap();
    assert_eq!(domains.tpms().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let Some(mut bench) = Bench::new() else { return };
    let there = bench.programs.clone();
    let without = tpm::emulator(&bench.stub.dir, "qemu: -tpmdev: invalid option");
    for (programs, word) in [
        (Programs { swtpm: "/nowhere/swtpm".into(), ..there.clone() }, "no swtpm on this host"),
        (Programs { emulator: Some(without.clone()), ..there.clone() }, without.to_str().unwrap()),
    ] {
        bench.programs = programs;
        let refused = bench.open().build(spec("")).await.unwrap_err();
        assert_eq!(refused.code, "NOT_IMPLEMENTED");
        assert!(refused.to_string().contains(word), "{refused}");
    }
    // What is no state is no TPM's: the guest does not come up with a new one.
    bench.programs = there;
    for bad in ["c2VhbGVk", "?"] {
        let refused = bench.open().build(spec(bad)).await.unwrap_err();
        assert_eq!((refused.code.as_str(), refused.params[0].as_str()), ("INVALID_VALUE", "VTPM.contents"));
    }
    assert!(!bench.stub.read("calls").contains("create"));
    assert_eq!(bench.running(), 0);
}
