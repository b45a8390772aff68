//! Looks at the tables of a qcow2 image: before it is written, because a writer that trusts wrong reference counts
//! gives away clusters that are in use, and for people, who want to know everything. Never changes a byte.

use super::repair::is_unclean;
use super::snapshot::line;
use crate::error::{Error, Result};
use crate::file::BlockFile;
use crate::vhd::audit::{Finding, Severity};
use crate::volumes::Volumes;
use std::collections::{BTreeSet, HashMap};

/// Offset part of table entries.
pub(super) const L1_OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// Offset part of entries of the reference count table.
pub(super) const REFCOUNT_OFFSET: u64 = !0x1ff;
/// The cluster is stored compressed.
pub(super) const COMPRESSED: u64 = 1 << 62;
/// Incompatible features whose images are not written: an unclean end with counts that lag behind, known damage, and
/// data in another file.
const REFUSED: [(u64, &str); 3] = [
    (1, "it was not closed cleanly by a writer whose reference counts lag behind"),
    (2, "it is marked corrupt"),
    (4, "its data lies in another file"),
];
/// Longest reference count table and first level table that are believed.
const MAX_TABLE: u64 = 32 << 20;
/// Findings after which more say nothing new.
const ENOUGH: usize = 50;

pub(super) fn be32(b: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

pub(super) fn be64(b: &[u8], at: usize) -> u64 {
    u64::from(be32(b, at)) << 32 | u64::from(be32(b, at + 4))
}

fn words(b: &[u8]) -> Vec<u64> {
    b.as_chunks::<8>().0.iter().map(|c| u64::from_be_bytes(*c)).collect()
}

/// The tables of an image.
pub(crate) struct Tables<'a> {
    pub(super) file: &'a dyn BlockFile,
    name: &'a str,
    pub(super) size: u64,
    pub(super) bits: u32,
    pub(super) order: u32,
    pub(super) extended: bool,
    pub(super) snapshots: u32,
    pub(super) refcounts_at: u64,
    pub(super) refcounts: Vec<u64>,
    pub(super) l1_at: u64,
    pub(super) l1: Vec<u64>,
    /// Blocks of reference counts by their place; nothing where they can't be read.
    blocks: HashMap<u64, Option<Vec<u8>>>,
    findings: Vec<Finding>,
    /// Clusters met so far; only a full audit fills it.
    used: Option<Vec<u64>>,
    leaked: u64,
}

