//! What triggers each code.

use std::collections::BTreeMap;

use infect::check::Aliases;
use infect::host;
use infect::host::gpt::Table;
use infect::host::system_disk::SystemDisk;

use super::world::{World, disk};

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
pub const CASES: &[(&str, &[&str], Change)] = &[
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
    ("VM_RESET_SUSPENDED", &["VM_RESET_DISK", "VM_SUSPENDED"], |w| {
        w.guest().put("power_state", "Suspended");
        w.set("VDI", "on_boot", "reset");
    }),
    ("VM_RESET_DISK", &[], |w| w.set("VDI", "on_boot", "reset")),
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
