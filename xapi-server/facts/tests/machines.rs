//! Two machines, read from directories with the files they have: a server with graphics, and the control domain of a
//! small Xen host.

#![allow(clippy::unwrap_used)]

mod tree;

use xapi_backend::host::Access;
use xapi_facts::{Root, Told, bios, counters, cpu, crash, featureset, pci, system, usb};

fn value<'a>(pairs: &'a [(String, String)], key: &str) -> &'a str {
    pairs.iter().find(|(known, _)| known == key).map_or("(none)", |(_, value)| value)
}

fn told() -> Told {
    let text = include_str!("data/xl-info.txt");
    let pair = |line: &str| line.split_once(':').map(|(key, value)| (key.trim().into(), value.trim().into()));
    text.lines().filter_map(pair).collect()
}

#[test]
fn processors_of_a_server() {
    let server = tree::server();
    let read = cpu::read(&Root::at(server.path()), None, &featureset::FeatureSets::default());
    assert_eq!((read.count, read.seen), (4, 4));
    let keys: Vec<&str> = read.info.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "cpu_count",
            "socket_count",
            "threads_per_core",
            "nr_nodes",
            "vendor",
            "speed",
            "modelname",
            "family",
            "model",
            "stepping",
            "flags",
            "features_pv",
            "features_hvm",
            "features_hvm_host",
            "features_pv_host"
        ]
    );
    assert_eq!(value(&read.info, "socket_count"), "1");
    assert_eq!(value(&read.info, "threads_per_core"), "2");
    assert_eq!(value(&read.info, "nr_nodes"), "2");
    assert_eq!(value(&read.info, "modelname"), "Example CPU @ 2.40GHz");
    assert_eq!(value(&read.info, "family"), "6");
}

#[test]
fn processors_of_a_xen_host_are_the_hypervisors() {
    let domain = tree::control_domain();
    let told = told();
    let read = cpu::read(&Root::at(domain.path()), Some(&told), &featureset::told(&told));
    assert_eq!((read.count, read.seen), (16, 1), "the control domain sees one of sixteen");
    assert_eq!(value(&read.info, "socket_count"), "2");
    assert_eq!(value(&read.info, "threads_per_core"), "2");
    assert_eq!(
        value(&read.info, "features_hvm_host"),
        "078bf3fd-80982201-20100800-00000005-00000000-00000000-00000000-00000000"
    );
    assert_eq!(system::capabilities(&told).len(), 4);
    assert!(system::iommu(&Root::at(domain.path()), Some(&told)));
}

#[test]
fn firmware_in_the_keys_clients_know() {
    let server = tree::server();
    let texts = bios::read(&Root::at(server.path()));
    let keys: Vec<&str> = texts.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "bios-vendor",
            "bios-version",
            "system-manufacturer",
            "system-product-name",
            "system-version",
            "system-serial-number",
            "baseboard-manufacturer",
            "baseboard-product-name",
            "baseboard-version",
            "baseboard-serial-number",
            "oem-1",
            "oem-2",
            "oem-3",
            "oem-4",
            "hp-rombios"
        ]
    );
    assert_eq!(value(&texts, "system-manufacturer"), "Example Systems");
    assert_eq!(value(&texts, "system-serial-number"), "SN 0001");
    assert_eq!(value(&texts, "oem-1"), "Xen");
    assert_eq!(value(&texts, "oem-3"), "Example System");
    assert_eq!(value(&texts, "oem-4"), "5[0000]");
    let domain = tree::control_domain();
    assert_eq!(value(&bios::read(&Root::at(domain.path())), "baseboard-version"), "");
}

