//! Reads an archive from a stream and hands its parts to a [`Sink`]. Every block is checked before it is handed on.

use std::io::{BufRead, BufReader, Read};

use xapi_schema::Failure;

use crate::{DESCRIPTION, DESCRIPTION_LIMIT, Error, Ova, checksum::Kind};

/// Largest block read, bytes; the writers known use 1 MiB.
const BLOCK_LIMIT: u64 = 64 << 20;

/// Takes the parts of an archive in their order.
pub trait Sink {
    /// The description.
    ///
    /// # Errors
    /// What the sink refuses it for; reading ends.
    fn description(&mut self, ova: Ova) -> Result<(), Failure>;

    /// Bytes of a disk; what is left out between blocks is zero.
    ///
    /// # Errors
    /// What the sink refuses it for; reading ends.
    fn block(&mut self, disk: &str, offset: u64, bytes: &[u8]) -> Result<(), Failure>;
}

/// Reads a whole archive, compressed or not. With `forgive` wrong checksums are counted and the blocks are kept.
///
/// # Errors
/// [`Error::Checksums`] once everything was read; [`Error::Unexpected`], [`Error::Ended`] and the others at once.
pub fn read(from: impl Read, forgive: bool, sink: &mut dyn Sink) -> Result<(), Error> {
    unpacked(from, forgive, false, sink)
}

/// Reads the blocks of a disk that travels alone: an archive without a description.
///
/// # Errors
/// As [`read`].
pub fn read_blocks(from: impl Read, sink: &mut dyn Sink) -> Result<(), Error> {
    unpacked(from, false, true, sink)
}

fn unpacked(from: impl Read, forgive: bool, described: bool, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut from = BufReader::with_capacity(1 << 17, from);
    let head = from.fill_buf()?;
    // An archive is known by its first bytes; its name never says.
    if head.starts_with(&[0x1f, 0x8b]) {
        members(flate2::bufread::MultiGzDecoder::new(from), forgive, described, sink)
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        members(zstd::Decoder::with_buffer(from)?, forgive, described, sink)
    } else {
        members(from, forgive, described, sink)
    }
}

/// Where the next block of a disk lies.
#[derive(Default)]
struct Place {
    disk: String,
    number: u64,
    offset: u64,
}

impl Place {
    /// The offset of block `number`: numbers that were passed over are blocks of zeros.
    fn of(&mut self, disk: &str, number: u64, block: u64) -> Option<u64> {
        if self.disk != disk {
            *self = Place { disk: disk.into(), ..Place::default() };
        }
        let skipped = number.checked_sub(self.number)?;
        self.number = number + 1;
        self.offset = self.offset.checked_add(skipped.checked_mul(block)?)?;
        Some(self.offset)
    }
}

fn members(from: impl Read, forgive: bool, mut described: bool, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut archive = tar::Archive::new(from);
    let mut place = Place::default();
    let mut block: Option<Vec<u8>> = None;
    let mut block_name = String::new();
    let (mut block_size, mut wrong) = (None, 0);
    // Raw: extensions of the format could name anything and take any amount of memory.
    for member in archive.entries()?.raw(true) {
        let mut member = member.map_err(early)?;
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        let size = member.header().entry_size().map_err(early)?;
        if !member.header().entry_type().is_file() {
            return Err(Error::Unexpected("a plain file".into(), name));
        }
        if !described {
            if name != DESCRIPTION {
                return Err(Error::Unexpected(DESCRIPTION.into(), name));
            }
            let text = String::from_utf8(bytes(&mut member, size, DESCRIPTION_LIMIT)?)
                .map_err(|e| Error::Description(e.to_string()))?;
            sink.description(Ova::from_xml(&text)?).map_err(Error::Refused)?;
            described = true;
            continue;
        }
        if let Some((kind, of)) = Kind::of_name(&name) {
            let told = bytes(&mut member, size, 64)?;
            if of != block_name {
                return Err(Error::Unexpected(format!("{block_name}{}", kind.suffix()), name));
            }
            if let Some(block) = block.take()
                && !told.eq_ignore_ascii_case(kind.text(&block).as_bytes())
            {
                wrong += 1;
            }
            continue;
        }
        // Archives before version 1 end with all checksums in one member; their blocks had no others.
        let Some((disk, number)) = numbered(&name) else {
            if name == "checksum.xml" {
                continue;
            }
            return Err(Error::Unexpected("a block of a disk".into(), name));
        };
        let content = bytes(&mut member, size, BLOCK_LIMIT)?;
        // A sender with nothing to say for a while sends empty members, which use up a number.
        let usual = *block_size.get_or_insert(if size == 0 { crate::BLOCK as u64 } else { size });
        let offset = place
            .of(disk, number, usual)
            .ok_or_else(|| Error::Unexpected(format!("{}/{:08}", place.disk, place.number), name.clone()))?;
        if !content.is_empty() {
            sink.block(disk, offset, &content).map_err(Error::Refused)?;
            place.offset = place.offset.checked_add(size).ok_or(Error::Ended)?;
        }
        block = Some(content);
        block_name = name;
    }
    if !described {
        return Err(Error::Ended);
    }
    if wrong > 0 && !forgive { Err(Error::Checksums(wrong)) } else { Ok(()) }
}

/// `Ref:12/00000003`: the disk and the number of its block.
fn numbered(name: &str) -> Option<(&str, u64)> {
    let (disk, number) = name.rsplit_once('/')?;
    let digits = number.len() >= 8 && number.bytes().all(|byte| byte.is_ascii_digit());
    Some((disk, number.parse().ok()?)).filter(|_| digits && !disk.is_empty())
}

fn bytes(member: &mut impl Read, size: u64, limit: u64) -> Result<Vec<u8>, Error> {
    if size > limit {
        return Err(Error::Description(format!("a member of {size} bytes is larger than {limit}")));
    }
    let mut content = Vec::new();
    member.take(size).read_to_end(&mut content)?;
    if content.len() as u64 == size { Ok(content) } else { Err(Error::Ended) }
}

/// The library reports an end in the middle of a header as an error like others.
fn early(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::Ended,
        _ if error.to_string().contains("failed to read entire block") => Error::Ended,
        // What the library says of bytes that are no archive at all quotes them.
        _ if error.to_string().contains("cksum") || error.to_string().contains("checksum mismatch") => {
            Error::Description("this is no archive".into())
        }
        _ => Error::Io(error),
    }
}
