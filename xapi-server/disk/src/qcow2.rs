//! qcow2 images through the `imago` crate, with their backing files found by our own rules: only in the same
//! directory, only raw or qcow2, never another file because the image says so.

pub mod audit;
mod bytes;
mod counts;
pub mod create;
mod dry;
pub mod grow;
pub mod header;
mod inside;
mod links;
pub(crate) mod merge;
pub mod repair;
pub mod snapshot;
mod tables;
mod walk;

use crate::chain::Format;
use crate::error::{Error, Result};
use crate::file::{Access, BlockFile};
use crate::source::{Extent, Source, State, check_range};
use crate::vhd::MAX_CHAIN;
use crate::volumes::{Volumes, plain_name};
use bytes::Bytes;
use imago::qcow2::Qcow2;
use imago::raw::Raw;
use imago::{FormatAccess, Mapping, ShallowMapping};
pub use merge::shares_tables;
use std::sync::Arc;

/// A qcow2 image and its backing files, open for reading, or the first for writing as well.
pub struct Qcow2Disk {
    access: FormatAccess<Bytes>,
    /// Bytes of a cluster of the image written.
    cluster: u64,
    /// Entries of the image written can say that a cluster is zeros; those of old versions can't.
    says_zeros: bool,
    /// Tables go to the file with every write.
    through: bool,
    /// The image written: claimed, so that other writers of this host keep away, and marked as not closed.
    file: Option<Arc<dyn BlockFile>>,
    /// The names, leaf first.
    names: Vec<String>,
    merge: Option<Box<merge::Merging>>,
}

/// Most zeros that are written in one go.
const ZEROS: u64 = 1 << 20;

/// What a write does to the stretches it goes over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Data,
    Zeros,
}

impl Qcow2Disk {
    /// Opens the image `name` of `volumes`; for writing the image itself, its backing files never are.
    ///
    /// # Errors
    /// [`Error::Chain`] for backing files that are not qcow2 or raw, or too many, [`Error::Beside`] for those that can't
    /// be opened; [`Error::Refused`] when it is open for writing elsewhere on this host, and for an inner node; for
    /// writing also as [`audit::check_writable`]; else what the
    /// file says.
    pub fn open(volumes: &dyn Volumes, name: &str, access: Access) -> Result<Qcow2Disk> {
        if access == Access::Read {
            return Qcow2Disk::assemble(volumes, name, None);
        }
        let file = volumes.open(plain_name(name)?, Access::Write)?;
        prepare(&*file, name)?;
        if header::Header::read(&*file)?.hidden {
            return Err(Error::Refused(format!("{name:?} is an inner node: other images depend on it")));
        }
        Qcow2Disk::assemble(volumes, name, Some(file))
    }

    /// Opens the image as [`open`](Qcow2Disk::open) for reading does, but even when it was not closed: to see whether it
    /// could be read. Its bytes are to be shown to nobody.
    ///
    /// # Errors
    /// As [`open`](Qcow2Disk::open).
    pub(crate) fn look(volumes: &dyn Volumes, name: &str) -> Result<()> {
        open_layer(volumes, name, None, true, &mut Vec::new()).map(drop)
    }

    /// Puts the layers together and marks the one that is written.
    fn assemble(volumes: &dyn Volumes, name: &str, file: Option<Arc<dyn BlockFile>>) -> Result<Qcow2Disk> {
        let (mut names, mut cluster, mut says_zeros) = (Vec::new(), 1, true);
        let access = open_layer(volumes, name, file.as_ref(), false, &mut names)?;
        if let Some(file) = &file {
            let header = header::Header::read(&**file)?;
            (cluster, says_zeros) = (header.cluster, header.version > 2);
            repair::mark(&**file, true)?;
        }
        Ok(Qcow2Disk { access, cluster, says_zeros, through: false, file, names, merge: None })
    }

    /// Names of the image and its backing files, leaf first.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// From now on a write that returns survives the death of this process, though not a power failure: its tables
    /// are in the file as well.
    pub fn write_through(&mut self) {
        self.through = true;
    }

