//! Marks of work that needs several: entered together, waited for one after the other, gone together.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use common::{Host, str};
use xapi_backend::sim::Machine;
use xapi_ops::{
    Cx,
    guard::{Claim, Marks},
    rules::Asked,
};
use xapi_schema::{
    Failure, Ref, Value,
    classes::{Vbd, VbdOperations, Vm, VmOperations, vm},
};
use xapi_store::{Batch, Journal, JournalError, Read, Store, StoredRow, Tx};

/// A halted VM with two disks.
async fn machine(host: &Host) -> (Ref<Vm>, Vec<Ref<Vbd>>) {
    let this = host.vm("marked").await;
    let mut devices = Vec::new();
    for name in ["one", "two"] {
        let disk = host.vdi(name).await;
        devices.push(Ref::new(host.vbd(&this, &disk).await));
    }
    (Ref::new(this), devices)
}

fn disks(cx: &Cx, this: &Ref<Vm>) -> Claim {
    let (one, other) = (this.clone(), this.clone());
    let entered = move |tx: &Tx| tx.get(&one, vm::VBDs);
    Claim::each::<Vbd>(cx, VbdOperations::Attach, entered, move |tx| tx.get(&other, vm::VBDs))
}

async fn marked(host: &Host, class: &str, this: &str) -> bool {
    host.get(class, "current_operations", this).await != Value::map::<&str>([])
}

#[tokio::test]
async fn all_are_there_and_all_go() {
    let host = Host::new().await;
    let (this, devices) = machine(&host).await;
    let cx = Cx::internal(&host.xapi, "work");
    let mut marks = Marks::of(&cx);
    marks.enter(vec![Claim::on(&cx, &this, VmOperations::Start), disks(&cx, &this)]).await.unwrap();
    assert!(marked(&host, "VM", this.as_str()).await);
    for device in &devices {
        assert!(marked(&host, "VBD", device.as_str()).await);
    }
    // A device that came meanwhile has no mark and is not in the way of the others' end.
    let disk = host.vdi("three").await;
    host.vbd(this.as_str(), &disk).await;
    marks.leave().await;
    host.assert_idle().await;
}

#[tokio::test]
async fn a_refusal_leaves_nothing() {
    let host = Host::new().await;
    let (this, devices) = machine(&host).await;
    let cx = Cx::internal(&host.xapi, "work");
    let mut marks = Marks::of(&cx);
    // It does not run.
    let refused = marks.enter(vec![Claim::on(&cx, &this, VmOperations::Suspend), disks(&cx, &this)]).await;
    assert_eq!(refused.unwrap_err().code, "VM_BAD_POWER_STATE");
    for device in &devices {
        assert!(!marked(&host, "VBD", device.as_str()).await);
    }
    marks.leave().await;
    host.assert_idle().await;
}

#[tokio::test]
async fn what_is_busy_is_waited_for() {
    let host = Host::new().await;
    let (this, devices) = machine(&host).await;
    let other = Cx::internal(&host.xapi, "other");
    let mut busy = Marks::of(&other);
    busy.enter(vec![Claim::on(&other, &devices[1], VbdOperations::Attach)]).await.unwrap();
    let (cx, target) = (Cx::internal(&host.xapi, "work"), this.clone());
    let waiting = tokio::spawn(async move {
        let mut marks = Marks::of(&cx);
        marks.enter(vec![Claim::on(&cx, &target, VmOperations::Start), disks(&cx, &target)]).await.unwrap();
        marks
    });
    // Nobody else begins with the machine meanwhile.
    while !marked(&host, "VM", this.as_str()).await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!waiting.is_finished());
    busy.leave().await;
    let marks = tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap();
    assert!(marked(&host, "VBD", devices[0].as_str()).await);
    marks.leave().await;
    host.assert_idle().await;
}

#[tokio::test]
async fn an_end_that_fails_keeps_no_other() {
    let host = Host::new().await;
    let (this, _) = machine(&host).await;
    let cx = Cx::internal(&host.xapi, "work");
    let mut marks = Marks::of(&cx);
    let label = |text: &'static str| {
        let this = this.clone();
        move |tx: &mut Tx| tx.set(&this, vm::name_label, text.to_string())
    };
    let claim = Claim::on(&cx, &this, VmOperations::Start)
        .begins(label("begun"))
        .ends(label("ended"))
        .ends(|_| Err(Failure::internal("no")));
    marks.enter(vec![claim]).await.unwrap();
    assert_eq!(host.get("VM", "name_label", this.as_str()).await, str("begun"));
    marks.leave().await;
    assert_eq!(host.get("VM", "name_label", this.as_str()).await, str("ended"));
    host.assert_idle().await;
}

#[tokio::test]
async fn a_beginning_that_fails_undoes_the_mark() {
    let host = Host::new().await;
    let (this, _) = machine(&host).await;
    let cx = Cx::internal(&host.xapi, "work");
    let mut marks = Marks::of(&cx);
    let claim = Claim::one(&cx, &this, VmOperations::Start, Asked::Guard, xapi_ops::guard::Patience::Once)
        .begins(|_| Err(Failure::internal("no")));
    assert!(marks.enter(vec![claim]).await.is_err());
    host.assert_idle().await;
}

/// A journal whose disk may be full.
struct Full(Arc<AtomicBool>);

impl Journal for Full {
    fn marks(&mut self) -> Result<xapi_store::Marks, JournalError> {
        Ok(xapi_store::Marks::default())
    }
    fn load(&mut self, _: &mut dyn FnMut(StoredRow)) -> Result<(), JournalError> {
        Ok(())
    }
    fn append(&mut self, _: &Batch) -> Result<(), JournalError> {
        match self.0.load(Ordering::SeqCst) {
            true => Err(JournalError::Storage("no space left".into())),
            false => Ok(()),
        }
    }
    fn reserve(&mut self, _: u64) -> Result<(), JournalError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_keeps_no_mark() {
    let full = Arc::new(AtomicBool::new(false));
    let store = Store::on(Box::new(Full(full.clone()))).unwrap();
    let host = Host::with(Machine::default(), store, |_| {}).await;
    let (this, _) = machine(&host).await;
    let cx = Cx::internal(&host.xapi, "work");
    let mut marks = Marks::of(&cx);
    let target = this.clone();
    let claim = Claim::on(&cx, &this, VmOperations::Start)
        .ends(move |tx| tx.set(&target, vm::name_label, "ended".to_string()));
    marks.enter(vec![claim, disks(&cx, &this)]).await.unwrap();
    full.store(true, Ordering::SeqCst);
    marks.leave().await;
    host.assert_idle().await;
    assert_eq!(host.get("VM", "name_label", this.as_str()).await, str("marked"));
}
