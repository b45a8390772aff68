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

#[tokio::test]
async fn blocked_operations_tell_beforehand_and_are_nobodys_to_lift() {
    let host = Host::new().await;
    let vm = host.vm("web").await;
    host.ok("VM.add_to_blocked_operations", [str(&vm), str("suspend"), str("mine")]).await;
    declare(&host, "VM", &vm, "power").await;
    let blocked = async || host.ok("VM.get_blocked_operations", [str(&vm)]).await;
    let reason = |map: &Value, op: &str| map.get(op).and_then(Value::as_str).map(str::to_string);
    let told = blocked().await;
    assert!(reason(&told, "destroy").is_some_and(|text| text.contains("xennix.domains.web")), "{told:?}");
    assert_eq!(reason(&told, "suspend").as_deref(), Some("mine"), "what a client blocked stays its own");
    assert_eq!(reason(&told, "start"), None);
    let allowed = host.ok("VM.get_allowed_operations", [str(&vm)]).await;
    let allowed = allowed.as_set().unwrap().to_vec();
    assert!(allowed.contains(&str("start")) && !allowed.contains(&str("destroy")), "{allowed:?}");
    let refused = host.err("VM.remove_from_blocked_operations", [str(&vm), str("destroy")]).await;
    assert_eq!(refused.code, "OPERATION_BLOCKED");

    // The reconciler isn't kept from its work, and what it leaves is free.
    let reconciler = session::open_local(&host.xapi, declared::RECONCILER).await.unwrap();
    let call = async |method: &str, args: &[Value]| {
        let mut all = vec![Value::Str(reconciler.text().clone())];
        all.extend_from_slice(args);
        host.xapi.call(&CallInfo::from(Peer::Local), method, all).await.unwrap()
    };
    call("VM.set_memory_static_max", &[str(&vm), Value::Int(1 << 30)]).await;
    call("VM.remove_from_other_config", &[str(&vm), str(declared::POLICY)]).await;
    call("VM.add_to_other_config", &[str(&vm), str(declared::POLICY), str("locked")]).await;
    assert!(reason(&blocked().await, "start").is_some_and(|text| text.contains("policy locked")));
    call("VM.remove_from_other_config", &[str(&vm), str(declared::OPTION)]).await;
    let left = blocked().await;
    assert_eq!((reason(&left, "suspend").as_deref(), reason(&left, "destroy")), (Some("mine"), None));
    host.ok("VM.destroy", [str(&vm)]).await;
}

#[tokio::test]
async fn a_declared_disk_is_written_by_nobody_else() {
    let host = Host::new().await;
    let (disk, other) = (host.vdi("declared").await, host.vdi("free").await);
    declare(&host, "VDI", &disk, "power").await;
    let allowed = host.ok("VDI.get_allowed_operations", [str(&disk)]).await;
    let allowed = allowed.as_set().unwrap().to_vec();
    assert!(allowed.contains(&str("snapshot")) && !allowed.contains(&str("destroy")), "{allowed:?}");
    let null = || str("OpaqueRef:NULL");
    let refused = host.err("VDI.copy", [str(&other), null(), null(), str(&disk)]).await;
    assert_eq!((refused.code.as_str(), refused.params[0].as_str()), ("OPERATION_BLOCKED", disk.as_str()));
    let vm = host.vm("stranger").await;
    let vbd = |mode: &str, device: &str| {
        Value::map([
            ("VM", str(&vm)),
            ("VDI", str(&disk)),
            ("userdevice", str(device)),
            ("bootable", no()),
            ("mode", str(mode)),
            ("type", str("Disk")),
            ("empty", no()),
            ("other_config", Value::map::<&str>([])),
            ("qos_algorithm_type", str("")),
            ("qos_algorithm_params", Value::map::<&str>([])),
        ])
    };
    assert_eq!(host.err("VBD.create", [vbd("RW", "0")]).await.code, "OPERATION_BLOCKED");
    let reads = host.text("VBD.create", [vbd("RO", "1")]).await;
    assert_eq!(host.err("VBD.set_mode", [str(&reads), str("RW")]).await.code, "OPERATION_BLOCKED");

    let snapshot = host.xapi.store.snapshot();
    let session = session::Session {
        originator: "a client".into(),
        pool: false,
        ..(*session::Session::internal()).clone()
    };
    use declared::Access;
    use xapi_schema::ClassId;
    let check = |access| declared::check_handler(&*snapshot, &session, ClassId::Vdi, &disk, access);
    assert_eq!(check(Access::Writes).unwrap_err().code, "OPERATION_BLOCKED");
    check(Access::Reads).unwrap();
}
