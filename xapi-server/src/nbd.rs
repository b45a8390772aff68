//! Disks for backup programs over NBD: read-only, for callers with a session, on networks whose purpose says so, inside
//! TLS where it says that. One thread a client; the protocol is the disk engine's. Never writes.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio::{net::TcpListener, runtime::Handle, sync::Semaphore};
use xapi_ops::{
    Cx, Xapi,
    session::Session,
    task::Running,
    transfer::{Hold, lend, nbd_purpose},
};
use xapi_schema::{
    ClassId, Ref, Result, RoleSet,
    classes::{NetworkPurpose, Vdi},
    errors,
};
use xapi_store::Read as _;
use xennix_disk::{
    image::Image,
    nbd::{
        export::Export,
        handshake::{Exports, Outcome, Security, negotiate, resume},
        session::transmit,
    },
};

/// Clients at a time.
const CLIENTS: usize = 16;
/// Disks one client may ask about.
const DISKS: usize = 8;
/// Longest a client may be silent: during the handshake, and between two requests.
const HANDSHAKE: Duration = Duration::from_secs(60);
const SILENCE: Duration = Duration::from_secs(60 * 60);

/// Serves until the listener fails for good.
pub async fn serve(xapi: Arc<Xapi>, listener: TcpListener, tls: Arc<ServerConfig>) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a client of disks could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(security) = security(&xapi, &stream) else {
            tracing::info!(%peer, "no network that offers disks");
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::warn!(%peer, "too many clients of disks");
            continue;
        };
        let (xapi, tls) = (xapi.clone(), tls.clone());
        let Ok(stream) = stream.into_std() else { continue };
        tokio::task::spawn_blocking(move || {
            if let Err(error) = client(&xapi, &stream, tls, security, peer) {
                tracing::debug!(%peer, %error, "a client of disks ended early");
            }
            drop(place);
        });
    }
}

/// What is offered where the client came in.
fn security(xapi: &Xapi, stream: &tokio::net::TcpStream) -> Option<Security> {
    let address = stream.local_addr().ok()?.ip().to_canonical();
    match nbd_purpose(&*xapi.store.snapshot(), &xapi.host, address)? {
        NetworkPurpose::Nbd => Some(Security::Required),
        NetworkPurpose::InsecureNbd => Some(Security::Optional),
    }
}

/// Both directions of one stream, for who wants them apart. Used by one thread in turns.
struct Shared<S>(Rc<RefCell<S>>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<S: Read> Read for Shared<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }
}

impl<S: Write> Write for Shared<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

fn client(
    xapi: &Arc<Xapi>,
    stream: &TcpStream,
    tls: Arc<ServerConfig>,
    security: Security,
    peer: SocketAddr,
) -> xennix_disk::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(HANDSHAKE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let counter = Counter { xapi: xapi.clone(), handle: Handle::current(), lent: Mutex::default() };
    let outcome = talk(stream, tls, security, &counter);
    let lent = std::mem::take(&mut *counter.lent.lock().unwrap_or_else(PoisonError::into_inner));
    for Lent { export, hold, .. } in lent {
        drop(export);
        counter.handle.block_on(hold.release());
    }
    tracing::info!(%peer, "a client of disks has gone");
    outcome
}

fn talk(
    stream: &TcpStream,
    tls: Arc<ServerConfig>,
    security: Security,
    counter: &Counter,
) -> xennix_disk::Result<()> {
    let (mut input, mut output) = (stream, stream);
    match negotiate(&mut input, &mut output, counter, security)? {
        Outcome::Leave => Ok(()),
        Outcome::Serve(agreed) => {
            stream.set_read_timeout(Some(SILENCE))?;
            transmit(&mut io::BufReader::with_capacity(64 << 10, input), &mut output, &agreed)
        }
        Outcome::Secure(greeted) => {
            let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
            let inside = Shared(Rc::new(RefCell::new(StreamOwned::new(connection, stream))));
            let (mut input, mut output) = (inside.clone(), inside);
            let Outcome::Serve(agreed) = resume(&mut input, &mut output, counter, greeted)? else {
                return Ok(());
            };
            stream.set_read_timeout(Some(SILENCE))?;
            transmit(&mut io::BufReader::with_capacity(64 << 10, input), &mut output, &agreed)
        }
    }
}

