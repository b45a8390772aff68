//! qcow2 images through the `imago` crate, with their backing files found by our own rules: only in the same
//! directory, only raw or qcow2, never another file because the image says so.

pub mod audit;
pub mod create;
pub mod grow;
pub mod header;
pub mod repair;
pub mod snapshot;

use crate::chain::Format;
use crate::error::{Error, Result};
use crate::file::{Access, BlockFile, OsFile};
use crate::source::{Extent, Source, State, check_range};
use crate::vhd::MAX_CHAIN;
use crate::volumes::plain_name;
use imago::file::File;
use imago::qcow2::Qcow2;
use imago::raw::Raw;
use imago::{FormatAccess, Mapping, ShallowMapping, Storage, StorageOpenOptions};
use std::path::Path;
use std::sync::Arc;

/// A qcow2 image and its backing files, open for reading, or the first for writing as well. `S` is what holds the
/// bytes: files, and in tests a memory whose power can fail.
pub struct Qcow2Disk<S: Storage + 'static = File> {
    access: FormatAccess<S>,
    writable: bool,
    /// Tables go to the file with every write.
    through: bool,
    /// The image written: claimed, so that other writers of this host keep away, and marked as not closed.
    file: Option<Arc<dyn BlockFile>>,
    /// The names, leaf first.
    names: Vec<String>,
}

impl Qcow2Disk {
    /// Opens `name` in the directory `dir`; `writable` for the image itself, its backing files never are.
    ///
    /// # Errors
    /// [`Error::Chain`] for backing files that are not qcow2 or raw, or too many, [`Error::Beside`] for those that can't
    /// be opened; [`Error::Refused`] when it is open for writing elsewhere on this host, and for an inner node; for
    /// writing also as [`audit::check_writable`]; else what the
    /// file says.
    pub fn open(dir: &Path, name: &str, writable: bool) -> Result<Qcow2Disk> {
        let file = if writable {
            let file = OsFile::open(&dir.join(plain_name(name)?), Access::Write, false)?;
            prepare(&file, name)?;
            if header::Header::read(&file)?.hidden {
                return Err(Error::Refused(format!("{name:?} is an inner node: other images depend on it")));
            }
            Some(file)
        } else {
            None
        };
        let bytes = |name: &str, writable: bool| {
            let options = StorageOpenOptions::new().filename(dir.join(plain_name(name)?)).write(writable);
            Ok(File::open(options)?)
        };
        Qcow2Disk::assemble(&bytes, name, file.map(|file| Arc::new(file) as Arc<dyn BlockFile>))
    }
}

/// Gives the bytes of an image of the same place by its name, for writing or only for reading.
pub type Bytes<'a, S> = &'a dyn Fn(&str, bool) -> Result<S>;

