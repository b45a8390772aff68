//! Puts a qcow2 right whose writer did not close it: its reference counts may lag behind what its tables use. The format
//! has a bit for that; it is set while this crate writes an image, so that every reader knows. Never takes away what a
//! flush made durable, and refuses images whose tables contradict each other. Counts are no such table: they follow from
//! the others, and are made anew in a new place where what is left of them can't be believed.

use super::tables::{COMPRESSED, L1_OFFSET, REFCOUNT_OFFSET, Tables, be32, be64};
use crate::error::{Error, Result};
use crate::file::BlockFile;
use std::collections::{BTreeMap, HashMap};

/// Where the features stand that a reader must know, and the bit of an image that is being written.
const FEATURES: u64 = 72;
const UNCLEAN: u64 = 1;
/// Where the place and length of the table of counts stand.
const TABLE: u64 = 48;
/// An image of the second level of versions has no such field.
const OLD: u32 = 2;

/// Is the image being written, or was it left by a writer that did not close it? Versions that can't tell are taken for
/// closed.
///
/// # Errors
/// The device's error.
pub fn is_unclean(file: &dyn BlockFile) -> Result<bool> {
    let mut h = [0; 80];
    if file.size()? < h.len() as u64 {
        return Ok(false);
    }
    file.read_at(0, &mut h)?;
    Ok(h[..4] == *b"QFI\xfb" && be32(&h, 4) > OLD && be64(&h, FEATURES as usize) & UNCLEAN != 0)
}

/// Notes durably that the image is being written, or that it is closed.
pub(super) fn mark(file: &dyn BlockFile, unclean: bool) -> Result<()> {
    let mut h = [0; 80];
    file.read_at(0, &mut h)?;
    if be32(&h, 4) <= OLD {
        return Ok(());
    }
    let now = be64(&h, FEATURES as usize);
    let new = if unclean { now | UNCLEAN } else { now & !UNCLEAN };
    if new != now {
        file.write_at(FEATURES, &new.to_be_bytes())?;
        file.flush()?;
    }
    Ok(())
}

/// What a repair walks over and makes.
struct Repair<'a> {
    tables: Tables<'a>,
    /// References by cluster, as the tables have them.
    used: HashMap<u64, u64>,
    /// Clusters the file has, new blocks included.
    end: u64,
    /// The counts get a new place.
    anew: bool,
}

/// Counts anew what is used, where it is counted too low, and forgets entries that point behind the file's end: what
/// they were to hold was never flushed. Durable on return; the image is not marked closed.
///
/// # Errors
/// [`Error::Unsupported`] for images with snapshots of their own; [`Error::Format`] for clusters used twice by what holds
/// the disk, and senseless entries there: nothing was changed then but such forgotten entries.
pub fn repair(file: &dyn BlockFile) -> Result<()> {
    let tables = Tables::read(file, true)?;
    if tables.snapshots > 0 {
        return Err(Error::Unsupported("an image with snapshots inside that was not closed".into()));
    }
    let cluster = 1u64 << tables.bits;
    let end = tables.size.div_ceil(cluster);
    if !tables.size.is_multiple_of(cluster) {
        // A table at the end may have been cut; its rest was never written.
        file.set_size(end * cluster)?;
    }
    let mut repair = Repair { tables, used: HashMap::new(), end, anew: false };
    repair.walk()?;
    if !repair.keep_counts() {
        repair.move_counts()?;
    }
    repair.count()?;
    Ok(file.flush()?)
}

