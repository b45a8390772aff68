//! Storage repositories and disks through their lives.

use std::{fs, process::Command};

use serde_json::json;

use crate::world::{World, content};

#[test]
fn repositories_come_and_go() {
    let mut world = World::new();
    let (well, said) =
        world.try_xe(&["sr-create", "name-label=x", "type=file", "device-config:location=relative"]);
    assert!(!well && said.contains("SR_BACKEND_FAILURE_94"), "{said}");
    let (well, said) = world.try_xe(&["sr-create", "name-label=x", "type=nonsense"]);
    assert!(!well && said.contains("driver: nonsense"), "{said}");
    assert_eq!(world.records("PBD").len(), 2, "nothing is left of what was refused");

    // A directory with images in it is somebody's already.
    let (_, uuid) = world.disk(0, 4);
    let location = format!("device-config:location={}", world.srs[0].location.display());
    let (well, said) = world.try_xe(&["sr-create", "name-label=x", "type=file", &location]);
    assert!(!well && said.contains("SR_BACKEND_FAILURE_42"), "{said}");
    assert!(world.files(0).contains(&format!("{uuid}.vhd")));

    isos(&mut world);
    volume_group(&mut world);

    // Forgotten and introduced again, an SR still has its disks.
    let sr = world.srs[0].uuid.clone();
    let link = world.xe(&["pbd-list", &format!("sr-uuid={sr}"), "--minimal"]);
    let reference = world.srs[0].reference.clone();
    let refused = world.try_call("SR.destroy", &[json!(reference)]).expect_err("plugged");
    assert_eq!(refused.code, "SR_HAS_PBD");
    world.xe(&["pbd-unplug", &format!("uuid={link}")]);
    let refused = world.try_call("SR.destroy", &[json!(reference)]).expect_err("not empty");
    assert_eq!(refused.code, "SR_NOT_EMPTY");
    let host = world.xe(&["host-list", "--minimal"]);
    under_two_names(&world, &host, &location, &sr);
    world.xe(&["sr-forget", &format!("uuid={sr}")]);
    assert!(world.xe(&["vdi-list", &format!("uuid={uuid}"), "--minimal"]).is_empty());
    world.xe(&["sr-introduce", &format!("uuid={sr}"), "name-label=back", "type=file", "content-type=user"]);
    let link = world.xe(&["pbd-create", &format!("sr-uuid={sr}"), &format!("host-uuid={host}"), &location]);
    world.xe(&["pbd-plug", &format!("uuid={link}")]);
    assert_eq!(world.xe(&["vdi-list", &format!("sr-uuid={sr}"), "--minimal"]), uuid);
    world.xe(&["vdi-destroy", &format!("uuid={uuid}")]);
    world.xe(&["pbd-unplug", &format!("uuid={link}")]);
    world.xe(&["sr-destroy", &format!("uuid={sr}")]);
    assert!(world.files(0).is_empty(), "{:?}", world.files(0));
}

/// The directory of an unplugged SR as another one: its disks are not taken over, and whose they are is said.
fn under_two_names(world: &World, host: &str, location: &str, sr: &str) {
    let other = "uuid=6c1d2f3e-0b4a-4c5d-8e6f-7a8b9c0d1e2f";
    world.xe(&["sr-introduce", other, "name-label=other", "type=file", "content-type=user"]);
    let link = world.xe(&["pbd-create", &format!("sr-{other}"), &format!("host-uuid={host}"), location]);
    let (_, plugged) = world.try_xe(&["pbd-plug", &format!("uuid={link}")]);
    let (well, said) = world.try_xe(&["sr-scan", other]);
    assert!(!well && said.contains("SR_BACKEND_FAILURE_40") && said.contains(sr), "{plugged}; {said}");
    world.xe(&["pbd-unplug", &format!("uuid={link}")]);
    world.xe(&["sr-forget", other]);
}

