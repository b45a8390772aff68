//! A disk a guest writes: a leaf open for writing over parents open for reading. Never writes to a parent.

use crate::cbt::Tracker;
use crate::chain::{Chain, Format, Layer, Spot};
use crate::error::{Error, Result};
use crate::file::{Access, BlockFile};
use crate::source::{Extent, Raw, Source, State, check_range};
use crate::vhd::SECTOR;
use crate::vhd::coalesce::LeafPlan;
use crate::vhd::merge::{Copier, Todo, format_of, prepare_leaf};
use crate::vhd::pending::Pending;
use crate::vhd::reader::{Image, Place};
use crate::vhd::writer::Writer;
use crate::volumes::{Directory, Volumes};
use std::path::Path;
use std::sync::Arc;

/// What a file system gives back.
const PAGE: u64 = 4096;

enum Leaf {
    Vhd(Box<Writer>),
    Raw(Raw),
}

/// The file and byte that hold a stretch, or nothing: zeros.
type Stored<'a> = Option<(&'a Arc<dyn BlockFile>, u64)>;

/// A writable disk. Requests are whole sectors; offsets are bytes.
pub struct Disk {
    leaf: Leaf,
    below: Option<Chain>,
    changes: Option<Tracker>,
    merge: Option<Box<Merging>>,
}

/// The leaf on its way into its parent.
struct Merging {
    plan: LeafPlan,
    copier: Copier,
}

/// Claims an image for one writer.
fn claim(file: &dyn BlockFile, name: &str) -> Result<()> {
    if file.claim()? {
        Ok(())
    } else {
        Err(Error::Refused(format!("{name:?} is open for writing elsewhere")))
    }
}

/// Refuses when `name` is open for writing, here or in another process of this host.
///
/// # Errors
/// [`Error::Refused`]; the device's error.
pub fn check_unused(volumes: &dyn Volumes, name: &str) -> Result<()> {
    // NFS 4 claims for one only what is open for writing; what can't be written is nobody's to write elsewhere either.
    let file = volumes.open(name, Access::Write).or_else(|_| volumes.open(name, Access::Read))?;
    claim(&*file, name)
}

impl Disk {
    /// Opens the image at `path`, its format told by its name; its parents lie beside it.
    ///
    /// # Errors
    /// As [`open`](Disk::open); [`Error::Refused`] for names that tell no format.
    pub fn open_path(path: &Path) -> Result<Disk> {
        let (directory, name) = Directory::of(path)?;
        let format = Format::of_name(&name)
            .ok_or_else(|| Error::Refused(format!("the name {name:?} does not tell its format")))?;
        Disk::open(&directory, &name, format)
    }

    /// Opens `name` for writing and its parents for reading. The image stays claimed while the disk is open.
    ///
    /// # Errors
    /// As [`Chain::open`] and [`Writer::open`]; [`Error::Refused`] for a hidden image, which others depend on, and
    /// for one that is open for writing elsewhere on this host.
    pub fn open(volumes: &dyn Volumes, name: &str, format: Format) -> Result<Disk> {
        let chain = Chain::open(volumes, name, format)?;
        if let (_, Layer::Vhd(image)) = &chain.layers()[0]
            && image.footer().hidden != 0
        {
            return Err(Error::Refused(format!("{name:?} is an inner node: other images depend on it")));
        }
        Disk::writing(volumes, name, chain)
    }

    /// [`open`](Disk::open) without asking whether the image is hidden.
    pub(crate) fn writing(volumes: &dyn Volumes, name: &str, chain: Chain) -> Result<Disk> {
        let (leaf, below) = chain.split();
        let file = volumes.open(name, Access::Write)?;
        claim(&*file, name)?;
        let leaf = match leaf {
            Layer::Vhd(_) => Leaf::Vhd(Box::new(Writer::open(file)?)),
            Layer::Raw(_) => Leaf::Raw(Raw::open(file)?),
        };
        Ok(Disk { leaf, below, changes: None, merge: None })
    }

    /// Lets `tracker` note every write from here on.
    pub fn track(&mut self, tracker: Tracker) {
        self.changes = Some(tracker);
    }

    /// Keeps what is not flushed in `pending` as well, and goes on from what a writer that died left there. Raw
    /// images need none: all that is written is in the file.
    ///
    /// # Errors
    /// As [`Writer::keep_pending`].
    pub fn keep_pending(&mut self, pending: Pending) -> Result<()> {
        match &mut self.leaf {
            Leaf::Vhd(w) => w.keep_pending(pending),
            Leaf::Raw(_) => Ok(()),
        }
    }

