//! [`Hypervisor`] on xl and xenstore: which part answers what.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use async_trait::async_trait;
use tokio::sync::{Notify, broadcast, watch};
use xapi_backend::{
    hypervisor::{
        Activity, AgentData, ConsoleKind, ConsolePlace, Devices, Disk, Domain, DomainEvent, DomainSpec,
        Happened, Hypervisor, Nic, Reply, Request, Started,
    },
    storage::Storage,
};
use xapi_schema::Result;

use crate::{
    ask, config, console, earlier,
    firmware::{self, Layouts, Memory},
    guest,
    hypercall::Hypercalls,
    image,
    records::Records,
    screens::Screens,
    shared::{Shared, lock, reason},
    table::Row,
    tool::Xl,
    tpm::{self, Tpms},
    watcher,
    xenstore::{Change, Client},
};

/// Domains on this host.
#[derive(Clone)]
pub struct Domains {
    shared: Arc<Shared>,
}

/// What [`Domains::open`] needs.
pub struct Options {
    /// The program.
    pub xl: Xl,
    /// xenstore.
    pub store: Client,
    /// Where disks come from.
    pub storage: Arc<dyn Storage>,
    /// Memory of guests.
    pub memory: Arc<dyn Memory>,
    /// What is asked of the hypervisor past xl.
    pub hypercalls: Hypercalls,
    /// The hotplug script that puts ports on a bridge.
    pub card_script: config::CardScript,
    /// Directory for the screens of emulated machines, normally [`SCREENS`].
    pub screens: PathBuf,
    /// What TPMs of guests are made of.
    pub tpm: tpm::Programs,
    /// Vendor of the processors, for `VM.last_boot_CPU_flags`.
    pub cpu_vendor: String,
}

impl Domains {
    /// Opens the host's domains; what must survive a restart is kept in `dir`. Nothing is touched. Which domains there are is
    /// said only when what an earlier toolstack began has ended.
    ///
    /// # Errors
    /// A directory that cannot be used.
    pub fn open(dir: &Path, mut options: Options) -> std::io::Result<Domains> {
        let earlier = earlier::ended(&options.xl.program, dir);
        options.xl.variables.push((earlier::VARIABLE, dir.as_os_str().to_owned()));
        let tpms = Tpms::open(&dir.join("tpm"), options.tpm)?;
        let shared = Arc::new(Shared {
            earlier,
            turns: tokio::sync::Semaphore::new(options.xl.at_once.max(1)),
            waiting: Mutex::default(),
            xl: options.xl,
            store: options.store,
            storage: options.storage,
            records: Records::open(&dir.join("domains"))?,
            memory: options.memory,
            hypercalls: options.hypercalls,
            slowly: AtomicBool::default(),
            layouts: Layouts::open(&dir.join("firmware"))?,
            tpms,
            cpu_vendor: options.cpu_vendor,
            card_script: options.card_script,
            screens: Screens::open(&options.screens)?,
            core_dumps: dir.join("cores"),
            dumping: tokio::sync::Mutex::default(),
            events: broadcast::channel(1024).0,
            look: Notify::new(),
            idle: Notify::new(),
            ended: watch::channel(0).0,
            told: Mutex::default(),
            numbers: Mutex::default(),
            awaited: Mutex::default(),
            busy: Mutex::default(),
        });
        tokio::spawn(watcher::run(Arc::downgrade(&shared)));
        tokio::spawn(firmware::follow(Arc::downgrade(&shared)));
        tokio::spawn(tpm::follow(Arc::downgrade(&shared)));
        Ok(Domains { shared })
    }
}

#[async_trait]
impl Hypervisor for Domains {
    async fn build(&self, spec: DomainSpec) -> Result<Started> {
        self.shared.build(spec, None).await
    }

    async fn restore(&self, spec: DomainSpec, image: (String, String)) -> Result<Started> {
        self.shared.build(spec, Some(image)).await
    }

    async fn give_up(&self, uuid: &str) {
        self.shared.give_up(uuid);
    }

    async fn save(&self, uuid: &str, image: (String, String)) -> Result<String> {
        let shared = &self.shared;
        let _busy = shared.busy(uuid);
        let domid = shared.need(uuid).await?;
        let length = image::save(&shared.xl, &shared.storage, domid, (&image.0, &image.1)).await?;
        // Only now, with a whole image, the domain may go.
        shared.end(uuid, false).await?;
        Ok(serde_json::json!({"format": "xennix-xl-1", "bytes": length}).to_string())
    }

    async fn pause(&self, uuid: &str) -> Result<()> {
        let domid = self.shared.need(uuid).await?;
        self.shared.xl.quick(&["pause", &domid.to_string()]).await.map(|_| ())
    }

    async fn unpause(&self, uuid: &str) -> Result<()> {
        self.shared.unpause(uuid).await
    }

    async fn ask(&self, uuid: &str, request: Request, seconds: u64) -> Result<Reply> {
        ask::ask(&self.shared, uuid, request, seconds).await
    }

    async fn destroy(&self, uuid: &str) -> Result<()> {
        self.shared.end(uuid, false).await
    }

    async fn destroy_to_rebuild(&self, uuid: &str) -> Result<()> {
        self.shared.end(uuid, true).await
    }

    async fn to_be_rebuilt(&self) -> Result<Vec<String>> {
        let records = self.shared.records.all()?;
        Ok(records.into_iter().filter(|record| record.rebuild).map(|record| record.spec.uuid).collect())
    }

    async fn is_whole(&self, image: (String, String)) -> Result<bool> {
        Ok(image::length(&self.shared.storage, (&image.0, &image.1)).await?.is_some())
    }

