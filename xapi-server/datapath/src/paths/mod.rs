//! Opening, pausing and closing disks. Every change is written down before it is made, so that whatever ends this
//! process leaves a record from which the next one goes on. Never answers a path whose server is not ready, and never
//! forgets a server that may still run.
//!
//! One server for each open disk, not one for all: what goes wrong with an image ends one guest's disk only, a
//! restart needs nobody's consent, and the system's own limits (memory, descriptors, CPU weight) apply to each.

mod life;
mod recover;

use crate::choice::{Facts, Host, Kind};
use crate::error::{Error, Result};
use crate::kernel_nbd;
use crate::record::{Phase, Record, Spec, plain_id};
use crate::server::claims::Claims;
use crate::server::own::Server;
use crate::server::tap_ctl::TapCtl;
use crate::server::tapdisk::{self, Tapdisk};
use crate::server::{DiskServer, EXPORT, Told};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use xapi_backend::storage::DataPath;
use xennix_disk::chain::Format;
use xennix_disk::ublk;

/// Longest path of a socket the kernel takes.
const MAX_SOCKET: usize = 107;

/// What a host is told about its data paths.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The runtime directory. Short: sockets lie below it. Emptied by a reboot.
    pub run: PathBuf,
    /// The disk server, `xennix-disk`.
    pub program: PathBuf,
    /// The original stack's `tap-ctl`, where it is installed.
    pub tap_ctl: Option<PathBuf>,
    /// The way to take; the first usable one when nothing is said.
    pub kind: Option<Kind>,
    /// Whoever is handed the disks takes block devices only.
    pub blocks: bool,
    /// How long a server may take to start or to end.
    pub patience: Duration,
}

impl Settings {
    /// Settings with the disk server found beside this program, else on the search path.
    pub fn new(run: impl Into<PathBuf>) -> Settings {
        let beside = std::env::current_exe().ok().map(|p| p.with_file_name("xennix-disk"));
        let program = beside.filter(|p| p.is_file()).or_else(|| crate::choice::find("xennix-disk"));
        Settings {
            run: run.into(),
            program: program.unwrap_or_else(|| "xennix-disk".into()),
            tap_ctl: crate::choice::find("tap-ctl"),
            kind: None,
            blocks: false,
            patience: Duration::from_secs(90),
        }
    }
}

/// How an open disk is.
#[derive(Debug, Clone)]
pub struct DiskStatus {
    /// What is written down.
    pub record: Record,
    /// Does its server run? Always so for bytes that are handed over as they are.
    pub alive: bool,
    /// What the server says, where there is one and it answers.
    pub server: Option<Told>,
}

/// One disk; nothing once it is closed.
type Slot = Arc<Mutex<Option<Record>>>;

/// The open disks of this host.
pub struct DataPaths {
    pub(crate) settings: Settings,
    facts: Facts,
    kind: Result<Kind, String>,
    disks: Mutex<BTreeMap<String, Slot>>,
    /// Disks that a predecessor left paused.
    waiting: Mutex<BTreeSet<String>>,
    /// Held from choosing a device's number until it is written down.
    numbers: Mutex<()>,
    /// Images of servers that claim none themselves.
    claims: Arc<Claims>,
}

