//! [`HostControl`]: the machine itself.

use async_trait::async_trait;
use xapi_schema::Result;

/// What happens to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerAction {
    /// Off.
    Shutdown,
    /// Off and on again.
    Reboot,
}

/// The machine itself.
#[async_trait]
pub trait HostControl: Send + Sync + 'static {
    /// Shuts the machine down or restarts it; answers before it happens.
    async fn power(&self, action: PowerAction) -> Result<()>;
    /// Messages of the hypervisor.
    async fn dmesg(&self, clear: bool) -> Result<String>;
    /// The last lines of the system's log.
    async fn log(&self) -> Result<String>;
    /// Bytes of memory no domain uses.
    async fn memory_free(&self) -> Result<i64>;
}
