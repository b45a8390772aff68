//! VMs on real disks: their disks are open while they run and closed when they do not, and whatever is done to a
//! running VM's disks, what its guest wrote is there.

use conformance_tests::{nbd::Disk, transfer};
use serde_json::{Value, json};

use crate::world::{World, content, noise};

/// A VM that runs, with one disk of `mib` MiB: VM, disk, the disk's uuid.
fn running(world: &mut World, mib: u64) -> (String, String, String) {
    let (vm, _) = world.vm("guest");
    let (disk, uuid) = world.disk(0, mib);
    world.attach(&vm, &disk, "0");
    world.call("VM.start", &[json!(vm), json!(false), json!(false)]);
    (vm, disk, uuid)
}

/// The first disk of a VM.
fn first_disk(world: &mut World, vm: &str) -> String {
    let slots = world.get("VM", "VBDs", vm);
    let mut disks = Vec::new();
    for slot in slots.as_array().expect("a list").iter().filter_map(Value::as_str) {
        if world.get("VBD", "type", slot) == "Disk" {
            disks.push(world.text("VBD.get_VDI", &[json!(slot)]));
        }
    }
    disks.first().expect("a disk").clone()
}

#[test]
fn a_vm_from_a_template_has_its_disks() {
    let mut world = World::new();
    let uuid = world.xe(&["vm-install", "template=Debian Bookworm 12", "new-name-label=first"]);
    let vm = world.text("VM.get_by_uuid", &[json!(uuid)]);
    let disk = first_disk(&mut world, &vm);
    let disk_uuid = world.text("VDI.get_uuid", &[json!(disk)]);
    assert!(world.files(0).contains(&format!("{disk_uuid}.vhd")));
    assert!(world.open_disks().is_empty());
    world.xe(&["vm-start", "vm=first"]);
    assert!(world.servers().contains_key(&disk_uuid), "its disk is served");

    let mut guest = Disk::at(&world.socket(&disk_uuid));
    guest.write(1 << 20, &noise(1, 8_192)).expect("the guest writes");
    // In use by a guest: nobody may take it away, resize it or write over it.
    for (method, args) in [
        ("VDI.destroy", vec![json!(disk)]),
        ("VDI.resize", vec![json!(disk), json!((1u64 << 40).to_string())]),
    ] {
        let refused = world.try_call(method, &args).expect_err("in use");
        assert_eq!(refused.code, "VDI_IN_USE", "{method}");
    }
    let record = world.upload(&format!("/import_raw_vdi?vdi={disk}"), &[0; 512]);
    assert_eq!(record["error_info"][0], "VDI_IN_USE", "{record}");

    // A second disk, plugged and unplugged while it runs.
    let (extra, extra_uuid) = world.disk(1, 8);
    let slot = world.attach(&vm, &extra, "1");
    world.call("VBD.plug", &[json!(slot)]);
    Disk::at(&world.socket(&extra_uuid)).write(0, &noise(2, 4_096)).expect("the guest writes");
    world.call("VBD.unplug", &[json!(slot)]);
    assert!(!world.open_disks().contains(&extra_uuid));
    assert!(world.bytes(&extra)[..4_096] == noise(2, 4_096));

    world.xe(&["vm-reboot", "vm=first", "--force"]);
    assert!(world.servers().contains_key(&disk_uuid));
    assert!(guest.read(1 << 20, 8_192).expect("the guest reads") == noise(1, 8_192));
    world.assert_tidy();
    world.xe(&["vm-suspend", "vm=first"]);
    assert!(world.servers().is_empty(), "nothing of a suspended VM is open");
    world.xe(&["vm-resume", "vm=first"]);
    assert!(world.servers().contains_key(&disk_uuid));
    world.xe(&["vm-shutdown", "vm=first"]);
    assert!(world.servers().is_empty() && world.open_disks().is_empty());
    world.assert_tidy();
    world.xe(&["vm-uninstall", &format!("uuid={uuid}"), "force=true"]);
    assert!(!world.files(0).contains(&format!("{disk_uuid}.vhd")));
}

