//! What a host says about itself: its devices, dumps and measurements; and how it goes down.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Host, no, str};
use xapi_backend::{
    host::{Access, CrashDump, Devices, Pci, PowerAction, Usb},
    sim::Machine,
};
use xapi_schema::{Failure, Value};

fn pci(address: &str, class: u32, device: u16) -> Pci {
    Pci {
        address: address.into(),
        class,
        vendor: 0x10de,
        device,
        vendor_name: "NVIDIA".into(),
        device_name: format!("Model {device:x}"),
        ..Pci::default()
    }
}

fn stick() -> Usb {
    Usb {
        path: "1-2".into(),
        bus: 1,
        address: 7,
        vendor_id: "0781".into(),
        vendor: "SanDisk".into(),
        product_id: "5581".into(),
        product: "Ultra".into(),
        serial: "4C53".into(),
        version: "2.10".into(),
        speed: 480.0,
    }
}

fn devices() -> Devices {
    let graphics =
        Pci { access: Access::Disabled, driver: "pciback".into(), ..pci("0000:04:00.0", 0x030000, 0x1eb8) };
    let sound = pci("0000:04:00.1", 0x040300, 0x10f8);
    let screen = Pci { boot_display: true, ..pci("0000:0a:00.0", 0x030000, 0x2000) };
    let bridge = pci("0000:00:1f.0", 0x060100, 1);
    Devices { pci: vec![bridge, graphics, sound, screen], usb: vec![stick()] }
}

async fn with_devices() -> Host {
    let dump = CrashDump { name: "20150112-160100-UTC".into(), time: 1_421_078_460, size: 12 };
    Host::on(Machine { devices: Some(devices()), crash_dumps: Some(vec![dump]), ..Machine::default() }).await
}

async fn with(host: &Host, class: &str, field: &str, wanted: &str) -> String {
    for this in host.all(class).await {
        if host.text(&format!("{class}.get_{field}"), [str(&this)]).await == wanted {
            return this;
        }
    }
    panic!("no {class} with {field} {wanted}")
}

#[tokio::test]
async fn devices_have_rows() {
    let host = with_devices().await;
    assert_eq!(host.all("PCI").await.len(), 3, "a bridge is of no interest");
    let graphics = with(&host, "PCI", "pci_id", "0000:04:00.0").await;
    let sound = with(&host, "PCI", "pci_id", "0000:04:00.1").await;
    assert_eq!(host.get("PCI", "dependencies", &graphics).await, Value::set([str(&sound)]));
    assert_eq!(host.text("PCI.get_class_id", [str(&graphics)]).await, "0300");
    assert_eq!(host.text("PCI.get_dom0_access_status", [str(&graphics)]).await, "disabled");
    assert_eq!(host.text("PCI.get_dom0_access_status", [str(&sound)]).await, "enabled");
    assert_eq!(host.all("PGPU").await.len(), 2);
    let card = with(&host, "PGPU", "PCI", &graphics).await;
    let group = host.text("PGPU.get_GPU_group", [str(&card)]).await;
    assert_eq!(host.text("GPU_group.get_name_label", [str(&group)]).await, "Group of NVIDIA Model 1eb8 GPUs");
    assert_eq!(host.get("GPU_group", "GPU_types", &group).await, Value::set([str("10de/1eb8")]));
    let kinds = host.all("VGPU_type").await;
    assert_eq!(kinds.len(), 1);
    assert_eq!(host.text("VGPU_type.get_identifier", [str(&kinds[0])]).await, "0001:passthrough");
    let left = host.ok("GPU_group.get_remaining_capacity", [str(&group), str(&kinds[0])]).await;
    assert_eq!(left, Value::Int(1));
    assert_eq!(host.err("GPU_group.destroy", [str(&group)]).await.code, "GPU_GROUP_CONTAINS_PGPU");
    let stick = host.all("PUSB").await.remove(0);
    assert_eq!(host.text("PUSB.get_description", [str(&stick)]).await, "SanDisk_Ultra_4C53");
    let group = host.text("PUSB.get_USB_group", [str(&stick)]).await;
    assert_eq!(host.text("USB_group.get_name_label", [str(&group)]).await, "Group of 0781 5581 USBs");
}

