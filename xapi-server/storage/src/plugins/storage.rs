//! [`Plugins`]: `Storage` through drivers that are programs. Attaching, detaching and probing happen one at a time on a
//! host; a volume is made reachable once, whoever uses it. Never writes a row: that is the drivers' own work.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::Engine;
use xapi_backend::storage::{
    CBT_BLOCK, DataPath, Driver, NewVolume, Progress, SrConfig, SrStat, Storage, Volume, backend_failure,
};
use xapi_schema::{Result, Value, errors};

use super::{
    kept::{self, Attached, Open},
    own::Bytes,
    protocol::{Members, call},
    records::{Records, VolumeFacts},
};
use crate::{
    fail::{self, Doing},
    policy::Policies,
    repository::lock,
};

/// Longest a driver may work on one call.
const PATIENCE: Duration = Duration::from_secs(1200);
const NOBODY: &str = "OpaqueRef:NULL";

/// Storage through drivers that are programs.
pub struct Plugins {
    dir: PathBuf,
    drivers: BTreeMap<String, Driver>,
    records: Arc<dyn Records>,
    policies: Arc<dyn Policies>,
    kept: PathBuf,
    attached: Mutex<HashMap<String, Attached>>,
    /// Volumes this process itself reads or writes.
    own: Mutex<HashMap<(String, String), (Bytes, bool)>>,
    plugging: tokio::sync::Mutex<()>,
}

impl Plugins {
    /// The drivers found in `dir`; what they have attached is noted in `kept`.
    pub fn new(
        dir: &Path,
        drivers: Vec<Driver>,
        records: Arc<dyn Records>,
        policies: Arc<dyn Policies>,
        kept: PathBuf,
    ) -> Plugins {
        Plugins {
            dir: dir.to_owned(),
            drivers: drivers.into_iter().map(|driver| (driver.kind.clone(), driver)).collect(),
            records,
            policies,
            kept,
            attached: Mutex::default(),
            own: Mutex::default(),
            plugging: tokio::sync::Mutex::default(),
        }
    }

    /// Does one of the drivers serve this type?
    pub fn serves(&self, kind: &str) -> bool {
        self.drivers.contains_key(kind)
    }

    /// Is it an SR of these drivers?
    pub fn has(&self, sr: &str) -> bool {
        lock(&self.attached).contains_key(sr)
    }

    fn attached(&self, sr: &str) -> Result<Attached> {
        lock(&self.attached).get(sr).cloned().ok_or_else(|| errors::SR_NOT_ATTACHED.with([sr]))
    }

    fn can(&self, kind: &str, feature: &str) -> bool {
        let driver = self.drivers.get(kind);
        driver.is_some_and(|d| d.features.iter().any(|f| f.split('/').next() == Some(feature)))
    }

    /// Writes down what changed of an attached SR.
    fn keep(&self, sr: &str, change: impl FnOnce(&mut Attached)) -> Result<()> {
        let mut all = lock(&self.attached);
        let Some(known) = all.get_mut(sr) else { return Ok(()) };
        change(known);
        kept::save(&self.kept, sr, known).map_err(|e| Doing::Other.io(&e))
    }

    /// Calls a driver about an SR, or about none yet.
    async fn ask(&self, of: &SrConfig, known: bool, members: Members, volume: &str) -> Result<Value> {
        let driver = self.drivers.get(&of.kind).ok_or_else(|| errors::SR_UNKNOWN_DRIVER.with([&of.kind]))?;
        let facts = if known { self.records.sr(&of.uuid) } else { None };
        let command = members.command();
        // Whoever may change nothing does not look after its metadata either.
        let master =
            facts.as_ref().is_none_or(|f| f.master) && !(known && self.policies.sr(&of.uuid).guarded);
        let mut device_config = of.device_config.clone();
        device_config.push(("SRmaster".into(), master.to_string()));
        let mut members = members.text("host_ref", self.records.host()).map("device_config", &device_config);
        if let Some(facts) = &facts {
            members = members.text("sr_ref", facts.reference.as_str());
        }
        if known {
            members = members.text("sr_uuid", of.uuid.as_str());
        }
        if command == "sr_probe" {
            members = members.map("sr_sm_config", &of.sm_config);
        }
        if let Some(cache) = self.records.local_cache() {
            members = members.text("local_cache_sr", cache);
        }
        let session = self.records.open_session(known.then_some(of.uuid.as_str())).await?;
        let members = members.text("session_ref", session.as_str());
        let answer = call(Path::new(&driver.filename), &members, PATIENCE).await;
        self.records.close_session(&session).await;
        answer.map_err(|refused| {
            let failure = refused.failure(&of.uuid, volume);
            tracing::info!(driver = driver.filename, command, %failure, "a driver refused");
            failure
        })
    }

