//! The simulated machine: switched off, all its domains are gone, and only the process that plays it is left.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use xapi_schema::{Failure, Result};

use super::{Faults, domains::Domains};
use crate::{
    Hypervisor,
    host::{CrashDump, Devices, Ends, HostControl, PowerAction},
};

pub struct Machine {
    memory: i64,
    domains: Arc<Domains>,
    faults: Arc<Faults>,
    devices: Mutex<Option<Devices>>,
    crash_dumps: Mutex<Option<Vec<CrashDump>>>,
    power: Mutex<Vec<PowerAction>>,
}

fn lock<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(|e| e.into_inner())
}

impl Machine {
    pub fn new(machine: &super::Machine, domains: Arc<Domains>, faults: Arc<Faults>) -> Machine {
        Machine {
            memory: machine.memory,
            domains,
            faults,
            devices: Mutex::new(machine.devices.clone()),
            crash_dumps: Mutex::new(machine.crash_dumps.clone()),
            power: Mutex::default(),
        }
    }

    pub fn plug(&self, devices: Devices) {
        *lock(&self.devices) = Some(devices);
    }

    pub fn power_actions(&self) -> Vec<PowerAction> {
        lock(&self.power).clone()
    }
}

#[async_trait]
impl HostControl for Machine {
    async fn power(&self, action: PowerAction) -> Result<Ends> {
        self.faults.check("power")?;
        for domain in self.domains.domains().await? {
            self.domains.destroy(&domain.uuid).await?;
        }
        lock(&self.power).push(action);
        Ok(Ends::Process)
    }

    async fn dmesg(&self, _: bool) -> Result<String> {
        Ok("(XEN) simulated host\n".into())
    }

    async fn log(&self) -> Result<String> {
        Ok(String::new())
    }

    async fn memory_free(&self) -> Result<i64> {
        let used: i64 = self.domains.domains().await?.iter().map(|domain| domain.memory).sum();
        Ok((self.memory - used).max(0))
    }

    async fn devices(&self) -> Result<Option<Devices>> {
        self.faults.check("devices")?;
        Ok(lock(&self.devices).clone())
    }

    async fn crash_dumps(&self) -> Result<Option<Vec<CrashDump>>> {
        Ok(lock(&self.crash_dumps).clone())
    }

    async fn remove_crash_dump(&self, name: &str) -> Result<()> {
        self.faults.check("remove_crash_dump")?;
        match &mut *lock(&self.crash_dumps) {
            Some(all) => {
                all.retain(|dump| dump.name != name);
                Ok(())
            }
            None => Err(Failure::internal(format!("{name}: there are no dumps here"))),
        }
    }
}