impl Repair<'_> {
    fn cluster(&self) -> u64 {
        1 << self.tables.bits
    }

    fn bad(&self, what: &str, at: u64) -> Error {
        Error::format("qcow2", format!("{what} at byte {at}; not repaired"))
    }

    /// Notes one use of whole clusters that nothing else may use.
    fn take(&mut self, at: u64, bytes: u64, what: &str) -> Result<()> {
        let cluster = self.cluster();
        for c in at / cluster..(at + bytes).div_ceil(cluster) {
            if self.used.insert(c, 1).is_some() {
                return Err(self.bad(&format!("{what} lies over something else"), at));
            }
        }
        Ok(())
    }

    /// Where an entry points: nothing when it is empty or points behind the end.
    fn inside(&self, at: u64, what: &str) -> Result<Option<u64>> {
        match at {
            0 => Ok(None),
            at if !at.is_multiple_of(self.cluster()) => Err(self.bad(&format!("{what} is misplaced"), at)),
            at => Ok((at / self.cluster() < self.end).then_some(at)),
        }
    }

    fn walk(&mut self) -> Result<()> {
        self.take(0, 1, "the header")?;
        if !self.tables.l1.is_empty() {
            self.take(self.tables.l1_at, self.tables.l1.len() as u64 * 8, "the first level table")?;
        }
        for i in 0..self.tables.l1.len() {
            let at = self.tables.l1[i] & L1_OFFSET;
            match self.inside(at, "a second level table")? {
                Some(at) => {
                    self.take(at, self.cluster(), "a second level table")?;
                    self.second_level(at)?;
                }
                None if at != 0 => self.forget(self.tables.l1_at + i as u64 * 8, 0)?,
                None => {}
            }
        }
        Ok(())
    }

    /// Notes the use of the counts' own clusters. False, and nothing noted, when they can't be believed: a writer that
    /// moves their table gives its old place away before the new one is durable, and what lies there then may be data.
    fn keep_counts(&mut self) -> bool {
        let (cluster, per) = (self.cluster(), (8 * self.cluster()) >> self.tables.order);
        let table = self.tables.refcounts.len() as u64 * 8;
        let mut own = HashMap::new();
        for c in self.tables.refcounts_at / cluster..(self.tables.refcounts_at + table).div_ceil(cluster) {
            own.insert(c, 1);
        }
        for entry in &mut self.tables.refcounts {
            match *entry {
                0 => {}
                at if !at.is_multiple_of(cluster) => return false,
                at if at / cluster < self.end => {
                    if own.insert(at / cluster, 1).is_some() {
                        return false;
                    }
                }
                // Made anew where it is needed.
                _ => *entry = 0,
            }
        }
        let longest = self.tables.refcounts.len() as u64 * per;
        // New blocks of counts go behind everything, at most one for each entry.
        let may_grow = self.tables.refcounts.iter().filter(|entry| **entry == 0).count() as u64;
        if self.end + may_grow.min(self.end / per + 2) > longest
            || own.keys().any(|c| self.used.contains_key(c))
        {
            return false;
        }
        self.used.extend(own);
        true
    }

    /// Plans a new table of counts, with new blocks, behind everything else.
    fn move_counts(&mut self) -> Result<()> {
        let (cluster, per) = (self.cluster(), (8 * self.cluster()) >> self.tables.order);
        let (mut blocks, mut table) = (1, 1);
        loop {
            let need = (self.end + table + blocks).div_ceil(per);
            let room = (need * 8).div_ceil(cluster);
            if need <= blocks && room <= table {
                break;
            }
            (blocks, table) = (blocks.max(need), table.max(room));
        }
        self.anew = true;
        self.tables.refcounts_at = self.end * cluster;
        self.tables.refcounts = vec![0; (table * cluster / 8) as usize];
        self.end += table;
        self.take(self.tables.refcounts_at, table * cluster, "the new table of counts")
    }

    fn second_level(&mut self, table: u64) -> Result<()> {
        let mut b = vec![0; self.cluster() as usize];
        self.tables.file.read_at(table, &mut b)?;
        let width = if self.tables.extended { 16 } else { 8 };
        for i in 0..b.len() / width {
            let entry = be64(&b, i * width);
            if entry & COMPRESSED != 0 {
                self.compressed(entry)?;
                continue;
            }
            let at = entry & L1_OFFSET;
            match self.inside(at, "data")? {
                Some(at) => self.take(at, self.cluster(), "data")?,
                None if at != 0 => {
                    let place = table + (i * width) as u64;
                    if self.tables.extended {
                        // Nothing is stored here; what reads as zeros still does.
                        let map = be64(&b, i * width + 8) & !0xffff_ffff;
                        self.forget(place + 8, map)?;
                    }
                    self.forget(place, entry & 1)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Several stretches of compressed data may share a cluster; each counts.
    fn compressed(&mut self, entry: u64) -> Result<()> {
        let shift = 62 - (self.tables.bits - 8);
        let at = entry & ((1 << shift) - 1);
        let sectors = (entry & !COMPRESSED & !(1 << 63)) >> shift;
        let last = (at & !511) + (sectors + 1) * 512 - 1;
        if at / self.cluster() >= self.end {
            return Err(self.bad("compressed data behind the file's end", at));
        }
        for c in at / self.cluster()..=last / self.cluster() {
            *self.used.entry(c).or_default() += 1;
        }
        Ok(())
    }

    fn forget(&self, place: u64, entry: u64) -> Result<()> {
        Ok(self.tables.file.write_at(place, &entry.to_be_bytes())?)
    }

    /// Raises what is counted too low. New blocks of counts are durable before the table points at them.
    fn count(&mut self) -> Result<()> {
        let (cluster, order) = (self.cluster(), self.tables.order);
        let per = (8 * cluster) >> order;
        let mut blocks: BTreeMap<u64, (u64, Vec<u8>, bool)> = BTreeMap::new();
        let mut fresh = Vec::new();
        let mut todo: Vec<(u64, u64)> = self.used.iter().map(|(c, n)| (*c, *n)).collect();
        // Between blocks that exist none may be missing, used or not.
        let last = self.tables.refcounts.iter().rposition(|e| *e != 0).unwrap_or(0) as u64;
        let last = last.max((self.end - 1) / per);
        todo.extend((0..=last).map(|i| (i * per, 0)));
        todo.sort_unstable();
        // A new block is a cluster that wants to be counted, perhaps by another new one.
        let mut next = 0;
        while let Some((c, n)) = todo.get(next).copied() {
            next += 1;
            let i = c / per;
            if let std::collections::btree_map::Entry::Vacant(slot) = blocks.entry(i) {
                let at = usize::try_from(i).ok().and_then(|i| self.tables.refcounts.get(i)).copied();
                let at = at.ok_or_else(|| {
                    Error::Unsupported("the table of counts is too short; not repaired".into())
                })? & REFCOUNT_OFFSET;
                let mut bytes = vec![0; cluster as usize];
                if at == 0 {
                    slot.insert((self.end * cluster, bytes, true));
                    fresh.push(i);
                    todo.push((self.end, 1));
                    self.end += 1;
                } else {
                    self.tables.file.read_at(at, &mut bytes)?;
                    slot.insert((at, bytes, false));
                }
            }
            if let Some((_, bytes, changed)) = blocks.get_mut(&i) {
                *changed |= raise(bytes, (c % per) as usize, order, n)?;
            }
        }
        self.tables.file.set_size(self.end * cluster)?;
        for (at, bytes, changed) in blocks.values() {
            if *changed {
                self.tables.file.write_at(*at, bytes)?;
            }
        }
        self.tables.file.flush()?;
        let mut table = Vec::with_capacity(self.tables.refcounts.len() * 8);
        for i in 0..self.tables.refcounts.len() as u64 {
            let entry = match blocks.get(&i) {
                Some((at, _, _)) if fresh.contains(&i) => *at,
                _ => self.tables.refcounts[i as usize],
            };
            table.extend(entry.to_be_bytes());
        }
        self.tables.file.write_at(self.tables.refcounts_at, &table)?;
        if self.anew {
            // The table is whole before the header, in one piece, says where it is.
            self.tables.file.flush()?;
            let mut fields = Vec::from(self.tables.refcounts_at.to_be_bytes());
            fields.extend(((table.len() as u64 / cluster) as u32).to_be_bytes());
            self.tables.file.write_at(TABLE, &fields)?;
        }
        Ok(())
    }
}

/// Sets a count of 2^`order` bits to `n` unless it is as high; was it changed?
fn raise(block: &mut [u8], index: usize, order: u32, n: u64) -> Result<bool> {
    let width = 1usize << order;
    if width < 64 && n >> width != 0 {
        return Err(Error::Unsupported("more references than the image can count; not repaired".into()));
    }
    if width < 8 {
        let (byte, shift) = (index * width / 8, index * width % 8);
        let mask = ((1u16 << width) - 1) as u8;
        if u64::from(block[byte] >> shift & mask) >= n {
            return Ok(false);
        }
        block[byte] = block[byte] & !(mask << shift) | (n as u8) << shift;
        return Ok(true);
    }
    let bytes = &mut block[index * width / 8..(index + 1) * width / 8];
    let now = bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    if now < n {
        bytes.copy_from_slice(&n.to_be_bytes()[8 - width / 8..]);
    }
    Ok(now < n)
}