pub(crate) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DataPaths {
    /// Looks at the host and reads what a predecessor left open. Starts and ends nothing:
    /// [`recover`](DataPaths::recover) does, once the storage below is usable.
    ///
    /// # Errors
    /// The runtime directory can't be made or read, or holds a record of another version.
    pub fn start(settings: Settings) -> Result<DataPaths> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&settings.run)?;
        let facts = Facts::look(&Host {
            program: &settings.program,
            tap_ctl: settings.tap_ctl.as_deref(),
            blocks: settings.blocks,
            sys: Path::new("/sys"),
            dev: Path::new("/dev"),
        });
        let kind = facts.choose(settings.kind);
        let (mut disks, mut waiting) = (BTreeMap::new(), BTreeSet::new());
        for entry in std::fs::read_dir(&settings.run)? {
            let dir = entry?.path();
            let Some(id) = dir.file_name().and_then(|n| n.to_str()).filter(|_| dir.is_dir()) else {
                continue;
            };
            let record = dir.join("record").exists().then(|| Record::load(&dir)).transpose()?;
            if let Some(mut record) = record.filter(|r| !r.is_past()) {
                // Whoever still reads it opens it again.
                record.holders = u32::from(record.writable);
                if record.phase == Phase::Paused {
                    waiting.insert(id.to_owned());
                }
                disks.insert(id.to_owned(), Arc::new(Mutex::new(Some(record))));
            } else {
                // The record is the first thing made and the last thing removed; one of another boot tells of nothing.
                std::fs::remove_dir_all(&dir)?;
            }
        }
        Ok(DataPaths {
            settings,
            facts,
            kind,
            disks: Mutex::new(disks),
            numbers: Mutex::default(),
            claims: Arc::default(),
            waiting: Mutex::new(waiting),
        })
    }

    /// The ways this host has and the one that is taken, for the log of a start.
    pub fn describe(&self) -> String {
        let taken = match &self.kind {
            Ok(kind) => format!("disks are served by {}", kind.name()),
            Err(why) => format!("no disk can be served: {why}"),
        };
        format!("{taken}; raw volumes as they are ({})", self.facts.tell())
    }

    /// The way that is taken for disks that need a server.
    ///
    /// # Errors
    /// [`Error::NotHere`] with why there is none.
    pub fn kind(&self) -> Result<Kind> {
        self.kind.clone().map_err(Error::NotHere)
    }

    fn dir(&self, id: &str) -> PathBuf {
        self.settings.run.join(id)
    }

    /// The server of a disk, running or not.
    pub(crate) fn server(&self, record: &Record) -> Box<dyn DiskServer> {
        self.server_in(&record.spec.id, record.kind)
    }

    fn server_in(&self, id: &str, kind: Option<Kind>) -> Box<dyn DiskServer> {
        let (dir, patience) = (self.dir(id), self.settings.patience);
        // What runs counts, also where the record of it can't be read any more.
        if kind == Some(Kind::Tapdisk) || kind.is_none() && tapdisk::is_in(&dir) {
            let ctl = TapCtl { program: self.settings.tap_ctl.clone(), patience };
            return Box::new(Tapdisk::at(id, dir, ctl, Arc::clone(&self.claims)));
        }
        Box::new(Server::at(dir, &self.settings.program, patience))
    }

    /// The slot of a disk; an empty one is made where `make` says.
    pub(crate) fn slot(&self, id: &str, make: bool) -> Result<Slot> {
        let mut disks = lock(&self.disks);
        match disks.get(plain_id(id)?) {
            Some(slot) => Ok(Arc::clone(slot)),
            None if make => Ok(Arc::clone(disks.entry(id.to_owned()).or_default())),
            None => Err(Error::NotOpen(id.to_owned())),
        }
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        lock(&self.disks).keys().cloned().collect()
    }

    pub(crate) fn save(&self, record: &Record) -> Result<()> {
        record.save(&self.dir(&record.spec.id))
    }

    /// Makes a disk reachable. A disk that is open in the same way answers the same path; one that is open only for
    /// reading counts who opened it.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is open in another way; [`Error::NotHere`]; [`Error::Server`] with what the server
    /// says about the image. After an error the disk is not open.
    pub fn open(&self, spec: &Spec, writable: bool) -> Result<DataPath> {
        let slot = self.slot(&spec.id, true)?;
        let mut slot = lock(&slot);
        if let Some(record) = &mut *slot {
            if record.writable != writable || record.spec.image != spec.image {
                return Err(Error::Refused(format!("the disk {} is open in another way", spec.id)));
            }
            match (record.phase, &record.path) {
                (Phase::Closing, _) => {
                    return Err(Error::Refused(format!("the disk {} is being closed", spec.id)));
                }
                (Phase::Open | Phase::Paused, Some(path)) => {
                    let path = path.clone();
                    if !writable {
                        record.holders += 1;
                        self.save(record)?;
                    }
                    return Ok(path);
                }
                // Its opener died on the way: go on from there.
                _ => {}
            }
        }
        let kind = if spec.is_plain() { None } else { Some(self.kind()?) };
        let longest = self.dir(&spec.id).join("control.new");
        if kind.is_some() && longest.as_os_str().len() > MAX_SOCKET {
            return Err(Error::Refused(format!("{} is too long for a socket", longest.display())));
        }
        if kind == Some(Kind::Tapdisk) && slot.is_none() {
            tapdisk::check(spec)?;
        }
        let record = slot.take().unwrap_or_else(|| Record::new(spec.clone(), writable, kind));
        match self.bring_up(record) {
            Ok(record) => {
                let path = record.path.clone();
                *slot = Some(record);
                path.ok_or_else(|| Error::Server("it offers nothing".into()))
            }
            Err(e) => {
                // Whatever was started is ended; what can't be stays written down.
                match self.take_down(&spec.id) {
                    Ok(()) => {}
                    Err(_) => *slot = Record::load(&self.dir(&spec.id)).ok(),
                }
                Err(e)
            }
        }
    }

    /// Everything between a record and a path.
    fn bring_up(&self, mut record: Record) -> Result<Record> {
        let dir = self.dir(&record.spec.id);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        record.phase = Phase::Opening;
        record.save(&dir)?;
        let path = if record.kind.is_none() { plain_path(&record.spec)? } else { self.serve(&mut record)? };
        record.path = Some(path);
        record.phase = Phase::Open;
        record.save(&dir)?;
        Ok(record)
    }

    /// Lets a server serve the disk of a record, whatever there is already, and answers where.
    pub(crate) fn serve(&self, record: &mut Record) -> Result<DataPath> {
        let server = self.server(record);
        if record.kind == Some(Kind::Ublk) {
            self.number(record, |taken| ublk::free(Path::new("/dev"), taken).map_err(Error::from))?;
        }
        if !server.is_alive() {
            record.bound = false;
            self.save(record)?;
            server.start(record)?;
        }
        let path = match record.kind {
            None => plain_path(&record.spec)?,
            Some(Kind::Ublk) => DataPath::Block(ublk::node(record.device.unwrap_or_default())),
            Some(Kind::KernelNbd) => self.kernel_device(record, &*server)?,
            Some(Kind::Nbd) => DataPath::Nbd { socket: server.socket(), export: EXPORT.into() },
            Some(Kind::Tapdisk) => match (server.device(), &record.path) {
                (Some(device), _) => DataPath::Block(device),
                // What a guest was given stays what it is.
                (None, Some(DataPath::Block(_))) => self.kernel_device(record, &*server)?,
                (None, None) if record.device.is_some() || kernel_nbd::is_here() => {
                    self.kernel_device(record, &*server)?
                }
                (None, _) => DataPath::Nbd { socket: server.socket(), export: EXPORT.into() },
            },
        };
        record.bound = true;
        Ok(path)
    }

    /// A block device of the kernel over the server's socket: the one the disk has, else a free one.
    fn kernel_device(&self, record: &mut Record, server: &dyn DiskServer) -> Result<DataPath> {
        let id = record.spec.id.clone();
        let known = record.device.filter(|index| kernel_nbd::is_ours(*index, &id));
        if known.is_none() {
            record.device = None;
            self.number(record, |taken| kernel_nbd::free(Path::new("/sys"), taken))?;
        }
        Ok(DataPath::Block(match (known, record.device) {
            (Some(index), _) => kernel_nbd::reconnect(index, &id, &server.socket())?,
            (None, Some(index)) => kernel_nbd::connect(index, &id, &server.socket(), record.writable)?,
            (None, None) => return Err(Error::NotHere("a free nbd device".into())),
        }))
    }

    /// Chooses a device's number where none is written down. Written down before it is used: a device nobody knows of
    /// would never be taken away.
    fn number(&self, record: &mut Record, free: impl Fn(&[u32]) -> Result<u32>) -> Result<()> {
        if record.device.is_none() {
            let _one = lock(&self.numbers);
            record.device = Some(free(&self.devices(&record.spec.id))?);
            self.save(record)?;
        }
        Ok(())
    }

    /// The kernel's numbers that other disks have.
    fn devices(&self, id: &str) -> Vec<u32> {
        // Their locks may be held by somebody who waits for a number: what is written down is asked.
        let others = self.ids().into_iter().filter(|other| other != id);
        others.filter_map(|other| Record::load(&self.dir(&other)).ok()?.device).collect()
    }

    /// Ends what [`open`](DataPaths::open) began; everything written is durable on return, and no process is left.
    /// A disk that is not open is fine.
    ///
    /// # Errors
    /// [`Error::Server`] when the server does not end: the disk stays written down as being closed, and closing may
    /// be tried again.
    pub fn close(&self, id: &str) -> Result<()> {
        let Ok(slot) = self.slot(id, false) else { return Ok(()) };
        let mut slot = lock(&slot);
        let Some(record) = &mut *slot else { return Ok(()) };
        if record.holders > 1 && record.phase != Phase::Closing {
            record.holders -= 1;
            return self.save(record);
        }
        record.phase = Phase::Closing;
        self.save(record)?;
        let server = self.server(record);
        if record.kind.is_some() && !server.is_alive() {
            // Not one that is only being started either.
            server.stop()?;
            if server.owes()? {
                // Only a server can make durable what a dead one had acknowledged.
                server.start(record)?;
            }
        }
        self.take_down(id)?;
        *slot = None;
        lock(&self.disks).remove(id);
        Ok(())
    }

    /// Ends the server and forgets the record, which goes last.
    fn take_down(&self, id: &str) -> Result<()> {
        let dir = self.dir(id);
        if !dir.exists() {
            return Ok(());
        }
        let (kind, device) = Record::load(&dir).map_or((None, None), |r| (r.kind, r.device));
        let server = self.server_in(id, kind);
        if let (Some(Kind::KernelNbd | Kind::Tapdisk), Some(index)) = (kind, device) {
            kernel_nbd::disconnect(index, id)?;
        }
        server.stop()?;
        if let (Some(Kind::Ublk), Some(index)) = (kind, device) {
            // Fine where the server did it on its way out.
            ublk::remove(index, ublk::tag(&server.socket()))?;
        }
        for entry in std::fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|n| n != "record") {
                std::fs::remove_file(path)?;
            }
        }
        Ok(std::fs::remove_dir_all(&dir)?)
    }
}

/// Where the bytes of a raw image are.
fn plain_path(spec: &Spec) -> Result<DataPath> {
    let name = spec.image.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    if !matches!(Format::of_name(name), None | Some(Format::Raw)) {
        // The emulator would get it as it is, and might look inside.
        return Err(Error::Refused(format!("the name {name:?} is not one of a raw image")));
    }
    let kind = std::fs::metadata(&spec.image)?.file_type();
    if kind.is_block_device() {
        Ok(DataPath::Block(spec.image.clone()))
    } else if kind.is_file() {
        Ok(DataPath::File(spec.image.clone()))
    } else {
        Err(Error::Refused(format!("{} is neither a file nor a block device", spec.image.display())))
    }
}
