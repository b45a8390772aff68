//! Recorded command lines of the original (xen-api e2ee48d68), answered from the same state.
//!
//! `data/transcripts.jsonl` holds arguments and output; a `*` line of standard error stands for the
//! original's sentence about an error code, which is ours to word.

mod common;

use common::{Fake, xe};
use xapi_schema::{Failure, Value};

fn map(pairs: &[(&str, &str)]) -> Value {
    Value::map(pairs.iter().map(|(k, v)| (*k, Value::from(*v))))
}

fn refs(names: &[&str]) -> Value {
    Value::set(names.iter().map(|name| format!("OpaqueRef:{name}").into()))
}

fn to(name: &str) -> Value {
    format!("OpaqueRef:{name}").into()
}

/// The state the recordings were made in, as far as they show it.
fn recorded_state() -> Fake {
    let fake = Fake::default();
    let text = |s: &str| Value::from(s);
    fake.add(
        "host",
        "host",
        "11111111-1111-4111-8111-111111111111",
        &[("name_label", text("newname")), ("software_version", map(&[("product_version", "8.3.0")]))],
    );
    fake.add("pool", "pool", "3109adf3-9b78-c840-7358-4063b2ae7f06", &[("master", to("host"))]);
    fake.add(
        "network",
        "net",
        "21bb18a6-8d1f-7acd-c8fe-93799e768a7d",
        &[("name_label", text("cli net")), ("name_description", text("d")), ("bridge", text("xapi1"))],
    );
    fake.add("network", "internal", "c02762d9-2428-bd74-c9dd-c1f8489a9ce0", &[
        ("name_label", text("Host internal management network")),
        (
            "name_description",
            text("Network on which guests will be assigned a private link-local IP address which can be used to talk XenAPI"),
        ),
        ("bridge", text("xenapi")),
    ]);
    fake.add(
        "VM",
        "dom0",
        "22222222-2222-4222-8222-222222222222",
        &[
            ("name_label", text("Control domain on host: xapi-ref")),
            ("power_state", text("Running")),
            ("is_control_domain", true.into()),
        ],
    );
    fake.add(
        "VM",
        "vm",
        "0e0c0b68-b9c3-e562-b61c-5d02e5c9f531",
        &[
            ("name_label", text("clivm")),
            ("power_state", text("Halted")),
            ("VCPUs_max", 1.into()),
            ("HVM_boot_params", map(&[("order", "cd")])),
            ("other_config", map(&[("a", "b")])),
            ("VBDs", refs(&["disk", "cd"])),
            ("VIFs", refs(&["vif"])),
        ],
    );
    fake.add(
        "SR",
        "sr",
        "93425c65-d583-bb24-ab6f-adc7ef452142",
        &[
            ("name_label", text("clisr")),
            ("type", text("ext")),
            ("content_type", text("user")),
            ("PBDs", refs(&["pbd"])),
        ],
    );
    fake.add(
        "PBD",
        "pbd",
        "b45a8df0-70dd-632d-8b29-e5eaab40b50c",
        &[
            ("host", to("host")),
            ("SR", to("sr")),
            ("device_config", map(&[("device", "/dev/null")])),
            ("currently_attached", true.into()),
        ],
    );
    for (uuid, name) in [
        ("17756acf-9f85-b0d3-09d9-0de3717391cd", "iso"),
        ("9a3e3bc8-3897-2de8-a2dd-6c4e2ccf85e8", "ext"),
        ("0baf03c5-a9cc-c07f-c834-a96998f63c26", "nfs"),
    ] {
        fake.add(
            "SM",
            name,
            uuid,
            &[
                ("name_label", text(name)),
                ("name_description", format!("fake {name}").into()),
                ("type", text(name)),
                ("vendor", text("ref")),
                ("copyright", text("none")),
                ("configuration", map(&[("device", "local device path (required)")])),
            ],
        );
    }
    fake.add(
        "VDI",
        "vdi",
        "c4a97eb9-c8a4-4d47-a0e9-bb5372f694c7",
        &[("name_label", text("clivdi")), ("SR", to("sr")), ("virtual_size", 2_147_483_648.into())],
    );
    fake.add(
        "VBD",
        "cd",
        "d37c1ed3-b968-3aa8-bf56-3d88ccf189e9",
        &[
            ("VM", to("vm")),
            ("VDI", to("NULL")),
            ("empty", true.into()),
            ("type", text("CD")),
            ("mode", text("RO")),
            ("userdevice", text("1")),
        ],
    );
    fake.add(
        "VBD",
        "disk",
        "ff7aa85d-46c3-d30a-71c1-e9db4870fc11",
        &[
            ("VM", to("vm")),
            ("VDI", to("vdi")),
            ("type", text("Disk")),
            ("mode", text("RW")),
            ("userdevice", text("0")),
            ("bootable", true.into()),
            ("unpluggable", true.into()),
            ("allowed_operations", Value::set([text("attach")])),
        ],
    );
    fake.add(
        "VIF",
        "vif",
        "acdf7536-2a38-c5e8-c4ab-5c498e40175a",
        &[
            ("VM", to("vm")),
            ("network", to("net")),
            ("device", text("0")),
            ("MAC", text("ea:e8:e8:e8:e8:e8")),
        ],
    );
    fake.answer("VM.query_data_source", Err(Failure::internal("no metrics here")));
    fake
}

/// `*` lines stand for one line of our own.
fn same(ours: &str, recorded: &str) -> bool {
    let (ours, recorded): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), recorded.lines().collect());
    ours.len() == recorded.len()
        && ours.iter().zip(&recorded).all(|(a, b)| a == b || (*b == "*" && !a.is_empty()))
}

#[tokio::test]
async fn recorded_commands_print_the_same_bytes() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("data/transcripts.jsonl").lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let args: Vec<&str> = case["args"].as_array().unwrap().iter().filter_map(|a| a.as_str()).collect();
        let (stdout, stderr) = (case["stdout"].as_str().unwrap(), case["stderr"].as_str().unwrap());
        let seen = xe(&recorded_state(), &args, "").await;
        count += 1;
        if i64::from(seen.exit) != case["exit"] || seen.stdout != stdout || !same(&seen.stderr, stderr) {
            wrong.push(format!(
                "{args:?}\n--- recorded {}\n{stdout}{stderr}\n--- ours {}\n{}{}",
                case["exit"], seen.exit, seen.stdout, seen.stderr
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 40);
}
