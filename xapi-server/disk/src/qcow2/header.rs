//! What a qcow2 says before its tables: version, size, the name of its backing file, and the mark by which the original
//! stack tells an inner node. The mark is set so that every cut leaves a header that is whole; nothing else is changed.

use super::inside::{BITMAPS, BITMAPS_LEN};
use super::tables::{MAX_L1, be32, be64};
use crate::error::{Error, Result};
use crate::file::BlockFile;

/// The extension whose first byte marks an inner node.
pub(crate) const HIDDEN: u32 = 0x7661_7465;
/// The extension that holds the backing file's format.
pub(crate) const BACKING_FORMAT: u32 = 0xe279_2aca;
/// Most bytes of the name of a format.
const LONGEST_FORMAT: u64 = 15;
/// Where the place of the backing file's name stands.
pub(super) const NAME_AT: u64 = 8;
/// Bytes of a header without extensions, of the two versions there are.
const LENGTHS: [(u32, u64); 2] = [(2, 72), (3, 104)];
/// Incompatible features that have a name; images with others are read by nobody.
const FEATURES: u64 = 31;
/// The data lies in another file, and the feature that says it lies there raw.
const ELSEWHERE: u64 = 4;
const RAW_ELSEWHERE: u64 = 2;
/// Compressed by another method than the usual one, and entries of the second level of twice the length.
const OTHER_COMPRESSION: u64 = 8;
const EXTENDED: u64 = 16;
/// Least bits of a cluster whose entries are of twice the length.
const EXTENDED_BITS: u32 = 14;
/// The extension that names features, and bytes of one of its entries.
const NAMES: u32 = 0x6803_f857;
const NAMED: u64 = 48;
/// Bytes that hold any header that is not odd, and all that is ever read of one.
const READ: [u64; 2] = [4096, 64 << 10];

/// The header of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Version of the format.
    pub version: u32,
    /// Bytes the guest sees.
    pub size: u64,
    /// The name of its backing file, as it stands there.
    pub backing: Option<String>,
    /// The format of that file, where it is said.
    pub backing_format: Option<String>,
    /// It is an inner node.
    pub hidden: bool,
    /// Snapshots inside the image.
    pub snapshots: u32,
    pub(super) cluster: u64,
    /// What it says of bitmaps inside.
    pub(super) bitmaps: Option<Vec<u8>>,
    /// Where the mark stands.
    mark: Option<u64>,
    /// Where the extensions end.
    end: u64,
    /// Place and length of the backing file's name.
    name: (u64, u64),
}

fn bad(what: &str) -> Error {
    Error::format("qcow2 header", what)
}

/// Refuses a header that could not be read as it says: what is encrypted, of features nobody knows, or does not fit
/// together. `length` is the header's own; `b` holds as much as its version has at least.
fn assert_sense(b: &[u8], version: u32, bits: u32, length: u64) -> Result<()> {
    let cluster = 1u64 << bits;
    let features = if version == 2 { 0 } else { be64(b, 72) };
    if be32(b, 32) != 0 {
        return Err(Error::Unsupported("a qcow2 that is encrypted".into()));
    }
    if features & !FEATURES != 0 {
        let text = format!("a qcow2 of features nobody knows ({:#x})", features & !FEATURES);
        return Err(Error::Unsupported(text));
    }
    if version > 2 {
        let least = LENGTHS[1].1;
        if length < least || length > cluster || !length.is_multiple_of(8) {
            return Err(bad("its own length"));
        }
        if be32(b, 96) > 6 {
            return Err(bad("size of reference counts out of range"));
        }
        if be64(b, 88) & RAW_ELSEWHERE != 0 && features & ELSEWHERE == 0 {
            return Err(bad("raw data in another file, and no such file"));
        }
        let other = length > least && b.get(least as usize).is_some_and(|kind| *kind != 0);
        if other != (features & OTHER_COMPRESSION != 0) {
            return Err(bad("kind of compression"));
        }
    }
    let extended = features & EXTENDED != 0;
    if extended && bits < EXTENDED_BITS {
        return Err(bad("size of clusters out of range"));
    }
    let entries = u64::from(be32(b, 36));
    let each = u128::from(cluster / if extended { 16 } else { 8 }) * u128::from(cluster);
    // The first level, the counts and the snapshots.
    let place = |at: usize| be64(b, at).is_multiple_of(cluster) && i64::try_from(be64(b, at)).is_ok();
    if ![40, 48, 64].into_iter().all(place) || entries * 8 > MAX_L1 {
        return Err(bad("places of tables"));
    }
    if u128::from(be64(b, 24)) > u128::from(entries) * each {
        return Err(bad("the disk is larger than its first level table covers"));
    }
    Ok(())
}

