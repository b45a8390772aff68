//! Opening, pausing and closing disks. Every change is written down before it is made, so that whatever ends this
//! process leaves a record from which the next one goes on. Never answers a path whose server is not ready, and never
//! forgets a server that may still run.
//!
//! One server for each open disk, not one for all: what goes wrong with an image ends one guest's disk only, a
//! restart needs nobody's consent, and the system's own limits (memory, descriptors, CPU weight) apply to each.

use crate::choice::{Facts, Kind};
use crate::error::{Error, Result};
use crate::kernel_nbd;
use crate::record::{Phase, Record, Spec, plain_id};
use crate::server::{EXPORT, Server};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use xapi_backend::storage::DataPath;
use xennix_disk::chain::Format;
use xennix_disk::nbd::control::{Command as Control, Status};
use xennix_disk::ublk;

/// Longest path of a socket the kernel takes.
const MAX_SOCKET: usize = 107;

/// The ways this crate can go, those that end in a block device first.
const KNOWN: [Kind; 3] = [Kind::Ublk, Kind::KernelNbd, Kind::Nbd];

/// What a host is told about its data paths.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The runtime directory. Short: sockets lie below it. Emptied by a reboot.
    pub run: PathBuf,
    /// The disk server, `xennix-disk`.
    pub program: PathBuf,
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
    pub server: Option<Status>,
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
        let known = if settings.blocks { &KNOWN[..2] } else { &KNOWN[..] };
        let facts = Facts::look(&settings.program, Path::new("/sys"), Path::new("/dev")).only(known);
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

    pub(crate) fn server(&self, id: &str) -> Server {
        Server::at(&self.dir(id))
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
        let (id, server) = (record.spec.id.clone(), self.server(&record.spec.id));
        if record.kind == Some(Kind::Ublk) {
            self.number(record, |taken| ublk::free(Path::new("/dev"), taken).map_err(Error::from))?;
        }
        if !server.is_alive() {
            record.bound = false;
            self.save(record)?;
            server.start(&self.settings.program, record, self.settings.patience)?;
        }
        let path = match record.kind {
            None => plain_path(&record.spec)?,
            Some(Kind::Nbd) => DataPath::Nbd { socket: server.socket(), export: EXPORT.into() },
            Some(Kind::KernelNbd) => {
                let mut known = record.device.filter(|index| kernel_nbd::is_ours(*index, &id));
                if known.is_none() {
                    record.device = None;
                    self.number(record, |taken| kernel_nbd::free(Path::new("/sys"), taken))?;
                }
                DataPath::Block(match (known.take(), record.device) {
                    (Some(index), _) => kernel_nbd::reconnect(index, &id, &server.socket())?,
                    (None, Some(index)) => kernel_nbd::connect(index, &id, &server.socket())?,
                    (None, None) => return Err(Error::NotHere("a free nbd device".into())),
                })
            }
            Some(Kind::Ublk) => DataPath::Block(ublk::node(record.device.unwrap_or_default())),
            Some(kind) => return Err(Error::NotHere(kind.name().into())),
        };
        record.bound = true;
        Ok(path)
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
        let server = self.server(id);
        if record.kind.is_some() && !server.is_alive() {
            // Not one that is only being started either.
            server.stop(self.settings.patience)?;
            if server.owes()? {
                // Only a server can make durable what a dead one had acknowledged.
                server.start(&self.settings.program, record, self.settings.patience)?;
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
        let server = self.server(id);
        let (kind, device) = Record::load(&dir).map_or((None, None), |r| (r.kind, r.device));
        if let (Some(Kind::KernelNbd), Some(index)) = (kind, device) {
            kernel_nbd::disconnect(index, id)?;
        }
        server.stop(self.settings.patience)?;
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

    /// Works on the record of an open disk that has a server.
    fn served<T>(&self, id: &str, work: impl FnOnce(&mut Record, &Server) -> Result<T>) -> Result<T> {
        let slot = self.slot(id, false)?;
        let mut slot = lock(&slot);
        let record = slot.as_mut().ok_or_else(|| Error::NotOpen(id.to_owned()))?;
        if record.kind.is_none() {
            return Err(Error::Refused(format!("the disk {id} is handed over as it is: nothing serves it")));
        }
        work(record, &self.server(id))
    }

    /// Lets running requests end and closes the image; the guest's further requests wait. The image may then be
    /// changed, renamed or replaced.
    ///
    /// # Errors
    /// [`Error::Refused`] for a disk that has no server or is not running; what closing the image says: it is paused
    /// all the same, and [`resume`](DataPaths::resume) undoes that.
    pub fn pause(&self, id: &str) -> Result<()> {
        self.served(id, |record, server| {
            if record.phase == Phase::Paused && lock(&self.waiting).remove(id) {
                // A predecessor's pause is taken over.
                return Ok(());
            }
            if record.phase != Phase::Open {
                return Err(Error::Refused(format!("the disk {id} is not running")));
            }
            // Written down first: from here on a server that dies must not open the image by itself.
            record.phase = Phase::Paused;
            self.save(record)?;
            if !server.is_alive() {
                // Not one that is only being started either.
                server.stop(self.settings.patience)?;
            }
            let mut done = server.tell(&Control::Pause).map(drop);
            // What a dead server owes must be in the image before anybody changes it.
            for _ in 0..3 {
                if server.is_alive() || !server.owes()? {
                    break;
                }
                record.restarts += 1;
                done = self.serve(record).and_then(|_| server.tell(&Control::Pause).map(drop));
            }
            match done {
                Ok(()) => Ok(()),
                Err(e) if server.is_alive() => {
                    if server.tell(&Control::Status).is_ok_and(|s| !s.paused) {
                        record.phase = Phase::Open;
                        self.save(record)?;
                    }
                    Err(e)
                }
                Err(e) if server.owes()? => {
                    record.phase = Phase::Open;
                    self.save(record)?;
                    Err(e)
                }
                // It holds no image any more, which is what a pause is for.
                Err(_) => Ok(()),
            }
        })
    }

    /// Opens the image again, under the name `image` where that changed, and lets the guest go on. A server that
    /// died meanwhile is started again.
    ///
    /// # Errors
    /// [`Error::Refused`] for a disk that is not paused; what opening the image says: it stays paused.
    pub fn resume(&self, id: &str, image: Option<&Path>) -> Result<()> {
        self.served(id, |record, server| {
            if record.phase != Phase::Paused {
                return Err(Error::Refused(format!("the disk {id} is not paused")));
            }
            if let Some(image) = image {
                record.spec.image = image.to_owned();
                self.save(record)?;
            }
            let now = server.tell(&Control::Status);
            match now {
                Ok(status) if status.paused => {
                    let image = Some(record.spec.image.clone());
                    if let Err(e) = server.tell(&Control::Resume { image })
                        && server.is_alive()
                    {
                        return Err(e);
                    }
                }
                Err(e) if server.is_alive() => return Err(e),
                _ => {}
            }
            if !server.is_alive() || !record.bound {
                record.restarts += 1;
                record.path = Some(self.serve(record)?);
            }
            record.phase = Phase::Open;
            self.save(record)
        })
    }

    /// Lets a paused disk's changes be noted in another log, or in none, from [`resume`](DataPaths::resume) on.
    ///
    /// # Errors
    /// [`Error::Refused`] for a disk that is not paused; what the server says: then nothing is noted anew.
    pub fn track(&self, id: &str, log: Option<&Path>) -> Result<()> {
        self.served(id, |record, server| {
            if record.phase != Phase::Paused {
                return Err(Error::Refused(format!("the disk {id} is not paused")));
            }
            let before = std::mem::replace(&mut record.spec.track, log.map(Path::to_owned));
            self.save(record)?;
            // One that is started again meanwhile gets it from the record.
            let told = server.tell(&Control::Track { log: record.spec.track.clone() });
            if let Err(e) = told
                && server.is_alive()
            {
                record.spec.track = before;
                self.save(record)?;
                return Err(e);
            }
            Ok(())
        })
    }

    /// Gives `work` the image of a running disk while the guest waits; it answers the image's new name where that
    /// changed. The disk goes on whether `work` fails or not.
    ///
    /// # Errors
    /// What pausing, `work` and going on say, the earliest of them.
    pub fn while_paused<T, E: From<Error>>(
        &self,
        id: &str,
        work: impl FnOnce() -> Result<(T, Option<PathBuf>), E>,
    ) -> Result<T, E> {
        self.pause(id)?;
        match work() {
            Ok((value, image)) => {
                self.resume(id, image.as_deref())?;
                Ok(value)
            }
            Err(e) => {
                let _ = self.resume(id, None);
                Err(e)
            }
        }
    }

    /// Makes everything written durable.
    ///
    /// # Errors
    /// What the server says.
    pub fn flush(&self, id: &str) -> Result<()> {
        self.served(id, |_, server| server.tell(&Control::Flush).map(drop))
    }

    /// Begins to merge a served leaf into its parent while the guest goes on; `name` is its name afterwards, where the
    /// parent is raw. [`status`](DataPaths::status) tells how far it is.
    ///
    /// # Errors
    /// [`Error::Refused`] for a disk that is not running; what the server says.
    pub fn coalesce(&self, id: &str, name: Option<&str>) -> Result<()> {
        self.served(id, |record, server| {
            if record.phase != Phase::Open {
                return Err(Error::Refused(format!("the disk {id} is not running")));
            }
            server.tell(&Control::Coalesce { name: name.map(str::to_owned) }).map(drop)
        })
    }

    /// Gives a running merge up; the leaf stays what it is.
    ///
    /// # Errors
    /// What the server says.
    pub fn cancel_coalesce(&self, id: &str) -> Result<()> {
        self.served(id, |_, server| server.tell(&Control::CancelCoalesce).map(drop))
    }

    /// How a disk is; nothing when it is not open.
    ///
    /// # Errors
    /// [`Error::Refused`] for something that is no name.
    pub fn status(&self, id: &str) -> Result<Option<DiskStatus>> {
        plain_id(id)?;
        let Ok(slot) = self.slot(id, false) else { return Ok(None) };
        let mut slot = lock(&slot);
        let Some(record) = &mut *slot else { return Ok(None) };
        if record.kind.is_none() {
            return Ok(Some(DiskStatus { record: record.clone(), alive: true, server: None }));
        }
        let server = self.server(id);
        let told = server.tell(&Control::Status).ok();
        if let Some(status) = &told
            && record.spec.image != status.image
        {
            // A merge gave it another name.
            record.spec.image.clone_from(&status.image);
            self.save(record)?;
        }
        Ok(Some(DiskStatus { record: record.clone(), alive: server.is_alive(), server: told }))
    }

    /// What is written down about every open disk.
    pub fn list(&self) -> Vec<Record> {
        let slots: Vec<Slot> = lock(&self.disks).values().cloned().collect();
        slots.iter().filter_map(|slot| lock(slot).clone()).collect()
    }

    /// Keeps the server of a disk that a predecessor left away from its images, so that what was half-done among them
    /// can be finished or undone: a running merge is given up, the disk is paused. [`recover`](DataPaths::recover)
    /// lets it go on. Fine for a disk that is not running.
    ///
    /// # Errors
    /// As [`pause`](DataPaths::pause).
    pub fn quiet(&self, id: &str) -> Result<()> {
        let Some(status) = self.status(id)? else { return Ok(()) };
        if status.record.kind.is_none() || status.record.phase != Phase::Open {
            return Ok(());
        }
        let server = self.server(id);
        let merging = |status: Option<Status>| {
            matches!(status.and_then(|s| s.merge), Some(xennix_disk::nbd::control::Merge::Running { .. }))
        };
        if merging(status.server) {
            server.tell(&Control::CancelCoalesce)?;
            let end = std::time::Instant::now() + self.settings.patience;
            while merging(server.tell(&Control::Status).ok()) {
                if std::time::Instant::now() >= end {
                    return Err(Error::Server("a merge does not end".into()));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.pause(id)
    }

    /// Brings every disk a predecessor left to where it belongs: half-opened ones are closed, half-closed ones too,
    /// paused ones go on, dead servers are started again. To be called when the storage below is usable and its
    /// journals are settled, with the disks [`quiet`](DataPaths::quiet) meanwhile. `image` may answer the image's present name; answering an error leaves the disk as it
    /// is. What went wrong is answered by disk.
    pub fn recover(
        &self,
        image: &dyn Fn(&Record) -> Result<Option<PathBuf>, String>,
    ) -> Vec<(String, Error)> {
        let mut failed = Vec::new();
        for id in self.ids() {
            if let Err(e) = self.recover_one(&id, image) {
                failed.push((id, e));
            }
        }
        failed
    }

    fn recover_one(
        &self,
        id: &str,
        image: &dyn Fn(&Record) -> Result<Option<PathBuf>, String>,
    ) -> Result<()> {
        let slot = self.slot(id, false)?;
        let phase = lock(&slot).as_ref().map(|r| r.phase);
        match phase {
            None => Ok(()),
            // Nobody was told of it.
            Some(Phase::Opening | Phase::Closing) => {
                if let Some(record) = &mut *lock(&slot) {
                    record.holders = 1;
                }
                self.close(id)
            }
            Some(phase) => {
                let mut guard = lock(&slot);
                let Some(record) = &mut *guard else { return Ok(()) };
                if record.kind.is_none()
                    || (phase == Phase::Open && record.bound && self.server(id).is_alive())
                {
                    return Ok(());
                }
                let now = image(record).map_err(Error::Refused)?;
                if phase == Phase::Paused {
                    drop(guard);
                    return self.resume(id, now.as_deref());
                }
                self.restart(record, now)
            }
        }
    }

    /// Starts the server of a running disk again.
    pub(crate) fn restart(&self, record: &mut Record, image: Option<PathBuf>) -> Result<()> {
        let named = self.server(&record.spec.id).state().map(|s| s.image);
        if let Some(image) = image.or(named) {
            record.spec.image = image;
        }
        record.path = Some(self.serve(record)?);
        record.restarts += 1;
        self.save(record)
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
