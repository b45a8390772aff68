//! [`Native`]: `Storage` on what the machine really has. Finds the SR, asks whether it may be changed, and hands the
//! work to a thread that may block. Keeps no records: names and relations of volumes are the database's.

mod bytes;
mod plug;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use crate::{
    fail::{self, Doing},
    host::Host,
    listing::{self, Listing},
    place::{Ground, KINDS, probe},
    policy::{self, Policies},
    repository::{Repository, lock},
    volume::{format, one_each, volume_of},
};
use async_trait::async_trait;
use xapi_backend::storage::{
    DataPath, NewVolume, Progress, SrConfig, SrStat, Storage, Volume, backend_failure,
};
use xapi_datapath::DataPaths;
use xapi_schema::{Failure, Result, errors};

/// Where a host keeps what storage needs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where SRs are mounted.
    pub mounts: PathBuf,
    /// Device nodes.
    pub dev: PathBuf,
    /// What the kernel tells of its devices.
    pub sys: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { mounts: "/run/sr-mount".into(), dev: "/dev".into(), sys: "/sys".into() }
    }
}

/// What is attached.
#[derive(Clone)]
enum Attached {
    Images(Arc<Repository>),
    Listing(SrConfig, Listing),
    Nothing(SrConfig),
}

/// Storage on real devices.
pub struct Native {
    ground: Ground,
    policies: Arc<dyn Policies>,
    paths: Arc<DataPaths>,
    attached: Mutex<HashMap<String, Attached>>,
    /// Attaching, detaching and probing happen one at a time on a host.
    plugging: tokio::sync::Mutex<()>,
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::internal("work on a volume ended unexpectedly")),
    }
}

impl Native {
    /// Storage over a host's programs, records and open disks.
    pub fn new(
        host: Arc<dyn Host>,
        policies: Arc<dyn Policies>,
        paths: Arc<DataPaths>,
        settings: Settings,
    ) -> Native {
        let ground = Ground {
            host,
            mounts: settings.mounts,
            dev: settings.dev,
            sys: settings.sys,
            policies: policies.clone(),
            sessions: Arc::default(),
        };
        Native {
            ground,
            policies,
            paths,
            attached: Mutex::default(),
            plugging: tokio::sync::Mutex::default(),
        }
    }

    fn attached(&self, sr: &str) -> Result<Attached> {
        lock(&self.attached).get(sr).cloned().ok_or_else(|| errors::SR_NOT_ATTACHED.with([sr]))
    }

    /// An SR of images.
    fn repository(&self, sr: &str) -> Result<Arc<Repository>> {
        match self.attached(sr)? {
            Attached::Images(repository) => Ok(repository),
            _ => Err(errors::SR_OPERATION_NOT_SUPPORTED.with([sr])),
        }
    }

    /// An SR of images that may be changed.
    fn changeable(&self, sr: &str) -> Result<Arc<Repository>> {
        let repository = self.repository(sr)?;
        self.policies.sr(sr).assert_changeable(sr)?;
        Ok(repository)
    }

    /// A frozen or writable copy under a uuid of its own.
    async fn twin(&self, sr: &str, location: &str, uuid: &str, doing: Doing) -> Result<Volume> {
        let repository = self.changeable(sr)?;
        let (of, uuid) = (location.to_owned(), uuid.to_owned());
        if !crate::naming::is_uuid(&uuid) {
            return Err(backend_failure(1, "Invalid argument", &uuid));
        }
        blocking(move || {
            repository.twin(&of, &uuid, doing)?;
            repository.unchanged(|| Ok(volume_of(&repository, &repository.images.find(&uuid)?)))
        })
        .await
    }
}

#[async_trait]
impl Storage for Native {
    fn kinds(&self) -> Vec<String> {
        KINDS.iter().map(|kind| kind.to_string()).collect()
    }

    fn features(&self, kind: &str) -> Vec<String> {
        if KINDS.contains(&kind) { xapi_backend::features::of(kind) } else { Vec::new() }
    }

