//! Changed block tracking: the log file beside an image that says which 64 KiB pieces were written since its parent
//! log began, in the original stack's format. A log is consistent only after a clean close: a crash costs a full
//! backup, never a wrong one.

use crate::error::{Error, Result};
use crate::file::BlockFile;
use std::sync::Arc;
use uuid::Uuid;

/// Bytes of disk a bit stands for.
pub const GRAIN: u64 = 64 << 10;
const HEADER_LEN: usize = 48;
const CONSISTENT_AT: usize = 32;
/// Largest disk a log is read for: 64 TiB, 128 MiB of bits.
const MAX_SIZE: u64 = 64 << 40;

/// A log in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The VDI before this one in the series; nil for the first.
    pub parent: Uuid,
    /// The VDI after this one; nil for the last.
    pub child: Uuid,
    /// Was the log closed cleanly?
    pub consistent: bool,
    size: u64,
    bits: Vec<u8>,
}

/// Where a log stands in its series, without its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The VDI before this one; nil for the first.
    pub parent: Uuid,
    /// The VDI after this one; nil for the last.
    pub child: Uuid,
    /// Was the log closed cleanly?
    pub consistent: bool,
    /// Virtual size of the disk in bytes.
    pub size: u64,
}

impl Head {
    /// Parses the beginning of a log file.
    ///
    /// # Errors
    /// [`Error::Format`] when it is too short or the size is out of reach.
    pub fn parse(b: &[u8]) -> Result<Head> {
        if b.len() < HEADER_LEN {
            return Err(Error::format("CBT log", "truncated header"));
        }
        let uuid = |at: usize| {
            let mut id = [0; 16];
            id.copy_from_slice(&b[at..at + 16]);
            Uuid::from_bytes(id)
        };
        let mut size = [0; 8];
        size.copy_from_slice(&b[40..48]);
        let size = u64::from_le_bytes(size);
        if size > MAX_SIZE {
            return Err(Error::format("CBT log", format!("a disk of {size} bytes")));
        }
        let consistent = b[CONSISTENT_AT..CONSISTENT_AT + 4] != [0; 4];
        Ok(Head { parent: uuid(0), child: uuid(16), consistent, size })
    }

    /// Reads the beginning of a log file.
    ///
    /// # Errors
    /// The device's error, and as [`parse`](Head::parse).
    pub fn read(file: &dyn BlockFile) -> Result<Head> {
        let mut b = [0; HEADER_LEN];
        file.read_at(0, &mut b)?;
        Head::parse(&b)
    }

    /// Bytes of the file of such a log.
    pub fn file_bytes(&self) -> u64 {
        (HEADER_LEN + bitmap_bytes(self.size)) as u64
    }
}

/// Marks the log in `file` as not closed cleanly: nobody believes it any more. Durable on return.
///
/// # Errors
/// The device's error.
pub fn distrust(file: &dyn BlockFile) -> Result<()> {
    file.write_at(CONSISTENT_AT as u64, &[0; 4])?;
    Ok(file.flush()?)
}

impl Log {
    /// A log of a disk of `size` bytes on which nothing changed.
    pub fn new(size: u64) -> Log {
        Log {
            parent: Uuid::nil(),
            child: Uuid::nil(),
            consistent: true,
            size,
            bits: vec![0; bitmap_bytes(size)],
        }
    }

    /// Parses a log file; bytes behind the bitmap (a volume's rest) are ignored.
    ///
    /// # Errors
    /// [`Error::Format`] when it is too short for its size or the size is out of reach.
    pub fn parse(b: &[u8]) -> Result<Log> {
        let Head { parent, child, consistent, size } = Head::parse(b)?;
        if b.len() - HEADER_LEN < bitmap_bytes(size) {
            return Err(Error::format("CBT log", format!("{} bytes for a disk of {size}", b.len())));
        }
        let bits = b[HEADER_LEN..HEADER_LEN + bitmap_bytes(size)].to_vec();
        Ok(Log { parent, child, consistent, size, bits })
    }

