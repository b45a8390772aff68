//! A disk a guest writes: a leaf open for writing over parents open for reading. Never writes to a parent.

use crate::cbt::Tracker;
use crate::chain::{Chain, Format, Layer, Spot};
use crate::error::{Error, Result};
use crate::file::{Access, BlockFile};
use crate::source::{Extent, Raw, Source, State, check_range};
use crate::vhd::SECTOR;
use crate::vhd::reader::Place;
use crate::vhd::writer::Writer;
use crate::volumes::Volumes;
use std::sync::Arc;

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
}

impl Disk {
    /// Opens `name` for writing and its parents for reading.
    ///
    /// # Errors
    /// As [`Chain::open`] and [`Writer::open`]; [`Error::Refused`] for a hidden image, which others depend on.
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
        let leaf = match leaf {
            Layer::Vhd(_) => Leaf::Vhd(Box::new(Writer::open(file)?)),
            Layer::Raw(_) => Leaf::Raw(Raw::open(file)?),
        };
        Ok(Disk { leaf, below, changes: None })
    }

    /// Lets `tracker` note every write from here on.
    pub fn track(&mut self, tracker: Tracker) {
        self.changes = Some(tracker);
    }

    /// Writes whole sectors; durable after [`flush`](Disk::flush).
    ///
    /// # Errors
    /// As [`Writer::write_at`].
    pub fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        if let Some(changes) = &mut self.changes {
            changes.mark(offset, data.len() as u64);
        }
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
        let (spot, n) = self.locate(offset / SECTOR, max / SECTOR)?;
        let state = if spot.is_some() { State::Data } else { State::Zero };
        Ok(Extent { start: offset, len: n * SECTOR, state })
    }
}
