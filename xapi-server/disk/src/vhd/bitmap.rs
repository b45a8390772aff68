//! The sector bitmap in front of each block: one bit per sector, most significant first. Never touches a file.

use super::{SECTOR, round_up};

/// Bytes the bitmap of a block of `block_size` bytes takes on disk: whole sectors.
pub fn bitmap_bytes(block_size: u32) -> u64 {
    round_up(u64::from(block_size) / SECTOR / 8, SECTOR).unwrap_or(SECTOR)
}

/// One block's bitmap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    bytes: Box<[u8]>,
}

impl Bitmap {
    /// All sectors absent.
    pub fn empty(block_size: u32) -> Bitmap {
        Bitmap { bytes: vec![0; bitmap_bytes(block_size) as usize].into_boxed_slice() }
    }

    /// Takes the bytes on disk as they are.
    pub fn from_bytes(bytes: Vec<u8>) -> Bitmap {
        Bitmap { bytes: bytes.into_boxed_slice() }
    }

    /// The bytes on disk.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Is sector `at` of the block present? False beyond the bitmap.
    pub fn get(&self, at: u64) -> bool {
        self.bytes.get((at / 8) as usize).is_some_and(|b| b & (0x80 >> (at % 8)) != 0)
    }

    /// Marks `count` sectors from `at` present. True when that changed anything.
    pub fn set(&mut self, at: u64, count: u64) -> bool {
        let mut changed = false;
        for s in at..at + count {
            if let Some(b) = self.bytes.get_mut((s / 8) as usize) {
                let bit = 0x80 >> (s % 8);
                changed |= *b & bit == 0;
                *b |= bit;
            }
        }
        changed
    }

    /// How many sectors from `at`, at most `max` (not 0), share its state; and that state.
    pub fn run(&self, at: u64, max: u64) -> (bool, u64) {
        let state = self.get(at);
        let whole = if state { 0xff } else { 0 };
        let mut n = 1;
        while n < max {
            let s = at + n;
            if s.is_multiple_of(8) && max - n >= 8 && self.bytes.get((s / 8) as usize) == Some(&whole) {
                n += 8;
            } else if self.get(s) == state {
                n += 1;
            } else {
                break;
            }
        }
        (state, n)
    }

    /// Are the first `sectors` sectors all present?
    pub fn is_full(&self, sectors: u64) -> bool {
        sectors > 0 && self.run(0, sectors) == (true, sectors)
    }

    /// Is no sector present?
    pub fn is_clear(&self) -> bool {
        self.bytes.iter().all(|b| *b == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bits_count_from_the_top() {
        let mut m = Bitmap::empty(2 << 20);
        assert_eq!(m.bytes().len(), 512);
        assert!(m.set(2, 1) && !m.set(2, 1) && m.set(4, 4));
        assert_eq!(m.bytes()[0], 0b0010_1111);
        assert!(m.set(0, 4096) && m.is_full(4096));
        assert_eq!(bitmap_bytes(4096), 512);
        assert_eq!(bitmap_bytes(4 << 20), 1024);
    }

    proptest! {
        #[test]
        fn runs_agree_with_single_bits(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(255u8), any::<u8>()], 512), at in 0u64..4096) {
            let m = Bitmap::from_bytes(bytes);
            let (state, n) = m.run(at, 4096 - at);
            prop_assert!((at..at + n).all(|s| m.get(s) == state));
            prop_assert!(at + n == 4096 || m.get(at + n) != state);
        }
    }
}
