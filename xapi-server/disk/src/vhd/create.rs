//! Makes a new VHD, empty or as the child of another image, laid out as the original stack does it. Never touches
//! the parent.

use super::bat::{Bat, table_bytes};
use super::batmap::{BatmapHeader, map_bytes};
use super::footer::{FOOTER_LEN, Footer, Kind};
use super::header::{HEADER_LEN, Header, MAX_ENTRIES};
use super::locator::{Locator, encode};
use super::{BLOCK_SIZE, MAX_VIRTUAL_SIZE, SECTOR, round_up, sizing};
use crate::error::{Error, Result};
use crate::file::BlockFile;
use crate::volumes::{Volumes, plain_name};
use std::time::{SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// Seconds from 1970 to 2000, where the format's clock starts.
const EPOCH: u64 = 946_684_800;

/// The parent a new image names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentRef {
    /// Its file or volume name in the same place.
    pub name: String,
    /// Its uuid; nil says that it is a raw image.
    pub uuid: Uuid,
}

/// What a new image shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImage {
    /// Virtual size in bytes, whole sectors.
    pub virtual_size: u64,
    /// Lay the metadata out for a disk of this many bytes, so that it can grow in place. At least `virtual_size`.
    pub meta_size: u64,
    /// Identity.
    pub uuid: Uuid,
    /// Whose child it is.
    pub parent: Option<ParentRef>,
    /// Seconds since 2000.
    pub timestamp: u32,
}

impl NewImage {
    /// An image of `virtual_size` bytes with a fresh uuid, made now.
    pub fn new(virtual_size: u64, parent: Option<ParentRef>) -> NewImage {
        NewImage {
            virtual_size,
            meta_size: virtual_size,
            uuid: Uuid::new_v4(),
            parent,
            timestamp: timestamp(SystemTime::now()),
        }
    }
}

/// `time` on the format's clock.
pub fn timestamp(time: SystemTime) -> u32 {
    let unix = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    u32::try_from(unix.saturating_sub(EPOCH)).unwrap_or(u32::MAX)
}

/// The metadata of a new image in memory.
pub struct Layout {
    footer: Footer,
    header: Header,
    /// Locator texts with their places.
    names: Vec<(u64, Vec<u8>)>,
    end: u64,
}

/// Plans a new image.
///
/// # Errors
/// [`Error::Refused`] for sizes and names the format can't hold.
pub fn plan(new: &NewImage) -> Result<Layout> {
    if new.virtual_size == 0
        || !new.virtual_size.is_multiple_of(SECTOR)
        || new.virtual_size > MAX_VIRTUAL_SIZE
    {
        return Err(Error::Refused(format!("a VHD of {} bytes can't be made", new.virtual_size)));
    }
    let blocks = new.meta_size.max(new.virtual_size).div_ceil(u64::from(BLOCK_SIZE));
    let max_bat = u32::try_from(blocks).ok().filter(|n| *n <= MAX_ENTRIES);
    let max_bat = max_bat.ok_or_else(|| Error::Refused(format!("metadata for {} bytes", new.meta_size)))?;
    let kind = if new.parent.is_some() { Kind::Differencing } else { Kind::Dynamic };
    let footer = Footer::new(kind, new.virtual_size, new.uuid, new.timestamp);
    let mut header = Header::new(max_bat, (FOOTER_LEN + HEADER_LEN) as u64);
    let mut end = header.table_offset + table_bytes(max_bat) + SECTOR + map_bytes(max_bat);
    let mut names = Vec::new();
    if let Some(parent) = &new.parent {
        let slots = locator_slots(&parent.name, &mut end)?;
        set_parent(&mut header, parent, &slots)?;
        names = slots.into_iter().map(|(l, text)| (l.offset, text)).collect();
    }
    Ok(Layout { footer, header, names, end })
}

/// Locators for `name`, their texts placed from `end` on, which moves behind them.
fn locator_slots(name: &str, end: &mut u64) -> Result<Vec<(Locator, Vec<u8>)>> {
    let mut slots = Vec::new();
    for (code, text) in encode(plain_name(name)?) {
        let length = text.len() as u32;
        let space = round_up(text.len() as u64, SECTOR).unwrap_or(SECTOR) as u32;
        slots.push((Locator { code, space, length, offset: *end }, text));
        *end += u64::from(space);
    }
    Ok(slots)
}

