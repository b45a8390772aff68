use super::*;

/// A small PV guest.
pub fn test_spec() -> DomainSpec {
    DomainSpec {
        uuid: "0e260f5c-8fb8-48c9-90fb-d389a294d22a".into(),
        name: "guest".into(),
        kind: DomainKind::Pv,
        memory_max: 128 << 20,
        memory_target: 96 << 20,
        vcpus_max: 2,
        vcpus: 1,
        disks: vec![],
        nics: vec![],
        usb: vec![],
        platform: vec![],
        xenstore_data: vec![],
        details: xapi_backend::hypervisor::Details {
            boot: xapi_backend::hypervisor::Boot {
                kernel: "/var/lib/xcp/guest/vmlinux".into(),
                ..Default::default()
            },
            memory_min: 64 << 20,
            shadow_multiplier: 1.0,
            ..Default::default()
        },
    }
}

fn place() -> Place {
    Place {
        card_script: |_| None,
        screen: "/run/xennix/screens/guest".into(),
        tpms: "/var/lib/a,b/tpm".into(),
    }
}

fn text(spec: &DomainSpec) -> String {
    config(spec, &[], &place()).expect("can be expressed").text
}

fn lines(spec: &DomainSpec, wanted: &[&str]) {
    let text = text(spec);
    for line in wanted {
        assert!(text.lines().any(|known| known == *line), "no {line:?} in:\n{text}");
    }
}

fn none(spec: &DomainSpec, word: &str) {
    let text = text(spec);
    assert!(!text.lines().any(|line| line.starts_with(word)), "{word} in:\n{text}");
}