    /// Reads a log file.
    ///
    /// # Errors
    /// The device's error, and as [`parse`](Log::parse).
    pub fn read(file: &dyn BlockFile) -> Result<Log> {
        let mut b = vec![0; usize::try_from(Head::read(file)?.file_bytes()).unwrap_or(usize::MAX)];
        file.read_at(0, &mut b)?;
        Log::parse(&b)
    }

    /// Puts a log into a file in place of what was there. Cut in between, what is there counts as not closed cleanly.
    ///
    /// # Errors
    /// The device's error.
    pub fn write(&self, file: &dyn BlockFile) -> Result<()> {
        let mut b = self.serialise();
        b[CONSISTENT_AT..CONSISTENT_AT + 4].fill(0);
        if file.size()? >= HEADER_LEN as u64 {
            distrust(file)?;
        }
        file.write_at(0, &b)?;
        file.flush()?;
        if self.consistent {
            file.write_at(CONSISTENT_AT as u64, &1u32.to_le_bytes())?;
            file.flush()?;
        }
        Ok(())
    }

    /// The bytes of the file.
    pub fn serialise(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER_LEN + self.bits.len());
        out.extend(self.parent.as_bytes());
        out.extend(self.child.as_bytes());
        out.extend(u32::from(self.consistent).to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.size.to_le_bytes());
        out.extend(&self.bits);
        out
    }

    /// Virtual size of the disk in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// One bit per 64 KiB, least significant first: what `VDI.list_changed_blocks` hands out in base64.
    pub fn bitmap(&self) -> &[u8] {
        &self.bits
    }

    /// Marks `len` bytes from `offset` changed. What lies outside the disk is ignored.
    pub fn mark(&mut self, offset: u64, len: u64) {
        let end = offset.saturating_add(len).min(self.size);
        if offset >= end {
            return;
        }
        for piece in offset / GRAIN..=(end - 1) / GRAIN {
            self.bits[(piece / 8) as usize] |= 1 << (piece % 8);
        }
    }

    /// Is the piece that holds byte `offset` changed?
    pub fn is_changed(&self, offset: u64) -> bool {
        let piece = offset / GRAIN;
        self.bits.get((piece / 8) as usize).is_some_and(|b| b & (1 << (piece % 8)) != 0)
    }

    /// Follows the disk's growth. The new part counts as changed, which is never wrong. Never shrinks.
    pub fn grow(&mut self, size: u64) {
        if size > self.size {
            let old = std::mem::replace(&mut self.size, size);
            self.bits.resize(bitmap_bytes(size), 0);
            self.mark(old, size - old);
        }
    }

    /// Adds the changes of `other`, which may be of another size.
    pub fn merge(&mut self, other: &Log) {
        self.grow(other.size);
        for (mine, theirs) in self.bits.iter_mut().zip(&other.bits) {
            *mine |= theirs;
        }
        self.consistent &= other.consistent;
    }
}

fn bitmap_bytes(size: u64) -> usize {
    size.div_ceil(GRAIN).div_ceil(8) as usize
}

/// What changed between two moments: the changes of all logs from the one after the first moment up to the second.
///
/// # Errors
/// [`Error::Refused`] without logs, and when one of them is not consistent: only a full copy is right then.
pub fn changes(logs: &[Log]) -> Result<Log> {
    let (first, rest) = logs.split_first().ok_or_else(|| Error::Refused("no logs".into()))?;
    let mut all = first.clone();
    rest.iter().for_each(|log| all.merge(log));
    if all.consistent {
        Ok(all)
    } else {
        Err(Error::Refused("a log in the series was not closed cleanly".into()))
    }
}

/// A log that follows a disk while it is written. Not consistent on disk until [`Tracker::close`].
pub struct Tracker {
    file: Arc<dyn BlockFile>,
    log: Log,
}

