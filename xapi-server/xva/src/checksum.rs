//! Checksums of blocks: XXH64, and SHA-1 in archives made before 2021. Pure.

use sha1::{Digest, Sha1};
use twox_hash::XxHash64;

/// How the checksum of a block is named and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 16 upper-case hexadecimal digits.
    Xxh64,
    /// 40 lower-case hexadecimal digits.
    Sha1,
}

impl Kind {
    /// End of the member's name, after the block's.
    pub fn suffix(self) -> &'static str {
        match self {
            Kind::Xxh64 => ".xxhash",
            Kind::Sha1 => ".checksum",
        }
    }

    /// The kind a member's name shows, and the name of its block.
    pub fn of_name(name: &str) -> Option<(Kind, &str)> {
        [Kind::Xxh64, Kind::Sha1].into_iter().find_map(|kind| Some((kind, name.strip_suffix(kind.suffix())?)))
    }

    /// The text for a block.
    pub fn text(self, block: &[u8]) -> String {
        match self {
            Kind::Xxh64 => format!("{:016X}", XxHash64::oneshot(0, block)),
            Kind::Sha1 => Sha1::digest(block).iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_algorithms() {
        assert_eq!(Kind::Xxh64.text(b""), "EF46DB3751D8E999");
        assert_eq!(Kind::Sha1.text(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn names_tell_the_kind() {
        assert_eq!(Kind::of_name("Ref:1/00000000.xxhash"), Some((Kind::Xxh64, "Ref:1/00000000")));
        assert_eq!(Kind::of_name("Ref:1/00000000.checksum"), Some((Kind::Sha1, "Ref:1/00000000")));
        assert_eq!(Kind::of_name("Ref:1/00000000"), None);
    }
}
