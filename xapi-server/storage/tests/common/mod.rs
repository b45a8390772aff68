//! A place for one SR of files, whose storage can be opened again as a daemon that was killed would.
#![allow(dead_code)] // Each test program uses its own part.

pub mod fake_lvm;
pub mod guest;
pub mod left;
pub mod lvm;
pub mod mount;
pub mod target;

use std::{
    collections::HashMap,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, Once},
    time::Duration,
};

use xapi_backend::{
    Storage,
    storage::{NewVolume, SrConfig},
};
use xapi_datapath::{DataPaths, Kind, Settings};
use xapi_storage::{
    Native,
    host::System,
    policy::{Policies, SrPolicy},
};

/// The SR of every test.
pub const SR: &str = "0a6c1f0e-1111-4222-8333-444455556666";

/// Policies a test can change.
#[derive(Default)]
pub struct Set(pub Mutex<HashMap<String, SrPolicy>>);

impl Set {
    pub fn set(&self, of: &str, policy: SrPolicy) {
        self.0.lock().unwrap().insert(of.into(), policy);
    }
}

impl Policies for Set {
    fn sr(&self, uuid: &str) -> SrPolicy {
        self.0.lock().unwrap().get(uuid).copied().unwrap_or_default()
    }

    fn volume(&self, _: &str, location: &str) -> SrPolicy {
        self.0.lock().unwrap().get(location).copied().unwrap_or_default()
    }
}

/// A directory with room for an SR and for what runs.
pub struct Place {
    /// Ended before the directory goes.
    pub servers: left::Servers,
    pub dir: tempfile::TempDir,
    pub policies: Arc<Set>,
    pub location: PathBuf,
}

impl Place {
    pub fn new() -> Place {
        // In memory where there is a place: every promise here is flushed to the disk, many times.
        let memory = Path::new("/dev/shm");
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("xs");
        let dir = builder.tempdir_in(memory).or_else(|_| builder.tempdir()).unwrap();
        let location = dir.path().join("sr");
        Place { servers: left::Servers(dir.path().join("r")), location, dir, policies: Arc::default() }
    }

    /// The same for each tapdisk there is, which serves instead of ours: the stand-in, and the original where
    /// `XENNIX_BLKTAP` names the directory it was installed in.
    pub fn with_tapdisk() -> Vec<Place> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datapath/tests/tap_ctl.py");
        let mut commands = vec![format!("python3 '{}' \"${{0%/*}}/c\"", script.display())];
        if let Some(built) = std::env::var_os("XENNIX_BLKTAP") {
            commands.push(format!("'{}'", Path::new(&built).join("sbin/tap-ctl").display()));
        }
        let made = commands.into_iter().map(|command| {
            let place = Place::new();
            let tap_ctl = place.dir.path().join("tap-ctl");
            std::fs::write(&tap_ctl, format!("#!/bin/sh\nexec {command} \"$@\"\n")).unwrap();
            std::fs::set_permissions(&tap_ctl, std::fs::Permissions::from_mode(0o755)).unwrap();
            place
        });
        made.collect()
    }

    /// The same with the SR somewhere else.
    pub fn at(location: &Path) -> Place {
        Place { location: location.into(), ..Place::new() }
    }

    /// Storage as a fresh process has it.
    pub fn native(&self) -> Native {
        let run = self.dir.path().join("r");
        let tap_ctl = Some(self.dir.path().join("tap-ctl")).filter(|path| path.exists());
        let settings = Settings {
            run,
            program: disk_server(),
            kind: Some(if tap_ctl.is_some() { Kind::Tapdisk } else { Kind::Nbd }),
            tap_ctl,
            blocks: false,
            patience: Duration::from_secs(90),
        };
        let paths = Arc::new(DataPaths::start(settings).unwrap());
        let mounts = self.dir.path().join("mnt");
        let settings = xapi_storage::Settings { mounts, dev: "/dev".into(), sys: "/sys".into() };
        Native::new(Arc::new(System), self.policies.clone(), paths, settings)
    }

    /// The same with an SR made there and attached.
    pub async fn ready(&self) -> Native {
        let storage = self.native();
        storage.create(&self.config(), 0).await.unwrap();
        storage.attach(&self.config()).await.unwrap();
        storage
    }

    pub fn config(&self) -> SrConfig {
        SrConfig {
            uuid: SR.into(),
            kind: "file".into(),
            device_config: vec![("location".into(), self.location.to_string_lossy().into_owned())],
            sm_config: vec![],
        }
    }

    /// Names of all files of the SR.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.location).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Every image of the SR, judged by the engine's own audit.
    pub fn assert_clean(&self) {
        let volumes = xennix_disk::volumes::Directory::new(&self.location);
        let report = xennix_disk::vhd::audit::audit_all(&volumes).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}

/// A volume to be made.
pub fn new(size: i64) -> NewVolume {
    NewVolume {
        uuid: None,
        name: "name".into(),
        description: String::new(),
        virtual_size: size,
        kind: "user".into(),
        sm_config: vec![],
    }
}

/// The disk server: the one of `XENNIX_DISK`, or built on demand, as it belongs to another package.
pub fn disk_server() -> PathBuf {
    if let Some(given) = std::env::var_os("XENNIX_DISK") {
        return given.into();
    }
    static BUILD: Once = Once::new();
    let mut dir = std::env::current_exe().unwrap();
    dir.pop();
    if dir.ends_with("deps") {
        dir.pop();
    }
    let program = dir.join("xennix-disk");
    BUILD.call_once(|| {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let mut build = Command::new(cargo);
        // Of the whole workspace: by itself the package has outside crates with other features, which are then built again.
        build.args(["build", "--quiet", "--workspace", "--bin", "xennix-disk"]);
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        assert!(build.status().unwrap().success(), "the disk server can't be built");
    });
    program
}

/// A uuid nobody had.
pub fn fresh() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The code of a failure; nothing for a success.
pub fn code<T>(outcome: xapi_schema::Result<T>) -> String {
    outcome.err().map(|e| e.code.to_string()).unwrap_or_default()
}

/// Destroys the disks of an SR, and then the SR.
pub async fn destroy(storage: &dyn Storage, sr: &str) {
    for disk in storage.scan(sr).await.unwrap().into_iter().filter(|volume| !volume.hidden) {
        storage.destroy_volume(sr, &disk.location).await.unwrap();
    }
    storage.delete(sr).await.unwrap();
}
