//! The simulated machine: it has no power switch and says so.

use async_trait::async_trait;
use xapi_schema::{Failure, Result};

use crate::host::{HostControl, PowerAction};

pub struct Machine {
    memory: i64,
}

impl Machine {
    pub fn new(memory: i64) -> Machine {
        Machine { memory }
    }
}

#[async_trait]
impl HostControl for Machine {
    async fn power(&self, action: PowerAction) -> Result<()> {
        Err(Failure::internal(format!("{action:?}: the simulated host has no power switch")))
    }

    async fn dmesg(&self, _: bool) -> Result<String> {
        Ok("(XEN) simulated host\n".into())
    }

    async fn log(&self) -> Result<String> {
        Ok(String::new())
    }

    async fn memory_free(&self) -> Result<i64> {
        Ok(self.memory)
    }
}
