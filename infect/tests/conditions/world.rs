//! A host against which nothing stands, and ways to change it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use infect::audit::{Audit, Found};
use infect::check::{self, Aliases, Facts, Live, Outcome};
use infect::host::gpt::{Gpt, Partition, Table, kind};
use infect::host::superblock::Content;
use infect::host::system_disk::SystemDisk;
use infect::host::tree::Directory;
use infect::host::{self, Host};
use infect::pool::{Pool, Row};

/// A host in a directory of its own, and what stands beside it.
pub struct World {
    pub root: tempfile::TempDir,
    pub pool: Option<Pool>,
    pub live: Live,
    pub aliases: Option<Aliases>,
    pub audits: Vec<Audit>,
    pub disk: Option<SystemDisk>,
    pub generation: Option<u64>,
    pub whole_pool: bool,
    pub now: i64,
    /// Facts of the machine that no file can show.
    pub machine: fn(&mut Host),
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/single-8.3")
}

/// The fixture's database, read once.
fn database() -> &'static Pool {
    static READ: OnceLock<Pool> = OnceLock::new();
    READ.get_or_init(|| Pool::open(&data().join("state.db.gz")).unwrap())
}

fn partition(number: u32, kind: &str, mib: u64) -> Partition {
    Partition {
        number,
        kind: kind.into(),
        guid: String::new(),
        start: 0,
        size: mib << 20,
        name: String::new(),
    }
}

pub fn disk() -> SystemDisk {
    let content = |label: &str| Content { kind: "ext3".into(), label: label.into(), uuid: String::new() };
    let partitions = vec![
        partition(1, kind::BASIC, 18432),
        partition(2, kind::BASIC, 18432),
        partition(4, kind::ESP, 512),
        partition(5, kind::BASIC, 4096),
    ];
    let gpt = Gpt { guid: String::new(), sector: 512, from_backup: false, copies_agree: true, partitions };
    SystemDisk {
        name: "disk".into(),
        size: 1 << 40,
        table: Table::Gpt(gpt),
        contents: BTreeMap::from([(1, content("root-x")), (5, content("logs-x"))]),
        groups: BTreeMap::new(),
        problems: Vec::new(),
    }
}

const ALIAS: &str = "pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00";

impl World {
    /// A host against which nothing stands: the fixture without its hard cases.
    pub fn new() -> World {
        let root = tempfile::tempdir().unwrap();
        copy(&data().join("host0"), root.path());
        let world = World {
            root,
            pool: Some(database().clone()),
            live: Live {
                clock_offset: Some(0.0),
                open: Some(vec![]),
                collecting: Some(vec![]),
                flows: Some(0),
                coordinator: None,
            },
            aliases: Some(
                Aliases::parse("modules.alias", b"alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\n")
                    .unwrap(),
            ),
            audits: vec![Audit::default()],
            disk: Some(disk()),
            generation: None,
            whole_pool: false,
            now: 1_760_000_000,
            machine: |_| {},
        };
        for path in host::FIRST_BOOT {
            world.write(path, "");
        }
        world.write("/sys/bus/pci/devices/0000:01:00.0/modalias", ALIAS);
        world.write("/sys/bus/pci/devices/0000:01:00.0/class", "0x020000");
        world.link("/sys/bus/pci/devices/0000:01:00.0/driver", "../../drivers/e1000e");
        world.write("/proc/xen/capabilities", "control_d\n");
        world.clean()
    }

