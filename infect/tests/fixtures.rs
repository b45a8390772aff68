//! The committed databases carried over and back: nothing is lost, every difference stands in the table.

mod common;

use std::{collections::BTreeSet, fs};

use common::{FIXTURES, Plain, fixture, import, plain, request, text};
use infect::{
    Error,
    db::{
        differences::{self, By, FIELDS},
        export, import as importer, verify,
    },
    progress::Quiet,
};
use xapi_statedb::{model, sexp, value};

#[test]
fn nothing_is_unexplained_after_an_import() {
    for name in FIXTURES {
        let dir = tempfile::tempdir().unwrap();
        let made = import(dir.path(), &text(name)).unwrap();
        assert_eq!(made.verdict.unexplained, [], "{name}");
        let again =
            verify::run(&dir.path().join("state.db"), &dir.path().join("state"), true, &mut Quiet).unwrap();
        assert!(again.is_proof(), "{name}: {again}");
        assert!(again.fields > 1_000, "{name}: {} fields", again.fields);
        // Whatever differs names a rule of the table, or one of the few about every class.
        for kind in again.intended.iter().filter(|kind| !kind.field.is_empty()) {
            let known = differences::of(&kind.class, &kind.field).any(|rule| rule.rule() == kind.rule);
            assert!(known || kind.rule.contains("default") || kind.rule == "kept aside", "{name}: {kind:?}");
            assert!(!kind.reason.is_empty());
        }
    }
}

/// Takes the fields the import sets out of an old file, by doing to it what the table says in plain words.
fn as_imported(mut tables: Plain) -> Plain {
    let control: BTreeSet<String> = tables["VM"]
        .iter()
        .filter(|(_, vm)| vm["is_control_domain"] == "true")
        .map(|(reference, _)| reference.clone())
        .collect();
    for (reference, vm) in tables.get_mut("VM").unwrap() {
        vm.insert("scheduled_to_be_resident_on".into(), "OpaqueRef:NULL".into());
        if control.contains(reference) {
            continue;
        }
        vm.insert("domid".into(), "-1".into());
        vm.insert("resident_on".into(), "OpaqueRef:NULL".into());
        if vm["power_state"] != "Suspended" {
            vm.insert("power_state".into(), "Halted".into());
        }
        if vm["domain_type"] == "unspecified" {
            let kind = if vm["HVM__boot_policy"].is_empty() { "pv" } else { "hvm" };
            vm.insert("domain_type".into(), kind.into());
        }
    }
    for (class, column, becomes) in [
        ("VBD", "currently_attached", "false"),
        ("VBD", "reserved", "false"),
        ("VBD", "device", ""),
        ("VIF", "currently_attached", "false"),
        ("VIF", "reserved", "false"),
        ("VIF", "reserved_pci", "OpaqueRef:NULL"),
        ("VGPU", "currently_attached", "false"),
        ("VUSB", "currently_attached", "false"),
        ("PBD", "currently_attached", "false"),
        ("host", "enabled", "false"),
        ("host_metrics", "live", "false"),
    ] {
        for row in tables.entry(class.into()).or_default().values_mut() {
            if row.contains_key(column) {
                row.insert(column.into(), becomes.into());
            }
        }
    }
    // The set follows from `resident_on`.
    for host in tables.get_mut("host").unwrap().values_mut() {
        let stay: Vec<String> = sexp::read_set(&host["resident_VMs"])
            .unwrap()
            .into_iter()
            .filter(|vm| control.contains(vm))
            .collect();
        host.insert("resident_VMs".into(), sexp::write_set(stay.iter().map(String::as_str)));
    }
    for disk in tables.get_mut("VDI").unwrap().values_mut() {
        let pairs = sexp::read_map(&disk["sm_config"]).unwrap();
        let stay = pairs.iter().filter(|(key, _)| {
            !key.starts_with("host_") && !["activating", "paused", "relinking"].contains(&key.as_str())
        });
        let text = sexp::write_map(stay.map(|(k, v)| (k.as_str(), v.as_str())));
        disk.insert("sm_config".into(), text);
    }
    tables
}

/// Columns that are no truth lose their text; sets whose order means nothing are sorted.
fn normal(mut tables: Plain) -> Plain {
    for (table, rows) in &mut tables {
        let Some(known) = model::table(table) else { continue };
        for row in rows.values_mut() {
            for (column, text) in row.iter_mut() {
                let Some((_, field)) = known.field(column) else { continue };
                if !field.persist && !field.is_back_reference() {
                    text.clear();
                } else if field.is_back_reference() {
                    let mut items = sexp::read_set(text).unwrap();
                    items.sort();
                    *text = sexp::write_set(items.iter().map(String::as_str));
                }
            }
        }
    }
    tables
}

#[test]
fn the_export_equals_the_original_but_for_the_table() {
    for name in FIXTURES {
        let dir = tempfile::tempdir().unwrap();
        import(dir.path(), &text(name)).unwrap();
        let back = dir.path().join("back.db");
        let outcome = export::run(&dir.path().join("state"), &back, &mut Quiet).unwrap();
        assert!(outcome.left_out.is_empty() && outcome.inherited.is_empty(), "{name}: {outcome}");
        let ((old, before), (new, after)) = (plain(&dir.path().join("state.db")), plain(&back));
        assert_eq!((old.schema_major, old.schema_minor), (new.schema_major, new.schema_minor), "{name}");
        assert_eq!(new.generation, old.generation + 1, "{name}");
        let (before, after) = (normal(as_imported(before)), normal(after));
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{name}");
        for (table, rows) in &before {
            for (reference, row) in rows {
                let Some(found) = after[table].get(reference) else {
                    panic!("{name}: {table} {reference} is lost")
                };
                for (column, text) in row {
                    assert_eq!(Some(text), found.get(column), "{name}: {table} {reference} {column}");
                }
                assert_eq!(row.len(), found.len(), "{name}: {table} {reference}");
            }
            assert_eq!(rows.len(), after[table].len(), "{name}: {table}");
        }
        // And once more: what was exported is imported without a loss.
        let again = tempfile::tempdir().unwrap();
        import(again.path(), &fs::read_to_string(&back).unwrap()).unwrap().verdict.demand().unwrap();
    }
}

