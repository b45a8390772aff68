//! A qcow2 read from a pipe. Only images whose tables come before what they point at, as converters write them; never
//! seeks, never follows a backing file: what an image with one holds is written over what the target has.

use super::{CHUNK, Progress, Target, put_sparse, read_full};
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::io::Read;

const MAGIC: &[u8] = b"QFI\xfb";
/// Bytes of a header that are looked at.
const HEADER: usize = 104;
/// Bytes of a header of version 2.
const OLD_HEADER: u64 = 72;
/// Longest name of a backing file.
const MAX_NAME: u64 = 1_023;
/// Largest disk read: 64 TiB.
const MAX_SIZE: u64 = 64 << 40;
/// Largest first table, bytes.
const MAX_L1: u64 = 32 << 20;
/// Where an entry of a table points.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;
/// The cluster is compressed.
const COMPRESSED: u64 = 1 << 62;
/// The cluster reads as zeros.
const ZERO: u64 = 1;

/// A qcow2 whose header was read from a stream.
pub struct Qcow2Stream<R> {
    from: R,
    /// Bytes read so far.
    at: u64,
    size: u64,
    cluster: u64,
    backing: Option<String>,
    version: u32,
    l1: (u64, u64),
}

/// What is expected further on in the stream.
#[derive(Default)]
struct Expected {
    /// Second tables: where each lies, and the first byte of the disk it is about.
    tables: BTreeMap<u64, u64>,
    /// Runs of data: where each lies, the first byte of the disk, and its length.
    data: BTreeMap<u64, (u64, u64)>,
    /// Start of the run noted last.
    last: Option<u64>,
}

impl Expected {
    fn note(&mut self, host: u64, guest: u64, len: u64) {
        let last = self.last.and_then(|start| Some((start, self.data.get_mut(&start)?)));
        if let Some((start, (first, length))) = last
            && start + *length == host
            && *first + *length == guest
        {
            *length += len;
            return;
        }
        self.data.insert(host, (guest, len));
        self.last = Some(host);
    }

    /// The part of the disk whose bytes lie at `host`.
    fn take(&mut self, host: u64, len: u64) -> Option<u64> {
        let (guest, length) = self.data.remove(&host)?;
        if length > len {
            self.data.insert(host + len, (guest + len, length - len));
            if self.last == Some(host) {
                self.last = Some(host + len);
            }
        }
        Some(guest)
    }

    fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.data.is_empty()
    }
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    b.get(at..at + 4).map_or(0, |b| b.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    u64::from(u32_at(b, at)) << 32 | u64::from(u32_at(b, at + 4))
}

