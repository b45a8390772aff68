//! The disk behind an export: shared by all connections, and closed and opened again while clients wait. Widens
//! requests to whole sectors. Never answers from a disk that is being closed.

use crate::cbt::Log;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::source::{Extent, Source, State, check_range};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Opens the disk, at the start and after every pause.
pub type Opener = Box<dyn FnMut() -> Result<Image> + Send>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Paused,
    Stopped,
}

/// A served disk.
pub struct Export {
    name: String,
    read_only: bool,
    opener: Mutex<Opener>,
    disk: RwLock<Option<Image>>,
    phase: Mutex<Phase>,
    changed: Condvar,
    size: AtomicU64,
    dirty: Option<(String, Log)>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Export {
    /// Opens the disk and serves it as `name`.
    ///
    /// # Errors
    /// What `opener` says.
    pub fn new(name: impl Into<String>, read_only: bool, mut opener: Opener) -> Result<Export> {
        let disk = opener()?;
        Ok(Export {
            name: name.into(),
            read_only,
            size: AtomicU64::new(disk.size()),
            disk: RwLock::new(Some(disk)),
            opener: Mutex::new(opener),
            phase: Mutex::new(Phase::Running),
            changed: Condvar::new(),
            dirty: None,
        })
    }

    /// Offers the changes in `log` as the context `qemu:dirty-bitmap:<bitmap>`.
    #[must_use]
    pub fn with_changes(mut self, bitmap: &str, log: Log) -> Export {
        self.dirty = Some((format!("qemu:dirty-bitmap:{bitmap}"), log));
        self
    }

    /// Name on the wire.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Are writes refused?
    pub fn read_only(&self) -> bool {
        self.read_only
    }

    /// Virtual size in bytes, as last opened.
    pub fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    /// The context of changes, where there is one.
    pub fn changes(&self) -> Option<&(String, Log)> {
        self.dirty.as_ref()
    }

    /// Is it paused?
    pub fn is_paused(&self) -> bool {
        *lock(&self.phase) == Phase::Paused
    }

    /// Waits until the disk may be used; `None` when it never will be again.
    fn wait(&self) -> Option<()> {
        let mut phase = lock(&self.phase);
        while *phase == Phase::Paused {
            phase = self.changed.wait(phase).unwrap_or_else(PoisonError::into_inner);
        }
        (*phase == Phase::Running).then_some(())
    }

    fn shared(&self) -> Result<RwLockReadGuard<'_, Option<Image>>> {
        loop {
            self.wait().ok_or(Error::Stopped)?;
            let disk = self.disk.read().unwrap_or_else(PoisonError::into_inner);
            if disk.is_some() {
                return Ok(disk);
            }
        }
    }

