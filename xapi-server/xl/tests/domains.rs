//! Lives of domains over a stub of `xl` and a xenstore in memory.

#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::{
    Daemon,
    bench::{Bench, LONG, UUID, event},
};
use xapi_backend::{
    Hypervisor,
    hypervisor::{
        Boot, ConsoleKind, ConsolePlace, Details, Disk, DomainKind, DomainSpec, Happened, Reply, Request,
    },
    storage::NewVolume,
};

fn is_end(what: &Happened) -> bool {
    matches!(what, Happened::Poweroff | Happened::Reboot | Happened::Crash)
}

#[tokio::test]
async fn a_domain_is_built_described_and_ended() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let domid = bench.built(&domains).await;
    let at = |path: &str| bench.daemon.get(&format!("/local/domain/{domid}/{path}"));
    assert_eq!(at("vm-data/role").as_deref(), Some("web"));
    assert_eq!(at("name").as_deref(), Some("guest"));
    let key = format!("/local/domain/0/backend/qdisk/{domid}/51712/sm-data/vdi-uuid");
    assert_eq!(bench.daemon.get(&key).as_deref(), Some("551d1127-c95a-4ea9-a668-3572d007e822"));
    assert!(bench.stub.read("config").contains("backendtype=qdisk,target="));
    domains.unpause(UUID).await.unwrap();
    assert_eq!(domains.domains().await.unwrap().len(), 1);
    domains.destroy(UUID).await.unwrap();
    assert!(domains.domains().await.unwrap().is_empty());
    assert_eq!(std::fs::read_dir(bench.dir.path().join("xl/domains")).unwrap().count(), 0);
    // One that is gone is fine.
    domains.destroy(UUID).await.unwrap();
}

#[tokio::test]
async fn an_end_while_nobody_looked_is_told_once_to_who_comes() {
    let bench = Bench::new().await;
    let first = bench.open(LONG);
    let domid = bench.built(&first).await;
    drop(first);
    bench.state("--p---", "---s--");
    bench.state(" - -\n", " 1 -\n");
    let again = bench.open(LONG);
    let mut events = again.events();
    assert_eq!(event(&mut events, is_end).await, Happened::Reboot);
    assert_eq!(again.ended(UUID).await.unwrap(), Some(Happened::Reboot));
    bench.daemon.fire("@releaseDomain");
    bench.daemon.set(&format!("/local/domain/{domid}/data/updated"), "1");
    // The agent's event comes after the look the watch caused; no second end in between.
    let next = event(&mut events, |what| is_end(what) || *what == Happened::Agent).await;
    assert_eq!(next, Happened::Agent);
}

#[tokio::test]
async fn a_restart_cut_short_is_known_afterwards() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    bench.built(&domains).await;
    domains.destroy_to_rebuild(UUID).await.unwrap();
    drop(domains);
    let domains = bench.open(LONG);
    assert_eq!(domains.to_be_rebuilt().await.unwrap(), [UUID]);
    domains.settle().await.unwrap();
    assert_eq!(domains.to_be_rebuilt().await.unwrap(), [UUID]);
    bench.built(&domains).await;
    assert!(domains.to_be_rebuilt().await.unwrap().is_empty());
}

#[tokio::test]
async fn domains_of_others_are_shown() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    bench.stub.write("table", "a b c 9 64 1 -b---- 1.0 b3fff2a8-6784-4c7f-9166-db61f0da3f49 - -\n");
    let all = domains.domains().await.unwrap();
    assert_eq!((all.len(), all[0].domid, all[0].memory), (1, 9, 64 << 20));
    domains.settle().await.unwrap();
    assert!(!bench.stub.read("calls").contains("destroy"));
}

#[tokio::test]
async fn memory_survives_a_volume() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let domid = bench.built(&domains).await;
    let memory: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    std::fs::write(bench.stub.dir.join("memory"), &memory).unwrap();
    let new = NewVolume {
        uuid: None,
        name: String::new(),
        description: String::new(),
        virtual_size: 16 << 20,
        kind: "suspend".into(),
        sm_config: vec![],
    };
    let image = ("sr".to_string(), bench.storage.create_volume("sr", new).await.unwrap().location);
    domains.save(UUID, image.clone()).await.unwrap();
    assert!(domains.domains().await.unwrap().is_empty());
    assert!(domains.is_whole(image.clone()).await.unwrap());
    let started = domains.restore(bench.spec(), image.clone()).await.unwrap();
    assert_eq!(started.domid, domid + 1);
    assert_eq!(std::fs::read(bench.stub.dir.join("image")).unwrap(), memory);
    // Its kernel says that it can be suspended only when it starts, and it can be again.
    assert_eq!(domains.ask(UUID, Request::Suspend, 60).await.unwrap(), Reply::Done);
    // Once the guest goes on, its memory of before must not come back.
    domains.unpause(UUID).await.unwrap();
    assert!(!domains.is_whole(image.clone()).await.unwrap());
    let other = DomainSpec { uuid: "1e260f5c-8fb8-48c9-90fb-d389a294d22a".into(), ..bench.spec() };
    let refused = domains.restore(other, image).await.unwrap_err();
    assert!(refused.to_string().contains("no whole memory image"), "{refused}");
}

