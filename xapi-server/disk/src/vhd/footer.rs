//! The 512 byte footer that names an image: kind, virtual size, uuid, hidden flag. Never touches a file.

use super::{be32, be64, checksum};
use crate::error::{Error, FormatError, Result};
use uuid::Uuid;

/// Bytes of a footer.
pub const FOOTER_LEN: usize = 512;
const COOKIE: &[u8; 8] = b"conectix";
const POISON: &[u8; 8] = b"v_poison";
const CHECKSUM_AT: usize = 64;
/// Creator tag of the original stack.
pub const CREATOR: [u8; 4] = *b"tap\0";
/// Creator version of the original stack.
pub const CREATOR_VERSION: u32 = 0x0001_0003;

/// How an image stores its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All sectors in place, footer behind them.
    Fixed,
    /// Blocks on demand; absent ones read as zero.
    Dynamic,
    /// Blocks on demand; absent sectors come from the parent.
    Differencing,
}

impl Kind {
    fn number(self) -> u32 {
        match self {
            Kind::Fixed => 2,
            Kind::Dynamic => 3,
            Kind::Differencing => 4,
        }
    }
}

/// A parsed footer. `rest` keeps the reserved tail so that a rewrite loses nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    /// Feature bits (2 is always set).
    pub features: u32,
    /// Format version, 0x00010000.
    pub version: u32,
    /// Byte offset of the header; all ones for fixed images.
    pub data_offset: u64,
    /// Seconds since 2000-01-01 UTC.
    pub timestamp: u32,
    /// Who made it.
    pub creator: [u8; 4],
    /// Version of the maker.
    pub creator_version: u32,
    /// Host system of the maker.
    pub creator_os: u32,
    /// Virtual size in bytes when made.
    pub original_size: u64,
    /// Virtual size in bytes.
    pub current_size: u64,
    /// Cylinders (16 bits), heads (8), sectors per track (8).
    pub geometry: u32,
    /// How blocks are stored.
    pub kind: Kind,
    /// Identity, which children name as their parent.
    pub uuid: Uuid,
    /// Saved-state flag.
    pub saved: u8,
    /// Not zero: an inner node no VDI shows.
    pub hidden: u8,
    /// Reserved bytes 86..512.
    pub rest: [u8; 426],
}

impl Footer {
    /// A new footer as the original stack writes it; `timestamp` in seconds since 2000.
    pub fn new(kind: Kind, virtual_size: u64, uuid: Uuid, timestamp: u32) -> Footer {
        Footer {
            features: 2,
            version: 0x0001_0000,
            data_offset: if kind == Kind::Fixed { u64::MAX } else { FOOTER_LEN as u64 },
            timestamp,
            creator: CREATOR,
            creator_version: CREATOR_VERSION,
            creator_os: 0,
            original_size: virtual_size,
            current_size: virtual_size,
            geometry: geometry(virtual_size),
            kind,
            uuid,
            saved: 0,
            hidden: 0,
            rest: [0; 426],
        }
    }

