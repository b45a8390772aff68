//! Ten thousand power cuts: a recorded history of commits, restarts and log resets is cut at every write,
//! with what was not flushed dropped, reordered and torn. Each time the store opens, holds every commit
//! that was acknowledged and no half of another.

mod support;

use std::collections::BTreeMap;

use arcstr::ArcStr;
use rusqlite::{
    Connection,
    hooks::{AuthAction, AuthContext, Authorization},
};
use support::{
    Chance,
    disk::{Act, Disk, Platter},
    vfs,
};
use xapi_schema::{
    ClassId, Ref, Value,
    classes::{Vbd, Vm, vbd, vm},
};
use xapi_store::{Read, Snapshot, SqliteJournal, Store};

const SEED: u64 = 0x00c0_ffee;
const COMMITS: usize = 240;
const CUTS: usize = 10_000;

/// Names and descriptions of virtual machines, and the machine of each VBD.
#[derive(Debug, Clone, Default, PartialEq)]
struct Model {
    vms: BTreeMap<String, (String, String)>,
    vbds: BTreeMap<String, String>,
}

impl Model {
    fn of(state: &Snapshot) -> Model {
        let mut model = Model::default();
        for this in state.all::<Vm>() {
            let about = |field| state.get(&this, field).unwrap();
            model.vms.insert(String::from(&this), (about(vm::name_label), about(vm::name_description)));
        }
        for this in state.all::<Vbd>() {
            model.vbds.insert(String::from(&this), String::from(&state.get(&this, vbd::VM).unwrap()));
        }
        model
    }
}

#[derive(Debug, Clone)]
enum Step {
    MakeVm(String),
    DropVm(String),
    Describe(String, String, String),
    MakeVbd(String, String),
    DropVbd(String),
}

fn pick<T>(map: &BTreeMap<String, T>, chance: &mut Chance) -> Option<String> {
    map.keys().nth(chance.below(map.len())).cloned()
}

/// One step and what it leads to.
fn step(model: &mut Model, number: usize, chance: &mut Chance) -> Step {
    let fresh = format!("OpaqueRef:{number:032x}");
    let (some_vm, some_vbd) = (pick(&model.vms, chance), pick(&model.vbds, chance));
    match (chance.below(8), some_vm, some_vbd) {
        (0, Some(this), _) if model.vms.len() > 3 => {
            model.vms.remove(&this);
            Step::DropVm(this)
        }
        (1, _, Some(this)) => {
            model.vbds.remove(&this);
            Step::DropVbd(this)
        }
        (2 | 3, Some(vm), _) => {
            model.vbds.insert(fresh.clone(), vm.clone());
            Step::MakeVbd(fresh, vm)
        }
        (4..8, Some(this), _) => {
            // From one page of the file to several.
            let long = if chance.one_in(6) { 15_000 } else { 40 };
            let about = format!("{number} {}", "x".repeat(chance.below(long)));
            let name = format!("name {number}");
            model.vms.insert(this.clone(), (name.clone(), about.clone()));
            Step::Describe(this, name, about)
        }
        _ => {
            model.vms.insert(fresh.clone(), (String::new(), String::new()));
            Step::MakeVm(fresh)
        }
    }
}

fn perform(tx: &mut xapi_store::Tx, step: &Step) -> xapi_schema::Result<()> {
    let make = |tx: &mut xapi_store::Tx, class, this: &str, members: &Value| {
        tx.create_value(class, Some(ArcStr::from(this)), members).map(|_| ())
    };
    match step {
        Step::MakeVm(this) => make(tx, ClassId::Vm, this, &Value::map::<&str>([])),
        Step::MakeVbd(this, vm) => {
            make(tx, ClassId::Vbd, this, &Value::map([("VM", Value::str(vm.as_str()))]))
        }
        Step::DropVm(this) => tx.destroy_row(ClassId::Vm, this),
        Step::DropVbd(this) => tx.destroy_row(ClassId::Vbd, this),
        Step::Describe(this, name, about) => {
            let this = Ref::<Vm>::new(this.as_str());
            tx.set(&this, vm::name_label, name.clone())?;
            tx.set(&this, vm::name_description, about.clone())
        }
    }
}

/// How a connection is made before the journal takes it over.
type Connect = fn(&Disk) -> Connection;

/// The log is copied back and begun anew after few pages, so that the history holds many such moments.
fn short_log(disk: &Disk) -> Connection {
    let db = vfs::connect(disk).unwrap();
    db.execute_batch("PRAGMA wal_autocheckpoint = 40").unwrap();
    db
}

/// As [`short_log`], but the journal's wish for flushes at each commit goes unheard.
fn no_flushes(disk: &Disk) -> Connection {
    let mut db = short_log(disk);
    db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF").unwrap();
    let deaf = |context: AuthContext<'_>| match context.action {
        AuthAction::Pragma { pragma_name: "synchronous", .. } => Authorization::Ignore,
        _ => Authorization::Allow,
    };
    db.authorizer(Some(deaf)).unwrap();
    db
}

