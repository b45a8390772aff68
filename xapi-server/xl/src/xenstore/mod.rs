//! A client of xenstore over its socket or `/dev/xen/xenbus`: reads, writes, transactions, watches.
//!
//! It connects again when the daemon comes back, and tells every watch to look again then. Each request has a
//! deadline. It interprets nothing; what guests wrote is read only through [`Client::tree`], which has limits.

mod link;
mod tree;
pub mod wire;

use std::{
    collections::HashMap,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use tokio::sync::mpsc;

pub use tree::{Limits, Tree};

use link::{Link, Request};
use wire::Kind;

/// Why a request failed.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// xenstore refused, in its words: `ENOENT`, `EAGAIN`, `EACCES`...
    #[error("xenstore: {0}")]
    Refused(String),
    /// There is no connection.
    #[error("xenstore does not answer: {0}")]
    Gone(String),
    /// It did not answer in time.
    #[error("xenstore did not answer within {0} s")]
    Late(u64),
    /// A path or value that cannot be sent.
    #[error("xenstore cannot take {0:?}")]
    Senseless(String),
}

impl Error {
    /// There is no such node.
    pub fn is_absent(&self) -> bool {
        matches!(self, Error::Refused(code) if code == "ENOENT")
    }
}

/// What requests answer.
pub type Result<T> = std::result::Result<T, Error>;

impl From<Error> for xapi_schema::Failure {
    fn from(error: Error) -> xapi_schema::Failure {
        xapi_schema::Failure::internal(error.to_string())
    }
}

/// Places the daemon listens at; the first there is, is the one.
pub const PLACES: &[&str] = &["/run/xenstored/socket", "/var/run/xenstored/socket", "/dev/xen/xenbus"];

struct Watched {
    path: String,
    sender: mpsc::UnboundedSender<String>,
}

struct Shared {
    places: Vec<PathBuf>,
    deadline: Duration,
    link: tokio::sync::Mutex<Option<Arc<Link>>>,
    watches: Mutex<HashMap<String, Watched>>,
    next_token: std::sync::atomic::AtomicU64,
}

/// A connection that mends itself; clones share it.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

/// Changes at and below a path, until it is dropped. The first event comes at once.
pub struct Watch {
    token: String,
    path: String,
    events: mpsc::UnboundedReceiver<String>,
    shared: Weak<Shared>,
}

impl Watch {
    /// The path that changed. Repeated ones may be told once.
    pub async fn next(&mut self) -> Option<String> {
        self.events.recv().await
    }

