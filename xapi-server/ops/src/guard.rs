//! The guard around operations on objects: marks them in `current_operations`, waits for what is under
//! way, and always takes its mark away again, however the work ends.
//!
//! Decides nothing itself: the rules are in `crate::rules`.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use xapi_schema::{
    ClassId, Failure, Ref, Result,
    classes::{self, Task, TaskAllowedOperations, Vdi, task},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{
    Cx,
    rules::{self, Asked, Guarded},
};

/// How long to wait for other operations to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Two hours, as most calls.
    Standard,
    /// Two minutes: marks of VBDs for a start, exports.
    Short,
    /// One more try within three seconds.
    Once,
}

impl Patience {
    fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Patience::Standard => 7_200,
            Patience::Short => 120,
            Patience::Once => 3,
        })
    }

    /// Longest pause between two looks; an object that ends an operation wakes all who wait.
    fn pause(self) -> Duration {
        Duration::from_secs(match self {
            Patience::Standard => 20,
            Patience::Short => 2,
            Patience::Once => 3,
        })
    }
}

/// A change to the records.
type Change = Arc<dyn Fn(&mut Tx) -> Result<()> + Send + Sync>;

/// A mark in `current_operations` that some work needs.
pub struct Claim {
    begin: Change,
    end: Change,
    /// What ends with it.
    also: Vec<Change>,
    patience: Patience,
    asks_hypervisor: bool,
}

impl Claim {
    /// A mark on an object.
    pub fn on<C: Guarded>(cx: &Cx, this: &Ref<C>, op: C::Op) -> Claim {
        Claim::one(cx, this, op, Asked::Guard, Patience::Standard)
    }

    /// As [`Claim::on`], with a choice of strictness and patience.
    pub fn one<C: Guarded>(cx: &Cx, this: &Ref<C>, op: C::Op, asked: Asked, patience: Patience) -> Claim {
        let (one, other) = (this.clone(), this.clone());
        let lists = (move |_: &Tx| Ok(vec![one.clone()]), move |_: &Tx| Ok(vec![other.clone()]));
        Claim::listed(cx, op, (asked, patience), lists.0, lists.1)
    }

    /// Marks on all objects of a list, or on none: who waits for one does not keep the others. The list is made when they are
    /// entered, and once more when they go; it may be longer then.
    pub fn each<C: Guarded>(
        cx: &Cx,
        op: C::Op,
        entered: impl Fn(&Tx) -> Result<Vec<Ref<C>>> + Send + Sync + 'static,
        left: impl Fn(&Tx) -> Result<Vec<Ref<C>>> + Send + Sync + 'static,
    ) -> Claim {
        Claim::listed(cx, op, (Asked::Guard, Patience::Short), entered, left)
    }

    fn listed<C: Guarded>(
        cx: &Cx,
        op: C::Op,
        (asked, patience): (Asked, Patience),
        entered: impl Fn(&Tx) -> Result<Vec<Ref<C>>> + Send + Sync + 'static,
        left: impl Fn(&Tx) -> Result<Vec<Ref<C>>> + Send + Sync + 'static,
    ) -> Claim {
        let (key, same) = (cx.task_key(), cx.task_key());
        let begin =
            move |tx: &mut Tx| entered(tx)?.iter().try_for_each(|this| mark(tx, this, op, asked, &key));
        let end = move |tx: &mut Tx| {
            // What the list hangs on may be gone, and its members with it.
            let all = left(tx).unwrap_or_default();
            let done: Vec<_> = all.iter().map(|this| unmark(tx, this, &same)).collect();
            done.into_iter().collect()
        };
        let asks_hypervisor = C::asks_hypervisor(op);
        Claim { begin: Arc::new(begin), end: Arc::new(end), also: Vec::new(), patience, asks_hypervisor }
    }

