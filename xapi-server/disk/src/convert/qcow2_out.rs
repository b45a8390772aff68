//! A disk as a qcow2 (version 3) stream: all tables first, data clusters in order. Never seeks.

use super::{Progress, pad};
use crate::error::{Error, Result};
use crate::qcow2::create::Backing;
use crate::qcow2::header::{BACKING_FORMAT, HIDDEN};
use crate::source::{Source, State, extents};
use std::io::Write;

/// 64 KiB, what the original stack makes.
const CLUSTER: u64 = 1 << CLUSTER_BITS;
const CLUSTER_BITS: u32 = 16;
/// Entries of an L2 table: 512 MiB of disk.
const L2_ENTRIES: u64 = CLUSTER / 8;
/// 16 bit reference counts in a cluster.
const REFS: u64 = CLUSTER / 2;
/// This cluster belongs to nothing else.
const COPIED: u64 = 1 << 63;
/// The cluster reads as zeros.
const ZERO: u64 = 1;
/// Largest disk: what the original stack allows.
const MAX_SIZE: u64 = 16381 << 30;

/// What a guest cluster becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Absent,
    Zero,
    Data,
}

/// Two bits a guest cluster.
struct Fates(Vec<u8>);

impl Fates {
    fn get(&self, cluster: u64) -> Fate {
        match self.0.get((cluster / 4) as usize).map_or(0, |b| b >> (cluster % 4 * 2) & 3) {
            0 => Fate::Absent,
            1 => Fate::Zero,
            _ => Fate::Data,
        }
    }

    fn raise(&mut self, cluster: u64, fate: Fate) {
        let bits = match fate {
            Fate::Absent => 0,
            Fate::Zero => 1,
            Fate::Data => 2,
        };
        if let Some(b) = self.0.get_mut((cluster / 4) as usize) {
            *b |= bits << (cluster % 4 * 2);
        }
    }
}

/// Where everything lies, in clusters.
struct Plan {
    table_at: u64,
    table: u64,
    blocks: u64,
    l1: u64,
    l2: u64,
    data: u64,
}

impl Plan {
    fn new(clusters: u64, fates: &Fates) -> Plan {
        let tables = clusters.div_ceil(L2_ENTRIES).max(1);
        let mut plan =
            Plan { table_at: 1, table: 1, blocks: 1, l1: (tables * 8).div_ceil(CLUSTER), l2: 0, data: 0 };
        for t in 0..tables {
            let range = t * L2_ENTRIES..((t + 1) * L2_ENTRIES).min(clusters);
            let mut used = false;
            for c in range {
                let fate = fates.get(c);
                used |= fate != Fate::Absent;
                plan.data += u64::from(fate == Fate::Data);
            }
            plan.l2 += u64::from(used);
        }
        plan.counted()
    }

    /// That of an image without clusters of its own.
    fn empty(clusters: u64) -> Plan {
        let tables = clusters.div_ceil(L2_ENTRIES).max(1);
        let l1 = (tables * 8).div_ceil(CLUSTER);
        Plan { table_at: 1, table: 1, blocks: 1, l1, l2: 0, data: 0 }.counted()
    }

    /// With room for reference counts, which count themselves too.
    fn counted(mut self) -> Plan {
        loop {
            let blocks = self.total().div_ceil(REFS);
            let table = (blocks * 8).div_ceil(CLUSTER);
            if (blocks, table) == (self.blocks, self.table) {
                return self;
            }
            (self.blocks, self.table) = (blocks.max(self.blocks), table.max(self.table));
        }
    }

    fn total(&self) -> u64 {
        self.l2_at() + self.l2 + self.data
    }

    fn l1_at(&self) -> u64 {
        self.table_at + self.table + self.blocks
    }

    fn l2_at(&self) -> u64 {
        self.l1_at() + self.l1
    }
}

/// Writes `source` to `out` as qcow2. With a `backing` file name (a qcow2 of the same place) it holds whole clusters
/// in which anything is not absent; without one, clusters in which anything is data. Returns the bytes written.
///
/// # Errors
/// [`Error::Refused`] for disks above 16381 GiB and names over 1023 bytes; what reading, writing and `progress` say.
pub fn export_qcow2(
    source: &dyn Source,
    backing: Option<&str>,
    out: &mut dyn Write,
    progress: Progress,
) -> Result<u64> {
    let size = source.size();
    let backing = backing.map(|name| Backing { name: name.into(), raw: false });
    let backing = backing.as_ref();
    check(size, backing)?;
    let clusters = size.div_ceil(CLUSTER);
    let mut fates = Fates(vec![0; clusters.div_ceil(4) as usize]);
    extents(source, |e| {
        let (first, last) = (e.start / CLUSTER, (e.start + e.len - 1) / CLUSTER);
        let whole = |c: u64| e.start <= c * CLUSTER && (c + 1) * CLUSTER <= e.start + e.len;
        match e.state {
            State::Data => (first..=last).for_each(|c| fates.raise(c, Fate::Data)),
            State::Zero if backing.is_some() => {
                (first..=last).for_each(|c| fates.raise(c, if whole(c) { Fate::Zero } else { Fate::Data }));
            }
            State::Zero | State::Absent => {}
        }
        Ok(())
    })?;
    let plan = Plan::new(clusters, &fates);
    write_header(out, size, backing, false, &plan)?;
    write_refcounts(out, &plan)?;
    write_tables(out, &plan, clusters, &fates)?;
    let mut buf = vec![0; CLUSTER as usize];
    for c in (0..clusters).filter(|c| fates.get(*c) == Fate::Data) {
        let start = c * CLUSTER;
        let n = CLUSTER.min(size - start) as usize;
        buf[n..].fill(0);
        source.read_at(start, &mut buf[..n])?;
        out.write_all(&buf)?;
        progress(start + n as u64)?;
    }
    out.flush()?;
    Ok(plan.total() * CLUSTER)
}

