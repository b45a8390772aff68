//! What an operation over several images notes down so that a cut can be rolled back or forward. Every step of a
//! recovery may be repeated: a cut during recovery changes nothing.

use super::coalesce::{Relink, finish_coalesce, finish_leaf};
use super::resize::finish_widen;
use super::snapshot::{finish_replace, finish_snapshot, undo_snapshot};
use crate::error::{Error, Result};
use crate::volumes::Volumes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A noted operation. Images are names in the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Note {
    /// New images are being made; nothing old has changed: undo by removing them.
    Making {
        /// Images to remove.
        new: Vec<String>,
    },
    /// The new images are complete: finish the renames.
    Freezing {
        /// The image that becomes an inner node.
        leaf: String,
        /// Its name as an inner node.
        base: String,
        /// The new leaf's present name.
        new_leaf: String,
        /// The new leaf's final name.
        leaf_after: String,
        /// The inner node carries a footer to mark.
        vhd: bool,
    },
    /// An image of fixed size without a format of its own is being made larger: give back what lies behind its end, as
    /// that may hold what somebody else wrote there.
    Growing {
        /// The image.
        image: String,
        /// Bytes it had.
        bytes: u64,
    },
    /// `leaf` is being replaced by `by`, if that exists.
    Replacing {
        /// The image to replace.
        leaf: String,
        /// What takes its name.
        by: String,
        /// Where the replaced image waits for its removal.
        old: String,
    },
    /// The node's data is in its parent: point its children there, then remove it.
    Relinking {
        /// The image that goes.
        node: String,
        /// The new links of its children.
        children: Vec<Relink>,
    },
    /// The metadata is being laid out for a larger table; no block is in its way any more.
    Widening {
        /// The image with its final header and the texts of its parent's names.
        image: Relink,
        /// Entries the table had.
        before: u32,
    },
    /// The leaf's data is in its parent: the parent takes its place.
    Swapping {
        /// The image that goes.
        leaf: String,
        /// The image that stays.
        parent: String,
        /// The name it gets.
        name: String,
        /// Where the leaf waits for its removal.
        old: String,
        /// The parent carries a footer to mark.
        vhd: bool,
    },
}

/// Notes `note` durably under a fresh key, or under `key`.
pub(crate) fn put(volumes: &dyn Volumes, key: Option<&str>, note: &Note) -> Result<String> {
    let key = key.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
    let text = serde_json::to_string(note).map_err(std::io::Error::other)?;
    volumes.put_note(&key, &text)?;
    Ok(key)
}

impl Note {
    /// The images it is about.
    pub fn images(&self) -> Vec<&str> {
        let names: Vec<&String> = match self {
            Note::Making { new } => new.iter().collect(),
            Note::Growing { image, .. } => vec![image],
            Note::Freezing { leaf, base, new_leaf, leaf_after, .. } => vec![leaf, base, new_leaf, leaf_after],
            Note::Replacing { leaf, by, old } => vec![leaf, by, old],
            Note::Relinking { node, children } => children.iter().map(|c| &c.child).chain([node]).collect(),
            Note::Widening { image, .. } => vec![&image.child],
            Note::Swapping { leaf, parent, name, old, .. } => vec![leaf, parent, name, old],
        };
        names.into_iter().map(String::as_str).collect()
    }
}

/// An operation that its own images keep from its end.
#[derive(Debug)]
pub struct Stuck {
    /// The key of its note, which stays.
    pub key: String,
    /// What it was.
    pub note: Note,
    /// What is wrong with an image.
    pub error: Error,
}

/// What became of interrupted operations.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Finished or undone.
    pub done: Vec<Note>,
    /// Waiting for somebody who puts an image right. Others have nothing to do with them.
    pub stuck: Vec<Stuck>,
}

/// As [`recover_each`], for whoever can't go on while anything waits.
///
/// # Errors
/// As [`recover_each`]; what is wrong with an image of an operation that waits.
pub fn recover(volumes: &dyn Volumes) -> Result<Vec<Note>> {
    let Recovered { done, stuck } = recover_each(volumes)?;
    stuck.into_iter().next().map_or(Ok(done), |stuck| {
        let name = stuck.note.images().first().copied().unwrap_or_default().to_owned();
        Err(Error::Beside { name, source: Box::new(stuck.error) })
    })
}