    fn config(sr: &str, attached: &Attached) -> SrConfig {
        SrConfig {
            uuid: sr.into(),
            kind: attached.kind.clone(),
            device_config: attached.device_config.clone(),
            sm_config: attached.sm_config.clone(),
        }
    }

    async fn on_sr(&self, sr: &str, members: Members) -> Result<Value> {
        self.ask(&Self::config(sr, &self.attached(sr)?), true, members, "").await
    }

    fn facts(&self, sr: &str, location: &str) -> Result<VolumeFacts> {
        self.attached(sr)?;
        let all = self.records.volumes(sr).into_iter();
        all.into_iter().find(|v| v.volume.location == location).ok_or_else(|| fail::missing(sr, location))
    }

    async fn on_volume(&self, sr: &str, location: &str, members: Members) -> Result<Value> {
        let facts = self.facts(sr, location)?;
        let members = members
            .text("vdi_ref", facts.reference)
            .text("vdi_location", location)
            .text("vdi_uuid", facts.volume.uuid)
            .text("vdi_on_boot", facts.on_boot)
            .text("vdi_allow_caching", facts.allow_caching.to_string());
        self.ask(&Self::config(sr, &self.attached(sr)?), true, members, location).await
    }

    /// A change of a volume that nobody of ours holds.
    async fn change(&self, sr: &str, location: &str, members: Members) -> Result<Value> {
        self.policies.sr(sr).assert_changeable(sr)?;
        self.let_go(sr, location).await?;
        self.on_volume(sr, location, members).await
    }

    /// The volume a driver says it made: its row, or what is known without.
    fn made(&self, sr: &str, told: &Value, like: impl FnOnce(&str, &str) -> Volume) -> Result<Volume> {
        let text = |name: &str| told.get(name).and_then(Value::as_str);
        let (Some(uuid), Some(location)) = (text("uuid"), text("location")) else {
            return Err(Doing::Create.failure("the driver does not say what it made"));
        };
        let row = self.records.volumes(sr).into_iter().find(|v| v.volume.uuid == uuid);
        Ok(row.map_or_else(|| like(uuid, location), |row| row.volume))
    }

    async fn twin(&self, sr: &str, location: &str, command: &'static str) -> Result<Volume> {
        let source = self.facts(sr, location)?.volume;
        let told = self.change(sr, location, Members::new(command, vec![]).map("driver_params", &[])).await?;
        let snapshot_of = (command == "vdi_snapshot").then(|| location.to_owned());
        let made = self.made(sr, &told, |uuid, location| Volume {
            uuid: uuid.into(),
            location: location.into(),
            ..source
        })?;
        Ok(Volume { snapshot_of, ..made })
    }

    /// Makes a volume reachable; under the lock.
    async fn reach(&self, sr: &str, location: &str, writable: bool) -> Result<DataPath> {
        let kind = self.attached(sr)?.kind;
        let flag = || vec![writable.to_string()];
        let told = self.on_volume(sr, location, Members::new("vdi_attach", flag())).await?;
        let activated = if self.can(&kind, "VDI_ACTIVATE") {
            self.on_volume(sr, location, Members::new("vdi_activate", flag())).await.map(drop)
        } else {
            Ok(())
        };
        let path = activated.and_then(|()| path(&told));
        match path {
            Ok(path) => {
                let (data, caching) = extras(&told);
                self.records.reached(sr, location, data, caching).await;
                Ok(path)
            }
            Err(failure) => {
                if let Err(e) = self.on_volume(sr, location, Members::new("vdi_detach", vec![])).await {
                    tracing::warn!(failure = %e, location, "a volume that could not be reached stays attached");
                }
                Err(failure)
            }
        }
    }

