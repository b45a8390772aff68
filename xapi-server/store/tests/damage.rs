//! Bits that flip and files that are not ours: the store opens with exactly what was written or says that
//! it can't, and never alters what it refuses.

mod support;

use support::{
    Chance,
    disk::{Disk, Files},
    make, name, vfs,
};
use xapi_schema::{ClassId, classes::Vm};
use xapi_store::{JournalError, OpenError, Read, SqliteJournal, Store};

const FLIPS: usize = 1_500;

fn open(disk: &Disk) -> Result<Store, OpenError> {
    let db = vfs::connect(disk).map_err(|e| JournalError::Storage(e.to_string()))?;
    Store::on(Box::new(SqliteJournal::on(db)?))
}

/// A closed state with a few objects, all copied back from the log.
fn files() -> Files {
    let disk = Disk::default();
    let store = open(&disk).unwrap();
    for number in 0..12 {
        make(&store, &format!("name {number}")).unwrap();
    }
    drop(store);
    while disk.find("state.sqlite-wal").is_some() {
        std::thread::yield_now();
    }
    vfs::sweep(&disk);
    disk.files()
}

fn contents(store: &Store) -> Vec<String> {
    let state = store.snapshot();
    state.rows(ClassId::Vm).map(|row| format!("{} {:?}", row.reference, row.record)).collect()
}

#[test]
fn a_flipped_bit_is_found_or_harmless() {
    let files = files();
    let written = contents(&open(&Disk::with(&files)).unwrap());
    let (mut chance, mut found) = (Chance::new(3), 0);
    for _ in 0..FLIPS {
        let mut damaged = files.clone();
        let file = damaged.get_mut("state.sqlite").unwrap();
        let (at, bit) = (chance.below(file.len()), chance.below(8));
        file[at] ^= 1 << bit;
        let disk = Disk::with(&damaged);
        match open(&disk) {
            Ok(store) => assert_eq!(contents(&store), written, "bit {bit} of byte {at}"),
            Err(_) => found += 1,
        }
        vfs::sweep(&disk);
    }
    assert!(found > FLIPS / 4, "only {found} of {FLIPS}");
}

#[test]
fn damage_is_called_damage() {
    let mut damaged = files();
    let file = damaged.get_mut("state.sqlite").unwrap();
    let at = file.windows(6).position(|bytes| bytes == b"name 7").unwrap();
    file[at] = b'N';
    let refused = open(&Disk::with(&damaged)).err().unwrap();
    assert!(matches!(refused, OpenError::Journal(JournalError::Damaged(_))), "{refused}");
    let other = Files::from([("state.sqlite".to_string(), b"no database at all".repeat(400))]);
    let disk = Disk::with(&other);
    let refused = open(&disk).err().unwrap();
    assert!(matches!(refused, OpenError::Journal(JournalError::Damaged(_))), "{refused}");
    assert_eq!(disk.files(), other, "what is refused is not altered");
}

#[test]
fn the_first_layout_is_taken_over() {
    let disk = Disk::with(&files());
    // As the first layout had it: no checksums.
    let db = vfs::connect(&disk).unwrap();
    db.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE; ALTER TABLE object DROP COLUMN sum; PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(db);
    let store = open(&disk).unwrap();
    let vms = store.snapshot().all::<Vm>();
    assert_eq!(vms.len(), 12);
    support::rename(&store, &vms[3], "taken over").unwrap();
    let again = open(&Disk::with(&disk.files())).unwrap();
    assert_eq!(name(&again, &vms[3]), "taken over");
}

#[test]
fn a_newer_layout_is_left_alone() {
    let disk = Disk::with(&files());
    let db = vfs::connect(&disk).unwrap();
    db.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA user_version = 99;").unwrap();
    drop(db);
    let before = disk.files();
    let refused = open(&disk).err().unwrap();
    assert!(matches!(refused, OpenError::Journal(JournalError::Newer { found: 99, .. })), "{refused}");
    assert_eq!(disk.files().get("state.sqlite"), before.get("state.sqlite"));
}

#[test]
fn what_a_later_version_wrote_is_kept_or_refused() {
    let disk = Disk::with(&files());
    let later = |sql: &str| {
        let db = vfs::connect(&disk).unwrap();
        db.execute_batch(&format!("PRAGMA locking_mode = EXCLUSIVE; {sql}")).unwrap();
    };
    // A field this version does not have stays what it is when the object changes.
    later("UPDATE object SET sum = NULL, body = json_set(body, '$.field_of_tomorrow', 'kept')");
    let store = open(&disk).unwrap();
    let vms = store.snapshot().all::<Vm>();
    support::rename(&store, &vms[0], "changed").unwrap();
    drop(store);
    while disk.find("state.sqlite-wal").is_some() {
        std::thread::yield_now();
    }
    let count = |condition: &str| -> i64 {
        let db = vfs::connect(&disk).unwrap();
        db.execute_batch("PRAGMA locking_mode = EXCLUSIVE").unwrap();
        db.query_row(&format!("SELECT count(*) FROM object WHERE {condition}"), [], |row| row.get(0)).unwrap()
    };
    let kept = count("body ->> 'field_of_tomorrow' = 'kept'");
    assert_eq!(kept, 12);
    // Of a class it does not have it says so and touches nothing.
    later("UPDATE object SET sum = NULL, class = 'Tomorrow' WHERE serial = (SELECT min(serial) FROM object)");
    let refused = open(&disk).err().unwrap();
    assert!(refused.to_string().contains("Tomorrow"), "{refused}");
    assert_eq!(count("class = 'Tomorrow'"), 1);
}
