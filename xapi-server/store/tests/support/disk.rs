//! [`Disk`]: files in memory that keep a history of every write, truncation, flush, creation and removal,
//! and can run full, fail or be slow. [`Platter`] is what a power cut at some point of a history leaves.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use super::Chance;

/// What survives or vanishes as a whole when power goes.
const SECTOR: usize = 512;

/// Names and contents.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A file, whatever it is called: a name can be removed and given to a new one.
pub type Node = usize;

/// One thing done to the disk.
#[derive(Debug, Clone)]
pub enum Act {
    Create(String, Node),
    Write(Node, usize, Vec<u8>),
    Truncate(Node, usize),
    /// The file's content and length are on the medium.
    Flush(Node),
    Remove(String),
    /// Creations and removals are on the medium.
    FlushNames,
}

/// How the disk misbehaves.
#[derive(Debug, Clone, Default)]
pub struct Mood {
    /// Bytes it holds at most.
    pub room: Option<usize>,
    /// Writes, truncations, removals and flushes fail.
    pub broken: bool,
    /// Flushes fail, writes do not.
    pub flush_fails: bool,
    /// Reads fail.
    pub unreadable: bool,
    /// How long a flush takes.
    pub flush_takes: Duration,
}

pub enum Trouble {
    Full,
    Io,
}

#[derive(Default)]
struct Inner {
    names: BTreeMap<String, Node>,
    nodes: Vec<Vec<u8>>,
    history: Vec<Act>,
    mood: Mood,
}

impl Inner {
    fn used(&self) -> usize {
        self.names.values().map(|node| self.nodes[*node].len()).sum()
    }
}

/// A disk; clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Inner>>);

