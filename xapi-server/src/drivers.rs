//! Storage drivers that are programs: where they are found, the sessions they speak in, what the records say to them.

use std::{
    path::Path,
    sync::{Arc, OnceLock, Weak},
};

use async_trait::async_trait;
use xapi_backend::{
    Storage,
    storage::{SrStat, Volume},
};
use xapi_ops::{Xapi, session};
use xapi_schema::{
    ApiEnum, ClassId, Failure, Map, Ref, Result,
    classes::{Host, Pool, Sr, Vdi, host, pool, sr, vdi},
};
use xapi_storage::{
    Both,
    plugins::{Plugins, Records, SrFacts, VolumeFacts, discover},
    policy::Policies,
};
use xapi_store::{Read, Store};

/// The database as drivers see it. It opens sessions once it was told of the toolstack.
pub struct Database {
    store: Store,
    host: Ref<Host>,
    xapi: OnceLock<Weak<Xapi>>,
}

impl Database {
    /// Over the records of this host.
    pub fn new(store: Store, host: Ref<Host>) -> Arc<Database> {
        Arc::new(Database { store, host, xapi: OnceLock::new() })
    }

    /// From here on drivers can be called.
    pub fn serve(&self, xapi: &Arc<Xapi>) {
        let _ = self.xapi.set(Arc::downgrade(xapi));
    }

    fn xapi(&self) -> Result<Arc<Xapi>> {
        self.xapi.get().and_then(Weak::upgrade).ok_or_else(|| Failure::internal("the toolstack is not up"))
    }

    fn sr_ref(&self, uuid: &str) -> Option<Ref<Sr>> {
        self.store.snapshot().by_uuid(ClassId::Sr, uuid).map(|row| Ref::new(row.reference.clone()))
    }
}

fn facts(read: &impl Read, this: &Ref<Vdi>) -> Result<VolumeFacts> {
    let record = read.record(this)?;
    let origin = record.get(vdi::snapshot_of);
    let snapshot_of =
        if record.get(vdi::is_a_snapshot) { read.get(&origin, vdi::location).ok() } else { None };
    let mut config = record.get(vdi::sm_config);
    // Ours, not the driver's.
    config.0.retain(|(key, _)| !key.starts_with("read-caching-"));
    Ok(VolumeFacts {
        reference: this.as_str().to_owned(),
        on_boot: record.get(vdi::on_boot).text().to_string(),
        allow_caching: record.get(vdi::allow_caching),
        volume: Volume {
            uuid: record.get(vdi::uuid),
            location: record.get(vdi::location),
            name: record.get(vdi::name_label),
            description: record.get(vdi::name_description),
            virtual_size: record.get(vdi::virtual_size),
            physical_utilisation: record.get(vdi::physical_utilisation),
            kind: record.get(vdi::r#type).text().to_string(),
            read_only: record.get(vdi::read_only),
            hidden: !record.get(vdi::managed),
            snapshot_of,
            sm_config: config.0,
            cbt_enabled: record.get(vdi::cbt_enabled),
        },
    })
}

#[async_trait]
impl Records for Database {
    fn host(&self) -> String {
        self.host.as_str().to_owned()
    }

    fn local_cache(&self) -> Option<String> {
        let snapshot = self.store.snapshot();
        let cache = snapshot.get(&self.host, host::local_cache_sr).ok()?;
        snapshot.get(&cache, sr::uuid).ok()
    }

    fn sr(&self, uuid: &str) -> Option<SrFacts> {
        let (snapshot, this) = (self.store.snapshot(), self.sr_ref(uuid)?);
        let shared = snapshot.get(&this, sr::shared).unwrap_or(false);
        let pools = snapshot.all::<Pool>();
        let coordinator = pools.first().and_then(|p| snapshot.get(p, pool::master).ok());
        let master = !shared || coordinator.as_ref() == Some(&self.host);
        Some(SrFacts { reference: this.as_str().to_owned(), master })
    }

    fn volumes(&self, sr: &str) -> Vec<VolumeFacts> {
        let (snapshot, this) = (self.store.snapshot(), self.sr_ref(sr));
        let disks = this.and_then(|this| snapshot.get(&this, sr::VDIs).ok()).unwrap_or_default();
        disks.iter().filter_map(|disk| facts(&*snapshot, disk).ok()).collect()
    }

    fn stat(&self, sr: &str) -> SrStat {
        let (snapshot, this) = (self.store.snapshot(), self.sr_ref(sr).unwrap_or_else(Ref::null));
        SrStat {
            physical_size: snapshot.get(&this, sr::physical_size).unwrap_or(0),
            physical_utilisation: snapshot.get(&this, sr::physical_utilisation).unwrap_or(0),
        }
    }

    async fn open_session(&self, sr: Option<&str>) -> Result<String> {
        let xapi = self.xapi()?;
        let opened = match sr.and_then(|sr| self.sr_ref(sr)) {
            Some(sr) => session::open_driver(&xapi, &sr).await?,
            None => session::open_local(&xapi, "SM").await?,
        };
        Ok(opened.as_str().to_owned())
    }

    async fn close_session(&self, reference: &str) {
        if let Ok(xapi) = self.xapi() {
            session::close(&xapi, &Ref::new(reference)).await;
        }
    }

    async fn reached(
        &self,
        sr: &str,
        location: &str,
        xenstore_data: Vec<(String, String)>,
        caching: Option<(bool, String)>,
    ) {
        let (snapshot, host) = (self.store.snapshot(), self.host.clone());
        let uuid = snapshot.get(&host, host::uuid).unwrap_or_default();
        let Some(found) = self.volumes(sr).into_iter().find(|v| v.volume.location == location) else {
            return;
        };
        let this: Ref<Vdi> = Ref::new(found.reference);
        let noted = self.store.commit(move |tx| {
            tx.update(&this, vdi::xenstore_data, |data: &mut Map<String, String>| {
                xenstore_data.into_iter().for_each(|(key, value)| data.set(key, value));
            })?;
            tx.update(&this, vdi::sm_config, |config: &mut Map<String, String>| {
                let Some((cached, reason)) = caching else { return };
                config.set(format!("read-caching-enabled-on-{uuid}"), cached.to_string());
                let why = format!("read-caching-reason-{uuid}");
                if cached || reason.is_empty() {
                    config.remove(why.as_str())
                } else {
                    config.set(why, reason)
                }
            })
        });
        if let Err(failure) = noted.await {
            tracing::warn!(%failure, location, "what a driver told of a disk was not written down");
        }
    }
}

/// Puts the drivers of a directory beside a storage of our own.
pub async fn beside(
    own: Arc<dyn Storage>,
    dir: &Path,
    database: &Arc<Database>,
    policies: Arc<dyn Policies>,
    kept: &Path,
) -> Arc<dyn Storage> {
    let found = discover(dir, database.host.as_str()).await;
    for driver in &found {
        tracing::info!(kind = driver.kind, program = driver.filename, "a storage driver");
    }
    let plugins = Plugins::new(dir, found, database.clone(), policies, kept.to_owned());
    Arc::new(Both { own, plugins: Arc::new(plugins) })
}