/// Makes a header name `parent` with these locators.
pub(super) fn set_parent(
    header: &mut Header,
    parent: &ParentRef,
    slots: &[(Locator, Vec<u8>)],
) -> Result<()> {
    header.parent_uuid = parent.uuid;
    header.set_parent_name(&parent.name)?;
    header.locators = [Locator::default(); 8];
    for (slot, (l, _)) in header.locators.iter_mut().zip(slots) {
        *slot = *l;
    }
    Ok(())
}

impl Layout {
    /// Bytes a file of this image has.
    pub fn file_size(&self) -> u64 {
        self.end + SECTOR
    }

    /// First byte behind the metadata.
    pub fn metadata_end(&self) -> u64 {
        self.end
    }

    /// All metadata from byte 0 on, with `bat` as the table and `complete` as the batmap's bits.
    pub fn head(&self, bat: &Bat, complete: &[u8]) -> Vec<u8> {
        let mut out = vec![0; self.end as usize];
        out[..FOOTER_LEN].copy_from_slice(&self.footer.serialise());
        out[FOOTER_LEN..][..HEADER_LEN].copy_from_slice(&self.header.serialise());
        let table = bat.serialise();
        let mut at = self.header.table_offset as usize;
        out[at..at + table.len()].copy_from_slice(&table);
        at += table.len();
        let mut map = vec![0; map_bytes(self.header.max_bat) as usize];
        let n = complete.len().min(map.len());
        map[..n].copy_from_slice(&complete[..n]);
        let map_at = at as u64 + SECTOR;
        out[at..at + SECTOR as usize].copy_from_slice(&BatmapHeader::new(map_at, &map).serialise());
        out[map_at as usize..][..map.len()].copy_from_slice(&map);
        for (at, text) in &self.names {
            out[*at as usize..][..text.len()].copy_from_slice(text);
        }
        out
    }

    /// The footer.
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// Entries of the table.
    pub fn max_bat(&self) -> u32 {
        self.header.max_bat
    }

    /// Writes the empty image to `file`, durable on return. The footers go last: until then it is no image.
    ///
    /// # Errors
    /// [`Error::NoSpace`] when a volume is too small, else the device's error.
    pub fn write(&self, file: &dyn BlockFile) -> Result<()> {
        let size = file.size()?;
        if !file.is_fixed() {
            file.set_size(self.file_size())?;
        } else if size < self.file_size() {
            return Err(Error::NoSpace { need: self.file_size(), have: size });
        }
        let tail = file.size()? - SECTOR;
        let none = [0; SECTOR as usize];
        file.write_at(tail, &none)?;
        let mut head = self.head(&Bat::empty(self.header.max_bat), &[]);
        head[..FOOTER_LEN].copy_from_slice(&none);
        file.write_at(0, &head)?;
        file.flush()?;
        let footer = self.footer.serialise();
        file.write_at(0, &footer)?;
        file.write_at(tail, &footer)?;
        Ok(file.flush()?)
    }
}

/// How much space a new image gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A file that grows.
    File,
    /// A volume large enough for every block.
    Thick,
    /// A volume for metadata alone; it must be inflated before a guest writes.
    Thin,
}

/// Makes an empty image in `volumes`, durable on return.
///
/// # Errors
/// As [`plan`] and [`Layout::write`], and `AlreadyExists`.
pub fn create(volumes: &dyn Volumes, name: &str, new: &NewImage, room: Room) -> Result<()> {
    let meta_size =
        if room == Room::File { new.meta_size } else { sizing::VOLUME_META_SIZE.max(new.meta_size) };
    let layout = plan(&NewImage { meta_size, ..new.clone() })?;
    let bytes = match room {
        Room::File => layout.file_size(),
        Room::Thick => sizing::thick(new.virtual_size),
        Room::Thin => sizing::thin(layout.metadata_end()),
    };
    let file = volumes.create(name, bytes)?;
    layout.write(&*file)?;
    volumes.sync()
}
