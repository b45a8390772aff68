//! Domains without a hypervisor: a table of what would run, and guests that do as they are asked. Where their disks are
//! real ones, they are opened and closed as a hypervisor does, though nobody reads or writes them from inside.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use xapi_schema::{Failure, Result, errors};

use super::{Faults, Machine, consoles, state::Kept};
use crate::{
    Storage,
    hypervisor::{
        Activity, AgentData, ConsoleKind, ConsolePlace, Disk, Domain, DomainEvent, DomainKind, DomainSpec,
        Happened, Hypervisor, Nic, Reply, Request, Started,
    },
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Guest {
    domid: i64,
    /// Unix milliseconds at which its agent has addresses to report.
    settled: u128,
    activity: Activity,
    /// Somebody has let it go on.
    #[serde(default)]
    begun: bool,
    spec: DomainSpec,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Table {
    last_domid: i64,
    guests: BTreeMap<String, Guest>,
}

pub struct Domains {
    table: Arc<Kept<Table>>,
    machine: Machine,
    faults: Arc<Faults>,
    /// Where the disks of guests are opened.
    disks: Option<Arc<dyn Storage>>,
    events: broadcast::Sender<DomainEvent>,
}

impl Domains {
    pub fn open(
        dir: &Path,
        machine: Machine,
        faults: Arc<Faults>,
        disks: Option<Arc<dyn Storage>>,
    ) -> std::io::Result<Domains> {
        let table = Arc::new(Kept::open(&dir.join("domains.json"))?);
        Ok(Domains { table, machine, faults, disks, events: broadcast::channel(256).0 })
    }

    /// What runs or is paused, as it was built.
    pub fn specs(&self) -> Vec<(DomainSpec, Activity)> {
        self.table.get().guests.into_values().map(|guest| (guest.spec, guest.activity)).collect()
    }

    /// Where events are put in.
    pub fn sender(&self) -> broadcast::Sender<DomainEvent> {
        self.events.clone()
    }

    /// How a guest is while it is the one it is now: its console ends with it.
    fn observe(&self, uuid: &str) -> Option<consoles::Look> {
        let domid = self.table.look(|table| table.guests.get(uuid).map(|guest| guest.domid))?;
        let (table, uuid) = (self.table.clone(), uuid.to_string());
        Some(Box::new(move || {
            table.look(|table| {
                let guest = table.guests.get(&uuid).filter(|guest| guest.domid == domid)?;
                Some((guest.activity, guest.spec.clone()))
            })
        }))
    }

    fn change<R>(&self, uuid: &str, change: impl FnOnce(&mut Guest) -> Result<R>) -> Result<R> {
        self.table.change(|table| match table.guests.get_mut(uuid) {
            Some(guest) => change(guest),
            None => Err(gone(uuid)),
        })
    }

    /// A new domain with its disks. It stands in the table before its first disk is opened, and as long as one is.
    async fn begin(&self, spec: DomainSpec) -> Result<Started> {
        let (uuid, disks) = (spec.uuid.clone(), spec.disks.clone());
        let started = self.place(spec)?;
        for (at, disk) in disks.iter().enumerate() {
            if let Err(failure) = self.attach(disk).await {
                for opened in &disks[..at] {
                    self.let_go(opened).await?;
                }
                self.remove(&uuid)?;
                return Err(failure);
            }
        }
        tokio::time::sleep(Duration::from_millis(self.machine.build_delay)).await;
        self.agent_later(uuid);
        Ok(started)
    }

    async fn attach(&self, disk: &Disk) -> Result<()> {
        if let (Some(storage), Some((sr, location))) = (&self.disks, &disk.volume) {
            storage.open_volume(sr, location, disk.writable && !disk.cd).await?;
        }
        Ok(())
    }

    async fn let_go(&self, disk: &Disk) -> Result<()> {
        match (&self.disks, &disk.volume) {
            (Some(storage), Some((sr, location))) => storage.close_volume(sr, location).await,
            _ => Ok(()),
        }
    }

    /// The disks of a domain that is about to end; none where there is no domain.
    async fn let_go_of_all(&self, uuid: &str) -> Result<()> {
        let disks = self.table.get().guests.get(uuid).map(|guest| guest.spec.disks.clone());
        for disk in disks.unwrap_or_default() {
            self.let_go(&disk).await?;
        }
        Ok(())
    }

    fn remove(&self, uuid: &str) -> Result<()> {
        self.table.change(|table| {
            table.guests.remove(uuid);
            Ok(())
        })
    }

    /// The disk at a position.
    fn disk_at(&self, uuid: &str, position: u32) -> Option<Disk> {
        let table = self.table.get();
        table.guests.get(uuid)?.spec.disks.iter().find(|disk| disk.position == position).cloned()
    }

    fn place(&self, spec: DomainSpec) -> Result<Started> {
        let disks = spec.disks.iter().map(|disk| (disk.position, device(disk.position))).collect();
        let domid = self.table.change(|table| {
            if table.guests.contains_key(&spec.uuid) {
                return Err(errors::DOMAIN_EXISTS.with([spec.uuid.as_str()]));
            }
            let used: i64 = table.guests.values().map(|guest| guest.spec.memory_target).sum();
            let free = self.machine.memory - used;
            if spec.memory_target > free {
                let params = [spec.memory_target.to_string(), free.max(0).to_string()];
                return Err(errors::HOST_NOT_ENOUGH_FREE_MEMORY.with(params));
            }
            table.last_domid += 1;
            let settled = now_ms() + u128::from(self.machine.agent_delay);
            let (domid, activity) = (table.last_domid, Activity::Paused);
            let guest = Guest { domid, settled, activity, begun: false, spec: spec.clone() };
            table.guests.insert(spec.uuid.clone(), guest);
            Ok(table.last_domid)
        })?;
        Ok(Started {
            domid,
            cpu_vendor: self.machine.cpu_vendor.clone(),
            cpu_features: self.machine.cpu_features.clone(),
            disks,
            has_agent: true,
        })
    }

    /// Addresses appear a moment after the start.
    fn agent_later(&self, uuid: String) {
        let (events, delay) = (self.events.clone(), Duration::from_millis(self.machine.agent_delay + 5));
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            // Nobody listening is fine: the data is there to be asked for.
            let _ = events.send(DomainEvent { uuid, what: Happened::Agent });
        });
    }
}

