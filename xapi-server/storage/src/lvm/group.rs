//! An attached volume group as a place for images. Volumes are reachable only while somebody has them open or
//! needs them held; inner nodes are write-protected; the metadata volume follows every change.
//!
//! Every change of the group asks first whether the SR is guarded, whoever calls. Synchronous, for blocking threads.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::runtime::Handle;
use xapi_backend::{program::Output, storage::SrStat};
use xennix_disk::{
    Error, Result,
    chain::Format,
    file::{Access, BlockFile, OsFile},
    volumes::Volumes,
};

use super::{
    HIDDEN, MGT,
    mgt::{self, Entry, SrInfo, Table},
    notes,
    report::{self, Group as Vg, Volume},
    tools::{BadName, Command, Tools},
};
use crate::{host::Host, images::Group, naming::Naming, policy::Policies, repository::lock};

/// Ending of the names of logs of changes.
const LOG: &str = ".cbtlog";

/// Most volumes named on one command line.
const TOGETHER: usize = 200;

/// A volume group of one SR.
pub struct VolumeGroup {
    sr: String,
    tools: Tools,
    host: Arc<dyn Host>,
    runtime: Handle,
    dir: PathBuf,
    policies: Arc<dyn Policies>,
    thin: bool,
    state: Mutex<State>,
}

/// What is known of the group without asking again. Nobody else changes it while it is attached here: what a command
/// has done is noted here, and all is asked anew when one fails.
#[derive(Default)]
struct State {
    volumes: Option<BTreeMap<String, Volume>>,
    /// Its tags and extents; how full it is, is asked each time.
    group: Option<Vg>,
    /// Works going on: what they made reachable stays so until the last has ended.
    works: usize,
    /// The volumes have been listed since the first of these began.
    listed: bool,
    table: Option<Table>,
    /// Handles of this process.
    uses: HashMap<String, Arc<AtomicUsize>>,
    /// What has to stay reachable for others, by who needs it.
    holds: HashMap<String, BTreeSet<String>>,
    /// Inner nodes that were made writable for a while.
    thawed: BTreeSet<String>,
}

/// An open volume, counted.
struct Held {
    file: OsFile,
    uses: Arc<AtomicUsize>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.uses.fetch_sub(1, Ordering::SeqCst);
    }
}

impl BlockFile for Held {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, buf)
    }
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.file.set_size(bytes)
    }
    fn flush(&self) -> io::Result<()> {
        self.file.flush()
    }
    fn is_fixed(&self) -> bool {
        true
    }
    fn next_data(&self, offset: u64) -> io::Result<Option<(u64, u64)>> {
        self.file.next_data(offset)
    }
    fn claim(&self) -> io::Result<bool> {
        self.file.claim()
    }
    // `punch` stays the default: what lies below a group of the original's is never discarded.
}

fn not_found(name: &str) -> Error {
    io::Error::new(io::ErrorKind::NotFound, format!("there is no volume {name}")).into()
}

fn bad(e: BadName) -> Error {
    Error::Refused(e.to_string())
}

/// What a tool that failed means; pure.
fn failed(program: &str, told: &Output) -> Error {
    let text = told.stderr.trim();
    let full = [
        "insufficient free space",
        "insufficient suitable allocatable",
        "not enough free",
        "too large for circular buffer",
    ];
    let lower = text.to_lowercase();
    if full.iter().any(|f| lower.contains(f)) {
        return io::Error::new(io::ErrorKind::StorageFull, format!("{program}: {text}")).into();
    }
    let broken = ["input/output error", "error reading device", "error writing device"];
    if broken.iter().any(|b| lower.contains(b)) {
        return io::Error::from_raw_os_error(nix::libc::EIO).into();
    }
    io::Error::other(format!("{program} failed with {}: {text}", told.status)).into()
}

/// How a group is reached.
pub struct Reach {
    /// Its commands.
    pub tools: Tools,
    /// What runs them.
    pub host: Arc<dyn Host>,
    /// The directory of its volumes' nodes.
    pub dir: PathBuf,
    /// What the records say.
    pub policies: Arc<dyn Policies>,
    /// New leaves get no more room than they need.
    pub thin: bool,
    /// The group, when it has just been looked at.
    pub seen: Option<Vg>,
}