    fn clean(mut self) -> World {
        let pool = self.db();
        let bad: Vec<String> = pool
            .rows("VM")
            .iter()
            .filter(|vm| {
                !vm.flag("is_control_domain") && !vm.flag("is_a_template") && !vm.flag("is_a_snapshot")
            })
            .map(|vm| vm.reference.clone())
            .collect();
        for table in ["VGPU", "VTPM", "VUSB", "VBD", "VIF"] {
            pool.rows_mut(table).retain(|row| !bad.contains(&row.get("VM").to_owned()));
        }
        pool.rows_mut("VM").retain(|vm| !bad.contains(&vm.reference));
        // One plain guest with a disk and an interface.
        let network = pool.rows("network")[0].reference.clone();
        let sr = pool.rows("SR").iter().find(|sr| sr.get("type") == "ext").unwrap().reference.clone();
        let row = |name: &str, columns: &[(&str, &str)]| {
            Row::new(
                &format!("OpaqueRef:{name}"),
                columns.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
            )
        };
        pool.add(
            "VM",
            row(
                "guest",
                &[
                    ("uuid", "guest"),
                    ("name__label", "plain"),
                    ("domain_type", "hvm"),
                    ("power_state", "Halted"),
                ],
            ),
        );
        pool.add(
            "VDI",
            row("disk", &[("uuid", "disk"), ("SR", &sr), ("other_config", "(('ctxs-pool-backup' 'true'))")]),
        );
        pool.add(
            "VBD",
            row(
                "vbd",
                &[("uuid", "vbd"), ("VM", "OpaqueRef:guest"), ("VDI", "OpaqueRef:disk"), ("empty", "false")],
            ),
        );
        pool.add("VIF", row("vif", &[("uuid", "vif"), ("VM", "OpaqueRef:guest"), ("network", &network)]));
        for vdi in pool.rows_mut("VDI") {
            vdi.put("cbt_enabled", "false");
            vdi.put("sm_config", "()");
        }
        for host in pool.rows_mut("host") {
            host.put("external_auth_type", "");
        }
        pool.settle();
        pool.unknown.clear();
        self
    }

    pub fn db(&mut self) -> &mut Pool {
        self.pool.as_mut().unwrap()
    }

    pub fn guest(&mut self) -> &mut Row {
        self.db().rows_mut("VM").last_mut().unwrap()
    }

    pub fn set(&mut self, table: &str, column: &str, value: &str) {
        self.db().rows_mut(table).iter_mut().for_each(|row| row.put(column, value));
    }

    pub fn add(&mut self, table: &str, columns: &[(&str, &str)]) {
        let row =
            Row::new("OpaqueRef:added", columns.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        self.db().add(table, row);
        self.db().settle();
        self.db().unknown.clear();
    }

    pub fn pif(&mut self, physical: bool) -> &mut Row {
        self.db().rows_mut("PIF").iter_mut().find(|pif| pif.flag("management") && physical).unwrap()
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn link(&self, path: &str, to: &str) {
        let path = self.path(path);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(to, path).unwrap();
    }

    pub fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, text.replace(from, to));
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    pub fn found(&mut self, code: &'static str) {
        self.audits = vec![Audit {
            findings: vec![Found { code, subject: "x".into(), text: "y".into() }],
            ..Audit::default()
        }];
    }

    /// Codes found, and those not judged.
    pub fn codes(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let tree = Directory::copied(self.root.path());
        let mut host = host::read(&tree, self.disk.clone());
        host.machine.root = Some(true);
        host.machine.esp_free = Some(400 << 20);
        host.machine.secure_boot = Some(false);
        (self.machine)(&mut host);
        let facts = Facts {
            host: &host,
            tree: &tree,
            pool: self.pool.as_ref(),
            pool_error: None,
            generation: self.generation,
            aliases: self.aliases.as_ref(),
            audits: &self.audits,
            live: &self.live,
            whole_pool: self.whole_pool,
            now: self.now,
        };
        let (mut found, mut unknown) = (Vec::new(), Vec::new());
        for condition in check::catalogue() {
            match (condition.judge)(&facts) {
                Outcome::Found(all) if all.is_empty() => {}
                Outcome::Found(_) => found.push(condition.code),
                Outcome::Unknown(_) => unknown.push(condition.code),
            }
        }
        (found, unknown)
    }
}