fn gone(uuid: &str) -> Failure {
    Failure::internal(format!("there is no domain {uuid}"))
}

/// A disk's name as Linux guests see it.
pub fn device(position: u32) -> String {
    let letters = b'a'..=b'z';
    match letters.clone().nth(position as usize) {
        Some(letter) => format!("xvd{}", letter as char),
        None => {
            let (first, second) = (position / 26 - 1, position % 26);
            let letter = |n: u32| letters.clone().nth(n as usize).unwrap_or(b'z') as char;
            format!("xvd{}{}", letter(first), letter(second))
        }
    }
}

fn now_ms() -> u128 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}

/// What the agent of a simulated guest reports: addresses only once it has settled.
fn report(guest: &Guest) -> AgentData {
    let pair = |key: &str, value: &str| (key.to_string(), value.to_string());
    let mut networks = Vec::new();
    let settled = now_ms() >= guest.settled;
    for nic in guest.spec.nics.iter().filter(|_| settled) {
        let address = format!("10.0.{}.{}", guest.domid % 256, 2 + nic.position);
        networks.push((format!("{}/ip", nic.position), address.clone()));
        networks.push((format!("{}/ipv4/0", nic.position), address));
    }
    AgentData {
        os_version: vec![
            pair("name", "Simulated Linux"),
            pair("distro", "simulated"),
            pair("uname", "6.12.0"),
        ],
        netbios_name: vec![],
        drivers_version: vec![pair("major", "8"), pair("minor", "4"), pair("micro", "0"), pair("build", "1")],
        drivers_detected: true,
        networks,
        other: [
            "feature-suspend",
            "feature-poweroff",
            "feature-reboot",
            "feature-shutdown",
            "feature-vcpu-hotplug",
            "feature-balloon",
        ]
        .iter()
        .map(|feature| pair(feature, "1"))
        .collect(),
        hotplug_vbd: Some(true),
        hotplug_vif: Some(true),
    }
}

#[async_trait]
impl Hypervisor for Domains {
    async fn build(&self, spec: DomainSpec) -> Result<Started> {
        self.faults.check("build")?;
        self.begin(spec).await
    }

    async fn restore(&self, spec: DomainSpec, _: (String, String)) -> Result<Started> {
        self.faults.check("restore")?;
        self.begin(spec).await
    }

