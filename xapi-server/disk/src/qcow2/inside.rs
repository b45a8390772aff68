//! What an image holds beside its disk: snapshots inside, and bitmaps of what changed. Only walked over, so that their
//! clusters are counted; nothing here is ever read as data.

use super::tables::{MAX_L1, be16, be32, be64, words};
use super::walk::Walk;
use crate::error::Result;
use std::collections::BTreeMap;

/// Most snapshots, bytes of their table, and bytes of what one of them adds.
const MAX_SNAPSHOTS: u32 = 65_536;
const MAX_TABLE: u64 = 64 << 20;
const MAX_EXTRA: u64 = 1024;
/// Bytes of a snapshot's entry before its names, and what version 3 adds at least.
const SNAPSHOT: u64 = 40;
const EXTRA: u64 = 16;
/// The extension that names the bitmaps, its length, and the bit that says they are true.
pub(super) const BITMAPS: u32 = 0x2385_2875;
pub(super) const BITMAPS_LEN: u64 = 24;
const TRUE_BITMAPS: u64 = 1;
/// Where the features stand that writers clear when they don't know them.
const AUTOCLEAR: u64 = 88;
/// Most bitmaps, bytes of their directory and entries of one's table.
const MAX_BITMAPS: u32 = 65_535;
const MAX_DIRECTORY: u64 = 64 << 20;
const MAX_BITMAP: u64 = 8 << 20;
/// Bytes of an entry of the directory before its name, and the offset in one's table.
const BITMAP: u64 = 24;
/// A bitmap whose writer did not close it.
const IN_USE: u32 = 1;
/// Flags and sizes of grains that are known, these as powers of two.
const FLAGS: u32 = 3;
const GRAINS: std::ops::RangeInclusive<u8> = 9..=31;
const BITMAP_OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

impl Walk<'_> {
    /// Does the place of the snapshots make sense? Their number alone says whether there are any.
    pub(super) fn snapshots_fit(&mut self) -> bool {
        let (n, at) = (self.tables.snapshots, self.tables.snapshots_at);
        let end = at.checked_add(u64::from(n) * SNAPSHOT);
        let fits = n <= MAX_SNAPSHOTS && at.is_multiple_of(self.tables.cluster());
        if fits && (n == 0 || at > 0 && end.is_some_and(|end| end <= self.tables.size)) {
            return true;
        }
        let file = self.tables.size;
        self.bad("snapshots", format!("{n} snapshots inside at byte {at}, in a file of {file} bytes"));
        false
    }

    /// Snapshots inside: their table, their first levels and what these point at. False when they can't all be followed.
    pub(super) fn snapshots(&mut self) -> Result<bool> {
        if !self.snapshots_fit() {
            return Ok(false);
        }
        let (begin, mut at) = (self.tables.snapshots_at, self.tables.snapshots_at);
        let mut levels: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for i in 0..self.tables.snapshots {
            let mut b = [0; SNAPSHOT as usize];
            at = at.next_multiple_of(8);
            if at + SNAPSHOT > self.tables.size {
                self.bad("snapshots", format!("entry {i} of the snapshots lies behind the file's end"));
                return Ok(false);
            }
            self.tables.file.read_at(at, &mut b)?;
            let extra = u64::from(be32(&b, 36));
            let names = u64::from(be16(&b, 12)) + u64::from(be16(&b, 14));
            if extra > MAX_EXTRA || self.tables.version >= 3 && extra < EXTRA {
                self.bad("snapshots", format!("entry {i} of the snapshots adds {extra} bytes"));
            }
            at += SNAPSHOT + extra + names;
            if at > self.tables.size || at - begin > MAX_TABLE {
                self.bad("snapshots", format!("entry {i} of the snapshots is too long"));
                return Ok(false);
            }
            *levels.entry((be64(&b, 0), u64::from(be32(&b, 8)) * 8)).or_default() += 1;
        }
        if at > begin {
            self.meet(begin, at - begin, 1, "the table of snapshots");
        }
        let mut all = true;
        for ((at, bytes), times) in levels {
            if bytes > MAX_L1 {
                self.bad("snapshots", format!("a snapshot's first level table has {bytes} bytes"));
                all = false;
            } else if bytes > 0 {
                match self.table(at, bytes, times, "the first level table of a snapshot")? {
                    Some(b) => self.first_of_snapshot(&words(&b), times),
                    None => all = false,
                }
            }
        }
        Ok(all)
    }

    /// Bitmaps that are true: their directory, tables and clusters. `extension` is what the header says of them, `disk` the
    /// bytes they are about. False when they can't all be followed.
    pub(super) fn bitmaps(&mut self, extension: Option<&[u8]>, disk: u64) -> Result<bool> {
        let are_true = self.tables.version >= 3 && self.header64(AUTOCLEAR)? & TRUE_BITMAPS != 0;
        let Some(b) = extension.filter(|_| are_true) else { return Ok(true) };
        let (n, bytes, begin) = (be32(b, 0), be64(b, 8), be64(b, 16));
        if n == 0 || n > MAX_BITMAPS || bytes > MAX_DIRECTORY || be32(b, 4) != 0 {
            self.bad("bitmaps", format!("{n} bitmaps in {bytes} bytes at byte {begin}"));
            return Ok(false);
        }
        let Some(directory) = self.table(begin, bytes, 1, "the directory of bitmaps")? else {
            return Ok(false);
        };
        let (mut at, mut all) = (0, true);
        for i in 0..n {
            let Some(entry) = directory.get(at as usize..(at + BITMAP) as usize) else {
                self.bad("bitmaps", format!("the directory ends before bitmap {i}"));
                return Ok(false);
            };
            let (place, entries) = (be64(entry, 0), u64::from(be32(entry, 8)));
            let (kind, grain, extra) = (entry[16], entry[17], be32(entry, 20));
            let known = be32(entry, 12) & !FLAGS == 0 && kind == 1 && GRAINS.contains(&grain) && extra == 0;
            if !known || entries * 8 > MAX_BITMAP {
                self.bad("bitmaps", format!("entry {i} of the bitmaps says what nobody knows"));
                all = false;
            } else {
                let grains = (disk & !511).div_ceil(1 << grain);
                let need = grains.div_ceil(64).saturating_mul(8).div_ceil(self.tables.cluster());
                // One that was in use when its writer ended is not gone by.
                if entries != need && be32(entry, 12) & IN_USE == 0 {
                    self.bad("bitmaps", format!("bitmap {i} has {entries} clusters, and needs {need}"));
                }
                match self.table(place, entries * 8, 1, "the table of a bitmap")? {
                    Some(b) => self.bitmap(&words(&b)),
                    None => all = false,
                }
            }
            at += (BITMAP + u64::from(be16(entry, 18)) + u64::from(extra)).next_multiple_of(8);
        }
        if at != bytes {
            self.bad("bitmaps", format!("the directory of bitmaps has {bytes} bytes, and entries of {at}"));
        }
        Ok(all)
    }

    fn bitmap(&mut self, table: &[u64]) {
        for entry in table {
            let at = entry & BITMAP_OFFSET;
            let reserved = !BITMAP_OFFSET & if at == 0 { !1 } else { !0 };
            if entry & reserved != 0 {
                self.bad("reserved", format!("a bitmap: the entry {entry:#x} has bits that nobody knows"));
            }
            if at != 0 {
                self.meet(at, self.tables.cluster(), 1, "a bitmap");
            }
        }
    }
}
