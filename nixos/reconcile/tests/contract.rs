//! The contract with the Nix half: its golden manifests are manifests, the committed schema is the types'.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use serde_json::{Value, json};
use xennix_manifest::manifest::{Manifest, Unfit, schema};

fn nixos() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn golden() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for case in std::fs::read_dir(nixos().join("tests/eval")).unwrap() {
        let case = case.unwrap();
        let name = case.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(case.path().join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        // A case that fails an assertion never reaches a machine.
        let built = expected["assertions"].as_array().is_some_and(Vec::is_empty);
        if let Some(manifest) = expected.get("manifest").filter(|_| built) {
            all.push((name, manifest.clone()));
        }
    }
    all
}

#[test]
fn what_nix_writes_is_read_and_written_back_the_same() {
    let all = golden();
    assert!(all.len() > 20, "only {} golden manifests", all.len());
    assert!(all.iter().any(|(_, manifest)| manifest["domains"].as_array().unwrap().len() > 4));
    for (name, manifest) in all {
        let read = Manifest::parse(&manifest.to_string()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(serde_json::to_value(&read).unwrap(), manifest, "{name}");
    }
}

#[test]
fn the_committed_schema_is_the_types_one() {
    let path = nixos().join("manifest.schema.json");
    let text = format!("{:#}\n", schema());
    if std::env::var_os("XENNIX_SCHEMA_WRITE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        committed, text,
        "XENNIX_SCHEMA_WRITE=1 cargo test -p xennix-manifest --test contract writes it anew"
    );
}

#[test]
fn what_is_unknown_is_refused() {
    let (_, manifest) = golden().into_iter().find(|(name, _)| name == "domains").unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut changed = manifest.clone();
        change(&mut changed);
        Manifest::parse(&changed.to_string()).unwrap_err()
    };
    assert!(refused(&|m| m["colour"] = json!("red")).to_string().contains("colour"));
    assert!(refused(&|m| m["domains"][0]["vcpu"] = json!(1)).to_string().contains("vcpu"));
    assert!(refused(&|m| m["domains"][0]["boot"]["kernels"] = json!(1)).to_string().contains("kernels"));
    assert!(matches!(refused(&|m| m["schemaVersion"] = json!(2)), Unfit::Version(2)));
    let twice = refused(&|m| m["domains"][1]["uuid"] = m["domains"][0]["uuid"].clone());
    assert!(matches!(twice, Unfit::Meaning { .. }), "{twice}");
    let nowhere = refused(&|m| m["domains"][0]["disks"][0]["repository"] = json!("nowhere"));
    assert!(nowhere.to_string().contains("xennix.domains.appliance"), "{nowhere}");
}
