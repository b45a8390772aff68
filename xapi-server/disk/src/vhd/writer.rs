//! Writes to one VHD in an order that any power failure survives, by the original stack's rules: append only,
//! data before bitmap before table, data aligned to 4 KiB, footer at the end of the file or volume.
//!
//! A write goes to the file at once; the metadata that makes it visible stays in memory until [`Writer::flush`],
//! which returns only when everything before is durable. A cut in between leaves, for each sector, its old or
//! new bytes. Never writes to an image another program made, and never after a flush failed.

use super::batmap::BatmapHeader;
use super::bitmap::{Bitmap, bitmap_bytes};
use super::footer::{Footer, Kind};
use super::pending::{Pending, Written};
use super::reader::{FooterPlace, Image, Place};
use super::{SECTOR, round_up};
use crate::error::{Error, Result};
use crate::file::BlockFile;
use crate::source::check_range;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Changed bitmaps kept before they are flushed by themselves (512 bytes each).
const MAX_DIRTY: usize = 2048;
/// Oldest version of the original stack whose images are written.
const MIN_VERSION: u32 = 0x0001_0002;
/// Data starts at multiples of this many sectors.
const ALIGN: u64 = 8;

struct Dirty {
    map: Bitmap,
    /// The table on disk does not name the block yet.
    new: bool,
}

/// An image open for writing. One writer at a time is the caller's duty.
pub struct Writer {
    image: Image,
    dirty: BTreeMap<u64, Dirty>,
    /// Sectors of the table that changed.
    table: BTreeSet<u64>,
    /// First free byte.
    end: u64,
    /// The tail footer must be written again.
    footer_due: bool,
    /// Blocks that got sectors since opening, for the batmap.
    touched: BTreeSet<u64>,
    /// Data went to the file since the last flush.
    unflushed: bool,
    broken: bool,
    /// What a successor must know of the writes that are not flushed.
    pending: Option<Pending>,
}

impl Writer {
    /// Opens an image for writing. `file` must be open for writing.
    ///
    /// # Errors
    /// As [`Image::open`]; [`Error::Unsupported`] for images of other makers; [`Error::Format`] when the table
    /// has entries that overlap, as writing would destroy data.
    pub fn open(file: Arc<dyn BlockFile>) -> Result<Writer> {
        let image = Image::open(file)?;
        let f = image.footer();
        if f.kind != Kind::Fixed {
            if !f.by_tap() || f.creator_version < MIN_VERSION {
                return Err(Error::Unsupported("image of another maker; convert it first".into()));
            }
            check_table(&image)?;
        }
        let end = image.data_end()?;
        if end > u64::MAX / 2 {
            return Err(Error::format("header", "the table lies behind any file's end"));
        }
        let footer_due = image.footer_place() != FooterPlace::Tail;
        Ok(Writer {
            image,
            dirty: BTreeMap::new(),
            table: BTreeSet::new(),
            end,
            footer_due,
            touched: BTreeSet::new(),
            unflushed: false,
            broken: false,
            pending: None,
        })
    }

