//! Databases nobody would write by hand: every class, hostile texts, huge maps, columns too many and too few, files
//! cut anywhere. None of it may panic, lose a field, or come back different.
//!
//! `XENNIX_DATABASES=20000` makes as many instead of the few of a normal run.

mod common;

use std::{collections::BTreeMap, fs};

use common::{import, plain};
use infect::{
    db::{export, verify},
    progress::Quiet,
};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use proptest::{prelude::Rng, prop_assert_eq};
use xapi_schema::{Class, FieldDef, NULL_REF, Ty};
use xapi_statedb::{Event, Manifest, Reader, Row, Writer, model, sexp};

/// Random numbers that are the same each time.
struct Dice(TestRng);

impl Dice {
    fn new(seed: u64) -> Dice {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Dice(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    fn below(&mut self, most: usize) -> usize {
        (self.0.next_u64() % most as u64) as usize
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn uuid(&mut self) -> String {
        let (a, b) = (self.0.next_u64(), self.0.next_u64());
        let hex = format!("{a:016x}{b:016x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    /// Text of what escaping could trip over.
    fn text(&mut self) -> String {
        const PIECES: &[&str] = &[
            "",
            " ",
            "  ",
            "%",
            "%.",
            "%%",
            "%_",
            "\\",
            "'",
            "\"",
            "\n",
            "\t",
            "\r",
            "<",
            ">",
            "&",
            "&amp;",
            "&#0;",
            "]]>",
            "<!--",
            "a",
            "Z",
            "(",
            ")",
            ";",
            "é",
            "漢字",
            "🦀",
            "\u{FFFD}",
            "/>",
            "='",
            "OpaqueRef:NULL",
            "{}",
            "x=1",
            "\u{85}",
            "\u{2028}",
        ];
        let pieces = self.below(8);
        (0..pieces).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    fn stored(&mut self, ty: Ty, rows: &[(String, String)]) -> String {
        match ty {
            Ty::Int => (self.0.next_u64() as i64 >> self.below(64)).to_string(),
            Ty::Float => {
                ["0", "1", "0.5", "1.", "-3.25", "0.1", "1e+300", "nan", "inf"][self.below(9)].into()
            }
            Ty::Bool => ["true", "false"][self.below(2)].into(),
            Ty::DateTime => {
                ["19700101T00:00:00Z", "20250319T04:16:24Z", "2025-03-19T04:16:24.5Z", "20250319T04:16:24"]
                    [self.below(4)]
                .into()
            }
            Ty::Enum(def) => def.values[self.below(def.values.len())].0.to_string(),
            Ty::Ref(class) => {
                let name = Class::of(class).name;
                let of: Vec<&String> =
                    rows.iter().filter(|(table, _)| table == name).map(|(_, r)| r).collect();
                match self.below(6) {
                    0 => NULL_REF.to_string(),
                    1 => String::new(),
                    2 => format!("OpaqueRef:{}", self.uuid()),
                    _ if of.is_empty() => NULL_REF.to_string(),
                    _ => of[self.below(of.len())].clone(),
                }
            }
            Ty::Set(item) | Ty::Option(item) => {
                let many = if self.chance(200) { 2_000 } else { 4 };
                let items: Vec<String> = (0..self.below(many)).map(|_| self.stored(*item, rows)).collect();
                sexp::write_set(items.iter().map(String::as_str))
            }
            Ty::Map(key, item) => {
                let many = if self.chance(200) { 2_000 } else { 4 };
                let pairs: BTreeMap<String, String> = (0..self.below(many))
                    .map(|n| {
                        let key = match key {
                            Ty::String => format!("{}{n}", self.text()),
                            other => self.stored(*other, rows),
                        };
                        (key, self.stored(*item, rows))
                    })
                    .collect();
                sexp::write_map(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())))
            }
            _ => self.text(),
        }
    }
}

/// A whole database of every class that has a table.
fn database(dice: &mut Dice) -> String {
    let classes: Vec<&'static Class> =
        Class::all().iter().copied().filter(|class| class.in_database && class.name != "role").collect();
    let mut rows: Vec<(String, String)> = Vec::new();
    for class in &classes {
        let count = match class.name {
            "pool" => 1,
            "host" => 1 + dice.below(2),
            _ => dice.below(3),
        };
        rows.extend((0..count).map(|_| (class.name.to_string(), format!("OpaqueRef:{}", dice.uuid()))));
    }
    if dice.chance(2) {
        rows.push(("Vendor_table".into(), format!("OpaqueRef:{}", dice.uuid())));
    }
    let host = rows.iter().find(|(table, _)| table == "host").unwrap().1.clone();
    let domain = format!("OpaqueRef:{}", dice.uuid());
    rows.push(("VM".into(), domain.clone()));
    rows.sort();
    let minor = [601, 603, 779, 791, 909][dice.below(5)];
    let manifest = Manifest { schema_major: 5, schema_minor: minor, generation: 99, other: vec![] };
    let mut writer = Writer::new(Vec::new(), &manifest).unwrap();
    let mut last = "";
    for (table, reference) in &rows {
        if last != table {
            writer.table(table).unwrap();
            last = table;
        }
        let mut columns: Vec<(String, String)> = vec![("uuid".into(), dice.uuid())];
        let fields = model::table(table).map_or(&[] as &[FieldDef], |known| known.class.fields);
        for field in fields.iter().filter(|field| field.name != "uuid") {
            // Some columns are missing in this row only, some texts are no values.
            if dice.chance(40) && field.default != xapi_schema::Default::None {
                continue;
            }
            let text = if dice.chance(60) { dice.text() } else { dice.stored(field.ty, &rows) };
            columns.push((field.column_name().into(), text));
        }
        let mut set = |column: &str, text: &str| {
            columns.retain(|(name, _)| name != column);
            columns.push((column.into(), text.into()));
        };
        match table.as_str() {
            "pool" => set("master", &host),
            "VM" => {
                set("is_control_domain", if *reference == domain { "true" } else { "false" });
                if *reference == domain {
                    set("resident_on", &host);
                }
            }
            _ => {}
        }
        for n in 0..dice.below(2) {
            columns.push((format!("vendor_{n}"), dice.text()));
        }
        let (created, modified) = (dice.0.next_u64() >> 1, dice.0.next_u64() >> 1);
        let row = Row { reference: reference.clone(), created, modified, columns, place: Default::default() };
        writer.row(&row).unwrap();
    }
    String::from_utf8(writer.finish().unwrap()).unwrap()
}

fn many(normally: u64) -> u64 {
    std::env::var("XENNIX_DATABASES").ok().and_then(|text| text.parse().ok()).unwrap_or(normally)
}

#[test]
fn no_field_of_any_database_is_lost() {
    let mut fields = 0;
    for seed in 0..many(24) {
        let text = database(&mut Dice::new(seed));
        let dir = tempfile::tempdir().unwrap();
        // The import itself proves what it made; an error names the seed.
        let made = import(dir.path(), &text).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        fields += made.verdict.fields;
        let back = dir.path().join("back.db");
        let out = export::run(&dir.path().join("state"), &back, &mut Quiet);
        let out = out.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(out.left_out.is_empty(), "seed {seed}: {out}");
        // Every text comes back but those the original computes itself and those the table names.
        let ((_, before), (_, after)) = (plain(&dir.path().join("state.db")), plain(&back));
        for (table, rows) in &before {
            for (reference, row) in rows {
                let found = &after[table][reference];
                for (column, text) in row {
                    let known = model::table(table).and_then(|known| known.field(column));
                    if let Some((_, field)) = known {
                        let named = infect::db::differences::of(table, field.name).next().is_some();
                        let null = text.is_empty() && found[column] == NULL_REF;
                        let kept = !infect::db::differences::FORGOTTEN.contains(&table.as_str());
                        if kept && (named || model::is_rebuilt(field) || null) {
                            continue;
                        }
                    }
                    assert_eq!(found.get(column), Some(text), "seed {seed}: {table} {reference} {column}");
                }
                assert_eq!(found.len(), row.len(), "seed {seed}: {table} {reference}");
            }
            assert_eq!(after[table].len(), rows.len(), "seed {seed}: {table}");
        }
        // What was exported is a database like the first.
        let again = tempfile::tempdir().unwrap();
        let text = fs::read_to_string(&back).unwrap();
        import(again.path(), &text).unwrap_or_else(|error| panic!("seed {seed}, again: {error}"));
    }
    assert!(fields > 0);
}

#[test]
fn a_text_that_was_changed_is_found() {
    for seed in 0..many(24) / 4 {
        let mut dice = Dice::new(1_000_000 + seed);
        let text = database(&mut dice);
        let dir = tempfile::tempdir().unwrap();
        import(dir.path(), &text).unwrap();
        // The old file says something else about one name: the verifier must see it.
        let Some(at) = text.find(" name__label=\"") else { continue };
        let at = at + " name__label=\"".len();
        let other = format!("{}~{}", &text[..at], &text[at..]);
        let old = dir.path().join("other.db");
        fs::write(&old, other).unwrap();
        let verdict = verify::run(&old, &dir.path().join("state"), false, &mut Quiet).unwrap();
        assert_eq!(verdict.unexplained_count, 1, "seed {seed}: {verdict}");
    }
}

/// Reads to the end or the first error.
fn read_all(bytes: &[u8]) -> Result<usize, xapi_statedb::Error> {
    let mut reader = Reader::new(bytes);
    let mut rows = 0;
    while let Some(event) = reader.next_event()? {
        rows += usize::from(matches!(event, Event::Row(_)));
    }
    Ok(rows)
}

#[test]
fn damaged_files_are_errors_with_a_place_never_panics() {
    for seed in 0..many(24) {
        let mut dice = Dice::new(2_000_000 + seed);
        let text = database(&mut dice).into_bytes();
        assert!(read_all(&text).is_ok());
        for _ in 0..20 {
            // Cut anywhere: always an error, at a place within the file.
            let cut = dice.below(text.len());
            let error = read_all(&text[..cut]).expect_err("a cut file was read");
            assert!(error.place().byte <= cut as u64, "seed {seed}, cut {cut}: {error}");
            // Bytes turned over: an error or other values, no panic.
            let mut turned = text.clone();
            for _ in 0..1 + dice.below(3) {
                let at = dice.below(turned.len());
                turned[at] ^= 1 << dice.below(8);
            }
            let _ = read_all(&turned);
        }
    }
}

#[test]
fn a_damaged_compressed_file_is_an_error() {
    use std::io::Write;
    let text = common::text("single-8.3");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    let mut packed = packer.finish().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("state.db");
    let trial = |bytes: &[u8]| {
        fs::write(&db, bytes).unwrap();
        let wanted = common::request(&db, &dir.path().join("state"));
        let failed = infect::db::import::run(&wanted, &mut Quiet).is_err();
        assert!(!failed || !dir.path().join("state").exists());
        failed
    };
    assert!(trial(&packed[..packed.len() - 5]), "a cut file");
    // The checksum of the whole stands in the last eight bytes.
    let at = packed.len() - 6;
    packed[at] ^= 0x10;
    assert!(trial(&packed), "a wrong checksum");
    packed[at] ^= 0x10;
    assert!(!trial(&packed), "the sound file");
}

#[test]
fn any_text_survives_the_layers() {
    let mut runner = TestRunner::new(Config { cases: 2_000, failure_persistence: None, ..Config::default() });
    let items = proptest::collection::vec("[ %\\\\'\"\n\t\r<&>a-cé🦀();]{0,12}", 0..6);
    runner
        .run(&items, |items| {
            let set = sexp::write_set(items.iter().map(String::as_str));
            prop_assert_eq!(&sexp::read_set(&set).unwrap(), &items);
            let manifest = Manifest { schema_major: 5, schema_minor: 779, generation: 1, other: vec![] };
            let mut writer = Writer::new(Vec::new(), &manifest).unwrap();
            writer.table("VM").unwrap();
            let row = Row {
                reference: "OpaqueRef:x y".into(),
                created: 1,
                modified: 2,
                columns: vec![("tags".into(), set), ("text".into(), items.concat())],
                place: Default::default(),
            };
            writer.row(&row).unwrap();
            let bytes = writer.finish().unwrap();
            let mut reader = Reader::new(bytes.as_slice());
            let mut found = None;
            while let Some(event) = reader.next_event().unwrap() {
                if let Event::Row(row) = event {
                    found = Some(row);
                }
            }
            let found = found.unwrap();
            prop_assert_eq!(&found.reference, &row.reference);
            prop_assert_eq!(found.get("tags"), row.get("tags"));
            prop_assert_eq!(found.get("text"), row.get("text"));
            Ok(())
        })
        .unwrap();
}
