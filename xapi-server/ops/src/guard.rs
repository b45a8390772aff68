//! The guard around operations on objects: marks them in `current_operations`, waits for what is under
//! way, and always takes its mark away again, however the work ends.
//!
//! Decides nothing itself: the rules are in `crate::rules`.

use std::{future::Future, panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt, future::join_all};
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

/// A mark in `current_operations`; [`Mark::leave`] takes it away.
pub struct Mark<C: Guarded> {
    cx: Cx,
    this: Ref<C>,
}

impl<C: Guarded> Mark<C> {
    /// Takes the mark away, recomputes what is allowed and wakes who waits.
    pub async fn leave(self) {
        self.leave_with(|_| Ok(())).await;
    }

    /// As [`Mark::leave`], with something that ends together with the mark; the mark goes even where that cannot be.
    async fn leave_with(self, end: impl FnOnce(&mut Tx) -> Result<()> + Send + 'static) {
        let (key, this) = (self.cx.task_key(), self.this);
        let done = self.cx.commit(move |tx| {
            if let Err(failure) = end(tx) {
                tracing::error!(%failure, "what was to end with an operation did not");
            }
            unmark(tx, &this, &key)
        });
        let done = done.await;
        if let Err(failure) = done {
            tracing::error!(%failure, "a mark of an operation could not be taken away");
        }
        self.cx.xapi.work_done.notify_waiters();
    }
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

/// Marks an object, waiting for others if need be.
///
/// # Errors
/// The rule that refuses it, TASK_CANCELLED [task], OTHER_OPERATION_IN_PROGRESS once patience ends, or HOST_STILL_BOOTING
/// while it is not known what runs.
pub async fn enter<C: Guarded>(
    cx: &Cx,
    this: &Ref<C>,
    op: C::Op,
    asked: Asked,
    patience: Patience,
) -> Result<Mark<C>> {
    enter_with(cx, this, op, asked, patience, |_| Ok(())).await
}

/// As [`enter`], with something that begins together with the mark.
async fn enter_with<C: Guarded>(
    cx: &Cx,
    this: &Ref<C>,
    op: C::Op,
    asked: Asked,
    patience: Patience,
    begin: impl Fn(&mut Tx) -> Result<()> + Clone + Send + 'static,
) -> Result<Mark<C>> {
    // What the toolstack does by itself comes before it is known, to find it out.
    if C::asks_hypervisor(op) && !cx.session.is_internal() {
        cx.xapi.known.assert()?;
    }
    let began = tokio::time::Instant::now();
    let mut offered = false;
    loop {
        cx.check_cancelled()?;
        let woken = cx.xapi.work_done.notified();
        let (target, key, task) = (this.clone(), cx.task_key(), cx.task_ref().cloned());
        let begin = begin.clone();
        let marked = cx.commit(move |tx| {
            mark(tx, &target, op, asked, &key)?;
            begin(tx)?;
            offer_cancel(tx, task.as_ref())
        });
        match marked.await {
            Ok(()) => return Ok(Mark { cx: cx.clone(), this: this.clone() }),
            Err(failure) if must_wait(&failure) && began.elapsed() < patience.limit() => {
                let task = cx.task_ref().cloned().filter(|_| !std::mem::replace(&mut offered, true));
                if let Some(task) = task {
                    cx.commit(move |tx| offer_cancel(tx, Some(&task))).await?;
                }
            }
            Err(failure) => return Err(failure),
        }
        tokio::select! {
            () = woken => {}
            () = cx.task.cancelled() => {}
            () = tokio::time::sleep(patience.pause()) => {}
        }
    }
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
/// Those of [`enter`] and of the work.
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
/// Those of [`enter`] and of the work.
pub async fn within_as<C: Guarded, T>(
    cx: &Cx,
    this: &Ref<C>,
    op: C::Op,
    asked: Asked,
    patience: Patience,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mark = enter(cx, this, op, asked, patience).await?;
    let outcome = caught(op, work).await;
    mark.leave().await;
    outcome
}

/// As [`within`], with a change that is made together with the mark, and one that is made when it goes, however the work
/// ended. A start does a dozen changes, and each has a way to the writer and back.
///
/// # Errors
/// Those of [`enter`], of `begin` and of the work.
pub async fn within_with<C: Guarded, T>(
    cx: &Cx,
    this: &Ref<C>,
    op: C::Op,
    begin: impl Fn(&mut Tx) -> Result<()> + Clone + Send + 'static,
    end: impl FnOnce(&mut Tx) -> Result<()> + Send + 'static,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mark = enter_with(cx, this, op, Asked::Guard, Patience::Standard, begin).await?;
    let outcome = caught(op, work).await;
    mark.leave_with(end).await;
    outcome
}

/// A panic of the work is a failure of it. In a box: each layer would keep it twice, as what it was given and as what it waits
/// for, and a start with a few layers no longer fit on a thread's stack.
fn caught<T>(
    op: impl std::fmt::Debug,
    work: impl Future<Output = Result<T>>,
) -> impl Future<Output = Result<T>> {
    AssertUnwindSafe(Box::pin(work)).catch_unwind().map(move |outcome| {
        outcome.unwrap_or_else(|_| {
            tracing::error!(?op, "an operation panicked");
            Err(crate::task::panicked())
        })
    })
}

/// Marks several objects of a class one after the other; the first failure takes all marks away.
///
/// # Errors
/// As [`enter`].
pub async fn enter_all<C: Guarded>(cx: &Cx, all: &[Ref<C>], op: C::Op) -> Result<Vec<Mark<C>>> {
    let mut marks = Vec::new();
    for this in all {
        match enter(cx, this, op, Asked::Guard, Patience::Short).await {
            Ok(mark) => marks.push(mark),
            Err(failure) => {
                leave_all(marks).await;
                return Err(failure);
            }
        }
    }
    Ok(marks)
}

/// Takes marks away, last first; the store makes one change of them all.
pub async fn leave_all<C: Guarded>(marks: Vec<Mark<C>>) {
    join_all(marks.into_iter().rev().map(Mark::leave)).await;
}