    /// What else changed by now, so that one look can answer many events.
    pub fn drain(&mut self) {
        while self.events.try_recv().is_ok() {}
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        lock(&shared.watches).remove(&self.token);
        let (token, path) = (std::mem::take(&mut self.token), std::mem::take(&mut self.path));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let link = shared.link.lock().await.clone();
                if let Some(link) = link {
                    // A watch the daemon no longer knows is what was wanted.
                    let _ = link.request(Kind::Unwatch, 0, &[&path, &token], b"", shared.deadline).await;
                }
            });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Client {
    /// A client of the daemon at the first of `places` that is there. Nothing is opened yet.
    pub fn new(places: Vec<PathBuf>, deadline: Duration) -> Client {
        Client {
            shared: Arc::new(Shared {
                places,
                deadline,
                link: tokio::sync::Mutex::default(),
                watches: Mutex::default(),
                next_token: Default::default(),
            }),
        }
    }

    /// The daemon of this host.
    pub fn of_host() -> Client {
        Client::with_patience(Duration::from_secs(10))
    }

    /// The daemon of this host, which has so long to answer.
    pub fn with_patience(deadline: Duration) -> Client {
        Client::new(PLACES.iter().map(PathBuf::from).collect(), deadline)
    }

    /// The daemon is there and answers. To be asked before a child that would wait for it without end.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn assert_answers(&self) -> Result<()> {
        self.find("/local/domain/0/domid").await.map(|_| ())
    }

    async fn link(&self) -> Result<Arc<Link>> {
        let mut held = self.shared.link.lock().await;
        if let Some(link) = held.as_ref().filter(|link| !link.is_dead()) {
            return Ok(link.clone());
        }
        let link = Link::open(&self.shared.places).await?;
        let watches: Vec<(String, String)> =
            lock(&self.shared.watches).iter().map(|(t, w)| (t.clone(), w.path.clone())).collect();
        for (token, path) in watches {
            link.request(Kind::Watch, 0, &[&path, &token], b"", self.shared.deadline).await?;
        }
        tokio::spawn(deliver(Arc::downgrade(&self.shared), link.clone()));
        *held = Some(link.clone());
        Ok(link)
    }

    async fn request(&self, kind: Kind, texts: &[&str], raw: &[u8]) -> Result<Vec<u8>> {
        self.link().await?.request(kind, 0, texts, raw, self.shared.deadline).await
    }

    /// Value of a node.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn read(&self, path: &str) -> Result<String> {
        let bytes = self.request(Kind::Read, &[checked(path)?], b"").await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Value of a node, `None` when there is none.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn find(&self, path: &str) -> Result<Option<String>> {
        match self.read(path).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets a value.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn write(&self, path: &str, value: &str) -> Result<()> {
        fits(path, value)?;
        self.request(Kind::Write, &[checked(path)?], value.as_bytes()).await.map(|_| ())
    }

    /// Removes a node and what is below; one that is not there is fine.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn remove(&self, path: &str) -> Result<()> {
        match self.request(Kind::Rm, &[checked(path)?], b"").await {
            Err(error) if !error.is_absent() => Err(error),
            _ => Ok(()),
        }
    }

    /// Names below a node, however many; none when it is not there.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn directory(&self, path: &str) -> Result<Vec<String>> {
        match self.request(Kind::Directory, &[checked(path)?], b"").await {
            Ok(bytes) => Ok(wire::texts(&bytes)),
            Err(error) if error.is_absent() => Ok(Vec::new()),
            Err(Error::Refused(code)) if code == "E2BIG" => self.long_directory(path).await,
            Err(error) => Err(error),
        }
    }

    /// A list that does not fit into one message comes in parts, each with the number of the list's version.
    async fn long_directory(&self, path: &str) -> Result<Vec<String>> {
        'again: for _ in 0..8 {
            let (mut version, mut all) = (None, Vec::new());
            loop {
                let offset = all.len().to_string();
                let part = self.request(Kind::DirectoryPart, &[path, &offset], b"").await?;
                let Some(end) = part.iter().position(|byte| *byte == 0) else {
                    return Err(Error::Gone("a list without a version".into()));
                };
                let (stamp, names) = (part[..end].to_vec(), &part[end + 1..]);
                if version.get_or_insert_with(|| stamp.clone()) != &stamp {
                    continue 'again;
                }
                // The last part ends with an empty name.
                let last = names.is_empty() || names.ends_with(&[0, 0]) || names == [0];
                all.extend_from_slice(if last { names.strip_suffix(&[0]).unwrap_or(names) } else { names });
                if last {
                    return Ok(wire::texts(&all));
                }
            }
        }
        Err(Error::Refused("EAGAIN".into()))
    }

    /// A node the guest `domid` owns, others read nothing of; `readable` leaves it ours, for the guest to read.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn set_permissions(&self, path: &str, permissions: &[&str]) -> Result<()> {
        let mut texts = vec![checked(path)?];
        texts.extend_from_slice(permissions);
        self.request(Kind::SetPerms, &texts, b"").await.map(|_| ())
    }

    /// Tells of changes at and below a path, or of `@introduceDomain` and `@releaseDomain`.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn watch(&self, path: &str) -> Result<Watch> {
        let path = checked(path)?.to_string();
        let number = self.shared.next_token.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let token = format!("xapi-{number}");
        let (sender, events) = mpsc::unbounded_channel();
        // First the connection, so that it does not set the new watch by itself.
        let link = self.link().await?;
        lock(&self.shared.watches).insert(token.clone(), Watched { path: path.clone(), sender });
        let watch =
            Watch { token: token.clone(), path: path.clone(), events, shared: Arc::downgrade(&self.shared) };
        link.request(Kind::Watch, 0, &[&path, &token], b"", self.shared.deadline).await?;
        Ok(watch)
    }

    /// Writes, removals and permissions that become visible at once or not at all. It is tried again when
    /// somebody else was faster.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn commit(&self, changes: &[Change]) -> Result<()> {
        possible(changes)?;
        for _ in 0..16 {
            match self.attempt(changes).await {
                Err(Error::Refused(code)) if code == "EAGAIN" => {}
                other => return other,
            }
        }
        Err(Error::Refused("EAGAIN".into()))
    }

    /// As [`Client::commit`], without waiting for a transaction to begin and to end: for what nobody acts upon yet. After an
    /// error some of the changes may have been made.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn put(&self, changes: &[Change]) -> Result<()> {
        possible(changes)?;
        make(&*self.link().await?, 0, changes, self.shared.deadline).await
    }

    async fn attempt(&self, changes: &[Change]) -> Result<()> {
        let (link, deadline) = (self.link().await?, self.shared.deadline);
        let begun = link.request(Kind::TransactionStart, 0, &[""], b"", deadline).await?;
        let id = wire::texts(&begun).first().and_then(|text| text.parse().ok());
        let id: u32 = id.ok_or_else(|| Error::Gone("no number for a transaction".into()))?;
        let outcome = make(&link, id, changes, deadline).await;
        let word = if outcome.is_ok() { "T" } else { "F" };
        let ended = link.request(Kind::TransactionEnd, id, &[word], b"", deadline).await;
        outcome.and(ended.map(|_| ()))
    }
}