    async fn save(&self, uuid: &str, _: (String, String)) -> Result<String> {
        self.faults.check("save")?;
        self.let_go_of_all(uuid).await?;
        let guest = self.table.change(|table| table.guests.remove(uuid).ok_or_else(|| gone(uuid)))?;
        Ok(serde_json::json!({"simulated": true, "vcpus": guest.spec.vcpus}).to_string())
    }

    async fn pause(&self, uuid: &str) -> Result<()> {
        self.faults.check("pause")?;
        self.change(uuid, |guest| {
            guest.activity = Activity::Paused;
            Ok(())
        })
    }

    async fn unpause(&self, uuid: &str) -> Result<()> {
        self.faults.check("unpause")?;
        self.change(uuid, |guest| {
            guest.activity = Activity::Running;
            guest.begun = true;
            Ok(())
        })
    }

    async fn ask(&self, uuid: &str, request: Request, _: u64) -> Result<Reply> {
        self.faults.check("ask")?;
        tokio::time::sleep(Duration::from_millis(self.machine.shutdown_delay)).await;
        if request != Request::Suspend {
            self.let_go_of_all(uuid).await?;
            self.table.change(|table| table.guests.remove(uuid).map(|_| ()).ok_or_else(|| gone(uuid)))?;
        }
        Ok(Reply::Done)
    }

    async fn destroy(&self, uuid: &str) -> Result<()> {
        self.faults.check("destroy")?;
        self.let_go_of_all(uuid).await?;
        self.remove(uuid)
    }

    async fn set_memory_target(&self, uuid: &str, bytes: i64) -> Result<()> {
        self.faults.check("set_memory_target")?;
        self.change(uuid, |guest| {
            guest.spec.memory_target = bytes.min(guest.spec.memory_max);
            Ok(())
        })
    }

    async fn set_vcpus(&self, uuid: &str, count: i64) -> Result<()> {
        self.faults.check("set_vcpus")?;
        self.change(uuid, |guest| {
            guest.spec.vcpus = count;
            Ok(())
        })
    }

    async fn set_schedule(&self, uuid: &str, weight: i64, cap: i64) -> Result<()> {
        self.faults.check("set_schedule")?;
        self.change(uuid, |guest| {
            let params = &mut guest.spec.details.vcpus_params;
            params.retain(|(key, _)| !["weight", "cap"].contains(&key.as_str()));
            params.extend([("weight".into(), weight.to_string()), ("cap".into(), cap.to_string())]);
            Ok(())
        })
    }

    async fn plug_disk(&self, uuid: &str, disk: Disk) -> Result<String> {
        self.faults.check("plug_disk")?;
        let (position, plugged) = (disk.position, disk.clone());
        if let Some(before) = self.disk_at(uuid, position) {
            self.let_go(&before).await?;
        }
        self.change(uuid, |guest| {
            guest.spec.disks.retain(|known| known.position != position);
            guest.spec.disks.push(disk);
            Ok(())
        })?;
        if let Err(failure) = self.attach(&plugged).await {
            self.change(uuid, |guest| {
                guest.spec.disks.retain(|known| known.position != position);
                Ok(())
            })?;
            return Err(failure);
        }
        Ok(device(position))
    }

    async fn unplug_disk(&self, uuid: &str, position: u32, _: bool) -> Result<bool> {
        self.faults.check("unplug_disk")?;
        if let Some(disk) = self.disk_at(uuid, position) {
            self.let_go(&disk).await?;
        }
        self.change(uuid, |guest| {
            guest.spec.disks.retain(|known| known.position != position);
            Ok(true)
        })
    }

    async fn change_medium(&self, uuid: &str, disk: Disk) -> Result<()> {
        self.faults.check("change_medium")?;
        self.plug_disk(uuid, disk).await.map(|_| ())
    }

    async fn plug_nic(&self, uuid: &str, nic: Nic) -> Result<()> {
        self.faults.check("plug_nic")?;
        self.change(uuid, |guest| {
            guest.spec.nics.retain(|known| known.position != nic.position);
            guest.spec.nics.push(nic);
            Ok(())
        })?;
        self.agent_later(uuid.to_string());
        Ok(())
    }

    async fn move_nic(&self, uuid: &str, nic: Nic) -> Result<()> {
        self.plug_nic(uuid, nic).await
    }

    async fn unplug_nic(&self, uuid: &str, position: u32) -> Result<()> {
        self.faults.check("unplug_nic")?;
        self.change(uuid, |guest| {
            guest.spec.nics.retain(|known| known.position != position);
            Ok(())
        })?;
        self.agent_later(uuid.to_string());
        Ok(())
    }

