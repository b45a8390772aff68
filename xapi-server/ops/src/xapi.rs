//! [`Xapi`]: everything an operation can reach, made once at start.

use std::sync::Arc;

use xapi_backend::Backends;
use xapi_schema::{
    Ref, Result,
    classes::{Host, Pool, pool},
};
use xapi_store::{Read, Store};

use crate::{
    Clock, Outside, Registry, handlers,
    session::{PasswordCheck, Sessions},
    task::Tasks,
};

/// Choices of the administrator that operations depend on.
#[derive(Clone)]
pub struct Settings {
    /// API version to report: (major, minor).
    pub api_version: (i64, i64),
    /// Shared secret of the pool; members log in with it.
    pub pool_secret: String,
    /// Seconds a failed password login takes, at least.
    pub failed_login_delay: f64,
    /// Programs clients may call by name; none when `None`.
    pub plugins: Option<Arc<dyn Plugins>>,
    /// The certificate clients see, as PEM; empty without.
    pub certificate: String,
    /// The program around this toolstack.
    pub agent: Option<Arc<dyn Agent>>,
    /// The rows of storage drivers are a file's, and stay as it gives them.
    pub given_drivers: bool,
    /// Where disks are served to backup programs; nowhere when `None`.
    pub nbd: Option<NbdService>,
    /// The way to other machines; there is none when `None`.
    pub outside: Option<Arc<dyn Outside>>,
}

/// A server of disks, as clients are told of it. It shows the certificate of the settings.
#[derive(Debug, Clone)]
pub struct NbdService {
    /// TCP port.
    pub port: i64,
    /// The name in the certificate.
    pub subject: String,
}

/// The program around a toolstack.
pub trait Agent: Send + Sync {
    /// Ends it soon, to begin `again` or not.
    fn stop(&self, again: bool);
}

/// Programs of the administrator's that clients call by name.
pub trait Plugins: Send + Sync {
    /// Runs a function of a plug-in and answers what it printed.
    fn call(
        &self,
        plugin: &str,
        function: &str,
        args: Vec<(String, String)>,
    ) -> crate::BoxFuture<Result<String>>;
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            api_version: (2, 21),
            pool_secret: String::new(),
            failed_login_delay: 0.5,
            plugins: None,
            certificate: String::new(),
            agent: None,
            given_drivers: false,
            nbd: None,
            outside: None,
        }
    }
}

/// The toolstack: store, backends, sessions, tasks, and the functions behind the methods.
pub struct Xapi {
    /// Objects.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Choices of the administrator.
    pub settings: Settings,
    /// Who is logged in.
    pub sessions: Sessions,
    /// What is running.
    pub tasks: Tasks,
    /// Rung whenever an operation on an object ends.
    pub work_done: tokio::sync::Notify,
    /// Rung whenever disks may have left something to collect.
    pub garbage: tokio::sync::Notify,
    /// Hypervisor, storage, network, host.
    pub backends: Backends,
    /// What runs on this host is known.
    pub known: crate::known::Known,
    /// The last that was measured.
    pub sampler: crate::metrics::Sampler,
    /// Who may log in.
    pub passwords: Arc<dyn PasswordCheck>,
    /// This host.
    pub host: Ref<Host>,
    /// Functions by method.
    pub registry: Registry,
}

impl Xapi {
    /// Puts the parts together. The store must hold this host already.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        passwords: Arc<dyn PasswordCheck>,
        backends: Backends,
        settings: Settings,
        host: Ref<Host>,
    ) -> Arc<Xapi> {
        let mut registry = Registry::default();
        handlers::register(&mut registry);
        Arc::new(Xapi {
            store,
            clock,
            settings,
            sessions: Sessions::default(),
            tasks: Tasks::default(),
            work_done: tokio::sync::Notify::new(),
            garbage: tokio::sync::Notify::new(),
            backends,
            known: Default::default(),
            sampler: crate::metrics::Sampler::default(),
            passwords,
            host,
            registry,
        })
    }

    /// The one pool.
    ///
    /// # Errors
    /// INTERNAL_ERROR before first boot has made it.
    pub fn pool(&self) -> Result<Ref<Pool>> {
        let all = self.store.snapshot().all::<Pool>();
        all.into_iter().next().ok_or_else(|| xapi_schema::Failure::internal("there is no pool yet"))
    }

    /// The coordinator.
    ///
    /// # Errors
    /// As [`Xapi::pool`].
    pub fn coordinator(&self) -> Result<Ref<Host>> {
        self.store.snapshot().get(&self.pool()?, pool::master)
    }
}