impl VolumeGroup {
    /// The group of an SR; to be called on a runtime.
    pub fn new(sr: &str, reach: Reach) -> VolumeGroup {
        let Reach { tools, host, dir, policies, thin, seen } = reach;
        let state = Mutex::new(State { group: seen, ..State::default() });
        let runtime = Handle::current();
        VolumeGroup { sr: sr.to_owned(), tools, host, runtime, dir, policies, thin, state }
    }

    fn run(&self, command: std::result::Result<Command, BadName>) -> Result<String> {
        let command = command.map_err(bad)?;
        let args: Vec<&str> = command.args.iter().map(String::as_str).collect();
        let told = self.runtime.block_on(self.host.run(command.program, &args, &[]));
        let told = told.map_err(io::Error::other)?;
        if told.status != 0 {
            return Err(failed(command.program, &told));
        }
        Ok(told.stdout)
    }

    /// Refuses every change of a guarded group.
    fn changeable(&self) -> Result<()> {
        if self.policies.sr(&self.sr).guarded {
            return Err(Error::Refused(format!("the storage repository {} is guarded", self.sr)));
        }
        Ok(())
    }

    /// Makes the metadata volume of a new group.
    ///
    /// # Errors
    /// What the tools and the device say.
    pub fn found(&self) -> Result<()> {
        let allocation = if self.thin { "thin" } else { "thick" };
        let sr = SrInfo { uuid: self.sr.clone(), allocation: allocation.into(), ..SrInfo::default() };
        let mut state = lock(&self.state);
        let made = self.write_table(&mut state, &Table::new(sr));
        self.let_go(&mut state);
        made
    }