    /// Parses 512 bytes, or the 511 that some old writers left. Refuses a wrong cookie, checksum or kind.
    ///
    /// # Errors
    /// [`Error::Poisoned`] for the poison cookie, else [`Error::Format`].
    pub fn parse(bytes: &[u8]) -> Result<Footer> {
        let mut b = [0u8; FOOTER_LEN];
        if bytes.len() < FOOTER_LEN - 1 {
            return Err(Error::format("footer", format!("{} bytes are too few", bytes.len())));
        }
        let n = bytes.len().min(FOOTER_LEN);
        b[..n].copy_from_slice(&bytes[..n]);
        if &b[..8] == POISON {
            return Err(Error::Poisoned);
        }
        if &b[..8] != COOKIE {
            return Err(Error::format("footer", "cookie is missing"));
        }
        let (stored, sum) = (be32(&b, CHECKSUM_AT), checksum(&b, Some(CHECKSUM_AT)));
        if stored != sum {
            return Err(Error::format(
                "footer",
                format!("checksum is {stored:#010x}, should be {sum:#010x}"),
            ));
        }
        let kind = match be32(&b, 60) {
            2 => Kind::Fixed,
            3 => Kind::Dynamic,
            4 => Kind::Differencing,
            other => return Err(FormatError::new("footer", format!("disk type {other}")).into()),
        };
        let mut rest = [0; 426];
        rest.copy_from_slice(&b[86..]);
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&b[68..84]);
        Ok(Footer {
            features: be32(&b, 8),
            version: be32(&b, 12),
            data_offset: be64(&b, 16),
            timestamp: be32(&b, 24),
            creator: [b[28], b[29], b[30], b[31]],
            creator_version: be32(&b, 32),
            creator_os: be32(&b, 36),
            original_size: be64(&b, 40),
            current_size: be64(&b, 48),
            geometry: be32(&b, 56),
            kind,
            uuid: Uuid::from_bytes(uuid),
            saved: b[84],
            hidden: b[85],
            rest,
        })
    }

    /// The 512 bytes on disk, checksum included.
    pub fn serialise(&self) -> [u8; FOOTER_LEN] {
        let mut b = [0u8; FOOTER_LEN];
        b[..8].copy_from_slice(COOKIE);
        b[8..12].copy_from_slice(&self.features.to_be_bytes());
        b[12..16].copy_from_slice(&self.version.to_be_bytes());
        b[16..24].copy_from_slice(&self.data_offset.to_be_bytes());
        b[24..28].copy_from_slice(&self.timestamp.to_be_bytes());
        b[28..32].copy_from_slice(&self.creator);
        b[32..36].copy_from_slice(&self.creator_version.to_be_bytes());
        b[36..40].copy_from_slice(&self.creator_os.to_be_bytes());
        b[40..48].copy_from_slice(&self.original_size.to_be_bytes());
        b[48..56].copy_from_slice(&self.current_size.to_be_bytes());
        b[56..60].copy_from_slice(&self.geometry.to_be_bytes());
        b[60..64].copy_from_slice(&self.kind.number().to_be_bytes());
        b[68..84].copy_from_slice(self.uuid.as_bytes());
        b[84] = self.saved;
        b[85] = self.hidden;
        b[86..].copy_from_slice(&self.rest);
        let sum = checksum(&b, Some(CHECKSUM_AT));
        b[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_be_bytes());
        b
    }

    /// Was this written by the original stack (or by us, who sign the same)?
    pub fn by_tap(&self) -> bool {
        &self.creator[..3] == b"tap"
    }
}

/// The cylinder/head/sector triple of a disk of `bytes`, by the classic rule of the format document.
pub fn geometry(bytes: u64) -> u32 {
    let total = (bytes / 512).min(65535 * 16 * 255);
    let (heads, per_track, tracks);
    if total >= 65535 * 16 * 63 {
        (heads, per_track, tracks) = (16, 255, total / 255);
    } else {
        let small = total / 17;
        let wanted = small.div_ceil(1024).max(4);
        if small < wanted * 1024 && wanted <= 16 {
            (heads, per_track, tracks) = (wanted, 17, small);
        } else if total / 31 < 16 * 1024 {
            (heads, per_track, tracks) = (16, 31, total / 31);
        } else {
            (heads, per_track, tracks) = (16, 63, total / 63);
        }
    }
    ((tracks / heads) as u32) << 16 | (heads as u32) << 8 | per_track as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_survives_the_trip_and_a_flipped_bit_does_not() {
        let mut f = Footer::new(Kind::Differencing, 8 << 20, Uuid::from_u128(7), 800_000_000);
        f.hidden = 1;
        let b = f.serialise();
        assert_eq!(Footer::parse(&b).expect("own footer"), f);
        assert_eq!(Footer::parse(&b[..511]).expect("short footer"), f);
        for bit in 0..511 * 8 {
            let mut bad = b;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Footer::parse(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn poison_is_told_apart_from_damage() {
        let mut b = Footer::new(Kind::Dynamic, 1 << 20, Uuid::nil(), 0).serialise();
        b[..8].copy_from_slice(POISON);
        assert!(matches!(Footer::parse(&b), Err(Error::Poisoned)));
        assert!(matches!(Footer::parse(&[0xc7; 512]), Err(Error::Format(_))));
    }
}