    fn exclusive(&self) -> Result<RwLockWriteGuard<'_, Option<Image>>> {
        loop {
            self.wait().ok_or(Error::Stopped)?;
            let disk = self.disk.write().unwrap_or_else(PoisonError::into_inner);
            if disk.is_some() {
                return Ok(disk);
            }
        }
    }

    /// Gives `work` the disk for reading; waits while it is paused.
    ///
    /// # Errors
    /// [`Error::Stopped`] after [`stop`](Export::stop); what `work` says.
    pub fn with<T>(&self, work: impl FnOnce(&Image) -> Result<T>) -> Result<T> {
        match &*self.shared()? {
            Some(disk) => work(disk),
            None => Err(Error::Stopped),
        }
    }

    /// Gives `work` the disk alone; waits while it is paused.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; else as [`with`](Export::with).
    pub fn with_mut<T>(&self, work: impl FnOnce(&mut Image) -> Result<T>) -> Result<T> {
        if self.read_only {
            return Err(Error::ReadOnly);
        }
        match &mut *self.exclusive()? {
            Some(disk) => work(disk),
            None => Err(Error::Stopped),
        }
    }

    /// Reads any bytes inside the disk.
    ///
    /// # Errors
    /// [`Error::Range`]; what reading says.
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.with(|disk| {
            let (from, to) = whole(offset, buf.len() as u64, disk.size())?;
            if from == offset && to - from == buf.len() as u64 {
                return disk.read_at(offset, buf);
            }
            let mut wide = vec![0; (to - from) as usize];
            disk.read_at(from, &mut wide)?;
            let skip = (offset - from) as usize;
            buf.copy_from_slice(&wide[skip..skip + buf.len()]);
            Ok(())
        })
    }

    /// Writes any bytes inside the disk; with `fua` durable on return.
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::ReadOnly`]; what writing says.
    pub fn write(&self, offset: u64, data: &[u8], fua: bool) -> Result<()> {
        self.with_mut(|disk| {
            put(disk, offset, data)?;
            if fua { disk.flush() } else { Ok(()) }
        })
    }

    /// Makes any bytes inside the disk zero; with `fua` durable on return.
    ///
    /// # Errors
    /// As [`write`](Export::write).
    pub fn zero(&self, offset: u64, len: u64, fua: bool) -> Result<()> {
        self.with_mut(|disk| {
            whole(offset, len, disk.size())?;
            let end = offset + len;
            let (from, to) = inner(offset, end);
            if from < to {
                put(disk, offset, &vec![0; (from - offset) as usize])?;
                disk.write_zeroes(from, to - from)?;
                put(disk, to, &vec![0; (end - to) as usize])?;
            } else {
                put(disk, offset, &vec![0; len as usize])?;
            }
            if fua { disk.flush() } else { Ok(()) }
        })
    }

    /// Writes zeros that take space; with `fua` durable on return.
    ///
    /// # Errors
    /// As [`write`](Export::write).
    pub fn fill_zeros(&self, offset: u64, len: u64, fua: bool) -> Result<()> {
        if offset.checked_add(len).is_none_or(|end| end > self.size()) {
            return Err(Error::Range { offset, len });
        }
        let zeros = vec![0; len.min(1 << 20) as usize];
        let mut done = 0;
        while done < len {
            let n = (len - done).min(zeros.len() as u64);
            self.write(offset + done, &zeros[..n as usize], false)?;
            done += n;
        }
        if fua { self.flush() } else { Ok(()) }
    }

    /// Gives the whole sectors of a stretch back.
    ///
    /// # Errors
    /// As [`write`](Export::write).
    pub fn trim(&self, offset: u64, len: u64, fua: bool) -> Result<()> {
        self.with_mut(|disk| {
            whole(offset, len, disk.size())?;
            let (from, to) = inner(offset, offset + len);
            if from < to {
                disk.discard(from, to - from)?;
            }
            if fua { disk.flush() } else { Ok(()) }
        })
    }

    /// Returns when every write answered before is durable.
    ///
    /// # Errors
    /// What flushing says.
    pub fn flush(&self) -> Result<()> {
        if self.read_only { Ok(()) } else { self.with_mut(Image::flush) }
    }

    /// The stretches from `offset` on, neighbours joined: at most `count`, up to `len` bytes. Widened to sectors at
    /// the end, never at the start.
    ///
    /// # Errors
    /// [`Error::Range`]; what the images say.
    pub fn extents(&self, offset: u64, len: u64, count: usize) -> Result<Vec<Extent>> {
        self.with(|disk| {
            let (from, to) = whole(offset, len, disk.size())?;
            let mut out: Vec<Extent> = Vec::new();
            let mut at = from;
            while at < to {
                let e = disk.extent(at, to - at)?;
                at += e.len;
                let full = out.len() == count;
                match out.last_mut() {
                    Some(last) if last.state == e.state => last.len += e.len,
                    _ if full => break,
                    _ => out.push(e),
                }
            }
            if let Some(first) = out.first_mut() {
                first.start = offset;
                first.len -= offset - from;
            }
            Ok(out)
        })
    }

    /// Lets running requests end, closes the disk and keeps further ones waiting.
    ///
    /// # Errors
    /// What closing says; it is paused all the same. [`Error::Refused`] when it was not running.
    pub fn pause(&self) -> Result<()> {
        self.hold()?;
        self.close()
    }

    /// Opens the disk again and lets waiting requests go on.
    ///
    /// # Errors
    /// What opening says; it stays paused. [`Error::Refused`] when it was not paused.
    pub fn resume(&self) -> Result<()> {
        self.resume_with(None)
    }

    /// [`resume`](Export::resume), from now on with another opener: the disk has another name.
    ///
    /// # Errors
    /// As [`resume`](Export::resume); then the old opener stays.
    pub fn resume_with(&self, opener: Option<Opener>) -> Result<()> {
        let mut current = lock(&self.opener);
        if *lock(&self.phase) != Phase::Paused {
            return Err(Error::Refused("the disk is not paused".into()));
        }
        let disk = match opener {
            Some(mut new) => {
                let disk = new()?;
                *current = new;
                disk
            }
            None => current()?,
        };
        let size = disk.size();
        *self.disk.write().unwrap_or_else(PoisonError::into_inner) = Some(disk);
        {
            let mut phase = lock(&self.phase);
            if *phase == Phase::Paused {
                *phase = Phase::Running;
                self.size.store(size, Ordering::Relaxed);
                self.changed.notify_all();
                return Ok(());
            }
        }
        // The end came in between.
        self.close()?;
        Err(Error::Stopped)
    }

    /// Pauses, gives the disk to `work`, and goes on with what `opener` opens; after an error of `work` with the disk
    /// as it was opened before.
    ///
    /// # Errors
    /// What `work` and opening say; after the latter it stays paused.
    pub fn exchange(&self, work: impl FnOnce(Image) -> Result<()>, opener: Opener) -> Result<()> {
        self.hold()?;
        let disk = self.disk.write().unwrap_or_else(PoisonError::into_inner).take();
        match disk.ok_or(Error::Stopped).and_then(work) {
            Ok(()) => self.resume_with(Some(opener)),
            Err(e) => {
                self.resume()?;
                Err(e)
            }
        }
    }

    /// Lets no further request begin.
    fn hold(&self) -> Result<()> {
        let mut phase = lock(&self.phase);
        if *phase != Phase::Running {
            return Err(Error::Refused("the disk is not running".into()));
        }
        *phase = Phase::Paused;
        Ok(())
    }

    /// Ends the export for good: requests that wait or come later fail, the disk is closed cleanly.
    ///
    /// # Errors
    /// What closing says.
    pub fn stop(&self) -> Result<()> {
        *lock(&self.phase) = Phase::Stopped;
        self.changed.notify_all();
        self.close()
    }

    fn close(&self) -> Result<()> {
        let disk = self.disk.write().unwrap_or_else(PoisonError::into_inner).take();
        disk.map_or(Ok(()), Image::close)
    }
}

/// The whole sectors around a stretch that lies inside the disk.
fn whole(offset: u64, len: u64, size: u64) -> Result<(u64, u64)> {
    match offset.checked_add(len) {
        Some(end) if end <= size => Ok((offset & !511, end.next_multiple_of(512).min(size))),
        _ => Err(Error::Range { offset, len }),
    }
}

/// The whole sectors inside a stretch; empty or reversed when there are none.
fn inner(offset: u64, end: u64) -> (u64, u64) {
    (offset.next_multiple_of(512), end & !511)
}

/// Writes any bytes: sectors at the edges are read first.
fn put(disk: &mut Image, offset: u64, data: &[u8]) -> Result<()> {
    if check_range(offset, data.len() as u64, disk.size()).is_ok() {
        return disk.write_at(offset, data);
    }
    let (from, to) = whole(offset, data.len() as u64, disk.size())?;
    let mut wide = vec![0; (to - from) as usize];
    disk.read_at(from, &mut wide)?;
    let skip = (offset - from) as usize;
    wide[skip..skip + data.len()].copy_from_slice(data);
    disk.write_at(from, &wide)
}

/// Is a stretch known to be zeros?
pub(super) fn is_zero(e: &Extent) -> bool {
    e.state == State::Zero
}
