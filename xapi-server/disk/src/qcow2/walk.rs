//! A walk over everything an image's tables point at: each reference is looked at and counted, then held against what the
//! image counts itself. Never changes a byte, and looks at no table twice, however often it is pointed at.

use super::counts::Counts;
use super::tables::{COMPRESSED, COPIED, L1_OFFSET, REFCOUNT_OFFSET, Tables, be64, words};
use crate::error::Result;
use crate::vhd::audit::{Finding, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// Bits that entries of the first level, of the second, and of the reference count table leave empty.
const L1_RESERVED: u64 = 0x7f00_0000_0000_01ff;
const L2_RESERVED: u64 = 0x3f00_0000_0000_01fe;
const REFCOUNT_RESERVED: u64 = 0x1ff;
/// The cluster reads as zeros.
const ZERO: u64 = 1;
/// Findings after which more say nothing new.
const ENOUGH: usize = 50;

/// A second level table: how often it is pointed at, and whether by the disk itself or only by snapshots inside.
#[derive(Default)]
struct Second {
    times: u64,
    active: bool,
}

/// What was met so far.
pub(super) struct Walk<'a> {
    pub(super) tables: Tables<'a>,
    name: &'a str,
    pub(super) findings: Vec<Finding>,
    /// References of whole clusters and of compressed stretches in them; counted only by a full audit.
    full: bool,
    whole: Counts,
    packed: Counts,
    second: BTreeMap<u64, Second>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(tables: Tables<'a>, name: &'a str, full: bool) -> Walk<'a> {
        Walk {
            tables,
            name,
            findings: Vec::new(),
            full,
            whole: Counts::default(),
            packed: Counts::default(),
            second: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, severity: Severity, code: &'static str, detail: String) {
        if self.findings.len() < ENOUGH {
            self.findings.push(Finding { image: self.name.to_owned(), severity, code, detail });
        }
    }

    pub(super) fn bad(&mut self, code: &'static str, detail: String) {
        self.add(Severity::Error, code, detail);
    }

    /// Notes that `bytes` at `at` are used for `what`, `times` over; they must lie inside and be counted. False when
    /// there is nothing to look at.
    pub(super) fn meet(&mut self, at: u64, bytes: u64, times: u64, what: &str) -> bool {
        let cluster = self.tables.cluster();
        if !at.is_multiple_of(cluster) {
            self.bad("unaligned", format!("{what} at byte {at} does not begin where a cluster does"));
            return false;
        }
        // The last cluster of a data file may be cut; tables were read whole.
        if at >= self.tables.size {
            self.bad("misplaced", format!("{what} at byte {at}, in a file of {} bytes", self.tables.size));
            return false;
        }
        for c in at / cluster..at.saturating_add(bytes).div_ceil(cluster) {
            if self.tables.count(c) == 0 {
                self.bad("not-counted", format!("{what} at byte {at} is in use but counted as free"));
            }
            // Snapshots inside share what they have in common, and count it.
            if self.full && self.whole.add(c, times) > times && self.tables.snapshots == 0 {
                self.bad("shared", format!("{what} at byte {at} lies over something else"));
            }
        }
        true
    }

    fn reserved(&mut self, entry: u64, bits: u64, what: &str) {
        if entry & bits != 0 {
            self.bad("reserved", format!("{what}: the entry {entry:#x} has bits that nobody knows"));
        }
    }

    /// Whoever writes goes by this mark: what belongs to one alone is changed in its place.
    fn copied(&mut self, entry: u64, what: &str) {
        let at = entry & L1_OFFSET;
        let count = self.tables.count(at / self.tables.cluster());
        if entry & COPIED != 0 && count != 1 {
            self.bad(
                "copied",
                format!("{what} at byte {at} is marked as used once, and counted {count} times"),
            );
        } else if entry & COPIED == 0 && count == 1 {
            let detail = format!("{what} at byte {at} is used once and not marked so");
            self.add(Severity::Warning, "not-copied", detail);
        }
    }

    /// An entry that says no place.
    fn nowhere(&mut self, entry: u64) {
        if entry & COPIED != 0 {
            self.bad("copied", format!("the entry {entry:#x} is marked as used once, and says no place"));
        }
    }

    /// The header, the tables it names, and what the first level points at.
    pub(super) fn first(&mut self) {
        let cluster = self.tables.cluster();
        self.meet(0, 1, 1, "the header");
        let (at, bytes) = (self.tables.refcounts_at, self.tables.refcounts.len() as u64 * 8);
        self.meet(at, bytes, 1, "the reference count table");
        let (at, entries) = (self.tables.l1_at, self.tables.l1.len());
        if entries > 0 {
            self.meet(at, entries as u64 * 8, 1, "the first level table");
        }
        let last = self.tables.refcounts.iter().rposition(|e| *e != 0).unwrap_or(0);
        for i in 0..=last {
            let entry = self.tables.refcounts[i];
            self.reserved(entry, REFCOUNT_RESERVED, "the reference count table");
            match entry & REFCOUNT_OFFSET {
                0 => self.bad("refcount-gap", format!("block {i} of the reference counts is missing")),
                at => drop(self.meet(at, cluster, 1, "a block of reference counts")),
            }
        }
        for i in 0..entries {
            let entry = self.tables.l1[i];
            self.reserved(entry, L1_RESERVED, "the first level table");
            match entry & L1_OFFSET {
                0 => self.nowhere(entry),
                at => {
                    if self.meet(at, cluster, 1, "a second level table") && self.full {
                        self.copied(entry, "a second level table");
                        let second = self.second.entry(at).or_default();
                        (second.times, second.active) = (second.times + 1, true);
                    }
                }
            }
        }
    }

    /// The same for the first level of a snapshot inside, which `times` snapshots share.
    pub(super) fn first_of_snapshot(&mut self, l1: &[u64], times: u64) {
        for entry in l1 {
            self.reserved(*entry, L1_RESERVED, "the first level table of a snapshot");
            let at = entry & L1_OFFSET;
            if at != 0 && self.meet(at, self.tables.cluster(), times, "a second level table of a snapshot") {
                self.second.entry(at).or_default().times += times;
            }
        }
    }

    /// What the second level points at.
    pub(super) fn data(&mut self) -> Result<()> {
        let cluster = self.tables.cluster();
        for (at, second) in std::mem::take(&mut self.second) {
            let mut b = vec![0; cluster as usize];
            if at + cluster > self.tables.size {
                self.bad(
                    "misplaced",
                    format!("a second level table at byte {at} goes on behind the file's end"),
                );
                continue;
            }
            self.tables.file.read_at(at, &mut b)?;
            for entry in words(&b).into_iter().step_by(if self.tables.extended { 2 } else { 1 }) {
                self.entry(entry, &second);
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: u64, second: &Second) {
        if entry & COMPRESSED != 0 {
            return self.compressed(entry, second.times);
        }
        self.reserved(entry, L2_RESERVED, "a second level table");
        if self.tables.version < 3 && entry & ZERO != 0 {
            self.bad("reserved", format!("the entry {entry:#x} says zeros, which its version can't"));
        }
        if entry & L1_OFFSET != 0
            && self.meet(entry & L1_OFFSET, self.tables.cluster(), second.times, "data")
            && second.active
        {
            self.copied(entry, "data");
        } else if entry & L1_OFFSET == 0 {
            self.nowhere(entry);
        }
    }

    /// Several stretches of compressed data may share a cluster; each counts.
    fn compressed(&mut self, entry: u64, times: u64) {
        let shift = 62 - (self.tables.bits - 8);
        let at = entry & ((1 << shift) - 1);
        let sectors = (entry & !COMPRESSED & !COPIED) >> shift;
        let last = (at & !511) + (sectors + 1) * 512 - 1;
        if entry & COPIED != 0 {
            self.bad("copied", format!("compressed data at byte {at} is marked as used once"));
        }
        if at >= self.tables.size {
            return self.bad("misplaced", format!("compressed data at byte {at} lies behind the file's end"));
        }
        for c in at / self.tables.cluster()..=last / self.tables.cluster() {
            if self.tables.count(c) == 0 {
                self.bad("not-counted", format!("compressed data at byte {at} is counted as free"));
            }
            self.packed.add(c, times);
            if self.whole.get(c) > 0 {
                self.bad("shared", format!("compressed data at byte {at} lies over something else"));
            }
        }
    }

    /// Holds what was counted on the walk against what the image says. Counts that are too high cost space; too low,
    /// they let a writer overwrite what is there.
    pub(super) fn compare(&mut self) -> Result<()> {
        let (per, cluster, clusters) =
            (self.tables.per_block(), self.tables.cluster(), self.tables.clusters());
        let (mut seen, mut leaked) = (BTreeSet::new(), 0u64);
        for i in 0..self.tables.refcounts.len() as u64 {
            let at = self.tables.refcounts[i as usize] & REFCOUNT_OFFSET;
            let begin = i * per;
            if begin >= clusters {
                break;
            }
            let inside = at != 0 && at.is_multiple_of(cluster) && at + cluster <= self.tables.size;
            // What is wrong with others was said.
            if !inside || !seen.insert(at) {
                continue;
            }
            for c in begin..(begin + per).min(clusters) {
                let (said, met) = (self.tables.count(c), self.whole.get(c) + self.packed.get(c));
                if said > met {
                    leaked += 1;
                } else if said < met && said > 0 {
                    let detail =
                        format!("the cluster at byte {} is used {met} times and counted {said}", c * cluster);
                    self.bad("counted-low", detail);
                }
            }
        }
        if leaked > 0 {
            let detail = format!("{leaked} clusters are counted more often than used: space, not data");
            self.add(Severity::Warning, "leaked", detail);
        }
        Ok(())
    }

    /// Reads a table of whole numbers that stands anywhere in the file; `None` when it does not.
    pub(super) fn table(&mut self, at: u64, bytes: u64, times: u64, what: &str) -> Result<Option<Vec<u8>>> {
        if at.checked_add(bytes).is_none_or(|end| end > self.tables.size) {
            self.bad("misplaced", format!("{what} at byte {at}, in a file of {} bytes", self.tables.size));
            return Ok(None);
        }
        if !self.meet(at, bytes, times, what) {
            return Ok(None);
        }
        let mut b = vec![0; bytes as usize];
        self.tables.file.read_at(at, &mut b)?;
        Ok(Some(b))
    }

    /// A number of the header.
    pub(super) fn header64(&self, at: u64) -> Result<u64> {
        let mut b = [0; 8];
        self.tables.file.read_at(at, &mut b)?;
        Ok(be64(&b, 0))
    }
}
