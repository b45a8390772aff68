//! The controlling process killed, alone or together with the disk server, anywhere in a life of snapshots, clones
//! and merges under a guest that writes; and copies and imports killed on the way. What comes after recovers, the
//! guest's bytes are all there, and nothing half-made is left.
//!
//! `XENNIX_KILLS` is the number of kills (12 unless set).

mod common;

use common::nbd::Client;
use common::{Place, eventually, new_vhd, pattern, program};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use xapi_datapath::{DataPath, DataPaths, Kind, Settings};
use xennix_disk::chain::Format;
use xennix_disk::nbd::control::Merge;
use xennix_disk::nbd::proto::{flag, transmission};
use xennix_disk::vhd::coalesce::coalesce;
use xennix_disk::vhd::create::Room;
use xennix_disk::vhd::journal::recover;
use xennix_disk::vhd::snapshot::{Child as Copy, Snapshot, snapshot};
use xennix_disk::volumes::{Directory, Volumes};

const PLACE: &str = "XENNIX_CONTROL_SIDE";
const TAP_CTL: &str = "XENNIX_CONTROL_TAP_CTL";

/// A life of snapshots and merges without end. A step that is undone or finished already is fine: the one before was
/// killed anywhere.
fn live(dir: &Path, progress: &Path) -> ! {
    let v = Directory::new(dir.join("sr"));
    let mut settings = Settings::new(dir.join("r"));
    settings.program = program();
    settings.tap_ctl = std::env::var_os(TAP_CTL).map(PathBuf::from);
    settings.kind = Some(if settings.tap_ctl.is_some() { Kind::Tapdisk } else { Kind::Nbd });
    let paths = DataPaths::start(settings).expect("start");
    paths.quiet("a").expect("quiet");
    recover(&v).expect("recover");
    let failed = paths.recover(&|_| Ok(None));
    assert!(failed.is_empty(), "{failed:?}");
    let here = |name: &str| v.exists(name).expect("exists");
    let mut steps = 0u64;
    loop {
        let take = |n: u32| {
            let name = |what: &str| format!("{what}{n}.vhd");
            if here(&name("base")) {
                return;
            }
            for stale in [name("snap"), name("clone")].iter().filter(|n| here(n)) {
                v.remove(stale).expect("remove");
            }
            let child = |what: &str| Copy { name: name(what), room: Room::File };
            let s = Snapshot {
                leaf: "a.vhd".into(),
                format: Format::Vhd,
                base: name("base"),
                leaf_after: "a.vhd".into(),
                room: Room::File,
                children: vec![child("snap"), child("clone")],
            };
            let done = paths.while_paused("a", || {
                snapshot(&v, &s).map_err(xapi_datapath::Error::from).map(|frozen| (frozen, None))
            });
            done.expect("snapshot");
        };
        if !here("base1.vhd") && !here("base2.vhd") {
            take(1);
        }
        if here("base1.vhd") {
            take(2);
        }
        for n in ["snap1.vhd", "clone1.vhd", "snap2.vhd", "clone2.vhd"] {
            if here(n) {
                v.remove(n).expect("remove");
                v.sync().expect("sync");
            }
        }
        if here("base2.vhd") && here("base1.vhd") {
            let done = paths.while_paused("a", || {
                coalesce(&v, "base2.vhd").map_err(xapi_datapath::Error::from).map(|()| ((), None))
            });
            done.expect("coalesce");
        }
        if paths.merges("a") && (here("base1.vhd") || here("base2.vhd")) {
            paths.coalesce("a", None).expect("coalesce");
            eventually("the merge", || {
                let merge = paths.status("a").expect("status").expect("open").server.expect("answers").merge;
                match merge {
                    Some(Merge::Failed { error }) => panic!("merge: {error}"),
                    merge => merge == Some(Merge::Done),
                }
            });
        }
        steps += 1;
        std::fs::write(progress, steps.to_string()).expect("progress");
    }
}

#[test]
fn the_control_side() {
    // Nothing by itself: the other test runs this one in a process of its own.
    if let Some(dir) = std::env::var_os(PLACE) {
        let dir = PathBuf::from(dir);
        live(&dir, &dir.join("progress"));
    }
}

fn control_side(place: &Place) -> Child {
    let dir = place.run().parent().expect("parent").to_owned();
    let mut command = Command::new(std::env::current_exe().expect("own path"));
    if let Some(tap_ctl) = &place.tap_ctl {
        command.env(TAP_CTL, tap_ctl);
    }
    command
        .args(["--exact", "the_control_side", "--nocapture"])
        .env(PLACE, dir)
        .env("XENNIX_DISK", program())
        .stdout(Stdio::null())
        .spawn()
        .expect("spawn")
}

/// Writes through the server, whoever that is at the moment, and remembers what was answered.
struct Guest {
    model: Mutex<Vec<u8>>,
    writes: AtomicU64,
    stop: AtomicBool,
}

