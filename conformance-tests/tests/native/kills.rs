//! kill -9 of the daemon, and of a disk server, in the middle of everything that makes, moves or removes disks. After
//! the restart nothing half-made is left, nobody's disk is lost or changed, and what a guest was told is written is
//! there. `XENNIX_NATIVE_KILLS=500` makes the few rounds many; `XENNIX_NATIVE_SEED` chooses others.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use conformance_tests::{nbd::Disk, rpc::Client, server::Server, transfer};
use serde_json::{Value, json};

use crate::world::{World, content, noise};

/// What is interrupted.
const WORK: &[&str] = &[
    "snapshot",
    "vm-snapshot",
    "clone",
    "copy",
    "vm-copy",
    "import",
    "import-over",
    "vm-import",
    "export",
    "coalesce",
    "revert",
    "resize",
    "destroy",
    "move",
    "move-live",
];

/// Numbers nobody would guess, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// A guest that writes without a pause and remembers what was acknowledged.
struct Guest {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    known: Arc<Mutex<Known>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What a guest knows of its disk.
#[derive(Default)]
struct Known {
    /// Blocks that were acknowledged, by their number: the seed of their content.
    acknowledged: BTreeMap<u64, u64>,
    /// A block that was asked for last: it may be there or not.
    asked: Option<(u64, u64)>,
}

const BLOCK: usize = 8_192;
const BLOCKS: u64 = (24 << 20) / BLOCK as u64;

impl Guest {
    fn start(world: &World, uuid: &str, seed: u64) -> Guest {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let known = Arc::new(Mutex::new(Known::default()));
        let (mut disk, ended) = (Disk::at(&world.socket(uuid)), stop.clone());
        let (count, notes) = (written.clone(), known.clone());
        let thread = std::thread::spawn(move || {
            let mut dice = Dice(seed * 2 + 1);
            while !ended.load(Ordering::SeqCst) {
                let (block, value) = (dice.below(BLOCKS), dice.below(u64::MAX));
                notes.lock().expect("notes").asked = Some((block, value));
                disk.write(block * BLOCK as u64, &noise(value, BLOCK)).expect("the guest writes");
                let mut known = notes.lock().expect("notes");
                known.asked = None;
                known.acknowledged.insert(block, value);
                let done = count.fetch_add(1, Ordering::SeqCst);
                drop(known);
                if done % 32 == 0 {
                    disk.flush().expect("the guest flushes");
                }
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        Guest { stop, written, known, thread: Some(thread) }
    }

    /// Waits until it has written more; the guest lives.
    fn assert_goes_on(&self, world: &mut World) {
        let before = self.written.load(Ordering::SeqCst);
        world.wait("a guest to go on", |_| (self.written.load(Ordering::SeqCst) > before + 3).then_some(()));
    }

    fn end(mut self) -> Known {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().expect("a guest").join().expect("the guest lives");
        std::mem::take(&mut *self.known.lock().expect("notes"))
    }
}

impl Known {
    fn assert_in(&self, bytes: &[u8], what: &str) {
        for (block, value) in &self.acknowledged {
            let found = &bytes[*block as usize * BLOCK..][..BLOCK];
            let asked = self.asked.is_some_and(|(at, value)| at == *block && found == noise(value, BLOCK));
            assert!(
                asked || found == noise(*value, BLOCK),
                "{what}: block {block} lost what was acknowledged"
            );
        }
    }
}

/// What every round begins with and must still have at its end.
struct Stage {
    vm: String,
    disk: String,
    uuid: String,
    /// Halted, with a disk of known content.
    still: String,
    kept: String,
    full: Vec<u8>,
    archive: Vec<u8>,
    guest: Guest,
    /// Runs, with a disk of the same content that moves.
    mover: String,
}

fn stage(world: &mut World) -> Stage {
    let (vm, _) = world.vm("guest");
    let (disk, uuid) = world.disk(0, 24);
    world.attach(&vm, &disk, "0");
    world.call("VM.start", &[json!(vm), json!(false), json!(false)]);
    let (still, _) = world.vm("still");
    let (kept, _) = world.disk(0, 16);
    world.attach(&still, &kept, "0");
    let full = content(1, 16);
    world.fill(&kept, &full);
    let archive = world.download(&format!("/export?ref={still}"));
    let guest = Guest::start(world, &uuid, 1);
    let mover = world.text("VM.clone", &[json!(still), json!("mover")]);
    world.call("VM.start", &[json!(mover), json!(false), json!(false)]);
    Stage { mover, vm, disk, uuid, still, kept, full, archive, guest }
}

/// Lets another thread do something that will be cut; its outcome tells nothing.
fn meanwhile(
    server: &Server,
    work: impl FnOnce(&mut Client) + Send + 'static,
) -> std::thread::JoinHandle<()> {
    let mut client = Client::root(server).expect("root logs in");
    std::thread::spawn(move || work(&mut client))
}

fn call(method: &'static str, args: Vec<Value>) -> impl FnOnce(&mut Client) + Send + 'static {
    move |client| drop(client.call(method, &args))
}

/// Begins work of a kind.
fn begin(world: &mut World, stage: &Stage, kind: &str) -> std::thread::JoinHandle<()> {
    let other = world.srs[1].reference.clone();
    let none = json!("OpaqueRef:NULL");
    let address = world.server.http();
    let put = |path: String, body: Vec<u8>| {
        move |client: &mut Client| {
            let path = format!("{path}&session_id={}", client.session());
            if let Ok(answer) = transfer::put(address, &path, body.len() as u64, &mut &body[..]) {
                let _ = answer.bytes();
            }
        }
    };
    let (sr, server) = (world.srs[1].uuid.clone(), &world.server);
    match kind {
        "snapshot" => meanwhile(server, call("VDI.snapshot", vec![json!(stage.disk), json!({})])),
        "vm-snapshot" => meanwhile(server, call("VM.snapshot", vec![json!(stage.vm), json!("s"), json!([])])),
        "clone" => meanwhile(server, call("VDI.clone", vec![json!(stage.kept), json!({})])),
        "copy" => {
            meanwhile(server, call("VDI.copy", vec![json!(stage.kept), json!(other), none.clone(), none]))
        }
        "vm-copy" => meanwhile(server, call("VM.copy", vec![json!(stage.still), json!("c"), json!(other)])),
        "import" => {
            meanwhile(server, put(format!("/import_raw_vdi?sr_uuid={sr}&format=raw"), stage.full.clone()))
        }
        "vm-import" => meanwhile(server, put(format!("/import?sr_uuid={sr}"), stage.archive.clone())),
        "export" => {
            let path = format!("/export_raw_vdi?vdi={}&format=vhd", stage.kept);
            meanwhile(server, move |client| {
                let path = format!("{path}&session_id={}", client.session());
                if let Ok(answer) = transfer::get(address, &path) {
                    let _ = answer.bytes();
                }
            })
        }
        "import-over" => {
            let (target, _) = world.disk(1, 16);
            let path = format!("/import_raw_vdi?vdi={target}&format=raw");
            meanwhile(&world.server, put(path, stage.full.clone()))
        }
        "coalesce" => {
            for _ in 0..2 {
                let snapshot = world.text("VDI.snapshot", &[json!(stage.disk), json!({})]);
                std::thread::sleep(Duration::from_millis(30));
                world.call("VDI.destroy", &[json!(snapshot)]);
            }
            let scan = call("SR.scan", vec![json!(world.srs[0].reference)]);
            meanwhile(&world.server, scan)
        }
        "revert" => {
            let snapshot = world.text("VM.snapshot", &[json!(stage.still), json!("s"), json!([])]);
            meanwhile(&world.server, call("VM.revert", vec![json!(snapshot)]))
        }
        "move" | "move-live" => {
            let vm = if kind == "move" { &stage.still } else { &stage.mover };
            let disk = kept_disk(world, vm);
            let home = world.get("VDI", "SR", &disk);
            let to = world.srs.iter().find(|sr| home != sr.reference.as_str()).expect("another SR");
            let args = vec![json!(disk), json!(to.reference), json!({})];
            meanwhile(&world.server, call("VDI.pool_migrate", args))
        }
        "resize" => {
            let (target, _) = world.disk(1, 8);
            meanwhile(
                &world.server,
                call("VDI.resize", vec![json!(target), json!((40u64 << 20).to_string())]),
            )
        }
        _ => {
            let (target, _) = world.disk(1, 8);
            meanwhile(&world.server, call("VDI.destroy", vec![json!(target)]))
        }
    }
}

fn kill(pid: u32) {
    let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
}

/// Every disk is a guest's, or one that was asked for by itself.
fn assert_owned(world: &mut World, kind: &str) {
    let disks = world.records("VDI");
    let single = ["snapshot", "clone", "copy", "import", "import-over", "resize", "destroy", "coalesce"];
    for disk in disks.values().filter(|disk| disk["managed"] == true) {
        let used = disk["VBDs"].as_array().is_some_and(|slots| !slots.is_empty());
        assert!(used || single.contains(&kind), "{kind}: a disk of nobody: {disk}");
        assert_eq!(disk["storage_lock"], false, "{kind}: {disk}");
    }
    let notes = world.records("host").into_values().next().expect("a host")["other_config"].to_string();
    assert!(!notes.contains("xennix_unfinished"), "{kind}: {notes}");
}

/// Removes what a round made.
fn clear(world: &mut World, stage: &Stage, kind: &str) {
    for (vm, record) in world.records("VM") {
        let made = record["is_a_template"] == false || record["is_a_snapshot"] == true;
        if made
            && record["is_control_domain"] == false
            && ![&stage.vm, &stage.still, &stage.mover].contains(&&vm)
        {
            world.call("VM.destroy", &[json!(vm)]);
        }
    }
    for (disk, record) in world.records("VDI") {
        let used = record["VBDs"].as_array().is_some_and(|slots| !slots.is_empty());
        if record["managed"] == true && !used {
            if kind == "resize" {
                let size = record["virtual_size"].as_str().map(str::to_string);
                let size = size.or_else(|| record["virtual_size"].as_i64().map(|size| size.to_string()));
                assert_eq!(
                    world.bytes(&disk).len().to_string(),
                    size.expect("a size"),
                    "a row behind its disk"
                );
            }
            world.call("VDI.destroy", &[json!(disk)]);
        }
    }
}

#[test]
fn nothing_is_lost_when_the_daemon_is_killed() {
    let (rounds, seed) =
        (setting("XENNIX_NATIVE_KILLS", WORK.len() as u64), setting("XENNIX_NATIVE_SEED", 20));
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world = World::new();
    let mut stage = stage(&mut world);
    for round in 0..rounds {
        let kind = WORK[round as usize % WORK.len()];
        let work = begin(&mut world, &stage, kind);
        std::thread::sleep(Duration::from_micros(dice.below(120_000)));
        // Sometimes the disk's server dies with the daemon, just before, or instead of it.
        let with = dice.below(4);
        if with >= 2
            && let Some(server) = world.servers().get(&stage.uuid)
        {
            kill(*server);
        }
        if with != 3 {
            world.restart();
        }
        work.join().expect("the work ends");
        stage.guest.assert_goes_on(&mut world);
        if with == 3 {
            world.restart();
        }
        assert_owned(&mut world, kind);
        world.assert_tidy();
        // A revert replaces the disk.
        stage.kept = kept_disk(&mut world, &stage.still);
        let bytes = world.bytes(&stage.kept.clone());
        assert!(bytes == stage.full, "round {round}, {kind}: a disk changed");
        if kind == "move-live" {
            assert_mover(&mut world, &stage);
        }
        clear(&mut world, &stage, kind);
    }
    world.call("VM.hard_shutdown", &[json!(stage.mover)]);
    let known = stage.guest.end();
    assert!(!known.acknowledged.is_empty());
    world.call("VM.hard_shutdown", &[json!(stage.vm)]);
    let bytes = world.bytes(&stage.disk);
    known.assert_in(&bytes, "at the end");
    world.assert_tidy();
    for sr in 0..2 {
        world.assert_sound(sr);
    }
    eprintln!("{rounds} rounds, {} blocks acknowledged", known.acknowledged.len());
}

/// The VM whose disk was moving runs, or is suspended and goes on; its disk is what it was.
fn assert_mover(world: &mut World, stage: &Stage) {
    if world.get("VM", "power_state", &stage.mover) == "Suspended" {
        world.call("VM.resume", &[json!(stage.mover), json!(false), json!(false)]);
    }
    if world.get("VM", "power_state", &stage.mover) == "Running" {
        world.call("VM.hard_shutdown", &[json!(stage.mover)]);
    }
    let disk = kept_disk(world, &stage.mover);
    assert!(world.bytes(&disk) == stage.full, "the disk that was moving changed");
    world.call("VM.start", &[json!(stage.mover), json!(false), json!(false)]);
}

fn kept_disk(world: &mut World, vm: &str) -> String {
    let slots = world.get("VM", "VBDs", vm);
    let slot = slots[0].as_str().expect("a slot").to_string();
    world.text("VBD.get_VDI", &[json!(slot)])
}
