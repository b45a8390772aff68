//! Grows a VHD, and fits its footer to a volume that was made larger or is about to be made smaller. Never shrinks
//! a disk.

use super::bat::table_bytes;
use super::batmap::{BatmapHeader, map_bytes};
use super::bitmap::bitmap_bytes;
use super::footer::{FOOTER_LEN, Footer, Kind, geometry};
use super::header::HEADER_LEN;
use super::reader::{Image, read_footer};
use super::writer::Writer;
use super::{BLOCK_SIZE, MAX_VIRTUAL_SIZE, SECTOR, sizing};
use crate::error::{Error, Result};
use crate::file::{Access, BlockFile};
use crate::volumes::Volumes;

/// Grows the disk of `name` to `virtual_size` bytes; the new part reads as zeros. The image must not be open. On a
/// volume only the disk grows: inflate it before a guest writes. A cut leaves the old or the new size.
///
/// # Errors
/// [`Error::Refused`] for smaller or impossible sizes; else as [`Writer::open`] and [`Writer::flush`].
pub fn grow(volumes: &dyn Volumes, name: &str, virtual_size: u64) -> Result<()> {
    let mut writer = Writer::open(volumes.open(name, Access::Write)?)?;
    let now = writer.virtual_size();
    if virtual_size < now || !virtual_size.is_multiple_of(SECTOR) || virtual_size > MAX_VIRTUAL_SIZE {
        return Err(Error::Refused(format!("a VHD of {now} bytes can't become one of {virtual_size}")));
    }
    if writer.image().footer().kind == Kind::Fixed {
        return Err(Error::Refused("a fixed VHD can't grow; convert it first".into()));
    }
    let blocks = virtual_size.div_ceil(u64::from(writer.image().block_size()));
    if blocks > u64::from(writer.image().bat().len()) {
        let wide = sizing::VOLUME_META_SIZE / u64::from(BLOCK_SIZE);
        let count = u32::try_from(blocks.max(wide)).map_err(|_| Error::Refused("too many blocks".into()))?;
        if writer.image().file().is_fixed() {
            let need = writer.move_table_end(count) + SECTOR;
            volumes.ensure_size(name, need)?;
            put_tail(&**writer.image().file(), writer.image().footer())?;
        }
        writer.move_table(count)?;
    }
    if virtual_size > now {
        let footer = Footer {
            current_size: virtual_size,
            geometry: geometry(virtual_size),
            ..writer.image().footer().clone()
        };
        writer.set_footer(footer)?;
    }
    writer.close()
}

/// Copies the footer at the start to the last sector: the repair for an image whose writer died.
///
/// # Errors
/// [`Error::Format`] when there is no copy at the start; else the device's error.
pub fn restore_tail(file: &dyn BlockFile) -> Result<()> {
    put_tail(file, &footer_copy(file)?)
}

fn footer_copy(file: &dyn BlockFile) -> Result<Footer> {
    let mut b = [0; FOOTER_LEN];
    file.read_at(0, &mut b)?;
    let footer = Footer::parse(&b)?;
    if footer.kind == Kind::Fixed {
        return Err(Error::format("footer", "a fixed image has no copy of its footer"));
    }
    Ok(footer)
}

/// Writes `footer` to the last sector; durable on return.
pub(super) fn put_tail(file: &dyn BlockFile, footer: &Footer) -> Result<()> {
    file.write_at(file.size()? - SECTOR, &footer.serialise())?;
    Ok(file.flush()?)
}

/// Makes the volume of `name` thick: room for every block, the footer at its new end.
///
/// # Errors
/// What growing the volume says; [`Error::Format`] when the image has no footer that counts.
pub fn inflate(volumes: &dyn Volumes, name: &str) -> Result<()> {
    let file = volumes.open(name, Access::Read)?;
    // After a cut in here the last sector may hold what the extent held for an earlier owner: then the copy counts.
    let footer = match read_footer(&*file) {
        Err(Error::Format(_)) => footer_copy(&*file)?,
        other => other?.0,
    };
    volumes.ensure_size(name, sizing::thick(footer.current_size))?;
    put_tail(&*volumes.open(name, Access::Write)?, &footer)
}