fn open(disk: &Disk, connect: Connect) -> Result<Store, String> {
    let journal = SqliteJournal::on(connect(disk)).map_err(|e| e.to_string())?;
    Store::on(Box::new(journal)).map_err(|e| e.to_string())
}

/// Waits until the writer has closed its file; the log goes last.
fn close(store: Store, disk: &Disk) {
    drop(store);
    while disk.find("state.sqlite-wal").is_some() {
        std::thread::yield_now();
    }
}

/// What the disk went through, and the states along the way with the moment each was acknowledged.
struct History {
    acts: Vec<Act>,
    states: Vec<(usize, Model)>,
}

fn record(connect: Connect) -> History {
    let (disk, mut chance) = (Disk::default(), Chance::new(SEED));
    let mut states = vec![(0, Model::default())];
    let mut model = Model::default();
    let mut store = open(&disk, connect).unwrap();
    for number in 0..COMMITS {
        if number % 60 == 59 {
            close(store, &disk);
            store = open(&disk, connect).unwrap();
        }
        let steps: Vec<Step> =
            (0..=chance.below(4)).map(|part| step(&mut model, number * 8 + part + 1, &mut chance)).collect();
        store.commit_blocking(move |tx| steps.iter().try_for_each(|step| perform(tx, step))).unwrap();
        states.push((disk.now(), model.clone()));
    }
    assert_eq!(Model::of(&store.snapshot()), model);
    close(store, &disk);
    vfs::sweep(&disk);
    History { acts: disk.history(), states }
}

#[derive(Debug, Default)]
struct Findings {
    cuts: usize,
    fine: usize,
    lost: usize,
    halves: usize,
    shut: Vec<String>,
}

impl Findings {
    /// Judges what opens after a cut, where `known` states were acknowledged before it.
    fn judge(&mut self, disk: &Disk, states: &[(usize, Model)], known: usize, what: &str) {
        self.cuts += 1;
        match open(disk, short_log) {
            Err(reason) => self.shut.push(format!("{what}: {reason}")),
            Ok(store) => {
                let found = Model::of(&store.snapshot());
                // The state last acknowledged, or the one under way, whole.
                if states[known..].iter().take(2).any(|(_, state)| *state == found) {
                    self.fine += 1;
                } else if states[..known].iter().any(|(_, state)| *state == found) {
                    self.lost += 1;
                } else {
                    self.halves += 1;
                }
            }
        }
        vfs::sweep(disk);
    }
}

fn campaign(connect: Connect, cuts: usize) -> Findings {
    let history = record(connect);
    let (mut findings, mut chance) = (Findings::default(), Chance::new(SEED ^ 1));
    let mut platter = Platter::default();
    let moments = history.acts.len() + 1;
    for moment in 0..moments {
        let known = history.states.partition_point(|(at, _)| *at <= moment) - 1;
        // Spread evenly: the same number at each moment, give or take one.
        for variant in cuts * moment / moments..cuts * (moment + 1) / moments {
            let disk = Disk::with(&platter.cut(&mut chance));
            let before = disk.files();
            let what = format!("cut {variant} after act {moment}");
            findings.judge(&disk, &history.states, known, &what);
            if variant % 10 == 0 {
                // Power goes again while the store recovers.
                let mut again = Platter::with(&before);
                let acts = disk.history();
                acts[..chance.below(acts.len() + 1)].iter().for_each(|act| again.act(act));
                let disk = Disk::with(&again.cut(&mut chance));
                findings.judge(&disk, &history.states, known, &format!("{what}, then again"));
            }
        }
        if let Some(act) = history.acts.get(moment) {
            platter.act(act);
        }
    }
    findings
}

#[test]
fn what_was_acknowledged_survives_every_power_cut() {
    let findings = campaign(short_log, CUTS);
    assert!(findings.cuts >= CUTS, "{findings:?}");
    assert_eq!(findings.fine, findings.cuts, "{findings:?}");
}

#[test]
fn without_flushes_the_check_finds_losses() {
    let findings = campaign(no_flushes, 400);
    assert!(findings.lost > 0, "{findings:?}");
}

#[test]
fn the_history_holds_what_the_cuts_are_to_hit() {
    let history = record(short_log);
    let count = |wanted: fn(&Act) -> bool| history.acts.iter().filter(|act| wanted(act)).count();
    assert!(count(|act| matches!(act, Act::Flush(_))) > COMMITS, "each commit flushes");
    assert!(count(|act| matches!(act, Act::Truncate(..) | Act::Remove(_))) >= 4, "logs end");
    assert!(count(|act| matches!(act, Act::Write(1.., 0, _))) > 10, "logs begin anew");
    assert!(history.states.windows(2).all(|pair| pair[0].0 < pair[1].0), "each commit reaches the disk");
}