#[test]
fn devices_of_a_server() {
    let server = tree::server();
    let all = pci::read(&Root::at(server.path()));
    let addresses: Vec<&str> = all.iter().map(|found| found.address.as_str()).collect();
    assert_eq!(
        addresses,
        ["0000:00:1f.2", "0000:03:00.0", "0000:03:10.0", "0000:04:00.0", "0000:04:00.1", "0000:0a:00.0"]
    );
    let at = |address: &str| all.iter().find(|found| found.address == address).unwrap();
    assert_eq!(
        (at("0000:03:00.0").vendor_name.as_str(), at("0000:03:00.0").driver.as_str()),
        ("Intel Corporation", "igb")
    );
    assert_eq!(at("0000:03:00.0").device_name, "82576 Gigabit Network Connection");
    assert_eq!(at("0000:03:10.0").physical_function.as_deref(), Some("0000:03:00.0"));
    assert_eq!((at("0000:04:00.0").class >> 8, at("0000:04:00.0").access), (0x300, Access::Disabled));
    assert_eq!(at("0000:04:00.1").access, Access::EnableOnReboot);
    assert!(at("0000:0a:00.0").boot_display && !at("0000:04:00.0").boot_display);
    assert_eq!(at("0000:04:00.0").class_name, "VGA compatible controller");
    assert_eq!(at("0000:0a:00.0").device_name, "Device 2000", "numbers serve where the list has no name");
}

#[test]
fn of_usb_devices_those_guests_may_have() {
    let server = tree::server();
    let all = usb::read(&Root::at(server.path()));
    // Neither the hub nor the keyboard.
    assert_eq!(all.iter().map(|found| found.path.as_str()).collect::<Vec<_>>(), ["1-1.2"]);
    let stick = &all[0];
    assert_eq!((stick.vendor_id.as_str(), stick.product_id.as_str()), ("0781", "5581"));
    assert_eq!((stick.vendor.as_str(), stick.product.as_str()), ("SanDisk", "Ultra"));
    assert_eq!((stick.serial.as_str(), stick.version.as_str(), stick.speed), ("4C53", "2.10", 480.0));
    // An administrator's own list counts instead.
    std::fs::create_dir_all(server.path().join("etc/xensource")).unwrap();
    std::fs::write(server.path().join("etc/xensource/usb-policy.conf"), "DENY: vid=0781\nALLOW:\n").unwrap();
    let paths: Vec<String> =
        usb::read(&Root::at(server.path())).into_iter().map(|found| found.path).collect();
    assert_eq!(paths, ["1-1", "1-1.3"]);
}

#[test]
fn a_machine_without_devices_has_none() {
    let empty = tempfile::tempdir().unwrap();
    let root = Root::at(empty.path());
    assert!(pci::read(&root).is_empty() && usb::read(&root).is_empty() && crash::read(&root).is_empty());
    assert!(counters::links(&root).is_empty() && counters::disks(&root).is_empty());
    assert_eq!((system::memory(&root), system::boot_time(&root)), (0, 0.0));
    assert_eq!(system::timezone(&root), "UTC");
    assert!(!system::secure_boot(&root));
}

#[test]
fn dumps_are_found_and_removed_and_nothing_else_is() {
    let server = tree::server();
    let root = Root::at(server.path());
    let dumps = crash::read(&root);
    assert_eq!(dumps.len(), 1);
    assert_eq!(
        (dumps[0].name.as_str(), dumps[0].size, dumps[0].time),
        ("20150112-160100-UTC", 12, 1_421_078_460)
    );
    for name in ["../crash", "notes", "20150112-160100-UTC/..", "", "/etc"] {
        assert!(crash::remove(&root, name).is_err(), "{name}");
    }
    crash::remove(&root, "20150112-160100-UTC").unwrap();
    crash::remove(&root, "20150112-160100-UTC").unwrap();
    assert!(crash::read(&root).is_empty());
    assert!(server.path().join("var/crash/notes").exists());
}

#[test]
fn counters_of_a_control_domain() {
    let domain = tree::control_domain();
    let root = Root::at(domain.path());
    let links = counters::links(&root);
    assert_eq!(links.iter().map(|link| link.device.as_str()).collect::<Vec<_>>(), ["eth0", "vif2.0"]);
    assert_eq!((links[1].rx, links[1].tx), (600, 1016));
    let disks = counters::disks(&root);
    assert_eq!(disks.len(), 1);
    assert_eq!((disks[0].domid, disks[0].device, disks[0].read, disks[0].reads), (2, 51712, 24 * 512, 3));
    assert_eq!(system::memory(&root), 662_168 << 10);
    assert_eq!(system::boot_time(&root), 1_795_634_789.0);
    assert_eq!(counters::load(&root), 0.42);
    assert_eq!(counters::processors(&root), [(30, 70), (20, 80)]);
}