/// ISO images in a directory.
fn isos(world: &mut World) {
    let dir = world.path("isos");
    fs::create_dir(&dir).expect("a directory");
    fs::write(dir.join("some.iso"), vec![7; (4 << 20) + 100]).expect("an image");
    fs::write(dir.join("notes.txt"), "no image").expect("a file");
    let location = format!("device-config:location={}", dir.display());
    let sr = world.xe(&[
        "sr-create",
        "name-label=isos",
        "type=iso",
        "content-type=iso",
        &location,
        "device-config:legacy_mode=true",
    ]);
    let found = world.xe(&["vdi-list", &format!("sr-uuid={sr}"), "params=name-label", "--minimal"]);
    assert_eq!(found, "some.iso");
    // What the last sector lacks is zeros, but nothing of it is left out.
    let disk = world.xe(&["vdi-list", &format!("sr-uuid={sr}"), "--minimal"]);
    let mut padded = vec![7; (4 << 20) + 100];
    padded.resize((4 << 20) + 512, 0);
    assert!(world.bytes(&disk) == padded, "an image of no whole sectors");
    let link = world.xe(&["pbd-list", &format!("sr-uuid={sr}"), "--minimal"]);
    world.xe(&["pbd-unplug", &format!("uuid={link}")]);
    world.xe(&["sr-forget", &format!("uuid={sr}")]);
    assert!(dir.join("some.iso").exists());
}

/// A device of the kernel's own with a volume group on it, where the kernel has device-mapper; else the refusal leaves
/// nothing behind.
fn volume_group(world: &mut World) {
    let image = world.path("device.img");
    fs::File::create(&image).and_then(|file| file.set_len(512 << 20)).expect("a file");
    let made = Command::new("losetup").args(["-f", "--show"]).arg(&image).output();
    let Some(device) = made.ok().filter(|made| made.status.success()) else {
        assert!(std::env::var("CI").is_err(), "no loop device");
        eprintln!("SKIPPED: an SR on a loop device: none can be had");
        return;
    };
    let device = String::from_utf8_lossy(&device.stdout).trim().to_string();
    let config = format!("device-config:device={device}");
    let (well, said) =
        world.try_xe(&["sr-create", "name-label=local", "type=ext", "content-type=user", &config]);
    if well {
        let disk = world.xe(&["vdi-create", &format!("sr-uuid={said}"), "name-label=d", "virtual-size=8MiB"]);
        world.xe(&["vdi-destroy", &format!("uuid={disk}")]);
        let link = world.xe(&["pbd-list", &format!("sr-uuid={said}"), "--minimal"]);
        world.xe(&["pbd-unplug", &format!("uuid={link}")]);
        world.xe(&["sr-destroy", &format!("uuid={said}")]);
    } else {
        assert!(said.contains("SR_BACKEND_FAILURE_77"), "{said}");
        assert!(world.xe(&["sr-list", "name-label=local", "--minimal"]).is_empty());
    }
    let left = Command::new("blkid").args(["-p", &device]).output().expect("blkid runs");
    assert!(left.stdout.is_empty(), "{}", String::from_utf8_lossy(&left.stdout));
    let detached = Command::new("losetup").args(["-d", &device]).status().expect("losetup runs");
    assert!(detached.success());
}

