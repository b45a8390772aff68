//! Parent locators: how a child names its parent's file, three ways. Never opens what they name.

use super::{be32, be64};
use crate::error::FormatError;

/// Bytes of one locator entry in the header.
pub const LOCATOR_LEN: usize = 24;

/// One locator entry of the header. The name itself lies at `offset` in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Locator {
    /// Platform code: `MacX`, `W2ku`, `W2ru`, or zero for an unused entry.
    pub code: [u8; 4],
    /// Room for the name: bytes by the original stack, sectors by others.
    pub space: u32,
    /// Bytes of the name.
    pub length: u32,
    /// Where the name starts, in bytes.
    pub offset: u64,
}

impl Locator {
    /// Parses 24 bytes; any bytes are a locator.
    ///
    /// # Errors
    /// Fewer than 24 bytes.
    pub fn parse(b: &[u8]) -> Result<Locator, FormatError> {
        if b.len() < LOCATOR_LEN {
            return Err(FormatError::new("locator", "truncated"));
        }
        Ok(Locator {
            code: [b[0], b[1], b[2], b[3]],
            space: be32(b, 4),
            length: be32(b, 8),
            offset: be64(b, 16),
        })
    }

    /// The 24 bytes on disk.
    pub fn serialise(&self) -> [u8; LOCATOR_LEN] {
        let mut b = [0; LOCATOR_LEN];
        b[..4].copy_from_slice(&self.code);
        b[4..8].copy_from_slice(&self.space.to_be_bytes());
        b[8..12].copy_from_slice(&self.length.to_be_bytes());
        b[16..24].copy_from_slice(&self.offset.to_be_bytes());
        b
    }

    /// Does this entry hold anything?
    pub fn is_used(&self) -> bool {
        self.code != [0; 4]
    }

    /// Bytes the name's room takes in the file. A value too small for the name is a count of sectors.
    pub fn room(&self) -> u64 {
        if self.space < self.length || (self.space > 0 && self.space < 512) {
            u64::from(self.space) * 512
        } else {
            u64::from(self.space)
        }
    }

    /// The file name inside the locator's bytes, relative markers stripped. `None`: a code or text we can't read.
    pub fn decode(&self, bytes: &[u8]) -> Option<String> {
        let text = match &self.code {
            b"MacX" => {
                let url = String::from_utf8(bytes.to_vec()).ok()?;
                percent_decode(
                    url.trim_end_matches('\0').strip_prefix("file://").map_or(url.as_str(), |s| s),
                )?
            }
            b"W2ku" | b"W2ru" => {
                let units: Vec<u16> =
                    bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
                String::from_utf16(&units).ok()?.replace('\\', "/")
            }
            _ => return None,
        };
        let text = text.trim_end_matches('\0');
        let text = text.strip_prefix("./").unwrap_or(text);
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// `%41` → `A`. `None` when the result is not UTF-8. A stray `%` stays: the original writer does not escape.
fn percent_decode(s: &str) -> Option<String> {
    let b = s.as_bytes();
    let mut out = Vec::with_capacity(b.len());
    let mut i = 0;
    while i < b.len() {
        let hex = |at: usize| b.get(at).and_then(|c| (*c as char).to_digit(16));
        match (b[i], hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                i += 3;
            }
            (c, _, _) => {
                out.push(c);
                i += 1;
            }
        }
    }
    String::from_utf8(out).ok()
}

/// The three names the original stack writes for a parent in the same directory, by platform code.
pub fn encode(name: &str) -> [([u8; 4], Vec<u8>); 3] {
    let windows: Vec<u8> = format!(".\\{name}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    [(*b"MacX", format!("file://./{name}").into_bytes()), (*b"W2ku", windows.clone()), (*b"W2ru", windows)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_name_reads_back() {
        for (code, bytes) in encode("VHD-0b4358e7") {
            let l = Locator { code, length: bytes.len() as u32, space: 512, offset: 0 };
            assert_eq!(l.decode(&bytes).as_deref(), Some("VHD-0b4358e7"));
            assert_eq!(Locator::parse(&l.serialise()), Ok(l));
        }
        let l = Locator { code: *b"MacX", ..Locator::default() };
        assert_eq!(l.decode(b"file://./a%20b").as_deref(), Some("a b"));
        assert_eq!(l.decode(b"file://./100%").as_deref(), Some("100%"));
        assert_eq!(l.decode(b"\xff"), None);
    }
}
