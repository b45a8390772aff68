//! Snapshot, clone and revert of qcow2 images: the image becomes a marked inner node under another name, and new images
//! without data of their own stand on it. Copies no data; the steps and notes are those of VHDs. No image involved may be
//! open for writing meanwhile.

use super::create::{Backing, create, is_empty};
use super::header::Header;
use crate::chain::Format;
use crate::disk::check_unused;
use crate::error::{Error, Result};
use crate::file::Access;
use crate::vhd::MAX_CHAIN;
use crate::vhd::coalesce::unknown;
use crate::vhd::journal::{Note, perform, put};
use crate::vhd::snapshot::{Snapshot, check_names, undo_snapshot};
use crate::volumes::Volumes;

/// An image and everything it stands on, leaf first; raw ones without a header.
///
/// # Errors
/// [`Error::Chain`] for parents that are missing, no image of this format, or too many; [`Error::Beside`] for those that
/// can't be read; what is wrong with the leaf.
pub fn line(volumes: &dyn Volumes, leaf: &str) -> Result<Vec<(String, Option<Header>)>> {
    let mut line: Vec<(String, Option<Header>)> = Vec::new();
    let mut next = Some((leaf.to_owned(), false));
    while let Some((name, raw)) = next {
        if line.iter().any(|(n, _)| *n == name) || line.len() == MAX_CHAIN {
            return Err(Error::Chain(format!(
                "{name:?} is its own ancestor or one of more than {MAX_CHAIN} images"
            )));
        }
        let of = |e: Error| match line.is_empty() {
            true => e,
            false => Error::Beside { name: name.clone(), source: Box::new(e) },
        };
        if !volumes.exists(&name).map_err(of)? {
            return Err(Error::Chain(format!("{name:?} is missing")));
        }
        let file = volumes.open(&name, Access::Read).map_err(of)?;
        let header = if raw { None } else { Some(Header::read(&*file).map_err(of)?) };
        next = match header.as_ref().and_then(|h| Some((h.parent()?.to_owned(), h.backing_format.as_deref())))
        {
            None => None,
            Some((parent, format)) => match (format, Format::of_name(&parent)) {
                (Some("qcow2"), _) | (None, Some(Format::Qcow2)) => Some((parent, false)),
                (Some("raw"), Some(Format::Raw)) | (None, Some(Format::Raw)) => Some((parent, true)),
                _ => return Err(Error::Chain(format!("{parent:?} is neither qcow2 nor raw"))),
            },
        };
        line.push((name, header));
    }
    Ok(line)
}

/// The images that stand on `parent`.
///
/// # Errors
/// [`Error::Refused`] when some image of the place can't be read: it might be one.
pub fn children_of(volumes: &dyn Volumes, parent: &str) -> Result<Vec<String>> {
    let mut children = Vec::new();
    for name in volumes.list()? {
        if name == parent || Format::of_name(&name) != Some(Format::Qcow2) {
            continue;
        }
        let header = volumes.open(&name, Access::Read).and_then(|file| Header::read(&*file));
        let header = header.map_err(|e| unknown(&name, parent, e))?;
        if header.parent() == Some(parent) {
            children.push(name);
        }
    }
    Ok(children)
}

/// The size of a leaf and what it stands on, if it stands on something.
pub(crate) fn below(volumes: &dyn Volumes, leaf: &str) -> Result<Option<(u64, Backing)>> {
    let line = line(volumes, leaf)?;
    let Some((_, Some(own))) = line.first() else {
        return Err(Error::Chain(format!("{leaf:?} is no qcow2")));
    };
    if own.hidden {
        return Err(Error::Refused(format!("{leaf:?} is an inner node")));
    }
    let parent = line.get(1).map(|(name, header)| Backing { name: name.clone(), raw: header.is_none() });
    Ok(parent.map(|parent| (own.size, parent)))
}

/// As [`crate::vhd::snapshot::snapshot`], which calls this, for a qcow2 image.
pub(crate) fn freeze(volumes: &dyn Volumes, s: &Snapshot) -> Result<bool> {
    let line = line(volumes, &s.leaf)?;
    let Some((_, Some(leaf))) = line.first() else {
        return Err(Error::Chain(format!("{:?} is no qcow2", s.leaf)));
    };
    check_names(volumes, s)?;
    check_unused(volumes, &s.leaf)?;
    if leaf.hidden {
        return Err(Error::Refused(format!("{:?} is an inner node", s.leaf)));
    }
    // An inner node is never written again: what its last writer left has to be put right now.
    let file = volumes.open(&s.leaf, Access::Write)?;
    super::prepare(&*file, &s.leaf)?;
    let below = line.get(1).map(|(name, header)| Backing { name: name.clone(), raw: header.is_none() });
    let empty = below.is_some() && is_empty(&*file)?;
    drop(file);
    let parent = match below.filter(|_| empty) {
        Some(below) => below,
        None if line.len() >= MAX_CHAIN => {
            return Err(Error::Refused(format!("the chain has {MAX_CHAIN} images; coalesce first")));
        }
        None => Backing { name: s.base.clone(), raw: false },
    };
    let new_leaf = format!("{}.new", s.leaf_after);
    let mut new: Vec<String> = s.children.iter().map(|c| c.name.clone()).collect();
    if !empty {
        new.push(new_leaf.clone());
    }
    let key = put(volumes, None, &Note::Making { new: new.clone() })?;
    for name in &new {
        if let Err(e) = create(volumes, name, leaf.size, Some(&parent)) {
            undo_snapshot(volumes, &new)?;
            volumes.drop_note(&key)?;
            return Err(e);
        }
    }
    if empty {
        volumes.drop_note(&key)?;
        return Ok(false);
    }
    let note = Note::Freezing {
        leaf: s.leaf.clone(),
        base: s.base.clone(),
        new_leaf,
        leaf_after: s.leaf_after.clone(),
        vhd: false,
    };
    put(volumes, Some(&key), &note)?;
    perform(volumes, &note)?;
    volumes.drop_note(&key)?;
    Ok(true)
}
