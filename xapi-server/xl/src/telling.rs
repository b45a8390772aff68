//! Tells a new domain in xenstore what it finds there besides what libxl puts: as soon as xenstore knows the domain, while xl still
//! waits for the emulator and for scripts, since afterwards each word would be a part of what a start costs. What xl was faster
//! with, or what failed, is told when it has ended. What is told is decided in `guest`; nothing here waits for a domain that
//! does not come.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::timeout,
};
use xapi_backend::hypervisor::{Disk, DomainKind, DomainSpec};
use xapi_schema::Result;

use crate::{
    guest,
    shared::{Shared, lock},
};

/// Between two looks for the backend of a disk, which xl makes soon after it has introduced the domain.
const LOOK: Duration = Duration::from_millis(100);

/// What was told early.
#[derive(Default)]
struct Told {
    /// The domain that came.
    come: Option<u32>,
    /// It was told all but what its disks' backends say.
    entries: bool,
    /// Positions of the disks whose backends were told.
    disks: Vec<u32>,
    /// Backends something was said to, whether or not they took it.
    backends: Vec<String>,
}

/// The telling of one domain, while xl builds it.
pub struct Telling {
    shared: Arc<Shared>,
    spec: DomainSpec,
    unique: String,
    ended: watch::Sender<bool>,
    task: JoinHandle<Told>,
}

impl Telling {
    /// Begins; before xl does, so that the domain cannot be missed.
    pub fn begin(shared: &Arc<Shared>, spec: &DomainSpec) -> Telling {
        let (tell, introduced) = oneshot::channel();
        lock(&shared.awaited).insert(spec.uuid.clone(), tell);
        let (ended, end) = watch::channel(false);
        let unique = uuid::Uuid::new_v4().to_string();
        let task = tokio::spawn(early(shared.clone(), spec.clone(), unique.clone(), introduced, end));
        Telling { shared: shared.clone(), spec: spec.clone(), unique, ended, task }
    }

    /// xl could not build it: nothing more is told, and nothing stays of a domain that xl took away again meanwhile.
    pub async fn take_back(self) {
        let (shared, spec, _, told) = self.stopped().await;
        let Some(domid) = told.come else { return };
        if let Err(failure) = remove_strays(&shared, domid, &told.backends).await {
            tracing::warn!(%failure, uuid = spec.uuid, "xenstore may still know of a domain that was not built");
        }
    }

    /// Whoever is told of the end finishes what it is at: a request to xenstore is never dropped half-way.
    async fn stopped(self) -> (Arc<Shared>, DomainSpec, String, Told) {
        lock(&self.shared.awaited).remove(&self.spec.uuid);
        self.ended.send_replace(true);
        (self.shared, self.spec, self.unique, self.task.await.unwrap_or_default())
    }

    /// xl has built the domain: tells what is left, and answers its number.
    ///
    /// # Errors
    /// Those of xenstore; then a part may have been told.
    pub async fn finish(self) -> Result<u32> {
        let (shared, spec, unique, told) = self.stopped().await;
        // Somebody may have ended it meanwhile.
        let domid = match told.come {
            Some(domid) if is_known(&shared, domid).await? => domid,
            _ => shared.need(&spec.uuid).await?,
        };
        let mut entries = if told.entries { Vec::new() } else { guest::entries(&spec, domid, &unique) };
        let hvm = spec.kind == DomainKind::Hvm;
        let is_left = |disk: &&Disk| guest::is_told(disk) && !told.disks.contains(&disk.position);
        let left: Vec<&Disk> = spec.disks.iter().filter(is_left).collect();
        let backends = join_all(left.iter().map(|disk| shared.backend(domid, disk.position, hvm))).await;
        for (disk, backend) in left.into_iter().zip(backends) {
            entries.extend(backend?.map(|backend| guest::disk_entries(&backend, disk)).unwrap_or_default());
        }
        if !entries.is_empty() {
            shared.store.put(&entries).await?;
        }
        Ok(domid)
    }
}

/// Tells what can be told until xl ends.
async fn early(
    shared: Arc<Shared>,
    spec: DomainSpec,
    unique: String,
    introduced: oneshot::Receiver<u32>,
    mut ended: watch::Receiver<bool>,
) -> Told {
    let mut told = Told::default();
    let domid = tokio::select! {
        Ok(domid) = introduced => domid,
        _ = ended.changed() => return told,
    };
    told.come = Some(domid);
    let hvm = spec.kind == DomainKind::Hvm;
    let mut work = async || -> Result<()> {
        shared.store.put(&guest::entries(&spec, domid, &unique)).await?;
        told.entries = true;
        for disk in spec.disks.iter().filter(|disk| guest::is_told(disk)) {
            loop {
                if let Some(backend) = shared.backend(domid, disk.position, hvm).await? {
                    let entries = guest::disk_entries(&backend, disk);
                    told.backends.push(backend);
                    shared.store.put(&entries).await?;
                    told.disks.push(disk.position);
                    break;
                }
                // One that is never made is looked for once more at the end.
                if timeout(LOOK, ended.changed()).await.is_ok() {
                    return Ok(());
                }
            }
        }
        Ok(())
    };
    if let Err(failure) = work().await {
        tracing::debug!(%failure, uuid = spec.uuid, "what a domain finds is told later");
    }
    told
}

/// xenstore knows the domain: nothing is told before this, and libxl takes it away with all else.
async fn is_known(shared: &Shared, domid: u32) -> Result<bool> {
    Ok(shared.store.find(&format!("/local/domain/{domid}/domid")).await?.is_some())
}

/// What was told of a domain that is gone: it may have been told after xl had cleaned up.
async fn remove_strays(shared: &Shared, domid: u32, backends: &[String]) -> Result<()> {
    if is_known(shared, domid).await? {
        return Ok(());
    }
    shared.store.remove(&format!("/local/domain/{domid}")).await?;
    // All backends of a kind that this domain had.
    let all: BTreeSet<&str> = backends.iter().filter_map(|one| Some(one.rsplit_once('/')?.0)).collect();
    for one in all {
        shared.store.remove(one).await?;
    }
    Ok(())
}
