//! A place for one SR on LVM: over the stand-in for the tools, or over the real ones on a device that
//! `XENNIX_LVM_DEVICE` gives away.
#![allow(dead_code)] // Each test program uses its own part.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use xapi_backend::{Storage, program::Output, storage::SrConfig};
use xapi_datapath::{DataPaths, Kind, Settings};
use xapi_storage::{
    Native,
    host::{Host, System},
    lvm::{MGT, group_of, mgt::Table, report},
};

use super::{SR, Set, disk_server, fake_lvm::FakeLvm, left};

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed before it.
    KillBefore,
    /// The process is killed behind it.
    KillAfter,
    /// It fails as a device does that can't be read.
    Fail,
    /// It fails, and all after it.
    FailOn,
}

/// Tools of which one command fares badly.
pub struct Faulty {
    inner: Arc<dyn Host>,
    left: AtomicI64,
    fault: Fault,
}

impl Faulty {
    /// The `nth` command from now, counted from 0.
    pub fn at(inner: Arc<dyn Host>, nth: i64, fault: Fault) -> Faulty {
        Faulty { inner, left: AtomicI64::new(nth), fault }
    }

    /// From now on the `nth` command, counted from 0, fares badly.
    pub fn fail_from(&self, nth: i64) {
        self.left.store(nth, Ordering::SeqCst);
    }

    /// From now on they fare well.
    pub fn heal(&self) {
        self.fail_from(i64::MAX);
    }

    /// Has it come to that?
    pub fn is_over(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

fn die() {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::this(), nix::sys::signal::Signal::SIGKILL);
}

#[async_trait]
impl Host for Faulty {
    async fn run(&self, program: &str, args: &[&str], more: &[(&str, &str)]) -> Result<Output, String> {
        let now = self.left.fetch_sub(1, Ordering::SeqCst) == 0;
        if now && self.fault == Fault::KillBefore {
            die();
        }
        if now && self.fault == Fault::Fail || self.is_over() && self.fault == Fault::FailOn {
            let stderr = "  /dev/fake: read failed after 0 of 512 at 0: Input/output error".into();
            return Ok(Output { status: 5, stdout: String::new(), stderr });
        }
        let told = self.inner.run(program, args, more).await;
        if now && self.fault == Fault::KillAfter {
            die();
        }
        told
    }
}

/// Tools that tell each command and how long it took.
struct Telling(Arc<dyn Host>);

#[async_trait]
impl Host for Telling {
    async fn run(&self, program: &str, args: &[&str], more: &[(&str, &str)]) -> Result<Output, String> {
        let begun = std::time::Instant::now();
        let told = self.0.run(program, args, more).await;
        let took = begun.elapsed().as_millis();
        eprintln!("{took} ms: {program} {}", args[args.len().min(2)..].join(" "));
        told
    }
}

/// Where an SR on LVM is tried.
pub struct LvmPlace {
    /// Ended first; then the group goes, then the directory.
    pub servers: Option<left::Servers>,
    pub group: Option<left::Group>,
    /// What runs.
    pub run: PathBuf,
    pub policies: Arc<Set>,
    pub host: Arc<dyn Host>,
    pub dev: PathBuf,
    pub device: String,
    pub allocation: &'static str,
    pub dir: Option<tempfile::TempDir>,
}

/// The device that the real tools may have.
pub fn given() -> Option<String> {
    std::env::var("XENNIX_LVM_DEVICE").ok()
}

impl LvmPlace {
    /// A fresh place.
    pub fn new() -> LvmPlace {
        let memory = std::path::Path::new("/dev/shm");
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix("xs");
        let dir = builder.tempdir_in(memory).or_else(|_| builder.tempdir()).unwrap();
        let place = LvmPlace::over(dir.path().to_owned());
        let servers = Some(left::Servers(place.run.clone()));
        let group = given().map(|device| left::Group { device, name: group_of(SR) });
        LvmPlace { servers, group, dir: Some(dir), ..place }
    }

    /// A place that another process began.
    pub fn over(dir: PathBuf) -> LvmPlace {
        let run = dir.join("r");
        let (host, dev, device): (Arc<dyn Host>, _, _) = match given() {
            Some(device) => (Arc::new(System), "/dev".into(), device),
            None => {
                let fake = FakeLvm::new(&dir.join("lvm"), 2048);
                let dev = fake.dev();
                (Arc::new(fake), dev, "/dev/fake".to_owned())
            }
        };
        let told = std::env::var("XENNIX_LVM_TRACE").is_ok_and(|asked| !asked.is_empty());
        let host: Arc<dyn Host> = if told { Arc::new(Telling(host)) } else { host };
        LvmPlace {
            // Whoever began it clears it up.
            servers: None,
            group: None,
            run,
            policies: Arc::default(),
            host,
            dev,
            device,
            allocation: "thick",
            dir: None,
        }
    }

    /// Its directory.
    pub fn dir(&self) -> &std::path::Path {
        self.run.parent().unwrap()
    }

    /// Storage as a fresh process has it.
    pub fn native(&self) -> Native {
        self.native_with(self.host.clone())
    }

