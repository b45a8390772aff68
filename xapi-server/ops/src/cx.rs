//! [`Cx`]: the context one call runs in.

use std::sync::Arc;

use xapi_schema::{
    Ref, Result,
    classes::{self, Host, Task},
};
use xapi_store::{Snapshot, Tx};

use crate::{
    Clock, Xapi,
    session::Session,
    task::{self, Running},
};

/// Who calls, under which task, and everything the operation can reach. Cheap to clone.
#[derive(Clone)]
pub struct Cx {
    /// The toolstack.
    pub xapi: Arc<Xapi>,
    /// Who calls.
    pub session: Arc<Session>,
    /// The task this call runs under.
    pub task: Arc<Running>,
}

impl Cx {
    /// The newest state of all objects.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.xapi.store.snapshot()
    }

    /// Changes objects; durable on return. The closure may fail and then nothing has changed.
    ///
    /// # Errors
    /// What the closure answers, or a failure of the disk.
    pub async fn commit<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tx) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.xapi.store.commit(change).await
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.xapi.clock
    }

    /// This host.
    pub fn host(&self) -> &Ref<Host> {
        &self.xapi.host
    }

    /// Reports how much of the work is done, 0 to 1.
    pub async fn progress(&self, done: f64) {
        if let Some(reference) = self.task.reference().cloned() {
            let done = done.clamp(0.0, 1.0);
            // A task that somebody destroyed meanwhile has nobody to report to.
            let _ = self.commit(move |tx| tx.set(&reference, classes::task::progress, done)).await;
        }
    }

    /// Fails when somebody asked for this task to stop; called between the steps of long work.
    ///
    /// # Errors
    /// TASK_CANCELLED [task].
    pub fn check_cancelled(&self) -> Result<()> {
        self.task.check_cancelled()
    }

    /// The reference `current_operations` of objects carry for this call.
    pub fn task_key(&self) -> arcstr::ArcStr {
        self.task.key()
    }

    /// The task record of this call, when it has one.
    pub fn task_ref(&self) -> Option<&Ref<Task>> {
        self.task.reference()
    }

    /// A context for work of the toolstack's own, without a record.
    pub fn internal(xapi: &Arc<Xapi>, name: &str) -> Cx {
        Cx { xapi: xapi.clone(), session: Session::internal(), task: Running::without_record(name) }
    }

    /// Runs work as a part of this task with a record of its own; it is cancelled with the whole.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn subtask<T, Fut>(&self, label: &str, work: impl FnOnce(Cx) -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<T>>,
    {
        self.check_cancelled()?;
        let new = task::NewTask {
            label: label.to_string(),
            subtask_of: self.task_ref().map(|reference| reference.to_string()),
            session: Some(self.session.reference.to_string()),
            ..task::NewTask::default()
        };
        let running = task::begin(&self.xapi, new).await?;
        let part = Cx { task: running.clone(), ..self.clone() };
        let outcome = {
            let work = work(part);
            tokio::pin!(work);
            tokio::select! {
                outcome = &mut work => outcome,
                () = self.task.cancelled() => {
                    running.cancel();
                    work.await
                }
            }
        };
        task::discard(&self.xapi, &running).await;
        outcome
    }
}