#[test]
fn a_running_vm_is_frozen_and_goes_back() {
    let mut world = World::new();
    let (vm, disk, uuid) = running(&mut world, 32);
    let mut guest = Disk::at(&world.socket(&uuid));
    let (old, new) = (noise(1, 65_536), noise(2, 65_536));
    guest.write(4 << 20, &old).expect("the guest writes");
    let snapshot = world.text("VM.snapshot", &[json!(vm), json!("then"), json!([])]);
    // The same connection: the guest noticed nothing.
    guest.write(4 << 20, &new).expect("the guest writes");
    guest.write(9 << 20, &new).expect("the guest writes");
    assert_eq!(guest.broken, 0);
    let frozen = first_disk(&mut world, &snapshot);
    let bytes = world.bytes(&frozen);
    assert!(bytes[4 << 20..][..65_536] == old && bytes[9 << 20..][..65_536] == [0; 65_536]);
    assert_eq!(world.get("VDI", "snapshot_of", &frozen), disk.as_str());

    // Every node between is merged while the guest goes on.
    for n in 0..2 {
        let passing = world.text("VM.snapshot", &[json!(vm), json!("passing"), json!([])]);
        guest.write((12 + n) << 20, &new).expect("the guest writes");
        let gone = first_disk(&mut world, &passing);
        world.call("VM.destroy", &[json!(passing)]);
        world.call("VDI.destroy", &[json!(gone)]);
    }
    // What is left: the disk, the snapshot, and the node both stand on.
    world.wait("the merge", |world| (world.files(0).len() == 3).then_some(()));
    assert!(guest.read(13 << 20, 65_536).expect("the guest reads") == new);

    world.call("VM.revert", &[json!(snapshot)]);
    assert_eq!(world.get("VM", "power_state", &vm), "Halted");
    let back = first_disk(&mut world, &vm);
    let bytes = world.bytes(&back);
    assert!(bytes[4 << 20..][..65_536] == old && bytes[9 << 20..][..65_536] == [0; 65_536]);
    assert!(world.try_call("VDI.get_uuid", &[json!(disk)]).is_err(), "the old disk is gone");
    world.assert_tidy();
    world.assert_sound(0);

    // With memory as well, and back into it.
    world.call("VM.start", &[json!(vm), json!(false), json!(false)]);
    let checkpoint = world.text("VM.checkpoint", &[json!(vm), json!("with memory")]);
    assert_eq!(world.get("VM", "power_state", &vm), "Running");
    let uuid = world.text("VDI.get_uuid", &[json!(back)]);
    assert!(world.servers().contains_key(&uuid));
    world.call("VM.revert", &[json!(checkpoint)]);
    assert_eq!(world.get("VM", "power_state", &vm), "Suspended");
    world.assert_tidy();
}

#[test]
fn vms_are_copied_and_travel() {
    let mut world = World::new();
    let (vm, _) = world.vm("guest");
    let (disk, _) = world.disk(0, 24);
    world.attach(&vm, &disk, "0");
    let full = content(1, 24);
    world.fill(&disk, &full);

    let clone = world.text("VM.clone", &[json!(vm), json!("clone")]);
    let other = world.srs[1].reference.clone();
    let copy = world.text("VM.copy", &[json!(vm), json!("copy"), json!(other)]);
    let (cloned, copied) = (first_disk(&mut world, &clone), first_disk(&mut world, &copy));
    assert!(world.bytes(&cloned) == full && world.bytes(&copied) == full);
    assert_eq!(world.get("VDI", "SR", &copied), other.as_str());

    for compression in ["false", "true", "zstd"] {
        let archive = world.download(&format!("/export?ref={vm}&use_compression={compression}"));
        let (sr, before) = (world.srs[1].reference.clone(), world.files(1));
        // Cut short, nothing of it stays.
        let record = world.upload(&format!("/import?sr_id={sr}"), &archive[..archive.len() / 2]);
        assert_eq!(record["status"], "failure", "{record}");
        assert_eq!(world.files(1), before);
        let record = world.upload(&format!("/import?sr_id={sr}"), &archive);
        assert_eq!(record["status"], "success", "{record}");
        let result = record["result"].as_str().expect("a text");
        let made = result.split("OpaqueRef:").nth(1).and_then(|rest| rest.split('<').next()).expect("a VM");
        let made = format!("OpaqueRef:{made}");
        let disk = first_disk(&mut world, &made);
        assert!(world.bytes(&disk) == full, "{compression}");
        assert_eq!(world.get("VDI", "SR", &disk), sr.as_str());
        world.call("VM.destroy", &[json!(made)]);
        world.call("VDI.destroy", &[json!(disk)]);
    }
    // Through files, as people do.
    let file = world.path("guest.xva").display().to_string();
    world.xe(&["vm-export", "vm=guest", &format!("filename={file}")]);
    let sr = format!("sr-uuid={}", world.srs[1].uuid);
    let uuid = world.xe(&["vm-import", &format!("filename={file}"), &sr]);
    let made = world.text("VM.get_by_uuid", &[json!(uuid)]);
    let disk = first_disk(&mut world, &made);
    assert!(world.bytes(&disk) == full);
    // A client that hangs up in the middle of a download costs nothing.
    let path = format!("/export?ref={vm}&session_id={}", world.session());
    drop(transfer::get(world.server.http(), &path).expect("an answer"));
    world.wait("the end of the export", |world| {
        world.get("VM", "current_operations", &vm).as_object().is_some_and(|o| o.is_empty()).then_some(())
    });
    world.assert_tidy();
}

