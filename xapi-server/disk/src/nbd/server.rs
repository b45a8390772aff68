//! A disk server: one image, an NBD socket, a control socket and a state file. It needs nobody: whoever started it
//! may end, and finds it again by its state file. Never serves an image that another writer of this host has open.

use super::coalesce::coalesce;
use super::control::{Command, Merge, Reply, Status};
use super::export::{Export, Opener};
use super::own::{assert_apart, listen};
use super::session;
use super::state::{State, VERSION, start_ticks};
use crate::cbt::{Log, Tracker};
use crate::chain::Format;
use crate::error::{Error, Result};
use crate::file::{Access, BlockFile, OsFile};
use crate::image::Image;
use crate::source::Source;
use crate::ublk::{self, Device};
use crate::volumes::{Directory, plain_name};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Longest line on the control socket.
const MAX_LINE: u64 = 64 << 10;

/// What to serve and where.
#[derive(Debug, Clone)]
pub struct Config {
    /// The image.
    pub image: PathBuf,
    /// Its format where the name does not tell.
    pub format: Option<Format>,
    /// Treat plain files as volumes of fixed size.
    pub fixed: bool,
    /// Refuse writes.
    pub read_only: bool,
    /// Name of the export.
    pub export: String,
    /// The NBD socket to make.
    pub socket: PathBuf,
    /// The control socket to make.
    pub control: PathBuf,
    /// The state file to write.
    pub state: PathBuf,
    /// The log that follows the writes.
    pub track: Option<PathBuf>,
    /// A log to offer as the context `qemu:dirty-bitmap:changes`.
    pub changes: Option<PathBuf>,
    /// A file in memory by which writes survive the death of this process, for the next server of the image.
    pub pending: Option<PathBuf>,
    /// Be the block device of this number of the kernel's ublk driver as well.
    pub ublk: Option<u32>,
}

struct Client {
    stream: UnixStream,
    thread: JoinHandle<()>,
}

struct Shared {
    config: Config,
    export: Arc<Export>,
    /// The image as it is named now.
    image: Mutex<PathBuf>,
    /// The log that follows the writes now.
    track: Mutex<Option<PathBuf>>,
    untracked: Arc<Mutex<Option<String>>>,
    clients: Mutex<Vec<Client>>,
    merge: Mutex<Option<Merge>>,
    /// The running merge is to be given up.
    cancel: AtomicBool,
    merger: Mutex<Option<JoinHandle<()>>>,
    stopping: AtomicBool,
    /// Called once when a client of the control socket wants the server to end.
    on_stop: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running server. Dropping it without [`stop`](Server::stop) leaves its threads running.
pub struct Server {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    device: Option<Device>,
}

impl Server {
    /// Opens the image and starts to serve it; clients may connect on return. `on_stop` is called when the control
    /// socket asks for the end: the owner then calls [`stop`](Server::stop).
    ///
    /// # Errors
    /// What opening says; [`Error::Refused`] when one of the sockets is served already; the system's error.
    pub fn start(config: Config, on_stop: impl FnOnce() + Send + 'static) -> Result<Server> {
        assert_apart(&config)?;
        let untracked = Arc::new(Mutex::new(None));
        let opener = opener(&config, config.image.clone(), Arc::clone(&untracked));
        let mut export = Export::new(config.export.clone(), config.read_only, opener)?;
        if let Some(path) = &config.changes {
            export = export.with_changes("changes", Log::parse(&std::fs::read(path)?)?);
        }
        let nbd = listen(&config.socket)?;
        let control = listen(&config.control)?;
        let shared = Arc::new(Shared {
            image: Mutex::new(config.image.clone()),
            export: Arc::new(export),
            track: Mutex::new(config.track.clone()),
            untracked,
            clients: Mutex::default(),
            merge: Mutex::default(),
            cancel: AtomicBool::new(false),
            merger: Mutex::default(),
            stopping: AtomicBool::new(false),
            on_stop: Mutex::new(Some(Box::new(on_stop))),
            config,
        });
        let number = shared.config.ublk;
        let start = |n| Device::start(n, ublk::tag(&shared.config.socket), &shared.export);
        let device = number.map(start).transpose()?;
        shared.save_state()?;
        let mut threads = Vec::new();
        let s = Arc::clone(&shared);
        threads.push(std::thread::Builder::new().name("nbd".into()).spawn(move || s.accept_clients(&nbd))?);
        let s = Arc::clone(&shared);
        let accept = move || s.accept_control(&control);
        threads.push(std::thread::Builder::new().name("control".into()).spawn(accept)?);
        Ok(Server { shared, threads, device })
    }

