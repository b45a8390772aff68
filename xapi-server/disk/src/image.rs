//! A disk of any format behind one set of calls, as servers and importers use it. Never guesses a format from
//! content.

use crate::cbt::Tracker;
use crate::chain::{Chain, Format};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::file::Access;
use crate::qcow2::Qcow2Disk;
use crate::source::{Extent, Source};
use crate::vhd::coalesce::LeafPlan;
use crate::vhd::pending::Pending;
use crate::volumes::{Directory, Volumes};
use std::path::Path;

/// An opened disk. Offsets and lengths are bytes in whole sectors.
pub enum Image {
    /// A VHD or raw disk that is written.
    Disk(Box<Disk>),
    /// A VHD chain or raw disk that is only read.
    Chain(Chain),
    /// A qcow2 disk.
    Qcow2(Box<Qcow2Disk>),
    /// A disk that something else keeps, only read.
    Foreign(Box<dyn Source>),
}

impl Image {
    /// Opens the image at `path` with its parents, which lie beside it. `format` where the name does not tell;
    /// `fixed` treats plain files as volumes of fixed size.
    ///
    /// # Errors
    /// As [`Disk::open`], [`Chain::open`] and [`Qcow2Disk::open`]; [`Error::Refused`] for names that tell no format.
    pub fn open(path: &Path, format: Option<Format>, access: Access, fixed: bool) -> Result<Image> {
        let (dir, name) = Directory::of(path)?;
        let format = format.or_else(|| Format::of_name(&name));
        let format =
            format.ok_or_else(|| Error::Refused(format!("the name {name:?} does not tell its format")))?;
        Image::within(&dir.with_fixed(fixed), &name, format, access)
    }

    /// Opens an image of `volumes`.
    ///
    /// # Errors
    /// As [`open`](Image::open).
    pub fn within(volumes: &dyn Volumes, name: &str, format: Format, access: Access) -> Result<Image> {
        Ok(match access {
            _ if format == Format::Qcow2 => Image::Qcow2(Box::new(Qcow2Disk::open(volumes, name, access)?)),
            Access::Write => Image::Disk(Box::new(Disk::open(volumes, name, format)?)),
            Access::Read => Image::Chain(Chain::open(volumes, name, format)?),
        })
    }

    /// As a source of bytes.
    pub fn source(&self) -> &dyn Source {
        match self {
            Image::Disk(d) => &**d,
            Image::Chain(c) => c,
            Image::Qcow2(q) => &**q,
            Image::Foreign(f) => &**f,
        }
    }

    /// Lets `tracker` note every write from here on.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for qcow2 and for disks that are only read.
    pub fn track(&mut self, tracker: Tracker) -> Result<()> {
        match self {
            Image::Disk(d) => {
                d.track(tracker);
                Ok(())
            }
            _ => Err(Error::Unsupported("changes are tracked on written VHD and raw disks only".into())),
        }
    }

    /// Lets every write survive the death of this process, with the help of the file `pending`, which must lie in
    /// memory and be given to whoever opens the image next.
    ///
    /// # Errors
    /// As [`Disk::keep_pending`].
    pub fn survive(&mut self, pending: &Path) -> Result<()> {
        match self {
            Image::Disk(d) => d.keep_pending(Pending::open(pending)?),
            Image::Chain(_) | Image::Foreign(_) => Ok(()),
            Image::Qcow2(q) => {
                q.write_through();
                Ok(())
            }
        }
    }

    /// Begins to merge this disk, the single leaf `leaf` of `volumes`, into its hidden parent while it goes on being
    /// written. `name` is what the parent will be called: the leaf's name unless the parent is raw.
    ///
    /// # Errors
    /// As [`Disk::start_merge`]; [`Error::Unsupported`] for what is only read, and for qcow2 images of layouts that can't
    /// be merged under their readers.
    pub fn start_merge(&mut self, volumes: &dyn Volumes, leaf: &str, name: &str) -> Result<()> {
        self.start_planned(volumes, LeafPlan::new(volumes, leaf, name)?)
    }