    /// With a change that is made together with the mark.
    pub fn begins(self, change: impl Fn(&mut Tx) -> Result<()> + Send + Sync + 'static) -> Claim {
        let first = self.begin;
        Claim { begin: Arc::new(move |tx| first(tx).and_then(|()| change(tx))), ..self }
    }

    /// With a change that is made when the mark goes, however the work ended.
    pub fn ends(mut self, change: impl Fn(&mut Tx) -> Result<()> + Send + Sync + 'static) -> Claim {
        self.also.push(Arc::new(change));
        self
    }
}

/// The marks of a piece of work. Each change has a way to the writer of records and back, and a start makes a dozen: so what can
/// be entered together is, and they all go in one change.
pub struct Marks {
    cx: Cx,
    held: Vec<Claim>,
}

impl Marks {
    /// None yet.
    pub fn of(cx: &Cx) -> Marks {
        Marks { cx: cx.clone(), held: Vec::new() }
    }

    /// Enters marks: all at once if nothing is in the way of any, else one after the other, waiting for others if need be.
    ///
    /// # Errors
    /// The rule that refuses one, TASK_CANCELLED [task], OTHER_OPERATION_IN_PROGRESS once patience ends, or HOST_STILL_BOOTING
    /// while it is not known what runs. Those entered by then stay until [`Marks::leave`].
    pub async fn enter(&mut self, claimed: Vec<Claim>) -> Result<()> {
        self.cx.check_cancelled()?;
        // What the toolstack does by itself comes before it is known, to find it out.
        if claimed.iter().any(|one| one.asks_hypervisor) && !self.cx.session.is_internal() {
            self.cx.xapi.known.assert()?;
        }
        let begins: Vec<Change> = claimed.iter().map(|one| one.begin.clone()).collect();
        let together = begins.len() > 1 && self.begin(begins).await.is_ok();
        for one in claimed {
            if !together {
                self.wait_for(&one).await?;
            }
            self.held.push(one);
        }
        Ok(())
    }

    async fn begin(&self, begins: Vec<Change>) -> Result<()> {
        let task = self.cx.task_ref().cloned();
        let all = move |tx: &mut Tx| {
            begins.iter().try_for_each(|begin| begin(tx))?;
            offer_cancel(tx, task.as_ref())
        };
        self.cx.commit(all).await
    }

    async fn wait_for(&self, claimed: &Claim) -> Result<()> {
        let cx = &self.cx;
        let began = tokio::time::Instant::now();
        let mut offered = false;
        loop {
            cx.check_cancelled()?;
            let woken = cx.xapi.work_done.notified();
            match self.begin(vec![claimed.begin.clone()]).await {
                Err(failure) if must_wait(&failure) && began.elapsed() < claimed.patience.limit() => {
                    let task = cx.task_ref().cloned().filter(|_| !std::mem::replace(&mut offered, true));
                    if let Some(task) = task {
                        cx.commit(move |tx| offer_cancel(tx, Some(&task))).await?;
                    }
                }
                done => return done,
            }
            tokio::select! {
                () = woken => {}
                () = cx.task.cancelled() => {}
                () = tokio::time::sleep(claimed.patience.pause()) => {}
            }
        }
    }

    /// Takes all marks away, last first, recomputes what is allowed and wakes who waits.
    pub async fn leave(self) {
        if self.held.is_empty() {
            return;
        }
        let alone: Vec<Change> = self.held.iter().rev().map(|claim| claim.end.clone()).collect();
        let all = self.held.into_iter().rev().flat_map(|claim| claim.also.into_iter().chain([claim.end]));
        let mut done = end(&self.cx, all.collect()).await;
        if done.is_err() {
            // Marks are kept in memory only: they can go where nothing can be written.
            done = end(&self.cx, alone).await;
        }
        if let Err(failure) = done {
            tracing::error!(%failure, "the marks of an operation could not be taken away");
        }
        self.cx.xapi.work_done.notify_waiters();
    }
}

