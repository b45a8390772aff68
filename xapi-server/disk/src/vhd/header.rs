//! The 1024 byte header of dynamic and differencing images: where the BAT lies, who the parent is.
//! Never touches a file.

use super::locator::{LOCATOR_LEN, Locator};
use super::{be32, be64, checksum};
use crate::error::{Error, FormatError, Result};
use uuid::Uuid;

/// Bytes of a header.
pub const HEADER_LEN: usize = 1024;
const COOKIE: &[u8; 8] = b"cxsparse";
const CHECKSUM_AT: usize = 36;
const NAME: std::ops::Range<usize> = 64..576;
/// Largest block size accepted. The original stack makes 2 MiB only.
const MAX_BLOCK: u32 = 64 << 20;
/// Most BAT entries accepted: 32 MiB of table.
pub const MAX_ENTRIES: u32 = 1 << 23;

/// A parsed header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Unused pointer, all ones.
    pub data_offset: u64,
    /// Byte offset of the BAT.
    pub table_offset: u64,
    /// Format version, 0x00010000.
    pub version: u32,
    /// Entries of the BAT.
    pub max_bat: u32,
    /// Bytes of data per block, a power of two.
    pub block_size: u32,
    /// Identity of the parent; nil for none and for a raw parent.
    pub parent_uuid: Uuid,
    /// The parent's time of change when the child was made. Readers ignore it.
    pub parent_timestamp: u32,
    /// The parent's file name as stored, UTF-16BE padded with zeros.
    pub parent_name: [u8; 512],
    /// Where to find the parent.
    pub locators: [Locator; 8],
    /// Reserved bytes 768..1024.
    pub rest: [u8; 256],
}

impl Header {
    /// A new header without parent for `max_bat` blocks of 2 MiB.
    pub fn new(max_bat: u32, table_offset: u64) -> Header {
        Header {
            data_offset: u64::MAX,
            table_offset,
            version: 0x0001_0000,
            max_bat,
            block_size: super::BLOCK_SIZE,
            parent_uuid: Uuid::nil(),
            parent_timestamp: 0,
            parent_name: [0; 512],
            locators: [Locator::default(); 8],
            rest: [0; 256],
        }
    }

    /// Parses 1024 bytes; refuses a wrong cookie, checksum, block size or table size.
    ///
    /// # Errors
    /// [`Error::Format`].
    pub fn parse(b: &[u8]) -> Result<Header> {
        let fail = |detail: String| Err(Error::Format(FormatError::new("header", detail)));
        if b.len() < HEADER_LEN {
            return fail(format!("{} bytes are too few", b.len()));
        }
        let b = &b[..HEADER_LEN];
        if &b[..8] != COOKIE {
            return fail("cookie is missing".into());
        }
        let (stored, sum) = (be32(b, CHECKSUM_AT), checksum(b, Some(CHECKSUM_AT)));
        if stored != sum {
            return fail(format!("checksum is {stored:#010x}, should be {sum:#010x}"));
        }
        let block_size = be32(b, 32);
        if !block_size.is_power_of_two() || !(4096..=MAX_BLOCK).contains(&block_size) {
            return fail(format!("block size {block_size}"));
        }
        let max_bat = be32(b, 28);
        if max_bat > MAX_ENTRIES {
            return fail(format!("{max_bat} table entries"));
        }
        let mut locators = [Locator::default(); 8];
        for (i, l) in locators.iter_mut().enumerate() {
            *l = Locator::parse(&b[576 + i * LOCATOR_LEN..])?;
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&b[40..56]);
        let mut parent_name = [0; 512];
        parent_name.copy_from_slice(&b[NAME]);
        let mut rest = [0; 256];
        rest.copy_from_slice(&b[768..]);
        Ok(Header {
            data_offset: be64(b, 8),
            table_offset: be64(b, 16),
            version: be32(b, 24),
            max_bat,
            block_size,
            parent_uuid: Uuid::from_bytes(uuid),
            parent_timestamp: be32(b, 56),
            parent_name,
            locators,
            rest,
        })
    }

    /// The 1024 bytes on disk, checksum included.
    pub fn serialise(&self) -> [u8; HEADER_LEN] {
        let mut b = [0u8; HEADER_LEN];
        b[..8].copy_from_slice(COOKIE);
        b[8..16].copy_from_slice(&self.data_offset.to_be_bytes());
        b[16..24].copy_from_slice(&self.table_offset.to_be_bytes());
        b[24..28].copy_from_slice(&self.version.to_be_bytes());
        b[28..32].copy_from_slice(&self.max_bat.to_be_bytes());
        b[32..36].copy_from_slice(&self.block_size.to_be_bytes());
        b[40..56].copy_from_slice(self.parent_uuid.as_bytes());
        b[56..60].copy_from_slice(&self.parent_timestamp.to_be_bytes());
        b[NAME].copy_from_slice(&self.parent_name);
        for (i, l) in self.locators.iter().enumerate() {
            b[576 + i * LOCATOR_LEN..][..LOCATOR_LEN].copy_from_slice(&l.serialise());
        }
        b[768..].copy_from_slice(&self.rest);
        let sum = checksum(&b, Some(CHECKSUM_AT));
        b[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_be_bytes());
        b
    }

    /// The stored parent name, or `None` when empty or not UTF-16.
    pub fn parent_name(&self) -> Option<String> {
        let units: Vec<u16> = self
            .parent_name
            .chunks_exact(2)
            .map(|c| u16::from_be_bytes([c[0], c[1]]))
            .take_while(|u| *u != 0)
            .collect();
        String::from_utf16(&units).ok().filter(|s| !s.is_empty())
    }

    /// Stores a parent name.
    ///
    /// # Errors
    /// Longer than 256 UTF-16 units.
    pub fn set_parent_name(&mut self, name: &str) -> Result<(), FormatError> {
        let bytes: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        if bytes.len() > 512 {
            return Err(FormatError::new("header", "parent name is longer than 256 characters"));
        }
        self.parent_name = [0; 512];
        self.parent_name[..bytes.len()].copy_from_slice(&bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_the_trip_and_a_flipped_bit_does_not() {
        let mut h = Header::new(1024, 1536);
        h.parent_uuid = Uuid::from_u128(5);
        h.set_parent_name("päŕent.vhd").expect("short");
        h.locators[2] = Locator { code: *b"W2ku", space: 512, length: 8, offset: 9999 };
        let b = h.serialise();
        let back = Header::parse(&b).expect("own header");
        assert_eq!(back, h);
        assert_eq!(back.parent_name().as_deref(), Some("päŕent.vhd"));
        for bit in 0..HEADER_LEN * 8 {
            let mut bad = b;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::parse(&bad).is_err(), "bit {bit}");
        }
    }
}