#[test]
fn life_of_a_disk() {
    let mut world = World::new();
    let (disk, uuid) = world.disk(0, 12);
    let first = content(1, 12);
    world.fill(&disk, &first);
    assert!(world.bytes(&disk) == first);

    // Larger: the new part is empty. Never smaller.
    world.call("VDI.resize", &[json!(disk), json!((20u64 << 20).to_string())]);
    let mut grown = first.clone();
    grown.resize(20 << 20, 0);
    assert!(world.bytes(&disk) == grown);
    let refused = world.try_call("VDI.resize", &[json!(disk), json!((8u64 << 20).to_string())]);
    assert_eq!(refused.expect_err("smaller").code, "SR_BACKEND_FAILURE_79");

    let snapshot = world.text("VDI.snapshot", &[json!(disk), json!({})]);
    let clone = world.text("VDI.clone", &[json!(disk), json!({})]);
    let second = content(2, 20);
    world.fill(&clone, &second);
    assert!(world.bytes(&snapshot) == grown && world.bytes(&disk) == grown);
    assert!(world.bytes(&clone) == second);

    // To another SR, then only what changed since into the same disk.
    let other = world.srs[1].reference.clone();
    let copied = |world: &mut World, base: &str, into: &str| {
        let args = [json!(disk), json!(other), json!(base), json!(into)];
        world.text("VDI.copy", &args)
    };
    let null = "OpaqueRef:NULL";
    let copy = copied(&mut world, null, null);
    assert!(world.bytes(&copy) == grown);
    let mut third = grown.clone();
    third[5 << 20..][..4_096].fill(9);
    world.fill(&disk, &third);
    assert_eq!(copied(&mut world, &snapshot, &copy), copy);
    assert!(world.bytes(&copy) == third);
    assert_eq!(world.get("VDI", "SR", &copy), other.as_str());

    world.assert_tidy();
    world.assert_sound(0);
    for gone in [&disk, &clone, &snapshot, &copy] {
        world.call("VDI.destroy", &[json!(gone)]);
    }
    assert!(!world.files(0).contains(&format!("{uuid}.vhd")));
    // The nodes they stood on go by themselves, as a task.
    world.call("SR.scan", &[json!(world.srs[0].reference.clone())]);
    world.wait("an empty SR", |world| world.files(0).is_empty().then_some(()));
    world.wait("rows to go", |world| world.records("VDI").is_empty().then_some(()));
    assert!(world.files(1).is_empty(), "{:?}", world.files(1));
}

#[test]
fn garbage_is_collected_as_a_task() {
    let mut world = World::new();
    let (disk, _) = world.disk(0, 64);
    let mut now = content(3, 64);
    world.fill(&disk, &now);
    for n in 0..3u8 {
        let snapshot = world.text("VDI.snapshot", &[json!(disk), json!({})]);
        now[(9 + usize::from(n)) << 20..][..100_000].fill(n + 1);
        world.fill(&disk, &now);
        world.call("VDI.destroy", &[json!(snapshot)]);
    }
    world.call("SR.scan", &[json!(world.srs[0].reference.clone())]);
    world.wait("one image", |world| (world.files(0).len() == 1).then_some(()));
    let tasks = world.wait("its task", |world| {
        let tasks: Vec<_> = world.records("task").into_values().collect();
        let of_it = |task: &&serde_json::Value| task["name_label"] == "Garbage Collection";
        let all: Vec<_> = tasks.iter().filter(of_it).cloned().collect();
        (!all.is_empty() && all.iter().all(|task| task["status"] == "success")).then_some(all)
    });
    assert!(tasks.iter().all(|task| task["progress"] == 1.0), "{tasks:?}");
    assert!(world.bytes(&disk) == now);
    world.assert_tidy();
}

#[test]
fn a_copy_can_be_cancelled() {
    let mut world = World::new();
    let (disk, _) = world.disk(0, 96);
    let full = crate::world::noise(5, 96 << 20);
    world.fill(&disk, &full);
    let other = world.srs[1].reference.clone();
    let null = json!("OpaqueRef:NULL");
    let task = world.text("Async.VDI.copy", &[json!(disk), json!(other), null.clone(), null]);
    world.wait("the copy to begin", |world| (!world.files(1).is_empty()).then_some(()));
    let _ = world.try_call("task.cancel", &[json!(task)]);
    let record = world.ended(&task);
    // A machine that is quick enough has it done before it hears of the cancel.
    if record["status"] == "success" {
        return;
    }
    assert_eq!(record["error_info"][0], "TASK_CANCELLED", "{record}");
    assert!(world.files(1).is_empty(), "{:?}", world.files(1));
    world.assert_tidy();
    assert!(world.bytes(&disk) == full);
}
