//! [`Xapi`]: everything an operation can reach, made once at start.

use std::sync::Arc;

use xapi_schema::{
    Ref, Result,
    classes::{Host, Pool, pool},
};
use xapi_store::{Read, Store};

use crate::{
    Clock, Registry, handlers,
    session::{PasswordCheck, Sessions},
    task::Tasks,
};

/// Choices of the administrator that operations depend on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// API version to report: (major, minor).
    pub api_version: (i64, i64),
    /// Shared secret of the pool; members log in with it.
    pub pool_secret: String,
    /// Seconds a failed password login takes, at least.
    pub failed_login_delay: f64,
    /// Directory of plug-ins that `host.call_plugin` may run.
    pub plugin_dir: Option<std::path::PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            api_version: (2, 21),
            pool_secret: String::new(),
            failed_login_delay: 0.5,
            plugin_dir: None,
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
