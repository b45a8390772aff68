//! An attached volume group as a place for images: what is known of it, and its commands. Volumes are reachable only
//! while somebody has them open or needs them held; inner nodes are write-protected; the metadata volume ([`table`])
//! follows every change. What a place promises stands in [`place`].
//!
//! Every change of the group asks first whether the SR is guarded, whoever calls. Synchronous, for blocking threads.

mod held;
mod place;
mod table;

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
use xapi_backend::program::Output;
use xennix_disk::{
    Error, Result,
    chain::Format,
    file::{Access, BlockFile, OsFile},
};

use self::held::Held;
use super::{
    HIDDEN,
    mgt::Table,
    report::{self, Group as Vg, Volume},
    tools::{BadName, Command, Tools},
};
use crate::{host::Host, policy::Policies};

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
