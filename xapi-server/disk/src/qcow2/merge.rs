//! The copying half of a coalesce of qcow2 images, in steps: what an image holds itself goes into the one it stands on,
//! while others read on through both and, for a leaf, the guest writes on. A cut at any moment changes nothing that
//! anyone reads: only whole clusters are written, all of them hidden by the image above, and nothing that a reader
//! knows of the parent is moved.

use super::grow::grow;
use super::header::Header;
use super::snapshot::{children_of, line};
use super::tables::{L1_OFFSET, Tables};
use super::{Bytes, Qcow2Disk, prepare};
use crate::error::{Error, Result};
use crate::file::{Access, BlockFile};
use crate::source::Source;
use crate::vhd::coalesce::{LeafPlan, Relink};
use crate::vhd::merge::Todo;
use crate::volumes::Volumes;
use imago::{FormatAccess, Mapping, ShallowMapping};

/// This table belongs to nothing else.
const COPIED: u64 = 1 << 63;
/// How many times faster empty stretches are gone over than data is copied.
const EMPTY: u64 = 64;
/// Room for a new name in a header begins behind the end of its extensions.
const END: u64 = 8;

/// The parent of `node` with its header, when `node` is its only child and may be merged into it; the node's header
/// first.
pub(crate) fn mergeable(volumes: &dyn Volumes, node: &str) -> Result<(Header, String, Header)> {
    let mut line = line(volumes, node)?.into_iter();
    let (Some((_, Some(own))), Some((name, parent))) = (line.next(), line.next()) else {
        return Err(Error::Refused(format!("{node:?} has no parent")));
    };
    let Some(parent) = parent else {
        return Err(Error::Unsupported(format!(
            "{node:?} stands on a raw image, into which qcow2 is not merged"
        )));
    };
    let siblings = children_of(volumes, &name)?;
    if siblings != [node] {
        return Err(Error::Refused(format!("{name:?} has other children: {siblings:?}")));
    }
    if !parent.hidden {
        return Err(Error::Refused(format!("{name:?} is visible: it is a disk of its own")));
    }
    if !parent.takes(&own) {
        return Err(Error::Unsupported(format!(
            "{name:?} can't take {node:?} in: it is larger, of an old version, of larger clusters or holds snapshots"
        )));
    }
    if let Some((below, header)) = line.next() {
        // Behind its end the parent reads as zeros; larger, it would show what lies below.
        let size = match header {
            Some(header) => header.size,
            None => volumes.open(&below, Access::Read)?.size()?,
        };
        if parent.size < own.size && size > parent.size {
            return Err(Error::Refused(format!("{name:?} is smaller than its own parent {below:?}")));
        }
    }
    Ok((own, name, parent))
}

/// Does an image use tables for more than one place? Into such a one nothing is merged, as that would move them.
///
/// # Errors
/// [`Error::Unsupported`] for an image that was not closed, of which nothing is known; what is wrong with it.
pub fn shares_tables(file: &dyn BlockFile) -> Result<bool> {
    let tables = Tables::read(file, false)?;
    Ok(tables.l1.iter().any(|entry| *entry & L1_OFFSET != 0 && *entry & COPIED == 0))
}

/// A parent open for writing and what it still lacks.
pub(crate) struct Copier {
    target: Qcow2Disk,
    todo: Todo,
    buf: Vec<u8>,
}

impl Copier {
    /// Opens the parent of `node`, large enough for it. Nothing else is changed.
    pub(crate) fn new(volumes: &dyn Volumes, node: &str) -> Result<Copier> {
        let (own, name, parent) = mergeable(volumes, node)?;
        let file = volumes.open(&name, Access::Write)?;
        if parent.size < own.size {
            grow(&*file, &name, own.size)?;
        } else {
            prepare(&*file, &name)?;
        }
        if shares_tables(&*file)? {
            return Err(Error::Unsupported(format!("{name:?} shares tables, which a merge would move")));
        }
        let target = Qcow2Disk::assemble(volumes, &name, Some(file))?;
        let todo = own_stretches(&*volumes.open(node, Access::Read)?, own.size & !511)?;
        Ok(Copier { target, todo, buf: Vec::new() })
    }

    /// Notes that a stretch of the image above changed.
    pub(crate) fn mark(&mut self, offset: u64, len: u64) {
        self.todo.mark(offset, len);
    }

    /// Copies about `budget` bytes of what `from` holds itself. Returns the bytes left.
    pub(crate) fn step(&mut self, from: &FormatAccess<Bytes>, budget: u64) -> Result<u64> {
        let mut done = 0;
        while done < budget {
            let Some((start, len)) = self.todo.take() else { break };
            // Whole clusters, or the rest of what they hold would have to be durable first.
            let start = start - start % self.target.cluster;
            let end = (start + len).next_multiple_of(self.target.cluster).min(self.target.size());
            match self.copy(from, start, end) {
                // Looking at what is empty takes time as well.
                Ok(copied) => done += copied.max((end - start) / EMPTY),
                Err(e) => {
                    self.todo.mark(start, end - start);
                    return Err(e);
                }
            }
        }
        Ok(self.todo.remaining())
    }

    /// Returns the bytes that were there to copy.
    fn copy(&mut self, from: &FormatAccess<Bytes>, start: u64, end: u64) -> Result<u64> {
        let (mut at, mut copied) = (start, 0);
        while at < end {
            let (mapping, n) = from.get_shallow_mapping(at, end - at)?;
            // What it holds ends with its disk, which need not end with a cluster, but with a sector.
            let n = n.min(end - at);
            match mapping {
                ShallowMapping::Raw { .. } | ShallowMapping::Special { .. } => {
                    self.buf.resize(n as usize, 0);
                    from.read(&mut self.buf[..], at)?;
                    self.target.put(at, &self.buf)?;
                    copied += n;
                }
                ShallowMapping::Zero { explicit: true, .. } => self.zero(at, n)?,
                _ if n == 0 => return Ok(copied),
                _ => {}
            }
            at += n;
        }
        Ok(copied)
    }

