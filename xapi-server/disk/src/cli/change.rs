//! What makes and changes images: convert, create, snapshot, coalesce, resize, repair. Never replaces a file.

use super::Opened;
use super::behind::{Behind, Storing};
use crate::chain::{Chain, Format, Layer};
use crate::convert::{RawTarget, copy, export_qcow2, export_raw, export_vhd};
use crate::error::{Error, Result};
use crate::file::{Access, BlockFile, OsFile};
use crate::qcow2::create::create as create_qcow2;
use crate::qcow2::grow::grow as grow_qcow2;
use crate::qcow2::header::Header;
use crate::qcow2::settle;
use crate::qcow2::snapshot::line;
use crate::source::Source;
use crate::vhd::coalesce::{children_of, coalesce as merge_node, leaf_coalesce};
use crate::vhd::create::{NewImage, ParentRef, Room, create as create_vhd, plan};
use crate::vhd::reader::Image;
use crate::vhd::resize::{grow, inflate, restore_tail};
use crate::vhd::sizing::VOLUME_META_SIZE;
use crate::vhd::snapshot::{Child, Snapshot, snapshot as take};
use crate::vhd::writer::Writer;
use crate::volumes::{Directory, Volumes};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

/// Leaves only what lies above `base`, and the link to it.
pub(super) fn since(source: Opened, base: &str, name: Option<String>) -> Result<(Opened, Option<ParentRef>)> {
    let Opened::Chain(chain) = source else {
        return Err(Error::Unsupported("--base works on VHD chains".into()));
    };
    let chain = chain.since(base)?;
    let uuid = match chain.layers().iter().find(|(n, _)| n == base) {
        Some((_, Layer::Vhd(i))) => i.footer().uuid,
        _ => uuid::Uuid::nil(),
    };
    let link = ParentRef { name: name.unwrap_or_else(|| base.to_owned()), uuid };
    Ok((Opened::Chain(chain), Some(link)))
}

/// Copies `source` to a new image.
pub(super) fn convert(
    source: &dyn Source,
    target: &Path,
    format: Format,
    parent: Option<ParentRef>,
    stdout: &mut dyn Write,
) -> Result<()> {
    if parent.is_some() && format == Format::Raw {
        return Err(Error::Unsupported("a raw image has no parent".into()));
    }
    if target == Path::new("-") {
        return stream(source, format, parent, stdout);
    }
    if std::fs::metadata(target).is_ok_and(|m| m.file_type().is_block_device()) {
        let device = OsFile::alone(target).map_err(|e| match e.kind() {
            std::io::ErrorKind::ResourceBusy => {
                Error::Refused(format!("{} is in use: mounted, or a part of something", target.display()))
            }
            _ => e.into(),
        })?;
        return onto_device(source, device, format, parent);
    }
    if target.try_exists()? {
        return Err(Error::Refused(format!("{} exists already", target.display())));
    }
    // Half an image must not look like one, whatever ends this process.
    let mut part = target.as_os_str().to_owned();
    part.push(".part");
    let part = Path::new(&part);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(part);
    let file = super::named(target, file.map_err(Error::from))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            return Err(Error::Refused(format!("{} is being written already", part.display())));
        }
        Err(TryLockError::Error(e)) if e.kind() != std::io::ErrorKind::Unsupported => return Err(e.into()),
        _ => file.set_len(0)?,
    }
    let done = match format {
        Format::Raw => OsFile::open(part, Access::Write, false)
            .map_err(Error::from)
            .and_then(|f| RawTarget::new(Arc::new(f), source.size()))
            .and_then(|mut t| copy(source, &mut t, true, &mut |_| Ok(()))),
        _ => into_file(source, format, parent, &file),
    };
    let done = done.and_then(|()| put_in_place(part, target));
    if done.is_err() {
        std::fs::remove_file(part)?;
    }
    done
}

/// Gives a complete image its name, durably, and never replaces another.
fn put_in_place(part: &Path, target: &Path) -> Result<()> {
    match std::fs::hard_link(part, target) {
        Ok(()) => std::fs::remove_file(part)?,
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Err(e.into()),
        // A file system without links.
        Err(_) if !target.try_exists()? => std::fs::rename(part, target)?,
        Err(e) => return Err(e.into()),
    }
    let (dir, _) = Directory::of(target)?;
    dir.sync()
}

fn into_file(source: &dyn Source, format: Format, parent: Option<ParentRef>, file: &File) -> Result<()> {
    let mut out = Behind::new(Storing::new(file.try_clone()?))?;
    let streamed = stream(source, format, parent, &mut out);
    let written = out.end();
    // An error of writing ends reading with a poorer one.
    match (streamed, written) {
        (Ok(()), Ok(())) => Ok(file.sync_all()?),
        (Err(e), Ok(())) => Err(e),
        (Err(Error::Io(e)), Err(_)) => Err(e.into()),
        (_, Err(e)) => Err(e.into()),
    }
}

fn stream(source: &dyn Source, format: Format, parent: Option<ParentRef>, out: &mut dyn Write) -> Result<()> {
    let quiet = &mut |_| Ok(());
    match format {
        Format::Raw => export_raw(source, out, quiet),
        Format::Vhd => export_vhd(source, &NewImage::new(source.size(), parent), out, quiet).map(|_| ()),
        Format::Qcow2 => {
            export_qcow2(source, parent.as_ref().map(|p| p.name.as_str()), out, quiet).map(|_| ())
        }
    }
}

