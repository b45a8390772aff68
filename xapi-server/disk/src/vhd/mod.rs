//! The VHD format: pure structures ([`footer`], [`header`], [`bat`], [`bitmap`], [`batmap`], [`locator`]) and what
//! works on images with them ([`reader`]). Never interprets guest data.
//!
//! All integers are big endian; a *sector* is 512 bytes.

pub mod audit;
pub mod bat;
pub mod batmap;
pub mod bitmap;
pub mod coalesce;
pub mod create;
pub mod footer;
pub mod header;
pub mod journal;
pub mod locator;
pub mod merge;
pub mod pending;
pub mod reader;
pub mod resize;
pub mod sizing;
pub mod snapshot;
pub mod writer;

/// Bytes in a sector.
pub const SECTOR: u64 = 512;
/// The block size every image of the original stack has.
pub const BLOCK_SIZE: u32 = 2 * 1024 * 1024;
/// The largest virtual size the original stack makes (2040 GiB).
pub const MAX_VIRTUAL_SIZE: u64 = 2040 << 30;
/// Longest chain the original stack opens.
pub const MAX_CHAIN: usize = 30;

/// One's complement of the byte sum of `bytes`, leaving out the four bytes at `skip` (where the sum is stored).
pub(crate) fn checksum(bytes: &[u8], skip: Option<usize>) -> u32 {
    let hole = skip.map_or(0..0, |at| at..at + 4);
    let sum = bytes
        .iter()
        .enumerate()
        .filter(|(i, _)| !hole.contains(i))
        .fold(0u32, |sum, (_, b)| sum.wrapping_add(u32::from(*b)));
    !sum
}

/// `value` rounded up to a multiple of `step` (a power of two); `None` on overflow.
pub(crate) fn round_up(value: u64, step: u64) -> Option<u64> {
    value.checked_add(step - 1).map(|v| v & !(step - 1))
}

pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
    let mut b = [0; 4];
    b.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(b)
}

pub(crate) fn be64(bytes: &[u8], at: usize) -> u64 {
    let mut b = [0; 8];
    b.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(b)
}
