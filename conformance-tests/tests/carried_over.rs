//! Pools carried over from another toolstack, served by the daemon: over the wire every field of every object is
//! what the old database said, but for what the committed table of differences names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use conformance_tests::{
    old_database::{self, Row, says},
    rpc::Client,
    server::{Options, Server, infect},
};
use serde_json::{Value, json};

/// Columns the model keeps to itself: there is no getter. `infect verify` looks at them on the disk.
const INTERNAL: &[&str] = &[
    "PCI.attached_VMs",
    "PCI.functions",
    "PCI.physical_function",
    "PCI.scheduled_to_be_attached_to",
    "PCI.virtual_functions",
    "PGPU.size",
    "PIF.device_name",
    "SM.host_pending_features",
    "SR.default_vdi_visibility",
    "VBD.reserved",
    "VGPU_type.compatible_types_on_pgpu",
    "VGPU_type.internal_config",
    "VGPU_type.size",
    "VIF.reserved",
    "VIF.reserved_pci",
    "VM.recommended_guidances",
    "console.port",
    "host.boot_free_mem",
    "host.recommended_guidances",
    "host_crashdump.filename",
    "host_patch.filename",
    "pool.wlb_password",
    "pool_patch.filename",
    "task.externalpid",
    "task.forwarded",
    "task.forwarded_to",
    "task.session",
    "task.stunnelpid",
];

/// Fields the model does not keep: they begin empty and the server works them out.
const NOT_KEPT: &[&str] = &[
    "allowed_operations",
    "current_operations",
    "PIF_metrics.io_read_kbs",
    "PIF_metrics.io_write_kbs",
    "VM_metrics.VCPUs_CPU",
    "VM_metrics.VCPUs_flags",
    "VM_metrics.VCPUs_params",
    "VM_metrics.VCPUs_utilisation",
    "VM_metrics.hvm",
    "VM_metrics.last_updated",
    "VM_metrics.memory_actual",
    "VM_metrics.nested_virt",
    "VM_metrics.nomigrate",
    "VM_metrics.other_config",
    "VM_metrics.state",
    "host_cpu.utilisation",
];

/// Sets that follow from what the table names at their other end.
const FOLLOWS: &[&str] = &["VM.consoles", "host.host_CPUs", "host.resident_VMs"];

/// Classes whose objects can't be listed, only asked for one by one.
const NOT_LISTED: &[&str] = &["user"];

fn unpacked(name: &str, dir: &Path) -> (PathBuf, BTreeMap<String, BTreeMap<String, Row>>) {
    let packed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../infect/tests/data").join(name).join("state.db.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(packed).unwrap()).read_to_string(&mut text).unwrap();
    let db = dir.join("state.db");
    fs::write(&db, &text).unwrap();
    (db, old_database::read(&text).unwrap())
}

/// Fields the page of differences names.
fn table() -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/infect-differences.md");
    let text = fs::read_to_string(page).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(field, _)| field.to_string()).collect()
}