impl Tracker {
    /// Opens a log for a disk of `size` bytes; from here on a crash makes it inconsistent.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not consistent: tracking must be given up. Else the device's error.
    pub fn open(file: Arc<dyn BlockFile>, size: u64) -> Result<Tracker> {
        let mut log = Log::read(&*file)?;
        if !log.consistent {
            return Err(Error::Refused("the log was not closed cleanly".into()));
        }
        log.grow(size);
        if file.is_fixed() && file.size()? < (HEADER_LEN + log.bits.len()) as u64 {
            return Err(Error::NoSpace { need: (HEADER_LEN + log.bits.len()) as u64, have: file.size()? });
        }
        distrust(&*file)?;
        log.consistent = false;
        Ok(Tracker { file, log })
    }

    /// Marks a stretch changed; call it before the write.
    pub fn mark(&mut self, offset: u64, len: u64) {
        self.log.mark(offset, len);
    }

    /// Writes the log and then calls it consistent. The disk must be flushed before.
    ///
    /// # Errors
    /// The device's error: the log stays inconsistent.
    pub fn close(mut self) -> Result<Log> {
        self.file.write_at(0, &self.log.serialise())?;
        self.file.flush()?;
        self.log.consistent = true;
        self.file.write_at(CONSISTENT_AT as u64, &1u32.to_le_bytes())?;
        self.file.flush()?;
        Ok(self.log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Access;
    use crate::mem::{Cut, MemVolumes};
    use crate::volumes::Volumes;

    #[test]
    fn a_log_has_the_measured_layout() {
        let mut log = Log::new(10 * GRAIN + 512);
        log.parent = Uuid::from_u128(1);
        log.mark(GRAIN - 1, 2);
        log.mark(10 * GRAIN, u64::MAX);
        let b = log.serialise();
        assert_eq!(b.len(), 50);
        assert_eq!((b[15], b[32], b[48], b[49]), (1, 1, 0b11, 0b100));
        assert_eq!(b[40..48], (10 * GRAIN + 512).to_le_bytes());
        assert_eq!(Log::parse(&b).expect("own log"), log);
        assert!(Log::parse(&b[..49]).is_err());
        assert!(Log::parse(&[0xff; 64]).is_err());
    }

    #[test]
    fn changes_add_up_and_growth_counts_as_change() {
        let (mut a, mut b) = (Log::new(4 * GRAIN), Log::new(6 * GRAIN));
        a.mark(0, 1);
        b.mark(3 * GRAIN, 1);
        let all = changes(&[a.clone(), b]).expect("consistent");
        let changed: Vec<bool> = (0..6).map(|i| all.is_changed(i * GRAIN)).collect();
        assert_eq!(changed, [true, false, false, true, true, true]);
        a.consistent = false;
        assert!(changes(&[a]).is_err());
        assert!(changes(&[]).is_err());
    }

    #[test]
    fn a_log_that_a_cut_hit_is_never_called_consistent_while_it_lacks_changes() {
        let v = MemVolumes::files();
        v.put("a.cbtlog", &Log::new(100 * GRAIN).serialise()).expect("put");
        v.checkpoint();
        let mut t =
            Tracker::open(v.open("a.cbtlog", Access::Write).expect("open"), 100 * GRAIN).expect("track");
        let opened = v.ops();
        t.mark(5 * GRAIN, 1);
        t.close().expect("close");
        for at in opened..=v.ops() {
            for how in [Cut::LoseAll, Cut::KeepAll, Cut::Random(at as u64)] {
                let log = Log::parse(&v.cut(at, how).bytes("a.cbtlog").expect("bytes")).expect("log");
                assert!(!log.consistent || log.is_changed(5 * GRAIN), "cut at {at}, {how:?}");
            }
        }
        assert!(Log::parse(&v.bytes("a.cbtlog").expect("bytes")).expect("log").consistent);
    }
}