    /// The same with an SR made there and attached.
    pub async fn ready(&self) -> Native {
        let storage = self.native();
        storage.create(&self.config(), 0).await.unwrap();
        storage.attach(&self.config()).await.unwrap();
        storage
    }

    /// The same by other tools.
    pub fn native_with(&self, host: Arc<dyn Host>) -> Native {
        let settings = Settings {
            run: self.run.clone(),
            program: disk_server(),
            tap_ctl: None,
            kind: Some(Kind::Nbd),
            blocks: false,
            patience: Duration::from_secs(90),
        };
        let paths = Arc::new(DataPaths::start(settings).unwrap());
        let mounts = self.dir().join("mnt");
        let settings = xapi_storage::Settings { mounts, dev: self.dev.clone(), sys: "/sys".into() };
        Native::new(host, self.policies.clone(), paths, settings)
    }

    pub fn config(&self) -> SrConfig {
        SrConfig {
            uuid: SR.into(),
            kind: "lvm".into(),
            device_config: vec![("device".into(), self.device.clone())],
            sm_config: vec![("allocation".into(), self.allocation.into())],
        }
    }

    /// Runs a tool; a real one sees the place's own device only, as below a device may lie another that shows the same.
    pub async fn tool(&self, program: &str, args: &[&str]) -> String {
        let own = ["--devices", self.device.as_str()];
        let own = if given().is_some() { &own[..] } else { &[] };
        self.host.succeed(program, &[own, args].concat()).await.unwrap()
    }

    /// The group as the tools show it.
    pub async fn group(&self) -> report::Group {
        let tools = xapi_storage::lvm::tools::Tools::new(&group_of(SR), &[]).unwrap().show();
        let args: Vec<&str> = tools.args.iter().map(String::as_str).collect();
        report::groups(&self.tool(tools.program, &args).await).unwrap().remove(0)
    }

    /// The volumes as the tools show them.
    pub async fn volumes(&self) -> Vec<report::Volume> {
        let tools = xapi_storage::lvm::tools::Tools::new(&group_of(SR), &[]).unwrap().list();
        let args: Vec<&str> = tools.args.iter().map(String::as_str).collect();
        report::volumes(&self.tool(tools.program, &args).await).unwrap()
    }

    /// Names of the volumes but for the metadata's.
    pub async fn names(&self) -> Vec<String> {
        let all = self.volumes().await.into_iter().map(|v| v.name);
        let mut names: Vec<String> = all.filter(|name| name != MGT).collect();
        names.sort();
        names
    }

    async fn activate(&self, on: bool) {
        let group = group_of(SR);
        let mut paths = self.volumes().await;
        paths.retain(|v| v.active != on);
        let paths: Vec<String> = paths.iter().map(|v| format!("{group}/{}", v.name)).collect();
        if !paths.is_empty() {
            let mut args = vec!["--yes", "--activate", if on { "y" } else { "n" }];
            args.extend(paths.iter().map(String::as_str));
            self.tool("lvchange", &args).await;
        }
    }

    /// The metadata volume.
    pub async fn table(&self) -> Table {
        let path = format!("{}/{MGT}", group_of(SR));
        self.tool("lvchange", &["--yes", "--activate", "y", &path]).await;
        let table = Table::parse(&std::fs::read(self.dev.join(&path)).unwrap()).unwrap();
        self.tool("lvchange", &["--yes", "--activate", "n", &path]).await;
        table
    }

    /// A detached SR: nothing active, every image sound, the metadata in step, inner nodes and no others protected, and
    /// no note left.
    pub async fn assert_clean(&self) {
        let volumes = self.volumes().await;
        let active: Vec<&str> = volumes.iter().filter(|v| v.active).map(|v| v.name.as_str()).collect();
        assert!(active.is_empty(), "still active: {active:?}");
        assert_eq!(self.group().await.tags, Vec::<String>::new());
        let table = self.table().await;
        let told: BTreeSet<String> = table.entries().map(|e| e.uuid.clone()).collect();
        let there: BTreeSet<String> = volumes
            .iter()
            .filter_map(|v| xapi_storage::naming::Naming::Volumes.parse(&v.name).map(|(u, _)| u.to_owned()))
            .collect();
        assert_eq!(told, there, "the metadata volume is out of step");
        for volume in volumes.iter().filter(|v| v.name != MGT) {
            let uuid = volume.name.split_once('-').unwrap().1;
            let managed = table.get(uuid).is_some_and(|e| e.managed);
            assert_eq!(managed, volume.writable, "{}", volume.name);
        }
        self.activate(true).await;
        let place = xennix_disk::volumes::Directory::fixed(self.dev.join(group_of(SR)));
        let report = xennix_disk::vhd::audit::audit_all(&place).unwrap();
        // A node that was given more room and then no footer at its new end, as a merge was cut there, is as good: the
        // copy at its beginning counts, and the next merge closes it.
        let node = |image: &str| volumes.iter().any(|v| v.name == image && !v.writable);
        let cut = |f: &xennix_disk::vhd::audit::Finding| f.code == "no-tail-footer" && node(&f.image);
        let sound =
            report.findings.iter().all(|f| f.severity == xennix_disk::vhd::audit::Severity::Note || cut(f));
        assert!(report.readable && sound, "{:?}", report.findings);
        self.activate(false).await;
    }
}