#[tokio::test]
async fn a_guest_is_asked_and_answers() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let domid = bench.built(&domains).await;
    let node = format!("/local/domain/{domid}/control/shutdown");
    // Nobody there: only whether it can is asked.
    assert_eq!(domains.ask(UUID, Request::Suspend, 60).await.unwrap(), Reply::Ignored);
    let asking = {
        let domains = domains.clone();
        tokio::spawn(async move { domains.ask(UUID, Request::Poweroff, 600).await })
    };
    let begun = tokio::time::Instant::now();
    while bench.daemon.get(&node).as_deref() != Some("poweroff") {
        assert!(begun.elapsed() < LONG, "the word was never written");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.daemon.set(&node, "");
    bench.state("--p---", "---s--");
    bench.state(" - -\n", " 0 -\n");
    bench.daemon.fire("@releaseDomain");
    assert_eq!(asking.await.unwrap().unwrap(), Reply::Done);
    bench.state("---s--", "------");
    // One that takes no notice: the word is taken back.
    let reply = domains.ask(UUID, Request::Reboot, 1).await.unwrap();
    assert_eq!(reply, Reply::Ignored);
    assert_eq!(bench.daemon.get(&node).as_deref(), Some(""));
}

#[tokio::test]
async fn an_xl_that_misbehaves_is_an_error_and_leaves_nothing() {
    let bench = Bench::new().await;
    for (mode, quick, told) in [
        ("hang", Duration::from_millis(300), "did not end"),
        ("abort", LONG, "aborted"),
        ("babble", LONG, "printed more"),
        ("fail", LONG, "libxl: error: no"),
    ] {
        bench.stub.mode(mode);
        let domains = bench.open(quick);
        let failure = domains.domains().await.unwrap_err();
        assert!(failure.to_string().contains(told), "{mode}: {failure}");
        // Other domains and calls are not held up: the next call is as good as any.
        bench.stub.mode("");
        let patient = bench.open(LONG);
        assert!(patient.domains().await.unwrap().is_empty());
    }
    // A build that fails closes what it opened and forgets the domain.
    let domains = bench.open(LONG);
    let mut spec = bench.spec();
    spec.details.boot.kernel = "/etc/shadow".into();
    assert_eq!(domains.build(spec).await.unwrap_err().code, "INVALID_VALUE");
    assert_eq!(std::fs::read_dir(bench.dir.path().join("xl/domains")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_create_that_hangs_leaves_no_domain() {
    let bench = Bench::new().await;
    let mut xl = bench.stub.xl(LONG);
    xl.slow = Duration::from_secs(2);
    let domains = bench.open_with(xl);
    bench.stub.mode("create-hangs");
    let failure = domains.build(bench.spec()).await.unwrap_err();
    assert!(failure.to_string().contains("did not end"), "{failure}");
    assert!(domains.domains().await.unwrap().is_empty());
    assert_eq!(std::fs::read_dir(bench.dir.path().join("xl/domains")).unwrap().count(), 0);
    // The same VM can be started at once.
    bench.stub.mode("");
    bench.built(&domains).await;
}

#[tokio::test]
async fn domains_are_built_as_many_at_once_as_there_are_turns() {
    let bench = Bench::new().await;
    let domains = bench.open_with(xapi_xl::Xl { at_once: 1, ..bench.stub.xl(LONG) });
    bench.stub.mode("noted");
    let guest = |n: u32| DomainSpec {
        uuid: format!("0e260f5c-8fb8-48c9-90fb-d389a294d2{n:02}"),
        disks: vec![],
        ..bench.spec()
    };
    let all = futures_util::future::join_all((0..5).map(|n| domains.build(guest(n)))).await;
    let mut numbers: Vec<i64> = all.into_iter().map(|started| started.unwrap().domid).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let calls = bench.stub.read("calls");
    let made: Vec<&str> = calls
        .lines()
        .filter_map(|call| call.split(' ').next())
        .filter(|c| ["create", "built"].contains(c))
        .collect();
    assert_eq!(made, ["create", "built"].repeat(5), "{calls}");
}

#[tokio::test]
async fn who_waits_for_a_turn_can_be_given_up() {
    let bench = Bench::new().await;
    let domains = bench.open_with(xapi_xl::Xl { at_once: 1, ..bench.stub.xl(LONG) });
    bench.stub.mode("create-waits");
    let unwanted =
        DomainSpec { uuid: "9d3b0f0c-64d6-4d1c-8c43-5a3f0e6c2a11".into(), disks: vec![], ..bench.spec() };
    let first = domains.build(bench.spec());
    let second = async {
        let building = domains.build(unwanted.clone());
        let end = async {
            while !bench.stub.read("calls").contains("create") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // It has a place in the line now, or asks for one as the next thing it does.
            tokio::time::sleep(Duration::from_millis(100)).await;
            domains.give_up(&unwanted.uuid).await;
            // The one that has begun is not disturbed.
            domains.give_up(UUID).await;
            bench.stub.mode("");
        };
        futures_util::future::join(building, end).await.0
    };
    let (first, second) = futures_util::future::join(first, second).await;
    assert!(second.unwrap_err().to_string().contains("not wanted"));
    first.unwrap();
    assert_eq!(domains.domains().await.unwrap().len(), 1);
    assert_eq!(bench.stub.read("calls").lines().filter(|call| call.starts_with("create")).count(), 1);
    assert_eq!(std::fs::read_dir(bench.dir.path().join("xl/domains")).unwrap().count(), 2);
    bench.stub.mode("");
    domains.build(unwanted).await.unwrap();
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    // Recorded from Xen 4.20: what went wrong comes first, and what cannot be undone after it.
    let end =
        "libxl: error: libxl_domain.c:354:libxl_domain_info: Domain 8:Getting domain info: No such process
libxl: error: libxl_domain.c:1179:libxl__destroy_domid: Domain 8:Non-existant domain
libxl: error: libxl_domain.c:1133:domain_destroy_callback: Domain 8:Unable to destroy guest
libxl: error: libxl_domain.c:1060:domain_destroy_cb: Domain 8:Destruction of domain failed
";
    let small = "xc: error: panic: xg_dom_core.c:536: xc_dom_chk_alloc_pages: segment kernel too large (0x3200 > 0x4000 - 0x1000 pages): Out of memory
libxl: error: libxl_dom.c:589:libxl__build_dom: xc_dom_build_image failed: No such file or directory
libxl: error: libxl_create.c:1695:domcreate_rebuild_done: Domain 8:cannot (re-)build domain: -3
";
    let slow = "libxl: error: libxl_dm.c:3607:device_model_postconfig_done: Domain 8:Post DM startup configs failed, rc=-9
libxl: error: libxl_create.c:1957:domcreate_devmodel_started: Domain 8:device model did not start: -9
";
    bench.stub.mode("create-fails");
    for (free, begin, code, told) in [
        (1256, small, "INTERNAL_ERROR", "segment kernel too large"),
        (10, small, "HOST_NOT_ENOUGH_FREE_MEMORY", "10485760"),
        (1256, slow, "FAILED_TO_START_EMULATOR", "Post DM startup configs failed"),
    ] {
        bench.stub.write("info", &format!("free_memory            : {free}\n"));
        bench.stub.write("complaint", &format!("{begin}{end}"));
        let failure = domains.build(bench.spec()).await.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.to_string().contains(told), "{failure}");
    }
}

#[tokio::test]
async fn a_half_built_domain_goes_when_xl_answers_again() {
    let bench = Bench::new().await;
    let mut xl = bench.stub.xl(LONG);
    xl.slow = Duration::from_secs(1);
    let domains = bench.open_with(xl);
    bench.stub.mode("destroy-fails");
    domains.build(bench.spec()).await.unwrap_err();
    assert_eq!(domains.domains().await.unwrap().len(), 1, "the domain cannot be ended yet");
    bench.stub.mode("");
    let begun = tokio::time::Instant::now();
    while !domains.domains().await.unwrap().is_empty() {
        assert!(begun.elapsed() < LONG, "the half-built domain stays");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn without_xenstore_nothing_is_begun() {
    let mut bench = Bench::new().await;
    let domains = bench.open(LONG);
    bench.daemon.stop();
    let failure = domains.build(bench.spec()).await.unwrap_err();
    assert!(failure.to_string().contains("xenstore"), "{failure}");
    assert!(!bench.stub.read("calls").contains("create"));
    // It comes back and everything works again.
    bench.daemon =
        Daemon::beside(&bench.daemon.socket, bench.daemon.nodes.clone(), bench.stub.dir.join("table"));
    bench.built(&domains).await;
}

#[tokio::test]
async fn one_that_never_went_on_is_told_from_one_that_was_paused() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    bench.built(&domains).await;
    let fresh = async || domains.domains().await.unwrap()[0].fresh;
    assert!(fresh().await);
    domains.unpause(UUID).await.unwrap();
    domains.pause(UUID).await.unwrap();
    assert!(bench.stub.read("table").contains("--p--- 0.0") && !fresh().await);
}

/// A drive whose medium is being changed when the toolstack dies.
#[tokio::test]
async fn a_change_of_medium_cut_short_is_as_the_domain_says() {
    let (old, new) = ("11111111-c95a-4ea9-a668-3572d007e822", "22222222-c95a-4ea9-a668-3572d007e822");
    // What the emulator serves: the new one, the old one, none.
    for (served, holds) in [(Some(1), new), (Some(0), old), (None, "")] {
        let bench = Bench::new().await;
        let volume = async || {
            let new = NewVolume {
                uuid: None,
                name: String::new(),
                description: String::new(),
                virtual_size: 1 << 20,
                kind: "user".into(),
                sm_config: vec![],
            };
            bench.storage.create_volume("sr", new).await.unwrap().location
        };
        let volumes = [volume().await, volume().await];
        let drive = |at: usize, vdi: &str| Disk {
            position: 3,
            volume: Some(("sr".into(), volumes[at].clone())),
            writable: false,
            cd: true,
            vdi: vdi.into(),
            storage_type: "iso".into(),
        };
        let mut spec = bench.spec();
        spec.kind = DomainKind::Hvm;
        spec.details.boot = Boot::default();
        spec.disks.push(drive(0, old));
        let mut xl = bench.stub.xl(LONG);
        xl.slow = Duration::from_secs(600);
        let domains = bench.open_with(xl);
        let domid = domains.build(spec).await.unwrap().domid;
        bench.stub.mode("hang");
        let changing = {
            let (domains, drive) = (domains.clone(), drive(1, new));
            tokio::spawn(async move { domains.change_medium(UUID, drive).await })
        };
        let begun = tokio::time::Instant::now();
        while !bench.stub.read("calls").contains("cd-insert") {
            assert!(begun.elapsed() < LONG, "xl was never told");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        changing.abort();
        bench.stub.mode("");
        let params = match served {
            Some(at) => match bench.storage.open_volume("sr", &volumes[at], false).await.unwrap() {
                xapi_backend::storage::DataPath::File(path) => format!("aio:{}", path.display()),
                other => panic!("{other:?}"),
            },
            None => String::new(),
        };
        let number = (22 << 8) + (1 << 6);
        let backend = format!("/local/domain/0/backend/qdisk/{domid}/{number}");
        bench.daemon.set(&format!("/local/domain/{domid}/device/vbd/{number}/backend"), &backend);
        bench.daemon.set(&format!("{backend}/params"), &params);
        bench.daemon.set(&format!("/local/domain/{domid}/device/vbd/768/backend"), "/x");
        let again = bench.open(LONG);
        again.settle().await.unwrap();
        let devices = again.devices(UUID).await.unwrap().unwrap();
        assert_eq!(devices.media, [(3, holds.to_string())]);
        let record =
            std::fs::read_to_string(bench.dir.path().join(format!("xl/domains/{UUID}.json"))).unwrap();
        for (at, vdi) in [old, new].into_iter().enumerate() {
            let open = format!("[\"sr\",\"{}\",false]", volumes[at]);
            assert_eq!(record.contains(&open), holds == vdi, "{vdi} open beside {holds}: {record}");
        }
        assert!(record.contains("\"changing\":null"), "{record}");
    }
}

#[tokio::test]
async fn the_screen_of_a_machine_is_a_socket_that_goes_with_it() {
    let bench = Bench::new().await;
    let domains = bench.open(LONG);
    let spec = || DomainSpec { kind: DomainKind::Hvm, details: Details::default(), ..bench.spec() };
    let listens = || {
        let config = bench.stub.read("config");
        let path =
            config.lines().find_map(|line| line.strip_prefix("vnclisten = \"unix:")).expect("a socket");
        std::path::PathBuf::from(path.trim_end_matches('"'))
    };
    domains.build(spec()).await.unwrap();
    assert!(domains.console(UUID, ConsoleKind::Graphical).await.unwrap().is_none(), "nobody listens yet");
    let first = listens();
    let _emulator = std::os::unix::net::UnixListener::bind(&first).unwrap();
    match domains.console(UUID, ConsoleKind::Graphical).await.unwrap() {
        Some(ConsolePlace::Socket(at)) => assert_eq!(at, first),
        other => panic!("{other:?}"),
    }
    domains.destroy(UUID).await.unwrap();
    assert!(!first.exists(), "an emulator that was killed leaves its socket");
    domains.build(spec()).await.unwrap();
    assert_ne!(listens(), first, "an emulator that ends late takes its name with it");
}
