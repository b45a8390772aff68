//! Merges an image into its parent and removes it: inner nodes ([`coalesce`]) and single leaves
//! ([`leaf_coalesce`]). While data is copied, every child keeps reading the same bytes, because the node still lies
//! over its parent. Never merges into a parent that another image depends on. The steps and notes are the same for
//! qcow2 images, whose own part is [`crate::qcow2::merge`].

use super::create::{ParentRef, set_parent};
use super::journal::{Note, check_idle, perform, put};
use super::locator::{Locator, encode};
pub use super::merge::merge;
use super::merge::{format_of, prepare, prepare_leaf};
use super::reader::Image;
use super::writer::Writer;
use crate::chain::{Format, Layer, ParentLink, find_parent, parent_link};
use crate::disk::check_unused;
use crate::error::{Error, Result};
use crate::file::Access;
use crate::qcow2;
use crate::volumes::Volumes;
use serde::{Deserialize, Serialize};

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
        let opened = volumes.open(&name, Access::Read).and_then(Image::open);
        let image = opened.map_err(|e| unknown(&name, parent, e))?;
        match find_parent(volumes, &image) {
            Ok(Some((found, _))) if found == parent => children.push(name),
            Ok(_) => {}
            Err(e) => {
                let (ParentLink::Vhd(names, _) | ParentLink::Raw(names)) = parent_link(&image)? else {
                    continue;
                };
                if names.iter().any(|n| n == parent) {
                    return Err(unknown(&name, parent, e));
                }
            }
        }
    }
    Ok(children)
}

/// Is an image a qcow2, by its name?
pub(super) fn is_qcow2(name: &str) -> bool {
    Format::of_name(name) == Some(Format::Qcow2)
}

/// What is answered when an image that can't be read may be a child.
pub(crate) fn unknown(name: &str, parent: &str, e: Error) -> Error {
    match e.device() {
        Some(_) => Error::Beside { name: name.to_owned(), source: Box::new(e) },
        None => Error::Refused(format!("{name:?} can't be read and may be a child of {parent:?}: {e}")),
    }
}

/// The parent of `node`, when `node` is its only child and may be merged into it.
pub(super) fn mergeable(volumes: &dyn Volumes, node: &str) -> Result<(Image, String, Layer)> {
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

/// Merges the inner node `node` into its parent, points its children there and removes it. The children must not be
/// open for writing.
///
/// # Errors
/// As [`merge`]; [`Error::Refused`] when `node` is a visible leaf or a child has no room for the new name. After
/// the copy, [`super::journal::recover`] finishes what an error or a cut stopped.
pub fn coalesce(volumes: &dyn Volumes, node: &str) -> Result<()> {
    check_idle(volumes)?;
    let hidden = if is_qcow2(node) {
        qcow2::merge::mergeable(volumes, node)?.0.hidden
    } else {
        mergeable(volumes, node)?.0.footer().hidden != 0
    };
    if !hidden {
        return Err(Error::Refused(format!("{node:?} is visible: it is a disk of its own")));
    }
    for relink in relinks(volumes, node)? {
        check_unused(volumes, &relink.child)?;
    }
    prepare(volumes, node)?;
    merge(volumes, node)?;
    relink(volumes, node)
}

/// The second half of [`coalesce`], after [`merge`]: children are pointed at the parent, the node is removed. Children
/// must not be open for writing: pause what serves them, and open them again afterwards.
///
/// # Errors
/// As [`coalesce`].
pub fn relink(volumes: &dyn Volumes, node: &str) -> Result<()> {
    check_idle(volumes)?;
    let children = relinks(volumes, node)?;
    for relink in &children {
        check_unused(volumes, &relink.child)?;
    }
    let note = Note::Relinking { node: node.to_owned(), children };
    let key = put(volumes, None, &note)?;
    perform(volumes, &note)?;
    volumes.drop_note(&key)
}

/// The links that the children of `node` get when it goes.
fn relinks(volumes: &dyn Volumes, node: &str) -> Result<Vec<Relink>> {
    if is_qcow2(node) {
        return qcow2::merge::relinks(volumes, node);
    }
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
/// own name unless a VHD's parent is raw). The leaf must not be open.
///
/// # Errors
/// As [`coalesce`].
pub fn leaf_coalesce(volumes: &dyn Volumes, leaf: &str, name: &str) -> Result<()> {
    let plan = LeafPlan::new(volumes, leaf, name)?;
    check_unused(volumes, leaf)?;
    prepare_leaf(volumes, leaf)?;
    merge(volumes, leaf)?;
    plan.swap(volumes)
}

/// A leaf that may be merged into its parent, and what becomes of their names.
#[derive(Debug, Clone)]
pub(crate) struct LeafPlan {
    pub(crate) leaf: String,
    pub(crate) parent: String,
    name: String,
    vhd: bool,
}

impl LeafPlan {
    pub(crate) fn new(volumes: &dyn Volumes, leaf: &str, name: &str) -> Result<LeafPlan> {
        check_idle(volumes)?;
        let (hidden, children, parent, want) = if is_qcow2(leaf) {
            let (image, parent, _) = qcow2::merge::mergeable(volumes, leaf)?;
            (image.hidden, qcow2::snapshot::children_of(volumes, leaf)?, parent, Format::Qcow2)
        } else {
            let (image, parent, layer) = mergeable(volumes, leaf)?;
            (image.footer().hidden != 0, children_of(volumes, leaf)?, parent, format_of(&layer))
        };
        if hidden || !children.is_empty() {
            return Err(Error::Refused(format!("{leaf:?} is an inner node")));
        }
        let vhd = want == Format::Vhd;
        if Format::of_name(name) != Some(want) {
            return Err(Error::Refused(format!("{name:?} is no name for what {parent:?} is")));
        }
        for taken in [name, &format!("OLD_{leaf}")] {
            if taken != leaf && taken != parent && volumes.exists(taken)? {
                return Err(Error::Refused(format!("{taken:?} exists already")));
            }
        }
        Ok(LeafPlan { leaf: leaf.to_owned(), parent, name: name.to_owned(), vhd })
    }

    /// The second half: all data is in the parent, which takes the leaf's place.
    pub(crate) fn swap(self, volumes: &dyn Volumes) -> Result<()> {
        check_idle(volumes)?;
        if self.vhd {
            // It will have to be marked when there is no way back any more.
            Writer::open(volumes.open(&self.parent, Access::Read)?)?;
        }
        let old = format!("OLD_{}", self.leaf);
        let note =
            Note::Swapping { leaf: self.leaf, parent: self.parent, name: self.name, old, vhd: self.vhd };
        let key = put(volumes, None, &note)?;
        // From here on it can only be finished, and a guest may be waiting: a passing error gets a second try.
        perform(volumes, &note).or_else(|_| perform(volumes, &note))?;
        volumes.drop_note(&key)
    }
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
    } else if is_qcow2(name) {
        qcow2::header::set_hidden(&*volumes.open(name, Access::Write)?, false)?;
    }
    if volumes.exists(old)? {
        volumes.remove(old)?;
        volumes.sync()?;
    }
    Ok(())
}