    /// Makes a stretch of the parent zeros, where it is not.
    fn zero(&mut self, at: u64, len: u64) -> Result<()> {
        let (mapping, n) = self.target.access.get_mapping(at, len)?;
        if matches!(mapping, Mapping::Zero { .. }) && n >= len {
            return Ok(());
        }
        self.target.put_zeroes(at, len).map(drop)
    }

    /// Makes what was copied durable.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.target.flush()
    }

    /// Durable on return, and the parent is closed.
    pub(crate) fn close(self) -> Result<()> {
        self.target.close()
    }
}

/// Everything an image may hold something of its own in, by its first table alone.
fn own_stretches(file: &dyn BlockFile, size: u64) -> Result<Todo> {
    let tables = Tables::read(file, true)?;
    let cluster = 1u64 << tables.bits;
    let each = cluster / if tables.extended { 16 } else { 8 } * cluster;
    let mut todo = Todo::none(size);
    for (i, _) in tables.l1.iter().enumerate().filter(|(_, entry)| **entry & L1_OFFSET != 0) {
        todo.mark((i as u64).saturating_mul(each), each);
    }
    Ok(todo)
}

/// An inner node or closed leaf on its way into its parent.
pub(crate) struct NodeMerge {
    node: FormatAccess<Bytes>,
    copier: Copier,
}

impl NodeMerge {
    /// As [`crate::vhd::merge::NodeMerge::start`].
    pub(crate) fn start(volumes: &dyn Volumes, node: &str) -> Result<NodeMerge> {
        mergeable(volumes, node)?;
        let bytes = Bytes::reading(volumes.open(node, Access::Read)?, true);
        // Without what it stands on: only what it holds itself counts.
        let image = imago::qcow2::Qcow2::<Bytes>::open_image(bytes, false)?;
        Ok(NodeMerge { node: FormatAccess::new(image), copier: Copier::new(volumes, node)? })
    }

    /// Copies about `budget` bytes; returns the bytes left.
    pub(crate) fn step(&mut self, budget: u64) -> Result<u64> {
        self.copier.step(&self.node, budget)
    }

    /// Copies the rest; the parent is durable and closed on return.
    pub(crate) fn finish(mut self) -> Result<()> {
        while self.step(u64::MAX)? > 0 {}
        self.copier.close()
    }

    /// Ends it before its time: the parent is closed as it is now.
    pub(crate) fn give_up(self) -> Result<()> {
        self.copier.close()
    }
}

/// The leaf on its way into its parent, while it is written.
pub(super) struct Merging {
    plan: LeafPlan,
    pub(super) copier: Copier,
}

impl Qcow2Disk {
    /// As [`crate::image::Image::start_merge`].
    pub(crate) fn start_merge(&mut self, volumes: &dyn Volumes, plan: LeafPlan) -> Result<()> {
        self.cancel_merge();
        self.flush()?;
        let copier = Copier::new(volumes, &plan.leaf)?;
        self.merge = Some(Box::new(Merging { plan, copier }));
        Ok(())
    }

    /// As [`crate::image::Image::merge_step`].
    pub(crate) fn merge_step(&mut self, budget: u64) -> Result<u64> {
        let Some(merge) = &mut self.merge else { return Err(Error::Refused("no merge was begun".into())) };
        let left = merge.copier.step(&self.access, budget)?;
        if left == 0 {
            // So that little is left to flush when the guest has to wait.
            merge.copier.flush()?;
        }
        Ok(left)
    }

    /// Makes what was copied so far durable.
    pub(crate) fn merge_flush(&mut self) -> Result<()> {
        self.merge.as_mut().map_or(Ok(()), |m| m.copier.flush())
    }

    /// Gives a merge up; the disk goes on as before.
    pub(crate) fn cancel_merge(&mut self) {
        if let Some(merge) = self.merge.take() {
            // A parent that can't be closed is put right when it is written next.
            let _ = merge.copier.close();
        }
    }

    /// As [`crate::image::Image::finish_merge`].
    pub(crate) fn finish_merge(mut self, volumes: &dyn Volumes) -> Result<()> {
        while self.merge_step(u64::MAX)? > 0 {}
        let merge = self.merge.take();
        self.close()?;
        let Some(merge) = merge else { return Ok(()) };
        merge.copier.close()?;
        merge.plan.swap(volumes)
    }
}

/// The links that the children of `node` get when it goes: place and length of the name, and the name.
pub(crate) fn relinks(volumes: &dyn Volumes, node: &str) -> Result<Vec<Relink>> {
    let (_, parent, _) = mergeable(volumes, node)?;
    let plan = |child: String| {
        let header = Header::read(&*volumes.open(&child, Access::Read)?)?;
        let at = header
            .room_for(parent.len() as u64, END)
            .ok_or_else(|| Error::Refused(format!("{child:?} has no room for the name {parent:?}")))?;
        let mut fields = Vec::from(at.to_be_bytes());
        fields.extend((parent.len() as u32).to_be_bytes());
        let names = vec![(at, parent.as_bytes().to_vec())];
        Ok(Relink { child, header_at: super::header::NAME_AT, header: fields, names })
    };
    children_of(volumes, node)?.into_iter().map(plan).collect()
}
