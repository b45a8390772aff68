//! What a writer was told and has not flushed, kept outside its process: who takes over after its death goes on as if
//! nothing had happened. Else a guest that outlives its disk server would be told by the next one that everything is
//! durable, while what the first had acknowledged is gone.
//!
//! It holds which sectors were written where, never data: that is in the file already. It means nothing after a
//! power failure, which takes the data as well, and belongs to one boot of the system.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use uuid::Uuid;

const MAGIC: [u8; 8] = *b"xennixp1";
/// Magic, boot, image.
const HEADER: usize = 40;
/// Block, place, first sector, sectors, each 8 bytes.
const RECORD: usize = 32;
/// Records after which the writer flushes by itself.
const MOST: u64 = 1 << 16;

/// Sectors of a block that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) block: u64,
    /// The table's entry: sector of the block in the file.
    pub(super) entry: u64,
    pub(super) within: u64,
    pub(super) sectors: u64,
}

impl Written {
    fn bytes(&self) -> [u8; RECORD] {
        let mut b = [0; RECORD];
        for (i, n) in [self.block, self.entry, self.within, self.sectors].into_iter().enumerate() {
            b[i * 8..i * 8 + 8].copy_from_slice(&n.to_ne_bytes());
        }
        b
    }

    fn parse(b: &[u8; RECORD]) -> Written {
        let (words, _) = b.as_chunks::<8>();
        let n = |i: usize| u64::from_ne_bytes(words[i]);
        Written { block: n(0), entry: n(1), within: n(2), sectors: n(3) }
    }
}

/// The file of one image's writer.
#[derive(Debug)]
pub struct Pending {
    file: File,
    boot: [u8; 16],
    records: u64,
}

/// What tells this boot of the system from others.
fn boot_id() -> io::Result<[u8; 16]> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(Uuid::parse_str(text.trim()).map_err(io::Error::other)?.into_bytes())
}

impl Pending {
    /// Opens or makes the file at `path`, which is to lie in memory.
    ///
    /// # Errors
    /// The system's error; [`Error::Refused`] when another writer has it.
    pub fn open(path: &Path) -> Result<Pending> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Refused(format!("{} belongs to another writer", path.display())));
            }
            Err(TryLockError::Error(e)) => return Err(e.into()),
            Ok(()) => {}
        }
        Ok(Pending { file, boot: boot_id()?, records: 0 })
    }

    /// Was something written and not flushed when the writer that kept the file at `path` ended?
    ///
    /// # Errors
    /// The system's error.
    pub fn is_waiting(path: &Path) -> Result<bool> {
        let len = match std::fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?.len(),
        };
        if len < (HEADER + RECORD) as u64 {
            return Ok(false);
        }
        let mut head = [0; HEADER];
        File::open(path)?.read_exact_at(&mut head, 0)?;
        Ok(head[8..24] == boot_id()?)
    }

    /// What a dead writer of `image` left, and from now on this writer's own.
    ///
    /// # Errors
    /// [`Error::Refused`] when the file tells of another image; the system's error.
    pub(super) fn take(&mut self, image: Uuid) -> Result<Vec<Written>> {
        let mut b = Vec::new();
        io::Read::read_to_end(&mut &self.file, &mut b)?;
        let mut head = [0; HEADER];
        head[..8].copy_from_slice(&MAGIC);
        head[8..24].copy_from_slice(&self.boot);
        head[24..].copy_from_slice(image.as_bytes());
        let valid = b.len() >= HEADER && b[..24] == head[..24];
        // A torn record at the end was never acknowledged.
        let (records, _) = b.get(HEADER..).filter(|_| valid).unwrap_or_default().as_chunks::<RECORD>();
        if !records.is_empty() && b[24..HEADER] != head[24..] {
            return Err(Error::Refused("another image has writes that wait for its own writer".into()));
        }
        let found: Vec<_> = records.iter().map(Written::parse).collect();
        self.records = found.len() as u64;
        self.file.set_len(if found.is_empty() { 0 } else { (HEADER + found.len() * RECORD) as u64 })?;
        self.file.write_all_at(&head, 0)?;
        Ok(found)
    }

    /// Keeps one more.
    ///
    /// # Errors
    /// The system's error: what was written must not be acknowledged then.
    pub(super) fn add(&mut self, written: Written) -> io::Result<()> {
        let at = HEADER as u64 + self.records * RECORD as u64;
        self.file.write_all_at(&written.bytes(), at)?;
        self.records += 1;
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.records >= MOST
    }

    /// Everything is durable.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        if self.records > 0 {
            self.file.set_len(HEADER as u64)?;
            self.records = 0;
        }
        Ok(())
    }
}