/// A disk a client asked for.
struct Lent {
    name: String,
    export: Arc<Export>,
    hold: Hold,
}

/// Where one client asks for disks.
struct Counter {
    xapi: Arc<Xapi>,
    handle: Handle,
    lent: Mutex<Vec<Lent>>,
}

/// The parts of a name: `/<uuid>?session_id=<session>[&base=<uuid>]`.
fn parse(name: &str) -> Option<(&str, String, Option<String>)> {
    let (uuid, query) = name.strip_prefix('/').unwrap_or(name).split_once('?')?;
    let pairs = xapi_http::query(query);
    let value = |key: &str| pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
    Some((uuid, value("session_id")?, value("base")))
}

/// Whoever may ask where a disk is served may read it.
fn assert_role(session: &Session) -> Result<()> {
    let held = session.superuser
        || session.pool
        || session.roles.iter().any(|role| RoleSet::VM_ADMIN.contains(role));
    if held { Ok(()) } else { Err(errors::RBAC_PERMISSION_DENIED.with(["vdi.get_nbd_info", ""])) }
}

impl Counter {
    fn lend(&self, name: &str) -> Result<Lent> {
        let (uuid, session, base) = parse(name).ok_or_else(|| errors::SESSION_INVALID.with([""]))?;
        let session = self.xapi.sessions.get(&session).ok_or_else(|| errors::SESSION_INVALID.with([""]))?;
        assert_role(&session)?;
        let task = Running::without_record("nbd");
        let cx = Cx { xapi: self.xapi.clone(), session, task };
        let snapshot = cx.snapshot();
        let disk = |uuid: &str| {
            let row = snapshot.by_uuid(ClassId::Vdi, uuid);
            let row = row.ok_or_else(|| errors::UUID_INVALID.with(["VDI", uuid]))?;
            Ok::<Ref<Vdi>, xapi_schema::Failure>(Ref::new(row.reference.clone()))
        };
        let (this, base) =
            (disk(uuid)?, base.as_deref().map(|base| disk(base).map(|found| (base, found))).transpose()?);
        let loan = self.handle.block_on(lend(&cx, &this, base.as_ref().map(|(_, base)| base)))?;
        let (source, changes, hold) = loan.split();
        let mut source = Some(source);
        let opener = Box::new(move || source.take().map(Image::Foreign).ok_or(xennix_disk::Error::Stopped));
        let export = match Export::new(name, true, opener) {
            Ok(export) => export,
            Err(error) => {
                self.handle.block_on(hold.release());
                return Err(errors::VDI_IO_ERROR.with([error.to_string()]));
            }
        };
        let export = match (base, changes) {
            (Some((base, _)), Some(log)) => export.with_changes(base, log),
            _ => export,
        };
        Ok(Lent { name: name.to_string(), export: Arc::new(export), hold })
    }
}

impl Exports for Counter {
    fn find(&self, name: &str) -> Option<Arc<Export>> {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lent.iter().find(|known| known.name == name) {
            return Some(known.export.clone());
        }
        if lent.len() >= DISKS {
            return None;
        }
        match self.lend(name) {
            Ok(fresh) => {
                let export = fresh.export.clone();
                lent.push(fresh);
                Some(export)
            }
            Err(failure) => {
                // The name holds a session, so it never stands in a log.
                tracing::info!(%failure, "a disk is not lent");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hold_a_disk_and_a_session() {
        let (uuid, session, base) = parse("/u-1?session_id=OpaqueRef%3As").expect("a name");
        assert_eq!((uuid, session.as_str(), base), ("u-1", "OpaqueRef:s", None));
        assert_eq!(parse("u?session_id=s&base=b").expect("a name").2.as_deref(), Some("b"));
        for senseless in ["", "/u", "/u?", "/u?session=x"] {
            assert!(parse(senseless).is_none(), "{senseless}");
        }
    }
}