impl Disk {
    pub fn with(files: &Files) -> Disk {
        let names = files.keys().cloned().zip(0..).collect();
        let nodes = files.values().cloned().collect();
        Disk(Arc::new(Mutex::new(Inner { names, nodes, ..Inner::default() })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Whether both are one disk.
    pub fn same(&self, other: &Disk) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub fn set(&self, mood: Mood) {
        self.inner().mood = mood;
    }

    /// How many acts there were so far.
    pub fn now(&self) -> usize {
        self.inner().history.len()
    }

    pub fn history(&self) -> Vec<Act> {
        self.inner().history.clone()
    }

    pub fn files(&self) -> Files {
        let inner = self.inner();
        inner.names.iter().map(|(name, node)| (name.clone(), inner.nodes[*node].clone())).collect()
    }

    pub fn used(&self) -> usize {
        self.inner().used()
    }

    pub fn find(&self, name: &str) -> Option<Node> {
        self.inner().names.get(name).copied()
    }

    pub fn create(&self, name: &str) -> Node {
        let mut inner = self.inner();
        let node = inner.nodes.len();
        inner.nodes.push(Vec::new());
        inner.names.insert(name.into(), node);
        inner.history.push(Act::Create(name.into(), node));
        node
    }

    pub fn length(&self, node: Node) -> usize {
        self.inner().nodes[node].len()
    }

    /// Bytes read; fewer than asked for at the end.
    pub fn read(&self, node: Node, at: usize, into: &mut [u8]) -> Result<usize, Trouble> {
        let inner = self.inner();
        if inner.mood.unreadable {
            return Err(Trouble::Io);
        }
        let rest = inner.nodes[node].get(at..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    pub fn write(&self, node: Node, at: usize, bytes: &[u8]) -> Result<(), Trouble> {
        let mut inner = self.inner();
        let grows = (at + bytes.len()).saturating_sub(inner.nodes[node].len());
        match inner.mood {
            Mood { broken: true, .. } => return Err(Trouble::Io),
            Mood { room: Some(room), .. } if grows > 0 && inner.used() + grows > room => {
                return Err(Trouble::Full);
            }
            _ => {}
        }
        put(&mut inner.nodes[node], at, bytes);
        inner.history.push(Act::Write(node, at, bytes.to_vec()));
        Ok(())
    }

    pub fn truncate(&self, node: Node, length: usize) -> Result<(), Trouble> {
        let mut inner = self.inner();
        if inner.mood.broken {
            return Err(Trouble::Io);
        }
        inner.nodes[node].resize(length, 0);
        inner.history.push(Act::Truncate(node, length));
        Ok(())
    }

    pub fn flush(&self, node: Node) -> Result<(), Trouble> {
        let takes = self.inner().mood.flush_takes;
        std::thread::sleep(takes);
        let mut inner = self.inner();
        if inner.mood.broken || inner.mood.flush_fails {
            return Err(Trouble::Io);
        }
        inner.history.push(Act::Flush(node));
        Ok(())
    }

    pub fn flush_names(&self) {
        self.inner().history.push(Act::FlushNames);
    }

    pub fn remove(&self, name: &str) -> Result<(), Trouble> {
        let mut inner = self.inner();
        if inner.mood.broken {
            return Err(Trouble::Io);
        }
        inner.names.remove(name);
        inner.history.push(Act::Remove(name.into()));
        Ok(())
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// What is on the medium for certain, and what may or may not have reached it.
#[derive(Clone, Default)]
pub struct Platter {
    names: BTreeMap<String, Node>,
    nodes: BTreeMap<Node, Vec<u8>>,
    /// Per file, in order: writes and truncations not flushed.
    pending: BTreeMap<Node, Vec<Act>>,
    /// Creations and removals not flushed.
    pending_names: Vec<Act>,
}

impl Platter {
    pub fn with(files: &Files) -> Platter {
        let names = files.keys().cloned().zip(0..).collect();
        let nodes = files.values().cloned().enumerate().collect();
        Platter { names, nodes, ..Platter::default() }
    }

    /// Goes one act further.
    pub fn act(&mut self, act: &Act) {
        match act {
            Act::Write(node, ..) | Act::Truncate(node, _) => {
                self.pending.entry(*node).or_default().push(act.clone());
            }
            Act::Flush(node) => {
                let file = self.nodes.entry(*node).or_default();
                for act in self.pending.remove(node).unwrap_or_default() {
                    settle(file, &act);
                }
            }
            Act::Create(..) | Act::Remove(_) => self.pending_names.push(act.clone()),
            Act::FlushNames => {
                for act in std::mem::take(&mut self.pending_names) {
                    rename(&mut self.names, &act);
                }
            }
        }
    }

    /// The files after power went. Of what was not flushed any part may be there, whatever came first,
    /// down to single sectors; names change in their order.
    pub fn cut(&self, chance: &mut Chance) -> Files {
        let mut names = self.names.clone();
        let reached = chance.below(self.pending_names.len() + 1);
        self.pending_names[..reached].iter().for_each(|act| rename(&mut names, act));
        let habit = chance.below(4);
        let mut left = Files::new();
        for (name, node) in names {
            let mut file = self.nodes.get(&node).cloned().unwrap_or_default();
            for act in self.pending.get(&node).into_iter().flatten() {
                match habit {
                    0 => {}
                    1 => settle(&mut file, act),
                    2 if chance.one_in(2) => settle(&mut file, act),
                    3 => tear(&mut file, act, chance),
                    _ => {}
                }
            }
            left.insert(name, file);
        }
        left
    }
}

fn rename(names: &mut BTreeMap<String, Node>, act: &Act) {
    match act {
        Act::Create(name, node) => {
            names.insert(name.clone(), *node);
        }
        Act::Remove(name) => {
            names.remove(name);
        }
        _ => {}
    }
}

fn settle(file: &mut Vec<u8>, act: &Act) {
    match act {
        Act::Write(_, at, bytes) => put(file, *at, bytes),
        Act::Truncate(_, length) => file.resize(*length, 0),
        _ => {}
    }
}

/// Any of the sectors of a write.
fn tear(file: &mut Vec<u8>, act: &Act, chance: &mut Chance) {
    let Act::Write(_, at, bytes) = act else {
        return if chance.one_in(2) {
            settle(file, act)
        };
    };
    let mut from = 0;
    while from < bytes.len() {
        let to = ((at + from) / SECTOR * SECTOR + SECTOR - at).min(bytes.len());
        match chance.below(8) {
            0..4 => put(file, at + from, &bytes[from..to]),
            // The length has grown before the content came: what lies there is anything.
            4 if file.len() < at + to => {
                let noise: Vec<u8> = (from..to).map(|_| chance.next() as u8).collect();
                put(file, at + from, &noise);
            }
            _ => {}
        }
        from = to;
    }
}