fn refused(spec: &DomainSpec, code: &str) {
    assert_eq!(config(spec, &[], &place()).expect_err("is refused").code, code);
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

fn hvm() -> DomainSpec {
    DomainSpec { kind: DomainKind::Hvm, ..test_spec() }
}

fn with(platform: &[(&str, &str)]) -> DomainSpec {
    DomainSpec { platform: pairs(platform), ..hvm() }
}

fn disk(position: u32) -> Disk {
    Disk {
        position,
        volume: Some(("sr".into(), "v".into())),
        writable: true,
        cd: false,
        vdi: String::new(),
        storage_type: String::new(),
    }
}

fn nic(position: u32) -> xapi_backend::hypervisor::Nic {
    xapi_backend::hypervisor::Nic {
        position,
        mac: "00:16:3e:11:22:33".into(),
        bridge: "xenbr0".into(),
        mtu: 1500,
        rate: None,
    }
}

#[test]
fn a_pv_guest_as_a_whole() {
    let mut spec = test_spec();
    spec.details.boot.ramdisk = "/boot/guest/initrd".into();
    spec.details.boot.args = "console=hvc0 quiet".into();
    spec.nics = vec![nic(0)];
    let disks = [(disk(0), Some(DataPath::Block("/dev/vg/lv".into())))];
    assert_eq!(
        config(&spec, &disks, &place()).expect("can be expressed").text,
        "\
name = \"0e260f5c-8fb8-48c9-90fb-d389a294d22a\"
uuid = \"0e260f5c-8fb8-48c9-90fb-d389a294d22a\"
type = \"pv\"
on_poweroff = \"preserve\"
on_reboot = \"preserve\"
on_crash = \"preserve\"
on_watchdog = \"preserve\"
on_soft_reset = \"preserve\"
maxmem = 128
memory = 96
maxvcpus = 2
vcpus = 1
kernel = \"/var/lib/xcp/guest/vmlinux\"
ramdisk = \"/boot/guest/initrd\"
cmdline = \"console=hvc0 quiet\"
disk = [ \"format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/vg/lv\" ]
vif = [ \"mac=00:16:3e:11:22:33,bridge=xenbr0,devid=0,type=vif,mtu=1500\" ]
"
    );
}

#[test]
fn an_emulated_machine_as_a_whole() {
    assert_eq!(
        text(&hvm()).lines().skip(8).collect::<Vec<_>>(),
        [
            "maxmem = 128",
            "memory = 96",
            "maxvcpus = 2",
            "vcpus = 1",
            "bios = \"seabios\"",
            "boot = \"cd\"",
            "device_model_version = \"qemu-xen\"",
            "acpi = 1",
            "apic = 1",
            "pae = 1",
            "hpet = 1",
            "acpi_s3 = 0",
            "acpi_s4 = 0",
            "vga = \"cirrus\"",
            "videoram = 8",
            "vnc = 1",
            "vnclisten = \"unix:/run/xennix/screens/guest\"",
            "vncunused = 0",
            "usb = 1",
            "usbdevice = \"tablet\"",
            "serial = \"pty\"",
            "ms_vm_genid = \"none\"",
        ]
    );
}

#[test]
fn a_pvh_guest_as_a_whole() {
    let mut spec = DomainSpec { kind: DomainKind::Pvh, ..test_spec() };
    spec.details.boot.args = "console=hvc0".into();
    spec.platform = pairs(&[("tsc_mode", "1"), ("vga", "std"), ("viridian", "true")]);
    let disks = [(disk(0), Some(DataPath::Block("/dev/ublkb0".into())))];
    assert_eq!(
        config(&spec, &disks, &place()).expect("can be expressed").text.lines().skip(2).collect::<Vec<_>>(),
        [
            "type = \"pvh\"",
            "on_poweroff = \"preserve\"",
            "on_reboot = \"preserve\"",
            "on_crash = \"preserve\"",
            "on_watchdog = \"preserve\"",
            "on_soft_reset = \"preserve\"",
            "maxmem = 128",
            "memory = 96",
            "maxvcpus = 2",
            "vcpus = 1",
            "kernel = \"/var/lib/xcp/guest/vmlinux\"",
            "cmdline = \"console=hvc0\"",
            "tsc_mode = \"always_emulate\"",
            "disk = [ \"format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/ublkb0\" ]",
        ]
    );
}

#[test]
fn a_pv_guest_behind_the_shim_as_a_whole() {
    let mut spec = DomainSpec { kind: DomainKind::PvInPvh, ..test_spec() };
    spec.details.boot.loader = "pygrub".into();
    assert_eq!(
        text(&spec).lines().skip(2).collect::<Vec<_>>(),
        [
            "type = \"pvh\"",
            "pvshim = 1",
            "pvshim_extra = \"shim_mem=24M\"",
            "on_poweroff = \"preserve\"",
            "on_reboot = \"preserve\"",
            "on_crash = \"preserve\"",
            "on_watchdog = \"preserve\"",
            "on_soft_reset = \"preserve\"",
            "maxmem = 152",
            "memory = 152",
            "maxvcpus = 2",
            "vcpus = 2",
            "bootloader = \"pygrub\"",
        ]
    );
}

#[test]
fn kinds_of_domains() {
    lines(&DomainSpec { kind: DomainKind::Pvh, ..test_spec() }, &["type = \"pvh\""]);
    none(&DomainSpec { kind: DomainKind::Pvh, ..test_spec() }, "pvshim");
    // Behind the shim all processors must be there from the start.
    let shim = DomainSpec { kind: DomainKind::PvInPvh, ..test_spec() };
    lines(&shim, &["type = \"pvh\"", "pvshim = 1", "vcpus = 2"]);
    lines(&hvm(), &["type = \"hvm\""]);
    none(&hvm(), "kernel");
}

#[test]
fn a_shim_takes_nothing_of_its_guests_memory() {
    for (mib, shim) in [(89, 23), (90, 24), (400, 27), (4096, 68)] {
        let memory = mib << 20;
        let spec = DomainSpec {
            kind: DomainKind::PvInPvh,
            memory_max: memory,
            memory_target: memory,
            ..test_spec()
        };
        let (whole, extra) = (mib + shim, format!("pvshim_extra = \"shim_mem={shim}M\""));
        lines(&spec, &[&format!("maxmem = {whole}"), &format!("memory = {whole}"), &extra]);
        lines(&DomainSpec { kind: DomainKind::Pvh, ..spec }, &[&format!("maxmem = {mib}")]);
    }
}

#[test]
fn kernels_come_from_two_directories_only() {
    for bad in ["", "/etc/shadow", "/var/lib/xcp/guest/", "/var/lib/xcp/guest/../../../../etc/shadow"] {
        let mut spec = test_spec();
        spec.details.boot.kernel = bad.into();
        refused(&spec, "INVALID_VALUE");
        let mut spec = test_spec();
        spec.details.boot.ramdisk = if bad.is_empty() { "/x".into() } else { bad.into() };
        refused(&spec, "INVALID_VALUE");
    }
}

#[test]
fn boot_loaders() {
    let mut spec = test_spec();
    spec.details.boot.loader = "pygrub".into();
    spec.details.boot.loader_args = "--kernel=/a  --b".into();
    lines(&spec, &["bootloader = \"pygrub\"", "bootloader_args = [ \"--kernel=/a\", \"--b\" ]"]);
    none(&spec, "kernel");
    spec.details.boot.loader = "eliloader".into();
    refused(&spec, "UNKNOWN_BOOTLOADER");
}

#[test]
fn firmware_and_order() {
    let boot = |params: &[(&str, &str)]| {
        let mut spec = hvm();
        spec.details.boot.params = pairs(params);
        spec
    };
    lines(&boot(&[("firmware", "uefi"), ("order", "ncd")]), &["bios = \"ovmf\"", "boot = \"ncd\""]);
    lines(&boot(&[("order", "DZ")]), &["boot = \"d\""]);
    lines(&boot(&[("order", "")]), &["boot = \"cd\""]);
    refused(&boot(&[("firmware", "openfirmware")]), "INVALID_VALUE");
    refused(&with(&[("secureboot", "true")]), "VALUE_NOT_SUPPORTED");
}

#[test]
fn the_platform_map() {
    lines(
        &with(&[("acpi", "0"), ("hpet", "false"), ("acpi_s3", "1"), ("acpi_laptop_slate", "1")]),
        &["acpi = 0", "hpet = 0", "acpi_s3 = 1", "acpi_s4 = 0", "acpi_laptop_slate = 1"],
    );
    let viridian = [("viridian", "true"), ("viridian_reference_tsc", "true"), ("viridian_stimer", "false")];
    lines(&with(&viridian), &["viridian = [ \"base\", \"freq\", \"reference_tsc\" ]"]);
    none(&with(&[("viridian", "false"), ("viridian_stimer", "true")]), "viridian");
    lines(&with(&[("timeoffset", "-3600")]), &["rtc_timeoffset = -3600"]);
    refused(&with(&[("timeoffset", "soon")]), "INVALID_VALUE");
    lines(&with(&[("tsc_mode", "2"), ("timer_mode", "1")]), &["tsc_mode = \"native\"", "timer_mode = 1"]);
    refused(&with(&[("tsc_mode", "9")]), "INVALID_VALUE");
    lines(&with(&[("vga", "std"), ("videoram", "8")]), &["vga = \"stdvga\"", "videoram = 16"]);
    refused(&with(&[("vga", "9")]), "INVALID_VALUE");
    lines(&with(&[("nested-virt", "true")]), &["nestedhvm = 1"]);
    none(&with(&[("usb", "false")]), "usb");
    none(&with(&[("usb_tablet", "false")]), "usbdevice");
    none(&with(&[("hvm_serial", "none")]), "serial");
    refused(&with(&[("hvm_serial", "file:/etc/passwd")]), "VALUE_NOT_SUPPORTED");
    lines(
        &with(&[
            ("mmio_size_mib", "3072"),
            ("hap", "0"),
            ("vpmu", "1"),
            ("max_grant_frames", "64"),
            ("keymap", "de"),
        ]),
        &["mmio_hole = 3072", "hap = 0", "vpmu = 1", "max_grant_frames = 64", "keymap = \"de\""],
    );
    lines(&with(&[("igd_passthrough", "true")]), &["gfx_passthru = 1"]);
}

#[test]
fn what_xl_cannot_do_is_noted() {
    for platform in [
        [("device_id", "0002")],
        [("featureset", "1-2")],
        [("cores-per-socket", "2")],
        [("parallel", "/dev/x")],
    ] {
        let notes = config(&with(&platform), &[], &place()).expect("goes on").notes;
        assert_eq!(notes.len(), 1, "{platform:?}: {notes:?}");
    }
    assert!(config(&hvm(), &[], &place()).expect("fine").notes.is_empty());
    refused(&with(&[("cores-per-socket", "3")]), "VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE");
}

#[test]
fn a_tpm_is_the_emulators() {
    let mut spec = hvm();
    none(&spec, "device_model_args");
    let uuid = "551d1127-c95a-4ea9-a668-3572d007e822".to_string();
    spec.details.tpm = Some(xapi_backend::hypervisor::Tpm { uuid, contents: "c2VjcmV0".into() });
    let text = config(&spec, &[], &place()).expect("can be expressed").text;
    let line = "device_model_args_hvm = [ \"-chardev\", \"socket,id=tpm-socket,\
        path=/var/lib/a,,b/tpm/551d1127-c95a-4ea9-a668-3572d007e822/control\", \
        \"-tpmdev\", \"emulator,id=tpm,chardev=tpm-socket\", \"-device\", \"tpm-crb,tpmdev=tpm\" ]";
    assert!(text.lines().any(|known| known == line), "{text}");
    assert!(!text.contains("c2VjcmV0"), "its keys are nobody's to read");
    let noted = serde_json::to_string(&spec).expect("can be written");
    assert!(noted.contains("551d1127") && !noted.contains("c2VjcmV0"), "{noted}");
    // Nothing is ignored in silence where there is no emulator.
    spec.kind = DomainKind::Pvh;
    spec.details.boot.kernel = "/boot/guest/vmlinuz".into();
    refused(&spec, "NOT_IMPLEMENTED");
}

#[test]
fn processors_and_memory() {
    let mut spec = hvm();
    spec.vcpus_max = 3;
    spec.details.vcpus_params = pairs(&[("weight", "512"), ("cap", "150"), ("mask", "0,1;2")]);
    lines(&spec, &["maxvcpus = 3", "cpu_weight = 512", "cap = 150", "cpus = [ \"0,1\", \"2\", \"0,1\" ]"]);
    spec.details.vcpus_params = pairs(&[("weight", "0")]);
    refused(&spec, "INVALID_VALUE");
    spec.details.vcpus_params = pairs(&[("mask", "a")]);
    refused(&spec, "INVALID_VALUE");
    let mut spec = hvm();
    spec.memory_max = (128 << 20) + 1;
    spec.details.shadow_multiplier = 4.0;
    lines(&spec, &["maxmem = 129", "shadow_memory = 16"]);
}

#[test]
fn identity_of_windows_guests() {
    let mut spec = hvm();
    spec.details.generation_id = "1:2".into();
    spec.details.vendor_device = true;
    lines(&spec, &["ms_vm_genid = \"generate\"", "vendor_device = \"xenserver\""]);
    spec.details.other_config = pairs(&[("pci", "0/0000:04:00.0,1/0000:05:00.1")]);
    lines(&spec, &["pci = [ \"0000:04:00.0,seize=1\", \"0000:05:00.1,seize=1\" ]"]);
    spec.details.other_config = pairs(&[("pci", "0/x\"; y")]);
    refused(&spec, "INVALID_VALUE");
}

#[test]
fn usb_devices_come_behind_a_controller_of_their_own() {
    let stick = |port| xapi_backend::hypervisor::Usb { path: format!("1-{port}"), bus: 1, address: 7, port };
    let mut spec = DomainSpec { usb: vec![stick(1), stick(3)], ..hvm() };
    let device = |port| format!("\"type=hostdev,hostbus=1,hostaddr=7,controller=0,port={port}\"");
    let devices = format!("usbdev = [ {}, {} ]", device(1), device(3));
    lines(&spec, &["usbctrl = [ \"type=devicemodel,version=2\" ]", &devices]);
    spec.kind = DomainKind::Pvh;
    refused(&spec, "VM_HVM_REQUIRED");
    none(&hvm(), "usbctrl");
}

#[test]
fn positions_become_devices() {
    let hvm = [(0, "hda", 768), (3, "hdd", 5_696), (4, "xvde", 51_776), (15, "xvdp", 51_952)];
    for (position, name, number) in hvm {
        assert_eq!((vdev(position, true).as_str(), vdev_number(position, true)), (name, number));
    }
    assert_eq!((vdev(0, false).as_str(), vdev_number(0, false)), ("xvda", 51_712));
    assert_eq!((vdev(16, false).as_str(), vdev_number(16, false)), ("xvdq", (1 << 28) + 4_096));
    assert_eq!((vdev(26, false), vdev(254, false)), ("xvdaa".into(), "xvdiu".into()));
    assert_eq!(guest_device(1), "xvdb");
}

#[test]
fn disks_by_where_their_bytes_are() {
    let line = |path: Option<DataPath>, disk: Disk, hvm| disk_line(&disk, path.as_ref(), hvm).expect("fine");
    let file = Some(DataPath::File("/srv/a,b".into()));
    assert_eq!(line(file, disk(0), true), "format=raw,vdev=hda,access=rw,backendtype=qdisk,target=/srv/a,b");
    let nbd = DataPath::Nbd { socket: "/run/x.sock".into(), export: "d".into() };
    let refused = disk_line(&disk(1), Some(&nbd), false).expect_err("no emulator opens it");
    assert!(refused.code == "SR_BACKEND_FAILURE_46" && refused.to_string().contains("ublk_drv"), "{refused}");
    let cd = Disk { cd: true, ..disk(3) };
    assert_eq!(line(None, cd.clone(), true), "format=raw,vdev=hdd,access=ro,devtype=cdrom");
    let iso = Some(DataPath::Block("/dev/loop0".into()));
    assert_eq!(
        line(iso, cd, true),
        "format=raw,vdev=hdd,access=ro,devtype=cdrom,backendtype=phy,target=/dev/loop0"
    );
    assert!(disk_line(&disk(255), None, true).is_err());
    let strange = DataPath::File("/srv/a\nb".into());
    assert!(disk_line(&disk(0), Some(&strange), true).is_err());
}

#[test]
fn cards() {
    let mut spec = hvm();
    let line =
        |spec: &DomainSpec, nic: &xapi_backend::hypervisor::Nic| nic_line(spec, nic, |_| None).expect("fine");
    let start = "mac=00:16:3e:11:22:33,bridge=xenbr0,devid=";
    assert_eq!(line(&spec, &nic(0)), format!("{start}0,type=ioemu,model=rtl8139,mtu=1500"));
    // More than eight are not emulated.
    assert_eq!(line(&spec, &nic(8)), format!("{start}8,type=vif,mtu=1500"));
    spec.details.boot.params = pairs(&[("firmware", "uefi")]);
    assert_eq!(line(&spec, &nic(1)), format!("{start}1,type=ioemu,model=e1000,mtu=1500"));
    spec.platform = pairs(&[("nic_type", "ne2k")]);
    assert!(nic_line(&spec, &nic(0), |_| None).is_err());
    let mut limited = nic(0);
    limited.rate = Some(10_240);
    assert_eq!(line(&test_spec(), &limited), format!("{start}0,type=vif,mtu=1500,rate=10240KB/s"));
    let scripted =
        nic_line(&test_spec(), &nic(0), |bridge| (bridge == "xenbr0").then_some("vif-openvswitch"))
            .expect("fine");
    assert_eq!(scripted, format!("{start}0,type=vif,script=vif-openvswitch,mtu=1500"));
    for bridge in ["", "a,script=/x", "a b"] {
        let bad = xapi_backend::hypervisor::Nic { bridge: bridge.into(), ..nic(0) };
        assert!(nic_line(&test_spec(), &bad, |_| None).is_err(), "{bridge}");
    }
}

#[test]
fn no_value_becomes_another_line() {
    let mut spec = test_spec();
    spec.details.boot.args = "a\"\nkernel=\"/etc/shadow".into();
    refused(&spec, "INVALID_VALUE");
    spec.details.boot.args = "a=\"b\" c\\d".into();
    lines(&spec, &["cmdline = \"a=\\\"b\\\" c\\\\d\""]);
}
