//! The NBD server: against a client of our own, against the emulator's tools where they are installed, through pauses,
//! snapshots, merges, and the death of whoever started it.

mod common;

use common::nbd::Client;
use common::{Rng, SIZE, create, pattern, read_all};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use xennix_disk::cbt::{GRAIN, Log};
use xennix_disk::chain::Format;
use xennix_disk::disk::Disk;
use xennix_disk::file::Access;
use xennix_disk::image::Image;
use xennix_disk::mem::MemVolumes;
use xennix_disk::nbd::control::{Command as Control, Merge, send};
use xennix_disk::nbd::export::Export;
use xennix_disk::nbd::proto::{command, flag, transmission};
use xennix_disk::nbd::server::{Config, Server};
use xennix_disk::nbd::session;
use xennix_disk::nbd::state::State;
use xennix_disk::vhd::create::{NewImage, Room};
use xennix_disk::vhd::reader::FooterPlace;
use xennix_disk::vhd::snapshot::{Child, Snapshot, snapshot};
use xennix_disk::volumes::{Directory, Volumes};

fn config(dir: &Path, image: &str) -> Config {
    Config {
        image: dir.join(image),
        format: None,
        fixed: false,
        read_only: false,
        export: "disk".into(),
        socket: dir.join("s.sock"),
        control: dir.join("s.control"),
        state: dir.join("s.state"),
        track: None,
        changes: None,
        pending: None,
        ublk: None,
    }
}

fn start(config: &Config) -> Server {
    Server::start(config.clone(), || {}).expect("start")
}

fn new_vhd(dir: &Path, name: &str) -> Directory {
    let v = Directory::new(dir);
    xennix_disk::vhd::create::create(&v, name, &NewImage::new(SIZE, None), Room::File).expect("create");
    v
}

fn take(v: &Directory, leaf: &str, base: &str, snap: &str) {
    let s = Snapshot {
        leaf: leaf.into(),
        format: Format::Vhd,
        base: base.into(),
        leaf_after: leaf.into(),
        room: Room::File,
        children: vec![Child { name: snap.into(), room: Room::File }],
    };
    assert!(snapshot(v, &s).expect("snapshot"));
}

#[test]
fn every_command_does_to_the_disk_what_it_says() {
    let dir = tempfile::tempdir().expect("tempdir");
    let v = new_vhd(dir.path(), "a.vhd");
    let config = config(dir.path(), "a.vhd");
    let server = start(&config);
    let mut c = Client::connect(&config.socket, "disk", &["base:allocation"]);
    assert_eq!(c.size, SIZE);
    let want = transmission::FLUSH | transmission::FUA | transmission::TRIM | transmission::ZEROES;
    assert_eq!(c.flags & (want | transmission::READ_ONLY), want);
    let mut model = vec![0; SIZE as usize];
    let mut rng = Rng(77);
    for tag in 0..120 {
        let offset = rng.below(SIZE - 70_000);
        // Bytes, not sectors: the server widens what clients get wrong.
        let len = if tag % 3 == 0 { 1 + rng.below(3000) } else { 512 * (1 + rng.below(130)) };
        let offset = if tag % 3 == 0 { offset } else { offset / 512 * 512 };
        let at = offset as usize..(offset + len) as usize;
        match tag % 5 {
            0..=2 => {
                let data = pattern(tag + 1, 140)[..len as usize].to_vec();
                c.write(offset, &data, if tag % 2 == 0 { flag::FUA } else { 0 });
                model[at].copy_from_slice(&data);
            }
            3 => {
                c.must(command::ZEROES, if tag % 2 == 0 { flag::NO_HOLE } else { 0 }, offset, len as u32);
                model[at].fill(0);
            }
            _ => {
                c.must(command::TRIM, 0, offset, len as u32);
                let seen = c.read(offset, len as usize);
                let sane = seen.iter().zip(&model[at.clone()]).all(|(s, m)| s == m || *s == 0);
                assert!(sane, "trimmed bytes are neither old nor zero");
                model[at].copy_from_slice(&seen);
            }
        }
        let from = rng.below(SIZE - 9000);
        assert!(c.read(from, 9000) == model[from as usize..][..9000], "after {tag}");
    }
    assert!(c.read(0, SIZE as usize) == model);
    c.must(command::FLUSH, 0, 0, 0);
    // What the map calls zero is zero; it covers the disk.
    let map = c.status(1, 0, 0, SIZE as u32);
    let mut at = 0;
    for (len, state) in &map {
        assert!(*state == 0 || model[at..at + *len as usize].iter().all(|b| *b == 0));
        at += *len as usize;
    }
    assert_eq!(at as u64, SIZE);
    assert!(map.iter().any(|(_, s)| *s == 0));
    assert_eq!(c.status(1, flag::ONE, 0, SIZE as u32).len(), 1);
    server.stop().expect("stop");
    assert!(read_all(&v, "a.vhd") == model);
    let image = xennix_disk::vhd::reader::Image::open(v.open("a.vhd", Access::Read).expect("open"));
    assert_eq!(image.expect("image").footer_place(), FooterPlace::Tail, "closed cleanly");
    assert!(!config.state.exists() && !config.socket.exists() && !config.control.exists());
}

