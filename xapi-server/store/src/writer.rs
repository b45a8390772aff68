//! [`Store`] and the single writer behind it.
//!
//! Changes wait in a bounded queue. The writer takes a batch, applies each to a working copy, makes the
//! persistent part durable in one flush, publishes, then answers. A change that fails or panics leaves
//! no trace and does not disturb its neighbours.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, mpsc},
    thread,
};

use arc_swap::ArcSwap;
use arcstr::ArcStr;
use tokio::sync::{oneshot, watch};
use xapi_schema::{Class, ClassId, Failure, Result};

use crate::{
    Read, STORE_BUSY, STORE_WRITE_FAILED, Snapshot, Tx, body,
    journal::{Batch, Change, Journal, JournalError, MemoryJournal, StoredRow},
    sqlite::SqliteJournal,
};

/// Changes that may wait for the writer.
const QUEUE: usize = 4_096;
/// Changes that share one flush.
const BATCH: usize = 256;
/// Generations reserved at a time, so that none repeats after a restart.
const RESERVE: u64 = 1 << 20;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The directory or the writer's thread.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// An object does not fit the schema.
    #[error("object {reference}: {reason}")]
    Object {
        /// Its reference.
        reference: String,
        /// What does not fit.
        reason: String,
    },
}

/// All objects. Cheap to clone; the writer stops when the last one goes.
#[derive(Clone)]
pub struct Store {
    current: Arc<ArcSwap<Snapshot>>,
    queue: mpsc::SyncSender<Box<dyn Job>>,
    published: watch::Receiver<u64>,
}

/// A change in the queue.
trait Job: Send {
    /// Applies it; `false` when it failed and must leave no trace.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Answers whoever waits. `durable` tells whether the batch could be written.
    fn answer(self: Box<Self>, durable: Result<()>);
}

struct Work<T, F> {
    change: Option<F>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&mut Tx) -> Result<T> + Send> Job for Work<T, F> {
    fn run(&mut self, tx: &mut Tx) -> bool {
        let Some(change) = self.change.take() else { return false };
        let outcome = catch_unwind(AssertUnwindSafe(|| change(tx)))
            .unwrap_or_else(|_| Err(Failure::internal("a change of the store ended unexpectedly")));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, durable: Result<()>) {
        let outcome = self.outcome.unwrap_or_else(|| Err(Failure::internal("the change was not made")));
        let _ = self.reply.send(outcome.and_then(|value| durable.map(|()| value)));
    }
}

impl Store {
    /// Opens the state in a directory, which is made if it is not there.
    ///
    /// # Errors
    /// See [`OpenError`]; the state is not touched then.
    pub fn open(dir: &Path) -> Result<Store, OpenError> {
        std::fs::create_dir_all(dir)?;
        let store = Store::on(Box::new(SqliteJournal::open(&dir.join("state.sqlite"))?))?;
        // SQLite flushes contents and the names of its logs; the file and the directory themselves may be
        // as new, and a power cut must not take them with all they hold.
        let dir = dir.canonicalize()?;
        for dir in dir.ancestors().take(2) {
            std::fs::File::open(dir)?.sync_all()?;
        }
        Ok(store)
    }

    /// A store that lives in memory only.
    ///
    /// # Errors
    /// [`OpenError::Io`] when no thread can be made.
    pub fn in_memory() -> Result<Store, OpenError> {
        Store::on(Box::new(MemoryJournal))
    }

    /// A store on any journal.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn on(mut journal: Box<dyn Journal>) -> Result<Store, OpenError> {
        let marks = journal.marks()?;
        let start = marks.reserved.max(1);
        let reserved = start + RESERVE;
        journal.reserve(reserved)?;
        let (snapshot, serial) = restore(&mut *journal, start)?;
        let current = Arc::new(ArcSwap::from_pointee(snapshot));
        let (queue, jobs) = mpsc::sync_channel(QUEUE);
        let (publisher, published) = watch::channel(current.load().generation);
        let mut writer = Writer {
            journal,
            current: current.clone(),
            publisher,
            serial,
            reserved,
            epoch: marks.epoch,
            sick: false,
        };
        thread::Builder::new().name("store-writer".into()).spawn(move || writer.work(&jobs))?;
        Ok(Store { current, queue, published })
    }

    /// The newest state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Tells each time something newer is published.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.published.clone()
    }

    /// Makes a change; durable on `Ok` when anything persistent changed. An `Err` of the closure undoes
    /// what it did.
    ///
    /// # Errors
    /// What the closure answers, XENNIX_STORE_BUSY, XENNIX_STORE_WRITE_FAILED [reason].
    pub async fn commit<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.submit(change)?.await.unwrap_or_else(|_| Err(Failure::internal("the store has stopped")))
    }

    /// As [`Store::commit`], for threads that may block.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn commit_blocking<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.submit(change)?
            .blocking_recv()
            .unwrap_or_else(|_| Err(Failure::internal("the store has stopped")))
    }

    fn submit<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx) -> Result<T> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T>>> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work { change: Some(change), outcome: None, reply });
        match self.queue.try_send(job) {
            Ok(()) => Ok(answer),
            Err(mpsc::TrySendError::Full(_)) => {
                Err(Failure::new(STORE_BUSY, ["too many changes wait for the disk"]))
            }
            Err(mpsc::TrySendError::Disconnected(_)) => Err(Failure::internal("the store has stopped")),
        }
    }
}