    /// The disk served.
    pub fn export(&self) -> &Arc<Export> {
        &self.shared.export
    }

    /// How it is.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Ends: running requests finish, the image is closed cleanly, sockets and state file go.
    ///
    /// # Errors
    /// What closing the image says; the rest is done all the same.
    pub fn stop(self) -> Result<()> {
        let s = &self.shared;
        s.stopping.store(true, Ordering::SeqCst);
        for client in lock(&s.clients).iter() {
            let _ = client.stream.shutdown(Shutdown::Read);
        }
        // A merge notices between two steps; the exchange at its end is waited for.
        let merger = lock(&s.merger).take();
        if let Some(thread) = merger {
            let _ = thread.join();
        }
        // A device goes while its requests can be answered, or, when they wait for a paused disk, after they failed.
        let mut device = self.device;
        let mut gone = Ok(());
        if !s.export.is_paused()
            && let Some(device) = device.take()
        {
            gone = device.stop();
        }
        let closed = s.export.stop();
        if let Some(device) = device {
            gone = device.stop();
        }
        for path in [&s.config.socket, &s.config.control] {
            // Wakes the thread that waits for the next client.
            let _ = UnixStream::connect(path);
        }
        for thread in self.threads {
            let _ = thread.join();
        }
        for client in std::mem::take(&mut *lock(&s.clients)) {
            let _ = client.stream.shutdown(Shutdown::Both);
            let _ = client.thread.join();
        }
        for path in [&s.config.socket, &s.config.control, &s.config.state] {
            let _ = std::fs::remove_file(path);
        }
        closed.and(gone)
    }
}

/// Opens the image of `config` under the name `image`, and follows its changes where that is wanted and possible.
fn opener(config: &Config, image: PathBuf, untracked: Arc<Mutex<Option<String>>>) -> Opener {
    let config = config.clone();
    Box::new(move || {
        let access = if config.read_only { Access::Read } else { Access::Write };
        let mut disk = Image::open(&image, config.format, access, config.fixed)?;
        if let Some(pending) = &config.pending {
            disk.survive(pending)?;
        }
        if let Some(log) = config.track.as_ref().filter(|_| !config.read_only) {
            // A log that can't follow stays inconsistent on disk: backups then copy everything, which is right.
            let tracked = OsFile::open(log, Access::Write, false)
                .map_err(Error::from)
                .and_then(|f| Tracker::open(Arc::new(f) as Arc<dyn BlockFile>, disk.size()))
                .and_then(|t| disk.track(t));
            *lock(&untracked) = tracked.err().map(|e| e.to_string());
        }
        Ok(disk)
    })
}

impl Shared {
    /// Opens the image under the name `image` as things are now.
    fn opener(&self, image: PathBuf) -> Opener {
        let config = Config { track: lock(&self.track).clone(), ..self.config.clone() };
        opener(&config, image, Arc::clone(&self.untracked))
    }

    fn save_state(&self) -> Result<()> {
        let pid = std::process::id();
        let state = State {
            version: VERSION,
            pid,
            started: start_ticks(pid).unwrap_or(0),
            socket: self.config.socket.clone(),
            control: self.config.control.clone(),
            export: self.config.export.clone(),
            image: lock(&self.image).clone(),
            read_only: self.config.read_only,
        };
        state.save(&self.config.state)
    }

    fn accept_clients(self: &Arc<Shared>, listener: &UnixListener) {
        while let Some(stream) = self.accept(listener) {
            let s = Arc::clone(self);
            let Ok(theirs) = stream.try_clone() else { continue };
            let serve = move || s.client(&theirs);
            let mut clients = lock(&self.clients);
            clients.retain(|c| !c.thread.is_finished());
            if let Ok(thread) = std::thread::Builder::new().name("client".into()).spawn(serve) {
                clients.push(Client { stream, thread });
            }
        }
    }

    /// The next connection, or nothing once the server ends.
    fn accept(&self, listener: &UnixListener) -> Option<UnixStream> {
        loop {
            let next = listener.accept();
            if self.stopping.load(Ordering::SeqCst) {
                return None;
            }
            match next {
                Ok((stream, _)) => return Some(stream),
                // Out of descriptors or memory: others will end and give some back.
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(50)),
            }
        }
    }

