//! How large a logical volume must be for a VHD. The rules of the original stack, so that both agree on when a
//! volume is inflated. Pure numbers.

use super::{BLOCK_SIZE, SECTOR, round_up};

/// Metadata of every image on a volume is laid out for a disk of this size, so that it can grow in place.
pub const VOLUME_META_SIZE: u64 = 2 << 40;
/// Step in which volumes are made.
pub const VOLUME_STEP: u64 = 4 << 20;

/// Bytes of metadata for a disk of `virtual_size` bytes. Saturates.
pub fn overhead(virtual_size: u64) -> u64 {
    let blocks = virtual_size.div_ceil(u64::from(BLOCK_SIZE));
    round_up(3072 + 4 * blocks, SECTOR).and_then(|t| round_up(t + blocks / 8, 4096)).unwrap_or(u64::MAX)
}

/// Bytes of an inflated (thick) volume for a disk of `virtual_size` bytes, which counts in whole blocks. Saturates.
pub fn thick(virtual_size: u64) -> u64 {
    let blocks = virtual_size.div_ceil(u64::from(BLOCK_SIZE));
    blocks
        .checked_mul(u64::from(BLOCK_SIZE))
        .and_then(|v| v.checked_add(overhead(VOLUME_META_SIZE)))
        .and_then(|v| v.checked_add(4096 * blocks))
        .and_then(|v| round_up(v, VOLUME_STEP))
        .unwrap_or(u64::MAX)
}

/// Bytes of a deflated (thin) volume whose image ends at `data_end`: room for the footer, nothing more.
pub fn thin(data_end: u64) -> u64 {
    data_end.checked_add(SECTOR).and_then(|v| round_up(v, VOLUME_STEP)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_give_the_measured_sizes() {
        assert_eq!(overhead(VOLUME_META_SIZE), 4_329_472);
        assert_eq!(thick(8 << 20), 16 << 20);
        assert_eq!(thick(1 << 40), (1 << 40) + (2052 << 20) + (4 << 20));
        assert_eq!(thin(4 << 20), 8 << 20);
        assert_eq!(thick(u64::MAX), u64::MAX);
    }
}
