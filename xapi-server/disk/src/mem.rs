//! Images in memory that record every write, flush and name change, and can be cut at any moment the way a power
//! failure cuts: unflushed sectors are kept or lost one by one. For tests of this crate and its users; never
//! for real disks.

use crate::error::Result;
use crate::file::{Access, BlockFile};
use crate::volumes::{Volumes, plain_name};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SECTOR: u64 = 512;
/// Bytes kept together.
const PAGE: u64 = 32 << 10;

#[derive(Debug, Clone, Default)]
struct Content {
    /// Shared between a state and its cuts until written.
    pages: BTreeMap<u64, Arc<[u8; PAGE as usize]>>,
    size: u64,
}

#[derive(Debug, Clone)]
enum Op {
    Write { file: u64, offset: u64, data: Vec<u8> },
    SetSize { file: u64, size: u64 },
    Flush { file: u64 },
    Name(NameOp),
    Sync,
    Note { key: String, text: Option<String> },
}

#[derive(Debug, Clone)]
enum NameOp {
    Create { name: String, file: u64, size: u64 },
    Rename { from: String, to: String },
    Remove { name: String },
}

#[derive(Debug, Clone, Default)]
struct World {
    /// Shared between a state and its cuts until written.
    files: BTreeMap<u64, Arc<Content>>,
    names: BTreeMap<String, u64>,
    notes: BTreeMap<String, String>,
    next: u64,
    /// What sectors nobody wrote read as.
    fill: u8,
    fixed: bool,
}

impl World {
    fn read(&self, file: u64, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let content = self.files.get(&file).ok_or(io::ErrorKind::NotFound)?;
        if offset.saturating_add(buf.len() as u64) > content.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            let skip = (at % PAGE) as usize;
            let n = (PAGE as usize - skip).min(buf.len() - done);
            match content.pages.get(&(at / PAGE)) {
                Some(s) => buf[done..done + n].copy_from_slice(&s[skip..skip + n]),
                None => buf[done..done + n].fill(self.fill),
            }
            done += n;
        }
        Ok(())
    }

    /// Applies a write, sector by sector where `keep` says so.
    fn write(&mut self, file: u64, offset: u64, data: &[u8], mut keep: impl FnMut() -> bool) {
        self.write_by(file, offset, data, SECTOR, &mut keep);
    }

    /// Applies a write, `unit` by `unit` where `keep` says so.
    fn write_by(&mut self, file: u64, offset: u64, data: &[u8], unit: u64, keep: &mut dyn FnMut() -> bool) {
        let fill = self.fill;
        let Some(content) = self.files.get_mut(&file).map(Arc::make_mut) else { return };
        let mut done = 0;
        while done < data.len() {
            let at = offset + done as u64;
            let n = ((unit - at % unit) as usize).min(data.len() - done);
            if keep() {
                let page = content.pages.entry(at / PAGE).or_insert_with(|| Arc::new([fill; PAGE as usize]));
                let skip = (at % PAGE) as usize;
                Arc::make_mut(page)[skip..skip + n].copy_from_slice(&data[done..done + n]);
                content.size = content.size.max(at + n as u64);
            }
            done += n;
        }
    }

    fn set_size(&mut self, file: u64, size: u64) {
        let fill = self.fill;
        if let Some(content) = self.files.get_mut(&file).map(Arc::make_mut) {
            content.size = size;
            content.pages.split_off(&size.div_ceil(PAGE));
            if let Some(page) = content.pages.get_mut(&(size / PAGE)) {
                Arc::make_mut(page)[(size % PAGE) as usize..].fill(fill);
            }
        }
    }

    fn name(&mut self, op: &NameOp) {
        match op {
            NameOp::Create { name, file, size } => {
                self.names.insert(name.clone(), *file);
                let content = Arc::make_mut(self.files.entry(*file).or_default());
                content.size = content.size.max(*size);
                self.next = self.next.max(file + 1);
            }
            NameOp::Rename { from, to } => {
                if let Some(file) = self.names.remove(from) {
                    self.names.insert(to.clone(), file);
                }
            }
            NameOp::Remove { name } => {
                self.names.remove(name);
            }
        }
    }

    fn note(&mut self, key: &str, text: Option<&String>) {
        match text {
            Some(text) => self.notes.insert(key.to_owned(), text.clone()),
            None => self.notes.remove(key),
        };
    }
}