    /// Ends what [`reach`](Plugins::reach) began; under the lock.
    async fn leave(&self, sr: &str, location: &str) -> Result<()> {
        if self.facts(sr, location).is_err() {
            // Its row is gone, and nobody can tell its driver which volume is meant.
            return Ok(());
        }
        if self.can(&self.attached(sr)?.kind, "VDI_DEACTIVATE") {
            self.on_volume(sr, location, Members::new("vdi_deactivate", vec![])).await?;
        }
        self.on_volume(sr, location, Members::new("vdi_detach", vec![])).await.map(drop)
    }

    /// The bytes of a volume, for this process itself.
    async fn bytes(&self, sr: &str, location: &str, writable: bool) -> Result<Bytes> {
        let key = (sr.to_owned(), location.to_owned());
        let known = || lock(&self.own).get(&key).filter(|(_, w)| *w || !writable).map(|(b, _)| b.clone());
        if let Some(bytes) = known() {
            return Ok(bytes);
        }
        let _one = self.plugging.lock().await;
        if let Some(bytes) = known() {
            return Ok(bytes);
        }
        if let Some(open) = self.attached(sr)?.open.get(location) {
            if open.writable || writable {
                return Err(fail::in_use());
            }
            return Bytes::open(&open.path, false);
        }
        self.let_go_locked(&key).await?;
        let path = self.reach(sr, location, writable).await?;
        match Bytes::open(&path, writable) {
            Ok(bytes) => {
                lock(&self.own).insert(key, (bytes.clone(), writable));
                Ok(bytes)
            }
            Err(failure) => {
                self.leave(sr, location).await?;
                Err(failure)
            }
        }
    }

    async fn let_go(&self, sr: &str, location: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        self.let_go_locked(&(sr.to_owned(), location.to_owned())).await
    }

    async fn let_go_locked(&self, key: &(String, String)) -> Result<()> {
        let Some((bytes, writable)) = lock(&self.own).remove(key) else { return Ok(()) };
        let flushed = if writable { blocking(move || bytes.flush()).await } else { Ok(()) };
        flushed.and(self.leave(&key.0, &key.1).await)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(_) => Err(xapi_schema::Failure::internal("work on a volume ended unexpectedly")),
    }
}

/// Where a volume is reached, by what its driver answered; pure but for a look at the path.
fn path(told: &Value) -> Result<DataPath> {
    use std::os::unix::fs::FileTypeExt;
    let text = |name: &str| told.get(name).and_then(Value::as_str).filter(|t| !t.is_empty());
    // The oldest drivers answer the path alone.
    let params = text("params").or(told.as_str()).filter(|t| t.starts_with('/')).map(PathBuf::from);
    if let Some(params) = params
        && let Ok(metadata) = std::fs::metadata(&params)
    {
        let block = metadata.file_type().is_block_device();
        return Ok(if block { DataPath::Block(params) } else { DataPath::File(params) });
    }
    let nbd = text("params_nbd").and_then(|t| t.strip_prefix("nbd:unix:")?.split_once(":exportname="));
    match nbd {
        Some((socket, export)) => Ok(DataPath::Nbd { socket: socket.into(), export: export.into() }),
        None => Err(Doing::Attach.failure("its driver gave no path that is there")),
    }
}

/// What else a driver told: entries for users, whether reads are cached and if not, why.
type Extras = (Vec<(String, String)>, Option<(bool, String)>);

