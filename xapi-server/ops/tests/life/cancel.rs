//! Work at VMs that somebody breaks off.

use xapi_backend::sim::Machine;
use xapi_schema::Value;

use crate::common::{Host, no, str};

/// Until a task has ended.
async fn ended(host: &Host, task: &str) -> String {
    loop {
        let status = host.text("task.get_status", [str(task)]).await;
        if status != "pending" {
            return status;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_forced_shutdown_interrupts_a_clean_one() {
    let host = Host::on(Machine { shutdown_delay: 600_000, ..Machine::default() }).await;
    let vm = host.vm("slow").await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let asked = host.text("Async.VM.clean_shutdown", [str(&vm)]).await;
    for _ in 0..200 {
        if host.get("VM", "current_operations", &vm).await != Value::map::<&str>([]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    assert_eq!(host.state(&vm).await, "Halted");
    for _ in 0..200 {
        if host.text("task.get_status", [str(&asked)]).await != "pending" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(host.text("task.get_status", [str(&asked)]).await, "cancelled");
    host.assert_idle().await;
}

#[tokio::test]
async fn a_start_that_is_cancelled_leaves_the_vm_as_it_was() {
    let host = Host::on(Machine { build_delay: 300, ..Machine::default() }).await;
    let vm = host.vm("unwanted").await;
    let disk = host.vdi("its disk").await;
    host.vbd(&vm, &disk).await;
    let asked = host.text("Async.VM.start", [str(&vm), no(), no()]).await;
    for _ in 0..200 {
        if host.get("VM", "current_operations", &vm).await != Value::map::<&str>([]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    host.ok("task.cancel", [str(&asked)]).await;
    assert_eq!(ended(&host, &asked).await, "cancelled");
    assert_eq!(host.state(&vm).await, "Halted");
    assert_eq!(host.xapi.backends.hypervisor.domains().await.unwrap().len(), 0);
    host.assert_idle().await;
    // Its disk is free, and it starts as any other.
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    // A suspended one stays suspended, with its memory.
    host.ok("VM.suspend", [str(&vm)]).await;
    let asked = host.text("Async.VM.resume", [str(&vm), no(), no()]).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    host.ok("task.cancel", [str(&asked)]).await;
    assert_eq!(ended(&host, &asked).await, "cancelled");
    assert_eq!(host.state(&vm).await, "Suspended");
    host.ok("VM.resume", [str(&vm), no(), no()]).await;
    // Who reboots has a domain behind it or none: breaking it off then would end the VM.
    let asked = host.text("Async.VM.hard_reboot", [str(&vm)]).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    host.ok("task.cancel", [str(&asked)]).await;
    assert_eq!(ended(&host, &asked).await, "success");
    assert_eq!(host.state(&vm).await, "Running");
    host.assert_idle().await;
}

#[tokio::test]
async fn a_record_is_not_reset_while_its_domain_is_built() {
    let host = Host::on(Machine { build_delay: 300, ..Machine::default() }).await;
    let vm = host.vm("hasty").await;
    let disk = host.vdi("its disk").await;
    let device = host.vbd(&vm, &disk).await;
    let asked = host.text("Async.VM.start", [str(&vm), no(), no()]).await;
    while host.get("VM", "current_operations", &vm).await == Value::map::<&str>([]) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // Its disk would count as free below a guest.
    let refused = host.err("VM.power_state_reset", [str(&vm)]).await;
    assert_eq!(refused.code, "OTHER_OPERATION_IN_PROGRESS");
    assert_eq!(refused.params, ["VM", vm.as_str(), "start", asked.as_str()]);
    assert_eq!(ended(&host, &asked).await, "success");
    assert_eq!(host.get("VBD", "currently_attached", &device).await, Value::Bool(true));
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    // A mark of work that is no more is what it is for.
    let row = xapi_schema::Ref::new(vm.as_str());
    let change = move |tx: &mut xapi_store::Tx| {
        let mark = [("OpaqueRef:gone".to_string(), xapi_schema::classes::VmOperations::Start)];
        tx.set(&row, xapi_schema::classes::vm::current_operations, mark.into_iter().collect())
    };
    host.xapi.store.commit(change).await.unwrap();
    host.ok("VM.power_state_reset", [str(&vm)]).await;
    host.assert_idle().await;
}
