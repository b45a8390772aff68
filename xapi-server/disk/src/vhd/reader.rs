//! One VHD image opened: footer, header and BAT in memory, sector bitmaps on demand. Knows where each sector lies
//! in the file; never follows a parent (see [`crate::chain`]) and never trusts the batmap.

use super::bat::{Bat, table_bytes};
use super::batmap::{BatmapHeader, map_bytes};
use super::bitmap::{Bitmap, bitmap_bytes};
use super::footer::{FOOTER_LEN, Footer, Kind};
use super::header::{HEADER_LEN, Header};
use super::{SECTOR, round_up};
use crate::error::{Error, Result};
use crate::file::BlockFile;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bitmaps kept in memory per image (512 bytes each).
const CACHED: usize = 4096;

/// Where the footer in use was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FooterPlace {
    /// The last 512 bytes: the image was closed cleanly.
    Tail,
    /// The last 511 bytes, as some old writers left it.
    ShortTail,
    /// The copy at the start: the image was in use when its writer stopped, or still is.
    Copy,
}

/// Where a stretch of sectors lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this image's file, from this byte.
    Own(u64),
    /// Not in this image.
    Below,
}

/// An opened image.
pub struct Image {
    pub(super) file: Arc<dyn BlockFile>,
    pub(super) footer: Footer,
    pub(super) place: FooterPlace,
    pub(super) header: Option<Header>,
    pub(super) bat: Bat,
    bitmaps: Mutex<HashMap<u64, Bitmap>>,
}

/// Reads the footers of an image: the one that counts, where it was, and the copy if it is readable.
///
/// # Errors
/// [`Error::Poisoned`] when either is poisoned, [`Error::Format`] when none is usable or they contradict.
pub fn read_footer(file: &dyn BlockFile) -> Result<(Footer, FooterPlace)> {
    let size = file.size()?;
    if size < SECTOR {
        return Err(Error::format("footer", format!("the file has {size} bytes")));
    }
    let mut b = [0; FOOTER_LEN];
    file.read_at(size - SECTOR, &mut b)?;
    let tail = match Footer::parse(&b) {
        Err(Error::Format(e)) => match Footer::parse(&b[1..]) {
            Ok(f) => Ok((f, FooterPlace::ShortTail)),
            Err(_) => Err(e),
        },
        other => Ok((other?, FooterPlace::Tail)),
    };
    file.read_at(0, &mut b)?;
    let copy = match Footer::parse(&b) {
        // The first sector of a fixed image belongs to the guest, who may write anything there.
        Err(Error::Poisoned) if matches!(&tail, Ok((f, _)) if f.kind == Kind::Fixed) => None,
        Err(Error::Poisoned) => return Err(Error::Poisoned),
        Ok(f) if f.kind == Kind::Fixed => None,
        other => other.ok(),
    };
    match (tail, copy) {
        // The last sector can hold guest data after a crash: a footer there must agree with the copy.
        (Ok((tail, _)), Some(copy)) if tail.uuid != copy.uuid || tail.kind != copy.kind => {
            Err(Error::format("footer", "the footers at the start and at the end name different images"))
        }
        (Ok((mut tail, place)), Some(copy)) => {
            if tail.by_tap() && tail.creator_version <= 0x0001_0001 {
                tail.hidden = copy.hidden;
            }
            Ok((tail, place))
        }
        (Ok((tail, place)), None) if tail.kind == Kind::Fixed => Ok((tail, place)),
        // A damaged copy is an audit finding; the tail is what the original stack reads first.
        (Ok((tail, place)), None) => Ok((tail, place)),
        (Err(_), Some(copy)) => Ok((copy, FooterPlace::Copy)),
        (Err(e), None) => Err(e.into()),
    }
}

impl Image {
    /// Opens an image for reading.
    ///
    /// # Errors
    /// What is wrong with its metadata; encrypted images are refused.
    pub fn open(file: Arc<dyn BlockFile>) -> Result<Image> {
        let (footer, place) = read_footer(&*file)?;
        let size = file.size()?;
        if !footer.current_size.is_multiple_of(SECTOR) || footer.current_size > 1 << 50 {
            return Err(Error::format("footer", format!("virtual size {}", footer.current_size)));
        }
        if footer.kind == Kind::Fixed {
            if footer.current_size > size - (SECTOR - 1) {
                return Err(Error::format("footer", "a fixed image is shorter than its disk"));
            }
            let bat = Bat::empty(0);
            return Ok(Image { file, footer, place, header: None, bat, bitmaps: Mutex::default() });
        }
        let mut b = [0; HEADER_LEN];
        file.read_at(footer.data_offset, &mut b)?;
        let header = Header::parse(&b)?;
        let table = u64::from(header.max_bat) * 4;
        if header.table_offset.checked_add(table).is_none_or(|end| end > size) {
            return Err(Error::format("BAT", "the table lies outside the file"));
        }
        if footer.current_size.div_ceil(u64::from(header.block_size)) > u64::from(header.max_bat) {
            return Err(Error::format("BAT", "the table is too small for the disk"));
        }
        let mut b = vec![0; table as usize];
        file.read_at(header.table_offset, &mut b)?;
        let bat = Bat::parse(&b, header.max_bat)?;
        let image = Image { file, footer, place, header: Some(header), bat, bitmaps: Mutex::default() };
        if image.batmap()?.is_some_and(|m| m.is_encrypted()) {
            return Err(Error::Unsupported("encrypted image".into()));
        }
        Ok(image)
    }

    /// Virtual size in bytes.
    pub fn virtual_size(&self) -> u64 {
        self.footer.current_size
    }