#[test]
fn mistakes_are_answered_and_harm_nothing() {
    let dir = tempfile::tempdir().expect("tempdir");
    new_vhd(dir.path(), "a.vhd");
    let mut config = config(dir.path(), "a.vhd");
    let server = start(&config);
    let mut c = Client::connect(&config.socket, "disk", &["base:allocation"]);
    let mut error = |cmd, flags, offset, len, data: &[u8]| {
        c.call(cmd, flags, offset, len, data).expect("I/O").expect_err("must fail")
    };
    assert_eq!(error(command::READ, 0, SIZE - 511, 512, &[]), 22);
    assert_eq!(error(command::READ, 0, u64::MAX, 512, &[]), 22);
    assert_eq!(error(command::READ, 0, 0, u32::MAX, &[]), 75);
    assert_eq!(error(command::READ, 0x8000, 0, 512, &[]), 22);
    assert_eq!(error(command::WRITE, 0, SIZE, 512, &[1; 512]), 28);
    assert_eq!(error(command::ZEROES, 0, u64::MAX - 1, 512, &[]), 22);
    assert_eq!(error(command::ZEROES, flag::NO_HOLE, SIZE - 1, 512, &[]), 22);
    assert_eq!(error(command::TRIM, 0, SIZE, 512, &[]), 22);
    assert_eq!(error(command::STATUS, 0, 0, 0, &[]), 22);
    assert_eq!(error(command::STATUS, 0, SIZE, 512, &[]), 22);
    assert_eq!(error(99, 0, 0, 512, &[]), 22);
    assert!(c.read(0, SIZE as usize).iter().all(|b| *b == 0), "the connection lives and nothing was written");
    // A second server of the same image, or on the same socket, is refused.
    let twice =
        Config { socket: dir.path().join("t.sock"), control: dir.path().join("t.c"), ..config.clone() };
    assert!(Server::start(twice, || {}).is_err(), "two writers of one image");
    new_vhd(dir.path(), "b.vhd");
    let same = Config { image: dir.path().join("b.vhd"), ..config.clone() };
    assert!(Server::start(same, || {}).is_err(), "two servers on one socket");
    server.stop().expect("stop");
    config.read_only = true;
    let server = start(&config);
    let mut c = Client::connect(&config.socket, "", &[]);
    assert_ne!(c.flags & transmission::READ_ONLY, 0);
    for cmd in [command::WRITE, command::ZEROES, command::TRIM] {
        let data: &[u8] = if cmd == command::WRITE { &[1; 512] } else { &[] };
        assert_eq!(c.call(cmd, 0, 0, 512, data).expect("I/O").expect_err("read only"), 1);
    }
    server.stop().expect("stop");
}