impl Guest {
    fn run(&self, socket: &Path) {
        let mut client: Option<Client> = None;
        let mut n = 0u64;
        while !self.stop.load(Ordering::SeqCst) {
            n += 1;
            let (at, data) = (n * 37 % 104 * 65536, pattern(n, 9));
            let mut model = self.model.lock().expect("lock");
            let can = client.as_ref().is_some_and(|c| c.flags & transmission::FUA != 0);
            let flags = if can && n.is_multiple_of(5) { flag::FUA } else { 0 };
            // A write that was not answered is repeated, as the guest's own driver does.
            while client.as_mut().is_none_or(|c| {
                !matches!(
                    c.call(xennix_disk::nbd::proto::command::WRITE, flags, at, data.len() as u32, &data),
                    Ok(Ok(_))
                )
            }) {
                client = Client::try_connect(socket, "disk", &[]).ok();
                std::thread::sleep(Duration::from_millis(5));
            }
            model[at as usize..][..data.len()].copy_from_slice(&data);
            drop(model);
            self.writes.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn any_kill_of_the_control_side_is_recovered_from() {
    live_and_kill(&Place::new());
}

#[test]
fn any_kill_of_the_control_side_of_a_tapdisk_is_recovered_from() {
    for place in Place::with_tapdisk() {
        live_and_kill(&place);
    }
}

fn live_and_kill(place: &Place) {
    let kills: u64 = std::env::var("XENNIX_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let spec = new_vhd(place, "a.vhd");
    let path = place.paths().open(&spec, true).expect("open");
    let DataPath::Nbd { socket, .. } = path else { panic!("socket") };
    let guest = Arc::new(Guest {
        model: Mutex::new(vec![0; 7 << 20]),
        writes: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    let (theirs, to) = (Arc::clone(&guest), socket);
    let thread = std::thread::spawn(move || theirs.run(&to));
    let mut random = 88172645463325252u64;
    let mut steps = 0;
    for round in 0..kills {
        let before = guest.writes.load(Ordering::SeqCst);
        let mut control = control_side(place);
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(100 + random % 900));
        let ended = control.try_wait().expect("wait");
        assert!(ended.is_none(), "round {round}: it failed by itself: {ended:?}");
        control.kill().expect("kill");
        control.wait().expect("wait");
        if random & 3 == 0 && place.serves("a") {
            place.kill(place.pid("a"));
        }
        // What a daemon does at its start.
        let paths = place.paths();
        paths.quiet("a").expect("quiet");
        recover(&place.volumes()).expect("recover");
        let failed = paths.recover(&|_| Ok(None));
        assert!(failed.is_empty(), "round {round}: {failed:?}");
        eventually("the guest to go on", || guest.writes.load(Ordering::SeqCst) > before + 3);
        steps += std::fs::read_to_string(place.run().with_file_name("progress"))
            .ok()
            .and_then(|n| n.parse::<u64>().ok())
            .unwrap_or(0);
        let _ = std::fs::remove_file(place.run().with_file_name("progress"));
        let model = guest.model.lock().expect("lock");
        paths.quiet("a").expect("quiet");
        assert!(place.read("a.vhd") == *model, "round {round}: the guest's bytes");
        let said = place.check();
        assert!(!said.contains("error"), "round {round}: {said}");
        assert!(place.volumes().notes().expect("notes").is_empty(), "round {round}: a journal is left");
        paths.resume("a", None).expect("resume");
    }
    guest.stop.store(true, Ordering::SeqCst);
    thread.join().expect("guest");
    println!("{kills} kills, {} writes, {steps} whole rounds", guest.writes.load(Ordering::SeqCst));
    place.paths().close("a").expect("close");
    assert!(place.leftovers().is_empty());
    assert!(place.read("a.vhd") == *guest.model.lock().expect("lock"));
}

#[test]
fn a_copy_or_import_that_is_killed_leaves_nothing_that_looks_like_an_image() {
    let place = Place::new();
    let sr = place.sr();
    // Large enough to be killed on the way.
    let bytes: Vec<u8> = pattern(7, (96 << 20) / 512);
    std::fs::write(sr.join("in.raw"), &bytes).expect("write");
    for (target, format) in [("out.vhd", "vhd"), ("out.qcow2", "qcow2"), ("copy.raw", "raw")] {
        let convert = || {
            Command::new(program())
                .args(["convert", "-O", format, "in.raw", target])
                .current_dir(&sr)
                .stderr(Stdio::null())
                .spawn()
                .expect("spawn")
        };
        let part = sr.join(format!("{target}.part"));
        let mut killed = 0;
        for _ in 0..200 {
            if killed == 3 {
                break;
            }
            let mut child = convert();
            eventually("the copy's beginning", || {
                std::fs::metadata(&part).is_ok_and(|m| m.len() > 0) || sr.join(target).exists()
            });
            child.kill().expect("kill");
            child.wait().expect("wait");
            if sr.join(target).exists() {
                // It was faster.
                std::fs::remove_file(sr.join(target)).expect("remove");
            } else {
                killed += 1;
            }
            assert!(Format::of_name(&format!("{target}.part")).is_none());
        }
        assert!(convert().wait().expect("wait").success(), "the next one starts over");
        assert!(!part.exists());
        let mut source = std::process::Command::new(program());
        let out = source.args(["convert", "-O", "raw", target, "-"]).current_dir(&sr).output().expect("run");
        assert!(out.stdout == bytes, "{target}");
    }
}
