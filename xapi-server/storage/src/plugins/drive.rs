//! [`Plugins`] and how it calls drivers: with a session each, attaching, detaching and probing one at a time on a host, a
//! volume made reachable once, whoever uses it. Never writes a row: that is the drivers' own work.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use xapi_backend::storage::{DataPath, Driver, SrConfig, Volume};
use xapi_schema::{Result, Value, errors};

use super::{
    answers::{extras, path},
    kept::{self, Attached},
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

/// Storage through drivers that are programs.
pub struct Plugins {
    pub(super) dir: PathBuf,
    pub(super) drivers: BTreeMap<String, Driver>,
    pub(super) records: Arc<dyn Records>,
    pub(super) policies: Arc<dyn Policies>,
    pub(super) kept: PathBuf,
    pub(super) attached: Mutex<HashMap<String, Attached>>,
    /// Volumes this process itself reads or writes.
    pub(super) own: Mutex<HashMap<(String, String), (Bytes, bool)>>,
    pub(super) plugging: tokio::sync::Mutex<()>,
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

    pub(super) fn attached(&self, sr: &str) -> Result<Attached> {
        lock(&self.attached).get(sr).cloned().ok_or_else(|| errors::SR_NOT_ATTACHED.with([sr]))
    }

    pub(super) fn can(&self, kind: &str, feature: &str) -> bool {
        let driver = self.drivers.get(kind);
        driver.is_some_and(|d| d.features.iter().any(|f| f.split('/').next() == Some(feature)))
    }

    /// Writes down what changed of an attached SR.
    pub(super) fn keep(&self, sr: &str, change: impl FnOnce(&mut Attached)) -> Result<()> {
        let mut all = lock(&self.attached);
        let Some(known) = all.get_mut(sr) else { return Ok(()) };
        change(known);
        kept::save(&self.kept, sr, known).map_err(|e| Doing::Other.io(&e))
    }

    /// Calls a driver about an SR, or about none yet.
    pub(super) async fn ask(
        &self,
        of: &SrConfig,
        known: bool,
        members: Members,
        volume: &str,
    ) -> Result<Value> {
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

    pub(super) fn config(sr: &str, attached: &Attached) -> SrConfig {
        SrConfig {
            uuid: sr.into(),
            kind: attached.kind.clone(),
            device_config: attached.device_config.clone(),
            sm_config: attached.sm_config.clone(),
        }
    }

    pub(super) async fn on_sr(&self, sr: &str, members: Members) -> Result<Value> {
        self.ask(&Self::config(sr, &self.attached(sr)?), true, members, "").await
    }

    pub(super) fn facts(&self, sr: &str, location: &str) -> Result<VolumeFacts> {
        self.attached(sr)?;
        let all = self.records.volumes(sr).into_iter();
        all.into_iter().find(|v| v.volume.location == location).ok_or_else(|| fail::missing(sr, location))
    }

    pub(super) async fn on_volume(&self, sr: &str, location: &str, members: Members) -> Result<Value> {
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
    pub(super) async fn change(&self, sr: &str, location: &str, members: Members) -> Result<Value> {
        self.policies.sr(sr).assert_changeable(sr)?;
        self.let_go(sr, location).await?;
        self.on_volume(sr, location, members).await
    }

    /// The volume a driver says it made: its row, or what is known without.
    pub(super) fn made(
        &self,
        sr: &str,
        told: &Value,
        like: impl FnOnce(&str, &str) -> Volume,
    ) -> Result<Volume> {
        let text = |name: &str| told.get(name).and_then(Value::as_str);
        let (Some(uuid), Some(location)) = (text("uuid"), text("location")) else {
            return Err(Doing::Create.failure("the driver does not say what it made"));
        };
        let row = self.records.volumes(sr).into_iter().find(|v| v.volume.uuid == uuid);
        Ok(row.map_or_else(|| like(uuid, location), |row| row.volume))
    }

    pub(super) async fn twin(&self, sr: &str, location: &str, command: &'static str) -> Result<Volume> {
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

    /// Tells a driver that a guest starts on a volume or has ended; one that does not care says that it has no such call.
    pub(super) async fn epoch(&self, sr: &str, location: &str, command: &'static str) -> Result<()> {
        match self.on_volume(sr, location, Members::new(command, vec![])).await {
            Err(failure) if failure.is(&errors::SR_OPERATION_NOT_SUPPORTED) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Makes a volume reachable; under the lock.
    pub(super) async fn reach(&self, sr: &str, location: &str, writable: bool) -> Result<DataPath> {
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
    pub(super) async fn leave(&self, sr: &str, location: &str) -> Result<()> {
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
    pub(super) async fn bytes(&self, sr: &str, location: &str, writable: bool) -> Result<Bytes> {
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

    pub(super) async fn let_go(&self, sr: &str, location: &str) -> Result<()> {
        let _one = self.plugging.lock().await;
        self.let_go_locked(&(sr.to_owned(), location.to_owned())).await
    }

    pub(super) async fn let_go_locked(&self, key: &(String, String)) -> Result<()> {
        let Some((bytes, writable)) = lock(&self.own).remove(key) else { return Ok(()) };
        let flushed = if writable { blocking(move || bytes.flush()).await } else { Ok(()) };
        flushed.and(self.leave(&key.0, &key.1).await)
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(_) => Err(xapi_schema::Failure::internal("work on a volume ended unexpectedly")),
    }
}
