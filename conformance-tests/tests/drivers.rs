//! A storage driver that is a program, written in Python from the protocol alone, under the daemon: found, described,
//! called, allowed to write its rows, and gone when its file is.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use conformance_tests::{
    rpc::{Client, Failure},
    server::{Options, ROOT_PASSWORD, Server, crate_dir, xe},
};
use serde_json::{Value, json};

struct World {
    server: Server,
    client: Client,
    dir: tempfile::TempDir,
}

/// The driver in a directory of its own, as its version says.
fn install(dir: &Path, version: &str) {
    let program = fs::read(crate_dir().join("tests/data/drivers/FancySR")).expect("the driver");
    let path = dir.join("FancySR");
    fs::write(&path, program).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    fs::write(dir.join("version"), version).expect("written");
}

impl World {
    fn new() -> World {
        // Built before there is a connection that could be idle for too long meanwhile.
        xe().expect("xe");
        let dir = tempfile::tempdir().expect("a directory");
        let drivers = dir.path().join("drivers");
        fs::create_dir_all(&drivers).expect("made");
        fs::create_dir_all(dir.path().join("data")).expect("made");
        install(&drivers, "1.0");
        // These say nothing of themselves: they are left out.
        fs::write(drivers.join("BrokenSR"), "#!/bin/sh\nexit 1\n").expect("written");
        fs::set_permissions(drivers.join("BrokenSR"), fs::Permissions::from_mode(0o755)).expect("executable");
        fs::write(drivers.join("notesSR"), "not executable").expect("written");
        let arguments = ["--storage", "native", "--drivers"].map(String::from).into_iter();
        let arguments = arguments.chain([drivers.display().to_string()]).collect();
        let server = Server::start(&Options { arguments, ..Options::default() }).expect("the daemon starts");
        fs::write(drivers.join("socket"), server.socket().display().to_string()).expect("written");
        let client = Client::root(&server).expect("a login");
        World { server, client, dir }
    }

    fn ok(&mut self, method: &str, args: &[Value]) -> Value {
        self.client.expect(method, args).unwrap_or_else(|why| panic!("{why}"))
    }

    fn text(&mut self, method: &str, args: &[Value]) -> String {
        self.ok(method, args).as_str().unwrap_or_default().to_owned()
    }

    fn err(&mut self, method: &str, args: &[Value]) -> Failure {
        self.client.call(method, args).expect("an answer").expect_err("refused")
    }

    fn restart(&mut self) {
        self.server.restart().expect("it starts again");
        self.client = Client::root(&self.server).expect("a login");
    }

    fn drivers(&self) -> PathBuf {
        self.dir.path().join("drivers")
    }

    /// What the driver was called with since the last time.
    fn calls(&self) -> Vec<String> {
        let log = self.drivers().join("calls");
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(&log);
        text.lines().map(str::to_owned).collect()
    }

    fn rows(&mut self) -> Vec<Value> {
        let all = self.ok("SM.get_all_records", &[]);
        let all = all.as_object().cloned().unwrap_or_default();
        all.into_values().filter(|row| row["type"] == "fancy").collect()
    }

