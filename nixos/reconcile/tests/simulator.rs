//! The program against the daemon on its simulator: guests come, change and go through the API alone, a run killed
//! anywhere is completed by the next, clients are told which option to change.

#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use conformance_tests::server::{Options, ROOT_PASSWORD, Server};
use serde_json::{Value, json};
use xennix_manifest::client::{Address, Client};

const PROGRAM: &str = env!("CARGO_BIN_EXE_xennix-reconcile");

fn manifest(dir: &Path, domains: Value) -> Value {
    json!({
        "schemaVersion": 1, "hostUuid": "b9e6a9d0-7a0e-4c61-9f6e-2a3a3a1f0c55",
        "pool": {"nameLabel": "laboratory", "nameDescription": ""},
        "host": {"nameLabel": "dom0", "nameDescription": "declared"},
        "networks": [
            network("xenbr0", "1e301aa8-6e81-55d3-a51a-5f83463b3737"),
            network("xenbr7", "1e301aa8-6e81-55d3-a51a-5f83463b3738"),
        ],
        "storage": [{
            "name": "local", "uuid": "bbb33f53-05b9-5441-95b7-b7e99a0b9420", "label": "declared storage",
            "description": "", "adopted": false, "create": true, "policy": "power", "type": "file",
            "contentType": "user", "shared": false, "default": true,
            "deviceConfig": {"location": dir.join("guests").display().to_string()},
            "option": "xennix.storage.repositories.local",
        }],
        "domains": domains,
        "policy": {"lock": true, "removeOthers": false, "suspendRepository": "local"},
    })
}

/// The first is there already, with a card of the simulated machine; the other is made.
fn network(bridge: &str, uuid: &str) -> Value {
    json!({
        "name": bridge, "bridge": bridge, "uuid": uuid, "label": format!("on {bridge}"), "description": "",
        "policy": "power", "management": false, "mtu": 1500,
        "option": format!("xennix.network.bridges.{bridge}"),
    })
}

fn domain(name: &str, uuid: &str, memory: u64, image: Option<&Path>) -> Value {
    let mut disks = vec![json!({
        "name": "root", "repository": "local", "readOnly": false, "bootable": true,
        "uuid": format!("871e0c2f-e27c-56ef-ab0d-0000000000{uuid}"), "adopted": false, "position": 0,
        "size": 64 << 20, "path": null, "keep": false,
    })];
    if let Some(image) = image {
        disks.push(json!({
            "name": "store", "repository": null, "readOnly": true, "bootable": false,
            "uuid": format!("3b080607-67b6-5a8c-9bf7-0000000000{uuid}"), "adopted": false, "position": 1,
            "size": null, "path": image.display().to_string(), "keep": true,
        }));
    }
    json!({
        "name": name, "uuid": format!("7c9a3f2e-40aa-4c1c-9f8a-0000000000{uuid}"), "label": name, "description": "",
        "type": "pvh", "autoStart": true, "startOrder": 0, "policy": "power", "onRemove": "destroy",
        "restartIfChanged": true, "ephemeral": false, "pci": [], "extraRecord": {}, "memory": memory,
        "vcpus": {"count": 1, "max": 2, "weight": 256},
        "boot": {"kind": "direct", "kernel": "/boot/vmlinuz", "initrd": null, "cmdline": "quiet"},
        "disks": disks,
        "networks": [{
            "name": "lan", "bridge": "xenbr0", "position": 0, "mac": format!("52:54:00:00:00:{uuid}"), "locked": true,
            "addresses": ["192.0.2.20"],
        }],
        "option": format!("xennix.domains.{name}"),
    })
}

struct Site {
    server: Server,
    dir: tempfile::TempDir,
}

