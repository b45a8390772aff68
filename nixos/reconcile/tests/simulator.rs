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
        Site::start_with(&Options::default())
    }

    fn start_with(options: &Options) -> Site {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("guests")).unwrap();
        std::fs::write(dir.path().join("password"), ROOT_PASSWORD).unwrap();
        Site { server: Server::start(options).unwrap(), dir }
    }

    /// Over the network, trusting what `more` says.
    fn run_at(&self, url: &str, domains: &Value, more: &[&str]) -> Output {
        let file = self.dir.path().join("manifest.json");
        std::fs::write(&file, manifest(self.dir.path(), domains.clone()).to_string()).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["apply", "--wait", "60", "--url", url, "--password-file"]);
        command.arg(self.dir.path().join("password")).args(more).arg(file).output().unwrap()
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
        let address = Address::parse(&self.server.url(), None).unwrap();
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
    // What it is told before it asks.
    let told = |field: &str, vm: &Value| vm[field].to_string();
    let blocked = &web["blocked_operations"];
    assert!(blocked["destroy"].as_str().unwrap().contains("xennix.domains.web"), "{blocked}");
    assert!(blocked.get("start").is_none() && blocked.get("snapshot").is_none(), "{blocked}");
    assert!(!told("allowed_operations", &web).contains("\"changing_VCPUs_live\""), "{web}");
    client.call("VM.hard_shutdown", [reference.clone()]).await.unwrap();
    let halted = client.call("VM.get_record", [reference.clone()]).await.unwrap();
    let allowed = told("allowed_operations", &halted);
    assert!(allowed.contains("\"start\"") && !allowed.contains("\"destroy\""), "{allowed}");
    refuse_bytes(&site, &client, &web).await;
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

