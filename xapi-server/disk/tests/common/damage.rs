//! Damage to images, one place at a time: fields and entries of tables that are changed, and what is said of it then.

use std::path::Path;
use xennix_disk::cli::check::report;

/// A change of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What lies there.
    pub what: String,
    /// Where.
    pub at: usize,
    /// What is there afterwards.
    pub bytes: Vec<u8>,
}

impl Change {
    /// The image with the change.
    pub fn of(&self, image: &[u8]) -> Vec<u8> {
        let mut b = image.to_vec();
        b[self.at..self.at + self.bytes.len()].copy_from_slice(&self.bytes);
        b
    }
}

fn number(b: &[u8]) -> u64 {
    b.iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}

/// A field of `len` bytes with other numbers in it: its neighbours, its limits, and single bits.
pub fn field(image: &[u8], what: &str, at: usize, len: usize) -> Vec<Change> {
    let (now, most) = (number(&image[at..at + len]), u64::MAX >> (64 - 8 * len));
    let mut values = vec![0, 1, 2, 3, most, most / 2, now.wrapping_add(1), now.wrapping_sub(1)];
    values.extend([now.wrapping_add(512), now.wrapping_add(65_536), now / 2, now.wrapping_mul(2)]);
    values.extend([0, 1, 2, 3, 4, 5, 9, 16, 30, 31, 40, 56, 62, 63].map(|bit| now ^ (1 << bit)));
    let mut changes = Vec::new();
    for value in values.into_iter().map(|v| v & most).filter(|v| *v != now) {
        let bytes = value.to_be_bytes()[8 - len..].to_vec();
        let change = Change { what: format!("{what}: {now:#x} becomes {value:#x}"), at, bytes };
        if !changes.contains(&change) {
            changes.push(change);
        }
    }
    changes
}

/// A place of `len` bytes with each of its bits turned in turn.
pub fn bits(image: &[u8], what: &str, at: usize, len: usize) -> Vec<Change> {
    (0..len * 8)
        .map(|bit| {
            let at = at + len - 1 - bit / 8;
            let bytes = vec![image[at] ^ (1 << (bit % 8))];
            Change { what: format!("{what}: byte {at}, bit {}", bit % 8), at, bytes }
        })
        .collect()
}

/// Does the program's own check call an image clean?
pub fn clean(path: &Path) -> bool {
    report(path, false).expect("check").is_clean()
}