impl Tables<'_> {
    /// Reads header and first tables; `unclean`: also of an image that was not closed.
    pub(super) fn read<'a>(file: &'a dyn BlockFile, name: &'a str, unclean: bool) -> Result<Tables<'a>> {
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
        let table = |at: u64, bytes: u64, what: &str| {
            let fits = at.checked_add(bytes).is_some_and(|end| end <= size);
            if bytes == 0 || bytes > MAX_TABLE || !at.is_multiple_of(1 << bits) || at == 0 || !fits {
                return Err(bad(what));
            }
            let mut b = vec![0; bytes as usize];
            file.read_at(at, &mut b)?;
            Ok(words(&b))
        };
        let refcounts_at = be64(&h, 48);
        let refcounts =
            table(refcounts_at, u64::from(be32(&h, 56)) << bits, "the reference count table is misplaced")?;
        let l1_at = be64(&h, 40);
        let l1 = match u64::from(be32(&h, 36)) * 8 {
            0 => Vec::new(),
            bytes => table(l1_at, bytes, "the first level table is misplaced")?,
        };
        Ok(Tables {
            file,
            name,
            size,
            bits,
            order,
            extended: features & 16 != 0,
            snapshots: be32(&h, 60),
            refcounts_at,
            refcounts,
            l1_at,
            l1,
            blocks: HashMap::new(),
            findings: Vec::new(),
            used: None,
            leaked: 0,
        })
    }

    fn add(&mut self, severity: Severity, code: &'static str, detail: String) {
        if self.findings.len() < ENOUGH {
            self.findings.push(Finding { image: self.name.to_owned(), severity, code, detail });
        }
    }

    fn bad(&mut self, code: &'static str, detail: String) {
        self.add(Severity::Error, code, detail);
    }

    /// Is a cluster counted as used?
    fn is_counted(&mut self, cluster: u64) -> bool {
        let per = (8u64 << self.bits) >> self.order;
        let entry = usize::try_from(cluster / per).ok().and_then(|i| self.refcounts.get(i)).copied();
        let at = entry.unwrap_or(0) & REFCOUNT_OFFSET;
        if at == 0 {
            return false;
        }
        let (file, len) = (self.file, 1usize << self.bits);
        let block = self.blocks.entry(at).or_insert_with(|| {
            let mut b = vec![0; len];
            file.read_at(at, &mut b).is_ok().then_some(b)
        });
        let Some(block) = block else { return false };
        let bit = (cluster % per) << self.order;
        let (byte, width) = ((bit / 8) as usize, 1u64 << self.order);
        if width >= 8 {
            block[byte..byte + width as usize / 8].iter().any(|b| *b != 0)
        } else {
            (block[byte] >> (bit % 8)) & ((1 << width) - 1) != 0
        }
    }

    /// Notes that `bytes` at `at` are used for `what`, which must lie inside and be counted.
    fn meet(&mut self, at: u64, bytes: u64, what: &str) {
        let cluster = 1u64 << self.bits;
        // The last cluster of a data file may be cut; tables were read whole.
        if !at.is_multiple_of(cluster) || at >= self.size {
            self.bad("misplaced", format!("{what} at byte {at}, in a file of {} bytes", self.size));
            return;
        }
        for c in at >> self.bits..(at + bytes).div_ceil(cluster) {
            if !self.is_counted(c) {
                self.bad("not-counted", format!("{what} at byte {at} is in use but counted as free"));
            }
            if let Some(used) = &mut self.used
                && let Some(word) = used.get_mut((c / 64) as usize)
            {
                let bit = 1 << (c % 64);
                let twice = *word & bit != 0 && self.snapshots == 0;
                *word |= bit;
                if twice {
                    self.bad("shared", format!("{what} at byte {at} lies over something else"));
                }
            }
        }
    }

    /// Everything but the second level's entries.
    fn tables(&mut self) {
        let cluster = 1u64 << self.bits;
        self.meet(0, 1, "the header");
        self.meet(self.refcounts_at, self.refcounts.len() as u64 * 8, "the reference count table");
        if !self.l1.is_empty() {
            self.meet(self.l1_at, self.l1.len() as u64 * 8, "the first level table");
        }
        let last = self.refcounts.iter().rposition(|e| *e != 0).unwrap_or(0);
        for i in 0..=last {
            match self.refcounts[i] & REFCOUNT_OFFSET {
                0 => self.bad("refcount-gap", format!("block {i} of the reference counts is missing")),
                at => self.meet(at, cluster, "a block of reference counts"),
            }
        }
        for i in 0..self.l1.len() {
            match self.l1[i] & L1_OFFSET {
                0 => {}
                at => self.meet(at, cluster, "a second level table"),
            }
        }
    }

    /// What the second level points at.
    fn data(&mut self) -> Result<()> {
        let cluster = 1u64 << self.bits;
        for i in 0..self.l1.len() {
            let at = self.l1[i] & L1_OFFSET;
            if at == 0 || !at.is_multiple_of(cluster) || at + cluster > self.size {
                continue;
            }
            let mut b = vec![0; cluster as usize];
            self.file.read_at(at, &mut b)?;
            for entry in words(&b).into_iter().step_by(if self.extended { 2 } else { 1 }) {
                if entry & COMPRESSED != 0 {
                    // Several may share a cluster, and their length says little: only their beginning counts.
                    let shift = 62 - (self.bits - 8);
                    let at = entry & ((1 << shift) - 1) & !511;
                    if at >= self.size || !self.is_counted(at >> self.bits) {
                        self.bad("not-counted", format!("compressed data at byte {at} is counted as free"));
                    }
                    if let Some(word) =
                        self.used.as_mut().and_then(|u| u.get_mut((at >> self.bits) as usize / 64))
                    {
                        *word |= 1 << ((at >> self.bits) % 64);
                    }
                } else if entry & L1_OFFSET != 0 {
                    self.meet(entry & L1_OFFSET, cluster, "data");
                }
            }
        }
        Ok(())
    }

    /// Clusters that are counted and that nothing uses.
    fn leaks(&mut self) {
        let clusters = self.size.div_ceil(1 << self.bits);
        let Some(used) = self.used.take() else { return };
        // Tables that are not walked here would look like leaks.
        if self.snapshots > 0 {
            return;
        }
        for c in 0..clusters {
            let met = used.get((c / 64) as usize).is_some_and(|w| w & 1 << (c % 64) != 0);
            if !met && self.is_counted(c) {
                self.leaked += 1;
            }
        }
        if self.leaked > 0 {
            let detail = format!("{} clusters are counted and unused: space, not data", self.leaked);
            self.add(Severity::Note, "leaked", detail);
        }
    }
}

