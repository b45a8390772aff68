//! [`Meter`]: how far work is that cannot wait for a commit, and whether it should stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use xapi_schema::{Result, errors};

use crate::{Cx, task::Running};

/// How often the task's record follows.
const TICK: Duration = Duration::from_secs(1);

/// Told by the work, read by the task's record once a second. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Meter {
    permille: Arc<AtomicU64>,
    task: Arc<Running>,
}

impl Meter {
    /// A meter for the task of a call.
    pub fn new(cx: &Cx) -> Meter {
        Meter { permille: Arc::default(), task: cx.task.clone() }
    }

    /// Notes that `part` (0 to 1) is done; `false` asks the work to stop.
    pub fn at(&self, part: f64) -> bool {
        self.permille.store((part.clamp(0.0, 1.0) * 1_000.0) as u64, Ordering::Relaxed);
        !self.task.is_cancelled()
    }

    /// Notes that `done` of `all` bytes are done.
    ///
    /// # Errors
    /// TASK_CANCELLED [task] when the work should stop.
    pub fn bytes(&self, done: u64, all: u64) -> Result<()> {
        let part = if all == 0 { 1.0 } else { done as f64 / all as f64 };
        if self.at(part) { Ok(()) } else { Err(errors::TASK_CANCELLED.with([self.task.key().as_str()])) }
    }

    /// Waits for work while the task's record follows the meter.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn follow<T>(&self, cx: &Cx, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::pin!(work);
        let mut tick = tokio::time::interval(TICK);
        tick.tick().await;
        loop {
            tokio::select! {
                outcome = &mut work => return outcome,
                _ = tick.tick() => {
                    cx.progress(self.permille.load(Ordering::Relaxed) as f64 / 1_000.0).await;
                }
            }
        }
    }
}
