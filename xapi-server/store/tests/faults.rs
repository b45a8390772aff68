//! A disk that is full, fails, lies or is slow: reads go on, changes that need no disk go on, the others
//! answer the store's own errors, and all is well again without a restart once the disk is.

mod support;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use support::{
    disk::{Disk, Mood},
    make, name, rename, vfs,
};
use xapi_schema::{ClassId, Failure, Ref, Value, classes::Vm};
use xapi_store::{
    Batch, Journal, JournalError, Marks, OpenError, Read, STORE_BUSY, STORE_WRITE_FAILED, SqliteJournal,
    Store, StoredRow,
};

fn open(disk: &Disk) -> Result<Store, OpenError> {
    Store::on(Box::new(SqliteJournal::on(vfs::connect(disk).unwrap())?))
}

/// What is on the disk, as after a power cut that spares the page cache.
fn names_on(disk: &Disk) -> Vec<String> {
    let store = open(&Disk::with(&disk.files())).unwrap();
    store.snapshot().all::<Vm>().iter().map(|this| name(&store, this)).collect()
}

fn long(letter: char) -> String {
    letter.to_string().repeat(30_000)
}

/// Changes that reach no disk go on, as do reads.
fn alive(store: &Store) {
    let before = store.snapshot().count(ClassId::Session);
    let made = store.commit_blocking(|tx| tx.create_value(ClassId::Session, None, &Value::map::<&str>([])));
    assert!(made.is_ok(), "{made:?}");
    assert_eq!(store.snapshot().count(ClassId::Session), before + 1);
}

/// A disk gets sick and well again; `sick` is a mood no durable change gets through.
fn survives(sick: impl Fn(&Disk) -> Mood, reason: &str) {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let this = make(&store, "before").unwrap();
    for round in 0..3 {
        disk.set(sick(&disk));
        let before = store.snapshot().generation();
        for _ in 0..3 {
            let refused: Failure = rename(&store, &this, &long('x')).unwrap_err();
            assert_eq!(refused.code, STORE_WRITE_FAILED);
            assert!(refused.params[0].contains(reason), "{refused:?}");
            assert!(make(&store, &long('y')).is_err());
        }
        assert_eq!(store.snapshot().generation(), before, "nothing has changed");
        assert_eq!(store.snapshot().count(ClassId::Vm), 1);
        alive(&store);
        disk.set(Mood::default());
        let after = format!("round {round}");
        rename(&store, &this, &after).unwrap();
        assert_eq!(name(&store, &this), after);
        assert_eq!(names_on(&disk), [after]);
    }
    alive(&store);
    vfs::sweep(&disk);
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    survives(|disk| Mood { room: Some(disk.used()), ..Mood::default() }, "full");
}

#[test]
fn a_failing_disk_refuses_and_recovers() {
    survives(|_| Mood { broken: true, ..Mood::default() }, "I/O");
}

#[test]
fn a_failing_flush_is_no_acknowledgement() {
    survives(|_| Mood { flush_fails: true, ..Mood::default() }, "I/O");
}

#[test]
fn what_a_failed_flush_left_behind_does_not_come_back() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let this = make(&store, "before").unwrap();
    disk.set(Mood { flush_fails: true, ..Mood::default() });
    assert!(rename(&store, &this, "refused").is_err());
    disk.set(Mood::default());
    alive(&store);
    assert_eq!(names_on(&disk), ["before"], "a change that was refused may not appear after a restart");
}

#[test]
fn a_disk_that_fills_up_takes_what_fits_and_no_halves() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    disk.set(Mood { room: Some(2_000_000), ..Mood::default() });
    let mut made = Vec::new();
    let refused = loop {
        let label = format!("{} {}", made.len(), long('z'));
        match make(&store, &label) {
            Ok(_) => made.push(label),
            Err(refused) => break refused,
        }
        assert!(made.len() < 1_000, "the disk holds more than it can");
    };
    assert_eq!(refused.code, STORE_WRITE_FAILED);
    assert!(made.len() > 10);
    assert_eq!(names_on(&disk), made);
    disk.set(Mood::default());
    make(&store, "room again").unwrap();
    made.push("room again".into());
    assert_eq!(names_on(&disk), made);
}

#[test]
fn an_unreadable_disk_stops_the_start_and_nothing_else() {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    let this = make(&store, "kept").unwrap();
    disk.set(Mood { unreadable: true, ..Mood::default() });
    assert_eq!(name(&store, &this), "kept");
    let files = disk.files();
    let other = Disk::with(&files);
    other.set(Mood { unreadable: true, ..Mood::default() });
    let opened = vfs::connect(&other).ok().and_then(|db| SqliteJournal::on(db).ok());
    assert!(opened.is_none());
    assert_eq!(other.files(), files, "a state that can't be read is not touched");
}

#[test]
fn a_slow_disk_slows_no_reader_and_bounds_what_waits() {
    let (journal, gate) = Gate::new();
    let store = Store::on(Box::new(journal)).unwrap();
    let this = make(&store, "before").unwrap();
    gate.shut();
    let (told, tell) = mpsc::channel();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        // More than may wait altogether.
        let (store, told) = (store.clone(), told.clone());
        waiting.push(std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let changes = (0..3_000).map(|_| {
                    Box::pin(store.commit(|tx| {
                        tx.create_value(ClassId::Vm, None, &Value::map([("name_label", Value::str("late"))]))
                    }))
                });
                gather(changes.collect(), &told).await;
            });
        }));
    }
    drop(told);
    // Answers that come while the disk is stuck can only be refusals.
    let mut refused = 0;
    for _ in 0..600 {
        let outcome: Result<(), Failure> = tell.recv().unwrap();
        assert_eq!(outcome.unwrap_err().code, STORE_BUSY);
        refused += 1;
        assert_eq!(name(&store, &this), "before");
        assert_eq!(store.snapshot().count(ClassId::Vm), 1);
    }
    gate.open();
    let mut made = 0;
    for outcome in tell {
        match outcome {
            Ok(()) => made += 1,
            Err(failure) => {
                assert_eq!(failure.code, STORE_BUSY);
                refused += 1;
            }
        }
    }
    waiting.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(made + refused, 9_000, "everybody is answered");
    assert_eq!(store.snapshot().count(ClassId::Vm), made + 1);
    rename(&store, &this, "after").unwrap();
}

