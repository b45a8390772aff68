//! Ending the daemon from within, and putting a fresh one in its place under the same process number.

use std::{os::unix::process::CommandExt, process::Command, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tokio::sync::watch;
use xapi_ops::Agent;

/// How long an answer has to reach its client.
const MOMENT: Duration = Duration::from_secs(1);

/// What operations hold of the program.
struct Handle(watch::Sender<Option<bool>>);

impl Agent for Handle {
    fn stop(&self, again: bool) {
        self.0.send_replace(Some(again));
    }
}

/// What the program waits for.
pub struct End(watch::Receiver<Option<bool>>);

impl End {
    /// Waits until the program shall end; true when it shall begin again.
    pub async fn wait(mut self) -> bool {
        let told = self.0.wait_for(Option::is_some).await.map(|told| *told);
        tokio::time::sleep(MOMENT).await;
        told.ok().flatten().unwrap_or(false)
    }
}

/// Both ends.
pub fn pair() -> (Arc<dyn Agent>, End) {
    let (sender, receiver) = watch::channel(None);
    (Arc::new(Handle(sender)), End(receiver))
}

/// Becomes a fresh daemon with the same arguments.
///
/// # Errors
/// When the program is not there any more.
pub fn replace() -> Result<()> {
    let program = std::env::current_exe()?;
    let error = Command::new(&program).args(std::env::args_os().skip(1)).exec();
    Err(error).with_context(|| program.display().to_string())
}