    async fn unplug_usb(&self, uuid: &str, path: &str) -> Result<()> {
        self.faults.check("unplug_usb")?;
        self.change(uuid, |guest| {
            guest.spec.usb.retain(|known| known.path != path);
            Ok(())
        })
    }

    async fn set_xenstore_data(&self, uuid: &str, data: Vec<(String, String)>) -> Result<()> {
        self.change(uuid, |guest| {
            guest.spec.xenstore_data = data;
            Ok(())
        })
    }

    async fn console(&self, uuid: &str, kind: ConsoleKind) -> Result<Option<ConsolePlace>> {
        self.faults.check("console")?;
        let Some(look) = self.observe(uuid) else { return Ok(None) };
        let hvm = look().is_some_and(|(_, spec)| spec.kind == DomainKind::Hvm);
        let (events, uuid) = (self.events.clone(), uuid.to_string());
        let opened = match kind {
            ConsoleKind::Graphical if hvm => consoles::display(look).await,
            ConsoleKind::Graphical => return Ok(None),
            // Nobody listening is fine: who ended is asked for later.
            ConsoleKind::Text => consoles::text(look, move |what| {
                let _ = events.send(DomainEvent { uuid: uuid.clone(), what });
            }),
        };
        opened.map(Some).map_err(|e| Failure::internal(format!("a simulated console: {e}")))
    }

    async fn host_console(&self) -> Result<Option<ConsolePlace>> {
        let opened = consoles::host();
        opened.map(Some).map_err(|e| Failure::internal(format!("a simulated console: {e}")))
    }

    async fn agent(&self, uuid: &str) -> Result<Option<AgentData>> {
        self.faults.check("agent")?;
        Ok(self.table.get().guests.get(uuid).map(report))
    }

    async fn settle(&self) -> Result<()> {
        for (uuid, guest) in self.table.get().guests {
            for disk in &guest.spec.disks {
                if let Err(failure) = self.attach(disk).await {
                    tracing::error!(%failure, uuid, "a disk of a running guest is not served");
                }
            }
        }
        Ok(())
    }

    async fn domains(&self) -> Result<Vec<Domain>> {
        self.faults.check("domains")?;
        let domain = |(uuid, guest): (&String, &Guest)| Domain {
            uuid: uuid.clone(),
            domid: guest.domid,
            activity: guest.activity,
            fresh: !guest.begun,
            memory: guest.spec.memory_target,
        };
        Ok(self.table.get().guests.iter().map(domain).collect())
    }

    fn events(&self) -> broadcast::Receiver<DomainEvent> {
        self.events.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hypervisor::DomainKind;

    fn spec(uuid: &str) -> DomainSpec {
        DomainSpec {
            uuid: uuid.into(),
            name: "guest".into(),
            kind: DomainKind::Hvm,
            memory_max: 1 << 30,
            memory_target: 1 << 30,
            vcpus_max: 2,
            vcpus: 1,
            disks: vec![],
            nics: vec![],
            usb: vec![],
            platform: vec![],
            xenstore_data: vec![],
            details: Default::default(),
        }
    }

    #[tokio::test]
    async fn domains_survive_a_restart_of_the_toolstack() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Domains::open(dir.path(), Machine::default(), Arc::default(), None).unwrap();
        let started = open().build(spec("a")).await.unwrap();
        let again = open().domains().await.unwrap();
        assert_eq!((again[0].uuid.as_str(), again[0].domid), ("a", started.domid));
        assert_eq!(open().build(spec("b")).await.unwrap().domid, started.domid + 1);
    }

    #[tokio::test]
    async fn memory_is_accounted_for() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine { memory: 3 << 29, ..Machine::default() };
        let domains = Domains::open(dir.path(), machine, Arc::default(), None).unwrap();
        domains.build(spec("a")).await.unwrap();
        let refused = domains.build(spec("b")).await.unwrap_err();
        assert!(refused.is(&errors::HOST_NOT_ENOUGH_FREE_MEMORY), "{refused}");
        domains.destroy("a").await.unwrap();
        domains.build(spec("b")).await.unwrap();
    }

    #[test]
    fn disks_are_named_as_linux_does() {
        let names: Vec<String> = [0, 1, 25, 26, 27, 52].into_iter().map(device).collect();
        assert_eq!(names, ["xvda", "xvdb", "xvdz", "xvdaa", "xvdab", "xvdba"]);
    }
}
