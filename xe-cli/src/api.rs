//! What the command line needs of a server: calls within a session, and logging in.

use std::{future::Future, pin::Pin};

use xapi_schema::{Failure, Value};

/// A boxed future that can move between threads.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Calls inside one session.
pub trait Api: Send + Sync {
    /// Calls `Class.method` (or `Async.Class.method`) with these arguments; the session is implied.
    fn call<'a>(&'a self, method: &'a str, args: Vec<Value>) -> Boxed<'a, Result<Value, Failure>>;

    /// The session's reference, put into the paths of file transfers.
    fn session(&self) -> String;
}

/// How a session was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Name and password of a pool user.
    User {
        /// User name.
        name: String,
        /// Password.
        password: String,
    },
    /// Name and password of this host's own administrator, valid without a pool.
    Local {
        /// User name.
        name: String,
        /// Password.
        password: String,
    },
    /// A session that exists already and is not logged out afterwards.
    Session(String),
    /// The caller came through the host's own socket: root without a password.
    Superuser {
        /// A local session, as emergency commands need.
        local: bool,
    },
}

/// Opening and closing sessions.
pub trait Login: Send + Sync {
    /// Opens a session. `SESSION_AUTHENTICATION_FAILED` when the credentials are wrong.
    fn login<'a>(&'a self, credentials: Credentials) -> Boxed<'a, Result<Box<dyn Api>, Failure>>;

    /// Closes a session opened by [`Login::login`]; failures are nobody's business.
    fn logout<'a>(&'a self, api: &'a dyn Api) -> Boxed<'a, ()>;

    /// When this host is not the master: the master's address, else `None`.
    fn master(&self) -> Option<String> {
        None
    }
}
