//! `vm-migrate` and `sr-probe-ext`: which calls they make of their parameters, and what they print of answers.

mod common;

use common::{Fake, xe};
use xapi_schema::Value;

const VM: &str = "0e0c0b68-b9c3-e562-b61c-5d02e5c9f531";
const HOST: &str = "11111111-1111-4111-8111-111111111111";

fn pool() -> Fake {
    let fake = Fake::default();
    fake.add("host", "host", HOST, &[("name_label", "here".into())]);
    fake.add("pool", "pool", "22222222-2222-4222-8222-222222222222", &[("master", "OpaqueRef:host".into())]);
    fake.add("VM", "vm", VM, &[("name_label", "one".into()), ("power_state", "Running".into())]);
    fake
}

#[tokio::test]
async fn a_host_is_named_in_three_ways() {
    for host in ["host=here", "host-name=here", &format!("host-uuid={HOST}"), &format!("host={HOST}")] {
        let fake = pool();
        let seen = xe(&fake, &["vm-migrate", "vm=one", host, "live=true", "compress=yes"], "").await;
        assert_eq!((seen.exit, seen.stdout.as_str(), seen.stderr.as_str()), (0, "", ""), "{host}");
        let options = "{compress=yes, force=false, live=true, copy=false}";
        assert_eq!(
            sorted(&fake.calls()[0]),
            sorted(&format!("VM.pool_migrate(OpaqueRef:vm, OpaqueRef:host, {options})"))
        );
    }
}

/// Options are a map: their order says nothing.
fn sorted(call: &str) -> Vec<String> {
    let mut words: Vec<String> = call.split([',', ' ', '{', '}', '(', ')']).map(str::to_owned).collect();
    words.sort();
    words
}

#[tokio::test]
async fn what_is_missing_is_said_before_anything_moves() {
    for (args, said) in [
        (vec!["vm-migrate", "vm=one"], "Error: No destination host specified\n"),
        (vec!["vm-migrate", "vm=one", "host=elsewhere"], "Error: Host elsewhere not found\n"),
        (vec!["vm-migrate", "vm=two", "host=here"], "Error: No matching VMs found\n"),
    ] {
        let fake = pool();
        let seen = xe(&fake, &args, "").await;
        assert_eq!((seen.exit, seen.stderr.as_str()), (1, said), "{args:?}");
        assert!(fake.calls().is_empty(), "{:?}", fake.calls());
    }
}

#[tokio::test]
async fn disks_are_not_moved_to_another_pool() {
    let fake = pool();
    let seen = xe(&fake, &["vm-migrate", "vm=one", "remote-master=192.0.2.1", "host=here"], "").await;
    assert_eq!(seen.exit, 1);
    assert!(!seen.stdout.is_empty(), "the move is announced before any check");
    assert!(
        seen.stderr.contains("remote-username") && seen.stderr.contains("remote-password"),
        "{}",
        seen.stderr
    );
    let login = ["remote-master=192.0.2.1", "remote-username=root", "remote-password=x"];
    let seen = xe(&fake, &[&["vm-migrate", "vm=one"][..], &login].concat(), "").await;
    assert!(
        seen.exit == 1 && seen.stderr.contains("vm-migrate with storage"),
        "{} {}",
        seen.exit,
        seen.stderr
    );
    assert!(fake.calls().is_empty(), "{:?}", fake.calls());
}

#[tokio::test]
async fn findings_of_a_probe_come_in_groups() {
    let fake = pool();
    let config = |key: &str| Value::map([(key, Value::from("1"))]);
    let finding = |key: &str, complete: bool, sr: Value| {
        let members = [
            ("configuration", config(key)),
            ("complete", complete.into()),
            ("sr", sr),
            ("extra_info", Value::map::<&str>([])),
        ];
        Value::map(members)
    };
    let none = || Value::map::<&str>([]);
    let sr =
        Value::map([("uuid", Value::from("u-1")), ("name_label", "kept".into()), ("total_space", 7.into())]);
    let found = [
        finding("further", false, none()),
        finding("enough", true, none()),
        finding("of-sr", true, sr),
        finding("enough-too", true, none()),
    ];
    fake.answer("SR.probe_ext", Ok(Value::set(found)));
    let seen = xe(&fake, &["sr-probe-ext", "type=gfs2", "device-config:device=/dev/x"], "").await;
    assert_eq!((seen.exit, seen.stderr.as_str()), (0, ""));
    let at = |text: &str| seen.stdout.find(text).unwrap_or_else(|| panic!("{text} in {}", seen.stdout));
    let order = [
        "The following SRs were found:",
        "SR 0:",
        "u-1",
        "kept",
        "SR 0 configuration:",
        "of-sr",
        "Configuration 0:",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{}", seen.stdout);
    assert!(at("enough-too") < at("enough ") && at("enough ") < at("further"), "{}", seen.stdout);
    assert!(
        fake.calls()[0].starts_with("SR.probe_ext(OpaqueRef:host, {device=/dev/x}, gfs2"),
        "{:?}",
        fake.calls()
    );
}
