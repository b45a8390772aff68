//! The original stack's extension behind the BAT: one bit per block that is present as a whole, and the
//! encryption key hash. Never trusted for reading: the sector bitmaps say the same and can't be stale.

use super::{SECTOR, be32, be64, checksum, round_up};
use crate::error::FormatError;

const COOKIE: &[u8; 8] = b"tdbatmap";
/// Version the original stack writes.
pub const VERSION: u32 = 0x0001_0002;

/// The batmap's header sector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatmapHeader {
    /// Byte offset of the bitmap.
    pub offset: u64,
    /// Sectors of the bitmap.
    pub sectors: u32,
    /// Version.
    pub version: u32,
    /// Checksum over the bitmap.
    pub checksum: u32,
    /// The writer's marker byte.
    pub marker: u8,
    /// Set flag, nonce and hash of an encryption key.
    pub key_hash: [u8; 65],
}

impl BatmapHeader {
    /// A header for `bitmap` that starts at byte `offset`.
    pub fn new(offset: u64, bitmap: &[u8]) -> BatmapHeader {
        BatmapHeader {
            offset,
            sectors: (bitmap.len() as u64 / SECTOR) as u32,
            version: VERSION,
            checksum: checksum(bitmap, None),
            marker: 0,
            key_hash: [0; 65],
        }
    }

    /// Parses one sector.
    ///
    /// # Errors
    /// Too short, or the cookie is missing (most often: there is no batmap).
    pub fn parse(b: &[u8]) -> Result<BatmapHeader, FormatError> {
        if b.len() < SECTOR as usize || &b[..8] != COOKIE {
            return Err(FormatError::new("batmap", "cookie is missing"));
        }
        let mut key_hash = [0; 65];
        key_hash.copy_from_slice(&b[29..94]);
        Ok(BatmapHeader {
            offset: be64(b, 8),
            sectors: be32(b, 16),
            version: be32(b, 20),
            checksum: be32(b, 24),
            marker: b[28],
            key_hash,
        })
    }

    /// The sector on disk.
    pub fn serialise(&self) -> [u8; SECTOR as usize] {
        let mut b = [0; SECTOR as usize];
        b[..8].copy_from_slice(COOKIE);
        b[8..16].copy_from_slice(&self.offset.to_be_bytes());
        b[16..20].copy_from_slice(&self.sectors.to_be_bytes());
        b[20..24].copy_from_slice(&self.version.to_be_bytes());
        b[24..28].copy_from_slice(&self.checksum.to_be_bytes());
        b[28] = self.marker;
        b[29..94].copy_from_slice(&self.key_hash);
        b
    }

    /// Does the checksum match this bitmap?
    pub fn matches(&self, bitmap: &[u8]) -> bool {
        checksum(bitmap, None) == self.checksum
    }

    /// Is the image encrypted?
    pub fn is_encrypted(&self) -> bool {
        self.key_hash[0] != 0
    }
}

/// Bytes the bitmap of `blocks` blocks takes on disk: whole sectors.
pub fn map_bytes(blocks: u32) -> u64 {
    round_up(u64::from(blocks).div_ceil(8), SECTOR).unwrap_or(SECTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batmap_header_survives_the_trip() {
        let map = vec![0x80; map_bytes(4097) as usize];
        assert_eq!(map.len(), 1024);
        let mut h = BatmapHeader::new(4096, &map);
        h.key_hash[0] = 1;
        let back = BatmapHeader::parse(&h.serialise()).expect("own header");
        assert_eq!(back, h);
        assert!(back.is_encrypted() && back.matches(&map) && !back.matches(&[0; 1024]));
        assert!(BatmapHeader::parse(&[0; 512]).is_err());
    }
}