    /// Tells everyone who follows that a stretch is about to change.
    fn note(&mut self, offset: u64, len: u64) {
        if let Some(changes) = &mut self.changes {
            changes.mark(offset, len);
        }
        if let Some(merge) = &mut self.merge {
            merge.copier.todo.mark(offset, len);
        }
    }

    /// Begins to merge this disk, the single leaf `leaf` of `volumes`, into its hidden parent while it goes on being
    /// written. `name` is what the parent will be called: the leaf's name unless the parent is raw. Nobody else may
    /// have the parent open. Nothing changes for readers until [`finish_merge`](Disk::finish_merge).
    ///
    /// # Errors
    /// [`Error::Refused`] when the leaf or its parent has other children, or names are taken; the device's error.
    pub fn start_merge(&mut self, volumes: &dyn Volumes, leaf: &str, name: &str) -> Result<()> {
        self.start_planned(volumes, LeafPlan::new(volumes, leaf, name)?)
    }

    pub(crate) fn start_planned(&mut self, volumes: &dyn Volumes, plan: LeafPlan) -> Result<()> {
        self.merge = None;
        self.flush()?;
        // The parent may grow and move its blocks: what is known about it is known anew.
        prepare_leaf(volumes, &plan.leaf)?;
        let image = Image::open(volumes.open(&plan.leaf, Access::Read)?)?;
        let todo = Todo::of(&image);
        let chain = Chain::above(volumes, &plan.leaf, Layer::Vhd(Box::new(image)))?;
        let format = chain.layers().get(1).map_or(Format::Vhd, |(_, l)| format_of(l));
        self.below = chain.split().1;
        let copier = Copier::new(volumes, plan.parent.clone(), format, todo)?;
        self.merge = Some(Box::new(Merging { plan, copier }));
        Ok(())
    }

    /// Copies about `budget` bytes of a merge; returns the bytes left, which writes may add to.
    ///
    /// # Errors
    /// [`Error::Refused`] when no merge was begun; the device's error: the step may be repeated or the merge given up.
    pub fn merge_step(&mut self, volumes: &dyn Volumes, budget: u64) -> Result<u64> {
        let (Some(merge), Leaf::Vhd(leaf)) = (&mut self.merge, &self.leaf) else {
            return Err(Error::Refused("no merge was begun".into()));
        };
        let left = merge.copier.step(volumes, &**leaf.image().file(), &|s, n| leaf.locate(s, n), budget)?;
        if left == 0 {
            // So that little is left to flush when the guest has to wait.
            merge.copier.flush()?;
        }
        Ok(left)
    }

    /// Makes what was copied so far durable.
    pub(crate) fn merge_flush(&mut self) -> Result<()> {
        self.merge.as_mut().map_or(Ok(()), |m| m.copier.flush())
    }

    /// Gives a merge up; the disk goes on as before.
    pub fn cancel_merge(&mut self) {
        self.merge = None;
    }

    /// Copies the rest, closes the disk and lets the parent take its place: open it again under the name given at the
    /// start.
    ///
    /// # Errors
    /// As [`merge_step`](Disk::merge_step) and [`close`](Disk::close): then the leaf stays what it was. After an error
    /// of the exchange itself [`crate::vhd::journal::recover`] finishes it.
    pub fn finish_merge(mut self, volumes: &dyn Volumes) -> Result<()> {
        while self.merge_step(volumes, u64::MAX)? > 0 {}
        let merge = self.merge.take();
        self.close()?;
        let Some(merge) = merge else { return Ok(()) };
        merge.copier.close()?;
        merge.plan.swap(volumes)
    }