#[test]
fn changes_of_a_log_are_a_context_and_tracking_survives_a_pause() {
    let dir = tempfile::tempdir().expect("tempdir");
    new_vhd(dir.path(), "a.vhd");
    let mut log = Log::new(SIZE - GRAIN);
    log.mark(3 * GRAIN, 1);
    std::fs::write(dir.path().join("old.cbtlog"), log.serialise()).expect("write");
    std::fs::write(dir.path().join("new.cbtlog"), Log::new(SIZE).serialise()).expect("write");
    let mut config = config(dir.path(), "a.vhd");
    config.changes = Some(dir.path().join("old.cbtlog"));
    config.track = Some(dir.path().join("new.cbtlog"));
    let server = start(&config);
    let mut c = Client::connect(&config.socket, "disk", &["qemu:dirty-bitmap:changes"]);
    let grain = GRAIN as u32;
    let rest = SIZE as u32 - 5 * grain;
    assert_eq!(
        c.status(2, 0, 0, SIZE as u32),
        [(3 * grain, 0), (grain, 1), (rest, 0), (grain, 1)],
        "what the log did not watch counts as changed"
    );
    c.write(GRAIN * 7, &[1; 512], 0);
    let read = |file: &str| Log::parse(&std::fs::read(dir.path().join(file)).expect("read")).expect("log");
    assert!(!read("new.cbtlog").consistent, "open logs are inconsistent on disk");
    send(&config.control, &Control::Pause).expect("pause");
    assert!(read("new.cbtlog").consistent && read("new.cbtlog").is_changed(7 * GRAIN));
    send(&config.control, &Control::Resume { image: None }).expect("resume");
    c.write(GRAIN * 9, &[1; 512], 0);
    server.stop().expect("stop");
    let log = read("new.cbtlog");
    assert!(log.consistent && log.is_changed(7 * GRAIN) && log.is_changed(9 * GRAIN));
    assert!(!log.is_changed(8 * GRAIN));
    // A log that a crash hit does not keep a guest from starting; it is said, and the log stays inconsistent.
    let mut hit = log;
    hit.consistent = false;
    std::fs::write(dir.path().join("new.cbtlog"), hit.serialise()).expect("write");
    let server = start(&config);
    assert!(server.status().untracked.is_some());
    server.stop().expect("stop");
    assert!(!read("new.cbtlog").consistent);
}

#[test]
fn a_client_waits_through_a_snapshot_and_writes_on_into_the_new_leaf() {
    let dir = tempfile::tempdir().expect("tempdir");
    let v = new_vhd(dir.path(), "a.vhd");
    let config = config(dir.path(), "a.vhd");
    let server = start(&config);
    let mut c = Client::connect(&config.socket, "disk", &[]);
    c.write(4096, &pattern(1, 3), 0);
    let s = Snapshot {
        leaf: "a.vhd".into(),
        format: Format::Vhd,
        base: "b.vhd".into(),
        leaf_after: "a.vhd".into(),
        room: Room::File,
        children: vec![],
    };
    assert!(snapshot(&v, &s).is_err(), "a disk that is written can't be frozen");
    assert!(send(&config.control, &Control::Resume { image: None }).is_err());
    assert!(send(&config.control, &Control::Pause).expect("pause").paused);
    assert!(send(&config.control, &Control::Pause).is_err());
    let socket = config.socket.clone();
    let waiting = std::thread::spawn(move || {
        c.write(8192, &pattern(2, 1), flag::FUA);
        let other = Client::connect(&socket, "disk", &[]).read(4096, 512);
        (c, other)
    });
    take(&v, "a.vhd", "b.vhd", "s.vhd");
    let frozen = read_all(&v, "s.vhd");
    assert!(frozen[4096..][..1536] == pattern(1, 3)[..], "the pause flushed");
    assert!(!waiting.is_finished(), "writes wait");
    assert!(!send(&config.control, &Control::Resume { image: None }).expect("resume").paused);
    let (mut c, other) = waiting.join().expect("client");
    assert!(other == pattern(1, 1));
    assert!(c.read(8192, 512) == pattern(2, 1));
    assert!(read_all(&v, "s.vhd") == frozen, "the snapshot stands still");
    // Paused and stopped: whoever waits gets an error, not silence.
    send(&config.control, &Control::Pause).expect("pause");
    let waiting = std::thread::spawn(move || c.call(command::READ, 0, 0, 512, &[]));
    std::thread::sleep(std::time::Duration::from_millis(50));
    server.stop().expect("stop");
    assert!(!matches!(waiting.join().expect("client"), Ok(Ok(_))));
}

