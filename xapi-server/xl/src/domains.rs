//! [`Hypervisor`] on xl and xenstore.

use std::{
    collections::{BTreeSet, HashMap},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Notify, broadcast, watch};
use xapi_backend::{
    hypervisor::{
        Activity, AgentData, ConsoleKind, ConsolePlace, Devices, Disk, Domain, DomainEvent, DomainKind,
        DomainSpec, Happened, Hypervisor, Nic, Reply, Request, Started,
    },
    storage::{DataPath, Storage},
};
use xapi_schema::{Failure, Result, errors};

use crate::{
    agent, ask, config, devices, earlier, guest, image,
    records::{Record, Records},
    table::{self, Row},
    tool::Xl,
    watcher,
    xenstore::{self, Change, Client, Limits},
};

/// What the parts share.
pub struct Shared {
    pub xl: Xl,
    pub store: Client,
    pub storage: Arc<dyn Storage>,
    pub records: Records,
    pub cpu_vendor: String,
    pub core_dumps: std::path::PathBuf,
    pub events: broadcast::Sender<DomainEvent>,
    /// Somebody new listens, or a look is due for another reason.
    pub look: Notify,
    /// Counts how often some domain ended.
    pub ended: watch::Sender<u64>,
    /// Ends that were told, by domain number.
    pub told: Mutex<BTreeSet<u32>>,
    /// Domains that are being saved, or ended by us.
    pub busy: Mutex<HashMap<String, usize>>,
}

/// Marks a domain as busy while it lives.
struct Busy<'a>(&'a Shared, String);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut busy = lock(&self.0.busy);
        if let Some(count) = busy.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&self.1);
            }
        }
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

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
    /// Vendor of the processors, for `VM.last_boot_CPU_flags`.
    pub cpu_vendor: String,
}

impl Domains {
    /// Opens the host's domains; what must survive a restart is kept in `dir`. Nothing is touched, but what an earlier
    /// toolstack began is waited for.
    ///
    /// # Errors
    /// A directory that cannot be used.
    pub fn open(dir: &Path, mut options: Options) -> std::io::Result<Domains> {
        earlier::wait(&options.xl.program, dir);
        options.xl.variables.push((earlier::VARIABLE, dir.as_os_str().to_owned()));
        let shared = Arc::new(Shared {
            xl: options.xl,
            store: options.store,
            storage: options.storage,
            records: Records::open(&dir.join("domains"))?,
            cpu_vendor: options.cpu_vendor,
            core_dumps: dir.join("cores"),
            events: broadcast::channel(1024).0,
            look: Notify::new(),
            ended: watch::channel(0).0,
            told: Mutex::default(),
            busy: Mutex::default(),
        });
        tokio::spawn(watcher::run(Arc::downgrade(&shared)));
        Ok(Domains { shared })
    }
}

