//! Moving VMs on one host: to where they are, and what is refused on the way to anywhere else.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, no, str};
use xapi_schema::{Failure, Value};

fn options(pairs: &[(&str, &str)]) -> Value {
    Value::map(pairs.iter().map(|(key, value)| (*key, str(value))))
}

#[tokio::test]
async fn a_vm_moved_to_its_host_gets_a_new_domain_and_never_stops() {
    let host = Host::new().await;
    let vm = host.vm("moved").await;
    let home = host.all("host").await.remove(0);
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let (before, begun) = (host.get("VM", "domid", &vm).await, host.text("VM.get_metrics", [str(&vm)]).await);
    host.ok("VM.pool_migrate", [str(&vm), str(&home), options(&[("live", "true")])]).await;
    assert_eq!(host.state(&vm).await, "Running");
    assert_ne!(host.get("VM", "domid", &vm).await, before);
    assert_eq!(host.text("VM.get_metrics", [str(&vm)]).await, begun);
    assert_eq!(host.text("VM.get_resident_on", [str(&vm)]).await, home);
    assert_eq!(host.text("VM.get_suspend_VDI", [str(&vm)]).await, "OpaqueRef:NULL");
    assert!(host.all("VDI").await.is_empty(), "the image is gone");
    host.ok("VM.restart_device_models", [str(&vm)]).await;
    assert_eq!(host.state(&vm).await, "Running");
    host.assert_idle().await;
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    let refused = host.err("VM.restart_device_models", [str(&vm)]).await;
    assert_eq!(
        (refused.code.as_str(), &refused.params[1..]),
        ("VM_BAD_POWER_STATE", &["Running".into(), "Halted".into()][..])
    );
    assert_eq!(
        host.err("VM.pool_migrate", [str(&vm), str(&home), options(&[])]).await.code,
        "VM_BAD_POWER_STATE"
    );
}

#[tokio::test]
async fn a_move_that_fails_loses_nothing() {
    let host = Host::new().await;
    let vm = host.vm("kept").await;
    let home = host.all("host").await.remove(0);
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let broken = Failure::internal("injected");
    host.levers.faults.fail_next("save", broken.clone());
    let call = || [str(&vm), str(&home), options(&[])];
    assert_eq!(host.err("VM.pool_migrate", call()).await, broken);
    assert_eq!(host.state(&vm).await, "Running");
    assert!(host.all("VDI").await.is_empty());
    host.levers.faults.fail_next("restore", broken.clone());
    assert_eq!(host.err("VM.pool_migrate", call()).await, broken);
    assert_eq!(host.state(&vm).await, "Suspended", "its memory is all there is of it");
    host.ok("VM.resume", [str(&vm), no(), no()]).await;
    assert_eq!(host.state(&vm).await, "Running");
    host.assert_idle().await;
}

#[tokio::test]
async fn moves_elsewhere_are_refused_for_their_reason() {
    let host = Host::new().await;
    let vm = host.vm("stays").await;
    let disk = host.vdi("disk").await;
    host.vbd(&vm, &disk).await;
    let home = host.all("host").await.remove(0);
    let sr = host.default_sr().await;
    let here = options(&[("host", &home)]);
    let there = options(&[("host", "OpaqueRef:far")]);
    let send = |dest: &Value, disks: &[(&str, &str)]| {
        [str(&vm), dest.clone(), Value::Bool(true), options(disks), options(&[]), options(&[])]
    };
    let check = "VM.assert_can_migrate";
    assert_eq!(host.err(check, send(&here, &[])).await.code, "VDI_NOT_IN_MAP");
    host.ok(check, send(&here, &[(&disk, &sr)])).await;
    assert_eq!(host.err(check, send(&there, &[(&disk, &sr)])).await.code, "NOT_IMPLEMENTED");
    // Nothing moves: the VM is where it is.
    host.ok("VM.migrate_send", send(&here, &[(&disk, &sr)])).await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let before = host.get("VM", "domid", &vm).await;
    host.ok("VM.migrate_send", send(&here, &[(&disk, &sr)])).await;
    assert_ne!(host.get("VM", "domid", &vm).await, before);
    assert_eq!(host.state(&vm).await, "Running");
    host.assert_idle().await;
}
