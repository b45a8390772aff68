//! The copying half of a coalesce, in steps: what an image holds itself goes into its parent, while children read on
//! and, for a leaf, the guest writes on. A cut at any moment changes nothing that anyone reads, because the image
//! still lies over its parent and hides all that was copied.

use super::coalesce::{is_qcow2, mergeable};
use super::reader::{Image, Place};
use super::resize::{grow, put_tail};
use super::{BLOCK_SIZE, SECTOR};
use crate::chain::{Chain, Format, Layer, find_parent};
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::file::{Access, BlockFile};
use crate::qcow2::merge as qcow2;
use crate::source::Source;
use crate::volumes::Volumes;

/// Bytes of disk a word of [`Todo`] stands for.
const WORD: u64 = 2 << 20;
/// Bytes of disk a bit of it stands for.
const PIECE: u64 = WORD / 32;

/// Which pieces of a disk are still to be copied.
pub(crate) struct Todo {
    words: Vec<u32>,
    size: u64,
    count: u64,
    cursor: usize,
}

impl Todo {
    pub(crate) fn none(size: u64) -> Todo {
        Todo { words: vec![0; size.div_ceil(WORD) as usize], size, count: 0, cursor: 0 }
    }

    /// All blocks that an image has a place for.
    pub(crate) fn of(image: &Image) -> Todo {
        let mut todo = Todo::none(image.virtual_size());
        if image.header().is_none() {
            todo.mark(0, image.virtual_size());
        }
        let block = u64::from(image.block_size());
        for (b, _) in image.bat().allocated() {
            todo.mark(b.saturating_mul(block), block);
        }
        todo
    }

    /// Adds a stretch; what lies outside the disk is ignored.
    pub(crate) fn mark(&mut self, offset: u64, len: u64) {
        let end = offset.saturating_add(len).min(self.size);
        if offset >= end {
            return;
        }
        for piece in offset / PIECE..=(end - 1) / PIECE {
            let (word, bit) = ((piece / 32) as usize, 1 << (piece % 32));
            if self.words[word] & bit == 0 {
                self.words[word] |= bit;
                self.count += 1;
            }
        }
    }

    /// Bytes left, about.
    pub(crate) fn remaining(&self) -> u64 {
        self.count * PIECE
    }

    /// Takes the next pieces that lie in a row, as (offset, len).
    pub(crate) fn take(&mut self) -> Option<(u64, u64)> {
        if self.count == 0 {
            return None;
        }
        while self.words.get(self.cursor).is_none_or(|w| *w == 0) {
            self.cursor = if self.cursor + 1 >= self.words.len() { 0 } else { self.cursor + 1 };
        }
        let word = &mut self.words[self.cursor];
        let first = word.trailing_zeros();
        let n = (*word >> first).trailing_ones();
        *word &= !((((1u64 << n) - 1) << first) as u32);
        self.count -= u64::from(n);
        let offset = self.cursor as u64 * WORD + u64::from(first) * PIECE;
        Some((offset, (u64::from(n) * PIECE).min(self.size - offset)))
    }
}

/// A parent open for writing and what it still lacks.
pub(crate) struct Copier {
    pub(crate) parent: String,
    target: Disk,
    pub(crate) todo: Todo,
    buf: Vec<u8>,
}

impl Copier {
    pub(crate) fn new(volumes: &dyn Volumes, parent: String, format: Format, todo: Todo) -> Result<Copier> {
        let chain = Chain::open(volumes, &parent, format)?;
        let target = Disk::writing(volumes, &parent, chain)?;
        Ok(Copier { parent, target, todo, buf: Vec::new() })
    }

    /// Copies about `budget` bytes of what `locate` finds in `file`. Returns the bytes left.
    pub(crate) fn step(
        &mut self,
        volumes: &dyn Volumes,
        file: &dyn BlockFile,
        locate: &dyn Fn(u64, u64) -> Result<(Place, u64)>,
        budget: u64,
    ) -> Result<u64> {
        let mut done = 0;
        while done < budget {
            let Some((start, len)) = self.todo.take() else { break };
            if let Err(e) = self.copy(volumes, file, locate, start, len) {
                self.todo.mark(start, len);
                return Err(e);
            }
            done += len;
        }
        Ok(self.todo.remaining())
    }