#[tokio::test]
async fn graphics_change_their_types_and_their_group() {
    let host = with_devices().await;
    let card = with(&host, "PGPU", "PCI", &with(&host, "PCI", "pci_id", "0000:04:00.0").await).await;
    let (first, kind) =
        (host.text("PGPU.get_GPU_group", [str(&card)]).await, host.all("VGPU_type").await.remove(0));
    let enabled = async |class: &str, this: &str| host.get(class, "enabled_VGPU_types", this).await;
    let left =
        async |group: &str| host.ok("GPU_group.get_remaining_capacity", [str(group), str(&kind)]).await;
    host.ok("PGPU.remove_enabled_VGPU_types", [str(&card), str(&kind)]).await;
    assert_eq!(enabled("PGPU", &card).await, Value::set([]));
    assert_eq!((enabled("GPU_group", &first).await, left(&first).await), (Value::set([]), Value::Int(0)));
    // Twice is once.
    for _ in 0..2 {
        host.ok("PGPU.add_enabled_VGPU_types", [str(&card), str(&kind)]).await;
        assert_eq!(enabled("PGPU", &card).await, Value::set([str(&kind)]));
    }
    assert_eq!(
        (enabled("GPU_group", &first).await, left(&first).await),
        (enabled("PGPU", &card).await, Value::Int(1))
    );
    host.ok("PGPU.set_enabled_VGPU_types", [str(&card), Value::set([])]).await;
    assert_eq!(enabled("GPU_group", &first).await, Value::set([]));
    host.ok("PGPU.set_enabled_VGPU_types", [str(&card), Value::set([str(&kind)])]).await;
    let wrong = host.err("PGPU.add_enabled_VGPU_types", [str(&card), str("OpaqueRef:no")]).await;
    assert_eq!(wrong.code, "HANDLE_INVALID");

    let screen = with(&host, "PGPU", "PCI", &with(&host, "PCI", "pci_id", "0000:0a:00.0").await).await;
    let other = host.text("PGPU.get_GPU_group", [str(&screen)]).await;
    let wrong = host.err("PGPU.set_GPU_group", [str(&card), str(&other)]).await;
    assert_eq!(wrong.code, "PGPU_NOT_COMPATIBLE_WITH_GPU_GROUP");
    assert_eq!(wrong.params, ["10de/1eb8", "[10de/2000]"]);
    let empty = host.text("GPU_group.create", [str("mine"), str(""), Value::map::<&str>([])]).await;
    host.ok("PGPU.set_GPU_group", [str(&card), str(&empty)]).await;
    assert_eq!(host.get("GPU_group", "PGPUs", &empty).await, Value::set([str(&card)]));
    assert_eq!(host.get("GPU_group", "GPU_types", &empty).await, Value::set([str("10de/1eb8")]));
    assert_eq!((left(&empty).await, left(&first).await), (Value::Int(1), Value::Int(0)));
    // What it left can take it back, and nothing else.
    assert_eq!(host.get("GPU_group", "GPU_types", &first).await, Value::set([str("10de/1eb8")]));
    host.ok("PGPU.set_GPU_group", [str(&card), str(&first)]).await;
    host.ok("GPU_group.destroy", [str(&empty)]).await;
}

#[tokio::test]
async fn a_dump_of_long_ago_goes_with_its_disk() {
    use xapi_schema::ClassId;
    let host = Host::new().await;
    let (vm, disk) = (host.vm("crashed").await, host.vdi("dump").await);
    let members = Value::map([("VM", str(&vm)), ("VDI", str(&disk))]);
    let create = move |tx: &mut xapi_store::Tx| tx.create_value(ClassId::Crashdump, None, &members);
    let dump = host.xapi.store.commit(create).await.unwrap();
    host.levers.faults.fail_next("destroy_volume", xapi_schema::Failure::internal("no"));
    host.err("crashdump.destroy", [Value::Str(dump.clone())]).await;
    assert_eq!(host.all("crashdump").await.len(), 1);
    host.ok("crashdump.destroy", [Value::Str(dump)]).await;
    assert!(host.all("crashdump").await.is_empty() && host.all("VDI").await.is_empty());
}

