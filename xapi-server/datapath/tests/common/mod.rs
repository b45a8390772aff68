//! A place for disks, and what the tests ask of processes.
#![allow(dead_code)] // Each test binary uses its own part.

// Shared with the disk server's own tests.
#[path = "../../../disk/tests/common/nbd.rs"]
pub mod nbd;

use nbd::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use xapi_datapath::{DataPath, DataPaths, Kind, Settings, Spec};
use xennix_disk::chain::{Chain, Format};
use xennix_disk::nbd::state::{State, start_ticks};
use xennix_disk::source::Source;
use xennix_disk::vhd::create::{NewImage, Room, create};
use xennix_disk::vhd::snapshot::{Child, Snapshot, snapshot};
use xennix_disk::volumes::Directory;

pub const SIZE: u64 = 7 << 20;

/// Waits until something is so; the deadline is for machines that have a lot to do.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !so() {
        assert!(Instant::now() < end, "{what} never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The disk server beside the tests, built where it is not.
pub fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            if let Some(program) = std::env::var_os("XENNIX_DISK") {
                return program.into();
            }
            let exe = std::env::current_exe().expect("own path");
            let program = exe.parent().and_then(Path::parent).expect("target").join("xennix-disk");
            // Of the whole workspace: by itself the package has outside crates with other features, which are then built again.
            let built = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--workspace", "--bin", "xennix-disk"])
                .status()
                .expect("cargo");
            assert!(built.success() && program.is_file(), "{} is not built", program.display());
            program
        })
        .clone()
}

/// A directory of images and one of running servers; servers that are left end with it.
pub struct Place {
    dir: tempfile::TempDir,
    run: &'static str,
    /// The `tap-ctl` whose processes serve here instead of ours.
    pub tap_ctl: Option<PathBuf>,
}

impl Place {
    pub fn new() -> Place {
        Place::with_run("r")
    }

    pub fn with_run(run: &'static str) -> Place {
        let dir = tempfile::tempdir().expect("tempdir");
        std::fs::create_dir(dir.path().join("sr")).expect("mkdir");
        Place { dir, run, tap_ctl: None }
    }

    /// A place for each tapdisk there is: the stand-in, and the original where `XENNIX_BLKTAP` names the directory it
    /// was installed in.
    pub fn with_tapdisk() -> Vec<Place> {
        let mut stand_in = Place::new();
        // Where the sources are not, somebody brought it along.
        let script = std::env::var_os("XENNIX_STAND_IN").map(PathBuf::from);
        let script = script.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tap_ctl.py"));
        let tap_ctl = stand_in.dir.path().join("tap-ctl");
        let text = format!("#!/bin/sh\nexec python3 '{}' \"${{0%/*}}/c\" \"$@\"\n", script.display());
        std::fs::write(&tap_ctl, text).expect("write");
        std::fs::set_permissions(&tap_ctl, std::fs::Permissions::from_mode(0o755)).expect("chmod");
        stand_in.tap_ctl = Some(tap_ctl);
        let mut places = vec![stand_in];
        if let Some(built) = std::env::var_os("XENNIX_BLKTAP") {
            let names = ["sbin/tap-ctl", "tap-ctl", "control/tap-ctl"].iter();
            let found = names.map(|name| Path::new(&built).join(name)).find(|path| path.is_file());
            let mut original = Place::new();
            original.tap_ctl = Some(found.expect("tap-ctl in XENNIX_BLKTAP"));
            places.push(original);
        }
        places
    }

    pub fn sr(&self) -> PathBuf {
        self.dir.path().join("sr")
    }

    pub fn run(&self) -> PathBuf {
        self.dir.path().join(self.run)
    }