    pub(crate) fn start_planned(&mut self, volumes: &dyn Volumes, plan: LeafPlan) -> Result<()> {
        match self {
            Image::Disk(d) => d.start_planned(volumes, plan),
            Image::Qcow2(q) => q.start_merge(volumes, plan),
            _ => Err(unmerged()),
        }
    }

    /// Copies about `budget` bytes of a merge; returns the bytes left, which writes may add to.
    ///
    /// # Errors
    /// As [`Disk::merge_step`].
    pub fn merge_step(&mut self, volumes: &dyn Volumes, budget: u64) -> Result<u64> {
        match self {
            Image::Disk(d) => d.merge_step(volumes, budget),
            Image::Qcow2(q) => q.merge_step(budget),
            _ => Err(unmerged()),
        }
    }

    /// Makes what was copied so far durable.
    pub(crate) fn merge_flush(&mut self) -> Result<()> {
        match self {
            Image::Disk(d) => d.merge_flush(),
            Image::Qcow2(q) => q.merge_flush(),
            _ => Err(unmerged()),
        }
    }

    /// Gives a merge up; the disk goes on as before.
    pub fn cancel_merge(&mut self) {
        match self {
            Image::Disk(d) => d.cancel_merge(),
            Image::Qcow2(q) => q.cancel_merge(),
            Image::Chain(_) | Image::Foreign(_) => {}
        }
    }

    /// Copies the rest, closes the disk and lets the parent take its place: open it again under the name given at the
    /// start.
    ///
    /// # Errors
    /// As [`Disk::finish_merge`].
    pub fn finish_merge(self, volumes: &dyn Volumes) -> Result<()> {
        match self {
            Image::Disk(d) => d.finish_merge(volumes),
            Image::Qcow2(q) => q.finish_merge(volumes),
            _ => Err(unmerged()),
        }
    }

    /// Writes whole sectors; durable after [`flush`](Image::flush).
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; else as [`Disk::write_at`].
    pub fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        match self {
            Image::Disk(d) => d.write_at(offset, data),
            Image::Chain(_) | Image::Foreign(_) => Err(Error::ReadOnly),
            Image::Qcow2(q) => q.write_at(offset, data),
        }
    }

    /// Makes a stretch read as zeros.
    ///
    /// # Errors
    /// As [`write_at`](Image::write_at).
    pub fn write_zeroes(&mut self, offset: u64, len: u64) -> Result<()> {
        match self {
            Image::Disk(d) => d.write_zeroes(offset, len),
            Image::Chain(_) | Image::Foreign(_) => Err(Error::ReadOnly),
            Image::Qcow2(q) => q.write_zeroes(offset, len),
        }
    }

    /// Tells that the bytes of a stretch are not needed any more.
    ///
    /// # Errors
    /// As [`write_at`](Image::write_at).
    pub fn discard(&mut self, offset: u64, len: u64) -> Result<()> {
        match self {
            Image::Disk(d) => d.discard(offset, len),
            Image::Chain(_) | Image::Foreign(_) => Err(Error::ReadOnly),
            // Zeros are one of the two answers that a discarded sector may give.
            Image::Qcow2(q) => q.write_zeroes(offset, len),
        }
    }

    /// Returns when every write before is durable.
    ///
    /// # Errors
    /// The device's error.
    pub fn flush(&mut self) -> Result<()> {
        match self {
            Image::Disk(d) => d.flush(),
            Image::Chain(_) | Image::Foreign(_) => Ok(()),
            Image::Qcow2(q) => q.flush(),
        }
    }

    /// Flushes and closes cleanly.
    ///
    /// # Errors
    /// As [`Disk::close`].
    pub fn close(self) -> Result<()> {
        match self {
            Image::Disk(d) => d.close(),
            Image::Chain(_) | Image::Foreign(_) => Ok(()),
            Image::Qcow2(q) => q.close(),
        }
    }
}

fn unmerged() -> Error {
    Error::Unsupported("only VHD and qcow2 leaves that are written are merged".into())
}

impl Source for Image {
    fn size(&self) -> u64 {
        self.source().size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.source().read_at(offset, buf)
    }

    fn extent(&self, offset: u64, max: u64) -> Result<Extent> {
        self.source().extent(offset, max)
    }
}