    fn volumes<'a>(&self, state: &'a mut State) -> Result<&'a mut BTreeMap<String, Volume>> {
        if state.volumes.is_none() {
            let told = report::volumes(&self.run(Ok(self.tools.list()))?).map_err(io::Error::other)?;
            state.volumes = Some(told.into_iter().map(|v| (v.name.clone(), v)).collect());
        }
        state.volumes.as_mut().ok_or_else(|| io::Error::other("no volumes").into())
    }

    fn group<'a>(&self, state: &'a mut State) -> Result<&'a Vg> {
        if state.group.is_none() {
            let told = report::groups(&self.run(Ok(self.tools.show()))?).map_err(io::Error::other)?;
            state.group = told.into_iter().find(|g| g.name == self.tools.group());
        }
        let gone = || io::Error::new(io::ErrorKind::NotFound, format!("{} is gone", self.tools.group()));
        state.group.as_ref().ok_or_else(|| gone().into())
    }

    fn volume<'a>(&self, state: &'a mut State, name: &str) -> Result<&'a mut Volume> {
        self.volumes(state)?.get_mut(name).ok_or_else(|| not_found(name))
    }

    /// Makes volumes reachable that are not.
    fn reach(&self, state: &mut State, names: &[String]) -> Result<()> {
        let known = self.volumes(state)?;
        let mut asleep = Vec::new();
        for name in names {
            let volume = known.get(name).ok_or_else(|| not_found(name))?;
            if !volume.plain {
                return Err(Error::Unsupported(format!("{name} is no plain volume")));
            }
            if !volume.active || !self.dir.join(name).exists() {
                asleep.push(name.clone());
            }
        }
        for names in asleep.chunks(TOGETHER) {
            if let Err(e) = self.run(self.tools.activate(names)) {
                state.volumes = None;
                return Err(e);
            }
            for name in names {
                self.volume(state, name)?.active = true;
            }
        }
        Ok(())
    }

    fn permit(&self, state: &mut State, name: &str, writable: bool) -> Result<()> {
        if self.volume(state, name)?.writable != writable {
            self.changeable()?;
            self.alter(state, name, self.tools.permit(&[name.to_owned()], writable), |volume| {
                volume.writable = writable;
            })?;
        }
        Ok(())
    }

    /// Runs a command that changes one volume, and notes what it did.
    fn alter(
        &self,
        state: &mut State,
        name: &str,
        command: std::result::Result<Command, BadName>,
        note: impl FnOnce(&mut Volume),
    ) -> Result<()> {
        if let Err(e) = self.run(command) {
            state.volumes = None;
            return Err(e);
        }
        note(self.volume(state, name)?);
        Ok(())
    }

    /// Changes tags of the group, and notes what it did.
    fn tag(&self, state: &mut State, add: &[String], remove: &[String]) -> Result<()> {
        if let Err(e) = self.run(self.tools.tags(add, remove)) {
            state.group = None;
            return Err(e);
        }
        if let Some(group) = &mut state.group {
            group.tags.retain(|t| !remove.contains(t));
            group.tags.extend_from_slice(add);
        }
        Ok(())
    }

    /// Bytes of the whole extents that so many bytes take. The tools refuse what is no whole number of sectors.
    fn whole(&self, state: &mut State, bytes: u64) -> Result<u64> {
        Ok(bytes.next_multiple_of(self.group(state)?.extent))
    }

    fn open_in(&self, state: &mut State, name: &str, access: Access) -> Result<Arc<dyn BlockFile>> {
        self.reach(state, &[name.to_owned()])?;
        if access == Access::Write && !self.volume(state, name)?.writable {
            self.permit(state, name, true)?;
            state.thawed.insert(name.to_owned());
        }
        let file = OsFile::open(&self.dir.join(name), access, true)?;
        let uses = state.uses.entry(name.to_owned()).or_default().clone();
        uses.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(Held { file, uses }))
    }

    fn in_use(state: &State, name: &str) -> bool {
        state.uses.get(name).is_some_and(|uses| uses.load(Ordering::SeqCst) > 0)
    }

    /// Does the volume say itself that it is an inner node?
    fn is_node(&self, state: &mut State, name: &str) -> Result<bool> {
        if self.volume(state, name)?.tags.iter().any(|t| t == HIDDEN) {
            return Ok(true);
        }
        if Format::of_name(name) != Some(Format::Vhd) {
            return Ok(false);
        }
        let mut copy = [0; 512];
        self.open_in(state, name, Access::Read)?.read_at(0, &mut copy)?;
        Ok(xennix_disk::vhd::footer::Footer::parse(&copy).is_ok_and(|f| f.hidden != 0))
    }

    /// Inner nodes that were written are protected again.
    fn protect(&self, state: &mut State) {
        let idle: Vec<String> =
            state.thawed.iter().filter(|n| !VolumeGroup::in_use(state, n)).cloned().collect();
        for name in idle {
            state.thawed.remove(&name);
            let done = match self.is_node(state, &name) {
                Ok(true) => self.permit(state, &name, false),
                other => other.map(drop),
            };
            if let Err(e) = done {
                tracing::warn!(volume = name, error = %e, "an inner node stays writable");
            }
        }
    }

    /// Lets go of what nobody needs. What can't be let go of stays for the next time.
    fn let_go(&self, state: &mut State) {
        self.protect(state);
        let Ok(volumes) = self.volumes(state) else { return };
        let active: Vec<String> = volumes.values().filter(|v| v.active).map(|v| v.name.clone()).collect();
        let needed = |name: &String| {
            VolumeGroup::in_use(state, name) || state.holds.values().any(|held| held.contains(name))
        };
        let idle: Vec<String> = active.into_iter().filter(|name| !needed(name)).collect();
        for names in idle.chunks(TOGETHER) {
            if let Err(e) = self.run(self.tools.deactivate(names)) {
                tracing::debug!(error = %e, "some volumes stay reachable");
                state.volumes = None;
                return;
            }
            for name in names {
                if let Ok(volume) = self.volume(state, name) {
                    volume.active = false;
                }
            }
        }
    }

    fn make(&self, state: &mut State, name: &str, bytes: u64) -> Result<()> {
        self.changeable()?;
        self.refuse_foreign(state)?;
        if self.volumes(state)?.contains_key(name) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        let log = name.ends_with(LOG).then_some(super::LOG_MARK);
        let size = self.whole(state, bytes)?;
        if let Err(e) = self.run(self.tools.create(name, size, log)) {
            state.volumes = None;
            return Err(e);
        }
        let made = Volume {
            name: name.to_owned(),
            size,
            active: true,
            open: false,
            writable: true,
            plain: true,
            tags: log.map(str::to_owned).into_iter().collect(),
        };
        self.volumes(state)?.insert(name.to_owned(), made);
        Ok(())
    }

    /// The metadata volume as it is; made anew from nothing where it can't be read.
    fn table<'a>(&self, state: &'a mut State) -> Result<&'a mut Table> {
        if state.table.is_none() {
            let table = match self.read_table(state) {
                Ok(table) => table,
                Err(Error::Io(e)) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
                Err(e) => {
                    tracing::warn!(sr = self.sr, error = %e, "the metadata volume is written anew");
                    let allocation = if self.thin { "thin" } else { "thick" };
                    let sr =
                        SrInfo { uuid: self.sr.clone(), allocation: allocation.into(), ..SrInfo::default() };
                    let table = Table::new(sr);
                    if !self.policies.sr(&self.sr).guarded {
                        self.write_table(state, &table)?;
                    }
                    table
                }
            };
            state.table = Some(table);
        }
        state.table.as_mut().ok_or_else(|| io::Error::other("no table").into())
    }

    fn read_table(&self, state: &mut State) -> Result<Table> {
        let file = self.open_in(state, MGT, Access::Read)?;
        let mut bytes = vec![0; mgt::SECTOR];
        file.read_at(0, &mut bytes)?;
        let wrong = |e: mgt::Malformed| Error::Refused(e.to_string());
        let used = mgt::length(&bytes).map_err(wrong)?.min(file.size()? as usize);
        bytes.resize(used, 0);
        file.read_at(0, &mut bytes)?;
        Table::parse(&bytes).map_err(wrong)
    }

    /// Writes all of it; the first sector, which makes it one, goes last.
    fn write_table(&self, state: &mut State, table: &Table) -> Result<()> {
        self.changeable()?;
        if !self.volumes(state)?.contains_key(MGT) {
            self.make(state, MGT, mgt::SIZE)?;
        }
        let file = self.open_in(state, MGT, Access::Write)?;
        let bytes = table.whole();
        file.write_at(mgt::SECTOR as u64, &bytes[mgt::SECTOR..])?;
        file.flush()?;
        file.write_at(0, &bytes[..mgt::SECTOR])?;
        Ok(file.flush()?)
    }

    /// Changes what the metadata volume says, a sector after the other.
    fn tell(
        &self,
        state: &mut State,
        change: impl FnOnce(&mut Table) -> std::result::Result<Vec<mgt::Write>, mgt::Full>,
    ) -> Result<()> {
        self.changeable()?;
        let full = |e: mgt::Full| io::Error::new(io::ErrorKind::StorageFull, e.to_string());
        let writes = change(self.table(state)?).map_err(full)?;
        if writes.is_empty() {
            return Ok(());
        }
        let written = self.open_in(state, MGT, Access::Write).and_then(|file| {
            for write in &writes {
                file.write_at(write.offset, &write.bytes)?;
                file.flush()?;
            }
            Ok(())
        });
        if written.is_err() {
            // What is there now, the volume itself has to say.
            state.table = None;
        }
        written
    }

    /// Journals of the original stack: only it can replay them.
    fn refuse_foreign(&self, state: &mut State) -> Result<()> {
        let foreign =
            self.volumes(state)?.values().find(|v| v.tags.iter().any(|t| t == "journaler" || t == "jvhd"));
        foreign.map_or(Ok(()), |v| {
            Err(Error::Refused(format!(
                "the original stack left an unfinished operation ({}); scan the SR there first",
                v.name
            )))
        })
    }
}