    async fn create(&self, sr: &SrConfig, _: i64) -> Result<()> {
        let _one = self.plugging.lock().await;
        self.assert_free(sr)?;
        self.ground.create(sr).await
    }

    async fn attach(&self, sr: &SrConfig) -> Result<()> {
        self.plug(sr).await
    }

    async fn detach(&self, sr: &str) -> Result<()> {
        self.unplug(sr).await
    }

    async fn delete(&self, sr: &str) -> Result<()> {
        self.clear_away(sr).await
    }

    async fn stat(&self, sr: &str) -> Result<SrStat> {
        match self.attached(sr)? {
            Attached::Images(repository) => blocking(move || repository.images.stat()).await,
            Attached::Listing(_, listing) => blocking(move || listing.stat()).await,
            Attached::Nothing(_) => Ok(SrStat { physical_size: 0, physical_utilisation: 0 }),
        }
    }

    async fn scan(&self, sr: &str) -> Result<Vec<Volume>> {
        match self.attached(sr)? {
            Attached::Images(repository) => {
                let guarded = self.policies.sr(sr).guarded;
                blocking(move || {
                    repository.unchanged(|| {
                        repository.assert_there()?;
                        let found = repository.images.scan();
                        if !guarded {
                            repository.agree();
                        }
                        let found = one_each(&repository.config.uuid, found?);
                        for image in found.iter().filter(|f| f.broken.is_some()) {
                            tracing::warn!(image = image.name, why = ?image.broken, "an image can't be read");
                        }
                        // What can't be read stays in the list: its record must not vanish for a moment's trouble.
                        let mut all: Vec<Volume> = found.iter().map(|f| volume_of(&repository, f)).collect();
                        let known = found.iter().map(|f| f.uuid.as_str()).collect();
                        all.extend(repository.remains(&known)?);
                        Ok(all)
                    })
                })
                .await
            }
            Attached::Listing(_, listing) => blocking(move || listing.scan()).await,
            Attached::Nothing(_) => Ok(vec![]),
        }
    }

    async fn probe(&self, kind: &str, device_config: &[(String, String)]) -> Result<String> {
        let _one = self.plugging.lock().await;
        probe::probe(&self.ground, kind, device_config).await
    }

    async fn create_volume(&self, sr: &str, new: NewVolume) -> Result<Volume> {
        let repository = self.changeable(sr)?;
        let format = format(&repository.config, &new.sm_config, new.virtual_size)?;
        let uuid = new.uuid.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        if !crate::naming::is_uuid(&uuid) {
            return Err(backend_failure(1, "Invalid argument", &uuid));
        }
        blocking(move || {
            let found = repository.change(|| {
                let found = repository.images.create(&uuid, format, new.virtual_size)?;
                if let Err(failure) = repository.images.introduce(&found, &new) {
                    // Nobody knows of it yet.
                    repository.images.destroy(&uuid)?;
                    return Err(failure);
                }
                Ok(found)
            })?;
            let made = repository.unchanged(|| Ok(volume_of(&repository, &found)))?;
            Ok(Volume { name: new.name, description: new.description, kind: new.kind, ..made })
        })
        .await
    }

    async fn destroy_volume(&self, sr: &str, location: &str) -> Result<()> {
        let (repository, uuid) = (self.changeable(sr)?, location.to_owned());
        blocking(move || {
            repository.change(|| {
                repository.assert_closed(&uuid)?;
                if let Err(missing) = repository.images.find(&uuid) {
                    // Its data may have gone before it.
                    repository.remains_of(&uuid).map_err(|_| missing)?;
                    return repository.unlink(&uuid);
                }
                let found = repository.images.assert_childless(&uuid)?;
                // First the log: what has only that left is a volume of its own.
                repository.unlink(&uuid)?;
                repository.images.remove(&found.name).map_err(|e| Doing::Delete.disk(&e))?;
                repository.forget(&uuid);
                Ok(())
            })
        })
        .await
    }