fn check(size: u64, backing: Option<&Backing>) -> Result<()> {
    if size > MAX_SIZE || backing.is_some_and(|b| b.name.len() > 1023) {
        return Err(Error::Refused("the disk or its backing file's name is too large for qcow2".into()));
    }
    Ok(())
}

/// Writes an image of `size` bytes that holds nothing of its own, with room for the mark of an inner node.
///
/// # Errors
/// As [`export_qcow2`].
pub(crate) fn empty_qcow2(size: u64, backing: Option<&Backing>, out: &mut dyn Write) -> Result<()> {
    check(size, backing)?;
    let plan = Plan::empty(size.div_ceil(CLUSTER));
    write_header(out, size, backing, true, &plan)?;
    write_refcounts(out, &plan)?;
    pad(out, plan.l1 * CLUSTER)
}

fn write_header(
    out: &mut dyn Write,
    size: u64,
    backing: Option<&Backing>,
    markable: bool,
    plan: &Plan,
) -> Result<()> {
    let mut h = Vec::with_capacity(CLUSTER as usize);
    let name = backing.map_or("", |b| &b.name).as_bytes();
    // Extensions: the backing file's format, the mark, then the end.
    let mut extensions = Vec::new();
    if let Some(backing) = backing {
        let (length, format) = if backing.raw { (3u32, *b"raw\0\0\0\0\0") } else { (5, *b"qcow2\0\0\0") };
        extensions.extend(BACKING_FORMAT.to_be_bytes());
        extensions.extend(length.to_be_bytes());
        extensions.extend(format);
    }
    if markable {
        extensions.extend(HIDDEN.to_be_bytes());
        extensions.extend(8u32.to_be_bytes());
        extensions.extend([0; 8]);
    }
    extensions.extend([0; 8]);
    h.extend(*b"QFI\xfb");
    h.extend(3u32.to_be_bytes());
    let name_at = if name.is_empty() { 0 } else { 104 + extensions.len() as u64 };
    h.extend(name_at.to_be_bytes());
    h.extend((name.len() as u32).to_be_bytes());
    h.extend(CLUSTER_BITS.to_be_bytes());
    h.extend(size.to_be_bytes());
    h.extend(0u32.to_be_bytes()); // No encryption.
    h.extend((size.div_ceil(CLUSTER * L2_ENTRIES).max(1) as u32).to_be_bytes());
    h.extend((plan.l1_at() * CLUSTER).to_be_bytes());
    h.extend((plan.table_at * CLUSTER).to_be_bytes());
    h.extend((plan.table as u32).to_be_bytes());
    h.extend([0; 12]); // No internal snapshots.
    h.extend([0; 24]); // No feature bits.
    h.extend(4u32.to_be_bytes()); // Reference counts of 16 bits.
    h.extend(104u32.to_be_bytes());
    h.extend(extensions);
    h.extend(name);
    h.resize(CLUSTER as usize, 0);
    Ok(out.write_all(&h)?)
}

fn write_refcounts(out: &mut dyn Write, plan: &Plan) -> Result<()> {
    for i in 0..plan.table * CLUSTER / 8 {
        let entry = if i < plan.blocks { (plan.table_at + plan.table + i) * CLUSTER } else { 0 };
        out.write_all(&entry.to_be_bytes())?;
    }
    let one = 1u16.to_be_bytes();
    for _ in 0..plan.total() {
        out.write_all(&one)?;
    }
    pad(out, (plan.blocks * REFS - plan.total()) * 2)
}

fn write_tables(out: &mut dyn Write, plan: &Plan, clusters: u64, fates: &Fates) -> Result<()> {
    let tables = clusters.div_ceil(L2_ENTRIES).max(1);
    let range = |t: u64| t * L2_ENTRIES..((t + 1) * L2_ENTRIES).min(clusters);
    let used = |t: u64| range(t).any(|c| fates.get(c) != Fate::Absent);
    let mut next = plan.l2_at();
    for t in 0..tables {
        let entry = if used(t) {
            next += 1;
            ((next - 1) * CLUSTER) | COPIED
        } else {
            0
        };
        out.write_all(&entry.to_be_bytes())?;
    }
    pad(out, plan.l1 * CLUSTER - tables * 8)?;
    for t in (0..tables).filter(|t| used(*t)) {
        for c in range(t) {
            let entry = match fates.get(c) {
                Fate::Absent => 0,
                Fate::Zero => ZERO,
                Fate::Data => {
                    next += 1;
                    ((next - 1) * CLUSTER) | COPIED
                }
            };
            out.write_all(&entry.to_be_bytes())?;
        }
        pad(out, (L2_ENTRIES - (range(t).end - range(t).start)) * 8)?;
    }
    Ok(())
}
