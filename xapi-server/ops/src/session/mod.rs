//! Sessions: who is logged in, with which rights.
//!
//! The record every client sees lives in the store (volatile); rights live here beside it, so that a
//! check costs one map look-up. A session is valid exactly while its record exists.

mod alert;
mod directory;
mod guard;
mod limits;
mod login;
pub mod methods;
mod rights;

pub use directory::{Directory, Entry, unresolved};
pub use guard::{Backoff, Principal};
pub use login::{
    Grant, LoginRequest, PasswordCheck, Refusal, WRONG, close, joined, login, open_driver, open_local,
    open_pool, parse_pool_secret, revalidate,
};
pub use rights::{check, replaced_field};

use std::{
    collections::HashMap,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use xapi_schema::{NULL_REF, Ref, RoleSet, classes};

/// What is known of a logged-in caller.
#[derive(Debug, Clone)]
pub struct Session {
    /// The reference the client sends; a secret.
    pub reference: Ref<classes::Session>,
    /// Passes every check.
    pub superuser: bool,
    /// A member of the pool speaks.
    pub pool: bool,
    /// Roles of the subject; empty for superusers, who need none.
    pub roles: RoleSet,
    /// Login name.
    pub user: String,
    /// Free text the client gave.
    pub originator: String,
    /// Subject identifier, empty for local users.
    pub sid: String,
    /// Subject identifiers of the user's groups.
    pub groups: Vec<String>,
    /// A storage driver at work on this SR speaks, which alone may write what only drivers know.
    pub driver_of: Option<Ref<classes::Sr>>,
}

impl Session {
    /// The toolstack itself.
    pub fn internal() -> Arc<Session> {
        Arc::new(Session {
            reference: Ref::new(NULL_REF),
            superuser: true,
            pool: true,
            roles: RoleSet::NOBODY,
            user: String::new(),
            originator: "xapi".into(),
            sid: String::new(),
            groups: Vec::new(),
            driver_of: None,
        })
    }

    /// The toolstack itself and no client.
    pub fn is_internal(&self) -> bool {
        self.reference.as_str() == NULL_REF
    }

    /// True for a session of this user or of a member of this group.
    pub fn is_of(&self, sid: &str) -> bool {
        !self.superuser && (self.sid == sid || self.groups.iter().any(|group| group == sid))
    }

    /// A short name of this session for logs that can't be used to act as it.
    pub fn track_id(&self) -> String {
        use md5::{Digest, Md5};
        let digest = Md5::digest(self.reference.as_str().as_bytes());
        uuid::Uuid::from_bytes(digest.into()).simple().to_string()
    }
}

/// Passwords looked at at a time: from sources nothing is held against, and from those that guess.
const LANES: [usize; 2] = [4, 1];

/// All logged-in callers by reference.
pub struct Sessions {
    open: RwLock<HashMap<arcstr::ArcStr, Arc<Session>>>,
    /// Failed logins.
    pub backoff: Backoff,
    /// What administrators are told of failed logins.
    pub(crate) failed: alert::FailedLogins,
    lanes: [tokio::sync::Semaphore; 2],
    came: AtomicU64,
}

impl Default for Sessions {
    fn default() -> Self {
        Sessions {
            open: RwLock::default(),
            backoff: Backoff::default(),
            failed: alert::FailedLogins::default(),
            lanes: LANES.map(tokio::sync::Semaphore::new),
            came: AtomicU64::new(0),
        }
    }
}

impl Sessions {
    /// Where a login waits for its turn, so that those who guess hold up nobody but themselves.
    fn lane(&self, peer: &crate::Peer, now: f64) -> &tokio::sync::Semaphore {
        &self.lanes[usize::from(self.backoff.is_suspect(peer, now))]
    }

    /// The session of a reference.
    pub fn get(&self, reference: &str) -> Option<Arc<Session>> {
        self.open.read().unwrap_or_else(|e| e.into_inner()).get(reference).cloned()
    }

    fn insert(&self, session: Arc<Session>) {
        let mut open = self.open.write().unwrap_or_else(|e| e.into_inner());
        open.insert(session.reference.text().clone(), session);
    }

    fn remove(&self, reference: &str) -> Option<Arc<Session>> {
        self.open.write().unwrap_or_else(|e| e.into_inner()).remove(reference)
    }

    /// How often somebody was seen to come over the network, whose session may be over by now: who waits for that asks
    /// whether it is still as it was.
    pub fn came(&self) -> u64 {
        self.came.load(Ordering::Acquire)
    }

    fn note_came(&self, peer: &crate::Peer) {
        if !peer.is_local() {
            self.came.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Every open session.
    pub fn all(&self) -> Vec<Arc<Session>> {
        self.open.read().unwrap_or_else(|e| e.into_inner()).values().cloned().collect()
    }
}