    fn xe(&self, args: &[&str]) -> String {
        let address = self.server.http();
        let told = Command::new(xe().expect("xe"))
            .args(["-s", &address.ip().to_string(), "-p", &address.port().to_string()])
            .args(["-u", "root", "-pw", ROOT_PASSWORD])
            .args(args)
            .output()
            .expect("xe runs");
        assert!(told.status.success(), "{args:?}: {}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8_lossy(&told.stdout).trim().to_owned()
    }
}

fn md5(path: &Path) -> String {
    let told = Command::new("md5sum").arg(path).output().expect("md5sum runs");
    String::from_utf8_lossy(&told.stdout).split(' ').next().unwrap_or_default().to_owned()
}

#[test]
fn a_driver_serves_its_repositories() {
    let mut w = World::new();
    let rows = w.rows();
    assert_eq!(rows.len(), 1);
    for (field, wanted) in [("name_label", "Fancy"), ("vendor", "Somebody"), ("version", "1.0")] {
        assert_eq!(rows[0][field], wanted);
    }
    assert_eq!(rows[0]["configuration"], json!({"location": "a directory (required)"}));
    assert_eq!(rows[0]["driver_filename"], w.drivers().join("FancySR").display().to_string());
    let features = rows[0]["features"].as_object().cloned().unwrap_or_default();
    assert_eq!(features["VDI_RESET_ON_BOOT"].to_string().trim_matches('"'), "2");
    assert!(features.contains_key("VDI_SNAPSHOT") && !features.contains_key("SR_OF_ITS_OWN"));
    let types = w.ok("SR.get_supported_types", &[]);
    let types: Vec<&str> = types.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert!(types.contains(&"fancy") && types.contains(&"file") && !types.contains(&"broken"), "{types:?}");

    let data = w.dir.path().join("data");
    let location = format!("device-config:location={}", data.display());
    let made = w.xe(&["sr-create", "type=fancy", "name-label=fancy", "content-type=user", &location]);
    // The last for its name, which drivers may keep, as for every later one.
    assert_eq!(w.calls(), ["sr_create", "sr_attach", "sr_scan", "sr_update", "sr_update"]);
    w.xe(&["sr-param-set", &format!("uuid={made}"), "name-description=of its own"]);
    assert_eq!(w.calls(), ["sr_update"]);
    let sr = w.text("SR.get_by_uuid", &[json!(made)]);
    let host = w.ok("host.get_all", &[])[0].clone();
    let probe = w.text("SR.probe", &[host.clone(), json!({"location": data}), json!("fancy"), json!({})]);
    assert_eq!(probe, format!("<SRlist><SR><UUID>{made}</UUID></SR></SRlist>"));
    let refused = w.err(
        "SR.create",
        &[
            host,
            json!({}),
            json!(0),
            json!("x"),
            json!(""),
            json!("fancy"),
            json!("user"),
            json!(false),
            json!({}),
        ],
    );
    assert_eq!(
        (refused.code.as_str(), refused.params[1].as_str()),
        ("SR_BACKEND_FAILURE_94", "ConfigLocationMissing [opterr=location]")
    );
    w.calls();

    disks(&mut w, &sr, &data.join(&made));

    // What the driver has attached stays so when the daemon is killed.
    w.calls();
    w.restart();
    assert!(w.calls().iter().all(|call| !call.contains("attach")));
    w.ok("SR.scan", &[json!(sr)]);
    let link = w.ok("SR.get_PBDs", &[json!(sr)])[0].clone();
    w.ok("PBD.unplug", std::slice::from_ref(&link));
    assert!(w.calls().contains(&"sr_detach".to_string()));
    // A driver that is another version now, and one that is gone.
    install(&w.drivers(), "1.1");
    w.restart();
    assert_eq!(w.rows()[0]["version"], "1.1");
    assert_eq!(w.rows().len(), 1);
    fs::remove_file(w.drivers().join("FancySR")).expect("removed");
    w.restart();
    assert!(w.rows().is_empty());
    let host = w.ok("host.get_all", &[])[0].clone();
    let unknown = w.err("SR.probe", &[host, json!({}), json!("fancy"), json!({})]);
    assert_eq!(unknown.code, "SR_UNKNOWN_DRIVER");
    // A start plugs what is not plugged, once the driver is there again.
    install(&w.drivers(), "1.1");
    w.restart();
    w.ok("PBD.plug", std::slice::from_ref(&link));
    for disk in w.ok("SR.get_VDIs", &[json!(sr)]).as_array().cloned().unwrap_or_default() {
        w.ok("VDI.destroy", &[disk]);
    }
    w.ok("PBD.unplug", &[link]);
    w.ok("SR.destroy", &[json!(sr)]);
    assert!(fs::read_dir(&data).expect("a directory").next().is_none());
}

/// Disks of an SR whose files lie in `dir`.
fn disks(w: &mut World, sr: &str, dir: &Path) {
    let members = |size: i64| {
        json!({"SR": sr, "name_label": "disk", "name_description": "text", "virtual_size": size, "type": "user",
               "sharable": false, "read_only": false, "other_config": {"key": "value"}, "tags": ["tag"]})
    };
    let disk = w.text("VDI.create", &[members(8 << 20)]);
    let row = w.ok("VDI.get_record", &[json!(disk)]);
    let uuid = row["uuid"].as_str().unwrap_or_default().to_owned();
    assert_eq!((&row["name_label"], &row["other_config"]["key"]), (&json!("disk"), &json!("value")));
    assert_eq!(row["sm_config"], json!({"made-by": "fancy"}), "what the driver keeps stays");
    assert_eq!(row["virtual_size"].to_string().trim_matches('"'), (8 << 20).to_string());
    assert!(dir.join(&uuid).exists());
    let refused = w.err("VDI.create", &[members(1 << 40)]);
    assert_eq!(refused.code, "SR_BACKEND_FAILURE_79");
    assert_eq!(refused.params, ["", "VDI Invalid size [opterr=1099511627776]", "too much is asked\n"]);
    assert_eq!(w.ok("SR.get_VDIs", &[json!(sr)]).as_array().map(Vec::len), Some(1));

    // Bytes come through what the driver attached, and it is told when they are not needed any more.
    let content: Vec<u8> = (0..8u32 << 20).map(|n| (n / 4096) as u8).collect();
    fs::write(dir.join(&uuid), &content).expect("written");
    w.calls();
    assert_eq!(w.text("VDI.checksum", &[json!(disk)]), md5(&dir.join(&uuid)));
    let row = w.ok("VDI.get_record", &[json!(disk)]);
    assert_eq!(row["xenstore_data"]["storage-type"], "fancy");
    let caching = row["sm_config"].as_object().cloned().unwrap_or_default();
    assert!(
        caching.iter().any(|(k, v)| k.starts_with("read-caching-enabled-on-") && v == "false"),
        "{caching:?}"
    );
    assert!(caching.values().any(|v| v == "NO_RO_IMAGE"), "{caching:?}");
    let snapshot = w.text("VDI.snapshot", &[json!(disk), json!({})]);
    let calls = w.calls();
    let wanted = ["vdi_attach false", "vdi_activate false", "vdi_deactivate", "vdi_detach", "vdi_snapshot"];
    assert_eq!(&calls[..5], wanted, "{calls:?}");
    let row = w.ok("VDI.get_record", &[json!(snapshot)]);
    assert_eq!((&row["is_a_snapshot"], &row["snapshot_of"]), (&json!(true), &json!(disk)));
    assert_eq!((&row["name_label"], &row["tags"]), (&json!("disk"), &json!(["tag"])));
    assert_eq!(fs::read(dir.join(row["uuid"].as_str().unwrap_or_default())).expect("a file"), content);
    let clone = w.text("VDI.clone", &[json!(disk), json!({})]);
    assert_eq!(w.ok("VDI.get_is_a_snapshot", &[json!(clone)]), json!(false));
    w.ok("VDI.resize", &[json!(clone), json!(16 << 20)]);
    assert_eq!(
        w.ok("VDI.get_virtual_size", &[json!(clone)]).to_string().trim_matches('"'),
        (16 << 20).to_string()
    );
    let copy =
        w.text("VDI.copy", &[json!(disk), json!(sr), json!("OpaqueRef:NULL"), json!("OpaqueRef:NULL")]);
    assert_eq!(w.text("VDI.checksum", &[json!(copy)]), md5(&dir.join(&uuid)));
    for gone in [&snapshot, &clone, &copy] {
        w.ok("VDI.destroy", &[json!(gone)]);
        assert_eq!(w.err("VDI.get_uuid", &[json!(gone)]).code, "HANDLE_INVALID");
    }
    assert_eq!(disks_in(dir), 1);
    calls_of_their_own(w, sr, dir, &disk);

    // Only the driver itself writes what drivers know.
    let denied = [
        w.err("VDI.set_virtual_size", &[json!(disk), json!(1)]),
        w.err("VDI.db_forget", &[json!(disk)]),
        w.err("SR.set_physical_size", &[json!(sr), json!(1)]),
    ];
    assert!(denied.iter().all(|failure| failure.code == "PERMISSION_DENIED"), "{denied:?}");
    let other = "6f2c1a3e-0000-4000-8000-0123456789ab";
    fs::write(dir.join(other), [0; 4096]).expect("written");
    w.ok("SR.scan", &[json!(sr)]);
    let found = w.text("VDI.get_by_uuid", &[json!(other)]);
    assert_eq!(w.text("VDI.get_name_label", &[json!(found)]), "found");
    fs::remove_file(dir.join(other)).expect("removed");
    w.ok("SR.scan", &[json!(sr)]);
    assert_eq!(w.err("VDI.get_uuid", &[json!(found)]).code, "HANDLE_INVALID");
    w.ok("SR.update", &[json!(sr)]);
    assert_eq!(
        w.ok("SR.get_physical_size", &[json!(sr)]).to_string().trim_matches('"'),
        (64_i64 << 30).to_string()
    );
    assert_eq!(w.err("VDI.revert", &[json!(disk)]).code, "REVERT_ONLY_ALLOWED_ON_SNAPSHOT");
}

/// Files of disks, without what the driver keeps beside them.
fn disks_in(dir: &Path) -> usize {
    let entries = fs::read_dir(dir).expect("a directory").flatten();
    entries.filter(|entry| !entry.file_name().to_string_lossy().contains('.')).count()
}

/// What only some drivers have: reverts, changed blocks, introductions, texts to attach by, names, and the ends of a
/// guest's time on a disk.
fn calls_of_their_own(w: &mut World, sr: &str, dir: &Path, disk: &str) {
    let location = w.text("VDI.get_location", &[json!(disk)]);
    let file = dir.join(&location);
    let put = |at: usize, byte: u8| {
        let mut bytes = fs::read(&file).expect("read");
        bytes[at] = byte;
        fs::write(&file, bytes).expect("written");
    };
    w.ok("VDI.set_name_label", &[json!(disk), json!("new name")]);
    assert_eq!(fs::read_to_string(dir.join(format!("{location}.name"))).expect("told"), "new name");
    let host = w.ok("host.get_all", &[])[0].clone();
    let uuid = w.text("VDI.get_uuid", &[json!(disk)]);
    let text = w.text("VDI.generate_config", &[host.clone(), json!(disk)]);
    assert_eq!(text, format!("attach {uuid} on {}", host.as_str().unwrap_or_default()));

    w.ok("VDI.enable_cbt", &[json!(disk)]);
    assert!(w.calls().contains(&"vdi_enable_cbt".to_string()));
    assert_eq!(w.ok("VDI.get_cbt_enabled", &[json!(disk)]), json!(true));
    put(0, 1);
    let snapshot = w.text("VDI.snapshot", &[json!(disk), json!({})]);
    assert_eq!(w.ok("VDI.get_cbt_enabled", &[json!(snapshot)]), json!(true));
    put(3 << 16, 9);
    let told = w.text("VDI.list_changed_blocks", &[json!(snapshot), json!(disk)]);
    assert!(told.starts_with("EAAA"), "the fourth block: {told}");
    let refused = w.err("VDI.list_changed_blocks", &[json!(disk), json!(disk)]);
    assert_eq!(refused.code, "SR_BACKEND_FAILURE_460");
    w.ok("VDI.disable_cbt", &[json!(disk)]);
    w.ok("VDI.revert", &[json!(snapshot)]);
    let frozen = dir.join(w.text("VDI.get_location", &[json!(snapshot)]));
    assert!(fs::read(&file).expect("read") == fs::read(frozen).expect("read"), "not reverted");
    w.ok("VDI.destroy", &[json!(snapshot)]);

    let other = "7f2c1a3e-0000-4000-8000-0123456789ab";
    fs::write(dir.join(other), [0; 4096]).expect("written");
    let introduce = |location: &str| {
        let mut args =
            vec![json!(location), json!("mine"), json!(""), json!(sr), json!("user"), json!(false)];
        args.extend([json!(false), json!({"key": "value"}), json!(location), json!({})]);
        args.push(json!({"told": "by the caller"}));
        args
    };
    let made = w.text("VDI.introduce", &introduce(other));
    let row = w.ok("VDI.get_record", &[json!(made)]);
    assert_eq!((&row["name_label"], &row["other_config"]), (&json!("mine"), &json!({"key": "value"})));
    assert_eq!(w.err("VDI.introduce", &introduce(other)).code, "LOCATION_NOT_UNIQUE");
    assert_eq!(w.err("VDI.introduce", &introduce("nowhere")).code, "VDI_MISSING");
    w.ok("VDI.destroy", &[json!(made)]);

    // A guest starts on what the disk was when it first did so, and its driver hears of both ends.
    let vm = a_guest(w, disk);
    w.ok("VDI.set_on_boot", &[json!(disk), json!("reset")]);
    put(0, 7);
    for _ in 0..2 {
        w.calls();
        w.ok("VM.start", &[json!(vm), json!(false), json!(false)]);
        assert_eq!(fs::read(&file).expect("read")[0], 7);
        put(0, 8);
        w.ok("VM.hard_shutdown", &[json!(vm)]);
        let calls = w.calls();
        let wanted = [
            "vdi_epoch_begin",
            "vdi_attach true",
            "vdi_activate true",
            "vdi_deactivate",
            "vdi_detach",
            "vdi_epoch_end",
        ];
        assert_eq!(calls, wanted);
    }
    w.ok("VDI.set_on_boot", &[json!(disk), json!("persist")]);
    w.ok("VM.destroy", &[json!(vm)]);
}

/// A halted guest with the disk.
fn a_guest(w: &mut World, disk: &str) -> String {
    let mib = |n: i64| json!(n << 20);
    let mut members = json!({
        "name_label": "guest", "name_description": "", "user_version": 1, "is_a_template": false,
        "affinity": "OpaqueRef:NULL", "memory_target": 0, "memory_static_max": mib(256),
        "memory_dynamic_max": mib(256), "memory_dynamic_min": mib(128), "memory_static_min": mib(64),
        "VCPUs_params": {}, "VCPUs_max": 1, "VCPUs_at_startup": 1, "actions_after_shutdown": "destroy",
        "actions_after_reboot": "restart", "actions_after_crash": "restart", "HVM_boot_policy": "BIOS order",
        "HVM_boot_params": {}, "platform": {}, "other_config": {},
    });
    for text in [
        "PV_bootloader",
        "PV_kernel",
        "PV_ramdisk",
        "PV_args",
        "PV_bootloader_args",
        "PV_legacy_args",
        "PCI_bus",
        "recommendations",
    ] {
        members[text] = json!("");
    }
    let vm = w.text("VM.create", &[members]);
    w.ok("VBD.create", &[json!({
        "VM": vm, "VDI": disk, "userdevice": "0", "bootable": false, "mode": "RW", "type": "Disk",
        "unpluggable": true, "empty": false, "other_config": {}, "qos_algorithm_type": "", "qos_algorithm_params": {},
    })]);
    vm
}