impl Site {
    fn start() -> Site {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("guests")).unwrap();
        Site { server: Server::start(&Options::default()).unwrap(), dir }
    }

    fn command(&self, domains: &Value, more: &[&str]) -> Command {
        let file = self.dir.path().join("manifest.json");
        std::fs::write(&file, manifest(self.dir.path(), domains.clone()).to_string()).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["apply", "--wait", "60", "--socket"]).arg(self.server.socket()).args(more).arg(file);
        command
    }

    fn run(&self, domains: &Value, more: &[&str]) -> Output {
        self.command(domains, more).output().unwrap()
    }

    fn apply(&self, domains: &Value) -> String {
        let output = self.run(domains, &[]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    fn plan(&self, domains: &Value) -> String {
        let output = self.run(domains, &["--dry-run"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// As another client, over the network.
    async fn client(&self) -> Client {
        let address = Address::parse(&self.server.url()).unwrap();
        Client::log_in_as(address, "root", ROOT_PASSWORD, "a client").await.unwrap()
    }
}

async fn all(client: &Client, class: &str) -> Vec<Value> {
    let records = client.call(&format!("{class}.get_all_records"), []).await.unwrap();
    records.as_object().unwrap().values().cloned().collect()
}

async fn guests(client: &Client) -> Vec<Value> {
    let is = |vm: &Value, field: &str| vm[field] == json!(true);
    let vms = all(client, "VM").await;
    vms.into_iter()
        .filter(|vm| {
            !["is_a_template", "is_a_snapshot", "is_control_domain"].iter().any(|field| is(vm, field))
        })
        .collect()
}

fn number(value: &Value) -> u64 {
    value.as_str().map_or_else(|| value.as_u64(), |text| text.parse().ok()).unwrap()
}

#[tokio::test]
async fn guests_come_change_and_go() {
    let site = Site::start();
    let image = site.dir.path().join("store.img");
    std::fs::write(&image, vec![7u8; 3 << 20]).unwrap();
    let one = json!([domain("web", "01", 256, Some(&image)), domain("db", "02", 256, None)]);

    let planned = site.plan(&one);
    assert!(planned.contains("+ xennix.domains.web: make the guest"), "{planned}");
    let client = site.client().await;
    assert!(guests(&client).await.is_empty(), "a dry run makes nothing");

    site.apply(&one);
    let made = guests(&client).await;
    assert_eq!(made.len(), 2);
    assert!(made.iter().all(|vm| vm["power_state"] == "Running"), "{made:?}");
    let web = made.iter().find(|vm| vm["name_label"] == "web").unwrap().clone();
    assert_eq!(web["VBDs"].as_array().unwrap().len(), 2);
    let vdis = all(&client, "VDI").await;
    let store = vdis.iter().find(|vdi| vdi["name_label"] == "web store").unwrap();
    assert!(number(&store["virtual_size"]) >= 3 << 20);
    let vif = all(&client, "VIF").await.into_iter().find(|vif| vif["MAC"] == "52:54:00:00:00:01").unwrap();
    assert_eq!(
        (vif["locking_mode"].as_str(), &vif["ipv4_allowed"]),
        (Some("locked"), &json!(["192.0.2.20"]))
    );
    assert_eq!(site.plan(&one), "everything is as declared\n");
    assert_eq!(site.apply(&one), "everything is as declared\n");
    assert_eq!(guests(&client).await, made, "nothing was touched");

    // Clients may run it, and are told where to change it.
    let reference = client.call("VM.get_by_uuid", [web["uuid"].clone()]).await.unwrap();
    let refused = client.call("VM.set_name_label", [reference.clone(), json!("mine")]).await.unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("OPERATION_BLOCKED") && refused.contains("xennix.domains.web"), "{refused}");
    client.call("VM.hard_shutdown", [reference.clone()]).await.unwrap();
    assert_eq!(site.plan(&one), "everything is as declared\n", "a guest somebody shut down stays down");
    client.call("VM.start", [reference, json!(false), json!(false)]).await.unwrap();

    // More memory takes a restart, another image another disk.
    let other = site.dir.path().join("other.img");
    std::fs::write(&other, vec![9u8; 1 << 20]).unwrap();
    let mut changed = json!([domain("web", "01", 512, Some(&other)), domain("db", "02", 256, None)]);
    changed[1]["restartIfChanged"] = json!(false);
    changed[1]["memory"] = json!(512);
    let planned = site.plan(&changed);
    assert!(planned.contains("! xennix.domains.web: shut \"web\" down"), "{planned}");
    assert!(planned.contains("= xennix.domains.db: needs a restart"), "{planned}");
    site.apply(&changed);
    let now = guests(&client).await;
    let memory =
        |name: &str| number(&now.iter().find(|vm| vm["name_label"] == name).unwrap()["memory_static_max"]);
    assert_eq!((memory("web"), memory("db")), (512 << 20, 256 << 20));
    assert!(now.iter().all(|vm| vm["power_state"] == "Running"));
    let stores = all(&client, "VDI").await.iter().filter(|vdi| vdi["name_label"] == "web store").count();
    assert_eq!(stores, 1, "the copy of the former image is gone");

    // What is no longer declared goes as it was told.
    changed.as_array_mut().unwrap().remove(0);
    site.apply(&changed);
    assert_eq!(guests(&client).await.len(), 1);
    let left = all(&client, "VDI").await;
    assert!(!left.iter().any(|vdi| vdi["name_label"].as_str().unwrap().starts_with("web ")), "{left:?}");
    client.log_out().await;
}

/// The program is killed after each number of steps it tells, and once more by the server's death.
#[tokio::test]
async fn a_run_killed_anywhere_is_completed_by_the_next() {
    use std::io::{BufRead, BufReader};
    let mut site = Site::start();
    let image = site.dir.path().join("store.img");
    std::fs::write(&image, vec![7u8; 1 << 20]).unwrap();
    let empty = json!([]);
    for cut in [1, 4, 7, 11, 16, 22] {
        let declared =
            json!([domain("web", "01", 256 + cut as u64, Some(&image)), domain("db", "02", 256, None)]);
        let mut child =
            site.command(&declared, &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let told =
            BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok).take(cut).count();
        child.kill().unwrap();
        child.wait().unwrap();
        if cut == 11 {
            site.server.restart().unwrap();
        }
        let plan = site.apply(&declared);
        assert_eq!(
            site.plan(&declared),
            "everything is as declared\n",
            "cut after {told}; the second run:\n{plan}"
        );
        let client = site.client().await;
        let found = guests(&client).await;
        assert_eq!(found.len(), 2, "cut after {told}");
        assert!(found.iter().all(|vm| vm["power_state"] == "Running"), "cut after {told}");
        let disks = all(&client, "VDI").await;
        let mine = disks.iter().filter(|vdi| vdi["other_config"].get("xennix:id").is_some()).count();
        assert_eq!(mine, 3, "cut after {told}");
        site.apply(&empty);
        assert!(guests(&client).await.is_empty());
        client.log_out().await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for_and_then_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("manifest.json");
    std::fs::write(&file, manifest(dir.path(), json!([])).to_string()).unwrap();
    let began = Instant::now();
    let output = Command::new(PROGRAM)
        .args(["apply", "--wait", "1", "--socket"])
        .arg(dir.path().join("none"))
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the server does not answer"));
    assert!(began.elapsed() >= Duration::from_secs(1), "it did not wait");
}

#[tokio::test]
async fn after_the_host_has_started_so_do_its_guests() {
    let site = Site::start();
    let marker = site.dir.path().join("run/started");
    let declared = json!([domain("web", "01", 256, None)]);
    site.apply(&declared);
    let client = site.client().await;
    let reference = client.call("VM.get_by_name_label", [json!("web")]).await.unwrap()[0].clone();
    client.call("VM.hard_shutdown", [reference.clone()]).await.unwrap();
    let with_marker = ["--boot-marker", marker.to_str().unwrap()];
    assert!(site.run(&declared, &with_marker).status.success());
    assert_eq!(client.call("VM.get_power_state", [reference.clone()]).await.unwrap(), "Running");
    client.call("VM.hard_shutdown", [reference.clone()]).await.unwrap();
    assert!(site.run(&declared, &with_marker).status.success());
    assert_eq!(client.call("VM.get_power_state", [reference]).await.unwrap(), "Halted", "started only once");
    client.log_out().await;
}
