//! The store against a naive model: random transactions, relations, indexes, restarts, and events that
//! rebuild the store on an empty client.

use std::collections::BTreeMap;

use proptest::prelude::*;
use xapi_schema::{
    ClassId, Ref, Value,
    classes::{Vbd, Vm, vbd, vm},
};
use xapi_store::{Read, Snapshot, Store};

#[derive(Debug, Clone)]
enum Step {
    MakeVm(u8),
    MakeVbd(u8),
    MakeVbds(u8, u8),
    Attach(u8, u8),
    Rename(u8, u8),
    DropVm(u8),
    DropVbd(u8),
    Fail,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<u8>().prop_map(Step::MakeVm),
        any::<u8>().prop_map(Step::MakeVbd),
        (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Step::MakeVbds(a, b)),
        (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Step::Attach(a, b)),
        (any::<u8>(), any::<u8>()).prop_map(|(a, b)| Step::Rename(a, b)),
        any::<u8>().prop_map(Step::DropVm),
        any::<u8>().prop_map(Step::DropVbd),
        Just(Step::Fail),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What must be true: names of virtual machines, and which one each VBD belongs to.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model {
    vms: BTreeMap<String, String>,
    vbds: BTreeMap<String, String>,
}

fn pick<T>(map: &BTreeMap<String, T>, n: u8) -> Option<String> {
    map.keys().nth(usize::from(n) % map.len().max(1)).cloned()
}

fn make_vbd(vm: &str) -> Value {
    Value::map([("VM", Value::str(vm)), ("device", Value::str("xvda"))])
}

fn apply(store: &Store, model: &mut Model, step: &Step) {
    match step.clone() {
        Step::MakeVm(n) => {
            let name = format!("vm{}", n % 4);
            let members = Value::map([("name_label", Value::str(name.as_str()))]);
            let made = store.commit_blocking(move |tx| tx.create_value(ClassId::Vm, None, &members)).unwrap();
            model.vms.insert(made.to_string(), name);
        }
        Step::MakeVbds(a, b) => {
            let (Some(a), Some(b)) = (pick(&model.vms, a), pick(&model.vms, b)) else { return };
            let homes = [a.clone(), b, "OpaqueRef:nobody".into(), a];
            let members: Vec<_> = homes.iter().map(|vm| make_vbd(vm)).collect();
            let made = store.commit_blocking(move |tx| {
                let made = tx.create_values(ClassId::Vbd, &members)?;
                // The newest stands first, as with one after the other.
                let devices = tx.get(&Ref::<Vm>::new(homes[0].as_str()), vm::VBDs)?;
                assert_eq!(devices[0].text(), &made[3]);
                Ok(made.into_iter().zip(homes).collect::<Vec<_>>())
            });
            model.vbds.extend(made.unwrap().into_iter().map(|(vbd, vm)| (vbd.to_string(), vm)));
        }
        Step::MakeVbd(n) => {
            let vm = pick(&model.vms, n).unwrap_or_else(|| "OpaqueRef:NULL".into());
            let members = make_vbd(&vm);
            let made =
                store.commit_blocking(move |tx| tx.create_value(ClassId::Vbd, None, &members)).unwrap();
            model.vbds.insert(made.to_string(), vm);
        }
        Step::Attach(a, b) => {
            if let (Some(vbd_ref), Some(vm)) = (pick(&model.vbds, a), pick(&model.vms, b)) {
                let (this, target) = (Ref::<Vbd>::new(vbd_ref.as_str()), Ref::<Vm>::new(vm.as_str()));
                store.commit_blocking(move |tx| tx.set(&this, vbd::VM, target)).unwrap();
                model.vbds.insert(vbd_ref, vm);
            }
        }
        Step::Rename(a, b) => {
            if let Some(vm) = pick(&model.vms, a) {
                let (this, name) = (Ref::<Vm>::new(vm.as_str()), format!("vm{}", b % 4));
                let label = name.clone();
                store.commit_blocking(move |tx| tx.set(&this, vm::name_label, label)).unwrap();
                model.vms.insert(vm, name);
            }
        }
        Step::DropVm(n) => {
            if let Some(vm) = pick(&model.vms, n) {
                let this = Ref::<Vm>::new(vm.as_str());
                store.commit_blocking(move |tx| tx.destroy(&this)).unwrap();
                model.vms.remove(&vm);
            }
        }
        Step::DropVbd(n) => {
            if let Some(vbd_ref) = pick(&model.vbds, n) {
                let this = Ref::<Vbd>::new(vbd_ref.as_str());
                store.commit_blocking(move |tx| tx.destroy(&this)).unwrap();
                model.vbds.remove(&vbd_ref);
            }
        }
        Step::Fail => {
            let failed = store.commit_blocking(|tx| {
                tx.create_value(ClassId::Vm, None, &Value::map([("name_label", Value::str("never"))]))?;
                Err::<(), _>(xapi_schema::Failure::internal("on purpose"))
            });
            assert!(failed.is_err());
        }
    }
}

fn check(snapshot: &Snapshot, model: &Model) {
    assert_eq!(snapshot.count(ClassId::Vm), model.vms.len());
    assert_eq!(snapshot.count(ClassId::Vbd), model.vbds.len());
    for (reference, name) in &model.vms {
        let this = Ref::<Vm>::new(reference.as_str());
        assert_eq!(snapshot.get(&this, vm::name_label).unwrap(), *name);
        let mut devices: Vec<String> =
            snapshot.get(&this, vm::VBDs).unwrap().iter().map(String::from).collect();
        let mut expected: Vec<String> =
            model.vbds.iter().filter(|(_, vm)| *vm == reference).map(|(vbd, _)| vbd.clone()).collect();
        devices.sort();
        expected.sort();
        assert_eq!(devices, expected, "the back-references of {reference}");
        let uuid = snapshot.get(&this, vm::uuid).unwrap();
        assert_eq!(snapshot.find_uuid::<Vm>(&uuid).unwrap(), this);
    }
    for label in ["vm0", "vm1", "vm2", "vm3", "never"] {
        let expected = model.vms.values().filter(|name| *name == label).count();
        assert_eq!(snapshot.by_name(ClassId::Vm, label).len(), expected);
    }
}

/// What a client that only listens to events knows.
#[derive(Debug, Default, PartialEq)]
struct Client {
    seen: u64,
    objects: BTreeMap<(ClassId, String), String>,
}

impl Client {
    fn listen(&mut self, snapshot: &Snapshot) {
        for class in [ClassId::Vm, ClassId::Vbd] {
            for row in snapshot.changed_since(class, self.seen) {
                self.objects.insert((class, row.reference.to_string()), format!("{:?}", row.record));
            }
            for tomb in snapshot.deleted_since(class, self.seen) {
                self.objects.remove(&(class, tomb.reference.to_string()));
            }
        }
        self.seen = snapshot.generation();
    }