async fn end(cx: &Cx, ends: Vec<Change>) -> Result<()> {
    cx.commit(move |tx| {
        for end in ends {
            // The others go even where one cannot.
            if let Err(failure) = end(tx) {
                tracing::error!(%failure, "what was to end with an operation did not");
            }
        }
        Ok(())
    })
    .await
}

fn unmark<C: Guarded>(tx: &mut Tx, this: &Ref<C>, key: &str) -> Result<()> {
    if !tx.exists(this) {
        return Ok(());
    }
    let mut current = tx.get(this, C::CURRENT)?;
    current.remove(key);
    tx.set(this, C::CURRENT, current)?;
    rules::refresh(tx, this)?;
    refresh_disk(tx, this)
}

/// A VBD's operations decide what its VDI offers.
fn refresh_disk<C: Guarded>(tx: &mut Tx, this: &Ref<C>) -> Result<()> {
    if C::ID == ClassId::Vbd {
        let disk: Ref<Vdi> = tx.get(&Ref::new(this.text().clone()), classes::vbd::VDI)?;
        rules::refresh(tx, &disk)?;
    }
    Ok(())
}

fn must_wait(failure: &Failure) -> bool {
    failure.is(&errors::OTHER_OPERATION_IN_PROGRESS)
}

/// A task that waits for its turn, or is at work, can be cancelled.
fn offer_cancel(tx: &mut Tx, task: Option<&Ref<Task>>) -> Result<()> {
    match task {
        Some(task) if tx.exists(task) => {
            tx.set(task, task::allowed_operations, vec![TaskAllowedOperations::Cancel])
        }
        _ => Ok(()),
    }
}

fn mark<C: Guarded>(tx: &mut Tx, this: &Ref<C>, op: C::Op, asked: Asked, key: &str) -> Result<()> {
    C::check(tx, this, op, asked)?;
    tx.update(this, C::CURRENT, |current| current.set(key.to_string(), op))?;
    rules::refresh(tx, this)?;
    refresh_disk(tx, this)
}

/// Runs work under a mark.
///
/// # Errors
/// Those of [`Marks::enter`] and of the work.
pub fn within<C: Guarded, T>(
    cx: &Cx,
    this: &Ref<C>,
    op: C::Op,
    work: impl Future<Output = Result<T>>,
) -> impl Future<Output = Result<T>> {
    within_as(cx, this, op, Asked::Guard, Patience::Standard, work)
}

/// As [`within`], with a choice of strictness and patience.
///
/// # Errors
/// Those of [`Marks::enter`] and of the work.
pub async fn within_as<C: Guarded, T>(
    cx: &Cx,
    this: &Ref<C>,
    op: C::Op,
    asked: Asked,
    patience: Patience,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let claimed = Claim::one(cx, this, op, asked, patience);
    under(cx, async |marks| {
        marks.enter(vec![claimed]).await?;
        work.await
    })
    .await
}

/// Runs work that enters marks as it needs them; they go when it has ended.
///
/// # Errors
/// Those of the work.
pub async fn under<T>(cx: &Cx, work: impl AsyncFnOnce(&mut Marks) -> Result<T>) -> Result<T> {
    let mut marks = Marks::of(cx);
    let outcome = caught(cx.task_key(), work(&mut marks)).await;
    marks.leave().await;
    outcome
}

/// A panic of the work is a failure of it. In a box: each layer would keep it twice, as what it was given and as what it waits
/// for, and a start with a few layers no longer fit on a thread's stack.
fn caught<T>(task: arcstr::ArcStr, work: impl Future<Output = Result<T>>) -> impl Future<Output = Result<T>> {
    AssertUnwindSafe(Box::pin(work)).catch_unwind().map(move |outcome| {
        outcome.unwrap_or_else(|_| {
            tracing::error!(%task, "an operation panicked");
            Err(crate::task::panicked())
        })
    })
}