#[test]
fn a_leaf_merges_into_its_parent_under_a_writing_client() {
    let dir = tempfile::tempdir().expect("tempdir");
    let v = new_vhd(dir.path(), "a.vhd");
    let mut model = vec![0; SIZE as usize];
    let mut put = |name: &str, offset: u64, data: &[u8]| {
        let mut disk = Disk::open(&v, name, Format::Vhd).expect("open");
        disk.write_at(offset, data).expect("write");
        disk.close().expect("close");
        model[offset as usize..][..data.len()].copy_from_slice(data);
    };
    put("a.vhd", 0, &pattern(1, 3000));
    take(&v, "a.vhd", "b.vhd", "s.vhd");
    put("a.vhd", 512 * 100, &pattern(2, 9000));
    v.remove("s.vhd").expect("remove");
    let config = config(dir.path(), "a.vhd");
    let server = start(&config);
    let mut c = Client::connect(&config.socket, "disk", &[]);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        let mut rng = Rng(5);
        for tag in 0.. {
            let n = 1 + rng.below(40);
            let sector = rng.below(SIZE / 512 - n);
            let data = pattern(100 + tag, n);
            c.write(sector * 512, &data, if tag % 16 == 0 { flag::FUA } else { 0 });
            model[(sector * 512) as usize..][..data.len()].copy_from_slice(&data);
            if stopped.try_recv().is_ok() {
                break;
            }
        }
        assert!(c.read(0, SIZE as usize) == model);
        model
    });
    send(&config.control, &Control::Coalesce { name: None }).expect("coalesce");
    loop {
        match send(&config.control, &Control::Status).expect("status").merge {
            Some(Merge::Done) => break,
            Some(Merge::Running { .. }) => std::thread::sleep(std::time::Duration::from_millis(5)),
            other => panic!("{other:?}"),
        }
    }
    stop.send(()).expect("writer");
    let model = writer.join().expect("writer");
    assert!(send(&config.control, &Control::Coalesce { name: None }).is_ok(), "begins, and fails:");
    while matches!(server.status().merge, Some(Merge::Running { .. })) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(matches!(server.status().merge, Some(Merge::Failed { .. })), "no parent is left");
    server.stop().expect("stop");
    assert_eq!(v.list().expect("list").iter().filter(|n| n.ends_with(".vhd")).count(), 1);
    assert!(read_all(&v, "a.vhd") == model);
}

#[test]
fn qcow2_and_raw_are_served_as_well() {
    let dir = tempfile::tempdir().expect("tempdir");
    std::fs::write(dir.path().join("a.raw"), pattern(1, SIZE / 512)).expect("write");
    let source = Image::open(&dir.path().join("a.raw"), None, Access::Read, false).expect("open");
    let mut out = Vec::new();
    xennix_disk::convert::export_qcow2(&source, None, &mut out, &mut |_| Ok(())).expect("qcow2");
    std::fs::write(dir.path().join("a.qcow2"), out).expect("write");
    for name in ["a.raw", "a.qcow2"] {
        let config = config(dir.path(), name);
        let server = start(&config);
        let mut c = Client::connect(&config.socket, "disk", &["base:allocation"]);
        let mut want = pattern(1, SIZE / 512);
        assert!(c.read(0, SIZE as usize) == want, "{name}");
        c.write(1000, &[7; 3000], flag::FUA);
        want[1000..4000].fill(7);
        c.must(command::ZEROES, 0, 1 << 20, 1 << 20);
        want[1 << 20..2 << 20].fill(0);
        c.must(command::TRIM, 0, 3 << 20, 1 << 20);
        let seen = c.read(3 << 20, 1 << 20);
        want[3 << 20..4 << 20].copy_from_slice(&seen);
        assert!(c.read(0, SIZE as usize) == want, "{name}");
        assert!(c.status(1, 0, 0, SIZE as u32).contains(&(1 << 20, 3)), "{name}: zeros are known");
        server.stop().expect("stop");
        let again = Image::open(&dir.path().join(name), None, Access::Read, false).expect("open");
        let mut seen = vec![0; SIZE as usize];
        again.source().read_at(0, &mut seen).expect("read");
        assert!(seen == want, "{name}");
    }
}

/// Runs a tool of the emulator; false when it is not installed.
fn tool(name: &str, args: &[&str]) -> Option<String> {
    let Ok(out) = Command::new(name).args(args).output() else {
        println!("{name} is missing: {args:?} was not run");
        return None;
    };
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{name} {args:?}: {text} {}", String::from_utf8_lossy(&out.stderr));
    Some(text)
}

#[test]
fn the_emulators_tools_read_write_and_map_over_the_socket() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    let v = new_vhd(d, "a.vhd");
    let config = config(d, "a.vhd");
    let server = start(&config);
    let url = format!("nbd+unix:///disk?socket={}", config.socket.display());
    let io = |c: &str| tool("qemu-io", &["-f", "raw", "-c", c, &url]);
    if io("write -P 0x5a 1M 64k").is_none() {
        server.stop().expect("stop");
        return;
    }
    io("read -P 0x5a 1M 64k");
    io("write -z 1M 4k");
    io("read -P 0 1M 4k");
    io("discard 2M 64k");
    io("write -f -P 0x11 3M 512");
    let map = tool("qemu-img", &["map", "--output=json", "-f", "raw", &url]).expect("qemu-img");
    let map: serde_json::Value = serde_json::from_str(&map).expect("JSON");
    let first = &map.as_array().expect("array")[0];
    assert_eq!((&first["zero"], first["length"].as_u64()), (&true.into(), Some(1 << 20)), "{map}");
    let raw = d.join("out.raw");
    tool("qemu-img", &["convert", "-f", "raw", "-O", "raw", &url, raw.to_str().expect("path")]);
    tool("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", raw.to_str().expect("path"), &url]);
    tool("nbdinfo", &[&url]);
    server.stop().expect("stop");
    let mut want = vec![0; SIZE as usize];
    want[(1 << 20) + 4096..(1 << 20) + 65536].fill(0x5a);
    want[3 << 20..(3 << 20) + 512].fill(0x11);
    assert!(std::fs::read(&raw).expect("read") == want);
    assert!(read_all(&v, "a.vhd") == want);
}