/// What to say of a volume that nobody said anything of.
fn unknown(uuid: &str, format: Format) -> Entry {
    let vdi_type = match format {
        Format::Vhd => "vhd",
        Format::Raw => "aio",
        Format::Qcow2 => "qcow2",
    };
    Entry {
        uuid: uuid.into(),
        kind: "user".into(),
        vdi_type: vdi_type.into(),
        managed: true,
        snapshot_time: "19700101T00:00:00Z".into(),
        ..Entry::default()
    }
}

impl Volumes for VolumeGroup {
    fn list(&self) -> Result<Vec<String>> {
        let mut state = lock(&self.state);
        if !state.listed {
            state.volumes = None;
        }
        let known = self.volumes(&mut state)?;
        let names = known.keys().filter(|name| *name != MGT).cloned().collect();
        state.listed = state.works > 0;
        Ok(names)
    }

    fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.volumes(&mut lock(&self.state))?.contains_key(name))
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn BlockFile>> {
        self.open_in(&mut lock(&self.state), name, access)
    }

    fn create(&self, name: &str, bytes: u64) -> Result<Arc<dyn BlockFile>> {
        let mut state = lock(&self.state);
        self.make(&mut state, name, bytes)?;
        self.open_in(&mut state, name, Access::Write)
    }

    fn ensure_size(&self, name: &str, bytes: u64) -> Result<()> {
        // The one change that a guarded SR is open to: room for a guest's writes.
        let mut state = lock(&self.state);
        if self.volume(&mut state, name)?.size >= bytes {
            return Ok(());
        }
        let size = self.whole(&mut state, bytes)?;
        self.alter(&mut state, name, self.tools.extend(name, size), |volume| volume.size = size)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        self.volume(&mut state, from)?;
        if self.volumes(&mut state)?.contains_key(to) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        self.alter(&mut state, from, self.tools.rename(from, to), |volume| volume.name = to.to_owned())?;
        let known = self.volumes(&mut state)?;
        if let Some(volume) = known.remove(from) {
            known.insert(to.to_owned(), volume);
        }
        if let Some(uses) = state.uses.remove(from) {
            state.uses.insert(to.to_owned(), uses);
        }
        if state.thawed.remove(from) {
            state.thawed.insert(to.to_owned());
        }
        for held in state.holds.values_mut() {
            if held.remove(from) {
                held.insert(to.to_owned());
            }
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.remove_all(&[name.to_owned()])
    }

    fn sync(&self) -> Result<()> {
        // Every command is durable when it ends.
        Ok(())
    }

    fn put_note(&self, key: &str, text: &str) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        self.refuse_foreign(&mut state)?;
        let old = notes::of_key(&self.group(&mut state)?.tags, key);
        let generation = uuid::Uuid::new_v4().simple().to_string();
        let new = notes::tags(key, &generation[..8], text).map_err(Error::Refused)?;
        self.tag(&mut state, &new, &old)
    }

    fn notes(&self) -> Result<Vec<(String, String)>> {
        let mut state = lock(&self.state);
        let notes = notes::read(&self.group(&mut state)?.tags).map_err(Error::Refused)?;
        Ok(notes.into_iter().collect())
    }

    fn drop_note(&self, key: &str) -> Result<()> {
        let mut state = lock(&self.state);
        let old = notes::of_key(&self.group(&mut state)?.tags, key);
        if old.is_empty() {
            return Ok(());
        }
        self.changeable()?;
        self.tag(&mut state, &[], &old)
    }
}

