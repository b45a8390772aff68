//! Tasks: what is running, for whom, how far, and how it ended.
//!
//! The record every client sees lives in the store (volatile); the way to reach the running work lives
//! here. Work learns of a cancel by asking between steps or by waiting for it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use arcstr::ArcStr;
use tokio::sync::Notify;
use xapi_schema::{
    DateTime, Failure, Map, Ref, Result, Value,
    classes::{self, Task, TaskAllowedOperations, TaskStatusType, task},
    errors,
};
use xapi_store::{Read, Tx};

use crate::{Cx, Registry, Xapi, session::Session};

/// Seconds a finished task is kept.
const KEEP_FINISHED: i64 = 3_900;
/// Seconds an unfinished task without progress is kept.
const KEEP_PENDING: i64 = 86_400;
/// Tasks kept at the most; the oldest finished go first.
const MOST: usize = 200;

/// Unfinished tasks one session may have; parts of a task are not counted.
const PENDING_PER_SESSION: usize = 1_000;

/// How keys of work without a record begin.
const WITHOUT_RECORD: &str = "DummyRef:";

/// Work under way.
#[derive(Debug)]
pub struct Running {
    reference: Option<Ref<Task>>,
    key: ArcStr,
    cancelled: AtomicBool,
    wake: Notify,
}

impl Running {
    /// Work without a record, as most short calls are.
    pub fn without_record(name: &str) -> Arc<Running> {
        let key = arcstr::format!("{WITHOUT_RECORD}|{}|{name}", uuid::Uuid::new_v4());
        Arc::new(Running { reference: None, key, cancelled: AtomicBool::new(false), wake: Notify::new() })
    }

    fn with_record(reference: Ref<Task>) -> Arc<Running> {
        let key = reference.text().clone();
        Arc::new(Running {
            reference: Some(reference),
            key,
            cancelled: AtomicBool::new(false),
            wake: Notify::new(),
        })
    }

    /// The record, when there is one.
    pub fn reference(&self) -> Option<&Ref<Task>> {
        self.reference.as_ref()
    }

    /// What `current_operations` of objects carry.
    pub fn key(&self) -> ArcStr {
        self.key.clone()
    }

    /// True once somebody asked it to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Fails once somebody asked it to stop.
    ///
    /// # Errors
    /// TASK_CANCELLED [task].
    pub fn check_cancelled(&self) -> Result<()> {
        if self.is_cancelled() { Err(errors::TASK_CANCELLED.with([self.key.as_str()])) } else { Ok(()) }
    }

    /// Waits until somebody asks it to stop; for `select!` beside work that can be dropped.
    pub async fn cancelled(&self) {
        loop {
            let wake = self.wake.notified();
            if self.is_cancelled() {
                return;
            }
            wake.await;
        }
    }

    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.wake.notify_waiters();
    }
}

/// All work under way that has a record.
#[derive(Default)]
pub struct Tasks {
    running: Mutex<HashMap<ArcStr, Arc<Running>>>,
}

