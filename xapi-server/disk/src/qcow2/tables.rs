//! The tables of a qcow2 image as its header places them, and what its reference counts say. Believes no place outside
//! the file; changes nothing.

use crate::error::{Error, Result};
use crate::file::BlockFile;
use std::collections::HashMap;

/// Offset part of table entries.
pub(super) const L1_OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// Offset part of entries of the reference count table.
pub(super) const REFCOUNT_OFFSET: u64 = !0x1ff;
/// The cluster is stored compressed.
pub(super) const COMPRESSED: u64 = 1 << 62;
/// What is pointed at belongs to nothing else.
pub(super) const COPIED: u64 = 1 << 63;
/// Incompatible features whose images are not written: an unclean end with counts that lag behind, known damage, and
/// data in another file.
const REFUSED: [(u64, &str); 3] = [
    (1, "it was not closed cleanly by a writer whose reference counts lag behind"),
    (2, "it is marked corrupt"),
    (4, "its data lies in another file"),
];
/// Longest first level table and longest reference count table that are believed.
pub(super) const MAX_L1: u64 = 32 << 20;
const MAX_REFCOUNTS: u64 = 8 << 20;
/// Most bytes of reference counts kept in memory.
const KEPT: usize = 64 << 20;

pub(super) fn be16(b: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([b[at], b[at + 1]])
}

pub(super) fn be32(b: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

pub(super) fn be64(b: &[u8], at: usize) -> u64 {
    u64::from(be32(b, at)) << 32 | u64::from(be32(b, at + 4))
}

pub(super) fn words(b: &[u8]) -> Vec<u64> {
    b.as_chunks::<8>().0.iter().map(|c| u64::from_be_bytes(*c)).collect()
}

/// The tables of an image.
pub(crate) struct Tables<'a> {
    pub(super) file: &'a dyn BlockFile,
    pub(super) size: u64,
    pub(super) version: u32,
    pub(super) bits: u32,
    pub(super) order: u32,
    pub(super) extended: bool,
    /// Snapshots inside, and where their table is.
    pub(super) snapshots: u32,
    pub(super) snapshots_at: u64,
    pub(super) refcounts_at: u64,
    pub(super) refcounts: Vec<u64>,
    pub(super) l1_at: u64,
    pub(super) l1: Vec<u64>,
    /// Blocks of reference counts by their place; nothing where they can't be read.
    blocks: HashMap<u64, Option<Vec<u8>>>,
}

impl Tables<'_> {
    /// Reads header and first tables; `unclean`: also of an image that was not closed.
    pub(super) fn read(file: &dyn BlockFile, unclean: bool) -> Result<Tables<'_>> {
        let bad = |what: &str| Error::format("qcow2", what.to_owned());
        let size = file.size()?;
        let mut h = vec![0; 104];
        file.read_at(0, &mut h[..72])?;
        if h[..4] != *b"QFI\xfb" {
            return Err(bad("no such image"));
        }
        let version = be32(&h, 4);
        if version == 3 {
            file.read_at(72, &mut h[72..])?;
        } else if version == 2 {
            h[96..100].copy_from_slice(&4u32.to_be_bytes());
        } else {
            return Err(bad("a version nobody knows"));
        }
        let (bits, order) = (be32(&h, 20), be32(&h, 96));
        if !(9..=21).contains(&bits) || order > 6 {
            return Err(bad("sizes of clusters or reference counts out of range"));
        }
        let features = be64(&h, 72) & !u64::from(unclean);
        if let Some((_, why)) = REFUSED.iter().find(|(bit, _)| features & bit != 0) {
            return Err(Error::Unsupported((*why).into()));
        }
        let table = |at: u64, bytes: u64, most: u64, what: &str| {
            let fits = at.checked_add(bytes).is_some_and(|end| end <= size);
            if bytes == 0 || bytes > most || !at.is_multiple_of(1 << bits) || at == 0 || !fits {
                return Err(bad(what));
            }
            let mut b = vec![0; bytes as usize];
            file.read_at(at, &mut b)?;
            Ok(words(&b))
        };
        let refcounts_at = be64(&h, 48);
        let bytes = u64::from(be32(&h, 56)) << bits;
        let refcounts =
            table(refcounts_at, bytes, MAX_REFCOUNTS, "the reference count table is misplaced or missing")?;
        let l1_at = be64(&h, 40);
        let l1 = match u64::from(be32(&h, 36)) * 8 {
            0 => Vec::new(),
            bytes => table(l1_at, bytes, MAX_L1, "the first level table is misplaced")?,
        };
        Ok(Tables {
            file,
            size,
            version,
            bits,
            order,
            extended: features & 16 != 0,
            snapshots: be32(&h, 60),
            snapshots_at: be64(&h, 64),
            refcounts_at,
            refcounts,
            l1_at,
            l1,
            blocks: HashMap::new(),
        })
    }

    pub(super) fn cluster(&self) -> u64 {
        1 << self.bits
    }

    /// Clusters of the file, the last one perhaps cut.
    pub(super) fn clusters(&self) -> u64 {
        self.size.div_ceil(self.cluster())
    }

    /// Clusters that one block of reference counts is about.
    pub(super) fn per_block(&self) -> u64 {
        (8u64 << self.bits) >> self.order
    }

    /// How often a cluster is said to be referenced.
    pub(super) fn count(&mut self, cluster: u64) -> u64 {
        let per = self.per_block();
        let entry = usize::try_from(cluster / per).ok().and_then(|i| self.refcounts.get(i)).copied();
        let at = entry.unwrap_or(0) & REFCOUNT_OFFSET;
        if at == 0 {
            return 0;
        }
        let (file, len) = (self.file, 1usize << self.bits);
        if self.blocks.len() * len >= KEPT && !self.blocks.contains_key(&at) {
            self.blocks.clear();
        }
        let block = self.blocks.entry(at).or_insert_with(|| {
            let mut b = vec![0; len];
            file.read_at(at, &mut b).is_ok().then_some(b)
        });
        block.as_ref().map_or(0, |block| count_in(block, cluster % per, self.order))
    }
}

/// One count of a block of them, each of 2^`order` bits.
fn count_in(block: &[u8], index: u64, order: u32) -> u64 {
    let bit = index << order;
    let (byte, width) = ((bit / 8) as usize, 1u64 << order);
    if width >= 8 {
        block[byte..byte + width as usize / 8].iter().fold(0, |n, b| n << 8 | u64::from(*b))
    } else {
        u64::from(block[byte] >> (bit % 8)) & ((1 << width) - 1)
    }
}