    fn whole(snapshot: &Snapshot) -> Client {
        let mut client = Client::default();
        client.listen(snapshot);
        client
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_store_is_the_model(steps in steps(), listen_every in 1usize..6) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (mut model, mut client) = (Model::default(), Client::default());
        for (at, step) in steps.iter().enumerate() {
            apply(&store, &mut model, step);
            if at % listen_every == 0 {
                client.listen(&store.snapshot());
            }
        }
        check(&store.snapshot(), &model);
        client.listen(&store.snapshot());
        prop_assert_eq!(&client, &Client::whole(&store.snapshot()));
        let before = store.snapshot().generation();
        drop(store);
        let store = loop {
            // The writer's thread closes the file when it ends.
            match Store::open(dir.path()) {
                Ok(store) => break store,
                Err(_) => std::thread::yield_now(),
            }
        };
        check(&store.snapshot(), &model);
        prop_assert!(store.snapshot().floor() > before, "no generation repeats after a restart");
    }
}

#[test]
fn a_panicking_change_leaves_no_trace() {
    let store = Store::in_memory().unwrap();
    let failed = store.commit_blocking(|tx| -> xapi_schema::Result<()> {
        tx.create_value(ClassId::Vm, None, &Value::map::<&str>([]))?;
        panic!("on purpose")
    });
    assert!(failed.is_err());
    assert_eq!(store.snapshot().count(ClassId::Vm), 0);
    store.commit_blocking(|tx| tx.create_value(ClassId::Vm, None, &Value::map::<&str>([]))).unwrap();
    assert_eq!(store.snapshot().count(ClassId::Vm), 1);
}

#[test]
fn an_equal_value_changes_nothing() {
    let store = Store::in_memory().unwrap();
    let this =
        store.commit_blocking(|tx| tx.create_value(ClassId::Vm, None, &Value::map::<&str>([]))).unwrap();
    let this = Ref::<Vm>::new(this);
    let before = store.snapshot().generation();
    store.commit_blocking(move |tx| tx.set(&this, vm::name_label, String::new())).unwrap();
    assert_eq!(store.snapshot().generation(), before);
}