impl Group for VolumeGroup {
    fn settle(&self) {
        let mut state = lock(&self.state);
        if state.works == 0 {
            self.let_go(&mut state);
        }
    }

    fn begin(&self) {
        lock(&self.state).works += 1;
    }

    fn end(&self) {
        let mut state = lock(&self.state);
        state.works = state.works.saturating_sub(1);
        if state.works == 0 {
            state.listed = false;
            self.let_go(&mut state);
        }
    }

    fn remove_all(&self, names: &[String]) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        self.refuse_foreign(&mut state)?;
        for name in names {
            self.volume(&mut state, name)?;
            if VolumeGroup::in_use(&state, name) {
                return Err(Error::Refused(format!("{name} is in use")));
            }
        }
        for names in names.chunks(TOGETHER) {
            if let Err(e) = self.run(self.tools.remove(names)) {
                state.volumes = None;
                return Err(e);
            }
            for name in names {
                self.volumes(&mut state)?.remove(name);
                state.uses.remove(name);
                state.thawed.remove(name);
            }
        }
        Ok(())
    }

    fn hidden(&self) -> Result<BTreeSet<String>> {
        let mut state = lock(&self.state);
        let marked = self.volumes(&mut state)?.values().filter(|v| v.tags.iter().any(|t| t == HIDDEN));
        Ok(marked.map(|v| v.name.clone()).collect())
    }

    fn set_hidden(&self, name: &str, hidden: bool) -> Result<()> {
        let mut state = lock(&self.state);
        if self.volume(&mut state, name)?.tags.iter().any(|t| t == HIDDEN) == hidden {
            return Ok(());
        }
        self.changeable()?;
        self.alter(&mut state, name, self.tools.mark(name, HIDDEN, hidden), |volume| {
            volume.tags.retain(|t| t != HIDDEN);
            volume.tags.extend(hidden.then(|| HIDDEN.to_owned()));
        })
    }

    fn named(&self, uuid: &str, name: &str, description: &str) -> Result<()> {
        let mut state = lock(&self.state);
        let Some(known) = self.table(&mut state)?.get(uuid).cloned() else { return Ok(()) };
        let entry = Entry { name: name.into(), description: description.into(), ..known };
        self.tell(&mut state, |table| table.put(entry))
    }

    fn usage(&self) -> Option<Result<SrStat>> {
        let mut state = lock(&self.state);
        state.group = None;
        Some(self.group(&mut state).map(|group| SrStat {
            physical_size: i64::try_from(group.size).unwrap_or(i64::MAX),
            physical_utilisation: i64::try_from(group.size.saturating_sub(group.free)).unwrap_or(i64::MAX),
        }))
    }

    fn sizes(&self) -> Result<BTreeMap<String, u64>> {
        let mut state = lock(&self.state);
        Ok(self.volumes(&mut state)?.values().map(|v| (v.name.clone(), v.size)).collect())
    }

    fn gather(&self, names: &[String]) -> Result<()> {
        self.reach(&mut lock(&self.state), names)
    }

    fn hold(&self, owner: &str, names: &[String]) -> Result<()> {
        let mut state = lock(&self.state);
        state.holds.insert(owner.to_owned(), names.iter().cloned().collect());
        self.reach(&mut state, names)
    }

    fn release(&self, owner: &str) {
        lock(&self.state).holds.remove(owner);
    }

    fn freeze(&self, name: &str) -> Result<()> {
        let mut state = lock(&self.state);
        state.thawed.remove(name);
        self.permit(&mut state, name, false)
    }

    fn shrink(&self, name: &str, bytes: u64) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        let bytes = self.whole(&mut state, bytes)?;
        if self.volume(&mut state, name)?.size <= bytes {
            return Ok(());
        }
        self.alter(&mut state, name, self.tools.reduce(name, bytes), |volume| volume.size = bytes)
    }

    fn is_thin(&self) -> bool {
        self.thin
    }

    fn known(&self, uuid: &str) -> Option<Entry> {
        let mut state = lock(&self.state);
        match self.table(&mut state) {
            Ok(table) => table.get(uuid).cloned(),
            Err(e) => {
                tracing::warn!(sr = self.sr, error = %e, "the metadata volume can't be read");
                None
            }
        }
    }

    fn note(&self, entry: Entry) -> Result<()> {
        self.tell(&mut lock(&self.state), |table| table.put(entry))
    }

    fn has_room(&self, more: usize) -> Result<bool> {
        Ok(self.table(&mut lock(&self.state))?.has_room(more))
    }

    fn agree(&self) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        let mut there = BTreeMap::new();
        let names: Vec<String> = self.volumes(&mut state)?.keys().cloned().collect();
        for name in &names {
            // What is left of a snapshot whose bytes were given up is called as before.
            if let Some(uuid) = name.strip_suffix(LOG)
                && let Some(known) = self.table(&mut state)?.get(uuid).cloned()
            {
                there.entry(uuid.to_owned()).or_insert(known);
            }
            if let Some((uuid, format)) = Naming::Volumes.parse(name) {
                let mut entry = unknown(uuid, format);
                if self.table(&mut state)?.get(uuid).is_none() && self.is_node(&mut state, name)? {
                    entry = Entry { name: "base copy".into(), managed: false, read_only: true, ..entry };
                }
                there.insert(uuid.to_owned(), entry);
            }
        }
        self.tell(&mut state, |table| table.agree(&there))?;
        // Inner nodes that a cut left writable; what is open for a merge waits for its end.
        let nodes: BTreeSet<String> =
            self.table(&mut state)?.entries().filter(|e| !e.managed).map(|e| e.uuid.clone()).collect();
        let volumes = self.volumes(&mut state)?.values().filter(|v| v.writable);
        let open: Vec<String> = volumes
            .filter(|v| Naming::Volumes.parse(&v.name).is_some_and(|(uuid, _)| nodes.contains(uuid)))
            .map(|v| v.name.clone())
            .collect();
        state.thawed.extend(open);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_says_gets_its_number() {
        let told = |stderr: &str| {
            failed("lvcreate", &Output { status: 5, stdout: String::new(), stderr: stderr.into() })
        };
        let number = |e: &Error| crate::fail::Doing::Create.disk(e).code.to_string();
        let full = "  Volume group \"x\" has insufficient free space (1 extents): 5 required.\n";
        assert_eq!(number(&told(full)), "SR_BACKEND_FAILURE_44");
        assert_eq!(number(&told("  /dev/sdb: read failed: Input/output error")), "SR_BACKEND_FAILURE_200");
        assert_eq!(number(&told("something else")), "SR_BACKEND_FAILURE_78");
    }
}