    async fn ended(&self, uuid: &str) -> Result<Option<Happened>> {
        match self.shared.state(uuid).await? {
            Some(row) => Ok(reason(&row)),
            None => Ok(Some(Happened::Vanished)),
        }
    }

    async fn dump_core(&self, uuid: &str) -> Result<()> {
        self.shared.dump_core(uuid).await
    }

    async fn set_schedule(&self, uuid: &str, weight: i64, cap: i64) -> Result<()> {
        self.shared.set_schedule(uuid, weight, cap).await
    }

    async fn send_sysrq(&self, uuid: &str, key: &str) -> Result<()> {
        self.shared.send_sysrq(uuid, key).await
    }

    async fn send_trigger(&self, uuid: &str, trigger: &str) -> Result<()> {
        self.shared.send_trigger(uuid, trigger).await
    }

    async fn set_memory_target(&self, uuid: &str, bytes: i64) -> Result<()> {
        self.shared.set_memory_target(uuid, bytes).await
    }

    async fn set_vcpus(&self, uuid: &str, count: i64) -> Result<()> {
        self.shared.set_vcpus(uuid, count).await
    }

    async fn plug_disk(&self, uuid: &str, disk: Disk) -> Result<String> {
        self.shared.plug_disk(uuid, disk).await
    }

    async fn unplug_disk(&self, uuid: &str, position: u32, force: bool) -> Result<bool> {
        self.shared.unplug_disk(uuid, position, force).await
    }

    async fn change_medium(&self, uuid: &str, disk: Disk) -> Result<()> {
        self.shared.change_medium(uuid, disk).await
    }

    async fn plug_nic(&self, uuid: &str, nic: Nic) -> Result<()> {
        self.shared.plug_nic(uuid, nic).await
    }

    async fn move_nic(&self, uuid: &str, nic: Nic) -> Result<()> {
        self.shared.move_nic(uuid, nic).await
    }

    async fn unplug_nic(&self, uuid: &str, position: u32) -> Result<()> {
        self.shared.unplug_nic(uuid, position).await
    }

    async fn unplug_usb(&self, uuid: &str, path: &str) -> Result<()> {
        self.shared.unplug_usb(uuid, path).await
    }

    async fn set_xenstore_data(&self, uuid: &str, data: Vec<(String, String)>) -> Result<()> {
        let shared = &self.shared;
        let domid = shared.need(uuid).await?;
        let before = shared.records.get(uuid)?.map(|r| r.spec.xenstore_data).unwrap_or_default();
        let (before, after) = (guest::published(&before), guest::published(&data));
        let at = |key: &str| format!("/local/domain/{domid}/{key}");
        let gone = before.iter().filter(|(key, _)| !after.iter().any(|(k, _)| k == key));
        let mut changes: Vec<Change> = gone.map(|(key, _)| Change::Remove(at(key))).collect();
        for (key, value) in after {
            changes.push(Change::Write(at(&key), value));
            changes.push(Change::Permit(at(&key), vec![format!("n{domid}")]));
        }
        shared.store.commit(&changes).await?;
        shared.amend(uuid, |record| record.spec.xenstore_data = data)
    }

    async fn agent(&self, uuid: &str) -> Result<Option<AgentData>> {
        self.shared.read_agent(uuid).await
    }

    async fn devices(&self, uuid: &str) -> Result<Option<Devices>> {
        self.shared.devices(uuid).await
    }

    async fn firmware_variables(&self, uuid: &str) -> Result<Option<String>> {
        self.shared.variables(uuid).await
    }

    async fn tpm_state(&self, tpm: &str) -> Result<Option<String>> {
        self.shared.tpms.state(tpm)
    }

    async fn forget_tpm(&self, tpm: &str, kept: Option<&str>) -> Result<()> {
        self.shared.tpms.forget(tpm, kept)
    }

    async fn tpms(&self) -> Result<Vec<String>> {
        self.shared.tpms.all()
    }

    async fn settle(&self) -> Result<()> {
        self.shared.settle().await
    }

    async fn console(&self, uuid: &str, kind: ConsoleKind) -> Result<Option<ConsolePlace>> {
        console::place(&self.shared, uuid, kind).await
    }

    async fn host_console(&self) -> Result<Option<ConsolePlace>> {
        console::login()
    }

    async fn domains(&self) -> Result<Vec<Domain>> {
        let domain = |row: Row, fresh: bool, shim: i64| Domain {
            uuid: row.uuid,
            domid: i64::from(row.domid),
            activity: if row.paused { Activity::Paused } else { Activity::Running },
            fresh,
            memory: (row.memory - shim) << 20,
        };
        self.shared.store.assert_answers().await?;
        // A thread that ended without a word has nothing to wait for either.
        let _ = self.shared.earlier.clone().wait_for(|ended| *ended).await;
        let mut all = Vec::new();
        for row in self.shared.rows().await?.into_iter().filter(|row| !row.dying) {
            let fresh = self.shared.is_fresh(&row).await?;
            let shim = match self.shared.records.get(&row.uuid).ok().flatten() {
                Some(record) => self.shared.shim_mib(&record, row.domid).await?,
                None => 0,
            };
            all.push(domain(row, fresh, shim));
        }
        Ok(all)
    }

    fn events(&self) -> broadcast::Receiver<DomainEvent> {
        let receiver = self.shared.events.subscribe();
        // Whoever listens from now on has not heard of what ended before.
        lock(&self.shared.told).clear();
        self.shared.look.notify_one();
        receiver
    }
}