impl<S: Storage + 'static> Qcow2Disk<S> {
    /// Opens an image for writing whose bytes, and those of what it stands on, come from `bytes`; `file` is the same
    /// image again.
    ///
    /// # Errors
    /// As [`open`](Qcow2Disk::open).
    pub fn over(bytes: Bytes<'_, S>, name: &str, file: Arc<dyn BlockFile>) -> Result<Qcow2Disk<S>> {
        prepare(&*file, name)?;
        Qcow2Disk::assemble(bytes, name, Some(file))
    }

    /// Opens an image for reading whose bytes, and those of what it stands on, come from `bytes`.
    ///
    /// # Errors
    /// As [`open`](Qcow2Disk::open).
    pub fn reading(bytes: Bytes<'_, S>, name: &str) -> Result<Qcow2Disk<S>> {
        Qcow2Disk::assemble(bytes, name, None)
    }

    /// Puts the layers together and marks the one that is written.
    fn assemble(bytes: Bytes<'_, S>, name: &str, file: Option<Arc<dyn BlockFile>>) -> Result<Qcow2Disk<S>> {
        let (mut names, writable) = (Vec::new(), file.is_some());
        let access = open_layer(bytes, name, writable, &mut names)?;
        if let Some(file) = &file {
            repair::mark(&**file, true)?;
        }
        Ok(Qcow2Disk { access, writable, through: false, file, names })
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

    /// Will a write take places in use where so far the disk shows what lies below? What such a place holds, the rest
    /// that is copied from below included, must be durable before a table says so: else a power failure would take away
    /// what was there before. The library writes its tables when it likes, but not before the write is over.
    fn takes_over(&self, offset: u64, len: u64) -> Result<bool> {
        let (mut at, end) = (offset, if self.names.len() > 1 { offset + len } else { offset });
        while at < end {
            match self.access.get_shallow_mapping(at, end - at)? {
                (ShallowMapping::Raw { .. }, n) if n > 0 => at += n,
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    fn written(&mut self, took_over: bool) -> Result<()> {
        if took_over {
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
        check_range(offset, data.len() as u64, self.size())?;
        if !self.writable {
            return Err(Error::ReadOnly);
        }
        let takes_over = self.takes_over(offset, data.len() as u64)?;
        self.access.write(data, offset)?;
        self.written(takes_over)
    }

    /// Makes a stretch read as zeros.
    ///
    /// # Errors
    /// As [`write_at`](Qcow2Disk::write_at).
    pub fn write_zeroes(&mut self, offset: u64, len: u64) -> Result<()> {
        check_range(offset, len, self.size())?;
        if !self.writable {
            return Err(Error::ReadOnly);
        }
        let takes_over = self.takes_over(offset, len)?;
        self.access.write_zeroes(offset, len)?;
        self.written(takes_over)
    }

    /// Flushes and marks the image as closed.
    ///
    /// # Errors
    /// The device's error: then whoever opens it next puts it right.
    pub fn close(mut self) -> Result<()> {
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
        if self.writable {
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
        repair::repair(file, name)?;
        repair::mark(file, false)?;
    }
    audit::check_writable(file, name)
}

/// Puts an image right that nobody has open and whose writer did not close it, so that it can be read.
///
/// # Errors
/// [`Error::Refused`] when it is open for writing elsewhere on this host; as [`repair::repair`].
pub fn settle(dir: &Path, name: &str) -> Result<()> {
    let path = dir.join(plain_name(name)?);
    if repair::is_unclean(&OsFile::open(&path, Access::Read, false)?)? {
        prepare(&OsFile::open(&path, Access::Write, false)?, name)?;
    }
    Ok(())
}

fn open_layer<S: Storage + 'static>(
    bytes: Bytes<'_, S>,
    name: &str,
    writable: bool,
    names: &mut Vec<String>,
) -> Result<FormatAccess<S>> {
    if names.iter().any(|n| n == name) || names.len() == MAX_CHAIN {
        return Err(Error::Chain(format!(
            "{name:?} is its own ancestor or one of more than {MAX_CHAIN} images"
        )));
    }
    names.push(name.to_owned());
    // Without its dependencies: which they may be is decided below.
    let mut image: Qcow2<S> = Qcow2::open_image(bytes(plain_name(name)?, writable)?, writable)?;
    if image.requires_external_data_file() {
        return Err(Error::Unsupported(format!("{name:?} keeps its data in another file")));
    }
    let backing = image.implicit_backing_file().cloned();
    if let Some(file) = backing {
        let parent = file.rsplit('/').next().unwrap_or(&file);
        let format = image.implicit_backing_format().map(String::as_str);
        let layer = match (format, Format::of_name(parent)) {
            (Some("qcow2"), _) | (None, Some(Format::Qcow2)) => open_layer(bytes, parent, false, names),
            (Some("raw"), Some(Format::Raw)) | (None, Some(Format::Raw)) => {
                names.push(parent.to_owned());
                let raw = bytes(plain_name(parent)?, false)
                    .and_then(|storage| Ok(Raw::<S>::open_image(storage, false)?));
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

impl<S: Storage + 'static> Source for Qcow2Disk<S> {
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
