//! The block allocation table: for each block the sector of its bitmap. Never touches a file.

use super::{SECTOR, be32, round_up};
use crate::error::FormatError;

/// Entry of a block that has no place in the file.
pub const UNUSED: u32 = u32::MAX;

/// The table in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bat {
    entries: Vec<u32>,
}

impl Bat {
    /// A table of `count` blocks, all absent.
    pub fn empty(count: u32) -> Bat {
        Bat { entries: vec![UNUSED; count as usize] }
    }

    /// Parses the first `count` entries.
    ///
    /// # Errors
    /// Fewer bytes than `count` entries take.
    pub fn parse(bytes: &[u8], count: u32) -> Result<Bat, FormatError> {
        let n = count as usize * 4;
        if bytes.len() < n {
            return Err(FormatError::new("BAT", format!("{} bytes for {count} entries", bytes.len())));
        }
        Ok(Bat { entries: bytes[..n].chunks_exact(4).map(|c| be32(c, 0)).collect() })
    }

    /// The bytes on disk, padded with ones to whole sectors.
    pub fn serialise(&self) -> Vec<u8> {
        let mut out: Vec<u8> = self.entries.iter().flat_map(|e| e.to_be_bytes()).collect();
        out.resize(table_bytes(self.entries.len() as u32) as usize, 0xff);
        out
    }

    /// The 512 bytes of the table's sector `index`, padded with ones behind the last entry.
    pub fn sector(&self, index: usize) -> [u8; 512] {
        let mut out = [0xff; 512];
        let from = (index * 128).min(self.entries.len());
        let to = (from + 128).min(self.entries.len());
        for (slot, e) in out.chunks_exact_mut(4).zip(&self.entries[from..to]) {
            slot.copy_from_slice(&e.to_be_bytes());
        }
        out
    }

    /// Number of entries.
    pub fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Has the table no entry at all?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sector of the bitmap of `block`, `None` when absent or beyond the table.
    pub fn get(&self, block: u64) -> Option<u64> {
        let at = usize::try_from(block).ok()?;
        self.entries.get(at).copied().filter(|e| *e != UNUSED).map(u64::from)
    }

    /// Sets the place of `block`; ignored beyond the table.
    pub fn set(&mut self, block: u64, sector: u32) {
        if let Some(e) = usize::try_from(block).ok().and_then(|at| self.entries.get_mut(at)) {
            *e = sector;
        }
    }

    /// Grows the table to `count` entries, the new ones absent. Never shrinks it.
    pub fn grow(&mut self, count: u32) {
        if count > self.len() {
            self.entries.resize(count as usize, UNUSED);
        }
    }

    /// Blocks that have a place, as (block, sector), in order of blocks.
    pub fn allocated(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.entries.iter().enumerate().filter(|(_, e)| **e != UNUSED).map(|(i, e)| (i as u64, u64::from(*e)))
    }
}

/// Bytes a table of `count` entries takes on disk: whole sectors.
pub fn table_bytes(count: u32) -> u64 {
    round_up(u64::from(count) * 4, SECTOR).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keep_their_entries_and_their_padding() {
        let mut bat = Bat::empty(130);
        bat.set(0, 7);
        bat.set(129, 4103);
        bat.set(130, 1);
        let b = bat.serialise();
        assert_eq!(b.len(), 1024);
        assert_eq!(b[512..], bat.sector(1));
        assert_eq!(bat.sector(1)[8..], [0xff; 504]);
        assert_eq!(Bat::parse(&b, 130).expect("own table"), bat);
        assert!(Bat::parse(&b[..519], 130).is_err());
        assert_eq!(bat.allocated().collect::<Vec<_>>(), [(0, 7), (129, 4103)]);
        assert_eq!(bat.get(1), None);
        assert_eq!(bat.get(u64::MAX), None);
    }
}