#[derive(Debug, Default)]
struct Shared {
    now: World,
    start: World,
    log: Vec<Op>,
    /// Writes left before every further one fails, for tests of errors in the middle.
    budget: Option<usize>,
}

impl Shared {
    fn record(&mut self, op: Op) {
        self.log.push(op);
    }

    fn spend(&mut self) -> io::Result<()> {
        match &mut self.budget {
            Some(0) => Err(io::Error::other("injected failure")),
            Some(n) => {
                *n -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// A place of images in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct MemVolumes {
    shared: Arc<Mutex<Shared>>,
}

/// Which unflushed writes a cut keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// None: the disk held everything back.
    LoseAll,
    /// All up to the cut.
    KeepAll,
    /// A pseudo-random choice per sector.
    Random(u64),
}

impl MemVolumes {
    /// Files that grow; unwritten bytes read as zero.
    pub fn files() -> MemVolumes {
        MemVolumes::default()
    }

    /// Volumes of fixed size in 4 MiB steps whose unwritten bytes read as `fill`, like an old logical volume.
    pub fn fixed(fill: u8) -> MemVolumes {
        let m = MemVolumes::default();
        {
            let mut s = m.lock();
            s.now.fixed = true;
            s.now.fill = fill;
            s.start = s.now.clone();
        }
        m
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the present state as durable and starts the record anew.
    pub fn checkpoint(&self) {
        let mut s = self.lock();
        s.start = s.now.clone();
        s.log.clear();
    }

    /// Operations recorded since the checkpoint: the valid cuts are `0..=ops()`.
    pub fn ops(&self) -> usize {
        self.lock().log.len()
    }

    /// Lets `writes` more writes succeed and then fails every one; `None` heals.
    pub fn fail_after(&self, writes: Option<usize>) {
        self.lock().budget = writes;
    }

    /// What a power failure after the first `at` recorded operations leaves behind.
    pub fn cut(&self, at: usize, how: Cut) -> MemVolumes {
        let s = self.lock();
        let mut world = s.start.clone();
        let log = &s.log[..at.min(s.log.len())];
        let mut state = match how {
            Cut::Random(seed) => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            _ => 1,
        };
        let mut keep = || match how {
            Cut::LoseAll => false,
            Cut::KeepAll => true,
            Cut::Random(_) => {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state & 0x100 != 0
            }
        };
        let synced = log.iter().rposition(|op| matches!(op, Op::Sync | Op::Note { .. })).unwrap_or(0);
        let mut flushed = BTreeMap::new();
        for (i, op) in log.iter().enumerate() {
            if let Op::Flush { file } = op {
                flushed.insert(*file, i);
            }
        }
        let mut names_alive = true;
        // Content changes by file, names in order: a lost name change loses all later ones.
        for (i, op) in log.iter().enumerate() {
            let durable = |file: u64| flushed.get(&file).is_some_and(|f| *f > i);
            match op {
                Op::Write { file, offset, data } => {
                    if durable(*file) || how == Cut::KeepAll {
                        world.write_by(*file, *offset, data, PAGE, &mut || true);
                    } else if how != Cut::LoseAll {
                        world.write(*file, *offset, data, &mut keep);
                    }
                }
                Op::SetSize { file, size } => {
                    if durable(*file) || keep() {
                        world.set_size(*file, *size);
                    }
                }
                Op::Name(name) => {
                    // The content exists even while its name may be lost.
                    if let NameOp::Create { file, size, .. } = name {
                        let content = Arc::make_mut(world.files.entry(*file).or_default());
                        content.size = content.size.max(*size);
                        world.next = world.next.max(file + 1);
                    }
                    names_alive = i < synced || (names_alive && keep());
                    if names_alive {
                        world.name(name);
                    }
                }
                Op::Note { key, text } => world.note(key, text.as_ref()),
                Op::Flush { .. } | Op::Sync => {}
            }
        }
        let shared = Shared { start: world.clone(), now: world, ..Shared::default() };
        MemVolumes { shared: Arc::new(Mutex::new(shared)) }
    }

    /// All bytes of an image.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let file = self.open(name, Access::Read)?;
        let mut out = vec![0; file.size()? as usize];
        file.read_at(0, &mut out)?;
        Ok(out)
    }

    /// Puts an image of these bytes in place.
    ///
    /// # Errors
    /// The name is taken.
    pub fn put(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let file = self.create(name, bytes.len() as u64)?;
        Ok(file.write_at(0, bytes)?)
    }

    fn change(&self, op: NameOp) {
        let mut s = self.lock();
        s.now.name(&op);
        s.record(Op::Name(op));
    }
}

struct MemFile {
    shared: Arc<Mutex<Shared>>,
    file: u64,
    access: Access,
}

impl MemFile {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlockFile for MemFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.lock().now.read(self.file, offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        let mut s = self.lock();
        if self.access == Access::Read {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let end = offset.saturating_add(buf.len() as u64);
        if s.now.fixed && s.now.files.get(&self.file).is_none_or(|c| end > c.size) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        s.spend()?;
        s.now.write_by(self.file, offset, buf, PAGE, &mut || true);
        s.record(Op::Write { file: self.file, offset, data: buf.to_vec() });
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        self.lock().now.files.get(&self.file).map(|c| c.size).ok_or(io::ErrorKind::NotFound.into())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut s = self.lock();
        if s.now.fixed {
            return Err(io::ErrorKind::Unsupported.into());
        }
        s.spend()?;
        s.now.set_size(self.file, size);
        s.record(Op::SetSize { file: self.file, size });
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut s = self.lock();
        s.record(Op::Flush { file: self.file });
        Ok(())
    }

    fn is_fixed(&self) -> bool {
        self.lock().now.fixed
    }
}

impl Volumes for MemVolumes {
    fn list(&self) -> Result<Vec<String>> {
        Ok(self.lock().now.names.keys().cloned().collect())
    }

    fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.lock().now.names.contains_key(plain_name(name)?))
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn BlockFile>> {
        let file = self.lock().now.names.get(plain_name(name)?).copied();
        let file = file.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Arc::new(MemFile { shared: Arc::clone(&self.shared), file, access }))
    }

    fn create(&self, name: &str, bytes: u64) -> Result<Arc<dyn BlockFile>> {
        if self.exists(name)? {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        let (file, fixed) = {
            let s = self.lock();
            (s.now.next, s.now.fixed)
        };
        let size = if fixed { bytes.div_ceil(4 << 20) * (4 << 20) } else { bytes };
        self.change(NameOp::Create { name: name.to_owned(), file, size });
        self.open(name, Access::Write)
    }

    fn ensure_size(&self, name: &str, bytes: u64) -> Result<()> {
        let mut s = self.lock();
        let fixed = s.now.fixed;
        if let Some(file) = s.now.names.get(name).copied()
            && let Some(content) = s.now.files.get_mut(&file).map(Arc::make_mut)
            && fixed
            && content.size < bytes
        {
            content.size = bytes.div_ceil(4 << 20) * (4 << 20);
            let size = content.size;
            // Volume managers make a new size durable before they return.
            s.record(Op::SetSize { file, size });
            s.record(Op::Flush { file });
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        if !self.exists(from)? {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        }
        if self.exists(to)? {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        self.change(NameOp::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        if !self.exists(name)? {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        }
        self.change(NameOp::Remove { name: name.to_owned() });
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.lock().record(Op::Sync);
        Ok(())
    }

    fn put_note(&self, key: &str, text: &str) -> Result<()> {
        let mut s = self.lock();
        let text = Some(text.to_owned());
        s.now.note(key, text.as_ref());
        s.record(Op::Note { key: key.to_owned(), text });
        Ok(())
    }

    fn notes(&self) -> Result<Vec<(String, String)>> {
        Ok(self.lock().now.notes.iter().map(|(k, t)| (k.clone(), t.clone())).collect())
    }

    fn drop_note(&self, key: &str) -> Result<()> {
        let mut s = self.lock();
        s.now.note(key, None);
        s.record(Op::Note { key: key.to_owned(), text: None });
        Ok(())
    }
}