    /// Lets `write` change a stretch, in pieces that are safe to change in one go. True when what was written has to be
    /// durable before a table says so: places were taken in use where so far the disk showed what lies below, or zeros,
    /// and hold more than what was to be written. A power failure would else take away what was there before.
    ///
    /// The library gives the place of what it replaces to the next write before the tables on the disk have forgotten
    /// it; after a power failure two tables would claim it. So nothing is ever replaced beside anything else: made zero,
    /// a cluster keeps its place and is written there again, alone; and where that can't be (compressed clusters, and
    /// those that snapshots inside the image share) the tables are made durable before anything else is written.
    fn in_pieces(
        &self,
        offset: u64,
        len: u64,
        change: Change,
        mut write: impl FnMut(u64, u64) -> std::io::Result<()>,
    ) -> Result<bool> {
        let (mut at, end, mut first) = (offset, offset + len, false);
        while at < end {
            let (mapping, n) = self.access.get_shallow_mapping(at, end - at)?;
            let one = (self.cluster - at % self.cluster).min(end - at);
            first |= self.names.len() > 1 && !matches!(mapping, ShallowMapping::Raw { .. });
            let (n, replaces) = match mapping {
                ShallowMapping::Zero { explicit: true, .. } if change == Change::Data => {
                    // Its place holds what it held before it was made zero.
                    first |= one < self.cluster;
                    (one, false)
                }
                ShallowMapping::Raw { writable: false, .. } | ShallowMapping::Special { .. } => (one, true),
                _ => (n, false),
            };
            if n == 0 {
                return Err(Error::format("qcow2", format!("no mapping at byte {at}")));
            }
            write(at, n)?;
            if replaces {
                self.access.flush()?;
                self.access.sync()?;
            }
            at += n;
        }
        Ok(first)
    }

    /// The library writes its tables when it likes, but not before the write is over: what must be durable `first` is so
    /// from here on.
    fn written(&mut self, first: bool) -> Result<()> {
        if first {
            self.access.sync()?;
        }
        if self.through {
            self.access.flush()?;
        }
        Ok(())
    }

    /// Writes whole sectors; durable after [`flush`](Qcow2Disk::flush).
    ///
    /// # Errors
    /// [`Error::ReadOnly`], [`Error::Range`], or the device's error.
    pub fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.note(offset, data.len() as u64);
        let first = self.put(offset, data)?;
        self.written(first)
    }

    fn put(&self, offset: u64, data: &[u8]) -> Result<bool> {
        self.check_change(offset, data.len() as u64)?;
        self.in_pieces(offset, data.len() as u64, Change::Data, |at, n| {
            let from = (at - offset) as usize;
            self.access.write(&data[from..from + n as usize], at)
        })
    }

    fn check_change(&self, offset: u64, len: u64) -> Result<()> {
        check_range(offset, len, self.size())?;
        if self.file.is_some() { Ok(()) } else { Err(Error::ReadOnly) }
    }

    /// Makes a stretch read as zeros.
    ///
    /// # Errors
    /// As [`write_at`](Qcow2Disk::write_at).
    pub fn write_zeroes(&mut self, offset: u64, len: u64) -> Result<()> {
        self.note(offset, len);
        let first = self.put_zeroes(offset, len)?;
        self.written(first)
    }

    /// Tells a merge that a stretch is about to change.
    fn note(&mut self, offset: u64, len: u64) {
        if let Some(merge) = &mut self.merge {
            merge.copier.mark(offset, len);
        }
    }

    fn put_zeroes(&self, offset: u64, len: u64) -> Result<bool> {
        self.check_change(offset, len)?;
        if self.says_zeros {
            return self.in_pieces(offset, len, Change::Zeros, |at, n| self.access.write_zeroes(at, n));
        }
        let zeros = vec![0; len.min(ZEROS) as usize];
        self.in_pieces(offset, len, Change::Data, |at, n| {
            let mut done = 0;
            while done < n {
                let piece = (n - done).min(ZEROS);
                self.access.write(&zeros[..piece as usize], at + done)?;
                done += piece;
            }
            Ok(())
        })
    }

    /// Flushes and marks the image as closed.
    ///
    /// # Errors
    /// The device's error: then whoever opens it next puts it right.
    pub fn close(mut self) -> Result<()> {
        self.cancel_merge();
        self.flush()?;
        match self.file.take() {
            Some(file) => repair::mark(&*file, false),
            None => Ok(()),
        }
    }

    /// Returns when every write before is durable.
    ///
    /// # Errors
    /// The device's error.
    pub fn flush(&mut self) -> Result<()> {
        if self.file.is_some() {
            self.access.flush()?;
            self.access.sync()?;
        }
        Ok(())
    }
}

