//! What the parts of this backend share: the program, xenstore, the records, and how a domain is looked up.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use tokio::sync::{Notify, SemaphorePermit, broadcast, oneshot, watch};
use xapi_backend::{
    hypervisor::{DomainEvent, DomainKind, Happened},
    storage::Storage,
};
use xapi_schema::{Failure, Result};

use crate::{
    config::CardScript,
    firmware::{Layouts, Memory},
    hypercall::Hypercalls,
    records::{Record, Records},
    screens::Screens,
    table::{self, Row},
    tool::Xl,
    tpm::Tpms,
    xenstore::Client,
};

/// What the parts share.
pub struct Shared {
    pub xl: Xl,
    pub store: Client,
    pub storage: Arc<dyn Storage>,
    pub records: Records,
    pub cpu_vendor: String,
    pub card_script: CardScript,
    pub screens: Screens,
    /// Memory of guests, and what is known of firmware that keeps something there.
    pub memory: Arc<dyn Memory>,
    pub layouts: Layouts,
    /// What is asked of the hypervisor past xl.
    pub hypercalls: Hypercalls,
    /// It was said that this does not work.
    pub slowly: AtomicBool,
    pub tpms: Tpms,
    pub core_dumps: std::path::PathBuf,
    /// Dumps are written one after the other.
    pub dumping: tokio::sync::Mutex<()>,
    /// What an earlier toolstack began has ended.
    pub earlier: watch::Receiver<bool>,
    /// Turns to build a domain, given in the order they are asked for.
    pub turns: tokio::sync::Semaphore,
    /// Who waits for one, to be told when nobody wants the domain any more.
    pub waiting: Mutex<HashMap<String, oneshot::Sender<()>>>,
    pub events: broadcast::Sender<DomainEvent>,
    /// Somebody new listens, or a look is due for another reason.
    pub look: Notify,
    /// What was being worked at is not any more.
    pub idle: Notify,
    /// Counts how often some domain ended.
    pub ended: watch::Sender<u64>,
    /// Ends that were told, by domain number.
    pub told: Mutex<BTreeSet<u32>>,
    /// Who wants to know when a domain that is being built has come to be known to xenstore.
    pub awaited: Mutex<HashMap<String, oneshot::Sender<u32>>>,
    /// Numbers of domains that were built and have not gone on yet.
    pub numbers: Mutex<HashMap<String, u32>>,
    /// Domains that are being built, saved or ended by us.
    pub busy: Mutex<HashMap<String, usize>>,
}

/// Marks a domain as busy while it lives.
pub struct Busy<'a>(&'a Shared, String);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut busy = lock(&self.0.busy);
        if let Some(count) = busy.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&self.1);
                self.0.idle.notify_one();
            }
        }
    }
}

/// A lock whose holder may have panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Shared {
    /// Told whenever some domain ended.
    pub fn ends(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }

    /// Every domain but the control domain.
    pub async fn rows(&self) -> Result<Vec<Row>> {
        self.store.assert_answers().await?;
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

    /// As [`Shared::find`], for a domain that must be there.
    pub async fn need(&self, uuid: &str) -> Result<u32> {
        let found = self.find(uuid).await?;
        found.ok_or_else(|| Failure::internal(format!("there is no domain {uuid}")))
    }

    /// Waits for a turn to build a domain, until [`Shared::give_up`]; the turn ends when the answer is dropped.
    pub async fn turn(&self, uuid: &str) -> Result<SemaphorePermit<'_>> {
        let (tell, given_up) = oneshot::channel();
        lock(&self.waiting).insert(uuid.to_string(), tell);
        let turn = tokio::select! {
            turn = self.turns.acquire() => turn.map_err(|error| Failure::internal(error.to_string())),
            _ = given_up => Err(Failure::internal(format!("domain {uuid} is not wanted any more"))),
        };
        lock(&self.waiting).remove(uuid);
        turn
    }

    /// Ends the waiting for a turn.
    pub fn give_up(&self, uuid: &str) {
        if let Some(tell) = lock(&self.waiting).remove(uuid) {
            // It may have got its turn in this moment.
            let _ = tell.send(());
        }
    }

    /// Marks a domain as being worked at.
    pub fn busy(&self, uuid: &str) -> Busy<'_> {
        *lock(&self.busy).entry(uuid.to_string()).or_default() += 1;
        Busy(self, uuid.to_string())
    }

    /// We are at work on this domain.
    pub fn is_busy(&self, uuid: &str) -> bool {
        lock(&self.busy).contains_key(uuid)
    }

    /// Changes what is known of a domain.
    pub fn amend(&self, uuid: &str, change: impl FnOnce(&mut Record)) -> Result<()> {
        if let Some(mut record) = self.records.get(uuid)? {
            change(&mut record);
            self.records.put(&record)?;
        }
        Ok(())
    }

    /// Nobody says that its machine is not emulated.
    pub fn may_be_hvm(&self, uuid: &str) -> bool {
        !matches!(self.records.get(uuid), Ok(Some(record)) if record.spec.kind != DomainKind::Hvm)
    }

    /// Its machine is emulated.
    pub fn is_hvm(&self, uuid: &str) -> Result<bool> {
        Ok(self.records.get(uuid)?.is_some_and(|record| record.spec.kind == DomainKind::Hvm))
    }
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