#[tokio::test]
async fn what_clients_wrote_stays_as_long_as_the_device() {
    let host = with_devices().await;
    let home = host.all("host").await.remove(0);
    let graphics = with(&host, "PCI", "pci_id", "0000:04:00.0").await;
    let stick = host.all("PUSB").await.remove(0);
    for (class, this) in [("PCI", &graphics), ("PUSB", &stick)] {
        host.ok(&format!("{class}.add_to_other_config"), [str(this), str("mine"), str("yes")]).await;
    }
    // The driver changed; everything else is as before.
    let mut now = devices();
    now.pci[1].driver = "nouveau".into();
    host.levers.plug(now);
    host.ok("PUSB.scan", [str(&home)]).await;
    assert_eq!(host.text("PCI.get_driver_name", [str(&graphics)]).await, "nouveau");
    let kept = Value::map([("mine", str("yes"))]);
    assert_eq!(host.get("PCI", "other_config", &graphics).await, kept);
    assert_eq!(host.get("PUSB", "other_config", &stick).await, kept);
    host.levers.plug(Devices::default());
    host.ok("PUSB.scan", [str(&home)]).await;
    for class in ["PCI", "PGPU", "PUSB", "USB_group"] {
        assert!(host.all(class).await.is_empty(), "{class}");
    }
}

#[tokio::test]
async fn dumps_have_rows_until_they_are_destroyed() {
    let host = with_devices().await;
    let dump = host.all("host_crashdump").await.remove(0);
    assert_eq!(host.get("host_crashdump", "size", &dump).await, Value::Int(12));
    host.levers.faults.fail_next("remove_crash_dump", Failure::internal("the disk is broken"));
    assert_eq!(host.err("host_crashdump.destroy", [str(&dump)]).await.code, "INTERNAL_ERROR");
    assert_eq!(host.all("host_crashdump").await.len(), 1);
    host.ok("host_crashdump.destroy", [str(&dump)]).await;
    assert!(host.all("host_crashdump").await.is_empty());
}

fn names(list: &Value) -> Vec<String> {
    let all = list.as_set().unwrap().iter();
    all.map(|source| source.get("name_label").and_then(Value::as_str).unwrap().to_string()).collect()
}

#[tokio::test]
async fn what_is_measured_is_listed_and_answered() {
    let host = Host::new().await;
    let home = host.all("host").await.remove(0);
    let (vm, disk) = (host.vm("measured").await, host.vdi("disk").await);
    host.vbd(&vm, &disk).await;
    assert_eq!(host.err("VM.query_data_source", [str(&vm), str("cpu0")]).await.params[1], "running;paused");
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    let of_host = names(&host.ok("host.get_data_sources", [str(&home)]).await);
    for name in
        ["cpu0", "cpu3", "cpu_avg", "loadavg", "running_domains", "pool_task_count", "pool_session_count"]
    {
        assert!(of_host.contains(&name.to_string()), "{name} is not among {of_host:?}");
    }
    let list = host.ok("VM.get_data_sources", [str(&vm)]).await;
    for name in ["cpu0", "memory", "memory_target", "memory_internal_free", "vbd_xvda_read"] {
        assert!(names(&list).contains(&name.to_string()), "{name} is not measured of a VM");
    }
    let members: Vec<&str> = match &list.as_set().unwrap()[0] {
        Value::Map(members) => members.iter().map(|(name, _)| name.as_str()).collect(),
        other => panic!("{other:?}"),
    };
    let expected = ["name_label", "name_description", "enabled", "standard", "units", "min", "max", "value"];
    assert_eq!(members, expected);
    let query = |name: &'static str| host.ok("VM.query_data_source", [str(&vm), str(name)]);
    assert_eq!(query("memory_target").await, Value::Float(f64::from(256 << 20)));
    let Value::Float(share) = query("cpu0").await else { panic!() };
    assert!((share - 0.25).abs() < 1e-6, "{share}");
    // Of the disk's repository too, under the first part of its uuid.
    let sr = host.default_sr().await;
    let uuid = host.text("SR.get_uuid", [str(&sr)]).await;
    let name = format!("read_{}", &uuid[..8]);
    let Value::Float(bytes) = host.ok("host.query_data_source", [str(&home), str(&name)]).await else {
        panic!()
    };
    assert!(bytes > 0.0, "{bytes}");
    for method in ["host.query_data_source", "host.forget_data_source_archives"] {
        assert_eq!(host.err(method, [str(&home), str("nonsense")]).await.code, "INTERNAL_ERROR");
    }
    host.ok("host.forget_data_source_archives", [str(&home), str("cpu0")]).await;
    assert_eq!(host.err("host.record_data_source", [str(&home), str("cpu0")]).await.code, "NOT_IMPLEMENTED");
}