    pub fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.run());
        settings.program = program();
        settings.kind = Some(if self.tap_ctl.is_some() { Kind::Tapdisk } else { Kind::Nbd });
        settings.tap_ctl.clone_from(&self.tap_ctl);
        settings
    }

    pub fn paths(&self) -> DataPaths {
        DataPaths::start(self.settings()).expect("start")
    }

    pub fn state(&self, id: &str) -> Option<State> {
        State::load(&self.run().join(id).join("state")).ok()
    }

    pub fn pid(&self, id: &str) -> u32 {
        match self.tap_ctl {
            None => self.state(id).expect("state").pid,
            Some(_) => self.tapdisk(id).expect("a tapdisk"),
        }
    }

    /// The tapdisk that is written down for a disk.
    pub fn tapdisk(&self, id: &str) -> Option<u32> {
        let text = std::fs::read_to_string(self.run().join(id).join("tapdisk")).ok()?;
        let state: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        state["process"]["pid"].as_u64().map(|pid| u32::try_from(pid).expect("pid"))
    }

    /// Does the server of a disk run?
    pub fn serves(&self, id: &str) -> bool {
        match self.tap_ctl {
            None => self.state(id).is_some_and(|s| s.is_alive()),
            Some(_) => self.tapdisk(id).is_some_and(|pid| self.runs(pid)),
        }
    }

    pub fn runs(&self, pid: u32) -> bool {
        start_ticks(pid).is_some()
    }

    /// kill -9, and waits until it is gone.
    pub fn kill(&self, pid: u32) {
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).expect("kill");
        eventually("its end", || !self.runs(pid));
    }

    /// What is left in the runtime directory.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.run()).expect("run").map(|e| e.expect("entry").path()).collect()
    }

    pub fn volumes(&self) -> Directory {
        Directory::new(self.sr())
    }

    /// What a guest would read.
    pub fn read(&self, name: &str) -> Vec<u8> {
        let format = Format::of_name(name).expect("format");
        let chain = Chain::open(&self.volumes(), name, format).expect("chain");
        let mut out = vec![0; chain.size() as usize];
        chain.read_at(0, &mut out).expect("read");
        out
    }

    /// What the program says about all images.
    pub fn check(&self) -> String {
        let out = Command::new(program()).arg("check").arg(self.sr()).output().expect("run");
        String::from_utf8(out.stdout).expect("UTF-8")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for entry in std::fs::read_dir(self.run()).into_iter().flatten().flatten() {
            if let Ok(state) = State::load(&entry.path().join("state"))
                && state.is_alive()
            {
                let _ = kill(Pid::from_raw(state.pid.cast_signed()), Signal::SIGKILL);
            }
            let id = entry.file_name().into_string().expect("a plain name");
            if let Some(pid) = self.tapdisk(&id).filter(|pid| self.runs(*pid)) {
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
        }
    }
}

/// An empty VHD; its id is its name without the ending.
pub fn new_vhd(place: &Place, name: &str) -> Spec {
    create(&place.volumes(), name, &NewImage::new(SIZE, None), Room::File).expect("create");
    Spec::new(name.trim_end_matches(".vhd"), place.sr().join(name)).expect("spec")
}

/// A snapshot of a leaf.
pub fn take(place: &Place, leaf: &str, base: &str, snap: &str) {
    let s = Snapshot {
        leaf: leaf.into(),
        format: Format::Vhd,
        base: base.into(),
        leaf_after: leaf.into(),
        room: Room::File,
        children: vec![Child { name: snap.into(), room: Room::File }],
    };
    snapshot(&place.volumes(), &s).expect("snapshot");
}

/// Sectors filled with a tag.
pub fn pattern(tag: u64, sectors: u64) -> Vec<u8> {
    (0..sectors).flat_map(|s| (tag << 20 | s).to_le_bytes().repeat(64)).collect()
}

pub fn socket(path: &DataPath) -> PathBuf {
    match path {
        DataPath::Nbd { socket, .. } => socket.clone(),
        other => panic!("no socket: {other:?}"),
    }
}

pub fn connect(path: &DataPath) -> Client {
    Client::connect(&socket(path), "disk", &[])
}

/// Connects as soon as a server is there.
pub fn reconnect(path: &DataPath) -> Client {
    let mut client = None;
    eventually("a server", || {
        client = Client::try_connect(&socket(path), "disk", &[]).ok();
        client.is_some()
    });
    client.expect("client")
}