fn run(args: &[&str]) -> (bool, String) {
    let output = Command::new(infect().unwrap()).args(args).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

fn records(client: &mut Client, class: &str) -> BTreeMap<String, Value> {
    let answer = client.call(&format!("{class}.get_all_records"), &[]).unwrap();
    match answer {
        Ok(Value::Object(found)) => found.into_iter().collect(),
        other => panic!("{class}: {other:?}"),
    }
}

/// Compares everything; the answer is how many fields were equal.
fn compare(name: &str, old: &BTreeMap<String, BTreeMap<String, Row>>, client: &mut Client) -> usize {
    let named = table();
    let (mut equal, mut wrong) = (0, Vec::new());
    for (class, rows) in old.iter().filter(|(_, rows)| !rows.is_empty()) {
        let served = if NOT_LISTED.contains(&class.as_str()) {
            let one = |reference: &String| {
                let answer = client.call(&format!("{class}.get_record"), &[json!(reference)]).unwrap();
                answer.ok().map(|record| (reference.clone(), record))
            };
            rows.keys().filter_map(one).collect()
        } else {
            records(client, class)
        };
        for (reference, row) in rows {
            let Some(record) = served.get(reference) else {
                let meant = class == "host_cpu" || class == "console" && !of_control_domain(old, row);
                if !meant {
                    wrong.push(format!("{class} {reference} is not served"));
                }
                continue;
            };
            for (column, text) in row.iter().filter(|(column, _)| !column.starts_with('_')) {
                let field = column.replace("__", "_");
                let full = format!("{class}.{field}");
                // Here the getter answers what the column leads to.
                let text = if full == "VTPM.contents" { &old["secret"][text]["value"] } else { text };
                // Some fields are no part of the record but have a getter.
                let got = match record.get(&field) {
                    Some(said) => Ok(said.clone()),
                    None => client.call(&format!("{class}.get_{field}"), &[json!(reference)]).unwrap(),
                };
                let Ok(said) = &got else {
                    if !INTERNAL.contains(&full.as_str()) {
                        wrong.push(format!("{full} is not served: {got:?}"));
                    }
                    continue;
                };
                let as_set = said.as_array().is_some_and(|items| {
                    items.iter().all(|item| item.as_str().is_some_and(|text| text.starts_with("OpaqueRef:")))
                });
                match says(text, said, as_set) {
                    Ok(true) => equal += 1,
                    _ if NOT_KEPT.contains(&field.as_str()) || NOT_KEPT.contains(&full.as_str()) => {}
                    _ if named.contains(&full) || FOLLOWS.contains(&full.as_str()) => {}
                    _ => wrong.push(format!("{full} of {reference}: was {text}, is {said}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{name}: {} differences\n{}", wrong.len(), wrong.join("\n"));
    equal
}

fn of_control_domain(old: &BTreeMap<String, BTreeMap<String, Row>>, console: &Row) -> bool {
    old["VM"].get(&console["VM"]).is_some_and(|vm| vm["is_control_domain"] == "true")
}

#[test]
fn a_pool_is_served_as_it_was() {
    for (name, fields) in [("single-8.3", 1_500), ("pool3-8.2", 2_000), ("original-5.909", 1_000)] {
        let dir = tempfile::tempdir().unwrap();
        let (db, old) = unpacked(name, dir.path());
        let state = dir.path().join("state");
        let (db, state_text) = (db.to_str().unwrap(), state.to_str().unwrap());
        let (well, said) = run(&["import", "--quiet", "--db", db, "--state-dir", state_text]);
        assert!(well, "{name}: {said}");
        let options = Options { state_dir: Some(state.clone()), ..Options::default() };
        // A second start must find what the first one left.
        for start in 1..=2 {
            let server = Server::start(&options).unwrap();
            let mut client = Client::root(&server).unwrap();
            let equal = compare(name, &old, &mut client);
            println!("{name}, start {start}: {equal} fields equal");
            assert!(equal > fields, "{name}: only {equal} fields were compared");
            for class in ["pool", "host", "VM", "SR", "VDI", "PIF"] {
                assert_eq!(records(&mut client, class).len(), old[class].len(), "{name}: {class}");
            }
            judge_state(name, &old, &mut client);
        }
        let (well, said) = run(&["verify", "--quiet", "--old", db, "--new", state_text]);
        assert!(well && said.contains("\n0 unexplained differences"), "{name}: {said}");
        let back = dir.path().join("back.db");
        let (well, said) =
            run(&["export", "--quiet", "--state-dir", state_text, "--db", back.to_str().unwrap()]);
        assert!(well, "{name}: {said}");
    }
}

/// What the table says, looked at from outside.
fn judge_state(name: &str, old: &BTreeMap<String, BTreeMap<String, Row>>, client: &mut Client) {
    let master = records(client, "pool").values().next().unwrap()["master"].clone();
    for (reference, host) in records(client, "host") {
        let metrics = client.call("host_metrics.get_record", &[host["metrics"].clone()]).unwrap().unwrap();
        assert_eq!(metrics["live"], json!(master == json!(reference)), "{name}: {reference}");
    }
    for (reference, vm) in records(client, "VM") {
        let before = old["VM"][&reference]["power_state"].as_str();
        let expected = match (&vm["is_control_domain"], before) {
            (Value::Bool(true), before) => before,
            (_, "Suspended") => "Suspended",
            _ => "Halted",
        };
        assert_eq!(vm["power_state"], json!(expected), "{name}: {reference}");
    }
    for (reference, sr) in records(client, "SR") {
        assert_eq!(sr["other_config"]["xennix:guarded"], json!("true"), "{name}: {reference}");
        // A scan would take the rows of disks away that this machine does not have.
        let scan = client.call("SR.scan", &[json!(reference)]).unwrap();
        assert!(scan.is_err(), "{name}: {reference} was scanned");
    }
}