/// Waits until the machine was told something, or the host is idle again.
async fn settled(host: &Host, actions: usize) {
    for _ in 0..6_000 {
        if host.levers.power_actions().len() >= actions {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the machine was told nothing");
}

#[tokio::test]
async fn a_host_goes_down_in_order() {
    let host = Host::new().await;
    let home = host.all("host").await.remove(0);
    let vm = host.vm("resident").await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    assert_eq!(host.err("host.reboot", [str(&home)]).await.code, "HOST_NOT_DISABLED");
    assert_eq!(host.state(&vm).await, "Running", "nothing happened");
    host.ok("host.disable", [str(&home)]).await;
    host.ok("host.reboot", [str(&home)]).await;
    settled(&host, 1).await;
    assert_eq!(host.levers.power_actions(), [PowerAction::Reboot]);
    assert_eq!(host.state(&vm).await, "Halted");
    for link in host.all("PBD").await {
        assert_eq!(host.get("PBD", "currently_attached", &link).await, no());
    }
    let metrics = host.text("host.get_metrics", [str(&home)]).await;
    assert_eq!(host.get("host_metrics", "live", &metrics).await, no());
}

#[tokio::test]
async fn a_machine_that_does_not_go_down_serves_on() {
    let host = Host::new().await;
    let home = host.all("host").await.remove(0);
    host.ok("host.disable", [str(&home)]).await;
    host.levers.faults.fail_next("power", Failure::internal("no"));
    host.ok("host.shutdown", [str(&home)]).await;
    for _ in 0..6_000 {
        if host.get("host", "current_operations", &home).await == Value::map::<&str>([]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    host.assert_idle().await;
    assert!(host.levers.power_actions().is_empty());
    let metrics = host.text("host.get_metrics", [str(&home)]).await;
    assert_eq!(host.get("host_metrics", "live", &metrics).await, Value::Bool(true));
    for link in host.all("PBD").await {
        assert_eq!(host.get("PBD", "currently_attached", &link).await, Value::Bool(true));
    }
    host.ok("host.enable", [str(&home)]).await;
}

#[tokio::test]
async fn nobody_can_leave_a_pool_of_one() {
    let host = Host::new().await;
    let home = host.all("host").await.remove(0);
    host.ok("host.assert_can_evacuate", [str(&home)]).await;
    host.ok("host.evacuate", [str(&home), str("OpaqueRef:NULL"), Value::Int(0)]).await;
    let (first, second) = (host.vm("first").await, host.vm("second").await);
    for vm in [&first, &second] {
        host.ok("VM.start", [str(vm), no(), no()]).await;
    }
    let why = host.ok("host.get_vms_which_prevent_evacuation", [str(&home)]).await;
    assert_eq!(why.get(&first), Some(&Value::set([str("NO_HOSTS_AVAILABLE"), str(&first)])));
    let failure = host.err("host.assert_can_evacuate", [str(&home)]).await;
    assert_eq!(failure.code, "CANNOT_EVACUATE_HOST");
    let mut parts: Vec<&str> = failure.params[0].split('|').collect();
    parts.sort_unstable();
    let mut expected = [&first, &second].map(|vm| format!("NO_HOSTS_AVAILABLE,{vm}"));
    expected.sort_unstable();
    assert_eq!((failure.params.len(), parts), (1, expected.iter().map(String::as_str).collect()));
    let failure = host.err("host.evacuate", [str(&home), str("OpaqueRef:NULL"), Value::Int(0)]).await;
    assert_eq!((failure.code.as_str(), failure.params.len()), ("NO_HOSTS_AVAILABLE", 1));
}

#[tokio::test]
async fn keys_for_the_hypervisor_are_checked() {
    let host = Host::new().await;
    let home = host.all("host").await.remove(0);
    for keys in ["", "-rf", "a b", "é"] {
        assert_eq!(host.err("host.send_debug_keys", [str(&home), str(keys)]).await.code, "INVALID_VALUE");
    }
    // The simulated hypervisor knows none.
    assert_eq!(host.err("host.send_debug_keys", [str(&home), str("h")]).await.code, "NOT_IMPLEMENTED");
}

#[tokio::test]
async fn a_guest_gets_a_usb_device_when_it_starts_and_loses_it_when_told() {
    let host = with_devices().await;
    let yes = Value::Bool(true);
    let (stick, vm) = (host.all("PUSB").await.remove(0), host.vm("guest").await);
    let group = host.text("PUSB.get_USB_group", [str(&stick)]).await;
    let none = Value::map::<&str>([]);
    let virtual_usb = host.text("VUSB.create", [str(&vm), str(&group), none.clone()]).await;
    let again = host.err("VUSB.create", [str(&vm), str(&group), none.clone()]).await;
    assert_eq!((again.code.as_str(), &again.params[0]), ("USB_GROUP_CONFLICT", &group));
    // Guests may not have it yet.
    let home = host.all("host").await.remove(0);
    let here = [str(&vm), str(&home)];
    assert_eq!(host.err("VM.assert_can_boot_here", here).await.code, "OPERATION_NOT_ALLOWED");
    assert_eq!(host.err("VM.start", [str(&vm), no(), no()]).await.code, "NO_HOSTS_AVAILABLE");
    assert_eq!(host.state(&vm).await, "Halted");
    host.ok("PUSB.set_passthrough_enabled", [str(&stick), yes.clone()]).await;
    // Pulled since it was last looked for.
    host.levers.plug(Devices::default());
    assert_eq!(host.err("VM.start", [str(&vm), no(), no()]).await.code, "OPERATION_NOT_ALLOWED");
    assert_eq!(host.get("VUSB", "currently_attached", &virtual_usb).await, no());
    host.levers.plug(devices());
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    assert_eq!(host.get("VUSB", "currently_attached", &virtual_usb).await, yes);
    assert_eq!(
        host.get("VUSB", "allowed_operations", &virtual_usb).await,
        Value::set([str("attach"), str("unplug")])
    );
    assert_eq!(host.err("VM.snapshot", [str(&vm), str("no")]).await.code, "VM_HAS_VUSBS");
    assert_eq!(host.err("VUSB.destroy", [str(&virtual_usb)]).await.code, "OPERATION_NOT_ALLOWED");
    let taken = host.err("PUSB.set_passthrough_enabled", [str(&stick), no()]).await;
    assert_eq!(
        (taken.code.as_str(), &taken.params),
        ("USB_ALREADY_ATTACHED", &vec![stick.clone(), vm.clone()])
    );
    host.levers.faults.fail_next("unplug_usb", Failure::internal("the emulator is busy"));
    assert_eq!(host.err("VUSB.unplug", [str(&virtual_usb)]).await.code, "INTERNAL_ERROR");
    assert_eq!(host.get("VUSB", "currently_attached", &virtual_usb).await, yes);
    host.ok("VUSB.unplug", [str(&virtual_usb)]).await;
    assert_eq!(host.get("VUSB", "currently_attached", &virtual_usb).await, no());
    // A restart brings it back; an end takes it away.
    host.ok("VM.hard_reboot", [str(&vm)]).await;
    assert_eq!(host.get("VUSB", "currently_attached", &virtual_usb).await, yes);
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    assert_eq!(host.get("VUSB", "currently_attached", &virtual_usb).await, no());
    host.ok("PUSB.set_passthrough_enabled", [str(&stick), no()]).await;
    assert!(host.all("VUSB").await.is_empty(), "nothing is left to be served");
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    host.assert_idle().await;
}

#[tokio::test]
async fn a_guest_that_was_given_a_device_has_it_and_stays() {
    let host = with_devices().await;
    let graphics = with(&host, "PCI", "pci_id", "0000:04:00.0").await;
    let vm = host.vm("player").await;
    host.ok("VM.add_to_other_config", [str(&vm), str("pci"), str("0/0000:04:00.0,1/0000:09:00.0")]).await;
    host.ok("VM.start", [str(&vm), no(), no()]).await;
    assert_eq!(host.get("VM", "attached_PCIs", &vm).await, Value::set([str(&graphics)]));
    for (call, more) in [("VM.suspend", None), ("VM.checkpoint", Some(str("then")))] {
        let refused = host.err(call, std::iter::once(str(&vm)).chain(more)).await;
        assert_eq!(refused.code, "VM_HAS_PCI_ATTACHED", "{call}");
    }
    // A device that vanishes while a guest has it keeps its row.
    host.levers.plug(Devices::default());
    let home = host.all("host").await.remove(0);
    host.ok("PUSB.scan", [str(&home)]).await;
    assert_eq!(host.all("PCI").await, [graphics]);
    host.ok("VM.hard_shutdown", [str(&vm)]).await;
    assert_eq!(host.get("VM", "attached_PCIs", &vm).await, Value::set([]));
}