/// No handler and no other guest writes into a declared disk; the reconciler's own copy of the store got in.
async fn refuse_bytes(site: &Site, client: &Client, web: &Value) {
    let vdis = client.call("VDI.get_all_records", []).await.unwrap();
    let disk = |label: &str| {
        let found = vdis.as_object().unwrap().iter().find(|(_, vdi)| vdi["name_label"] == label);
        found.map(|(reference, _)| reference.clone()).unwrap()
    };
    let (root, store) = (disk("web root"), disk("web store"));
    let bytes = site.dir.path().join("bytes");
    std::fs::write(&bytes, vec![1u8; 4096]).unwrap();
    for target in [&root, &store] {
        let refused = client.fill(target, &bytes).await.unwrap_err().to_string();
        assert!(refused.contains("OPERATION_BLOCKED") && refused.contains("xennix.domains.web"), "{refused}");
    }
    let allowed = &vdis[&root]["allowed_operations"];
    let has = |op: &str| allowed.as_array().unwrap().contains(&json!(op));
    assert!(has("snapshot") && !has("destroy") && !has("resize"), "{allowed}");
    let free = json!({
        "name_label": "free", "name_description": "", "SR": vdis[&root]["SR"], "virtual_size": 64 << 20,
        "type": "user", "sharable": false, "read_only": false, "other_config": {}, "xenstore_data": {},
        "sm_config": {}, "tags": [],
    });
    let free = client.call("VDI.create", [free]).await.unwrap();
    client.fill(free.as_str().unwrap(), &bytes).await.unwrap();
    let none = json!("OpaqueRef:NULL");
    let refused = client.call("VDI.copy", [free.clone(), none.clone(), none, json!(root)]).await.unwrap_err();
    assert!(refused.to_string().contains("OPERATION_BLOCKED"), "{refused}");

    let clone = client.call("VM.get_by_uuid", [web["uuid"].clone()]).await.unwrap();
    let clone = client.call("VM.clone", [clone, json!("a copy")]).await.unwrap();
    assert_eq!(client.call("VM.get_blocked_operations", [clone.clone()]).await.unwrap(), json!({}));
    let vbd = |mode: &str| {
        json!({
            "VM": clone, "VDI": root, "userdevice": "7", "bootable": false, "mode": mode, "type": "Disk",
            "unpluggable": true, "empty": false, "other_config": {}, "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        })
    };
    let refused = client.call("VBD.create", [vbd("RW")]).await.unwrap_err().to_string();
    assert!(refused.contains("OPERATION_BLOCKED"), "{refused}");
    let reading = client.call("VBD.create", [vbd("RO")]).await.unwrap();
    let refused = client.call("VBD.set_mode", [reading, json!("RW")]).await.unwrap_err().to_string();
    assert!(refused.contains("OPERATION_BLOCKED"), "{refused}");
    let devices = client.call("VM.get_VBDs", [clone.clone()]).await.unwrap();
    client.call("VM.destroy", [clone]).await.unwrap();
    // A copy's disks go with it by hand.
    let mut disks: Vec<Value> = vec![free];
    let now = client.call("VDI.get_all_records", []).await.unwrap();
    let copied = |vdi: &Value| {
        let label = vdi["name_label"].as_str().unwrap();
        label.starts_with("web ") && vdi["VBDs"].as_array().unwrap().is_empty()
    };
    disks.extend(now.as_object().unwrap().iter().filter(|(_, v)| copied(v)).map(|(k, _)| json!(k)));
    assert_eq!(disks.len(), 1 + 2, "{devices}");
    for one in disks {
        client.call("VDI.destroy", [one]).await.unwrap();
    }
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

/// Text of the program's complaint.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn over_tls_a_server_is_known_by_its_certificate() {
    let site = Site::start_with(&Options { tls: true, ..Options::default() });
    let image = site.dir.path().join("store.img");
    std::fs::write(&image, vec![7u8; 3 << 20]).unwrap();
    let declared = json!([domain("web", "01", 256, Some(&image))]);
    let url = format!("https://{}", site.server.https().unwrap());
    let own = site.server.dir().join("state/xapi-ssl.pem");
    let own = own.to_str().unwrap();

    let output = site.run_at(&url, &declared, &["--ca-file", own]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let client = site.client().await;
    assert_eq!(guests(&client).await.len(), 1);
    client.log_out().await;

    // The fingerprint is told by whoever is asked with a wrong one.
    let zeros = "00".repeat(32);
    let said = complaint(&site.run_at(&url, &declared, &["--fingerprint", &zeros]));
    assert!(said.contains("this is not the server it should be"), "{said}");
    let (_, rest) = said.split_once("has the fingerprint ").unwrap();
    let fingerprint = rest.split(',').next().unwrap();
    let output = site.run_at(&url, &declared, &["--fingerprint", fingerprint]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "everything is as declared\n");

    let said = complaint(&site.run_at(&url, &declared, &[]));
    assert!(said.contains("--ca-file or --fingerprint"), "{said}");
    let said = complaint(&site.run_at(&site.server.url(), &declared, &["--fingerprint", fingerprint]));
    assert!(said.contains("https:// only"), "{said}");
    let said = complaint(&site.run_at(&url, &declared, &["--fingerprint", "AB:CD"]));
    assert!(said.contains("64 hexadecimal digits"), "{said}");
    std::fs::write(site.dir.path().join("none.pem"), "nothing\n").unwrap();
    let none = site.dir.path().join("none.pem");
    let said = complaint(&site.run_at(&url, &declared, &["--ca-file", none.to_str().unwrap()]));
    assert!(said.contains("holds no certificate"), "{said}");
    std::fs::write(site.dir.path().join("password"), "wrong").unwrap();
    let said = complaint(&site.run_at(&url, &declared, &["--fingerprint", fingerprint]));
    assert!(said.contains("the server refuses the login"), "{said}");
}

#[tokio::test]
async fn an_authority_vouches_for_names_and_for_nothing_else() {
    let authority = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        (rcgen::Issuer::new(params, key), pem)
    };
    let ((issuer, vouches), (_, stranger)) = (authority("ours"), authority("another"));
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    let pem = format!("{}{}", leaf.pem(), key.serialize_pem());
    let files = vec![("xapi-ssl.pem".into(), pem)];
    let site = Site::start_with(&Options { tls: true, files, ..Options::default() });
    let at = |name: &str, text: &str| {
        let path = site.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (vouches, stranger) = (at("ours.pem", &vouches), at("another.pem", &stranger));
    let (address, nothing) = (site.server.https().unwrap(), json!([]));
    let by_name = format!("https://localhost:{}", address.port());

    let output = site.run_at(&by_name, &nothing, &["--ca-file", &vouches]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = complaint(&site.run_at(&by_name, &nothing, &["--ca-file", &stranger]));
    assert!(said.contains("does not vouch for"), "{said}");
    let said = complaint(&site.run_at(&format!("https://{address}"), &nothing, &["--ca-file", &vouches]));
    assert!(said.contains("does not vouch for") && said.contains("name"), "{said}");
}
