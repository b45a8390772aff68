//! Snapshot, clone, revert and reset: freeze a leaf into an inner node and hang new leaves under it. Copies no data. The notes
//! and renames are the same for qcow2 images, whose own part is [`crate::qcow2::snapshot`].
//! No image involved may be open for writing meanwhile.

use super::MAX_CHAIN;
use super::create::{NewImage, ParentRef, Room, create};
use super::journal::{Note, check_free, perform, put};
use super::writer::Writer;
use crate::chain::{Chain, Format, Layer, ParentLink, find_parent, parent_link};
use crate::disk::check_unused;
use crate::error::{Error, Result};
use crate::file::Access;
use crate::source::Source;
use crate::volumes::{Volumes, plain_name};
use uuid::Uuid;

/// A new image that shares the frozen data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// Its space.
    pub room: Room,
}

/// What to freeze and what to make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The leaf to freeze.
    pub leaf: String,
    /// Its format. A qcow2 stays one.
    pub format: Format,
    /// The name the frozen data gets as an inner node.
    pub base: String,
    /// The name of the leaf afterwards: the same for a VHD or qcow2, a VHD's name for a raw leaf.
    pub leaf_after: String,
    /// The space of the new leaf.
    pub room: Room,
    /// Snapshots or clones to make, all equal to the frozen disk.
    pub children: Vec<Child>,
}

/// Takes a snapshot or clone. Afterwards `leaf_after` and every child read as `leaf` did. A leaf without blocks of
/// its own is not frozen: the children go under its parent, and `base` is not made (returns false).
///
/// # Errors
/// [`Error::Refused`] and [`Error::Chain`] before anything changed. On errors while making, the new images are
/// removed again; on later ones [`super::journal::recover`] finishes the work.
pub fn snapshot(volumes: &dyn Volumes, s: &Snapshot) -> Result<bool> {
    let children = s.children.iter().map(|child| child.name.as_str());
    let names: Vec<&str> = children.chain([s.leaf.as_str(), &s.base, &s.leaf_after]).collect();
    check_free(volumes, &names)?;
    freeze(volumes, s)
}

/// Refuses names that are taken.
pub(crate) fn check_names(volumes: &dyn Volumes, s: &Snapshot) -> Result<()> {
    // What is made on the way has a name, too.
    let new_leaf = format!("{}.new", s.leaf_after);
    let names: Vec<&String> = s.children.iter().map(|c| &c.name).chain([&s.base, &new_leaf]).collect();
    for (i, name) in names.iter().enumerate() {
        plain_name(name)?;
        if names[..i].contains(name) {
            return Err(Error::Refused(format!("{name:?} can't be two images")));
        }
        if volumes.exists(name)? || s.leaf_after == **name {
            return Err(Error::Refused(format!("{name:?} exists already")));
        }
    }
    if s.leaf_after != s.leaf && volumes.exists(&s.leaf_after)? {
        return Err(Error::Refused(format!("{:?} exists already", s.leaf_after)));
    }
    Ok(())
}

