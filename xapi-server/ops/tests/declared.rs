//! Declared objects: clients are told which option to change, the reconciler passes, copies are nobody's.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, no, str};
use xapi_ops::{CallInfo, Peer, declared, session};
use xapi_schema::Value;

async fn declare(host: &Host, class: &str, this: &str, policy: &str) {
    let uuid = host.text(&format!("{class}.get_uuid"), [str(this)]).await;
    for (key, value) in
        [(declared::OPTION, "xennix.domains.web"), (declared::POLICY, policy), (declared::OWN, uuid.as_str())]
    {
        host.ok(&format!("{class}.add_to_other_config"), [str(this), str(key), str(value)]).await;
    }
}

#[tokio::test]
async fn a_locked_guest_names_its_option_and_a_copy_is_free() {
    let host = Host::new().await;
    let vm = host.vm("web").await;
    let disk = host.vdi("disk").await;
    declare(&host, "VM", &vm, "power").await;
    let refused = host.err("VM.set_name_label", [str(&vm), str("other")]).await;
    assert_eq!(refused.code, "OPERATION_BLOCKED");
    assert_eq!(refused.params[0], vm);
    assert!(refused.params[1].contains("xennix.domains.web"), "{refused:?}");
    assert_eq!(host.err("VM.destroy", [str(&vm)]).await.code, "OPERATION_BLOCKED");
    let vbd = Value::map([
        ("VM", str(&vm)),
        ("VDI", str(&disk)),
        ("userdevice", str("0")),
        ("bootable", no()),
        ("mode", str("RW")),
        ("type", str("Disk")),
        ("empty", no()),
        ("other_config", Value::map::<&str>([])),
        ("qos_algorithm_type", str("")),
        ("qos_algorithm_params", Value::map::<&str>([])),
    ]);
    assert_eq!(host.err("VBD.create", [vbd]).await.code, "OPERATION_BLOCKED");
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    let copy = host.text("VM.clone", [str(&vm), str("copy")]).await;
    host.ok("VM.set_name_label", [str(&copy), str("mine")]).await;
    let snapshot = host.text("VM.snapshot", [str(&vm), str("before")]).await;
    assert_eq!(host.err("VM.revert", [str(&snapshot)]).await.code, "OPERATION_BLOCKED");
    host.ok("VM.destroy", [str(&snapshot)]).await;
    host.ok("VM.destroy", [str(&copy)]).await;

    let reconciler = session::open_local(&host.xapi, declared::RECONCILER).await.unwrap();
    let args = vec![Value::Str(reconciler.text().clone()), str(&vm), str("other")];
    host.xapi.call(&CallInfo::from(Peer::Local), "VM.set_name_label", args).await.unwrap();
}

#[tokio::test]
async fn locked_means_nothing_and_open_means_all() {
    let host = Host::new().await;
    let (locked, open) = (host.vm("locked").await, host.vm("open").await);
    declare(&host, "VM", &locked, "locked").await;
    declare(&host, "VM", &open, "open").await;
    assert_eq!(host.err("VM.start", [str(&locked), no(), no()]).await.code, "OPERATION_BLOCKED");
    let asynchronous = host.err("Async.VM.start", [str(&locked), no(), no()]).await;
    assert_eq!(asynchronous.code, "OPERATION_BLOCKED");
    host.ok("VM.set_name_label", [str(&open), str("other")]).await;
    host.ok("VM.destroy", [str(&open)]).await;
}