/// A volume is not a fresh file: raw bytes need their zeros, and a VHD's footer belongs into its last sector.
fn onto_device(source: &dyn Source, device: OsFile, format: Format, parent: Option<ParentRef>) -> Result<()> {
    let device: Arc<dyn BlockFile> = Arc::new(device);
    let quiet = &mut |_| Ok(());
    match format {
        Format::Raw => copy(source, &mut RawTarget::new(device, source.size())?, false, quiet),
        Format::Vhd => {
            let mut new = NewImage::new(source.size(), parent);
            new.meta_size = VOLUME_META_SIZE;
            plan(&new)?.write(&*device)?;
            let fresh = new.parent.is_none();
            let mut writer = Writer::open(device)?;
            copy(source, &mut writer, fresh, quiet)?;
            writer.close()
        }
        Format::Qcow2 => Err(Error::Unsupported("convert to a file, then copy that onto the volume".into())),
    }
}

/// Makes an empty image; nothing is left of one that can't be made.
pub(super) fn create(dir: &Directory, name: &str, size: u64, format: Format) -> Result<()> {
    if dir.exists(name)? {
        return Err(Error::Refused(format!("{name:?} exists already")));
    }
    let made = make(dir, name, size, format);
    if made.is_err() && dir.exists(name)? {
        dir.remove(name)?;
    }
    made
}

fn make(dir: &Directory, name: &str, size: u64, format: Format) -> Result<()> {
    match format {
        Format::Vhd => create_vhd(dir, name, &NewImage::new(size, None), Room::File),
        Format::Raw => {
            dir.create(name, size)?.flush()?;
            dir.sync()
        }
        Format::Qcow2 => create_qcow2(dir, name, size, None),
    }
}

/// The space that new images beside `name` get.
pub(super) fn room(dir: &Directory, name: &str) -> Result<Room> {
    Ok(if dir.open(name, Access::Read)?.is_fixed() { Room::Thick } else { Room::File })
}

pub(super) fn snapshot(
    dir: &Directory,
    leaf: String,
    name: String,
    base: String,
    leaf_after: Option<String>,
) -> Result<bool> {
    let room = room(dir, &leaf)?;
    let format = super::format_of(&leaf, None)?;
    let leaf_after = leaf_after.unwrap_or_else(|| leaf.clone());
    let after = if format == Format::Qcow2 { Format::Qcow2 } else { Format::Vhd };
    if Format::of_name(&leaf_after) != Some(after) {
        return Err(Error::Refused("the disk becomes a VHD; say its name with --leaf-after".into()));
    }
    for (name, is) in [(&name, after), (&base, format)] {
        if Format::of_name(name) != Some(is) {
            return Err(Error::Refused(format!("{name:?} will be {is:?}: its name has to say so")));
        }
    }
    take(dir, &Snapshot { leaf, format, base, leaf_after, room, children: vec![Child { name, room }] })
}

pub(super) fn coalesce(dir: &Directory, image: &str, name: Option<String>) -> Result<()> {
    if Format::of_name(image) == Some(Format::Raw) {
        return Err(Error::Unsupported("a raw image stands on nothing it could be merged into".into()));
    }
    let file = dir.open(image, Access::Read)?;
    let hidden = match Format::of_name(image) {
        Some(Format::Qcow2) => Header::read(&*file)?.hidden,
        _ => Image::open(file)?.footer().hidden != 0,
    };
    if hidden { merge_node(dir, image) } else { leaf_coalesce(dir, image, name.as_deref().unwrap_or(image)) }
}

pub(super) fn resize(dir: &Directory, name: &str, size: u64) -> Result<()> {
    if Format::of_name(name) == Some(Format::Qcow2) {
        let line = line(dir, name)?;
        let size_of = |at: usize| line.get(at).and_then(|(_, h)| h.as_ref()).map_or(0, |h| h.size);
        if size_of(1) > size_of(0) {
            return Err(Error::Unsupported("growing a qcow2 that is smaller than its parent".into()));
        }
        return grow_qcow2(&*dir.open(name, Access::Write)?, name, size);
    }
    // The whole chain must be sound before anything changes.
    let chain = Chain::open(dir, name, super::format_of(name, None)?)?;
    if !children_of(dir, name)?.is_empty() {
        return Err(Error::Refused(format!("{name:?} has children, which would stay smaller")));
    }
    match &chain.layers()[0].1 {
        Layer::Vhd(_) => {
            grow(dir, name, size)?;
            if dir.open(name, Access::Read)?.is_fixed() { inflate(dir, name) } else { Ok(()) }
        }
        Layer::Raw(r) if size < r.size() => Err(Error::Refused("a disk never shrinks".into())),
        Layer::Raw(_) => {
            let file = dir.open(name, Access::Write)?;
            file.set_size(size)?;
            Ok(file.flush()?)
        }
    }
}

pub(super) fn repair(dir: &Directory, name: &str) -> Result<()> {
    match Format::of_name(name) {
        Some(Format::Qcow2) => return settle(dir, name),
        Some(Format::Raw) => return Err(Error::Unsupported("a raw image has nothing to repair".into())),
        _ => {}
    }
    let file = dir.open(name, Access::Write)?;
    match Image::open(Arc::clone(&file)) {
        // The writer knows where a file's footer goes, and checks the table first.
        Ok(_) => Writer::open(file)?.close(),
        // A tail that contradicts the start is what a volume's earlier owner left.
        Err(Error::Format(e)) if e.part == "footer" && file.is_fixed() => restore_tail(&*file),
        Err(e) => Err(e),
    }
}
