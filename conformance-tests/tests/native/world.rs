//! One daemon with two storage repositories, and everything a test asks of it. Ends what it started.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use conformance_tests::{
    rpc::{Client, Failure},
    server::{Options, ROOT_PASSWORD, Server, xapi, xe},
    transfer,
};
use serde_json::{Value, json};

/// How long anything may take before the test gives up; not an expectation about speed.
const PATIENCE: Duration = Duration::from_secs(180);

/// A file system of its own in a file.
struct Mounted(PathBuf);

impl Mounted {
    /// ext4 on a loop device; nothing, with a reason, where this user or machine can't.
    fn new(dir: &Path) -> Result<Mounted, String> {
        let (image, at) = (dir.join("ext4.img"), dir.join("ext4"));
        fs::create_dir_all(&at).map_err(|e| e.to_string())?;
        fs::File::create(&image).and_then(|file| file.set_len(4 << 30)).map_err(|e| e.to_string())?;
        let run = |program: &str, args: &[&std::ffi::OsStr]| {
            let output = Command::new(program).args(args).output().map_err(|e| format!("{program}: {e}"))?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            if output.status.success() { Ok(()) } else { Err(format!("{program}: {said}")) }
        };
        run("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), image.as_ref()])?;
        run("mount", &["-o".as_ref(), "loop".as_ref(), image.as_ref(), at.as_ref()])?;
        Ok(Mounted(at))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// A daemon with real disks.
pub struct World {
    pub server: Server,
    client: Client,
    /// A directory in memory, then ext4 where that can be had, else another directory.
    pub srs: Vec<Repository>,
    run: PathBuf,
    mounted: Option<Mounted>,
    dir: tempfile::TempDir,
}

/// A storage repository.
pub struct Repository {
    pub uuid: String,
    pub reference: String,
    pub location: PathBuf,
}

impl World {
    pub fn new() -> World {
        let memory = Path::new("/dev/shm");
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("xn");
        let dir = builder.tempdir_in(memory).or_else(|_| builder.tempdir()).expect("a directory");
        let run = dir.path().join("run");
        let options = Options { real_disks: Some(run.clone()), nbd: true, tls: true, ..Options::default() };
        let server = Server::start(&options).expect("the daemon starts");
        let client = Client::root(&server).expect("root logs in");
        let mounted = Mounted::new(dir.path());
        if let Err(why) = &mounted {
            assert!(std::env::var("CI").is_err(), "no file system of its own: {why}");
            eprintln!("SKIPPED: ext4 on a loop device, a plain directory is used: {why}");
        }
        let mounted = mounted.ok();
        let mut world = World { server, client, srs: Vec::new(), run, mounted, dir };
        let second = world.mounted.as_ref().map(|m| m.0.join("sr"));
        for (name, place) in [("first", None), ("second", second)] {
            let location = place.unwrap_or_else(|| world.dir.path().join(name));
            let config = format!("device-config:location={}", location.display());
            let label = format!("name-label={name}");
            let uuid = world.xe(&["sr-create", &label, "type=file", "content-type=user", &config]);
            let reference = world.text("SR.get_by_uuid", &[json!(uuid)]);
            world.srs.push(Repository { uuid, reference, location });
        }
        let pool = world.xe(&["pool-list", "--minimal"]);
        let (first, uuid) = (world.srs[0].uuid.clone(), format!("uuid={pool}"));
        for key in ["default-SR", "suspend-image-SR"] {
            world.xe(&["pool-param-set", &uuid, &format!("{key}={first}")]);
        }
        world
    }

    /// A file of the test's own.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What `xe` says, which must succeed.
    pub fn xe(&self, args: &[&str]) -> String {
        let (well, said) = self.try_xe(args);
        assert!(well, "xe {}: {said}", args.join(" "));
        said
    }

    /// Whether `xe` succeeded, and what it said.
    pub fn try_xe(&self, args: &[&str]) -> (bool, String) {
        let address = self.server.http();
        let output = Command::new(xe().expect("xe is built"))
            .args(["-s", &address.ip().to_string(), "-p", &address.port().to_string()])
            .args(["-u", "root", "-pw", ROOT_PASSWORD])
            .args(args)
            .env("HOME", self.dir.path())
            .stdin(Stdio::null())
            .output()
            .expect("xe runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
        match output.status.success() {
            true => (true, text(&output.stdout)),
            false => (false, text(&output.stdout) + &text(&output.stderr)),
        }
    }

    /// A call that must succeed.
    pub fn call(&mut self, method: &str, args: &[Value]) -> Value {
        self.client.expect(method, args).unwrap_or_else(|why| panic!("{why}"))
    }

    /// A call that may be refused.
    pub fn try_call(&mut self, method: &str, args: &[Value]) -> Result<Value, Failure> {
        self.client.call(method, args).unwrap_or_else(|why| panic!("{why}"))
    }

    /// A call that answers a text.
    pub fn text(&mut self, method: &str, args: &[Value]) -> String {
        let answer = self.call(method, args);
        answer.as_str().unwrap_or_else(|| panic!("{method}: {answer}")).to_string()
    }

    /// One field of an object.
    pub fn get(&mut self, class: &str, field: &str, reference: &str) -> Value {
        self.call(&format!("{class}.get_{field}"), &[json!(reference)])
    }

    pub fn records(&mut self, class: &str) -> BTreeMap<String, Value> {
        match self.call(&format!("{class}.get_all_records"), &[]) {
            Value::Object(found) => found.into_iter().collect(),
            other => panic!("{class}: {other}"),
        }
    }

    pub fn session(&self) -> String {
        self.client.session().to_string()
    }

    /// Waits for what must come.
    pub fn wait<T>(&mut self, what: &str, mut look: impl FnMut(&mut World) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(
                Instant::now() < end,
                "{what} never came; files: {:?} {:?}",
                self.files(0),
                self.files(1)
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits for a task to end: its record, which is destroyed.
    pub fn ended(&mut self, task: &str) -> Value {
        let task = task.to_string();
        let record = self.wait("the end of a task", |world| {
            let record = world.call("task.get_record", &[json!(task)]);
            (record["status"] != "pending" && record["status"] != "cancelling").then_some(record)
        });
        self.call("task.destroy", &[json!(task)]);
        record
    }

    /// A task for a transfer.
    pub fn task(&mut self) -> String {
        self.text("task.create", &[json!("a transfer"), json!("")])
    }

    /// A new disk of `mib` MiB: reference and uuid.
    pub fn disk(&mut self, sr: usize, mib: u64) -> (String, String) {
        let record = json!({
            "name_label": "disk", "name_description": "", "SR": self.srs[sr].reference,
            "virtual_size": (mib << 20).to_string(), "type": "user", "sharable": false, "read_only": false,
            "other_config": {}, "xenstore_data": {}, "sm_config": {}, "tags": [],
        });
        let reference = self.text("VDI.create", &[record]);
        let uuid = self.text("VDI.get_uuid", &[json!(reference)]);
        (reference, uuid)
    }

    /// Puts bytes into a disk.
    pub fn fill(&mut self, disk: &str, content: &[u8]) {
        let record = self.upload(&format!("/import_raw_vdi?vdi={disk}&format=raw"), content);
        assert_eq!(record["status"], "success", "{record}");
    }

    /// Uploads with a task: the task's record at its end.
    pub fn upload(&mut self, path: &str, content: &[u8]) -> Value {
        let task = self.task();
        let path = format!("{path}&session_id={}&task_id={task}", self.session());
        let answer = transfer::put(self.server.http(), &path, content.len() as u64, &mut &content[..]);
        if let Ok(answer) = answer {
            // The connection ends when the work does.
            let _ = answer.bytes();
        }
        self.ended(&task)
    }

    /// What a path answers, which must be a download.
    pub fn download(&mut self, path: &str) -> Vec<u8> {
        let path = format!("{path}&session_id={}", self.session());
        let answer = transfer::get(self.server.http(), &path).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.bytes().expect("a whole download")
    }

    /// The bytes of a disk.
    pub fn bytes(&mut self, disk: &str) -> Vec<u8> {
        self.download(&format!("/export_raw_vdi?vdi={disk}&format=raw"))
    }

    /// A VM without any device: reference and uuid.
    pub fn vm(&mut self, name: &str) -> (String, String) {
        let uuid =
            self.xe(&["vm-install", "template=Other install media", &format!("new-name-label={name}")]);
        (self.text("VM.get_by_uuid", &[json!(uuid)]), uuid)
    }

    /// Gives a VM a disk.
    pub fn attach(&mut self, vm: &str, disk: &str, device: &str) -> String {
        let record = json!({
            "VM": vm, "VDI": disk, "userdevice": device, "bootable": false, "mode": "RW", "type": "Disk",
            "unpluggable": true, "empty": false, "other_config": {}, "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        });
        self.text("VBD.create", &[record])
    }

    /// Where the disk server of an open disk listens.
    pub fn socket(&self, uuid: &str) -> PathBuf {
        self.run.join("disks").join(uuid).join("nbd")
    }

    /// Uuids of disks that are open.
    pub fn open_disks(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.run.join("disks")).into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
    }

    /// Disk servers of this world by the disk they serve: their processes.
    pub fn servers(&self) -> BTreeMap<String, u32> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
            let words: Vec<String> =
                line.split(|b| *b == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            let socket = words.iter().skip_while(|word| *word != "--socket").nth(1);
            let disk = socket.and_then(|s| Path::new(s).strip_prefix(self.run.join("disks")).ok()?.parent());
            if let Some(disk) = disk {
                found.insert(disk.display().to_string(), pid);
            }
        }
        found
    }

    /// Kills the daemon as a power cut would, and starts it on what it left.
    pub fn restart(&mut self) {
        self.server.restart().expect("the daemon starts again");
        self.client = Client::root(&self.server).expect("root logs in");
    }

    /// Bytes of memory the daemon uses.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.pid())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Files of an SR by name.
    pub fn files(&self, sr: usize) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.srs[sr].location).expect("the SR's directory");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    /// Everything there is belongs to something: no file without a row, no row without a file, no half-made file, no
    /// server without a guest, and every image is sound.
    pub fn assert_tidy(&mut self) {
        self.assert_files();
        let wanted = self.disks_of_guests();
        let open = self.wait("an end of disks nobody uses", |world| {
            let open = world.open_disks();
            (open == wanted).then_some(open)
        });
        let servers: BTreeSet<String> = self.servers().into_keys().collect();
        assert!(servers.is_subset(&open), "servers of nothing: {servers:?}, open: {open:?}");
    }

    fn assert_files(&mut self) {
        for sr in 0..self.srs.len() {
            let home = self.srs[sr].reference.clone();
            let rows = |world: &mut World| -> BTreeMap<String, bool> {
                let rows = world.records("VDI").into_values().filter(|row| row["SR"] == home.as_str());
                rows.map(|row| (row["location"].as_str().unwrap_or("").into(), row["managed"] == true))
                    .collect()
            };
            let before = rows(self);
            self.call("SR.scan", &[json!(home)]);
            let after = rows(self);
            let new: Vec<_> =
                after.iter().filter(|(at, shown)| **shown && !before.contains_key(*at)).collect();
            assert!(new.is_empty(), "volumes without a row: {new:?}");
            let lost: Vec<_> =
                before.iter().filter(|(at, shown)| **shown && !after.contains_key(*at)).collect();
            assert!(lost.is_empty(), "rows without a volume: {lost:?}");
            // A merge that is going on keeps notes of its own until it is done.
            self.wait("an end of files that belong to nothing", |world| {
                let belongs = |name: &String| {
                    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
                    matches!(ending, "vhd" | "raw" | "qcow2" | "cbtlog") && after.contains_key(stem)
                };
                world.files(sr).iter().all(belongs).then_some(())
            });
        }
    }

    /// Disks that guests which run use, read-only media not counted.
    fn disks_of_guests(&mut self) -> BTreeSet<String> {
        let (vms, disks) = (self.records("VM"), self.records("VDI"));
        let mut wanted = BTreeSet::new();
        for slot in self.records("VBD").into_values() {
            let vm = &vms[slot["VM"].as_str().expect("a VM")];
            let runs = matches!(vm["power_state"].as_str(), Some("Running" | "Paused"));
            let disk = disks.get(slot["VDI"].as_str().unwrap_or(""));
            if let Some(disk) =
                disk.filter(|_| runs && slot["currently_attached"] == true && vm["is_control_domain"] != true)
            {
                wanted.insert(disk["uuid"].as_str().expect("a uuid").to_string());
            }
        }
        wanted
    }

    /// What the engine's own audit says of every image.
    pub fn assert_sound(&self, sr: usize) {
        let engine = xapi().expect("built").with_file_name("xennix-disk");
        for name in self.files(sr).into_iter().filter(|name| name.ends_with(".vhd")) {
            let path = self.srs[sr].location.join(name);
            let output = Command::new(&engine).arg("check").arg(&path).output().expect("the engine runs");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.code() != Some(2), "{}: {said}", path.display());
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The servers of disks outlive the daemon; not this test.
        for pid in self.servers().into_values() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

/// Bytes nobody would guess, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A disk's content: noise in some stretches, zeros between.
pub fn content(seed: u64, mib: usize) -> Vec<u8> {
    let mut bytes = vec![0; mib << 20];
    for (at, piece) in bytes.chunks_mut(1 << 20).enumerate().filter(|(at, _)| at % 3 == seed as usize % 3) {
        let some = noise(seed + at as u64, 300_000);
        piece[4_096..4_096 + some.len()].copy_from_slice(&some);
    }
    bytes
}