    /// Writes whole sectors; durable after [`flush`](Disk::flush).
    ///
    /// # Errors
    /// As [`Writer::write_at`].
    pub fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.note(offset, data.len() as u64);
        match &mut self.leaf {
            Leaf::Vhd(w) => w.write_at(offset, data),
            Leaf::Raw(r) => {
                check_range(offset, data.len() as u64, r.size())?;
                Ok(r.file().write_at(offset, data)?)
            }
        }
    }

    /// Makes a stretch read as zeros; writes nothing where it does already.
    ///
    /// # Errors
    /// As [`write_at`](Disk::write_at).
    pub fn write_zeroes(&mut self, offset: u64, len: u64) -> Result<()> {
        check_range(offset, len, self.size())?;
        if matches!(self.leaf, Leaf::Raw(_)) && len > 0 {
            self.note(offset, len);
            if self.file().punch(offset, len)? {
                return Ok(());
            }
        }
        let zeros = vec![0; len.min(1 << 20) as usize];
        let end = offset + len;
        let mut at = offset;
        while at < end {
            let e = self.extent(at, (end - at).min(1 << 20))?;
            if e.state == State::Data {
                self.write_at(at, &zeros[..e.len as usize])?;
            }
            at += e.len;
        }
        Ok(())
    }

    /// Tells that the bytes of a stretch are not needed any more: each sector then reads as before or as zeros. What
    /// lies in parents stays; where the file system can, the space of the rest is given back.
    ///
    /// # Errors
    /// [`Error::Range`], or the device's error.
    pub fn discard(&mut self, offset: u64, len: u64) -> Result<()> {
        check_range(offset, len, self.size())?;
        let end = offset + len;
        let mut at = offset;
        while at < end {
            let (place, n) = match &self.leaf {
                Leaf::Vhd(w) => w.locate(at / SECTOR, (end - at) / SECTOR)?,
                Leaf::Raw(_) => (Place::Own(at), (end - at) / SECTOR),
            };
            let len = n * SECTOR;
            if let Place::Own(stored) = place {
                // Whole pages only: a smaller hole frees nothing.
                let (from, to) = (stored.next_multiple_of(PAGE), (stored + len) / PAGE * PAGE);
                if from < to {
                    self.note(at, len);
                    self.file().punch(from, to - from)?;
                }
            }
            at += len;
        }
        Ok(())
    }

    /// Returns when every write before is durable.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn flush(&mut self) -> Result<()> {
        match &mut self.leaf {
            Leaf::Vhd(w) => w.flush(),
            Leaf::Raw(r) => Ok(r.file().flush()?),
        }
    }

    /// Flushes, leaves the leaf as a clean close does and closes the log of changes.
    ///
    /// # Errors
    /// As [`Writer::close`]; then the log of changes stays inconsistent.
    pub fn close(self) -> Result<()> {
        match self.leaf {
            Leaf::Vhd(w) => w.close()?,
            Leaf::Raw(r) => r.file().flush()?,
        }
        if let Some(changes) = self.changes {
            changes.close()?;
        }
        Ok(())
    }

    /// The file and byte of a stretch, or nothing where it reads as zero.
    fn locate(&self, sector: u64, max: u64) -> Result<(Stored<'_>, u64)> {
        let (place, n) = match &self.leaf {
            Leaf::Vhd(w) => w.locate(sector, max)?,
            Leaf::Raw(_) => (Place::Own(sector * SECTOR), max),
        };
        match (place, &self.below) {
            (Place::Own(at), _) => Ok((Some((self.file(), at)), n)),
            (Place::Below, None) => Ok((None, n)),
            (Place::Below, Some(chain)) => {
                let (spot, n) = chain.locate(sector, n)?;
                Ok(match spot {
                    Spot::At { layer, offset } => (Some((chain.layers()[layer].1.file(), offset)), n),
                    Spot::Zero | Spot::Absent => (None, n),
                })
            }
        }
    }

    fn file(&self) -> &Arc<dyn BlockFile> {
        match &self.leaf {
            Leaf::Vhd(w) => w.image().file(),
            Leaf::Raw(r) => r.file(),
        }
    }
}

impl Source for Disk {
    fn size(&self) -> u64 {
        match &self.leaf {
            Leaf::Vhd(w) => w.virtual_size(),
            Leaf::Raw(r) => r.size(),
        }
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len() as u64, self.size())?;
        let mut rest = buf;
        let mut sector = offset / SECTOR;
        while !rest.is_empty() {
            let (spot, n) = self.locate(sector, rest.len() as u64 / SECTOR)?;
            let (now, later) = rest.split_at_mut((n * SECTOR) as usize);
            match spot {
                Some((file, at)) => file.read_at(at, now)?,
                None => now.fill(0),
            }
            rest = later;
            sector += n;
        }
        Ok(())
    }

    fn extent(&self, offset: u64, max: u64) -> Result<Extent> {
        check_range(offset, max, self.size())?;
        if max == 0 {
            return Err(Error::Range { offset, len: 0 });
        }
        let (place, n) = match &self.leaf {
            Leaf::Vhd(w) => w.locate(offset / SECTOR, max / SECTOR)?,
            Leaf::Raw(r) => return r.extent(offset, max),
        };
        let whole = Extent { start: offset, len: n * SECTOR, state: State::Data };
        match (place, &self.below) {
            (Place::Own(_), _) => Ok(whole),
            // Behind the parents' end there is nothing.
            (Place::Below, Some(chain)) if offset < chain.size() => {
                chain.extent(offset, whole.len.min(chain.size() - offset))
            }
            (Place::Below, _) => Ok(Extent { state: State::Zero, ..whole }),
        }
    }
}