    /// Keeps what is not flushed in `pending` as well, and goes on from what a writer that died left there.
    ///
    /// # Errors
    /// [`Error::Format`] when that does not fit the image; [`Error::Refused`] for another image's; the system's error.
    pub fn keep_pending(&mut self, mut pending: Pending) -> Result<()> {
        let found = pending.take(self.image.footer.uuid)?;
        if self.image.footer.kind == Kind::Fixed {
            return Ok(());
        }
        let misfit = || Error::format("pending writes", "they do not fit the image");
        let per = self.image.block_sectors();
        for w in found {
            let inside = w.within.checked_add(w.sectors).is_some_and(|end| end <= per);
            if !inside || w.block >= u64::from(self.image.bat.len()) {
                return Err(misfit());
            }
            match self.image.bat.get(w.block) {
                // The table's turn had come before the end did.
                Some(entry) if entry == w.entry => {
                    if !self.dirty.contains_key(&w.block) {
                        let map = self.image.bitmap(w.block)?.ok_or_else(misfit)?;
                        self.dirty.insert(w.block, Dirty { map, new: false });
                    }
                }
                Some(_) => return Err(misfit()),
                None => {
                    // The data is there: it was written before it was noted.
                    let entry = u32::try_from(w.entry).map_err(|_| misfit())?;
                    let size = self.image.block_size();
                    let end = w.entry * SECTOR + bitmap_bytes(size) + u64::from(size);
                    self.image.bat.set(w.block, entry);
                    self.table.insert(w.block / 128);
                    self.dirty.insert(w.block, Dirty { map: Bitmap::empty(size), new: true });
                    self.end = self.end.max(end);
                    self.footer_due |= !self.image.file.is_fixed();
                }
            }
            if let Some(d) = self.dirty.get_mut(&w.block) {
                d.map.set(w.within, w.sectors);
            }
            self.touched.insert(w.block);
            self.unflushed = true;
        }
        check_table(&self.image)?;
        self.pending = Some(pending);
        Ok(())
    }

    /// The image as it reads now. Its `locate` does not know unflushed sectors: use the writer's.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Virtual size in bytes.
    pub fn virtual_size(&self) -> u64 {
        self.image.virtual_size()
    }

    /// As [`Image::locate`], unflushed sectors included.
    ///
    /// # Errors
    /// The device's error.
    pub fn locate(&self, sector: u64, max: u64) -> Result<(Place, u64)> {
        self.image.locate_with(sector, max, |block| self.dirty.get(&block).map(|d| d.map.clone()))
    }