impl Shared {
    /// Told whenever some domain ended.
    pub fn ends(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    pub async fn rows(&self) -> Result<Vec<Row>> {
        Ok(table::rows(&self.xl.quick(&["list", "-v"]).await?))
    }

    /// The row of a domain; one that is being taken apart is gone.
    pub async fn state(&self, uuid: &str) -> Result<Option<Row>> {
        Ok(self.rows().await?.into_iter().find(|row| row.uuid == uuid && !row.dying))
    }

    /// Number of a domain, asked of xenstore. The newest is tried first.
    pub async fn find(&self, uuid: &str) -> Result<Option<u32>> {
        let names = self.store.directory("/local/domain").await?;
        let mut numbers: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        let wanted = format!("/vm/{uuid}");
        for number in numbers.into_iter().filter(|number| *number != 0) {
            let vm = self.store.find(&format!("/local/domain/{number}/vm")).await?;
            // The path may end with a count that tells domains of one uuid apart.
            if vm.is_some_and(|vm| vm == wanted || vm.starts_with(&format!("{wanted}-"))) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    pub async fn need(&self, uuid: &str) -> Result<u32> {
        let found = self.find(uuid).await?;
        found.ok_or_else(|| Failure::internal(format!("there is no domain {uuid}")))
    }

    fn busy(&self, uuid: &str) -> Busy<'_> {
        *lock(&self.busy).entry(uuid.to_string()).or_default() += 1;
        Busy(self, uuid.to_string())
    }

    /// We are at work on this domain.
    pub fn is_busy(&self, uuid: &str) -> bool {
        lock(&self.busy).contains_key(uuid)
    }

    async fn close(&self, volumes: &[(String, String, bool)]) {
        for (sr, location, _) in volumes {
            if let Err(failure) = self.storage.close_volume(sr, location).await {
                tracing::error!(%failure, sr, location, "a volume could not be closed");
            }
        }
    }

    /// Opens the volumes of the disks of a record, which must be written already and says they are open.
    async fn place(&self, record: &Record) -> Result<Vec<config::Placed>> {
        let mut placed = Vec::new();
        for disk in &record.spec.disks {
            let path = match &disk.volume {
                None => None,
                Some((sr, location)) => {
                    Some(self.storage.open_volume(sr, location, disk.writable && !disk.cd).await?)
                }
            };
            placed.push((disk.clone(), path));
        }
        Ok(placed)
    }

    /// Builds a domain, paused: afresh, or from an image. After an error there is none, and nothing is open.
    async fn build(&self, spec: DomainSpec, memory: Option<(String, String)>) -> Result<Started> {
        let uuid = spec.uuid.clone();
        let _busy = self.busy(&uuid);
        if self.find(&uuid).await?.is_some() {
            return Err(errors::DOMAIN_EXISTS.with([uuid]));
        }
        // A refusal costs nothing: it comes before anything is opened.
        config::config(&spec, &[])?;
        let open = spec.disks.iter().filter_map(volume).collect();
        let record = Record { spec, open, rebuild: false };
        self.records.put(&record)?;
        match self.try_build(&record, memory).await {
            Ok(started) => Ok(started),
            Err(failure) => {
                if let Err(failure) = self.end(&uuid, false).await {
                    tracing::error!(%failure, uuid, "what was built of a domain could not be taken away");
                }
                Err(failure)
            }
        }
    }

    async fn try_build(&self, record: &Record, memory: Option<(String, String)>) -> Result<Started> {
        let spec = &record.spec;
        let placed = self.place(record).await?;
        let config = config::config(spec, &placed)?;
        for note in &config.notes {
            tracing::warn!(vm = spec.uuid, "{note}");
        }
        let path = self.records.put_config(&spec.uuid, &config.text)?;
        let path = path.to_string_lossy();
        let made = match &memory {
            None => self.xl.slow(&["create", "-e", "-p", "-q", &path]).await.map(|_| ()),
            Some((sr, location)) => image::restore(&self.xl, &self.storage, &path, (sr, location)).await,
        };
        if let Err(failure) = made {
            return Err(self.explain(spec, failure).await);
        }
        let domid = self.need(&spec.uuid).await?;
        let unique = uuid::Uuid::new_v4().to_string();
        self.store.commit(&guest::entries(spec, domid, &unique)).await?;
        let hvm = spec.kind == DomainKind::Hvm;
        for disk in &spec.disks {
            self.describe_disk(domid, disk, hvm).await?;
        }
        let disks = spec.disks.iter().map(|d| (d.position, config::guest_device(d.position))).collect();
        Ok(Started {
            domid: i64::from(domid),
            cpu_vendor: self.cpu_vendor.clone(),
            cpu_features: String::new(),
            disks,
        })
    }

    /// Why xl could not build, in the API's words where it has some.
    async fn explain(&self, spec: &DomainSpec, failure: Failure) -> Failure {
        let text = failure.params.join(" ");
        if text.contains("failed to free memory") || text.contains("Not enough memory") {
            let free = self.xl.quick(&["info"]).await.unwrap_or_default();
            let free = free.lines().find_map(|line| line.strip_prefix("free_memory")?.split(':').nth(1));
            let free: i64 = free.and_then(|mib| mib.trim().parse().ok()).unwrap_or(0);
            let params = [spec.memory_target.to_string(), (free << 20).to_string()];
            return errors::HOST_NOT_ENOUGH_FREE_MEMORY.with(params);
        }
        if text.contains("bootloader") {
            return errors::BOOTLOADER_FAILED.with([spec.uuid.clone(), text]);
        }
        if text.contains("device model did not start") || text.contains("qemu") && text.contains("spawn") {
            return errors::FAILED_TO_START_EMULATOR.with([spec.uuid.clone(), "qemu".into(), text]);
        }
        failure
    }

    /// Tells the backend of a disk which disk it is.
    async fn describe_disk(&self, domid: u32, disk: &Disk, hvm: bool) -> Result<()> {
        let number = config::vdev_number(disk.position, hvm);
        let node = format!("/local/domain/{domid}/device/vbd/{number}/backend");
        if let Some(backend) = self.store.find(&node).await? {
            let entries = guest::disk_entries(&backend, disk);
            if !entries.is_empty() {
                self.store.commit(&entries).await?;
            }
        }
        Ok(())
    }

    /// Ends a domain and lets go of what it used; one that is gone is fine.
    async fn end(&self, uuid: &str, rebuild: bool) -> Result<()> {
        let _busy = self.busy(uuid);
        let record = self.records.get(uuid)?;
        if rebuild && let Some(record) = &record {
            self.records.put(&Record { rebuild: true, ..record.clone() })?;
        }
        if let Some(row) = self.rows().await?.into_iter().find(|row| row.uuid == uuid) {
            let number = row.domid.to_string();
            if let Err(failure) = self.xl.slow(&["destroy", &number]).await {
                tracing::warn!(%failure, uuid, "xl did not end the domain at once");
            }
            self.await_end(uuid, row.domid).await?;
        }
        let Some(record) = record else { return Ok(()) };
        self.close(&record.open).await;
        if rebuild {
            return self.records.put(&Record { open: vec![], rebuild: true, ..record });
        }
        self.records.remove(uuid)
    }

    /// Waits until a domain is gone; devices that linger keep it for a moment.
    async fn await_end(&self, uuid: &str, domid: u32) -> Result<()> {
        for attempt in 0..40u32 {
            if !self.rows().await?.iter().any(|row| row.domid == domid && row.uuid == uuid) {
                return Ok(());
            }
            if attempt % 10 == 9 {
                let _ = self.xl.slow(&["destroy", &domid.to_string()]).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Err(Failure::internal(format!("domain {domid} does not go away")))
    }

    /// Changes what is known of a domain.
    fn amend(&self, uuid: &str, change: impl FnOnce(&mut Record)) -> Result<()> {
        if let Some(mut record) = self.records.get(uuid)? {
            change(&mut record);
            self.records.put(&record)?;
        }
        Ok(())
    }

    fn is_hvm(&self, uuid: &str) -> Result<bool> {
        Ok(self.records.get(uuid)?.is_some_and(|record| record.spec.kind == DomainKind::Hvm))
    }

    async fn plug(&self, uuid: &str, disk: &Disk) -> Result<()> {
        let domid = self.need(uuid).await?;
        let hvm = self.is_hvm(uuid)?;
        // Noted first, so that whoever comes after us knows the disk it may find.
        self.amend(uuid, |record| {
            record.open.extend(volume(disk));
            record.spec.disks.retain(|known| known.position != disk.position);
            record.spec.disks.push(disk.clone());
        })?;
        let path = match &disk.volume {
            None => None,
            Some((sr, location)) => {
                Some(self.storage.open_volume(sr, location, disk.writable && !disk.cd).await?)
            }
        };
        let line = config::disk_line(disk, path.as_ref(), hvm)?;
        self.xl.slow(&["block-attach", &domid.to_string(), &line]).await?;
        self.describe_disk(domid, disk, hvm).await
    }

    /// A disk is gone from its domain, or never came.
    async fn forget_disk(&self, uuid: &str, disk: &Disk) -> Result<()> {
        self.let_go(uuid, disk).await?;
        self.amend(uuid, |record| record.spec.disks.retain(|known| known.position != disk.position))
    }

    /// The devices a domain has, by position.
    async fn devices(&self, uuid: &str) -> Result<Option<Devices>> {
        let Some(domid) = self.find(uuid).await? else { return Ok(None) };
        let base = format!("/local/domain/{domid}/device");
        let disks = self.store.directory(&format!("{base}/vbd")).await?;
        let nics = self.store.directory(&format!("{base}/vif")).await?;
        Ok(Some(devices::positions(&disks, &nics, self.is_hvm(uuid)?)))
    }

    /// Disks and cards whose plugging or unplugging was cut short: the domain tells how it ended.
    async fn settle_devices(&self, record: &Record) -> Result<()> {
        let uuid = &record.spec.uuid;
        let Some(there) = self.devices(uuid).await? else { return Ok(()) };
        for disk in record.spec.disks.iter().filter(|disk| !there.disks.contains(&disk.position)) {
            tracing::warn!(uuid, position = disk.position, "a disk is not in its domain any more");
            self.forget_disk(uuid, disk).await?;
        }
        self.amend(uuid, |record| record.spec.nics.retain(|nic| there.nics.contains(&nic.position)))
    }

    async fn let_go(&self, uuid: &str, disk: &Disk) -> Result<()> {
        if let Some(open) = volume(disk) {
            self.close(std::slice::from_ref(&open)).await;
            self.amend(uuid, |record| {
                if let Some(at) = record.open.iter().position(|known| *known == open) {
                    record.open.remove(at);
                }
            })?;
        }
        Ok(())
    }

    /// Opens again what running domains use; closes what nobody uses.
    async fn settle(&self) -> Result<()> {
        let rows = self.rows().await?;
        for record in self.records.all()? {
            let uuid = &record.spec.uuid;
            if rows.iter().any(|row| row.uuid == *uuid) {
                if record.rebuild {
                    // It was about to be ended; what becomes of it now is decided anew.
                    self.records.put(&Record { rebuild: false, ..record.clone() })?;
                }
                if let Err(failure) = self.settle_devices(&record).await {
                    tracing::error!(%failure, uuid, "the devices of a running guest could not be seen");
                }
                let record = self.records.get(uuid)?.unwrap_or_else(|| record.clone());
                for (sr, location, writable) in &record.open {
                    if let Err(failure) = self.storage.open_volume(sr, location, *writable).await {
                        tracing::error!(%failure, uuid, sr, location, "a disk of a running guest is not served");
                    }
                }
            } else if !record.rebuild && !self.is_busy(uuid) {
                self.close(&record.open).await;
                self.records.remove(uuid)?;
            }
        }
        Ok(())
    }

    async fn read_agent(&self, uuid: &str) -> Result<Option<AgentData>> {
        let Some(domid) = self.find(uuid).await? else { return Ok(None) };
        let domain = format!("/local/domain/{domid}");
        let mut all = xenstore::Tree::new();
        for part in agent::PARTS {
            let (tree, cut) = self.store.tree(&format!("{domain}/{part}"), Limits::AGENT).await?;
            if cut {
                tracing::warn!(uuid, part, "a guest wrote more than is read");
            }
            all.extend(tree.into_iter().map(|(key, value)| {
                (if key.is_empty() { part.to_string() } else { format!("{part}/{key}") }, value)
            }));
        }
        Ok(agent::report(&all, self.frontends(domid).await?))
    }

    /// Some paravirtual disk or card is connected.
    async fn frontends(&self, domid: u32) -> Result<bool> {
        for kind in ["vbd", "vif"] {
            let base = format!("/local/domain/{domid}/device/{kind}");
            for device in self.store.directory(&base).await?.into_iter().take(64) {
                if self.store.find(&format!("{base}/{device}/state")).await?.as_deref() == Some("4") {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// A disk's volume as it is remembered: SR, location, writable.
fn volume(disk: &Disk) -> Option<(String, String, bool)> {
    disk.volume.clone().map(|(sr, location)| (sr, location, disk.writable && !disk.cd))
}

/// How a domain ended.
pub fn reason(row: &Row) -> Option<Happened> {
    match row.reason.filter(|_| row.shut_down && !row.dying)? {
        0 => Some(Happened::Poweroff),
        1 | 5 => Some(Happened::Reboot),
        3 | 4 => Some(Happened::Crash),
        _ => None,
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
        let domid = self.shared.need(uuid).await?;
        self.shared.xl.quick(&["unpause", &domid.to_string()]).await.map(|_| ())
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
        let shared = &self.shared;
        let domid = shared.need(uuid).await?.to_string();
        let broken = |e: std::io::Error| Failure::internal(format!("{}: {e}", shared.core_dumps.display()));
        tokio::fs::create_dir_all(&shared.core_dumps).await.map_err(broken)?;
        let file = shared.core_dumps.join(format!("{uuid}.{domid}.core"));
        shared.xl.slow(&["dump-core", &domid, &file.to_string_lossy()]).await.map(|_| ())
    }

    async fn set_schedule(&self, uuid: &str, weight: Option<i64>, cap: Option<i64>) -> Result<()> {
        let domid = self.shared.need(uuid).await?.to_string();
        let mut args = vec!["sched-credit2".to_string(), "-d".into(), domid];
        for (flag, value) in [("-w", weight), ("-c", cap)] {
            if let Some(value) = value {
                args.extend([flag.to_string(), value.to_string()]);
            }
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.shared.xl.quick(&args).await.map(|_| ())
    }

    async fn set_memory_target(&self, uuid: &str, bytes: i64) -> Result<()> {
        let domid = self.shared.need(uuid).await?;
        let target = format!("{}k", bytes / 1024);
        self.shared.xl.slow(&["mem-set", &domid.to_string(), &target]).await?;
        let node = format!("/local/domain/{domid}/memory/dynamic-max");
        self.shared.store.write(&node, &(bytes / 1024).to_string()).await?;
        Ok(())
    }

    async fn set_vcpus(&self, uuid: &str, count: i64) -> Result<()> {
        let domid = self.shared.need(uuid).await?;
        self.shared.xl.quick(&["vcpu-set", &domid.to_string(), &count.to_string()]).await.map(|_| ())
    }

    async fn plug_disk(&self, uuid: &str, disk: Disk) -> Result<String> {
        if let Err(failure) = self.shared.plug(uuid, &disk).await {
            self.shared.forget_disk(uuid, &disk).await?;
            return Err(failure);
        }
        Ok(config::guest_device(disk.position))
    }

    async fn unplug_disk(&self, uuid: &str, position: u32, force: bool) -> Result<bool> {
        let shared = &self.shared;
        let domid = shared.need(uuid).await?.to_string();
        let device = config::vdev(position, shared.is_hvm(uuid)?);
        let mut args = vec!["block-detach", domid.as_str(), device.as_str()];
        if force {
            args.push("--force");
        }
        if let Err(failure) = shared.xl.slow(&args).await {
            tracing::info!(%failure, uuid, device, "a disk could not be unplugged");
            return Ok(false);
        }
        let record = shared.records.get(uuid)?;
        let disks = record.map(|record| record.spec.disks).unwrap_or_default();
        if let Some(disk) = disks.into_iter().find(|disk| disk.position == position) {
            shared.let_go(uuid, &disk).await?;
        }
        shared.amend(uuid, |record| record.spec.disks.retain(|known| known.position != position))?;
        Ok(true)
    }

    async fn change_medium(&self, uuid: &str, disk: Disk) -> Result<()> {
        let shared = &self.shared;
        let domid = shared.need(uuid).await?.to_string();
        let device = config::vdev(disk.position, shared.is_hvm(uuid)?);
        let record = shared.records.get(uuid)?;
        let before = record.and_then(|r| r.spec.disks.into_iter().find(|d| d.position == disk.position));
        match &disk.volume {
            None => {
                shared.xl.slow(&["cd-eject", &domid, &device]).await?;
            }
            Some((sr, location)) => {
                shared.amend(uuid, |record| record.open.extend(volume(&disk)))?;
                let inserted = async {
                    let path = match shared.storage.open_volume(sr, location, false).await? {
                        DataPath::Block(path) | DataPath::File(path) => path,
                        DataPath::Nbd { .. } => {
                            return Err(Failure::not_implemented("a medium served over NBD"));
                        }
                    };
                    let path = path.to_string_lossy().into_owned();
                    config::sane("target", &path)?;
                    shared.xl.slow(&["cd-insert", &domid, &device, &path]).await.map(|_| ())
                };
                if let Err(failure) = inserted.await {
                    shared.let_go(uuid, &disk).await?;
                    return Err(failure);
                }
            }
        }
        if let Some(before) = &before {
            shared.let_go(uuid, before).await?;
        }
        shared.amend(uuid, |record| {
            record.spec.disks.retain(|known| known.position != disk.position);
            record.spec.disks.push(disk);
        })
    }

    async fn plug_nic(&self, uuid: &str, nic: Nic) -> Result<()> {
        let shared = &self.shared;
        let domid = shared.need(uuid).await?.to_string();
        let Some(record) = shared.records.get(uuid)? else {
            return Err(Failure::internal(format!("domain {uuid} is not ours")));
        };
        let line = config::nic_line(&record.spec, &nic)?;
        // The emulated card of a running machine cannot be added.
        let line = line.replace("type=ioemu", "type=vif");
        let words: Vec<&str> = line.split(',').filter(|word| !word.starts_with("model=")).collect();
        let mut args = vec!["network-attach", &domid];
        args.extend(words);
        shared.xl.slow(&args).await?;
        shared.amend(uuid, |record| {
            record.spec.nics.retain(|known| known.position != nic.position);
            record.spec.nics.push(nic);
        })
    }

    async fn unplug_nic(&self, uuid: &str, position: u32) -> Result<()> {
        let shared = &self.shared;
        let domid = shared.need(uuid).await?.to_string();
        shared.xl.slow(&["network-detach", &domid, &position.to_string()]).await?;
        shared.amend(uuid, |record| record.spec.nics.retain(|known| known.position != position))
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

    async fn settle(&self) -> Result<()> {
        self.shared.settle().await
    }

    async fn console(&self, uuid: &str, kind: ConsoleKind) -> Result<Option<ConsolePlace>> {
        let shared = &self.shared;
        let Some(domid) = shared.find(uuid).await? else { return Ok(None) };
        let domain = format!("/local/domain/{domid}");
        match kind {
            ConsoleKind::Graphical => {
                let port = shared.store.find(&format!("{domain}/console/vnc-port")).await?;
                let port = port.and_then(|port| port.parse::<u16>().ok()).filter(|port| *port != 0);
                Ok(port.map(|port| ConsolePlace::Tcp(std::net::SocketAddr::from(([127, 0, 0, 1], port)))))
            }
            ConsoleKind::Text => {
                let node = if shared.is_hvm(uuid)? { "serial/0/tty" } else { "console/tty" };
                let tty = shared.store.find(&format!("{domain}/{node}")).await?;
                let tty = tty.filter(|tty| tty.starts_with("/dev/pts/") && !tty.contains(".."));
                Ok(tty.map(|tty| ConsolePlace::Terminal(tty.into())))
            }
        }
    }

    async fn domains(&self) -> Result<Vec<Domain>> {
        let rows = self.shared.rows().await?.into_iter().filter(|row| !row.dying);
        let domain = |row: Row| Domain {
            uuid: row.uuid,
            domid: i64::from(row.domid),
            activity: if row.paused { Activity::Paused } else { Activity::Running },
            memory: row.memory << 20,
        };
        Ok(rows.map(domain).collect())
    }

    fn events(&self) -> broadcast::Receiver<DomainEvent> {
        let receiver = self.shared.events.subscribe();
        // Whoever listens from now on has not heard of what ended before.
        lock(&self.shared.told).clear();
        self.shared.look.notify_one();
        receiver
    }
}