/// All changes can be sent.
fn possible(changes: &[Change]) -> Result<()> {
    for change in changes {
        checked(change.path())?;
        if let Change::Write(path, value) = change {
            fits(path, value)?;
        }
    }
    Ok(())
}

/// Makes changes; the first that fails is told, the others are made all the same.
async fn make(link: &Link, transaction: u32, changes: &[Change], deadline: Duration) -> Result<()> {
    let requests: Vec<Request> = changes.iter().map(Change::request).collect();
    let mut outcome = Ok(());
    for (done, change) in link.requests(transaction, &requests, deadline).await.into_iter().zip(changes) {
        match done {
            Err(error) if matches!(change, Change::Remove(_)) && error.is_absent() => {}
            Err(error) if outcome.is_ok() => outcome = Err(error),
            _ => {}
        }
    }
    outcome
}

/// One change of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Set a value.
    Write(String, String),
    /// Remove a node, if it is there.
    Remove(String),
    /// Set permissions: `n3` owner without others, `r3` read, `b3` both.
    Permit(String, Vec<String>),
}

impl Change {
    fn request(&self) -> Request<'_> {
        let mut texts = vec![self.path()];
        let (kind, raw) = match self {
            Change::Write(_, value) => (Kind::Write, value.as_bytes()),
            Change::Remove(_) => (Kind::Rm, &b""[..]),
            Change::Permit(_, permissions) => {
                texts.extend(permissions.iter().map(String::as_str));
                (Kind::SetPerms, &b""[..])
            }
        };
        Request { kind, texts, raw }
    }

    fn path(&self) -> &str {
        match self {
            Change::Write(path, _) | Change::Remove(path) | Change::Permit(path, _) => path,
        }
    }
}

fn checked(path: &str) -> Result<&str> {
    if wire::is_path(path) { Ok(path) } else { Err(Error::Senseless(path.chars().take(100).collect())) }
}

fn fits(path: &str, value: &str) -> Result<()> {
    let length = path.len() + 1 + value.len();
    if length <= wire::LONGEST { Ok(()) } else { Err(Error::Senseless(format!("{length} bytes for {path}"))) }
}

/// Hands events of a connection to their watches; when it ends, connects again for as long as somebody watches.
fn deliver(shared: Weak<Shared>, link: Arc<Link>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(hand_out(shared, link))
}

async fn hand_out(shared: Weak<Shared>, link: Arc<Link>) {
    while let Some((path, token)) = link.event().await {
        let Some(shared) = shared.upgrade() else { return };
        if let Some(watched) = lock(&shared.watches).get(&token) {
            let _ = watched.sender.send(path);
        }
    }
    loop {
        let Some(shared) = shared.upgrade() else { return };
        if lock(&shared.watches).is_empty() {
            return;
        }
        let client = Client { shared };
        match client.link().await {
            // Setting a watch makes it fire, so every watcher looks again.
            Ok(_) => return,
            Err(error) => tracing::warn!(%error, "xenstore is away; trying again"),
        }
        drop(client);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
