//! Whether it is known what runs on this host. A hypervisor that does not answer when the toolstack starts leaves that
//! open: what the records say is shown all the same, and what would ask the hypervisor is refused until it has answered.

use tokio::sync::watch;
use xapi_schema::{Result, errors};

/// What runs is known, unless a start could not find it out.
pub struct Known(watch::Sender<bool>);

impl Default for Known {
    fn default() -> Known {
        Known(watch::channel(true).0)
    }
}

impl Known {
    /// It is known from now on, or is not.
    pub fn set(&self, known: bool) {
        self.0.send_replace(known);
    }

    /// It is known.
    pub fn is(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is, or is not.
    pub async fn wait(&self, known: bool) {
        // The sender lives as long as we do.
        let _ = self.0.subscribe().wait_for(|now| *now == known).await;
    }

    /// # Errors
    /// HOST_STILL_BOOTING while it is not known.
    pub fn assert(&self) -> Result<()> {
        if self.is() { Ok(()) } else { Err(errors::HOST_STILL_BOOTING.bare()) }
    }
}