/// The state a journal holds, with back-references built and everything at one generation.
fn restore(journal: &mut dyn Journal, generation: u64) -> Result<(Snapshot, u64), OpenError> {
    let empty = Snapshot::empty(generation);
    let mut tx = Tx::on(&empty, 1);
    let (mut restored, mut refused) = (BTreeMap::<ClassId, Vec<ArcStr>>::new(), None);
    journal.load(&mut |row| {
        if refused.is_none() {
            match restore_row(&mut tx, &row) {
                Ok((class, made)) => restored.entry(class).or_default().push(made),
                Err(reason) => refused = Some(OpenError::Object { reference: row.reference, reason }),
            }
        }
    })?;
    if let Some(refused) = refused {
        return Err(refused);
    }
    // Only now that every object is there can the sets at the other ends be built.
    for (class, made) in restored {
        tx.link(class, &made);
    }
    Ok(match tx.finish() {
        // A restart is a new beginning: older tokens can't be answered completely.
        Some((snapshot, serial, _)) => (Snapshot { floor: snapshot.generation, ..snapshot }, serial),
        None => (empty, 1),
    })
}

/// One object as it was stored, not yet tied to others.
fn restore_row(tx: &mut Tx, row: &StoredRow) -> Result<(ClassId, ArcStr), String> {
    let class = Class::by_name(&row.class).ok_or_else(|| format!("class {} is not known", row.class))?;
    let (values, aside) = body::decode(class, &row.body)?;
    let reference = ArcStr::from(row.reference.as_str());
    let made = tx.insert(class.id, Some(reference), values, aside.map(Arc::new));
    made.map(|made| (class.id, made)).map_err(|e| e.to_string())
}

struct Writer {
    journal: Box<dyn Journal>,
    current: Arc<ArcSwap<Snapshot>>,
    publisher: watch::Sender<u64>,
    serial: u64,
    reserved: u64,
    epoch: u64,
    /// The last flush failed: take changes one by one, so that those that need no disk still succeed.
    sick: bool,
}

impl Writer {
    fn work(&mut self, jobs: &mpsc::Receiver<Box<dyn Job>>) {
        while let Ok(first) = jobs.recv() {
            let most = if self.sick { 1 } else { BATCH };
            let mut batch = vec![first];
            while batch.len() < most
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
            }
            let durable = self.apply(&mut batch);
            batch.into_iter().for_each(|job| job.answer(durable.clone()));
        }
    }

    /// Applies a batch and publishes it, or leaves everything as it was.
    fn apply(&mut self, batch: &mut [Box<dyn Job>]) -> Result<()> {
        let before = self.current.load_full();
        let mut state = Snapshot::clone(&before);
        let mut serial = self.serial;
        let mut dirty: BTreeSet<(ClassId, ArcStr)> = BTreeSet::new();
        for job in batch {
            let mut tx = Tx::on(&state, serial);
            if job.run(&mut tx)
                && let Some((after, next, touched)) = tx.finish()
            {
                (state, serial) = (after, next);
                dirty.extend(touched);
            }
        }
        if state.generation == before.generation {
            return Ok(());
        }
        if let Err(error) = self.write(&state, dirty) {
            tracing::error!(%error, "the state could not be written");
            self.sick = true;
            return Err(Failure::new(STORE_WRITE_FAILED, [error.to_string()]));
        }
        self.serial = serial;
        let generation = state.generation;
        self.current.store(Arc::new(state));
        self.publisher.send_replace(generation);
        Ok(())
    }

    fn write(&mut self, state: &Snapshot, dirty: BTreeSet<(ClassId, ArcStr)>) -> Result<(), JournalError> {
        if state.generation >= self.reserved {
            self.journal.reserve(state.generation + RESERVE)?;
            self.reserved = state.generation + RESERVE;
        }
        if dirty.is_empty() {
            return Ok(());
        }
        let changes = dirty.into_iter().map(|(class, reference)| {
            let row = state.row(class, &reference);
            let body = row.map(|row| body::encode(&row.record, row.aside.as_deref()));
            Change { class, reference, body }
        });
        let batch = Batch { generation: state.generation, epoch: self.epoch, changes: changes.collect() };
        self.journal.append(&batch)?;
        self.sick = false;
        Ok(())
    }
}
