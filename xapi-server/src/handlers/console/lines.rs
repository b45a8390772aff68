//! Who looks at which console, and what is at the far side: a server of the host that speaks RFB, or a line that many
//! share. Remembers what a line showed while nobody looks.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    net::{TcpStream, UnixStream},
};
use xapi_backend::hypervisor::ConsolePlace;
use xapi_console::{Hub, Line, Screen, open_terminal, rfb};
use xapi_schema::{Ref, classes::Vm};

/// Most viewers of one VM.
pub const VIEWERS: usize = 32;
/// Most screens remembered that nobody looks at.
const REMEMBERED: usize = 32;
/// Bytes on their way to a viewer.
const ON_THE_WAY: usize = 64 << 10;
/// How often a line is tried that the last viewer may just be leaving.
const TRIES: u32 = 20;
const AGAIN: Duration = Duration::from_millis(50);
/// Longest a server of this host may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Consoles somebody looks at.
#[derive(Default)]
pub struct Consoles {
    lines: tokio::sync::Mutex<HashMap<String, Known>>,
    viewers: Mutex<HashMap<String, Vec<(u64, String)>>>,
}

/// A line by VM.
struct Known {
    /// Which domain of the VM it was.
    domain: String,
    screen: Arc<Mutex<Screen>>,
    hub: Weak<Hub>,
}

/// Somebody counted as a viewer while this lives.
pub struct Entered {
    consoles: Arc<Consoles>,
    guest: String,
    number: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut viewers = self.consoles.viewers();
        if let Some(list) = viewers.get_mut(&self.guest) {
            list.retain(|(number, _)| *number != self.number);
            if list.is_empty() {
                viewers.remove(&self.guest);
            }
        }
    }
}

impl Consoles {
    fn viewers(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<(u64, String)>>> {
        self.viewers.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Counts a viewer.
    ///
    /// # Errors
    /// Who looks already, when there are as many as may.
    pub fn enter(self: &Arc<Self>, guest: &Ref<Vm>, user: &str, most: usize) -> Result<Entered, Vec<String>> {
        let mut viewers = self.viewers();
        let list = viewers.entry(guest.to_string()).or_default();
        if list.len() >= most {
            return Err(list.iter().map(|(_, user)| user.clone()).collect());
        }
        let number = list.last().map_or(0, |(number, _)| number + 1);
        list.push((number, user.to_string()));
        Ok(Entered { consoles: self.clone(), guest: guest.to_string(), number })
    }

    /// The line of a VM somebody looks at already.
    pub async fn known(&self, uuid: &str, domain: &str) -> Option<Arc<Hub>> {
        let lines = self.lines.lock().await;
        let known = lines.get(uuid).filter(|known| known.domain == domain)?;
        known.hub.upgrade().filter(|hub| !hub.has_ended())
    }

    /// Opens the line of a VM, unless somebody was quicker.
    ///
    /// # Errors
    /// A line that can't be opened.
    pub async fn open(&self, uuid: &str, domain: String, place: ConsolePlace) -> io::Result<Arc<Hub>> {
        let mut lines = self.lines.lock().await;
        let before = lines.get(uuid).filter(|known| known.domain == domain);
        if let Some(hub) = before.and_then(|known| known.hub.upgrade()).filter(|hub| !hub.has_ended()) {
            return Ok(hub);
        }
        let (line, screen) = match place {
            ConsolePlace::Terminal { path, lock } => {
                let screen = before.map(|known| known.screen.clone()).unwrap_or_default();
                (terminal(&path, lock.as_deref()).await?, screen)
            }
            // At the other end somebody begins anew.
            ConsolePlace::Line(fd) => (Line::new(fd)?, Arc::default()),
            ConsolePlace::Tcp(_) | ConsolePlace::Socket(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        let hub = Arc::new(Hub::open(line, screen.clone()));
        if lines.len() >= REMEMBERED {
            lines.retain(|_, known| known.hub.strong_count() > 0);
        }
        lines.insert(uuid.to_string(), Known { domain, screen, hub: Arc::downgrade(&hub) });
        Ok(hub)
    }
}

async fn terminal(path: &Path, lock: Option<&Path>) -> io::Result<Line> {
    let mut tries = 0;
    loop {
        match open_terminal(path, lock) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && tries < TRIES => tries += 1,
            done => return done,
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The far side of a console.
pub struct Far {
    pub stream: Box<dyn Duplex>,
    /// Its viewers speak RFB.
    pub rfb: bool,
}

impl Far {
    /// A server on a port of this host.
    pub async fn tcp(address: SocketAddr) -> io::Result<Far> {
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Far { stream: Box::new(stream), rfb: true })
    }

    /// A server on a socket of this host.
    pub async fn socket(path: &Path) -> io::Result<Far> {
        let stream = tokio::time::timeout(PATIENCE, UnixStream::connect(path)).await??;
        Ok(Far { stream: Box::new(stream), rfb: true })
    }

    /// A line, as it is or as pictures of it.
    pub fn text(hub: Arc<Hub>, pictures: bool, name: &str) -> Far {
        let (near, far) = tokio::io::duplex(ON_THE_WAY);
        let name = name.to_string();
        tokio::spawn(async move {
            let done = if pictures { rfb::serve(far, hub, &name).await } else { show(far, &hub).await };
            if let Err(error) = done {
                tracing::debug!(%error, "a viewer of a console was sent away");
            }
        });
        Far { stream: Box::new(near), rfb: pictures }
    }
}

/// Shows a line as it is, what was said before first.
async fn show(stream: DuplexStream, hub: &Hub) -> io::Result<()> {
    let (told, mut viewer) = hub.view();
    let (mut from, mut to) = tokio::io::split(stream);
    let down = async {
        to.write_all(&told).await?;
        while let Some(bytes) = viewer.next().await {
            to.write_all(&bytes).await?;
        }
        to.shutdown().await
    };
    let up = async {
        let mut buffer = [0; 4096];
        loop {
            let n = from.read(&mut buffer).await?;
            if n == 0 || !hub.type_in(buffer[..n].to_vec().into()).await {
                return Ok(());
            }
        }
    };
    tokio::select! { done = down => done, done = up => done }
}