    async fn snapshot_volume(&self, sr: &str, location: &str, uuid: &str) -> Result<Volume> {
        let made = self.twin(sr, location, uuid, Doing::Snapshot).await?;
        Ok(Volume { snapshot_of: Some(location.to_owned()), ..made })
    }

    async fn clone_volume(&self, sr: &str, location: &str, uuid: &str) -> Result<Volume> {
        self.twin(sr, location, uuid, Doing::Clone).await
    }

    async fn is_untouched(&self, sr: &str, location: &str) -> Result<bool> {
        let (repository, uuid) = (self.repository(sr)?, location.to_owned());
        blocking(move || repository.unchanged(|| repository.images.is_untouched(&uuid))).await
    }

    async fn resize_volume(&self, sr: &str, location: &str, size: i64) -> Result<Volume> {
        let (repository, uuid) = (self.changeable(sr)?, location.to_owned());
        blocking(move || {
            repository.change(|| {
                repository.assert_closed(&uuid)?;
                let found = repository.images.resize(&uuid, size)?;
                Ok(volume_of(&repository, &found))
            })
        })
        .await
    }

    async fn revert_volume(&self, sr: &str, location: &str, snapshot: &str) -> Result<Volume> {
        let (repository, uuid, to) = (self.changeable(sr)?, location.to_owned(), snapshot.to_owned());
        blocking(move || {
            repository.change(|| {
                repository.assert_closed(&uuid)?;
                repository.assert_closed(&to)?;
                let found = repository.images.revert(&uuid, &to)?;
                Ok(volume_of(&repository, &found))
            })
        })
        .await
    }

    async fn set_reset(&self, sr: &str, location: &str, reset: bool) -> Result<()> {
        let uuid = location.to_owned();
        let repository = if reset { self.changeable(sr)? } else { self.repository(sr)? };
        blocking(move || repository.keep(&uuid, reset)).await
    }

    async fn begin_epoch(&self, sr: &str, location: &str, reset: bool) -> Result<()> {
        if !reset {
            return Ok(());
        }
        let repository = self.repository(sr)?;
        if self.policies.sr(sr).guarded {
            return Err(policy::untouchable(
                sr,
                &format!("the disk {location} is to be reset at each start"),
            ));
        }
        let uuid = location.to_owned();
        blocking(move || repository.reset(&uuid)).await
    }

    async fn copy_volume(&self, from: (&str, &str), to: (&str, &str), progress: Progress) -> Result<()> {
        self.copy_bytes(from, to, progress).await
    }

    async fn name_volume(&self, sr: &str, location: &str, name: &str, description: &str) -> Result<()> {
        let Attached::Images(repository) = self.attached(sr)? else { return Ok(()) };
        if self.policies.sr(sr).guarded {
            // Only the database knows the new name until the SR is free.
            return Ok(());
        }
        let texts = [location, name, description].map(str::to_owned);
        blocking(move || {
            let [uuid, name, description] = texts;
            repository.images.volumes.named(&uuid, &name, &description).map_err(|e| Doing::Other.disk(&e))
        })
        .await
    }

    async fn name_sr(&self, sr: &str, name: &str, description: &str) -> Result<()> {
        let Attached::Images(repository) = self.attached(sr)? else { return Ok(()) };
        if self.policies.sr(sr).guarded {
            return Ok(());
        }
        let texts = [name, description].map(str::to_owned);
        blocking(move || {
            let [name, description] = texts;
            repository.images.volumes.sr_named(&name, &description).map_err(|e| Doing::Other.disk(&e))
        })
        .await
    }

