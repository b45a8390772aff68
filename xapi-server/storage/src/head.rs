//! What a scan needs to know of an image, from its footer and header alone: a disk's table can have megabytes, and
//! an SR ten thousand disks. Never trusts more than it read.

use xapi_schema::Failure;
use xennix_disk::{
    Result,
    chain::Format,
    file::{Access, BlockFile},
    vhd::{footer::Kind, header::HEADER_LEN, header::Header, reader::read_footer},
    volumes::Volumes,
};

use crate::{fail::Doing, naming::Naming};

/// An image of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name there.
    pub name: String,
    /// Its uuid.
    pub uuid: String,
    /// How it is stored.
    pub format: Format,
    /// Bytes the guest sees; 0 when it could not be read.
    pub size: u64,
    /// Bytes it takes.
    pub physical: u64,
    /// An inner node: no disk for users.
    pub hidden: bool,
    /// Name of the image it stands on, as it says itself.
    pub parent: Option<String>,
    /// Why it could not be read, as whoever asks for it is told.
    pub broken: Option<Failure>,
}

/// Looks at the image `name`.
///
/// # Errors
/// Only what keeps the place itself from being read; what is wrong with the image is told in the answer.
pub fn look(volumes: &dyn Volumes, naming: Naming, name: &str, size: Option<u64>) -> Result<Option<Found>> {
    let Some((uuid, format)) = naming.parse(name) else { return Ok(None) };
    let mut found = Found {
        name: name.into(),
        uuid: uuid.into(),
        format,
        size: 0,
        physical: size.unwrap_or(0),
        hidden: false,
        parent: None,
        broken: None,
    };
    let file = match volumes.open(name, Access::Read) {
        Ok(file) => file,
        Err(e) => {
            found.broken = Some(Doing::Load.disk(&e));
            return Ok(Some(found));
        }
    };
    let read = match format {
        Format::Vhd => vhd(&*file, &mut found),
        Format::Raw => file.size().map(|size| found.size = size & !511).map_err(Into::into),
        Format::Qcow2 => qcow2(&*file, &mut found),
    };
    if let Err(e) = read {
        found.broken = Some(Doing::Load.disk(&e));
    }
    if let Ok(bytes) = file.size() {
        found.physical = bytes;
    }
    Ok(Some(found))
}

fn vhd(file: &dyn BlockFile, found: &mut Found) -> Result<()> {
    let (footer, _) = read_footer(file)?;
    found.size = footer.current_size;
    found.hidden = footer.hidden != 0;
    if footer.kind != Kind::Differencing {
        return Ok(());
    }
    let mut bytes = [0; HEADER_LEN];
    file.read_at(footer.data_offset, &mut bytes)?;
    let header = Header::parse(&bytes)?;
    let by_name = header.parent_name().and_then(|n| n.rsplit(['/', '\\']).next().map(str::to_owned));
    for locator in header.locators.iter().filter(|l| l.is_used() && l.length <= 4096) {
        let mut text = vec![0; locator.length as usize];
        if file.read_at(locator.offset, &mut text).is_ok()
            && let Some(name) = locator.decode(&text)
        {
            found.parent = Some(name);
            return Ok(());
        }
    }
    found.parent = by_name;
    Ok(())
}

/// Extension of the header by which the original stack marks an inner node.
const HIDDEN: u32 = 0x7661_7465;

fn qcow2(file: &dyn BlockFile, found: &mut Found) -> Result<()> {
    let bad = |what: &str| xennix_disk::Error::format("qcow2 header", what);
    let length = file.size()?.min(64 << 10) as usize;
    let mut head = vec![0; length];
    file.read_at(0, &mut head)?;
    let word = |at: usize| head.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
    let long = |at: usize| head.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes);
    if word(0) != Some(0x5146_49fb) {
        return Err(bad("wrong magic"));
    }
    let version = word(4).ok_or_else(|| bad("truncated"))?;
    found.size = long(24).ok_or_else(|| bad("truncated"))? & !511;
    let (backing, name_len) = (long(8).unwrap_or(0) as usize, word(16).unwrap_or(0) as usize);
    if backing != 0 {
        let text = head.get(backing..backing.saturating_add(name_len)).ok_or_else(|| bad("backing file"))?;
        let text = String::from_utf8_lossy(text);
        found.parent = text.rsplit('/').next().map(str::to_owned);
    }
    let mut at = if version >= 3 { word(100).unwrap_or(104) as usize } else { 72 };
    while let (Some(kind), Some(len)) = (word(at), word(at + 4)) {
        if kind == 0 || (backing != 0 && at >= backing) {
            break;
        }
        if kind == HIDDEN {
            found.hidden = head.get(at + 8).is_some_and(|b| *b != 0);
        }
        at = at.saturating_add(8).saturating_add((len as usize).next_multiple_of(8));
    }
    Ok(())
}