#[test]
fn a_disk_moves_under_a_running_vm() {
    let mut world = World::new();
    let (vm, disk, uuid) = running(&mut world, 24);
    let mut guest = Disk::at(&world.socket(&uuid));
    guest.write(3 << 20, &noise(1, 65_536)).expect("the guest writes");
    let other = world.srs[1].reference.clone();
    let task = world.text("Async.VDI.pool_migrate", &[json!(disk), json!(other), json!({})]);
    // It writes on, as long as there is a disk.
    let mut last = 0;
    for n in 1..200u64 {
        if !world.socket(&uuid).exists() || world.open_disks().len() != 1 {
            break;
        }
        if guest.write((4 << 20) + n * 4_096, &noise(n, 4_096)).is_err() {
            break;
        }
        last = n;
        let status = world.get("task", "status", &task);
        if status != "pending" || !world.servers().contains_key(&uuid) {
            break;
        }
    }
    let record = world.ended(&task);
    assert_eq!(record["status"], "success", "{record}");
    let moved = first_disk(&mut world, &vm);
    assert_ne!(moved, disk);
    assert_eq!(world.get("VDI", "SR", &moved), other.as_str());
    assert_eq!(world.get("VDI", "name_label", &moved), "disk");
    assert_eq!(world.get("VM", "power_state", &vm), "Running");
    let uuid = world.text("VDI.get_uuid", &[json!(moved)]);
    let mut guest = Disk::at(&world.socket(&uuid));
    assert!(guest.read(3 << 20, 65_536).expect("the guest reads") == noise(1, 65_536));
    for n in 1..last {
        assert!(guest.read((4 << 20) + n * 4_096, 4_096).expect("the guest reads") == noise(n, 4_096), "{n}");
    }
    assert!(world.try_call("VDI.get_uuid", &[json!(disk)]).is_err(), "the old disk is gone");
    world.assert_tidy();

    // Of a halted VM, and back.
    world.call("VM.hard_shutdown", &[json!(vm)]);
    let first = world.srs[0].reference.clone();
    let back = world.text("VDI.pool_migrate", &[json!(moved), json!(first), json!({})]);
    assert!(world.bytes(&back)[3 << 20..][..65_536] == noise(1, 65_536));
    let (alone, _) = world.disk(0, 4);
    let refused = world.try_call("VDI.pool_migrate", &[json!(alone), json!(other), json!({})]);
    assert_eq!(refused.expect_err("of no VM").code, "VDI_NEEDS_VM_FOR_MIGRATE");
    world.assert_tidy();
}

#[test]
fn a_daemon_that_comes_back_finds_what_runs() {
    let mut world = World::new();
    let (vm, disk, uuid) = running(&mut world, 16);
    let mut guest = Disk::at(&world.socket(&uuid));
    guest.write(0, &noise(1, 4_096)).expect("the guest writes");
    let server = world.servers()[&uuid];
    world.restart();
    assert_eq!(world.servers()[&uuid], server, "the same process serves it");
    guest.write(4_096, &noise(2, 4_096)).expect("the guest writes");
    assert_eq!(guest.broken, 0);
    // Killed, it is there again, and nothing acknowledged is lost.
    let killed = std::process::Command::new("kill").args(["-9", &server.to_string()]).status();
    assert!(killed.expect("kill runs").success());
    assert!(guest.read(0, 4_096).expect("the guest reads") == noise(1, 4_096));
    assert!(guest.read(4_096, 4_096).expect("the guest reads") == noise(2, 4_096));
    assert!(guest.broken > 0);
    // Killed while nobody watches.
    let server = world.wait("the next server", |world| world.servers().get(&uuid).copied());
    let kills = format!("kill -9 {} {server}", world.server.pid());
    assert!(std::process::Command::new("sh").args(["-c", &kills]).status().expect("sh runs").success());
    world.restart();
    assert!(guest.read(4_096, 4_096).expect("the guest reads") == noise(2, 4_096));
    world.call("VM.hard_shutdown", &[json!(vm)]);
    world.assert_tidy();
    let bytes = world.bytes(&disk);
    assert!(bytes[..4_096] == noise(1, 4_096) && bytes[4_096..8_192] == noise(2, 4_096));
}