    async fn stat_volume(&self, sr: &str, location: &str) -> Result<Volume> {
        match self.attached(sr)? {
            Attached::Images(repository) => {
                let uuid = location.to_owned();
                blocking(move || {
                    repository.unchanged(|| match repository.images.find(&uuid) {
                        Ok(_) => Ok(volume_of(&repository, &repository.images.healthy(&uuid)?)),
                        Err(missing) => repository.remains_of(&uuid).map_err(|_| missing),
                    })
                })
                .await
            }
            Attached::Listing(_, listing) => listing.find(location).map(|(volume, _)| volume),
            Attached::Nothing(_) => Err(fail::missing(sr, location)),
        }
    }

    async fn read(&self, sr: &str, location: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.read_bytes(sr, location, offset, length).await
    }

    async fn extents(&self, sr: &str, location: &str) -> Result<Vec<(u64, u64)>> {
        self.data_of(sr, location).await
    }

    async fn write(&self, sr: &str, location: &str, offset: u64, bytes: Vec<u8>) -> Result<()> {
        self.write_bytes(sr, location, offset, bytes).await
    }

    async fn open_volume(&self, sr: &str, location: &str, writable: bool) -> Result<DataPath> {
        match self.attached(sr)? {
            Attached::Images(repository) => {
                let (uuid, guarded) = (location.to_owned(), self.policies.sr(sr).guarded);
                blocking(move || repository.open(&uuid, writable, guarded)).await
            }
            Attached::Listing(_, listing) => {
                let (volume, path) = listing.find(location)?;
                if writable && volume.read_only {
                    return Err(Doing::Attach.failure("it can only be read"));
                }
                let images = matches!(listing.kind, listing::Kind::Isos | listing::Kind::Tools);
                Ok(if images { DataPath::File(path) } else { DataPath::Block(path) })
            }
            Attached::Nothing(_) => Err(fail::missing(sr, location)),
        }
    }

    async fn close_volume(&self, sr: &str, location: &str) -> Result<()> {
        let Attached::Images(repository) = self.attached(sr)? else { return Ok(()) };
        let uuid = location.to_owned();
        blocking(move || repository.close(&uuid)).await
    }

    async fn flush(&self, sr: &str, location: &str) -> Result<()> {
        let Attached::Images(repository) = self.attached(sr)? else { return Ok(()) };
        let uuid = location.to_owned();
        blocking(move || repository.flush(&uuid)).await
    }

    async fn enable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        let (repository, uuid) = (self.changeable(sr)?, location.to_owned());
        blocking(move || repository.enable_tracking(&uuid)).await
    }

    async fn disable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        let (repository, uuid) = (self.changeable(sr)?, location.to_owned());
        blocking(move || repository.disable_tracking(&uuid)).await
    }

    async fn destroy_data(&self, sr: &str, location: &str) -> Result<()> {
        let (repository, uuid) = (self.changeable(sr)?, location.to_owned());
        blocking(move || repository.destroy_data(&uuid)).await
    }

    async fn changed_blocks(&self, sr: &str, from: &str, to: &str) -> Result<Vec<(u64, u64)>> {
        let (repository, from, to) = (self.repository(sr)?, from.to_owned(), to.to_owned());
        blocking(move || repository.changed_blocks(&from, &to)).await
    }

    async fn difference(&self, sr: &str, from: &str, to: &str) -> Result<Option<Vec<(u64, u64)>>> {
        let Attached::Images(repository) = self.attached(sr)? else { return Ok(None) };
        let (from, to) = (from.to_owned(), to.to_owned());
        blocking(move || repository.unchanged(|| repository.images.difference(&from, &to))).await
    }

    async fn has_garbage(&self, sr: &str) -> Result<bool> {
        let Attached::Images(repository) = self.attached(sr)? else { return Ok(false) };
        let policies = self.policies.clone();
        blocking(move || repository.has_garbage(&*policies)).await
    }

    async fn collect_garbage(&self, sr: &str, progress: Progress) -> Result<()> {
        let Attached::Images(repository) = self.attached(sr)? else { return Ok(()) };
        let policies = self.policies.clone();
        let one = repository.clone();
        let _one = one.collecting.lock().await;
        blocking(move || repository.collect(&*policies, &*progress)).await
    }
}
