//! Every code of the catalogue is triggered by one change to a host against which nothing stands, and by nothing else.

use infect::Severity;
use infect::audit::{Audit, Found};
use infect::check::{self, Aliases, Facts, Live, Outcome, Stage};
use infect::host::gpt::{Gpt, Partition, Table, kind};
use infect::host::superblock::Content;
use infect::host::system_disk::SystemDisk;
use infect::host::tree::Directory;
use infect::host::{self, Host};
use infect::pool::{Pool, Row};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

struct World {
    root: tempfile::TempDir,
    pool: Option<Pool>,
    live: Live,
    aliases: Option<Aliases>,
    audits: Vec<Audit>,
    disk: Option<SystemDisk>,
    generation: Option<u64>,
    whole_pool: bool,
    now: i64,
    /// Facts of the machine that no file can show.
    machine: fn(&mut Host),
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

fn data() -> PathBuf {
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

fn disk() -> SystemDisk {
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
    fn new() -> World {
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

    fn db(&mut self) -> &mut Pool {
        self.pool.as_mut().unwrap()
    }

    fn guest(&mut self) -> &mut Row {
        self.db().rows_mut("VM").last_mut().unwrap()
    }

    fn set(&mut self, table: &str, column: &str, value: &str) {
        self.db().rows_mut(table).iter_mut().for_each(|row| row.put(column, value));
    }

    fn add(&mut self, table: &str, columns: &[(&str, &str)]) {
        let row =
            Row::new("OpaqueRef:added", columns.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        self.db().add(table, row);
        self.db().settle();
        self.db().unknown.clear();
    }

    fn pif(&mut self, physical: bool) -> &mut Row {
        self.db().rows_mut("PIF").iter_mut().find(|pif| pif.flag("management") && physical).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn link(&self, path: &str, to: &str) {
        let path = self.path(path);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(to, path).unwrap();
    }

    fn replace(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, text.replace(from, to));
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    fn found(&mut self, code: &'static str) {
        self.audits = vec![Audit {
            findings: vec![Found { code, subject: "x".into(), text: "y".into() }],
            ..Audit::default()
        }];
    }

    /// Codes found, and those not judged.
    fn codes(&self) -> (Vec<&'static str>, Vec<&'static str>) {
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

fn bits(bits: u64, not_after: i64) -> host::certificate::Pem {
    let one = host::certificate::Certificate {
        subject: "CN=x".into(),
        issuer: "CN=x".into(),
        not_before: 0,
        not_after,
        kind: "RSA".into(),
        bits,
        sha256: String::new(),
    };
    host::certificate::Pem { certificates: vec![one], key: true }
}

const INVENTORY: &str = "/etc/xensource-inventory";
const GRUB: &str = "/boot/efi/EFI/xenserver/grub.cfg";

type Change = fn(&mut World);

/// A code and the change that triggers it. A change that can't but trigger another one names that, too.
const CASES: &[(&str, &[&str], Change)] = &[
    ("REL_UNSUPPORTED", &[], |w| w.replace(INVENTORY, "PRODUCT_VERSION='8.3.0'", "PRODUCT_VERSION='8.1.0'")),
    ("REL_BEST_EFFORT", &[], |w| w.replace(INVENTORY, "PRODUCT_BRAND='XCP-ng'", "PRODUCT_BRAND='XenServer'")),
    ("REL_SCHEMA", &[], |w| w.db().schema = 603),
    ("ROOT_NOT_DOM0", &[], |w| w.write("/proc/xen/capabilities", "")),
    ("ROOT_NOT_PRIVILEGED", &[], |w| w.machine = |host| host.machine.root = Some(false)),
    ("FILE_MISSING", &[], |w| w.remove("/etc/xensource/ptoken")),
    ("FILE_MALFORMED", &[], |w| w.write("/etc/resolv.conf", "nameserver nowhere\n")),
    ("FIRSTBOOT_INCOMPLETE", &[], |w| w.remove(host::FIRST_BOOT[0])),
    ("UPDATE_YUM", &[], |w| w.write("/var/lib/yum/transaction-all.2025", "")),
    ("UPDATE_REBOOT", &[], |w| w.set("host", "pending_guidances", "('reboot_host')")),
    ("UPDATE_ROLLING", &[], |w| w.set("pool", "other_config", "(('rolling_upgrade_in_progress' 'true'))")),
    ("CUSTOM_CRON", &[], |w| w.write("/etc/cron.d/mine", "* * * * * root true\n")),
    ("CUSTOM_PLUGINS", &[], |w| w.write("/etc/xapi.d/plugins/updater.py", "")),
    ("CUSTOM_PACKS", &[], |w| w.write("/etc/xensource/installed-repos/vendor:pack/XS-REPOSITORY", "")),
    ("CUSTOM_FIREWALL", &[], |w| {
        w.write("/etc/sysconfig/iptables", "*filter\n-A INPUT -p tcp --dport 9100 -j ACCEPT\nCOMMIT\n")
    }),
    ("CUSTOM_USERS", &[], |w| {
        w.write("/etc/passwd", "root:x:0:0::/root:/bin/bash\nme:x:1000:1000::/home/me:/bin/bash\n")
    }),
    ("LAYOUT_OLD", &[], |w| w.replace(INVENTORY, "ROOT,BACKUP,LOG,BOOT,SWAP,SR", "ROOT,BACKUP,SR")),
    ("LAYOUT_DOS", &[], |w| w.disk.as_mut().unwrap().table = Table::Dos),
    ("LAYOUT_ROOT_SMALL", &[], |w| w.disk = shrunk(0, 4 << 10)),
    ("LAYOUT_BACKUP_SMALL", &[], |w| w.disk = shrunk(1, 4 << 10)),
    ("DISK_BFS_MULTIPATH", &[], |w| {
        w.replace(INVENTORY, "/dev/disk/by-id/ata-SYNTH_DISK_SINGLE0'", "/dev/mapper/3600x'")
    }),
    ("DISK_BFS_ISCSI", &[], |w| w.replace(GRUB, "hpet=disable", "rd.iscsi.ibft=1 rd.iscsi.firmware=1")),
    ("DISK_BFS_FCOE", &[], |w| w.replace(GRUB, "hpet=disable", "fcoe=52:54:00:00:00:01:dcb")),
    ("DISK_RAID", &[], |w| {
        w.replace(
            INVENTORY,
            "PRIMARY_DISK='/dev/disk/by-id/ata-SYNTH_DISK_SINGLE0'",
            "PRIMARY_DISK='/dev/md127'",
        )
    }),
    ("SECUREBOOT_HOST", &[], |w| w.machine = |host| host.machine.secure_boot = Some(true)),
    ("ESP_SPACE", &[], |w| w.machine = |host| host.machine.esp_free = Some(100 << 20)),
    ("MEM_DOM0", &[], |w| w.replace(GRUB, "dom0_mem=4096M,max:4096M", "dom0_mem=1024M,max:1024M")),
    ("DRIVER_MISSING", &[], |w| w.aliases = Some(Aliases::default())),
    ("FIRMWARE_BLOB", &[], |w| w.link("/sys/bus/pci/devices/0000:01:00.0/driver", "../../drivers/bnx2x")),
    ("CERT_SMALL", &[], |w| {
        w.machine = |host| drop(host.certificates.insert("a.pem".into(), bits(1024, i64::MAX)))
    }),
    ("CERT_EXPIRED", &[], |w| {
        w.machine = |host| drop(host.certificates.insert("a.pem".into(), bits(2048, 1)))
    }),
    ("CLOCK", &[], |w| w.live.clock_offset = Some(-61.5)),
    ("CLOCK_LOCAL", &[], |w| w.write("/etc/adjtime", "0.0 0 0.0\n0\nLOCAL\n")),
    ("POOL_ROLE_BROKEN", &[], |w| w.write("/etc/xensource/pool.conf", "broken")),
    ("POOL_ROLE_UNREACHABLE", &["DB_COPY"], |w| {
        w.write("/etc/xensource/pool.conf", "slave:192.0.2.1");
        w.live.coordinator = Some(false);
    }),
    ("POOL_MIXED", &["UPDATE_ROLLING"], |w| w.add("host", &[("uuid", "other")])),
    ("HA_ENABLED", &[], |w| {
        w.replace("/var/lib/xcp/local.db", "\"ha.armed\" value=\"false\"", "\"ha.armed\" value=\"true\"")
    }),
    ("REDO_LOG", &[], |w| w.set("pool", "redo_log_enabled", "true")),
    ("CLUSTERING", &[], |w| w.write("/etc/corosync/corosync.conf", "")),
    ("XOSTOR", &[], |w| w.write("/etc/linstor/linstor.toml", "")),
    ("EXTAUTH", &[], |w| w.set("host", "external_auth_type", "AD")),
    ("WLB", &[], |w| w.set("pool", "wlb_url", "wlb.example:8012")),
    ("VSWITCH_CONTROLLER", &[], |w| w.set("pool", "vswitch_controller", "192.0.2.7")),
    ("PVS", &[], |w| w.add("PVS_site", &[("uuid", "site")])),
    ("BACKUP_RECENT", &[], |w| w.set("VDI", "other_config", "()")),
    ("DB_UNREADABLE", &[], |w| w.pool = None),
    ("DB_STUB", &["REL_SCHEMA"], |w| w.db().schema = 35),
    ("DB_SCHEMA", &["REL_SCHEMA"], |w| w.db().schema = 504),
    ("DB_SCHEMA_NEWER", &[], |w| w.db().schema = 5000),
    ("DB_STALE", &[], |w| w.generation = Some(u64::MAX)),
    ("DB_COPY", &[], |w| {
        w.write("/etc/xensource/pool.conf", "slave:192.0.2.1");
        w.live.coordinator = Some(true);
    }),
    ("DB_DUP", &[], |w| {
        let uuid = w.db().rows("SR")[0].uuid().to_owned();
        w.add("secret", &[("uuid", &uuid)]);
    }),
    ("DB_UNKNOWN_COLUMNS", &[], |w| {
        w.db().rows_mut("pool")[0].put("vendor_extra", "1");
        w.db().settle();
    }),
    ("DB_SHAPE", &[], |w| w.set("pool", "other_config", "(('a'")),
    ("DB_POOL", &[], |w| w.add("pool", &[("uuid", "second")])),
    ("DB_MASTER", &[], |w| w.db().rows_mut("pool")[0].put("master", "OpaqueRef:gone")),
    ("DB_HOST", &[], |w| w.replace(INVENTORY, "INSTALLATION_UUID='96b2c882", "INSTALLATION_UUID='00000000")),
    ("VM_RUNNING", &[], |w| w.guest().put("power_state", "Running")),
    ("VM_SUSPENDED", &[], |w| w.guest().put("power_state", "Suspended")),
    ("VM_RESET_SUSPENDED", &["VM_SUSPENDED"], |w| {
        w.guest().put("power_state", "Suspended");
        w.set("VDI", "on_boot", "reset");
    }),
    ("VM_DOMAIN_TYPE", &[], |w| w.guest().put("domain_type", "container")),
    ("VM_PV32", &[], |w| w.guest().put("domain_type", "pv")),
    ("VM_VGPU", &[], |w| w.add("VGPU", &[("uuid", "gpu"), ("VM", "OpaqueRef:guest")])),
    ("VM_QEMU_STUB", &[], |w| w.guest().put("platform", "(('device-model' 'qemu-trad'))")),
    ("VM_ENCRYPTED_VDI", &[], |w| w.set("VDI", "sm_config", "(('key_hash' 'abc'))")),
    ("VM_SECUREBOOT", &["VM_NVME_BOOT"], |w| {
        w.guest().put("HVM__boot_params", "(('firmware' 'uefi'))");
        w.guest().put("platform", "(('secureboot' 'true'))");
    }),
    ("VM_VTPM", &[], |w| w.add("VTPM", &[("uuid", "tpm"), ("VM", "OpaqueRef:guest")])),
    ("VM_NVRAM", &[], |w| w.guest().put("NVRAM", "(('EFI-variables' 'bm9uc2Vuc2U='))")),
    ("VM_NVME_BOOT", &[], |w| w.guest().put("HVM__boot_params", "(('firmware' 'uefi'))")),
    ("VM_CPS", &[], |w| w.guest().put("platform", "(('cores-per-socket' '4'))")),
    ("VM_PCI", &[], |w| w.guest().put("other_config", "(('pci' '0/0000:04:00.0'))")),
    ("VM_NESTED", &[], |w| w.guest().put("platform", "(('nested-virt' 'true'))")),
    ("VM_USB", &[], |w| w.add("VUSB", &[("uuid", "usb"), ("VM", "OpaqueRef:guest")])),
    ("VM_VBD_MISSING", &[], |w| w.db().rows_mut("VBD").last_mut().unwrap().put("VDI", "OpaqueRef:gone")),
    ("VM_VIF_NETWORK", &[], |w| w.db().rows_mut("VIF").last_mut().unwrap().put("network", "OpaqueRef:gone")),
    ("VM_MEMORY", &[], |w| {
        let host = w.db().rows("host")[0].reference.clone();
        w.guest().put("affinity", &host);
        w.guest().put("other_config", "(('auto_poweron' 'true'))");
        w.guest().put("memory__dynamic_max", "99999999999999");
    }),
    ("SR_TYPE", &[], |w| {
        let sr = w.db().rows("VDI").last().unwrap().get("SR").to_owned();
        w.db().rows_mut("SR").iter_mut().find(|row| row.reference == sr).unwrap().put("type", "gfs2");
    }),
    ("SR_TYPE_UNUSED", &[], |w| w.add("SR", &[("uuid", "sr"), ("type", "cephfs")])),
    ("SR_SHARED_FOREIGN", &[], |w| {
        let sr = w.db().rows("SR").iter().find(|row| row.get("type") == "nfs").unwrap().reference.clone();
        w.add(
            "PBD",
            &[("uuid", "pbd"), ("SR", &sr), ("host", "OpaqueRef:elsewhere"), ("currently_attached", "true")],
        );
    }),
    ("SR_ATTACHED", &[], |w| w.live.open = Some(vec!["VG_XenStorage-x-VHD-y".into()])),
    ("GC_RUNNING", &[], |w| w.live.collecting = Some(vec!["SMGC@x.service".into()])),
    ("QCOW2_PRESENT", &[], |w| w.set("VDI", "sm_config", "(('image-format' 'qcow2'))")),
    ("CBT_ENABLED", &[], |w| w.set("VDI", "cbt_enabled", "true")),
    ("VG_DUPLICATE", &[], |w| {
        let group = host::lvm::Group { name: "VG_XenStorage-x".into(), ..Default::default() };
        w.disk.as_mut().unwrap().groups = BTreeMap::from([(3, group.clone()), (7, group)]);
    }),
    ("SR_JOURNAL", &[], |w| w.found("SR_JOURNAL")),
    ("SR_LEFTOVER", &[], |w| w.found("SR_LEFTOVER")),
    ("SR_POISON", &[], |w| w.found("SR_POISON")),
    ("SR_CHAIN_BROKEN", &[], |w| w.found("SR_CHAIN_BROKEN")),
    ("SR_SIZE", &[], |w| w.found("SR_SIZE")),
    ("SR_PARENT", &[], |w| w.found("SR_PARENT")),
    ("SR_HIDDEN", &[], |w| w.found("SR_HIDDEN")),
    ("SR_VDI_MISSING", &[], |w| w.found("SR_VDI_MISSING")),
    ("SR_VDI_LOST", &[], |w| w.found("SR_VDI_LOST")),
    ("SR_ORPHAN", &[], |w| w.found("SR_ORPHAN")),
    ("NET_MGMT_SRIOV", &[], |w| {
        let pif = w.pif(true).reference.clone();
        w.add("network_sriov", &[("uuid", "sriov"), ("logical_PIF", &pif)]);
    }),
    ("NET_MGMT_TUNNEL", &["NET_TUNNEL"], |w| {
        let pif = w.pif(true).reference.clone();
        w.add("tunnel", &[("uuid", "tunnel"), ("access_PIF", &pif)]);
    }),
    ("NET_UNMANAGED_PIF", &[], |w| w.db().rows_mut("PIF")[0].put("managed", "false")),
    ("NET_MAC_MISSING", &[], |w| w.pif(true).put("MAC", "52:54:00:99:99:99")),
    ("NET_MAC_DUPLICATE", &["NET_MAC_MISSING"], |w| {
        let path = "/etc/sysconfig/network-scripts/interface-rename-data/dynamic-rules.json";
        w.replace(path, "52:54:00:06:00:01", "52:54:00:06:00:00");
    }),
    ("NET_MGMT_NONE", &[], |w| w.pif(true).put("management", "false")),
    ("NET_DB_DIFFERS", &[], |w| w.pif(true).put("IP", "192.0.2.99")),
    ("NET_BALANCE_SLB", &[], |w| w.set("Bond", "mode", "balance-slb")),
    ("NET_TUNNEL", &[], |w| {
        let pif = w.db().rows("PIF").iter().find(|pif| !pif.flag("management")).unwrap().reference.clone();
        w.add("tunnel", &[("uuid", "tunnel"), ("access_PIF", &pif)]);
    }),
    ("NET_SDN", &[], |w| w.add("SDN_controller", &[("uuid", "sdn"), ("address", "192.0.2.7")])),
    ("NET_OPENFLOW", &[], |w| w.live.flows = Some(3)),
    ("NET_IGMP", &[], |w| w.set("pool", "igmp_snooping_enabled", "true")),
    ("NET_BRIDGE_NAME", &[], |w| w.add("network", &[("uuid", "net"), ("bridge", "a-very-long-bridge-name")])),
    ("NET_MTU_VLAN", &[], |w| {
        let network = w.db().rows("network").iter().position(|row| row.get("bridge") == "xapi1").unwrap();
        w.db().rows_mut("network")[network].put("MTU", "9000");
    }),
    ("NET_MTU_MANAGEMENT", &[], |w| {
        let network = w.db().rows("network").iter().position(|row| row.get("bridge") == "xenbr0").unwrap();
        w.db().rows_mut("network")[network].put("MTU", "9000");
    }),
    ("NET_BACKEND_VM", &[], |w| w.db().rows_mut("network")[0].put("other_config", "(('backend_vm' 'x'))")),
];

fn shrunk(index: usize, mib: u64) -> Option<SystemDisk> {
    let mut disk = disk();
    if let Table::Gpt(gpt) = &mut disk.table {
        gpt.partitions[index].size = mib << 20;
    }
    Some(disk)
}

#[test]
fn nothing_stands_against_the_plain_host() {
    assert_eq!(World::new().codes(), (vec![], vec![]));
}

#[test]
fn every_code_is_triggered_by_its_change_alone() {
    let tested: Vec<&str> = CASES.iter().map(|(code, ..)| *code).collect();
    for condition in check::catalogue() {
        assert!(tested.contains(&condition.code), "{} has no test", condition.code);
        let clears = !condition.clear.is_empty() || condition.severity == Severity::Info;
        assert!(clears && !condition.says.is_empty(), "{} says too little", condition.code);
    }
    assert_eq!(tested.len(), check::catalogue().count(), "a code twice, or one the catalogue does not have");
    let mut wrong = Vec::new();
    for (code, also, change) in CASES {
        let mut world = World::new();
        change(&mut world);
        let (found, _) = world.codes();
        let mut expected = vec![*code];
        expected.extend(*also);
        let unexpected: Vec<_> = found.iter().filter(|one| !expected.contains(one)).collect();
        let missing: Vec<_> = expected.iter().filter(|one| !found.contains(one)).collect();
        if !unexpected.is_empty() || !missing.is_empty() {
            wrong.push(format!("{code}: unexpected {unexpected:?}, missing {missing:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_copy_does_not_pretend_to_know_the_running_host() {
    let tree = Directory::copied(data().join("host0"));
    let host = host::read(&tree, None);
    let pool = Pool::open(&data().join("state.db.gz")).unwrap();
    let live = Live::default();
    let facts = Facts {
        host: &host,
        tree: &tree,
        pool: Some(&pool),
        pool_error: None,
        generation: None,
        aliases: None,
        audits: &[],
        live: &live,
        whole_pool: false,
        now: 1_760_000_000,
    };
    let verdict = check::judge(&facts, &[]);
    let unjudged: Vec<&str> = verdict.unjudged.iter().map(|one| one.code).collect();
    for code in [
        "ROOT_NOT_DOM0",
        "SECUREBOOT_HOST",
        "DRIVER_MISSING",
        "GC_RUNNING",
        "NET_OPENFLOW",
        "SR_CHAIN_BROKEN",
        "LAYOUT_DOS",
    ] {
        assert!(unjudged.contains(&code), "{code}");
    }
    assert!(!verdict.go);
    // The fixture's hard guests are all seen.
    let found: Vec<&str> = verdict.findings.iter().map(|one| one.finding.code.as_str()).collect();
    for code in ["VM_SUSPENDED", "VM_SECUREBOOT", "VM_VTPM", "VM_PCI", "FIRSTBOOT_INCOMPLETE"] {
        assert!(found.contains(&code), "{code} in {found:?}");
    }
    // Heaviest first, and the text says how to clear it.
    assert_eq!(verdict.findings[0].finding.severity, Severity::Refuse);
    assert!(verdict.to_string().contains("-> resume it and shut it down"));
}

#[test]
fn warnings_are_accepted_refusals_are_not() {
    let mut world = World::new();
    world.set("pool", "wlb_url", "x");
    world.guest().put("power_state", "Running");
    let tree = Directory::copied(world.root.path());
    let mut host = host::read(&tree, world.disk.clone());
    host.machine.root = Some(true);
    host.machine.esp_free = Some(400 << 20);
    let judge = |accept: &[String], host: &Host| {
        let facts = Facts {
            host,
            tree: &tree,
            pool: world.pool.as_ref(),
            pool_error: None,
            generation: None,
            aliases: world.aliases.as_ref(),
            audits: &world.audits,
            live: &world.live,
            whole_pool: false,
            now: world.now,
        };
        check::judge(&facts, accept)
    };
    assert!(!judge(&[], &host).go);
    let verdict = judge(&["WLB".into()], &host);
    assert!(verdict.go, "{verdict}");
    // A running guest is no obstacle yet; it is one before the cut-over.
    assert!(
        verdict.findings.iter().any(|one| one.finding.code == "VM_RUNNING" && one.stage == Stage::Cutover)
    );
    // On the running host nothing that would refuse may stay unjudged.
    host.machine.live = true;
    host.machine.dom0 = None;
    assert!(!judge(&["WLB".into()], &host).go);
}

/// The catalogue as a page; `XENNIX_BLESS=1` writes it anew.
#[test]
fn the_page_is_current() {
    let mut page = String::from(
        "# What `infect check` looks at\n\nWritten by `XENNIX_BLESS=1 cargo test -p infect --test check` from `infect/src/check`; change that.\n\n\
         A refusal can only be cleared, a warning can be accepted with `--accept CODE`. Conditions marked *later* must be\n\
         cleared only before the machine is given over.\n\n| code | weight | condition | how to clear it |\n|---|---|---|---|\n",
    );
    for one in check::catalogue() {
        let later = if one.stage == Stage::Cutover { ", *later*" } else { "" };
        let weight = one.severity.to_string().to_lowercase();
        page.push_str(&format!("| `{}` | {weight}{later} | {} | {} |\n", one.code, one.says, one.clear));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/infect-checks.md");
    if std::env::var_os("XENNIX_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap_or_default(), page, "XENNIX_BLESS=1 takes it");
}
