//! Collecting what disks leave behind: each SR in turn, as a task people can follow and cancel. What may be collected
//! is the storage's decision; when, and how it is shown, is decided here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use xapi_schema::{
    Ref, Result, Value,
    classes::{Sr, StorageOperations, sr},
};
use xapi_store::Read;

use crate::{
    Cx, Xapi, guard,
    handlers::sr as repository,
    session::Session,
    task::{self, NewTask},
};

/// How often SRs are looked at unless there is a reason to do so at once.
const LOOKS: Duration = Duration::from_secs(30);
/// How often a task says how far it is.
const TELLS: Duration = Duration::from_secs(2);

/// Collects for as long as the toolstack runs.
pub async fn watch(xapi: Arc<Xapi>) {
    loop {
        // A scan and the end of a disk are reasons.
        let _ = tokio::time::timeout(LOOKS, xapi.garbage.notified()).await;
        // Before that, nobody has said which disks guests use.
        xapi.known.wait(true).await;
        round(&xapi).await;
    }
}

/// Looks at every SR of this host once. One at a time: merging is work for the disks that guests use too.
pub async fn round(xapi: &Arc<Xapi>) {
    let snapshot = xapi.store.snapshot();
    for this in snapshot.all::<Sr>() {
        let Ok((_, home)) = repository::plugged(&*snapshot, &this) else { continue };
        if home != xapi.host {
            continue;
        }
        if let Err(failure) = look(xapi, &this).await {
            tracing::warn!(%failure, sr = %this, "the garbage of an SR was not collected");
        }
    }
}

async fn look(xapi: &Arc<Xapi>, this: &Ref<Sr>) -> Result<()> {
    let snapshot = xapi.store.snapshot();
    let (uuid, name) = (snapshot.get(this, sr::uuid)?, snapshot.get(this, sr::name_label)?);
    if !xapi.backends.storage.has_garbage(&uuid).await? {
        return Ok(());
    }
    let new = NewTask {
        label: "Garbage Collection".into(),
        description: format!("Garbage collection of the storage repository {name}"),
        cancellable: true,
        ..NewTask::default()
    };
    let running = task::begin(xapi, new).await?;
    let cx = Cx { xapi: xapi.clone(), session: Session::internal(), task: running.clone() };
    let outcome = collect(&cx, &uuid).await;
    // Nodes that went have rows that must go; what was removed made room. Under the mark of a scan: a disk that is
    // being made or destroyed right now must not be taken for one without a row, or a row without a disk.
    let rows = guard::within(&cx, this, StorageOperations::Scan, repository::synchronise(&cx, this)).await;
    let ended = outcome.clone().and(rows).map(|()| Value::EMPTY);
    task::finish(xapi, &running, &ended).await;
    outcome
}

/// The work itself, telling how far it is and listening for a cancel.
async fn collect(cx: &Cx, sr: &str) -> Result<()> {
    let done = Arc::new(AtomicU64::new(0));
    let (seen, running) = (done.clone(), cx.task.clone());
    let progress = Box::new(move |part: f64| {
        seen.store((part * 1_000.0) as u64, Ordering::Relaxed);
        !running.is_cancelled()
    });
    let work = cx.xapi.backends.storage.collect_garbage(sr, progress);
    tokio::pin!(work);
    let mut tick = tokio::time::interval(TELLS);
    tick.tick().await;
    loop {
        tokio::select! {
            outcome = &mut work => {
                cx.check_cancelled()?;
                return outcome;
            }
            _ = tick.tick() => cx.progress(done.load(Ordering::Relaxed) as f64 / 1_000.0).await,
        }
    }
}