/// Drives all at once and tells each outcome when it is there.
async fn gather<F>(mut changes: Vec<F>, told: &mpsc::Sender<Result<(), Failure>>)
where
    F: Future<Output = xapi_schema::Result<arcstr::ArcStr>> + Unpin,
{
    std::future::poll_fn(|context| {
        changes.retain_mut(|change| match std::pin::Pin::new(change).poll(context) {
            std::task::Poll::Ready(outcome) => {
                told.send(outcome.map(|_| ())).unwrap();
                false
            }
            std::task::Poll::Pending => true,
        });
        if changes.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// A journal in memory whose flushes wait while a gate is shut.
struct Gated(Arc<AtomicBool>);

struct Gate(Arc<AtomicBool>);

impl Gate {
    #[allow(clippy::new_ret_no_self)]
    fn new() -> (Gated, Gate) {
        let shut = Arc::new(AtomicBool::new(false));
        (Gated(shut.clone()), Gate(shut))
    }

    fn shut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn open(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Journal for Gated {
    fn marks(&mut self) -> Result<Marks, JournalError> {
        Ok(Marks::default())
    }

    fn load(&mut self, _: &mut dyn FnMut(StoredRow)) -> Result<(), JournalError> {
        Ok(())
    }

    fn append(&mut self, _: &Batch) -> Result<(), JournalError> {
        while self.0.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn reserve(&mut self, _: u64) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A journal that refuses what names a certain object.
struct Picky;

impl Journal for Picky {
    fn marks(&mut self) -> Result<Marks, JournalError> {
        Ok(Marks::default())
    }

    fn load(&mut self, _: &mut dyn FnMut(StoredRow)) -> Result<(), JournalError> {
        Ok(())
    }

    fn append(&mut self, batch: &Batch) -> Result<(), JournalError> {
        let refused = batch.changes.iter().any(|c| c.body.as_ref().is_some_and(|b| b.contains("poison")));
        if refused { Err(JournalError::Storage("on purpose".into())) } else { Ok(()) }
    }

    fn reserve(&mut self, _: u64) -> Result<(), JournalError> {
        Ok(())
    }
}

#[test]
fn a_refused_change_leaves_memory_as_it_was() {
    let store = Store::on(Box::new(Picky)).unwrap();
    let mut known = BTreeMap::<Ref<Vm>, String>::new();
    for number in 0..60 {
        let label = if number % 3 == 0 { format!("poison {number}") } else { number.to_string() };
        match make(&store, &label) {
            Ok(this) => {
                known.insert(this, label);
            }
            Err(failure) => {
                assert_eq!(failure.code, STORE_WRITE_FAILED);
                assert!(label.starts_with("poison"));
            }
        }
        let found = store.snapshot().all::<Vm>().into_iter().map(|this| {
            let label = name(&store, &this);
            (this, label)
        });
        assert_eq!(found.collect::<BTreeMap<_, _>>(), known);
    }
    assert_eq!(known.len(), 40);
}

/// Set in a process that has a file system of its own: where it is mounted.
const MOUNTED: &str = "STORE_TINY_DISK";

/// Runs in a process of its own on a file system of 1 MiB; nothing when it is not told where.
#[test]
fn on_a_tiny_file_system() {
    let Some(dir) = std::env::var_os(MOUNTED).map(std::path::PathBuf::from) else { return };
    let store = Store::open(&dir.join("state")).unwrap();
    let this = make(&store, "before").unwrap();
    for round in 0..3 {
        let ballast = dir.join("ballast");
        let full = std::fs::write(&ballast, vec![1; 2 << 20]).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        let refused = loop {
            match rename(&store, &this, &format!("{round} {}", long('x'))) {
                Ok(()) => {
                    rename(&store, &this, "before").unwrap_or_default();
                }
                Err(refused) => break refused,
            }
        };
        assert_eq!(refused.code, STORE_WRITE_FAILED);
        assert!(name(&store, &this).len() > 1);
        alive(&store);
        std::fs::remove_file(&ballast).unwrap();
        rename(&store, &this, "room again").unwrap();
    }
    drop(store);
    let store = support::reopen(&dir.join("state"));
    assert_eq!(name(&store, &this), "room again");
    println!("tiny file system: done");
}

#[test]
fn a_full_file_system_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    // A user namespace may mount its own file system in memory; no rights outside are needed or gained.
    let run = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o size=1m tiny \"$STORE_TINY_DISK\" || exit 77; exec \"$0\" \"$@\"")
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "on_a_tiny_file_system", "--nocapture"])
        .env(MOUNTED, dir.path())
        .output();
    match run {
        Ok(run) if run.status.success() => {
            assert!(String::from_utf8_lossy(&run.stdout).contains("tiny file system: done"));
        }
        Ok(run) if run.status.code() == Some(101) => panic!("{}", String::from_utf8_lossy(&run.stderr)),
        other => eprintln!("skipped: no file system can be mounted in a user namespace here: {other:?}"),
    }
}
