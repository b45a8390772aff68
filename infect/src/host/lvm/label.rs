//! A physical volume's label, its metadata areas and the newest text in them. Never looks into the text.

use std::io;

use serde::Serialize;

use crate::host::malformed::{Malformed, Result};
use crate::host::medium::{Medium, u32_at, u64_at};

/// What a physical volume's label says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Its identity.
    pub uuid: String,
    /// Bytes of the device when it was made.
    pub size: u64,
    /// Text of the volume group, when it carries one.
    #[serde(skip)]
    pub text: Option<String>,
}

const MAGIC: &[u8] = b"\x20LVM2\x20x[5A%r0N*>";
/// Longest text of a group that is read.
const LONGEST: u64 = 64 << 20;

/// Reads the label and the text behind it; `None` when it is no physical volume.
///
/// # Errors
/// A label whose areas are damaged.
pub fn label(name: &str, medium: &dyn Medium) -> Result<Option<Label>> {
    let failed = |e: io::Error| Malformed::at(name, 0, "a readable physical volume", &e.to_string());
    let wrong = |expected: &str, found: &str| Malformed::at(name, 0, expected, found);
    if medium.size() < 4096 {
        return Ok(None);
    }
    let start = medium.bytes(0, 4096).map_err(failed)?;
    let Some(at) = (0..4)
        .map(|s| s * 512)
        .find(|at| &start[*at..at + 8] == b"LABELONE" && &start[at + 24..at + 32] == b"LVM2 001")
    else {
        return Ok(None);
    };
    let header = at + u32_at(&start, at + 20) as usize;
    let Some(identity) = start.get(header..header + 32) else {
        return Err(wrong("a label in its sector", "an offset past it"));
    };
    let uuid = dashed(&String::from_utf8_lossy(identity));
    let size = u64_at(&start, header + 32);
    // Two lists of (offset, size): where data lies, then where texts lie. Each ends with zeros.
    let mut lists = [Vec::new(), Vec::new()];
    let mut place = header + 40;
    for list in &mut lists {
        while place + 16 <= start.len() {
            let entry = (u64_at(&start, place), u64_at(&start, place + 8));
            place += 16;
            if entry.0 == 0 {
                break;
            }
            list.push(entry);
        }
    }
    let mut newest: Option<(u64, String)> = None;
    let mut problem = None;
    for (offset, length) in &lists[1] {
        match area(name, medium, *offset, *length) {
            Ok(Some(text)) => {
                let seqno = text
                    .split("seqno = ")
                    .nth(1)
                    .and_then(|t| t.split_whitespace().next())
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(0);
                if newest.as_ref().is_none_or(|(most, _)| seqno > *most) {
                    newest = Some((seqno, text));
                }
            }
            Ok(None) => {}
            Err(e) => problem = Some(e),
        }
    }
    match (newest, problem) {
        (None, Some(e)) => Err(e),
        (newest, _) => Ok(Some(Label { uuid, size, text: newest.map(|(_, text)| text) })),
    }
}

/// An identity as the tools write it.
fn dashed(id: &str) -> String {
    if id.len() != 32 || !id.is_ascii() {
        return id.to_owned();
    }
    [0..6, 6..10, 10..14, 14..18, 18..22, 22..26, 26..32].map(|range| &id[range]).join("-")
}

fn area(name: &str, medium: &dyn Medium, offset: u64, length: u64) -> Result<Option<String>> {
    let failed = |e: io::Error| Malformed::at(name, 0, "a readable metadata area", &e.to_string());
    let wrong = |expected: &str, found: &str| Malformed::at(name, 0, expected, found);
    let header = medium.bytes(offset, 512).map_err(failed)?;
    if &header[4..20] != MAGIC {
        return Err(wrong("a metadata area of LVM2", "something else"));
    }
    if lvm_crc(&header[4..512]) != u32_at(&header, 0) {
        return Err(wrong("a metadata area with a right checksum", "a wrong one"));
    }
    let (at, size, sum) = (u64_at(&header, 40), u64_at(&header, 48), u32_at(&header, 56));
    if at == 0 || size == 0 {
        return Ok(None);
    }
    if size > LONGEST || at < 512 || at >= length || size > length - 512 {
        return Err(wrong("a text inside its area", &format!("{size} bytes at {at} of {length}")));
    }
    // The area is a ring behind its header.
    let first = size.min(length - at);
    let mut text = medium.bytes(offset + at, first as usize).map_err(failed)?;
    if first < size {
        text.extend(medium.bytes(offset + 512, (size - first) as usize).map_err(failed)?);
    }
    if lvm_crc(&text) != sum {
        return Err(wrong("a text of a volume group with a right checksum", "a wrong one"));
    }
    while text.last() == Some(&0) {
        text.pop();
    }
    String::from_utf8(text).map(Some).map_err(|_| wrong("UTF-8 text of a volume group", "other bytes"))
}

/// LVM's checksum: the usual CRC-32 with an own start and no final turn.
fn lvm_crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!0xf597_a6cf);
    hasher.update(bytes);
    !hasher.finalize()
}