fn extras(told: &Value) -> Extras {
    let data = told.get("xenstore_data").and_then(Value::as_map).unwrap_or_default();
    let data = data.iter().filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.to_owned()))).collect();
    let caching = match told.get("o_direct") {
        Some(Value::Bool(direct)) => {
            let reason = told.get("o_direct_reason").and_then(Value::as_str).unwrap_or_default();
            Some((!direct, reason.to_owned()))
        }
        _ => None,
    };
    (data, caching)
}

/// Marked blocks of a bitmap whose first bit is the highest of its first byte; pure.
fn stretches(bits: &[u8]) -> Vec<(u64, u64)> {
    let mut found: Vec<(u64, u64)> = Vec::new();
    for block in 0..bits.len() as u64 * 8 {
        if bits[(block / 8) as usize] & (0x80 >> (block % 8)) == 0 {
            continue;
        }
        match found.last_mut() {
            Some((start, length)) if *start + *length == block * CBT_BLOCK => *length += CBT_BLOCK,
            _ => found.push((block * CBT_BLOCK, CBT_BLOCK)),
        }
    }
    found
}

#[async_trait]
impl Storage for Plugins {
    fn kinds(&self) -> Vec<String> {
        self.drivers.keys().cloned().collect()
    }

    fn drivers(&self) -> Option<(String, Vec<Driver>)> {
        Some((self.dir.display().to_string(), self.drivers.values().cloned().collect()))
    }

    async fn create(&self, sr: &SrConfig, size: i64) -> Result<()> {
        let _one = self.plugging.lock().await;
        self.ask(sr, true, Members::new("sr_create", vec![size.to_string()]), "").await.map(drop)
    }

    async fn attach(&self, sr: &SrConfig) -> Result<()> {
        let _one = self.plugging.lock().await;
        if self.has(&sr.uuid) {
            return Ok(());
        }
        let known = kept::load(&self.kept, sr);
        if known.is_none() {
            self.ask(sr, true, Members::new("sr_attach", vec![]), "").await?;
        }
        let attached = known.unwrap_or_else(|| Attached::new(sr));
        if let Err(e) = kept::save(&self.kept, &sr.uuid, &attached) {
            let _ = self.ask(sr, true, Members::new("sr_detach", vec![]), "").await;
            return Err(Doing::Attach.io(&e));
        }
        lock(&self.attached).insert(sr.uuid.clone(), attached);
        Ok(())
    }

    async fn detach(&self, sr: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        let Ok(attached) = self.attached(sr) else { return Ok(()) };
        if !attached.open.is_empty() {
            return Err(fail::in_use());
        }
        let own: Vec<_> = lock(&self.own).keys().filter(|(home, _)| home == sr).cloned().collect();
        for key in own {
            self.let_go_locked(&key).await?;
        }
        self.on_sr(sr, Members::new("sr_detach", vec![])).await?;
        lock(&self.attached).remove(sr);
        kept::forget(&self.kept, sr);
        Ok(())
    }

    async fn delete(&self, sr: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        self.policies.sr(sr).assert_changeable(sr)?;
        if !self.attached(sr)?.open.is_empty() {
            return Err(fail::in_use());
        }
        self.on_sr(sr, Members::new("sr_delete", vec![])).await?;
        lock(&self.attached).remove(sr);
        kept::forget(&self.kept, sr);
        Ok(())
    }

    async fn stat(&self, sr: &str) -> Result<SrStat> {
        let kind = self.attached(sr)?.kind;
        if self.can(&kind, "SR_UPDATE") && !self.policies.sr(sr).guarded {
            self.on_sr(sr, Members::new("sr_update", vec![])).await?;
        }
        Ok(self.records.stat(sr))
    }

    async fn scan(&self, sr: &str) -> Result<Vec<Volume>> {
        self.attached(sr)?;
        if !self.policies.sr(sr).guarded {
            self.on_sr(sr, Members::new("sr_scan", vec![])).await?;
        }
        Ok(self.records.volumes(sr).into_iter().map(|v| v.volume).collect())
    }

