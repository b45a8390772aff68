//! What the tests of the database share: fixtures, unpacked, and files as plain tables.
#![allow(dead_code)] // each test uses its part

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use infect::{
    db::import::{self, Request},
    progress::Quiet,
};
use xapi_statedb::{Event, Manifest, open};

/// The committed databases.
pub const FIXTURES: &[&str] = &["single-8.3", "pool3-8.2", "original-5.909"];

/// Directory of a fixture.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A fixture's database as text.
pub fn text(name: &str) -> String {
    let file = fs::File::open(fixture(name).join("state.db.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

/// A request to import a file.
pub fn request(db: &Path, state_dir: &Path) -> Request {
    Request {
        db: db.into(),
        state_dir: state_dir.into(),
        identity: None,
        bridge: None,
        pool_secret: None,
        generation: None,
        accept: Vec::new(),
    }
}

/// Imports a text.
pub fn import(dir: &Path, text: &str) -> infect::Result<import::Outcome> {
    let db = dir.join("state.db");
    fs::write(&db, text).unwrap();
    import::run(&request(&db, &dir.join("state")), &mut Quiet)
}

/// A file without its order: rows by table and reference, columns by name, generations among them.
pub type Plain = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

/// Reads a file whole.
pub fn plain(path: &Path) -> (Manifest, Plain) {
    let mut reader = open(path).unwrap();
    let (mut manifest, mut tables, mut table) = (None, Plain::new(), String::new());
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Manifest(found) => manifest = Some(found),
            Event::Table(name) => {
                tables.entry(name.clone()).or_default();
                table = name;
            }
            Event::Row(row) => {
                let mut columns: BTreeMap<String, String> = row.columns.into_iter().collect();
                columns.insert("__ctime".into(), row.created.to_string());
                columns.insert("__mtime".into(), row.modified.to_string());
                tables.get_mut(&table).unwrap().insert(row.reference, columns);
            }
        }
    }
    (manifest.unwrap(), tables)
}
