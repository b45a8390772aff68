//! What a test of domains stands on: the stub, the xenstore, simulated storage with a volume, and a guest.

#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part

use std::{sync::Arc, time::Duration};

use xapi_backend::Hypervisor;
use xapi_backend::{
    Storage,
    hypervisor::{Boot, Details, Disk, DomainEvent, DomainKind, DomainSpec, Happened},
    storage::{NewVolume, SrConfig},
};
use xapi_xl::{Domains, Options, xenstore::Client};

use super::{Daemon, Stub};

pub const UUID: &str = "0e260f5c-8fb8-48c9-90fb-d389a294d22a";
pub const LONG: Duration = Duration::from_secs(60);

pub struct Bench {
    pub daemon: Daemon,
    pub stub: Stub,
    pub storage: Arc<dyn Storage>,
    pub volume: String,
    pub dir: tempfile::TempDir,
}

impl Bench {
    pub async fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let stub = Stub::new(dir.path());
        let daemon = Daemon::beside(&dir.path().join("s"), Arc::default(), stub.dir.join("table"));
        let (backends, _) = xapi_backend::sim::open(&dir.path().join("sim"), Default::default()).unwrap();
        let config =
            SrConfig { uuid: "sr".into(), kind: "file".into(), device_config: vec![], sm_config: vec![] };
        backends.storage.create(&config, 0).await.unwrap();
        backends.storage.attach(&config).await.unwrap();
        let new = NewVolume {
            uuid: None,
            name: String::new(),
            description: String::new(),
            virtual_size: 8 << 20,
            kind: "user".into(),
            sm_config: vec![],
        };
        let volume = backends.storage.create_volume("sr", new).await.unwrap().location;
        Bench { daemon, stub, storage: backends.storage, volume, dir }
    }

    /// As after a start of the toolstack.
    pub fn open(&self, quick: Duration) -> Domains {
        self.open_with(self.stub.xl(quick))
    }

    pub fn open_with(&self, xl: xapi_xl::Xl) -> Domains {
        let options = Options {
            xl,
            store: Client::new(vec![self.daemon.socket.clone()], LONG),
            storage: self.storage.clone(),
            memory: Arc::new(xapi_xl::Privcmd::default()),
            hypercalls: xapi_xl::Hypercalls::at("/nowhere"),
            card_script: |_| None,
            screens: self.dir.path().join("screens"),
            tpm: xapi_xl::tpm::Programs::default(),
            cpu_vendor: "AuthenticAMD".into(),
        };
        Domains::open(&self.dir.path().join("xl"), options).unwrap()
    }

    pub fn spec(&self) -> DomainSpec {
        let disk = Disk {
            position: 0,
            volume: Some(("sr".into(), self.volume.clone())),
            writable: true,
            cd: false,
            vdi: "551d1127-c95a-4ea9-a668-3572d007e822".into(),
            storage_type: "file".into(),
        };
        DomainSpec {
            uuid: UUID.into(),
            name: "guest".into(),
            kind: DomainKind::Pv,
            memory_max: 96 << 20,
            memory_target: 96 << 20,
            vcpus_max: 1,
            vcpus: 1,
            disks: vec![disk],
            nics: vec![],
            usb: vec![],
            platform: vec![],
            xenstore_data: vec![("vm-data/role".into(), "web".into())],
            details: Details {
                boot: Boot { kernel: "/var/lib/xcp/guest/vmlinux".into(), ..Boot::default() },
                ..Details::default()
            },
        }
    }

    pub async fn built(&self, domains: &Domains) -> i64 {
        domains.build(self.spec()).await.unwrap().domid
    }

    pub fn state(&self, from: &str, to: &str) {
        let table = self.stub.read("table").replace(from, to);
        self.stub.write("table", &table);
    }
}

/// The next event of the guest that is wanted.
pub async fn event(
    events: &mut tokio::sync::broadcast::Receiver<DomainEvent>,
    wanted: impl Fn(&Happened) -> bool,
) -> Happened {
    tokio::time::timeout(LONG, async {
        loop {
            let event = events.recv().await.unwrap();
            if event.uuid == UUID && wanted(&event.what) {
                return event.what;
            }
        }
    })
    .await
    .expect("the event comes")
}
