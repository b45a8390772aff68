//! Listeners and their limits.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Service,
    connection::{self, Wire},
    request::Origin,
};

/// Connections over the network at a time.
const NETWORK: usize = 800;
/// Connections on the local socket at a time.
const LOCAL: usize = 1_024;
/// Longest a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Where to listen.
#[derive(Default)]
pub struct Listeners {
    /// In the clear.
    pub http: Option<SocketAddr>,
    /// Over TLS.
    pub https: Option<(SocketAddr, TlsAcceptor)>,
    /// Local socket; only its owner may use it.
    pub socket: Option<PathBuf>,
}

/// Listeners at work. Dropping it stops them.
pub struct Running {
    /// Address in the clear, with the port that was chosen when none was given.
    pub http: Option<SocketAddr>,
    /// Address over TLS.
    pub https: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Stops listening and waits a moment for open connections.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let _ = tokio::time::timeout(Duration::from_secs(2), async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await;
    }
}

/// Starts listening.
///
/// # Errors
/// When an address is taken or a socket can't be made.
pub async fn start<S: Service>(service: Arc<S>, listeners: Listeners) -> io::Result<Running> {
    let (stop, stopped) = watch::channel(false);
    let mut running = Running { http: None, https: None, stop, tasks: JoinSet::new() };
    let network = Arc::new(Semaphore::new(NETWORK));
    if let Some(address) = listeners.http {
        let listener = TcpListener::bind(address).await?;
        running.http = Some(listener.local_addr()?);
        running.tasks.spawn(accept(service.clone(), Door::Plain(listener), network.clone(), stopped.clone()));
    }
    if let Some((address, acceptor)) = listeners.https {
        let listener = TcpListener::bind(address).await?;
        running.https = Some(listener.local_addr()?);
        running.tasks.spawn(accept(service.clone(), Door::Tls(listener, acceptor), network, stopped.clone()));
    }
    if let Some(path) = listeners.socket {
        let listener = local_socket(&path)?;
        let places = Arc::new(Semaphore::new(LOCAL));
        running.tasks.spawn(accept(service, Door::Local(listener), places, stopped));
    }
    Ok(running)
}

/// A socket only its owner can connect to; a dead one in its place is removed.
fn local_socket(path: &PathBuf) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{} is in use", path.display())));
    }
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// What is listened on.
enum Door {
    Plain(TcpListener),
    Tls(TcpListener, TlsAcceptor),
    Local(UnixListener),
}

/// Accepts until told to stop; a failing accept waits a moment, so that it can't spin.
async fn accept<S: Service>(
    service: Arc<S>,
    door: Door,
    places: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        tokio::select! {
            _ = stopped.changed() => return,
            accepted = enter(&door) => match accepted {
                Ok(guest) => {
                    let service = service.clone();
                    tokio::spawn(async move {
                        welcome(service, guest).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
}

/// A connection just made.
enum Guest {
    Plain(TcpStream, SocketAddr),
    Tls(TcpStream, SocketAddr, TlsAcceptor),
    Local(UnixStream),
}

async fn enter(door: &Door) -> io::Result<Guest> {
    Ok(match door {
        Door::Plain(listener) => {
            let (stream, address) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Guest::Plain(stream, address)
        }
        Door::Tls(listener, acceptor) => {
            let (stream, address) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Guest::Tls(stream, address, acceptor.clone())
        }
        Door::Local(listener) => Guest::Local(listener.accept().await?.0),
    })
}

async fn welcome<S: Service>(service: Arc<S>, guest: Guest) {
    let (origin, wire) = match guest {
        Guest::Plain(stream, address) => (Origin::Plain(address), Wire::new(stream)),
        Guest::Local(stream) => (Origin::LocalSocket, Wire::new(stream)),
        Guest::Tls(stream, address, acceptor) => {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => (Origin::Tls(address), Wire::new(stream)),
                Ok(Err(error)) => return tracing::debug!(%address, %error, "TLS handshake failed"),
                Err(_) => return tracing::debug!(%address, "TLS handshake took too long"),
            }
        }
    };
    report(connection::serve(service, origin, wire).await);
}

/// Clients hang up in every possible way; that is no news.
fn report(outcome: io::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}