impl Header {
    /// Reads the header of an image.
    ///
    /// # Errors
    /// [`Error::Format`] for what is none, or contradicts itself; [`Error::Unsupported`] for encrypted images and those
    /// with features nobody knows; the device's error.
    pub fn read(file: &dyn BlockFile) -> Result<Header> {
        let size = file.size()?;
        let mut told = Err(bad("truncated"));
        for most in READ {
            let mut b = vec![0; size.min(most) as usize];
            file.read_at(0, &mut b)?;
            told = Header::parse(&b);
            if told.is_ok() || size <= most {
                break;
            }
        }
        told
    }

    fn parse(b: &[u8]) -> Result<Header> {
        let inside = |at: u64, n: u64| at.checked_add(n).is_some_and(|end| end <= b.len() as u64);
        if !inside(0, 72) {
            return Err(bad("truncated"));
        }
        if b[..4] != *b"QFI\xfb" {
            return Err(bad("wrong magic"));
        }
        let version = be32(b, 4);
        let least = LENGTHS.iter().find(|(v, _)| *v == version).map(|(_, l)| *l);
        let least = least.ok_or_else(|| bad("a version nobody knows"))?;
        let bits = be32(b, 20);
        if !(9..=21).contains(&bits) {
            return Err(bad("size of clusters out of range"));
        }
        let cluster = 1u64 << bits;
        if !inside(0, least) {
            return Err(bad("truncated"));
        }
        let mut at = if version == 2 { least } else { u64::from(be32(b, 100)) };
        assert_sense(b, version, bits, at)?;
        if !inside(0, at) {
            return Err(bad("truncated"));
        }
        let name = (be64(b, NAME_AT as usize), u64::from(be32(b, 16)));
        let backing = match name {
            (0, _) => None,
            (place, length) if length <= 1023 && inside(place, length) && place + length <= cluster => {
                let text = &b[place as usize..(place + length) as usize];
                Some(String::from_utf8_lossy(text).into_owned())
            }
            _ => return Err(bad("backing file")),
        };
        // Extensions end where the name begins.
        let limit = if name.0 > 0 { name.0 } else { cluster };
        let (mut mark, mut hidden, mut backing_format, mut bitmaps) = (None, false, None, None);
        while at + 8 <= limit {
            if !inside(at, 8) {
                return Err(bad("extensions"));
            }
            let (kind, length) = (be32(b, at as usize), u64::from(be32(b, at as usize + 4)));
            if kind == 0 {
                break;
            }
            if !inside(at + 8, length) || at + 8 + length > limit {
                return Err(bad("extensions"));
            }
            let data = &b[(at + 8) as usize..(at + 8 + length) as usize];
            match kind {
                HIDDEN if length > 0 => (mark, hidden) = (Some(at + 8), data[0] != 0),
                BACKING_FORMAT if length > LONGEST_FORMAT => return Err(bad("format of the backing file")),
                BACKING_FORMAT => backing_format = Some(String::from_utf8_lossy(data).into_owned()),
                NAMES if !length.is_multiple_of(NAMED) => return Err(bad("names of features")),
                BITMAPS if length != BITMAPS_LEN => return Err(bad("bitmaps")),
                BITMAPS => bitmaps = Some(data.to_vec()),
                _ => {}
            }
            at += 8 + length.next_multiple_of(8);
        }
        Ok(Header {
            version,
            size: be64(b, 24),
            backing,
            backing_format,
            hidden,
            snapshots: be32(b, 60),
            cluster,
            bitmaps,
            mark,
            end: at,
            name,
        })
    }

