//! [`HostControl`] of a Xen host, through `xl` and the system's own programs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use xapi_backend::{
    host::{HostControl, PowerAction},
    program::Program,
};
use xapi_schema::{Failure, Result};

use crate::Xl;

/// What `xl info` prints, by its own names.
pub type Info = BTreeMap<String, String>;

/// Reads what `xl info` prints.
pub fn info(text: &str) -> Info {
    let pair = |line: &str| {
        let (key, value) = line.split_once(':')?;
        Some((key.trim().to_string(), value.trim().to_string()))
    };
    text.lines().filter_map(pair).collect()
}

/// This host.
#[derive(Debug, Clone, Default)]
pub struct Host {
    xl: Xl,
}

impl Host {
    /// A host asked through this program.
    pub fn new(xl: Xl) -> Host {
        Host { xl }
    }

    /// What `xl info` says.
    ///
    /// # Errors
    /// Those of xl.
    pub async fn info(&self) -> Result<Info> {
        Ok(info(&self.xl.quick(&["info"]).await?))
    }
}

#[async_trait]
impl HostControl for Host {
    async fn power(&self, action: PowerAction) -> Result<()> {
        let word = match action {
            PowerAction::Shutdown => "poweroff",
            PowerAction::Reboot => "reboot",
        };
        Program::new(word).succeed().await.map(|_| ()).map_err(|e| Failure::internal(e.to_string()))
    }

    async fn dmesg(&self, clear: bool) -> Result<String> {
        self.xl.quick(if clear { &["dmesg", "-c"] } else { &["dmesg"] }).await
    }

    async fn log(&self) -> Result<String> {
        let lines = Program::new("journalctl").args(["-n", "1000", "--no-pager"]).succeed().await;
        lines.map_err(|e| Failure::internal(e.to_string()))
    }

    async fn memory_free(&self) -> Result<i64> {
        let info = self.info().await?;
        let mib: i64 = info.get("free_memory").and_then(|mib| mib.parse().ok()).unwrap_or(0);
        Ok(mib << 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_facts_are_read() {
        let info = info(
            "host                   : bed-b\ntotal_memory           : 2047\nxen_caps               : xen-3.0-x86_64 hvm-3.0-x86_32 \nversion                : #1 SMP: x\nend",
        );
        assert_eq!(info["total_memory"], "2047");
        assert_eq!(info["xen_caps"], "xen-3.0-x86_64 hvm-3.0-x86_32");
        assert_eq!(info["version"], "#1 SMP: x");
    }
}