/// Refuses to write to an image whose reference counts would let a writer destroy what is there. Looks at the tables
/// only, not at the counts of data.
///
/// # Errors
/// [`Error::Format`] with the first thing that is wrong; [`Error::Unsupported`] for unclean and corrupt images; the
/// device's error.
pub fn check_writable(file: &dyn BlockFile, name: &str) -> Result<()> {
    let mut tables = Tables::read(file, name, false)?;
    tables.tables();
    match tables.findings.first() {
        None => Ok(()),
        Some(f) => Err(Error::format("qcow2", format!("{}; not written to", f.detail))),
    }
}

/// Everything wrong with one image; its backing files are images of their own.
///
/// # Errors
/// [`Error::Format`] and [`Error::Unsupported`] for images whose tables can't be read; the device's error.
pub fn audit(file: &dyn BlockFile, name: &str) -> Result<Vec<Finding>> {
    let unclean = is_unclean(file)?;
    let mut tables = Tables::read(file, name, unclean)?;
    let clusters = tables.size.div_ceil(1 << tables.bits);
    tables.used = Some(vec![0; clusters.div_ceil(64) as usize]);
    tables.tables();
    tables.data()?;
    tables.leaks();
    if unclean {
        // Counts that lag behind are what the mark says, and what the next writer puts right.
        tables
            .findings
            .retain(|f| !matches!(f.code, "not-counted" | "misplaced" | "refcount-gap" | "leaked"));
        let detail =
            "it is being written, or its writer did not close it; counts are put right when it is opened"
                .into();
        tables.add(Severity::Warning, "unclean", detail);
    }
    Ok(tables.findings)
}

/// What is wrong between the given images of a place: what they stand on, and whether that is marked.
pub fn audit_links(volumes: &dyn Volumes, names: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |image: &str, severity, code, detail: String| {
        findings.push(Finding { image: image.to_owned(), severity, code, detail });
    };
    let mut parents = BTreeSet::new();
    let mut hidden = Vec::new();
    for name in names {
        let line = match line(volumes, name) {
            Ok(line) => line,
            Err(e) => {
                add(name, Severity::Error, "parent", e.to_string());
                continue;
            }
        };
        if line.first().and_then(|(_, h)| h.as_ref()).is_some_and(|h| h.hidden) {
            hidden.push(name);
        }
        let Some((parent, header)) = line.get(1) else { continue };
        parents.insert(parent.clone());
        let own = line[0].1.as_ref().map_or(0, |h| h.size);
        if header.as_ref().is_some_and(|h| !h.hidden) {
            let detail = format!("parent of {name:?} but not marked hidden");
            add(parent, Severity::Note, "parent-visible", detail);
        }
        if header.as_ref().is_some_and(|h| h.size > own) {
            let detail = format!("parent {parent:?} is larger than its child");
            add(name, Severity::Warning, "smaller-than-parent", detail);
        }
    }
    for name in hidden.into_iter().filter(|name| !parents.contains(*name)) {
        add(name, Severity::Warning, "garbage", "hidden, and no image needs it".into());
    }
    findings
}