    /// The footer in use.
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// Where the footer in use was.
    pub fn footer_place(&self) -> FooterPlace {
        self.place
    }

    /// The header; `None` for fixed images.
    pub fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The block allocation table; empty for fixed images.
    pub fn bat(&self) -> &Bat {
        &self.bat
    }

    /// The file behind.
    pub fn file(&self) -> &Arc<dyn BlockFile> {
        &self.file
    }

    /// Bytes of data per block.
    pub fn block_size(&self) -> u32 {
        self.header.as_ref().map_or(super::BLOCK_SIZE, |h| h.block_size)
    }

    /// Sectors of data per block.
    pub fn block_sectors(&self) -> u64 {
        u64::from(self.block_size()) / SECTOR
    }

    /// Byte offset and header of the batmap; `None` when there is none (or nothing readable where it would be).
    ///
    /// # Errors
    /// The device's error.
    pub fn batmap(&self) -> Result<Option<BatmapHeader>> {
        let Some(at) = self.batmap_offset() else { return Ok(None) };
        if at + SECTOR > self.file.size()? || !self.footer.by_tap() {
            return Ok(None);
        }
        let mut b = [0; SECTOR as usize];
        self.file.read_at(at, &mut b)?;
        Ok(BatmapHeader::parse(&b).ok())
    }

    /// Where the batmap's header would be: behind the table.
    pub(super) fn batmap_offset(&self) -> Option<u64> {
        let h = self.header.as_ref()?;
        round_up(h.table_offset.checked_add(u64::from(h.max_bat) * 4)?, SECTOR)
    }

    /// First byte behind all metadata.
    ///
    /// # Errors
    /// The device's error.
    pub fn metadata_end(&self) -> Result<u64> {
        let Some(h) = &self.header else { return Ok(0) };
        let mut end = self.footer.data_offset.saturating_add(HEADER_LEN as u64);
        end = end.max(h.table_offset + table_bytes(h.max_bat));
        if let (Some(at), Some(map)) = (self.batmap_offset(), self.batmap()?) {
            end = end.max(at + SECTOR);
            if map.offset < self.file.size()? {
                end = end.max(
                    map.offset.saturating_add(map_bytes(h.max_bat).max(u64::from(map.sectors) * SECTOR)),
                );
            }
        }
        for l in h.locators.iter().filter(|l| l.is_used()) {
            end = end.max(l.offset.saturating_add(l.room()));
        }
        Ok(end)
    }

    /// First byte behind metadata and blocks: where the footer goes in a file, and the real end in a volume.
    ///
    /// # Errors
    /// The device's error.
    pub fn data_end(&self) -> Result<u64> {
        if self.footer.kind == Kind::Fixed {
            return Ok(self.footer.current_size);
        }
        let step = bitmap_bytes(self.block_size()) + u64::from(self.block_size());
        let blocks = self.bat.allocated().map(|(_, s)| s * SECTOR + step).max().unwrap_or(0);
        Ok(blocks.max(self.metadata_end()?))
    }

    /// The sector bitmap of an allocated block, as on disk.
    ///
    /// # Errors
    /// The device's error, or a table entry behind the file's end.
    pub fn bitmap(&self, block: u64) -> Result<Option<Bitmap>> {
        let Some(sector) = self.bat.get(block) else { return Ok(None) };
        let mut cache = self.bitmaps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(m) = cache.get(&block) {
            return Ok(Some(m.clone()));
        }
        let mut b = vec![0; bitmap_bytes(self.block_size()) as usize];
        self.file.read_at(sector * SECTOR, &mut b)?;
        if self.footer.by_tap() && self.footer.creator_version == 0x0000_0001 {
            // The first release counted bits from the bottom of each byte.
            b.iter_mut().for_each(|x| *x = x.reverse_bits());
        }
        let m = Bitmap::from_bytes(b);
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(block, m.clone());
        Ok(Some(m))
    }

    /// Replaces a bitmap in memory after it was written.
    pub(super) fn keep_bitmap(&self, block: u64, map: Bitmap) {
        self.bitmaps.lock().unwrap_or_else(PoisonError::into_inner).insert(block, map);
    }

    /// Where `sector` lies, and how many sectors from it (at most `max`, not 0) lie in a row there.
    ///
    /// # Errors
    /// The device's error.
    pub fn locate(&self, sector: u64, max: u64) -> Result<(Place, u64)> {
        self.locate_with(sector, max, |_| None)
    }

    /// [`locate`](Image::locate) with bitmaps that are newer than the ones on disk.
    pub(super) fn locate_with(
        &self,
        sector: u64,
        max: u64,
        newer: impl Fn(u64) -> Option<Bitmap>,
    ) -> Result<(Place, u64)> {
        if self.footer.kind == Kind::Fixed {
            return Ok((Place::Own(sector * SECTOR), max));
        }
        let per = self.block_sectors();
        let (block, within) = (sector / per, sector % per);
        let Some(entry) = self.bat.get(block) else {
            let mut n = per - within;
            let mut next = block + 1;
            while n < max && self.bat.get(next).is_none() {
                n += per;
                next += 1;
            }
            return Ok((Place::Below, n.min(max)));
        };
        let map = match newer(block) {
            Some(m) => m,
            None => self.bitmap(block)?.ok_or_else(|| Error::format("BAT", "entry vanished"))?,
        };
        let (present, n) = map.run(within, max.min(per - within));
        let at = entry * SECTOR + bitmap_bytes(self.block_size()) + within * SECTOR;
        Ok((if present { Place::Own(at) } else { Place::Below }, n))
    }
}
