//! Every code of the catalogue is triggered by one change to a host against which nothing stands, and by nothing else.

mod conditions {
    pub mod cases;
    pub mod world;
}

use std::fs;
use std::path::Path;

use conditions::{
    cases::CASES,
    world::{World, data},
};
use infect::Severity;
use infect::check::{self, Facts, Live, Stage};
use infect::host::tree::Directory;
use infect::host::{self, Host};
use infect::pool::Pool;

#[test]
fn nothing_stands_against_the_plain_host() {
    assert_eq!(World::new().codes(), (vec![], vec![]));
}

#[test]
fn every_code_is_triggered_by_its_change_alone() {
    let tested: Vec<&str> = CASES.iter().map(|(code, ..)| *code).collect();
    for condition in check::catalogue() {
        assert!(tested.contains(&condition.code), "{} has no test", condition.code);
        let clears = !condition.clear.is_empty() || condition.severity == Severity::Info;
        assert!(clears && !condition.says.is_empty(), "{} says too little", condition.code);
    }
    assert_eq!(tested.len(), check::catalogue().count(), "a code twice, or one the catalogue does not have");
    let mut wrong = Vec::new();
    for (code, also, change) in CASES {
        let mut world = World::new();
        change(&mut world);
        let (found, _) = world.codes();
        let mut expected = vec![*code];
        expected.extend(*also);
        let unexpected: Vec<_> = found.iter().filter(|one| !expected.contains(one)).collect();
        let missing: Vec<_> = expected.iter().filter(|one| !found.contains(one)).collect();
        if !unexpected.is_empty() || !missing.is_empty() {
            wrong.push(format!("{code}: unexpected {unexpected:?}, missing {missing:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_copy_does_not_pretend_to_know_the_running_host() {
    let tree = Directory::copied(data().join("host0"));
    let host = host::read(&tree, None);
    let pool = Pool::open(&data().join("state.db.gz")).unwrap();
    let live = Live::default();
    let facts = Facts {
        host: &host,
        tree: &tree,
        pool: Some(&pool),
        pool_error: None,
        generation: None,
        aliases: None,
        audits: &[],
        live: &live,
        whole_pool: false,
        now: 1_760_000_000,
    };
    let verdict = check::judge(&facts, &[]);
    let unjudged: Vec<&str> = verdict.unjudged.iter().map(|one| one.code).collect();
    for code in [
        "ROOT_NOT_DOM0",
        "SECUREBOOT_HOST",
        "DRIVER_MISSING",
        "GC_RUNNING",
        "NET_OPENFLOW",
        "SR_CHAIN_BROKEN",
        "LAYOUT_DOS",
    ] {
        assert!(unjudged.contains(&code), "{code}");
    }
    assert!(!verdict.go);
    // The fixture's hard guests are all seen.
    let found: Vec<&str> = verdict.findings.iter().map(|one| one.finding.code.as_str()).collect();
    for code in ["VM_SUSPENDED", "VM_SECUREBOOT", "VM_VTPM", "VM_PCI", "FIRSTBOOT_INCOMPLETE"] {
        assert!(found.contains(&code), "{code} in {found:?}");
    }
    // Heaviest first, and the text says how to clear it.
    assert_eq!(verdict.findings[0].finding.severity, Severity::Refuse);
    assert!(verdict.to_string().contains("-> resume it and shut it down"));
}

#[test]
fn warnings_are_accepted_refusals_are_not() {
    let mut world = World::new();
    world.set("pool", "wlb_url", "x");
    world.guest().put("power_state", "Running");
    let tree = Directory::copied(world.root.path());
    let mut host = host::read(&tree, world.disk.clone());
    host.machine.root = Some(true);
    host.machine.esp_free = Some(400 << 20);
    let judge = |accept: &[String], host: &Host| {
        let facts = Facts {
            host,
            tree: &tree,
            pool: world.pool.as_ref(),
            pool_error: None,
            generation: None,
            aliases: world.aliases.as_ref(),
            audits: &world.audits,
            live: &world.live,
            whole_pool: false,
            now: world.now,
        };
        check::judge(&facts, accept)
    };
    assert!(!judge(&[], &host).go);
    let verdict = judge(&["WLB".into()], &host);
    assert!(verdict.go, "{verdict}");
    // A running guest is no obstacle yet; it is one before the cut-over.
    assert!(
        verdict.findings.iter().any(|one| one.finding.code == "VM_RUNNING" && one.stage == Stage::Cutover)
    );
    // On the running host nothing that would refuse may stay unjudged.
    host.machine.live = true;
    host.machine.dom0 = None;
    assert!(!judge(&["WLB".into()], &host).go);
}

/// The catalogue as a page; `XENNIX_BLESS=1` writes it anew.
#[test]
fn the_page_is_current() {
    let mut page = String::from(
        "# What `infect check` looks at\n\nWritten by `XENNIX_BLESS=1 cargo test -p infect --test check` from `infect/src/check`; change that.\n\n\
         A refusal can only be cleared, a warning can be accepted with `--accept CODE`. Conditions marked *later* must be\n\
         cleared only before the machine is given over.\n\n| code | weight | condition | how to clear it |\n|---|---|---|---|\n",
    );
    for one in check::catalogue() {
        let later = if one.stage == Stage::Cutover { ", *later*" } else { "" };
        let weight = one.severity.to_string().to_lowercase();
        page.push_str(&format!("| `{}` | {weight}{later} | {} | {} |\n", one.code, one.says, one.clear));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/infect-checks.md");
    if std::env::var_os("XENNIX_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), page, "XENNIX_BLESS=1 takes it");
}
