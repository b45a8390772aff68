//! Merges an image into its parent and removes it: inner nodes ([`coalesce`]) and single leaves
//! ([`leaf_coalesce`]). While data is copied, every child keeps reading the same bytes, because the node still lies
//! over its parent. Never merges into a parent that another image depends on.

use super::create::{ParentRef, set_parent};
use super::journal::{Note, check_idle, perform, put};
use super::locator::{Locator, encode};
use super::reader::{Image, Place};
use super::resize::{grow, put_tail};
use super::writer::Writer;
use super::{BLOCK_SIZE, SECTOR};
use crate::chain::{Chain, Format, Layer, ParentLink, find_parent, parent_link};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::file::Access;
use crate::source::Source;
use crate::volumes::Volumes;
use serde::{Deserialize, Serialize};

/// Bytes copied at a time.
const CHUNK: u64 = 1 << 20;

/// The new parent link of an image, complete, so that a torn write can be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relink {
    /// The image to change.
    pub child: String,
    /// Byte of its header.
    pub header_at: u64,
    /// The header's bytes.
    pub header: Vec<u8>,
    /// Locator texts with their bytes' places.
    pub names: Vec<(u64, Vec<u8>)>,
}

/// The images whose parent is `parent`.
///
/// # Errors
/// [`Error::Refused`] when some image of the place can't be read: it might be a child.
pub fn children_of(volumes: &dyn Volumes, parent: &str) -> Result<Vec<String>> {
    let mut children = Vec::new();
    for name in volumes.list()? {
        if name == parent || Format::of_name(&name) != Some(Format::Vhd) {
            continue;
        }
        let image = Image::open(volumes.open(&name, Access::Read)?).map_err(|e| {
            Error::Refused(format!("{name:?} can't be read and may be a child of {parent:?}: {e}"))
        })?;
        match find_parent(volumes, &image) {
            Ok(Some((found, _))) if found == parent => children.push(name),
            Ok(_) => {}
            Err(e) => {
                let (ParentLink::Vhd(names, _) | ParentLink::Raw(names)) = parent_link(&image)? else {
                    continue;
                };
                if names.iter().any(|n| n == parent) {
                    return Err(Error::Refused(format!("{name:?} may be a child of {parent:?}: {e}")));
                }
            }
        }
    }
    Ok(children)
}

/// The parent of `node`, when `node` is its only child and may be merged into it.
fn mergeable(volumes: &dyn Volumes, node: &str) -> Result<(Image, String, Layer)> {
    let image = Image::open(volumes.open(node, Access::Read)?)?;
    let Some((name, parent)) = find_parent(volumes, &image)? else {
        return Err(Error::Refused(format!("{node:?} has no parent")));
    };
    let siblings = children_of(volumes, &name)?;
    if siblings != [node] {
        return Err(Error::Refused(format!("{name:?} has other children: {siblings:?}")));
    }
    if let Layer::Vhd(p) = &parent
        && p.footer().hidden == 0
    {
        return Err(Error::Refused(format!("{name:?} is visible: it is a disk of its own")));
    }
    Ok((image, name, parent))
}

/// Copies everything `node` holds itself into its parent, durable on return. Children of `node`, even one a guest
/// writes, may stay open: what they read does not change. May be interrupted and repeated.
///
/// # Errors
/// [`Error::Refused`] when the parent has other children or is visible; else what reading and writing say.
pub fn merge(volumes: &dyn Volumes, node: &str) -> Result<()> {
    let (image, parent, layer) = mergeable(volumes, node)?;
    let size = image.virtual_size();
    make_room(volumes, &image, &parent, &layer)?;
    let chain = match layer {
        Layer::Vhd(_) => Chain::open(volumes, &parent, Format::Vhd)?,
        Layer::Raw(_) => Chain::open(volumes, &parent, Format::Raw)?,
    };
    let mut target = Disk::writing(volumes, &parent, chain)?;
    let mut buf = vec![0; CHUNK as usize];
    let mut at = 0;
    while at < size {
        let (place, n) = image.locate(at / SECTOR, (size - at) / SECTOR)?;
        let mut len = n * SECTOR;
        if let Place::Own(offset) = place {
            len = len.min(CHUNK);
            let now = &mut buf[..len as usize];
            image.file().read_at(offset, now)?;
            target.write_at(at, now)?;
        }
        at += len;
    }
    target.close()
}

/// Makes the parent large enough for the node: its disk and, on a volume, its container.
fn make_room(volumes: &dyn Volumes, node: &Image, name: &str, parent: &Layer) -> Result<()> {
    let size = node.virtual_size();
    match parent {
        Layer::Raw(r) if r.size() < size => {
            if r.file().is_fixed() {
                volumes.ensure_size(name, size)
            } else {
                let file = volumes.open(name, Access::Write)?;
                file.set_size(size)?;
                Ok(file.flush()?)
            }
        }
        Layer::Raw(_) => Ok(()),
        Layer::Vhd(p) => {
            if p.file().is_fixed() {
                let new = node.bat().allocated().filter(|(b, _)| p.bat().get(*b).is_none()).count() as u64;
                let need = p.data_end()? + new * (u64::from(BLOCK_SIZE) + 4096) + 4096 + SECTOR;
                if p.file().size()? < need {
                    volumes.ensure_size(name, need)?;
                    put_tail(&*volumes.open(name, Access::Write)?, p.footer())?;
                }
            }
            if p.virtual_size() < size { grow(volumes, name, size) } else { Ok(()) }
        }
    }
}