impl Tasks {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ArcStr, Arc<Running>>> {
        self.running.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// What a new task record says.
#[derive(Debug, Clone, Default)]
pub struct NewTask {
    /// Name shown to people.
    pub label: String,
    /// Longer text.
    pub description: String,
    /// The task it is part of.
    pub subtask_of: Option<String>,
    /// Session it belongs to.
    pub session: Option<String>,
    /// Entries given by request headers.
    pub other_config: Vec<(String, String)>,
    /// The work can be stopped.
    pub cancellable: bool,
}

/// One client that never waits for its tasks must not fill the memory of all.
fn assert_room(tx: &Tx, new: &NewTask) -> Result<()> {
    let Some(session) = new.session.as_ref().filter(|_| new.subtask_of.is_none()) else { return Ok(()) };
    let Ok(tasks) = tx.get(&Ref::new(session.as_str()), classes::session::tasks) else { return Ok(()) };
    // Looking at each is needed only when there are many.
    if tasks.len() < PENDING_PER_SESSION {
        return Ok(());
    }
    let unfinished = |task: &&Ref<Task>| {
        let status = tx.get(*task, task::status);
        status.is_ok_and(|status| matches!(status, TaskStatusType::Pending | TaskStatusType::Cancelling))
    };
    if tasks.iter().filter(unfinished).count() < PENDING_PER_SESSION {
        return Ok(());
    }
    Err(errors::TOO_MANY_PENDING_TASKS.bare())
}

/// Writes a new pending task.
///
/// # Errors
/// TOO_MANY_PENDING_TASKS for a session that has a thousand.
fn create(tx: &mut Tx, new: &NewTask, host: &str, now: DateTime) -> Result<Ref<Task>> {
    assert_room(tx, new)?;
    let members = Value::map([
        ("name_label", Value::str(new.label.as_str())),
        ("name_description", Value::str(new.description.as_str())),
        ("allowed_operations", Value::set(new.cancellable.then(|| Value::str("cancel")))),
        ("created", Value::Time(now)),
        ("finished", Value::Time(DateTime::EPOCH)),
        ("status", Value::str("pending")),
        ("resident_on", Value::str(host)),
        ("type", Value::str("<none/>")),
        ("stunnelpid", Value::Int(-1)),
        ("externalpid", Value::Int(-1)),
        ("backtrace", Value::str("()")),
        ("subtask_of", Value::str(new.subtask_of.as_deref().unwrap_or("OpaqueRef:NULL"))),
        ("session", Value::str(new.session.as_deref().unwrap_or("OpaqueRef:NULL"))),
        (
            "other_config",
            Value::map(new.other_config.iter().map(|(k, v)| (k.as_str(), Value::str(v.as_str())))),
        ),
    ]);
    tx.create_value(classes::ClassId::Task, None, &members).map(Ref::new)
}

/// Begins work with a record of its own.
///
/// # Errors
/// A failure of the store.
pub async fn begin(xapi: &Arc<Xapi>, new: NewTask) -> Result<Arc<Running>> {
    let (host, now) = (xapi.host.clone(), xapi.clock.date());
    let reference = xapi.store.commit(move |tx| create(tx, &new, host.as_str(), now)).await?;
    let running = Running::with_record(reference);
    xapi.tasks.lock().insert(running.key(), running.clone());
    Ok(running)
}

/// Takes over a task a client made beforehand, as HTTP transfers do.
///
/// # Errors
/// HANDLE_INVALID for an unknown task.
pub async fn adopt(xapi: &Arc<Xapi>, reference: Ref<Task>) -> Result<Arc<Running>> {
    xapi.store.snapshot().record(&reference)?;
    let running = Running::with_record(reference);
    xapi.tasks.lock().insert(running.key(), running.clone());
    Ok(running)
}

/// Takes over a task a client made for a transfer: its progress says so. A cancel asked for before counts.
///
/// # Errors
/// HANDLE_INVALID for an unknown task, RBAC_PERMISSION_DENIED for somebody else's, INTERNAL_ERROR for one that has
/// ended.
pub async fn take_over(
    xapi: &Arc<Xapi>,
    session: &Arc<Session>,
    reference: Ref<Task>,
) -> Result<Arc<Running>> {
    let cx = Cx { xapi: xapi.clone(), session: session.clone(), task: Running::without_record("transfer") };
    assert_own(&cx, &reference)?;
    let target = reference.clone();
    let wishes = cx
        .commit(move |tx| {
            if tx.get(&target, task::status)? != TaskStatusType::Pending {
                return Err(Failure::internal("the task has ended already"));
            }
            tx.set(&target, task::progress, 0.0)?;
            tx.get(&target, task::current_operations)
        })
        .await?;
    let running = adopt(xapi, reference).await?;
    if wishes.0.iter().any(|(_, wish)| *wish == TaskAllowedOperations::Cancel) {
        running.cancel();
    }
    Ok(running)
}

/// Asks the work behind a key of `current_operations` to stop.
pub fn interrupt(xapi: &Xapi, key: &str) {
    let found = xapi.tasks.lock().get(key).cloned();
    if let Some(running) = found {
        running.cancel();
    }
}

/// The work behind a key of `current_operations` goes on. Work without a record has no other keys than these, and marks of it
/// do not outlive the process.
pub fn goes_on(xapi: &Xapi, key: &str) -> bool {
    key.starts_with(WITHOUT_RECORD) || xapi.tasks.lock().contains_key(key)
}

/// Writes how work ended.
pub async fn finish(xapi: &Arc<Xapi>, running: &Running, outcome: &Result<Value>) {
    xapi.tasks.lock().remove(&running.key());
    let Some(reference) = running.reference().cloned() else { return };
    let now = xapi.clock.date();
    let outcome = outcome.clone();
    let _ = xapi.store.commit(move |tx| complete(tx, &reference, &outcome, now)).await;
}

/// Only a task that is still pending or cancelling can end.
fn complete(tx: &mut Tx, reference: &Ref<Task>, outcome: &Result<Value>, now: DateTime) -> Result<()> {
    let status = tx.get(reference, task::status)?;
    if !matches!(status, TaskStatusType::Pending | TaskStatusType::Cancelling) {
        return Ok(());
    }
    tx.set(reference, task::allowed_operations, vec![])?;
    tx.set(reference, task::current_operations, Map::default())?;
    tx.set(reference, task::finished, now)?;
    tx.set(reference, task::progress, 1.0)?;
    match outcome {
        Ok(value) => {
            let void = *value == Value::EMPTY;
            tx.set(
                reference,
                task::result,
                if void { String::new() } else { xapi_codec::xml::value_text(value) },
            )?;
            tx.set(reference, task::status, TaskStatusType::Success)
        }
        Err(failure) => {
            tx.set(reference, task::error_info, failure.to_list())?;
            let cancelled = failure.is(&errors::TASK_CANCELLED);
            let status = if cancelled { TaskStatusType::Cancelled } else { TaskStatusType::Failure };
            tx.set(reference, task::status, status)
        }
    }
}

/// Removes the record of a call that was not asynchronous; nobody but events ever saw it.
pub async fn discard(xapi: &Arc<Xapi>, running: &Running) {
    xapi.tasks.lock().remove(&running.key());
    if let Some(reference) = running.reference().cloned() {
        let _ = xapi
            .store
            .commit(move |tx| if tx.exists(&reference) { tx.destroy(&reference) } else { Ok(()) })
            .await;
    }
}

/// Registers the methods of `task`.
pub fn register(on: &mut Registry) {
    on.on(task::call::create, create_by_client);
    on.on(task::call::destroy, destroy);
    on.on(task::call::cancel, cancel);
    on.on(task::call::set_status, set_status);
    on.on(task::call::set_progress, set_progress);
    on.on(task::call::set_result, set_result);
    on.on(task::call::set_error_info, set_error_info);
    on.on(task::call::set_other_config, set_other_config);
    on.on(task::call::add_to_other_config, add_to_other_config);
    on.on(task::call::remove_from_other_config, remove_from_other_config);
}

/// Other people's tasks need a right of their own.
fn assert_own(cx: &Cx, reference: &Ref<Task>) -> Result<()> {
    let snapshot = cx.snapshot();
    let owner = snapshot.get(reference, task::session)?;
    let any = xapi_schema::RoleSet::POOL_OP;
    let allowed =
        cx.session.superuser || cx.session.pool || cx.session.roles.iter().any(|role| any.contains(role));
    let own_user = || {
        let user = snapshot.get(&owner, classes::session::auth_user_sid);
        user.is_ok_and(|sid| !sid.is_empty() && sid == cx.session.sid)
    };
    if allowed || owner == cx.session.reference || own_user() {
        return Ok(());
    }
    Err(errors::RBAC_PERMISSION_DENIED.with(["task.destroy/any", "the task belongs to somebody else"]))
}

async fn create_by_client(cx: Cx, label: String, description: String) -> Result<Ref<Task>> {
    let session = Some(cx.session.reference.as_str().to_string());
    let new = NewTask { label, description, session, ..NewTask::default() };
    let (host, now) = (cx.host().clone(), cx.clock().date());
    cx.commit(move |tx| create(tx, &new, host.as_str(), now)).await
}

/// A pending task only notes the wish and goes once it is complete.
async fn destroy(cx: Cx, this: Ref<Task>) -> Result<()> {
    assert_own(&cx, &this)?;
    let (key, busy) = (cx.task_key(), cx.xapi.tasks.lock().contains_key(this.text()));
    cx.commit(move |tx| {
        if busy && tx.get(&this, task::status)? == TaskStatusType::Pending {
            let wish = Map(vec![(key.to_string(), TaskAllowedOperations::Destroy)]);
            return tx.set(&this, task::current_operations, wish);
        }
        tx.destroy(&this)
    })
    .await
}

async fn cancel(cx: Cx, this: Ref<Task>) -> Result<()> {
    assert_own(&cx, &this)?;
    let running = cx.xapi.tasks.lock().get(this.text()).cloned();
    let (key, target) = (cx.task_key(), this.clone());
    cx.commit(move |tx| {
        let wish = Map(vec![(key.to_string(), TaskAllowedOperations::Cancel)]);
        tx.set(&target, task::current_operations, wish)
    })
    .await?;
    if let Some(running) = running {
        running.cancel();
    }
    Ok(())
}

/// Only a task that is pending may be moved on by its owner.
async fn set_status(cx: Cx, this: Ref<Task>, status: TaskStatusType) -> Result<()> {
    assert_own(&cx, &this)?;
    cx.commit(move |tx| tx.set(&this, task::status, status)).await
}

async fn set_progress(cx: Cx, this: Ref<Task>, done: f64) -> Result<()> {
    assert_own(&cx, &this)?;
    cx.commit(move |tx| tx.set(&this, task::progress, done)).await
}

async fn set_result(cx: Cx, this: Ref<Task>, result: String) -> Result<()> {
    assert_own(&cx, &this)?;
    cx.commit(move |tx| tx.set(&this, task::result, result)).await
}

async fn set_error_info(cx: Cx, this: Ref<Task>, info: Vec<String>) -> Result<()> {
    assert_own(&cx, &this)?;
    cx.commit(move |tx| tx.set(&this, task::error_info, info)).await
}

async fn set_other_config(cx: Cx, this: Ref<Task>, value: Map<String, String>) -> Result<()> {
    assert_own(&cx, &this)?;
    cx.commit(move |tx| tx.set(&this, task::other_config, value)).await
}

async fn add_to_other_config(cx: Cx, this: Ref<Task>, key: String, value: String) -> Result<()> {
    assert_own(&cx, &this)?;
    cx.commit(move |tx| {
        let mut map = tx.get(&this, task::other_config)?;
        if map.contains(key.as_str()) {
            return Err(errors::MAP_DUPLICATE_KEY.with(["task", "other_config", this.as_str(), &key]));
        }
        map.set(key, value);
        tx.set(&this, task::other_config, map)
    })
    .await
}

async fn remove_from_other_config(cx: Cx, this: Ref<Task>, key: String) -> Result<()> {
    assert_own(&cx, &this)?;
    cx.commit(move |tx| {
        let mut map = tx.get(&this, task::other_config)?;
        map.remove(key.as_str());
        tx.set(&this, task::other_config, map)
    })
    .await
}

/// Removes tasks nobody will ask about again; called by the collector.
pub async fn collect(xapi: &Arc<Xapi>) {
    let snapshot = xapi.store.snapshot();
    let now = xapi.clock.date().unix();
    let running = |r: &Ref<Task>| xapi.tasks.lock().contains_key(r.text());
    let mut finished = Vec::new();
    let mut old = Vec::new();
    for reference in snapshot.all::<Task>() {
        let Ok(record) = snapshot.record(&reference) else { continue };
        let done = !matches!(record.get(task::status), TaskStatusType::Pending | TaskStatusType::Cancelling);
        if done {
            finished.push((record.get(task::finished).unix(), reference));
        } else if !running(&reference) && now - record.get(task::created).unix() > KEEP_PENDING {
            old.push(reference);
        }
    }
    finished.sort();
    let surplus = snapshot.count(classes::ClassId::Task).saturating_sub(MOST);
    let expired = finished.into_iter().enumerate();
    old.extend(
        expired.filter(|(at, (end, _))| *at < surplus || now - end > KEEP_FINISHED).map(|(_, (_, r))| r),
    );
    for reference in old {
        let _ = xapi.store.commit(move |tx| tx.destroy(&reference)).await;
    }
}

/// The failure of work that panicked; the text never reaches a client whole.
pub fn panicked() -> Failure {
    Failure::internal("the operation ended unexpectedly")
}