/// Prepares the volume of `name` for being cut to the returned number of bytes, by writing a footer where its end
/// will be. Until then the old end stays valid. The image must not be open.
///
/// # Errors
/// As [`Image::open`]; the device's error.
pub fn prepare_deflate(volumes: &dyn Volumes, name: &str) -> Result<u64> {
    let file = volumes.open(name, Access::Write)?;
    let image = Image::open(std::sync::Arc::clone(&file))?;
    let size = file.size()?;
    let bytes = sizing::thin(image.data_end()?).min(size);
    if bytes < size {
        file.write_at(bytes - SECTOR, &image.footer().serialise())?;
        file.flush()?;
    }
    Ok(bytes)
}

impl Writer {
    /// Where the file's data would end after [`move_table`](Writer::move_table).
    fn move_table_end(&self, count: u32) -> u64 {
        let at = self.data_end().next_multiple_of(4096);
        let end = at + table_bytes(count) + SECTOR + map_bytes(count);
        end.next_multiple_of(4096) + 4096 + u64::from(self.image().block_size())
    }

    /// Gives the image a table of `count` entries at the end of its data. The step that makes it count is one
    /// sector: the first half of the header.
    fn move_table(&mut self, count: u32) -> Result<()> {
        self.flush()?;
        let file = std::sync::Arc::clone(self.image().file());
        let Some(mut header) = self.image().header().cloned() else { return Ok(()) };
        let need = self.move_table_end(count) + SECTOR;
        if file.is_fixed() && file.size()? < need {
            return Err(Error::NoSpace { need, have: file.size()? });
        }
        let at = self.data_end().next_multiple_of(4096);
        let mut bat = self.image().bat().clone();
        bat.grow(count);
        let map_at = at + table_bytes(count) + SECTOR;
        let mut end = map_at + map_bytes(count);
        // Writers that look for free space behind the last block only must find it behind the table: move one.
        if let Some((block, sector)) = self.image().bat().allocated().next() {
            let maps = bitmap_bytes(header.block_size);
            let place = end.next_multiple_of(4096) + 4096 - maps;
            let entry =
                u32::try_from(place / SECTOR).map_err(|_| Error::Unsupported("the image is full".into()))?;
            let len = (maps + u64::from(header.block_size)) as usize;
            let mut buf = vec![0; len];
            let there = file.size()?.saturating_sub(sector * SECTOR).min(len as u64) as usize;
            file.read_at(sector * SECTOR, &mut buf[..there])?;
            file.write_at(place, &buf)?;
            bat.set(block, entry);
            end = place + len as u64;
        }
        file.write_at(at, &bat.serialise())?;
        let mut map = vec![0; map_bytes(count) as usize];
        let mut extra = BatmapHeader::new(map_at, &map);
        if let Some(old) = self.image().batmap()? {
            let mut bits = vec![0; (u64::from(old.sectors) * SECTOR).min(map.len() as u64) as usize];
            if file.read_at(old.offset, &mut bits).is_ok() && old.matches(&bits) {
                map[..bits.len()].copy_from_slice(&bits);
            }
            extra = BatmapHeader { key_hash: old.key_hash, ..BatmapHeader::new(map_at, &map) };
        }
        file.write_at(map_at, &map)?;
        file.write_at(map_at - SECTOR, &extra.serialise())?;
        header.table_offset = at;
        header.max_bat = count;
        self.adopt_table(header, bat, end)?;
        Ok(())
    }

    /// Makes a table that was written at its new place the one that counts; durable on return.
    fn adopt_table(&mut self, header: super::header::Header, bat: super::bat::Bat, end: u64) -> Result<()> {
        let bytes: [u8; HEADER_LEN] = header.serialise();
        self.set_table(header, bat, end)?;
        let file = std::sync::Arc::clone(self.image().file());
        let at = self.image().footer().data_offset;
        // All that changed lies in the first sector: it is there as a whole or not at all.
        file.write_at(at, &bytes[..SECTOR as usize])?;
        Ok(file.flush()?)
    }
}