    async fn probe(&self, kind: &str, device_config: &[(String, String)]) -> Result<String> {
        let _one = self.plugging.lock().await;
        let sr = SrConfig {
            uuid: String::new(),
            kind: kind.into(),
            device_config: device_config.to_vec(),
            sm_config: vec![],
        };
        if !self.can(kind, "SR_PROBE") {
            return Err(xapi_schema::Failure::new(
                "SR_BACKEND_FAILURE",
                ["the driver does not probe", "", ""],
            ));
        }
        let told = self.ask(&sr, false, Members::new("sr_probe", vec![]), "").await?;
        Ok(told.as_str().unwrap_or_default().to_owned())
    }

    async fn create_volume(&self, sr: &str, new: NewVolume) -> Result<Volume> {
        self.policies.sr(sr).assert_changeable(sr)?;
        let config = Self::config(sr, &self.attached(sr)?);
        let NewVolume { name, description, virtual_size, kind, sm_config, .. } = new;
        let args = vec![
            virtual_size.to_string(),
            name.clone(),
            description.clone(),
            NOBODY.into(),
            "false".into(),
            "19700101T00:00:00Z".into(),
            NOBODY.into(),
            "false".into(),
        ];
        let members =
            Members::new("vdi_create", args).map("vdi_sm_config", &sm_config).text("vdi_type", &*kind);
        let told = self.ask(&config, true, members, "").await?;
        self.made(sr, &told, |uuid, location| Volume {
            uuid: uuid.into(),
            location: location.into(),
            name,
            description,
            virtual_size,
            physical_utilisation: 0,
            kind,
            read_only: false,
            hidden: false,
            snapshot_of: None,
            sm_config,
            cbt_enabled: false,
        })
    }

    async fn destroy_volume(&self, sr: &str, location: &str) -> Result<()> {
        self.change(sr, location, Members::new("vdi_delete", vec![])).await.map(drop)
    }

    async fn snapshot_volume(&self, sr: &str, location: &str, _: &str) -> Result<Volume> {
        self.twin(sr, location, "vdi_snapshot").await
    }

    async fn clone_volume(&self, sr: &str, location: &str, _: &str) -> Result<Volume> {
        self.twin(sr, location, "vdi_clone").await
    }

    async fn resize_volume(&self, sr: &str, location: &str, size: i64) -> Result<Volume> {
        self.change(sr, location, Members::new("vdi_resize", vec![size.to_string()])).await?;
        self.stat_volume(sr, location).await
    }

    async fn revert_volume(&self, sr: &str, location: &str, snapshot: &str) -> Result<Volume> {
        let over = self.facts(sr, location)?.reference;
        self.let_go(sr, location).await?;
        self.change(sr, snapshot, Members::new("vdi_revert", vec![over])).await?;
        self.stat_volume(sr, location).await
    }

    async fn copy_volume(&self, from: (&str, &str), to: (&str, &str), progress: Progress) -> Result<()> {
        crate::both::copy(self, from, to, progress).await
    }

    /// Its row has the name; drivers read it there when they are asked next.
    async fn name_volume(&self, sr: &str, location: &str, _: &str, _: &str) -> Result<()> {
        self.facts(sr, location).map(drop)
    }

    async fn stat_volume(&self, sr: &str, location: &str) -> Result<Volume> {
        self.facts(sr, location).map(|facts| facts.volume)
    }

    async fn read(&self, sr: &str, location: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let bytes = self.bytes(sr, location, false).await?;
        blocking(move || bytes.read(offset, length)).await
    }