impl<R: Read> Qcow2Stream<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for encrypted images and features that are not known; [`Error::Format`] for what is
    /// no qcow2 and for senseless sizes.
    pub fn open(mut from: R) -> Result<Qcow2Stream<R>> {
        let mut b = [0; HEADER];
        if read_full(&mut from, &mut b)? < HEADER || &b[..4] != MAGIC {
            return Err(Error::format("stream", "no qcow2"));
        }
        let version = u32_at(&b, 4);
        let bits = u32_at(&b, 20);
        let (size, entries) = (u64_at(&b, 24), u64::from(u32_at(&b, 36)));
        let l1 = (u64_at(&b, 40), entries * 8);
        // Unclean is fine for a reader; everything else changes what the tables mean.
        let features = if version >= 3 { u64_at(&b, 72) & !1 } else { 0 };
        if !(2..=3).contains(&version) || u32_at(&b, 32) != 0 || features != 0 {
            return Err(Error::Unsupported(
                "a qcow2 that is encrypted, or of a form that is not known".into(),
            ));
        }
        if !(9..=21).contains(&bits) {
            return Err(Error::format("qcow2", format!("clusters of 2^{bits} bytes")));
        }
        let cluster = 1u64 << bits;
        let reach = entries.checked_mul(cluster / 8).and_then(|n| n.checked_mul(cluster));
        if size > MAX_SIZE || l1.1 > MAX_L1 || reach.is_none_or(|reach| reach < size) {
            return Err(Error::format("qcow2", format!("{entries} tables for {size} bytes")));
        }
        if !l1.0.is_multiple_of(cluster) || l1.0 < cluster && entries > 0 {
            return Err(Error::format("qcow2", "the first table lies in the header"));
        }
        let mut head = b.to_vec();
        let backing = match (u64_at(&b, 8), u64::from(u32_at(&b, 16))) {
            (0, _) => None,
            (start, length) => {
                let end = start.saturating_add(length);
                if start < OLD_HEADER || length > MAX_NAME || end > cluster {
                    return Err(Error::format("qcow2", "the backing file's name lies outside of the header"));
                }
                head.resize(HEADER.max(end as usize), 0);
                if read_full(&mut from, &mut head[HEADER..])? < head.len() - HEADER {
                    return Err(Error::format("stream", "ended early"));
                }
                Some(String::from_utf8_lossy(&head[start as usize..end as usize]).into_owned())
            }
        };
        let at = head.len() as u64;
        Ok(Qcow2Stream { from, at, size, cluster, backing, version, l1 })
    }

    /// Virtual size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The image from which it holds only what differs, as its writer named it.
    pub fn backing(&self) -> Option<&str> {
        self.backing.as_deref()
    }

    /// Writes what the image holds into `target` and reads the stream to its end. `fresh`: the target reads as zeros
    /// (never meant for an image with a backing file). Durable on return.
    ///
    /// # Errors
    /// [`Error::Refused`] when the target is smaller; [`Error::Unsupported`] for compressed clusters and for tables
    /// behind what they point at; [`Error::Format`] for a stream that ends early; what writing and `progress` say.
    pub fn copy_to(mut self, target: &mut dyn Target, fresh: bool, progress: Progress) -> Result<()> {
        if target.size() < self.size {
            return Err(Error::Refused("the target is smaller than the disk".into()));
        }
        let fresh = fresh && self.backing.is_none();
        let mut expected = Expected::default();
        let mut buf = vec![0; self.cluster as usize];
        let mut done = 0;
        // The rest of the header's cluster.
        let rest = (self.cluster - self.at) as usize;
        self.fill(&mut buf[..rest])?;
        if self.l1.1 == 0 {
            return self.finish(target);
        }
        loop {
            let host = self.at;
            let (first, len) = self.l1;
            if host == first {
                let mut table = vec![0; len as usize];
                self.fill(&mut table)?;
                self.first_table(&table, &mut expected)?;
                let pad = (len.next_multiple_of(self.cluster) - len) as usize;
                self.optional(&mut buf[..pad])?;
                if expected.is_empty() {
                    return self.finish(target);
                }
            } else if let Some(guest) = expected.tables.remove(&host) {
                self.fill(&mut buf)?;
                self.second_table(&buf, guest, &mut expected, target, fresh)?;
                if expected.is_empty() {
                    return self.finish(target);
                }
            } else if let Some(guest) = expected.take(host, self.cluster) {
                // The last cluster of a file may be as short as what it holds.
                let need = (self.size - guest).min(self.cluster) as usize;
                let n = self.optional(&mut buf)?;
                if n < need {
                    return Err(ended());
                }
                let whole = need.next_multiple_of(512);
                buf[need..whole].fill(0);
                put_sparse(target, guest, &buf[..whole], fresh)?;
                done += need as u64;
                progress(done.min(self.size))?;
                if expected.is_empty() && host > first {
                    return self.finish(target);
                }
            } else if self.optional(&mut buf)? < buf.len() {
                return Err(ended());
            }
        }
    }

    fn first_table(&self, table: &[u8], expected: &mut Expected) -> Result<()> {
        let each = self.cluster / 8 * self.cluster;
        for (i, entry) in table.chunks_exact(8).enumerate() {
            let (at, guest) = (u64_at(entry, 0) & OFFSET, i as u64 * each);
            if at == 0 || guest >= self.size {
                continue;
            }
            self.ahead(at)?;
            expected.tables.insert(at, guest);
        }
        Ok(())
    }

    fn second_table(
        &self,
        table: &[u8],
        start: u64,
        expected: &mut Expected,
        target: &mut dyn Target,
        fresh: bool,
    ) -> Result<()> {
        for (i, entry) in table.chunks_exact(8).enumerate() {
            let (entry, guest) = (u64_at(entry, 0), start + i as u64 * self.cluster);
            if guest >= self.size {
                break;
            }
            if entry & COMPRESSED != 0 {
                return Err(Error::Unsupported("compressed clusters cannot be streamed".into()));
            }
            if self.version >= 3 && entry & ZERO != 0 {
                if !fresh {
                    let len = (self.size - guest).min(self.cluster).next_multiple_of(512);
                    target.put(guest, &vec![0; len as usize])?;
                }
                continue;
            }
            let at = entry & OFFSET;
            if at != 0 {
                self.ahead(at)?;
                expected.note(at, guest, self.cluster);
            }
        }
        Ok(())
    }

    /// What is pointed at must still come.
    fn ahead(&self, at: u64) -> Result<()> {
        if !at.is_multiple_of(self.cluster) {
            return Err(Error::format("qcow2", format!("a cluster at byte {at}")));
        }
        if at < self.at {
            return Err(Error::Unsupported("the qcow2's parts are not in streaming order".into()));
        }
        Ok(())
    }

    /// A sender that is not read to the end takes that for an error.
    fn finish(mut self, target: &mut dyn Target) -> Result<()> {
        let mut rest = vec![0; CHUNK];
        while read_full(&mut self.from, &mut rest)? > 0 {}
        target.finish()
    }

    fn optional(&mut self, buf: &mut [u8]) -> Result<usize> {
        let n = read_full(&mut self.from, buf)?;
        // Counted whole: nothing can follow a short one.
        self.at += buf.len() as u64;
        Ok(n)
    }

    fn fill(&mut self, buf: &mut [u8]) -> Result<()> {
        if self.optional(buf)? < buf.len() { Err(ended()) } else { Ok(()) }
    }
}

fn ended() -> Error {
    Error::format("stream", "it ends in the middle of the image")
}