    fn client(&self, stream: &UnixStream) {
        let exports = [Arc::clone(&self.export)];
        let (mut input, mut output) = (stream, stream);
        if let Err(e) = session::serve(&mut input, &mut output, &exports)
            && !self.stopping.load(Ordering::SeqCst)
        {
            let _ = writeln!(std::io::stderr(), "xennix-disk: client of {}: {e}", self.config.export);
        }
        let _ = stream.shutdown(Shutdown::Both);
    }

    fn accept_control(self: &Arc<Shared>, listener: &UnixListener) {
        while let Some(stream) = self.accept(listener) {
            let s = Arc::clone(self);
            // Not waited for: it may be the one that asks for the end.
            let _ = std::thread::Builder::new().name("command".into()).spawn(move || s.commands(&stream));
        }
    }

    fn commands(self: &Arc<Shared>, stream: &UnixStream) {
        let mut input = BufReader::new(stream.take(MAX_LINE));
        let mut output = stream;
        loop {
            let mut line = String::new();
            input.get_mut().set_limit(MAX_LINE);
            match input.read_line(&mut line) {
                Ok(n) if n > 0 && line.ends_with('\n') => {}
                _ => return,
            }
            let done = serde_json::from_str(&line)
                .map_err(|e| Error::Refused(format!("no command: {e}")))
                .and_then(|command| self.obey(command));
            let reply = Reply { error: done.err().map(|e| e.to_string()), status: self.status() };
            let Ok(mut text) = serde_json::to_string(&reply) else { return };
            text.push('\n');
            if output.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn obey(self: &Arc<Shared>, command: Command) -> Result<()> {
        match command {
            Command::Status => Ok(()),
            Command::Pause => self.export.pause(),
            Command::Resume { image: None } => self.export.resume(),
            Command::Resume { image: Some(image) } => {
                let opener = self.opener(image.clone());
                self.export.resume_with(Some(opener))?;
                *lock(&self.image) = image;
                self.save_state()
            }
            Command::Track { log } => {
                if !self.export.is_paused() {
                    return Err(Error::Refused("the disk is not paused".into()));
                }
                *lock(&self.track) = log;
                Ok(())
            }
            Command::Flush => self.export.flush(),
            Command::Coalesce { name } => self.coalesce(name),
            Command::CancelCoalesce => {
                self.cancel.store(true, Ordering::SeqCst);
                Ok(())
            }
            Command::Stop => {
                if let Some(stop) = lock(&self.on_stop).take() {
                    stop();
                }
                Ok(())
            }
        }
    }

    /// Starts a merge on a thread of its own.
    fn coalesce(self: &Arc<Shared>, name: Option<String>) -> Result<()> {
        let image = lock(&self.image).clone();
        let (dir, leaf) = Directory::of(&image)?;
        let name = name.unwrap_or_else(|| leaf.clone());
        let after = image.with_file_name(plain_name(&name)?);
        let mut merger = lock(&self.merger);
        {
            let mut merge = lock(&self.merge);
            if matches!(*merge, Some(Merge::Running { .. })) {
                return Err(Error::Refused("a merge is running".into()));
            }
            *merge = Some(Merge::Running { remaining: self.export.size() });
        }
        self.cancel.store(false, Ordering::SeqCst);
        let s = Arc::clone(self);
        let work = move || {
            let done = s.merge(&dir.with_fixed(s.config.fixed), &leaf, &name, after);
            *lock(&s.merge) = Some(match done {
                Ok(()) => Merge::Done,
                Err(e) => Merge::Failed { error: e.to_string() },
            });
        };
        *merger = Some(std::thread::Builder::new().name("merge".into()).spawn(work)?);
        Ok(())
    }

    fn merge(&self, volumes: &Directory, leaf: &str, name: &str, after: PathBuf) -> Result<()> {
        let opener = self.opener(after.clone());
        coalesce(&self.export, volumes, leaf, name, opener, &mut |remaining| {
            *lock(&self.merge) = Some(Merge::Running { remaining });
            if self.cancel.load(Ordering::SeqCst) || self.stopping.load(Ordering::SeqCst) {
                return Err(Error::Refused("given up as asked".into()));
            }
            Ok(())
        })?;
        *lock(&self.image) = after;
        self.save_state()
    }

    fn status(&self) -> Status {
        Status {
            image: lock(&self.image).clone(),
            size: self.export.size(),
            paused: self.export.is_paused(),
            read_only: self.config.read_only,
            clients: lock(&self.clients).iter().filter(|c| !c.thread.is_finished()).count(),
            untracked: lock(&self.untracked).clone(),
            merge: lock(&self.merge).clone(),
        }
    }
}