/// Claims an image for one writer, and puts it right when the last one did not close it.
fn prepare(file: &dyn BlockFile, name: &str) -> Result<()> {
    if !file.claim()? {
        return Err(Error::Refused(format!("{name:?} is open for writing elsewhere")));
    }
    if repair::is_unclean(file)? {
        repair::repair(file)?;
        repair::mark(file, false)?;
    }
    audit::check_writable(file, name)
}

/// Puts an image right that nobody has open and whose writer did not close it, so that it can be read.
///
/// # Errors
/// [`Error::Refused`] when it is open for writing elsewhere on this host; as [`repair::repair`].
pub fn settle(volumes: &dyn Volumes, name: &str) -> Result<()> {
    if repair::is_unclean(&*volumes.open(name, Access::Read)?)? {
        prepare(&*volumes.open(name, Access::Write)?, name)?;
    }
    Ok(())
}

/// Opens the image `name`, through `file` when it is written, and everything below; `unclean`: even when it was not
/// closed.
fn open_layer(
    volumes: &dyn Volumes,
    name: &str,
    file: Option<&Arc<dyn BlockFile>>,
    unclean: bool,
    names: &mut Vec<String>,
) -> Result<FormatAccess<Bytes>> {
    if names.iter().any(|n| n == name) || names.len() == MAX_CHAIN {
        return Err(Error::Chain(format!(
            "{name:?} is its own ancestor or one of more than {MAX_CHAIN} images"
        )));
    }
    names.push(name.to_owned());
    let bytes = match file {
        Some(file) => Bytes::writing(Arc::clone(file))?,
        None => Bytes::reading(volumes.open(plain_name(name)?, Access::Read)?, unclean),
    };
    // The library looks at less of a header: it would show what is encrypted as it lies there.
    header::Header::read(&**bytes.file())?;
    // Without its dependencies: which they may be is decided below.
    let mut image: Qcow2<Bytes> = Qcow2::open_image(bytes, file.is_some())?;
    if image.requires_external_data_file() {
        return Err(Error::Unsupported(format!("{name:?} keeps its data in another file")));
    }
    let backing = image.implicit_backing_file().cloned();
    if let Some(file) = backing {
        let parent = file.rsplit('/').next().unwrap_or(&file);
        let format = image.implicit_backing_format().map(String::as_str);
        let layer = match (format, Format::of_name(parent)) {
            (Some("qcow2"), _) | (None, Some(Format::Qcow2)) => {
                open_layer(volumes, parent, None, true, names)
            }
            (Some("raw"), Some(Format::Raw)) | (None, Some(Format::Raw)) => {
                names.push(parent.to_owned());
                let raw = plain_name(parent)
                    .and_then(|parent| volumes.open(parent, Access::Read))
                    .and_then(|file| Ok(Raw::open_image(Bytes::reading(file, false), false)?));
                raw.map(FormatAccess::new)
            }
            _ => {
                return Err(Error::Chain(format!(
                    "backing file {file:?} of {name:?} is neither qcow2 nor raw"
                )));
            }
        };
        let layer = layer.map_err(|e| match e {
            e @ (Error::Chain(_) | Error::Beside { .. }) => e,
            e => Error::Beside { name: parent.to_owned(), source: Box::new(e) },
        })?;
        image.set_backing(Some(layer));
    }
    Ok(FormatAccess::new(image))
}

impl Source for Qcow2Disk {
    fn size(&self) -> u64 {
        self.access.size() & !511
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_range(offset, buf.len() as u64, self.size())?;
        Ok(self.access.read(buf, offset)?)
    }

    fn extent(&self, offset: u64, max: u64) -> Result<Extent> {
        check_range(offset, max, self.size())?;
        let (mapping, len) = self.access.get_mapping(offset, max)?;
        let state = match mapping {
            Mapping::Zero { .. } | Mapping::Eof { .. } => State::Zero,
            _ => State::Data,
        };
        // A mapping can end inside a sector only where a backing file does.
        let len = len.next_multiple_of(512).min(max);
        if len == 0 {
            return Err(Error::format("qcow2", format!("no mapping at byte {offset}")));
        }
        Ok(Extent { start: offset, len, state })
    }
}