    /// Writes whole sectors. Durable after [`flush`](Writer::flush).
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::NoSpace`] before anything of the block that does not fit is written, or the
    /// device's error: then each sector holds its old or its new bytes.
    pub fn write_at(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        check_range(offset, data.len() as u64, self.virtual_size())?;
        self.check_alive()?;
        if data.is_empty() {
            return Ok(());
        }
        if self.image.footer.kind == Kind::Fixed {
            self.unflushed = true;
            return Ok(self.image.file.write_at(offset, data)?);
        }
        let per = self.image.block_sectors();
        let mut rest = data;
        let mut sector = offset / SECTOR;
        while !rest.is_empty() {
            let (block, within) = (sector / per, sector % per);
            let n = (rest.len() as u64 / SECTOR).min(per - within);
            let (now, later) = rest.split_at((n * SECTOR) as usize);
            self.write_block(block, within, n, now)?;
            rest = later;
            sector += n;
        }
        if self.dirty.len() > MAX_DIRTY || self.pending.as_ref().is_some_and(Pending::is_full) {
            self.flush()?;
        }
        Ok(())
    }

    fn write_block(&mut self, block: u64, within: u64, n: u64, data: &[u8]) -> Result<()> {
        let entry = match self.image.bat.get(block) {
            Some(entry) => entry,
            None => self.allocate(block)?,
        };
        let at = entry * SECTOR + bitmap_bytes(self.image.block_size()) + within * SECTOR;
        self.unflushed = true;
        self.image.file.write_at(at, data)?;
        if let Some(d) = self.dirty.get_mut(&block) {
            if !d.map.set(within, n) {
                return Ok(());
            }
        } else {
            let mut map = self.image.bitmap(block)?.ok_or_else(|| Error::format("BAT", "entry vanished"))?;
            if !map.set(within, n) {
                return Ok(());
            }
            self.dirty.insert(block, Dirty { map, new: false });
        }
        if let Some(pending) = &mut self.pending {
            pending.add(Written { block, entry, within, sectors: n })?;
        }
        self.touched.insert(block);
        Ok(())
    }

    /// Gives `block`, so far absent, the next place in the file; only memory changes.
    fn allocate(&mut self, block: u64) -> Result<u64> {
        let sector = self.place_block(block)?;
        let map = Bitmap::empty(self.image.block_size());
        self.dirty.insert(block, Dirty { map, new: true });
        Ok(sector)
    }

    /// Points the table in memory at the next free place for `block` and returns its sector.
    pub(super) fn place_block(&mut self, block: u64) -> Result<u64> {
        let size = self.image.block_size();
        let map_sectors = bitmap_bytes(size) / SECTOR;
        let first = self.end.div_ceil(SECTOR);
        let sector = round_up(first + map_sectors, ALIGN).map_or(u64::MAX, |s| s - map_sectors);
        let entry = u32::try_from(sector).ok().filter(|e| *e != super::bat::UNUSED);
        let entry = entry
            .ok_or_else(|| Error::Unsupported("the image reached the format's limit of 2 TiB".into()))?;
        let end = (sector + map_sectors) * SECTOR + u64::from(size);
        if self.image.file.is_fixed() {
            let have = self.image.file.size()?;
            if end + SECTOR > have {
                return Err(Error::NoSpace { need: end + SECTOR, have });
            }
        } else {
            self.footer_due = true;
        }
        self.end = end;
        self.image.bat.set(block, entry);
        self.table.insert(block / 128);
        self.unflushed = true;
        Ok(sector)
    }

    /// Returns when every write before is durable and will be found after a power failure.
    ///
    /// # Errors
    /// The device's error. What was not flushed before is then unknown, and the writer refuses all further work.
    pub fn flush(&mut self) -> Result<()> {
        self.check_alive()?;
        self.broken = true;
        self.commit()?;
        if let Some(pending) = &mut self.pending {
            pending.clear()?;
        }
        self.broken = false;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        let file = Arc::clone(&self.image.file);
        let bitmap_at = |image: &Image, block| image.bat.get(block).map(|s| s * SECTOR);
        // First: what nothing on disk points to yet. The bitmaps of new blocks belong here.
        let mut first = self.unflushed;
        for (block, d) in self.dirty.iter().filter(|(_, d)| d.new) {
            if let Some(at) = bitmap_at(&self.image, *block) {
                file.write_at(at, d.map.bytes())?;
                first = true;
            }
        }
        if self.footer_due && !self.table.is_empty() {
            self.put_footer()?;
        }
        if first {
            file.flush()?;
            self.unflushed = false;
        }
        // Second: what makes it visible.
        if self.dirty.is_empty() && self.table.is_empty() {
            return Ok(());
        }
        for (block, d) in self.dirty.iter().filter(|(_, d)| !d.new) {
            if let Some(at) = bitmap_at(&self.image, *block) {
                file.write_at(at, d.map.bytes())?;
            }
        }
        let table_at = self.image.header.as_ref().map_or(0, |h| h.table_offset);
        for index in &self.table {
            file.write_at(table_at + index * SECTOR, &self.image.bat.sector(*index as usize))?;
        }
        file.flush()?;
        for (block, d) in std::mem::take(&mut self.dirty) {
            self.image.keep_bitmap(block, d.map);
        }
        self.table.clear();
        Ok(())
    }

    /// Writes the footer to the last sector, which in a growing file is right behind the data.
    fn put_footer(&mut self) -> Result<()> {
        let file = &self.image.file;
        let at = if file.is_fixed() {
            file.size()? - SECTOR
        } else {
            let at = self.end.next_multiple_of(SECTOR);
            if file.size()? > at + SECTOR {
                file.set_size(at + SECTOR)?;
            }
            at
        };
        file.write_at(at, &self.image.footer.serialise())?;
        self.footer_due = false;
        self.unflushed = true;
        Ok(())
    }

    /// Replaces the footer, both places, durable on return: the tail first, as it is what readers look at first.
    ///
    /// # Errors
    /// As [`flush`](Writer::flush).
    pub(super) fn set_footer(&mut self, footer: Footer) -> Result<()> {
        self.flush()?;
        self.broken = true;
        self.image.footer = footer;
        self.put_footer()?;
        self.image.file.flush()?;
        if self.image.footer.kind != Kind::Fixed {
            self.image.file.write_at(0, &self.image.footer.serialise())?;
            self.image.file.flush()?;
        }
        self.unflushed = false;
        self.broken = false;
        Ok(())
    }

    /// First byte behind metadata and blocks, unflushed ones included.
    pub(super) fn data_end(&self) -> u64 {
        self.end
    }

    /// Keeps new blocks away from everything below byte `limit`.
    pub(super) fn reserve(&mut self, limit: u64) {
        self.end = self.end.max(limit);
    }

    /// Marks the image hidden (an inner node) or not; durable on return.
    ///
    /// # Errors
    /// As [`flush`](Writer::flush).
    pub fn set_hidden(&mut self, hidden: bool) -> Result<()> {
        let footer = Footer { hidden: u8::from(hidden), ..self.image.footer.clone() };
        self.set_footer(footer)
    }

    /// Flushes, brings the batmap up to date and leaves a valid footer at the end.
    ///
    /// # Errors
    /// As [`flush`](Writer::flush). The image stays readable.
    pub fn close(mut self) -> Result<()> {
        self.flush()?;
        self.update_batmap()?;
        if self.footer_due {
            self.put_footer()?;
        }
        if self.unflushed {
            self.image.file.flush()?;
        }
        Ok(())
    }

    /// Marks blocks that became complete. A torn update is caught by the batmap's checksum.
    fn update_batmap(&mut self) -> Result<()> {
        let Some(header) = self.image.batmap()? else { return Ok(()) };
        let len = u64::from(header.sectors) * SECTOR;
        let inside =
            header.offset.checked_add(len).is_some_and(|end| end <= self.image.file.size().unwrap_or(0));
        if !inside || len < super::batmap::map_bytes(self.image.bat.len()) {
            return Ok(());
        }
        let mut map = vec![0; len as usize];
        self.image.file.read_at(header.offset, &mut map)?;
        let valid = header.matches(&map);
        if !valid {
            map.fill(0);
        }
        let mut changed = !valid;
        for block in &self.touched {
            let full = self.image.bitmap(*block)?.is_some_and(|m| m.is_full(self.image.block_sectors()));
            let (byte, bit) = ((*block / 8) as usize, 0x80 >> (*block % 8));
            if full && map[byte] & bit == 0 {
                map[byte] |= bit;
                changed = true;
            }
        }
        if let (true, Some(at)) = (changed, self.image.batmap_offset()) {
            self.image.file.write_at(header.offset, &map)?;
            let fresh = BatmapHeader::new(header.offset, &map);
            let header = BatmapHeader { checksum: fresh.checksum, ..header };
            self.image.file.write_at(at, &header.serialise())?;
            self.unflushed = true;
        }
        Ok(())
    }

    fn check_alive(&self) -> Result<()> {
        if self.broken {
            return Err(Error::Io(std::io::Error::other("an earlier flush failed; reopen the image")));
        }
        Ok(())
    }
}

/// Refuses tables whose blocks overlap each other or the metadata.
fn check_table(image: &Image) -> Result<()> {
    let step = bitmap_bytes(image.block_size()) + u64::from(image.block_size());
    let mut places: Vec<u64> = image.bat().allocated().map(|(_, s)| s * SECTOR).collect();
    places.sort_unstable();
    if places.windows(2).any(|w| w[1] - w[0] < step) {
        return Err(Error::format("BAT", "blocks overlap"));
    }
    let header = image.header().map_or(0, |h| h.table_offset);
    let table = image.header().map_or(0, |h| super::bat::table_bytes(h.max_bat));
    if places.iter().any(|p| *p < 1536 || (*p < header + table && p + step > header)) {
        return Err(Error::format("BAT", "a block overlaps the metadata"));
    }
    Ok(())
}