    /// The name of the image it stands on, in the same place.
    pub fn parent(&self) -> Option<&str> {
        self.backing.as_deref().map(|file| file.rsplit('/').next().unwrap_or(file))
    }

    /// Can `node`, which stands on it, be merged into it while others read through both? Each cluster that is written
    /// has to be hidden as a whole by the node; an image says that it is being written from version 3 on.
    pub fn takes(&self, node: &Header) -> bool {
        self.version >= 3 && self.snapshots == 0 && self.cluster <= node.cluster && self.size <= node.size
    }

    /// A place for the name of a backing file of `length` bytes, `end` bytes behind the extensions or further.
    pub(super) fn room_for(&self, length: u64, end: u64) -> Option<u64> {
        let (place, now) = self.name;
        if place != 0 && length <= now {
            return Some(place);
        }
        let at = self.cluster.min(READ[1]).checked_sub(length)? & !7;
        (length <= 1023 && at >= (self.end + end).max(place + now)).then_some(at)
    }
}

/// Marks an image as an inner node or takes the mark away; durable on return. Nobody may have it open.
///
/// # Errors
/// [`Error::Unsupported`] where a header has no room for the mark; the device's error.
pub fn set_hidden(file: &dyn BlockFile, hidden: bool) -> Result<()> {
    let header = Header::read(file)?;
    match header.mark {
        Some(at) => {
            file.write_at(at, &[u8::from(hidden)])?;
            Ok(file.flush()?)
        }
        None if hidden => add_mark(file, &header),
        None => Ok(()),
    }
}

/// Room for an extension of eight bytes and the end behind it.
const ADDED: u64 = 24;

fn add_mark(file: &dyn BlockFile, header: &Header) -> Result<()> {
    let none = || Error::Unsupported("a qcow2 whose header has no room for the mark of an inner node".into());
    let (place, length) = header.name;
    let mut limit = header.cluster;
    if place != 0 {
        limit = place;
        if place < header.end + ADDED {
            // The name moves to the end of the cluster: first its bytes, then where they are said to be.
            let moved = (header.cluster.min(READ[1]) - length) & !7;
            if moved < (header.end + ADDED).max(place + length) {
                return Err(none());
            }
            let mut name = vec![0; length as usize];
            file.read_at(place, &mut name)?;
            file.write_at(moved, &name)?;
            file.flush()?;
            file.write_at(NAME_AT, &moved.to_be_bytes())?;
            file.flush()?;
            limit = moved;
        }
    }
    let mut end = [0; 8];
    file.read_at(header.end, &mut end)?;
    if header.end + ADDED > limit || end[..4] != [0; 4] {
        return Err(none());
    }
    // Behind the end nothing is looked at: the new end first, then what takes the place of the old one.
    let mut rest = [0; 16];
    rest[0] = 1;
    file.write_at(header.end + 8, &rest)?;
    file.flush()?;
    file.write_at(header.end, &(u64::from(HIDDEN) << 32 | 8).to_be_bytes())?;
    Ok(file.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::MemVolumes;
    use crate::volumes::Volumes;

    #[test]
    fn a_name_at_the_end_of_all_numbers_is_refused() {
        let place = MemVolumes::files();
        super::super::create::create(&place, "a.qcow2", 4 << 20, None).unwrap();
        let mut bytes = place.bytes("a.qcow2").unwrap();
        bytes[8..16].copy_from_slice(&(u64::MAX - 5).to_be_bytes());
        bytes[16..20].copy_from_slice(&100u32.to_be_bytes());
        place.put("b.qcow2", &bytes).unwrap();
        let file = place.open("b.qcow2", crate::file::Access::Read).unwrap();
        assert!(Header::read(&*file).is_err());
    }
}