fn freeze(volumes: &dyn Volumes, s: &Snapshot) -> Result<bool> {
    if s.format == Format::Qcow2 {
        return crate::qcow2::snapshot::freeze(volumes, s);
    }
    let chain = Chain::open(volumes, &s.leaf, s.format)?;
    let size = chain.size();
    check_names(volumes, s)?;
    check_unused(volumes, &s.leaf)?;
    let image = match &chain.layers()[0].1 {
        Layer::Vhd(image) => Some(image),
        Layer::Raw(_) => None,
    };
    if image.is_some_and(|i| i.footer().hidden != 0) {
        return Err(Error::Refused(format!("{:?} is an inner node", s.leaf)));
    }
    let grandparent = match image {
        Some(i) if i.bat().allocated().next().is_none() => find_parent(volumes, i)?,
        _ => None,
    };
    if grandparent.is_none() && chain.layers().len() >= MAX_CHAIN {
        return Err(Error::Refused(format!("the chain has {MAX_CHAIN} images; coalesce first")));
    }
    if image.is_some() && grandparent.is_none() {
        // It will have to be marked when there is no way back any more.
        Writer::open(volumes.open(&s.leaf, Access::Read)?)?;
    }
    let parent = match (&grandparent, image) {
        (Some((name, layer)), _) => ParentRef { name: name.clone(), uuid: uuid_of(layer) },
        (None, Some(i)) => ParentRef { name: s.base.clone(), uuid: i.footer().uuid },
        (None, None) => ParentRef { name: s.base.clone(), uuid: Uuid::nil() },
    };
    let new_leaf = format!("{}.new", s.leaf_after);
    let mut new = s.children.clone();
    if grandparent.is_none() {
        new.push(Child { name: new_leaf.clone(), room: s.room });
    }
    let meta_size = image.map_or(size, |i| u64::from(i.bat().len()) * u64::from(i.block_size()));
    let names: Vec<String> = new.iter().map(|c| c.name.clone()).collect();
    let key = put(volumes, None, &Note::Making { new: names.clone() })?;
    for child in &new {
        let mut image = NewImage::new(size, Some(parent.clone()));
        image.meta_size = meta_size.max(size);
        if let Err(e) = create(volumes, &child.name, &image, child.room) {
            undo_snapshot(volumes, &names)?;
            volumes.drop_note(&key)?;
            return Err(e);
        }
    }
    if grandparent.is_some() {
        volumes.drop_note(&key)?;
        return Ok(false);
    }
    let note = Note::Freezing {
        leaf: s.leaf.clone(),
        base: s.base.clone(),
        new_leaf,
        leaf_after: s.leaf_after.clone(),
        vhd: image.is_some(),
    };
    put(volumes, Some(&key), &note)?;
    perform(volumes, &note)?;
    volumes.drop_note(&key)?;
    Ok(true)
}

fn uuid_of(layer: &Layer) -> Uuid {
    match layer {
        Layer::Vhd(i) => i.footer().uuid,
        Layer::Raw(_) => Uuid::nil(),
    }
}

/// Removes what a snapshot made before its point of no return.
pub(crate) fn undo_snapshot(volumes: &dyn Volumes, new: &[String]) -> Result<()> {
    for name in new {
        if volumes.exists(name)? {
            volumes.remove(name)?;
        }
    }
    volumes.sync()
}

/// The renames of a snapshot, from wherever they stopped.
pub(super) fn finish_snapshot(
    volumes: &dyn Volumes,
    leaf: &str,
    base: &str,
    new_leaf: &str,
    leaf_after: &str,
    vhd: bool,
) -> Result<()> {
    if volumes.exists(new_leaf)? {
        if !volumes.exists(base)? {
            volumes.rename(leaf, base)?;
        }
        volumes.rename(new_leaf, leaf_after)?;
    }
    volumes.sync()?;
    if vhd {
        set_hidden(volumes, base, true)?;
    } else if Format::of_name(base) == Some(Format::Qcow2) {
        crate::qcow2::header::set_hidden(&*volumes.open(base, Access::Write)?, true)?;
    }
    Ok(())
}

/// Marks an image hidden or not; nothing to do when it is.
pub(super) fn set_hidden(volumes: &dyn Volumes, name: &str, hidden: bool) -> Result<()> {
    // Both footers are written even when the first already says so: a cut may have come between.
    Writer::open(volumes.open(name, Access::Write)?)?.set_hidden(hidden)
}

/// Makes `leaf` read as the image `to` does (a snapshot), keeping both names. Both are VHDs or both are qcow2, as their
/// names say. `base` is the name the snapshot's data gets when it has to become an inner node.
///
/// # Errors
/// As [`snapshot`].
pub fn revert(volumes: &dyn Volumes, leaf: &str, to: &str, base: &str, room: Room) -> Result<()> {
    check_free(volumes, &[leaf, to, base])?;
    if leaf == to || !volumes.exists(leaf)? {
        return Err(Error::Refused(format!("{leaf:?} can't be reverted to {to:?}")));
    }
    let format = Format::of_name(leaf).filter(|format| Format::of_name(to) == Some(*format));
    let children = match format {
        Some(Format::Vhd) => super::coalesce::children_of(volumes, leaf)?,
        Some(Format::Qcow2) => crate::qcow2::snapshot::children_of(volumes, leaf)?,
        _ => return Err(Error::Refused(format!("{leaf:?} can't be reverted to {to:?}: their formats"))),
    };
    if !children.is_empty() {
        return Err(Error::Refused(format!("{leaf:?} has children")));
    }
    check_unused(volumes, leaf)?;
    let (by, old) = (format!("{leaf}.new"), format!("OLD_{leaf}"));
    if volumes.exists(&old)? {
        return Err(Error::Refused(format!("{old:?} exists already")));
    }
    let s = Snapshot {
        leaf: to.to_owned(),
        format: format.unwrap_or(Format::Vhd),
        base: base.to_owned(),
        leaf_after: to.to_owned(),
        room: if room == Room::File { Room::File } else { Room::Thin },
        children: vec![Child { name: by.clone(), room }],
    };
    // Until the copy is whole, an interrupted revert is undone; from then on it is finished.
    let key = put(volumes, None, &Note::Making { new: vec![by.clone()] })?;
    if let Err(e) = freeze(volumes, &s) {
        // The freeze may have got past its own point of no return: its note decides, then ours.
        if check_free(volumes, &[to]).is_ok() {
            volumes.drop_note(&key)?;
        }
        return Err(e);
    }
    let note = Note::Replacing { leaf: leaf.to_owned(), by, old };
    put(volumes, Some(&key), &note)?;
    perform(volumes, &note)?;
    volumes.drop_note(&key)
}