fn cli(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_xennix-disk")).args(args).output().expect("run")
}

#[test]
fn a_detached_server_outlives_its_starter_and_is_found_again() {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    let v = new_vhd(d, "a.vhd");
    let path = |n: &str| d.join(n).to_str().expect("path").to_owned();
    let (image, socket): (String, PathBuf) = (path("a.vhd"), d.join("a.sock"));
    let serve = || cli(&["serve", "--detach", "--export", "disk", "--socket", &path("a.sock"), &image]);
    let out = serve();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let state = State::load(&d.join("a.sock.state")).expect("state");
    assert!(state.is_alive());
    let pid = nix::unistd::Pid::from_raw(state.pid as i32);
    assert_eq!(nix::unistd::getsid(Some(pid)).expect("getsid"), pid, "a session of its own");
    assert!(!serve().status.success(), "one server an image");
    let mut c = Client::connect(&socket, "disk", &[]);
    c.write(512, &pattern(3, 2), flag::FUA);
    let status = cli(&["control", &path("a.sock.control"), "status"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("\"clients\":1"));
    // Killed in the middle: what was acknowledged with FUA is there, and a new one takes over.
    c.write(1024 * 1024, &pattern(4, 2), 0);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("kill");
    while state.is_alive() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(read_all(&v, "a.vhd")[512..1536] == pattern(3, 2)[..]);
    assert!(serve().status.success());
    let state = State::load(&d.join("a.sock.state")).expect("state");
    let mut c = Client::connect(&socket, "disk", &[]);
    assert!(c.read(512, 1024) == pattern(3, 2));
    assert!(cli(&["control", &path("a.sock.control"), "stop"]).status.success());
    while state.is_alive() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(!socket.exists());
    assert_eq!(String::from_utf8_lossy(&cli(&["check", &image]).stdout), "clean\n");
}

fn memory_export(v: &MemVolumes) -> Arc<Export> {
    let v = v.clone();
    let opener = Box::new(move || Image::within(&v, "a.vhd", Format::Vhd, Access::Write));
    Arc::new(Export::new("disk", false, opener).expect("export"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn clients_may_say_anything(
        flags in any::<u32>(),
        options in proptest::collection::vec((0u32..12, proptest::collection::vec(any::<u8>(), 0..40)), 0..6),
        go in any::<bool>(),
        requests in proptest::collection::vec((any::<u16>(), 0u16..9, any::<u64>(), 0u32..100_000), 0..8),
        tail in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let v = MemVolumes::files();
        create(&v, "a.vhd", SIZE, None);
        let mut say = Vec::from((flags | u32::from(go)).to_be_bytes());
        let mut option = |code: u32, data: &[u8]| {
            say.extend(b"IHAVEOPT");
            say.extend(code.to_be_bytes());
            say.extend((data.len() as u32).to_be_bytes());
            say.extend(data);
        };
        for (code, data) in &options {
            option(*code, data);
        }
        if go {
            option(7, &[0, 0, 0, 4, b'd', b'i', b's', b'k', 0, 0]);
        }
        for (flags, command, offset, len) in requests {
            let offset = if offset % 3 == 0 { offset } else { offset % SIZE };
            let r = xennix_disk::nbd::proto::Request { flags: flags & 0x1f, command, cookie: 1, offset, len };
            say.extend(r.serialise());
            if command == 1 {
                say.resize(say.len() + len as usize, 3);
            }
        }
        say.extend(tail);
        let mut heard = Vec::new();
        let _ = session::serve(&mut &say[..], &mut heard, &[memory_export(&v)]);
        prop_assert_eq!(&heard[..8], b"NBDMAGIC");
    }
}
