//! The files of the two machines. Shapes are those of Linux 6.12; names and numbers are made up or a test bed's.

use std::{fs, os::unix::fs::symlink, path::Path};

fn put(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn link(root: &Path, path: &str, target: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(target, path).unwrap();
}

/// Address, class, vendor and device, driver.
fn pci(root: &Path, address: &str, class: &str, ids: (&str, &str), driver: &str) {
    let base = format!("sys/bus/pci/devices/{address}");
    for (name, text) in [("class", class), ("vendor", ids.0), ("device", ids.1)] {
        put(root, &format!("{base}/{name}"), format!("{text}\n"));
    }
    put(root, &format!("{base}/subsystem_vendor"), "0x1af4\n");
    put(root, &format!("{base}/subsystem_device"), "0x1100\n");
    if !driver.is_empty() {
        link(root, &format!("{base}/driver"), &format!("../../../bus/pci/drivers/{driver}"));
    }
}

fn usb(root: &Path, path: &str, ids: (&str, &str), interfaces: &[(&str, &str, &str)]) {
    let base = format!("sys/bus/usb/devices/{path}");
    for (name, text) in
        [("idVendor", ids.0), ("idProduct", ids.1), ("bcdDevice", "0100"), ("version", " 2.10")]
    {
        put(root, &format!("{base}/{name}"), format!("{text}\n"));
    }
    put(root, &format!("{base}/speed"), "480\n");
    put(root, &format!("{base}/bDeviceClass"), "00\n");
    for (at, (class, subclass, protocol)) in interfaces.iter().enumerate() {
        let base = format!("{base}:1.{at}");
        put(root, &format!("{base}/bInterfaceClass"), format!("{class}\n"));
        put(root, &format!("{base}/bInterfaceSubClass"), format!("{subclass}\n"));
        put(root, &format!("{base}/bInterfaceProtocol"), format!("{protocol}\n"));
    }
}

/// A server with graphics for guests, a card with virtual functions, and something on its USB ports.
pub fn server() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let processor = |n: usize| {
        format!(
            "processor\t: {n}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Example CPU @ 2.40GHz\nstepping\t: 4\ncpu MHz\t\t: 2400.000\nflags\t\t: fpu vme lm\n\n"
        )
    };
    put(root, "proc/cpuinfo", (0..4).map(processor).collect::<String>());
    for n in 0..4 {
        put(root, &format!("sys/devices/system/cpu/cpu{n}/topology/physical_package_id"), "0\n");
        put(root, &format!("sys/devices/system/cpu/cpu{n}/topology/core_id"), format!("{}\n", n / 2));
    }
    put(root, "sys/devices/system/cpu/cpufreq/boost", "1\n");
    put(root, "sys/devices/system/node/node0/cpulist", "0-1\n");
    put(root, "sys/devices/system/node/node1/cpulist", "2-3\n");
    put(root, "proc/cmdline", "root=/dev/sda1 xen-pciback.hide=(04:00.0) quiet\n");
    let firmware = [
        ("bios_vendor", "Example Firmware"),
        ("bios_version", "1.2"),
        ("sys_vendor", "Example Systems"),
        ("product_name", "Server 1"),
        ("product_version", " "),
        ("product_serial", "SN\u{0} 0001"),
        ("board_vendor", "Example Boards"),
        ("board_name", "B1"),
        ("board_version", "A0"),
        ("board_serial", "BSN 0002"),
    ];
    for (name, text) in firmware {
        put(root, &format!("sys/class/dmi/id/{name}"), format!("{text}\n"));
    }
    put(root, "sys/firmware/dmi/entries/11-0/raw", b"\x0b\x05\x0b\x00\x02Example System\x005[0000]\x00\x00");
    put(
        root,
        "usr/share/misc/pci.ids",
        "8086  Intel Corporation\n\t10c9  82576 Gigabit Network Connection\nC 03  Display controller\n\t00  VGA compatible controller\n",
    );
    pci(root, "0000:00:1f.2", "0x010601", ("0x8086", "0x2922"), "ahci");
    pci(root, "0000:03:00.0", "0x020000", ("0x8086", "0x10c9"), "igb");
    pci(root, "0000:03:10.0", "0x020000", ("0x8086", "0x10ca"), "igbvf");
    link(root, "sys/bus/pci/devices/0000:03:10.0/physfn", "../0000:03:00.0");
    pci(root, "0000:04:00.0", "0x030000", ("0x10de", "0x1eb8"), "pciback");
    pci(root, "0000:04:00.1", "0x040300", ("0x10de", "0x10f8"), "pciback");
    pci(root, "0000:0a:00.0", "0x030000", ("0x1a03", "0x2000"), "ast");
    put(root, "sys/bus/pci/devices/0000:0a:00.0/boot_vga", "1\n");
    put(root, "sys/bus/pci/devices/rubbish/class", "0x030000\n");
    usb(root, "usb1", ("1d6b", "0002"), &[("09", "00", "00")]);
    usb(root, "1-1", ("05e3", "0608"), &[("09", "00", "00")]);
    usb(root, "1-1.2", ("0781", "5581"), &[("08", "06", "50")]);
    for (name, text) in [("manufacturer", "SanDisk"), ("product", "Ultra"), ("serial", "4C53")] {
        put(root, &format!("sys/bus/usb/devices/1-1.2/{name}"), format!("{text}\n"));
    }
    usb(root, "1-1.3", ("046d", "c31c"), &[("03", "01", "01"), ("03", "00", "00")]);
    put(root, "var/crash/20150112-160100-UTC/dom0.log", "twelve bytes");
    put(root, "var/crash/notes", "mine");
    fs::create_dir_all(root.join("var/crash/not-a-time")).unwrap();
    dir
}

/// The control domain of a small host with one guest.
pub fn control_domain() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    put(
        root,
        "proc/cpuinfo",
        "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 15\nmodel\t\t: 107\nmodel name\t: QEMU Virtual CPU version 2.5+\nstepping\t: 1\ncpu MHz\t\t: 2596.098\nflags\t\t: fpu de tsc msr\n",
    );
    put(
        root,
        "proc/meminfo",
        "MemTotal:         662168 kB\nMemFree:          553552 kB\nMemAvailable:     600260 kB\n",
    );
    put(
        root,
        "proc/stat",
        "cpu  50 0 0 150 0 0 0 0 0 0\ncpu0 10 10 10 60 10 0 0 0 0 0\ncpu1 20 0 0 80 0 0 0 0 0 0\nbtime 1795634789\n",
    );
    put(root, "proc/loadavg", "0.42 0.30 0.10 1/80 400\n");
    put(root, "sys/class/dmi/id/sys_vendor", "QEMU\n");
    for (device, rx, tx) in [("eth0", 1_000, 2_000), ("vif2.0", 600, 1_016)] {
        put(root, &format!("sys/class/net/{device}/statistics/rx_bytes"), format!("{rx}\n"));
        put(root, &format!("sys/class/net/{device}/statistics/tx_bytes"), format!("{tx}\n"));
    }
    let vbd = "sys/bus/xen-backend/devices/vbd-2-51712/statistics";
    for (name, count) in [("rd_req", 3), ("wr_req", 0), ("rd_sect", 24), ("wr_sect", 0)] {
        put(root, &format!("{vbd}/{name}"), format!("{count}\n"));
    }
    put(root, "sys/bus/xen-backend/devices/console-2-0/state", "4\n");
    dir
}