/// Merges the inner node `node` into its parent, points its children there and removes it. The children must not be
/// open for writing.
///
/// # Errors
/// As [`merge`]; [`Error::Refused`] when `node` is a visible leaf or a child has no room for the new name. After
/// the copy, [`super::journal::recover`] finishes what an error or a cut stopped.
pub fn coalesce(volumes: &dyn Volumes, node: &str) -> Result<()> {
    check_idle(volumes)?;
    let (image, ..) = mergeable(volumes, node)?;
    if image.footer().hidden == 0 {
        return Err(Error::Refused(format!("{node:?} is visible: it is a disk of its own")));
    }
    relinks(volumes, node)?;
    merge(volumes, node)?;
    relink(volumes, node)
}

/// The second half of [`coalesce`], after [`merge`]: children are pointed at the parent, the node is removed.
///
/// # Errors
/// As [`coalesce`].
pub fn relink(volumes: &dyn Volumes, node: &str) -> Result<()> {
    check_idle(volumes)?;
    let note = Note::Relinking { node: node.to_owned(), children: relinks(volumes, node)? };
    let key = put(volumes, None, &note)?;
    perform(volumes, &note)?;
    volumes.drop_note(&key)
}

/// The links that the children of `node` get when it goes.
fn relinks(volumes: &dyn Volumes, node: &str) -> Result<Vec<Relink>> {
    let (_, name, parent) = mergeable(volumes, node)?;
    let uuid = match &parent {
        Layer::Vhd(p) => p.footer().uuid,
        Layer::Raw(_) => uuid::Uuid::nil(),
    };
    let parent = ParentRef { name, uuid };
    children_of(volumes, node)?.iter().map(|child| plan_relink(volumes, child, &parent)).collect()
}

fn plan_relink(volumes: &dyn Volumes, child: &str, parent: &ParentRef) -> Result<Relink> {
    let image = Image::open(volumes.open(child, Access::Read)?)?;
    let old = image.header().ok_or_else(|| Error::Refused(format!("{child:?} has no header")))?;
    let mut slots = Vec::new();
    for (code, text) in encode(&parent.name) {
        let slot = old.locators.iter().find(|l| l.code == code && l.room() >= text.len() as u64);
        let slot = slot
            .ok_or_else(|| Error::Refused(format!("{child:?} has no room for the name {:?}", parent.name)))?;
        slots.push((Locator { length: text.len() as u32, ..*slot }, text));
    }
    let mut header = old.clone();
    set_parent(&mut header, parent, &slots)?;
    Ok(Relink {
        child: child.to_owned(),
        header_at: image.footer().data_offset,
        header: header.serialise().to_vec(),
        names: slots.into_iter().map(|(l, text)| (l.offset, text)).collect(),
    })
}

/// Writes the new links and removes the node, from wherever that stopped.
pub(super) fn finish_coalesce(volumes: &dyn Volumes, node: &str, children: &[Relink]) -> Result<()> {
    for relink in children {
        let file = volumes.open(&relink.child, Access::Write)?;
        for (at, text) in &relink.names {
            file.write_at(*at, text)?;
        }
        file.write_at(relink.header_at, &relink.header)?;
        file.flush()?;
    }
    if volumes.exists(node)? {
        volumes.remove(node)?;
    }
    volumes.sync()
}

/// Merges the single leaf `leaf` into its hidden parent, which then takes the leaf's place under `name` (the leaf's
/// own name unless the parent is raw). The leaf must not be open.
///
/// # Errors
/// As [`coalesce`].
pub fn leaf_coalesce(volumes: &dyn Volumes, leaf: &str, name: &str) -> Result<()> {
    check_idle(volumes)?;
    let (image, parent, layer) = mergeable(volumes, leaf)?;
    if image.footer().hidden != 0 || !children_of(volumes, leaf)?.is_empty() {
        return Err(Error::Refused(format!("{leaf:?} is an inner node")));
    }
    let vhd = matches!(layer, Layer::Vhd(_));
    let want = if vhd { Format::Vhd } else { Format::Raw };
    if Format::of_name(name) != Some(want) {
        return Err(Error::Refused(format!("{name:?} is no name for what {parent:?} is")));
    }
    let old = format!("OLD_{leaf}");
    for taken in [name, &old] {
        if taken != leaf && taken != parent && volumes.exists(taken)? {
            return Err(Error::Refused(format!("{taken:?} exists already")));
        }
    }
    merge(volumes, leaf)?;
    let note = Note::Swapping {
        leaf: leaf.to_owned(),
        parent,
        name: name.to_owned(),
        old: format!("OLD_{leaf}"),
        vhd,
    };
    let key = put(volumes, None, &note)?;
    perform(volumes, &note)?;
    volumes.drop_note(&key)
}

/// The renames of a leaf coalesce, from wherever they stopped.
pub(super) fn finish_leaf(
    volumes: &dyn Volumes,
    leaf: &str,
    parent: &str,
    name: &str,
    old: &str,
    vhd: bool,
) -> Result<()> {
    if volumes.exists(parent)? && parent != name {
        if volumes.exists(leaf)? {
            volumes.rename(leaf, old)?;
        }
        volumes.rename(parent, name)?;
    } else if parent == name && volumes.exists(leaf)? {
        volumes.rename(leaf, old)?;
    }
    volumes.sync()?;
    if vhd {
        Writer::open(volumes.open(name, Access::Write)?)?.set_hidden(false)?;
    }
    if volumes.exists(old)? {
        volumes.remove(old)?;
        volumes.sync()?;
    }
    Ok(())
}