/// Drops what a leaf holds itself: it reads as what it stands on from then on, in its own size. One that stands on
/// nothing stays as it is (returns false). Cut in between, it is as before or empty, by [`super::journal::recover`].
///
/// # Errors
/// As [`snapshot`].
pub fn empty(volumes: &dyn Volumes, leaf: &str, room: Room) -> Result<bool> {
    check_free(volumes, &[leaf])?;
    let (by, old) = (format!("{leaf}.new"), format!("OLD_{leaf}"));
    for name in [&by, &old] {
        if volumes.exists(name)? {
            return Err(Error::Refused(format!("{name:?} exists already")));
        }
    }
    check_unused(volumes, leaf)?;
    let making = Note::Making { new: vec![by.clone()] };
    let (key, made) = match Format::of_name(leaf) {
        Some(Format::Vhd) => {
            let image = super::reader::Image::open(volumes.open(leaf, Access::Read)?)?;
            if image.footer().hidden != 0 || !super::coalesce::children_of(volumes, leaf)?.is_empty() {
                return Err(Error::Refused(format!("{leaf:?} is an inner node")));
            }
            let Some((name, layer)) = find_parent(volumes, &image)? else { return Ok(false) };
            let size = image.virtual_size();
            let mut new = NewImage::new(size, Some(ParentRef { name, uuid: uuid_of(&layer) }));
            new.meta_size = size.max(u64::from(image.bat().len()) * u64::from(image.block_size()));
            let key = put(volumes, None, &making)?;
            (key, create(volumes, &by, &new, room))
        }
        Some(Format::Qcow2) => {
            if !crate::qcow2::snapshot::children_of(volumes, leaf)?.is_empty() {
                return Err(Error::Refused(format!("{leaf:?} is an inner node")));
            }
            let Some((size, below)) = crate::qcow2::snapshot::below(volumes, leaf)? else { return Ok(false) };
            let key = put(volumes, None, &making)?;
            (key, crate::qcow2::create::create(volumes, &by, size, Some(&below)))
        }
        _ => return Ok(false),
    };
    if let Err(e) = made {
        undo_snapshot(volumes, std::slice::from_ref(&by))?;
        volumes.drop_note(&key)?;
        return Err(e);
    }
    let note = Note::Replacing { leaf: leaf.to_owned(), by, old };
    put(volumes, Some(&key), &note)?;
    perform(volumes, &note)?;
    volumes.drop_note(&key)?;
    Ok(true)
}

/// Lets `by` take the name of `leaf`, from wherever that stopped.
pub(super) fn finish_replace(volumes: &dyn Volumes, leaf: &str, by: &str, old: &str) -> Result<()> {
    if volumes.exists(by)? {
        if !volumes.exists(old)? {
            volumes.rename(leaf, old)?;
        }
        volumes.rename(by, leaf)?;
    }
    volumes.sync()?;
    if volumes.exists(old)? {
        volumes.remove(old)?;
        volumes.sync()?;
    }
    Ok(())
}

/// Does an image have a parent link? For callers that decide whether a leaf can be dropped.
///
/// # Errors
/// The device's error.
pub fn has_parent(volumes: &dyn Volumes, name: &str) -> Result<bool> {
    let image = super::reader::Image::open(volumes.open(name, Access::Read)?)?;
    Ok(parent_link(&image)? != ParentLink::None)
}