    async fn write(&self, sr: &str, location: &str, offset: u64, data: Vec<u8>) -> Result<()> {
        self.policies.sr(sr).assert_changeable(sr)?;
        let size = u64::try_from(self.facts(sr, location)?.volume.virtual_size).unwrap_or(0);
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > size) {
            return Err(errors::VDI_TOO_SMALL.with([location.to_string(), size.to_string()]));
        }
        let bytes = self.bytes(sr, location, true).await?;
        blocking(move || bytes.write(offset, &data)).await
    }

    async fn open_volume(&self, sr: &str, location: &str, writable: bool) -> Result<DataPath> {
        let _one = self.plugging.lock().await;
        if let Some(open) = self.attached(sr)?.open.get(location).cloned() {
            if open.writable != writable {
                return Err(fail::in_use());
            }
            if !writable {
                self.keep(sr, |known| {
                    known.open.entry(location.into()).and_modify(|open| open.holders += 1);
                })?;
            }
            return Ok(open.path);
        }
        self.let_go_locked(&(sr.to_owned(), location.to_owned())).await?;
        let path = self.reach(sr, location, writable).await?;
        let open = Open { path: path.clone(), writable, holders: 1 };
        let noted = self.keep(sr, |known| {
            known.open.insert(location.into(), open);
        });
        if let Err(failure) = noted {
            self.leave(sr, location).await?;
            return Err(failure);
        }
        Ok(path)
    }

    async fn close_volume(&self, sr: &str, location: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        let Ok(attached) = self.attached(sr) else { return Ok(()) };
        let Some(open) = attached.open.get(location) else { return Ok(()) };
        if open.holders > 1 {
            return self.keep(sr, |known| {
                known.open.entry(location.into()).and_modify(|open| open.holders -= 1);
            });
        }
        self.leave(sr, location).await?;
        self.keep(sr, |known| {
            known.open.remove(location);
        })
    }

    async fn flush(&self, sr: &str, location: &str) -> Result<()> {
        self.let_go(sr, location).await
    }

    async fn enable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        self.change(sr, location, Members::new("vdi_enable_cbt", vec![])).await.map(drop)
    }

    async fn disable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        self.change(sr, location, Members::new("vdi_disable_cbt", vec![])).await.map(drop)
    }

    async fn destroy_data(&self, sr: &str, location: &str) -> Result<()> {
        self.change(sr, location, Members::new("vdi_data_destroy", vec![])).await.map(drop)
    }

    async fn changed_blocks(&self, sr: &str, from: &str, to: &str) -> Result<Vec<(u64, u64)>> {
        let to = self.facts(sr, to)?.reference;
        let told = self.on_volume(sr, from, Members::new("vdi_list_changed_blocks", vec![to])).await?;
        let text = told.as_str().unwrap_or_default();
        let bits = base64::engine::general_purpose::STANDARD.decode(text.trim());
        let wrong =
            |_| backend_failure(460, "Failed to calculate changed blocks for given VDIs", "no bitmap");
        bits.map(|bits| stretches(&bits)).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_an_attach_are_understood() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("disk");
        std::fs::write(&file, b"x").unwrap();
        let text = file.to_string_lossy().into_owned();
        let answer = |members: &[(&str, &str)]| Value::map(members.iter().map(|(k, v)| (*k, Value::str(*v))));
        assert_eq!(path(&Value::str(text.as_str())).unwrap(), DataPath::File(file.clone()));
        assert_eq!(path(&answer(&[("params", &text)])).unwrap(), DataPath::File(file));
        let nbd = [("params", ""), ("params_nbd", "nbd:unix:/run/a.sock:exportname=q")];
        let wanted = DataPath::Nbd { socket: "/run/a.sock".into(), export: "q".into() };
        assert_eq!(path(&answer(&nbd)).unwrap(), wanted);
        assert_eq!(
            path(&answer(&[("params", "/nowhere/at/all")])).unwrap_err().code,
            "SR_BACKEND_FAILURE_46"
        );
        let told = Value::map([
            ("o_direct", Value::Bool(false)),
            ("xenstore_data", answer(&[("scsi/0x12/0x83", "eA==")])),
        ]);
        let wanted = (vec![("scsi/0x12/0x83".to_string(), "eA==".to_string())], Some((true, String::new())));
        assert_eq!(extras(&told), wanted);
        assert_eq!(
            stretches(&[0b0110_0000, 0x01]),
            [(CBT_BLOCK, 2 * CBT_BLOCK), (15 * CBT_BLOCK, CBT_BLOCK)]
        );
    }
}
