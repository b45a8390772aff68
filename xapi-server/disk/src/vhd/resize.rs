//! Grows a VHD, and fits its footer to a volume that was made larger or is about to be made smaller. Never shrinks
//! a disk.

use super::bat::table_bytes;
use super::batmap::{BatmapHeader, map_bytes};
use super::bitmap::bitmap_bytes;
use super::coalesce::Relink;
use super::footer::{FOOTER_LEN, Footer, Kind, geometry};
use super::header::Header;
use super::journal::{Note, check_free, perform, put};
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
    check_free(volumes, &[name])?;
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
        writer.close()?;
        widen(volumes, name, count)?;
        writer = Writer::open(volumes.open(name, Access::Write)?)?;
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

/// Room for `count` table entries: moves blocks out of the way, then the metadata behind the table, under a note.
fn widen(volumes: &dyn Volumes, name: &str, count: u32) -> Result<()> {
    let mut writer = Writer::open(volumes.open(name, Access::Write)?)?;
    let image = writer.image();
    let Some(old) = image.header().cloned() else { return Ok(()) };
    let mut header = old.clone();
    header.max_bat = count;
    let mut end = header.table_offset + table_bytes(count) + SECTOR + map_bytes(count);
    let mut names = Vec::new();
    for l in header.locators.iter_mut().filter(|l| l.is_used()) {
        let mut text = vec![0; l.length.min(4096) as usize];
        image.file().read_at(l.offset, &mut text)?;
        l.offset = end;
        l.space = (text.len() as u32).next_multiple_of(SECTOR as u32);
        end += u64::from(l.space);
        names.push((l.offset, text));
    }
    if image.file().is_fixed() {
        let need = writer.end_after_move(end) + SECTOR;
        if image.file().size()? < need {
            volumes.ensure_size(name, need)?;
            put_tail(&**image.file(), image.footer())?;
        }
    }
    writer.move_blocks(end)?;
    writer.close()?;
    let image = Relink {
        child: name.to_owned(),
        header_at: FOOTER_LEN as u64,
        header: header.serialise().to_vec(),
        names,
    };
    let note = Note::Widening { image, before: old.max_bat };
    let key = put(volumes, None, &note)?;
    perform(volumes, &note)?;
    volumes.drop_note(&key)
}

/// Rewrites the metadata of a wider table, from wherever that stopped. No block lies where it goes.
pub(super) fn finish_widen(volumes: &dyn Volumes, image: &Relink, before: u32) -> Result<()> {
    let header = Header::parse(&image.header)?;
    let file = volumes.open(&image.child, Access::Write)?;
    // First what nothing points to: the names and an empty batmap (it only ever says "complete").
    for (at, text) in &image.names {
        file.write_at(*at, text)?;
    }
    let map_at = header.table_offset + table_bytes(header.max_bat) + SECTOR;
    let map = vec![0; map_bytes(header.max_bat) as usize];
    file.write_at(map_at, &map)?;
    file.write_at(map_at - SECTOR, &BatmapHeader::new(map_at, &map).serialise())?;
    file.flush()?;
    // Then the new places of the names, so that the table may grow over the old ones.
    let narrow = Header { max_bat: before, ..header.clone() };
    file.write_at(image.header_at, &narrow.serialise())?;
    file.flush()?;
    let from = header.table_offset + u64::from(before) * 4;
    let to = header.table_offset + table_bytes(header.max_bat);
    file.write_at(from, &vec![0xff; (to - from) as usize])?;
    file.flush()?;
    file.write_at(image.header_at, &image.header)?;
    Ok(file.flush()?)
}

impl Writer {
    /// Where the data would end after [`move_blocks`](Writer::move_blocks).
    fn end_after_move(&self, limit: u64) -> u64 {
        let step = bitmap_bytes(self.image().block_size()) + u64::from(self.image().block_size());
        let moved = self.image().bat().allocated().filter(|(_, s)| s * SECTOR < limit).count() as u64;
        self.data_end().max(limit).next_multiple_of(4096) + moved * (step + 4096)
    }

    /// Moves every block that starts below byte `limit` behind the data; durable on return. A cut leaves each
    /// block at its old or its new place, with the same bytes.
    fn move_blocks(&mut self, limit: u64) -> Result<()> {
        self.flush()?;
        let moving: Vec<(u64, u64)> =
            self.image().bat().allocated().filter(|(_, s)| s * SECTOR < limit).collect();
        self.reserve(limit);
        let len = (bitmap_bytes(self.image().block_size()) + u64::from(self.image().block_size())) as usize;
        let mut buf = vec![0; len];
        for (block, sector) in moving {
            let file = std::sync::Arc::clone(self.image().file());
            let there = file.size()?.saturating_sub(sector * SECTOR).min(len as u64) as usize;
            buf[there..].fill(0);
            file.read_at(sector * SECTOR, &mut buf[..there])?;
            let to = self.place_block(block)?;
            file.write_at(to * SECTOR, &buf)?;
        }
        self.flush()
    }
}