    fn copy(
        &mut self,
        volumes: &dyn Volumes,
        file: &dyn BlockFile,
        locate: &dyn Fn(u64, u64) -> Result<(Place, u64)>,
        start: u64,
        len: u64,
    ) -> Result<()> {
        let mut at = start;
        while at < start + len {
            let (place, n) = locate(at / SECTOR, (start + len - at) / SECTOR)?;
            let len = n * SECTOR;
            if let Place::Own(offset) = place {
                self.buf.resize(len as usize, 0);
                file.read_at(offset, &mut self.buf)?;
                match self.target.write_at(at, &self.buf) {
                    // A guest may have needed more blocks since room was made.
                    Err(Error::NoSpace { need, .. }) => {
                        volumes.ensure_size(&self.parent, need + (64 << 20))?;
                        self.target.write_at(at, &self.buf)?;
                    }
                    other => other?,
                }
            }
            at += len;
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<()> {
        self.target.flush()
    }

    /// Durable on return.
    pub(crate) fn close(self) -> Result<()> {
        self.target.close()
    }
}

/// An inner node or closed leaf on its way into its parent.
pub struct NodeMerge(Kind);

enum Kind {
    Vhd { node: Box<Image>, copier: Box<Copier> },
    Qcow2(Box<qcow2::NodeMerge>),
}

impl NodeMerge {
    /// Begins. Children of `node`, even one a guest writes, may stay open all the time. Nothing but the parent is
    /// changed; it may be begun anew after a cut or an error.
    ///
    /// # Errors
    /// [`Error::Refused`] when the parent has other children or is visible, and when it needs [`prepare`] first.
    pub fn start(volumes: &dyn Volumes, node: &str) -> Result<NodeMerge> {
        if is_qcow2(node) {
            return Ok(NodeMerge(Kind::Qcow2(Box::new(qcow2::NodeMerge::start(volumes, node)?))));
        }
        let (image, parent, layer) = mergeable(volumes, node)?;
        make_room(volumes, &image, &parent, &layer, false)?;
        let todo = Todo::of(&image);
        let copier = Copier::new(volumes, parent, format_of(&layer), todo)?;
        Ok(NodeMerge(Kind::Vhd { node: Box::new(image), copier: Box::new(copier) }))
    }

    /// Copies about `budget` bytes; returns the bytes left, 0 at the end.
    ///
    /// # Errors
    /// What reading and writing say. The step may be repeated.
    pub fn step(&mut self, volumes: &dyn Volumes, budget: u64) -> Result<u64> {
        match &mut self.0 {
            Kind::Vhd { node, copier } => {
                copier.step(volumes, &**node.file(), &|s, n| node.locate(s, n), budget)
            }
            Kind::Qcow2(merge) => merge.step(budget),
        }
    }

    /// Copies the rest; the parent is durable and closed on return.
    ///
    /// # Errors
    /// As [`step`](NodeMerge::step).
    pub fn finish(mut self, volumes: &dyn Volumes) -> Result<()> {
        while self.step(volumes, u64::MAX)? > 0 {}
        match self.0 {
            Kind::Vhd { copier, .. } => copier.close(),
            Kind::Qcow2(merge) => merge.finish(),
        }
    }

    /// Ends it before its time, with the parent closed as well as can be: whoever begins anew puts it right.
    pub fn give_up(self) {
        match self.0 {
            // A VHD is as it was to everyone at any time.
            Kind::Vhd { .. } => {}
            Kind::Qcow2(merge) => drop(merge.give_up()),
        }
    }
}

/// Copies everything `node` holds itself into its parent, durable on return: a [`NodeMerge`] in one go.
///
/// # Errors
/// As [`NodeMerge::start`] and [`NodeMerge::step`].
pub fn merge(volumes: &dyn Volumes, node: &str) -> Result<()> {
    NodeMerge::start(volumes, node)?.finish(volumes)
}

/// Makes the parent of `node` large enough for it, where that moves blocks that open readers of the parent would
/// look for in their old place: neither `node` nor anything above it may be open.
///
/// # Errors
/// As [`NodeMerge::start`] and [`grow`].
pub fn prepare(volumes: &dyn Volumes, node: &str) -> Result<()> {
    if is_qcow2(node) {
        // Growing moves nothing that a reader looks for.
        return Ok(());
    }
    let (image, parent, layer) = mergeable(volumes, node)?;
    make_room(volumes, &image, &parent, &layer, true)
}

/// [`prepare`] for a leaf that was found mergeable just now. Its parent takes its place: on a volume it gets as much
/// room, so that whoever writes on does not run out of it.
pub(crate) fn prepare_leaf(volumes: &dyn Volumes, leaf: &str) -> Result<()> {
    if is_qcow2(leaf) {
        return crate::qcow2::settle(volumes, leaf);
    }
    let image = Image::open(volumes.open(leaf, Access::Read)?)?;
    let Some((name, layer)) = find_parent(volumes, &image)? else {
        return Err(Error::Refused(format!("{leaf:?} has no parent")));
    };
    if let (Layer::Vhd(p), true) = (&layer, image.file().is_fixed()) {
        extend(volumes, &name, p, image.file().size()?)?;
    }
    make_room(volumes, &image, &name, &layer, true)
}

/// Gives the volume of `image` at least `bytes` bytes, its footer at the new end.
fn extend(volumes: &dyn Volumes, name: &str, image: &Image, bytes: u64) -> Result<()> {
    if image.file().size()? < bytes {
        volumes.ensure_size(name, bytes)?;
        put_tail(&*volumes.open(name, Access::Write)?, image.footer())?;
    }
    Ok(())
}

/// Does merging `node` need [`prepare`]?
///
/// # Errors
/// As [`NodeMerge::start`].
pub fn needs_prepare(volumes: &dyn Volumes, node: &str) -> Result<bool> {
    if is_qcow2(node) {
        return Ok(false);
    }
    let (image, _, layer) = mergeable(volumes, node)?;
    Ok(matches!(layer, Layer::Vhd(p) if must_move(&image, &p)))
}

pub(crate) fn format_of(layer: &Layer) -> Format {
    match layer {
        Layer::Vhd(_) => Format::Vhd,
        Layer::Raw(_) => Format::Raw,
    }
}

/// The table of `parent` is too short for `node`'s disk: blocks behind it have to move.
fn must_move(node: &Image, parent: &Image) -> bool {
    node.virtual_size().div_ceil(u64::from(parent.block_size())) > u64::from(parent.bat().len())
}

/// Makes the parent large enough for the node: its disk and, on a volume, its container.
pub(super) fn make_room(
    volumes: &dyn Volumes,
    node: &Image,
    name: &str,
    parent: &Layer,
    may_move: bool,
) -> Result<()> {
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
            if must_move(node, p) && !may_move {
                return Err(Error::Refused(format!(
                    "{name:?} must be prepared first: its table is too short"
                )));
            }
            if p.virtual_size() < size
                && let Some((below, layer)) = find_parent(volumes, p)?
                && layer.size() > p.virtual_size()
            {
                // Behind its end the parent reads as zeros; larger, it would show what lies below.
                return Err(Error::Refused(format!("{name:?} is smaller than its own parent {below:?}")));
            }
            if p.file().is_fixed() {
                let new = node.bat().allocated().filter(|(b, _)| p.bat().get(*b).is_none()).count() as u64;
                let need = p.data_end()? + new * (u64::from(BLOCK_SIZE) + 4096) + 4096 + SECTOR;
                extend(volumes, name, p, need)?;
            }
            if p.virtual_size() < size { grow(volumes, name, size) } else { Ok(()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marked_piece_comes_once_and_nothing_else() {
        let size = 3 * WORD + PIECE + 512;
        let mut todo = Todo::none(size);
        todo.mark(PIECE - 1, 2);
        todo.mark(2 * WORD + 5 * PIECE, WORD);
        todo.mark(size - 1, u64::MAX);
        todo.mark(size, 1);
        let mut seen = Vec::new();
        while let Some(piece) = todo.take() {
            seen.push(piece);
        }
        let tail = WORD - 5 * PIECE;
        assert_eq!(
            seen,
            [(0, 2 * PIECE), (2 * WORD + 5 * PIECE, tail), (3 * WORD, PIECE + 512)],
            "pieces are joined up to a word's end and cut at the disk's end"
        );
        assert_eq!(todo.remaining(), 0);
        todo.mark(0, WORD);
        assert_eq!(todo.take(), Some((0, WORD)));
    }
}