#[test]
fn the_guard_is_set_on_every_sr_and_gone_after_the_export() {
    let dir = tempfile::tempdir().unwrap();
    let made = import(dir.path(), &text("single-8.3")).unwrap();
    let guarded =
        made.verdict.intended.iter().find(|k| k.class == "SR" && k.field == "other_config").unwrap();
    assert_eq!(guarded.count, 6);
    let back = dir.path().join("back.db");
    export::run(&dir.path().join("state"), &back, &mut Quiet).unwrap();
    assert!(!fs::read_to_string(&back).unwrap().contains(differences::GUARD));
}

#[test]
fn every_field_of_the_table_exists_and_every_text_fits() {
    for known in FIELDS {
        let class = model::table(known.class).unwrap_or_else(|| panic!("{}", known.class)).class;
        let (_, field) =
            class.field(known.field).unwrap_or_else(|| panic!("{}.{}", known.class, known.field));
        if let differences::Effect::Becomes(text) | differences::Effect::GuestBecomes(text) = known.effect {
            assert!(value::read(field.ty, text).is_ok(), "{}.{}", known.class, known.field);
        }
        assert!(!known.reason.is_empty());
    }
    assert!(FIELDS.iter().any(|known| known.by == By::Server));
}

#[test]
fn the_page_is_made_from_the_table() {
    let path = fixture("../../../docs/infect-differences.md");
    let path = std::path::absolute(path).unwrap();
    if std::env::var_os("XENNIX_PAGES_WRITE").is_some() {
        fs::write(&path, differences::page()).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == differences::page(),
        "write it anew: XENNIX_PAGES_WRITE=1 cargo test -p infect --test fixtures"
    );
}

fn refusal(result: infect::Result<importer::Outcome>) -> (&'static str, String) {
    match result {
        Err(Error::Refused { code, reason }) => (code, reason),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was imported"),
    }
}

#[test]
fn what_must_not_be_imported_is_refused_and_leaves_nothing() {
    let good = text("single-8.3");
    let row = |table: &str| {
        let start = good.find(&format!("<table name=\"{table}\"><row ")).unwrap();
        let from = start + good[start..].find("<row ").unwrap();
        let to = from + good[from..].find("/>").unwrap() + 2;
        good[from..to].to_string()
    };
    let uuid = |text: &str| {
        let at = text.find(" uuid=\"").unwrap() + 7;
        text[at..at + 36].to_string()
    };
    let (host, pool) = (row("host"), row("pool"));
    let minor = |n: u64| {
        good.replace("schema_minor_vsn\" value=\"779\"", &format!("schema_minor_vsn\" value=\"{n}\""))
    };
    for (bad, code) in [
        (minor(600), "DB_SCHEMA"),
        (minor(35), "DB_STUB"),
        (minor(910), "DB_SCHEMA"),
        (good.replace(&host, &format!("{host}{host}")), "DB_DUP"),
        (good.replace(&uuid(&pool), &uuid(&host)), "DB_DUP"),
        (good.replace(&pool, ""), "DB_DAMAGED"),
        (good.replace(&format!(" uuid=\"{}\"", uuid(&host)), " uuid=\"\""), "DB_DAMAGED"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(refusal(import(dir.path(), &bad)).0, code);
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["state.db"], "{code}");
    }
    // A state that is there is never touched.
    let dir = tempfile::tempdir().unwrap();
    import(dir.path(), &good).unwrap();
    assert_eq!(refusal(import(dir.path(), &good)).0, "STATE_NOT_EMPTY");
    // A copy older than the number beside it.
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("state.db");
    fs::write(&db, &good).unwrap();
    let mut stale = request(&db, &dir.path().join("state"));
    stale.generation = Some(184_468);
    assert_eq!(refusal(importer::run(&stale, &mut Quiet)).0, "DB_STALE");
    stale.accept = vec!["DB_STALE".into()];
    importer::run(&stale, &mut Quiet).unwrap();
}

#[test]
fn the_identity_is_the_inventorys_and_must_belong_to_the_database() {
    for (name, host) in [("single-8.3", "96b2c882-6fe8-5ede-993b-d930645d60ca"), ("pool3-8.2", "")] {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("state.db");
        fs::write(&db, text(name)).unwrap();
        let (identity, bridge) = importer::inventory(&fixture(name).join("xensource-inventory")).unwrap();
        let mut wanted = request(&db, &dir.path().join("state"));
        (wanted.identity, wanted.bridge) = (Some(identity.clone()), bridge);
        wanted.pool_secret = Some("0123456789/0123456789/0123456789".into());
        let made = importer::run(&wanted, &mut Quiet).unwrap();
        assert!(host.is_empty() || made.imported.host == host);
        let adopted = fs::read_to_string(dir.path().join("state/adopted.toml")).unwrap();
        assert!(adopted.contains(&identity.0) && adopted.contains(&identity.1), "{adopted}");
        wanted.identity = Some(("00000000-0000-4000-8000-000000000000".into(), identity.1));
        wanted.state_dir = dir.path().join("other");
        assert_eq!(refusal(importer::run(&wanted, &mut Quiet)).0, "DB_FOREIGN");
    }
}