/// Finishes or undoes every interrupted operation of a place. No image of it may be open.
///
/// # Errors
/// [`Error::Refused`] for a note this version can't read; else the device's error. Run it again after either.
pub fn recover_each(volumes: &dyn Volumes) -> Result<Recovered> {
    let mut notes = Vec::new();
    for (key, text) in volumes.notes()? {
        let note: Note = serde_json::from_str(&text).map_err(|e| {
            Error::Refused(format!("journal {key:?} can't be read ({e}); nothing was recovered"))
        })?;
        notes.push((key, note));
    }
    // A freeze inside a revert must be whole before the revert is undone or finished.
    notes.sort_by_key(|(_, n)| !matches!(n, Note::Freezing { .. }));
    let mut recovered = Recovered::default();
    for (key, note) in notes {
        match perform(volumes, &note) {
            Ok(()) => {
                volumes.drop_note(&key)?;
                recovered.done.push(note);
            }
            Err(error) if is_of_an_image(&error) => recovered.stuck.push(Stuck { key, note, error }),
            Err(error) => return Err(error),
        }
    }
    Ok(recovered)
}

/// An image is in the way, not its device nor somebody who has it: the same would happen again.
fn is_of_an_image(error: &Error) -> bool {
    match error.device() {
        Some(io) => io.kind() == std::io::ErrorKind::NotFound,
        None => !matches!(error, Error::NoSpace { .. } | Error::Refused(_)),
    }
}

/// Finishes what a dead server of the leaf `leaf` had begun: the exchange of leaf and parent at the end of a merge. The
/// name the disk has now, where there was one. Notes of others are left alone.
///
/// # Errors
/// As [`recover`].
pub fn recover_leaf(volumes: &dyn Volumes, leaf: &str) -> Result<Option<String>> {
    let mut now = None;
    for (key, text) in volumes.notes()? {
        let Ok(note) = serde_json::from_str::<Note>(&text) else { continue };
        if let Note::Swapping { leaf: of, name, .. } = &note
            && of == leaf
        {
            perform(volumes, &note)?;
            volumes.drop_note(&key)?;
            now = Some(name.clone());
        }
    }
    Ok(now)
}

/// Brings the operation of a note to its end.
pub(crate) fn perform(volumes: &dyn Volumes, note: &Note) -> Result<()> {
    match note {
        Note::Making { new } => undo_snapshot(volumes, new),
        Note::Growing { image, bytes } => volumes.shrink(image, *bytes),
        Note::Freezing { leaf, base, new_leaf, leaf_after, vhd } => {
            finish_snapshot(volumes, leaf, base, new_leaf, leaf_after, *vhd)
        }
        Note::Replacing { leaf, by, old } => finish_replace(volumes, leaf, by, old),
        Note::Relinking { node, children } => finish_coalesce(volumes, node, children),
        Note::Widening { image, before } => finish_widen(volumes, image, *before),
        Note::Swapping { leaf, parent, name, old, vhd } => {
            finish_leaf(volumes, leaf, parent, name, old, *vhd)
        }
    }
}

/// Refuses to start something new where anything was interrupted.
pub(super) fn check_idle(volumes: &dyn Volumes) -> Result<()> {
    volumes.notes()?.first().map_or(Ok(()), |(key, _)| Err(waits(key)))
}

/// Refuses to start something new with images of something interrupted.
pub(super) fn check_free(volumes: &dyn Volumes, names: &[&str]) -> Result<()> {
    for (key, text) in volumes.notes()? {
        let elsewhere = |note: Note| note.images().iter().all(|image| !names.contains(image));
        if !serde_json::from_str(&text).is_ok_and(elsewhere) {
            return Err(waits(&key));
        }
    }
    Ok(())
}

fn waits(key: &str) -> Error {
    Error::Refused(format!("journal {key:?} waits for recovery"))
}
