//! Whole files: the importer's fixtures keep the rules, and are written back byte by byte.

use std::path::{Path, PathBuf};

use xapi_statedb::{Event, check, open};

fn fixtures() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infect/tests/data");
    ["single-8.3", "pool3-8.2", "original-5.909"]
        .iter()
        .map(|name| dir.join(name).join("state.db.gz"))
        .collect()
}

#[test]
fn every_fixture_keeps_the_rules() {
    for path in fixtures() {
        let mut faults = check::check(|| open(&path)).unwrap();
        faults.retain(|fault| fault.rule != check::Rule::ReferenceLeads);
        assert_eq!(faults, [], "{}", path.display());
    }
}

#[test]
fn writing_what_was_read_gives_the_same_bytes() {
    for path in fixtures() {
        let mut reader = open(&path).unwrap();
        let mut writer = None;
        while let Some(event) = reader.next_event().unwrap() {
            match event {
                Event::Manifest(m) => writer = Some(xapi_statedb::Writer::new(Vec::new(), &m).unwrap()),
                Event::Table(name) => writer.as_mut().unwrap().table(&name).unwrap(),
                Event::Row(row) => writer.as_mut().unwrap().row(&row).unwrap(),
            }
        }
        let written = writer.unwrap().finish().unwrap();
        let mut original = Vec::new();
        let file = std::fs::File::open(&path).unwrap();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut original).unwrap();
        assert!(written == original, "{}", path.display());
    }
}
