//! A disk as a VHD stream: metadata first, blocks in order, so that it can be written to a pipe. Never seeks.

use super::{Progress, pad};
use crate::error::{Error, Result};
use crate::source::{Source, State, extents};
use crate::vhd::bat::Bat;
use crate::vhd::bitmap::Bitmap;
use crate::vhd::create::{NewImage, plan};
use crate::vhd::{BLOCK_SIZE, SECTOR};
use std::io::Write;

/// A bitmap and 2 MiB of data, with the gap that keeps data on 4 KiB.
const STEP: u64 = BLOCK_SIZE as u64 + 4096;

/// Writes `source` to `out` as the VHD `new` describes. With a parent it holds what `source` does not call absent,
/// sector by sector; without one, only what it calls data. Returns the number of bytes written.
///
/// # Errors
/// [`Error::Refused`] when `new` has another size than `source`; what reading, writing and `progress` say.
pub fn export_vhd(
    source: &dyn Source,
    new: &NewImage,
    out: &mut dyn Write,
    progress: Progress,
) -> Result<u64> {
    if new.virtual_size != source.size() {
        return Err(Error::Refused("the image must have the size of the disk".into()));
    }
    let delta = new.parent.is_some();
    let stored = |state| match state {
        State::Data => true,
        State::Zero => delta,
        State::Absent => false,
    };
    let layout = plan(new)?;
    let block = u64::from(BLOCK_SIZE);
    // The bitmap of the first block sits right before a multiple of 4 KiB.
    let first = (layout.metadata_end() + SECTOR).next_multiple_of(4096) - SECTOR;
    let mut bat = Bat::empty(layout.max_bat());
    let mut used = 0;
    extents(source, |e| {
        if stored(e.state) {
            for b in e.start / block..=(e.start + e.len - 1) / block {
                if bat.get(b).is_none() {
                    let entry = u32::try_from((first + used * STEP) / SECTOR);
                    bat.set(
                        b,
                        entry.map_err(|_| Error::Refused("the image would be larger than 2 TiB".into()))?,
                    );
                    used += 1;
                }
            }
        }
        Ok(())
    })?;
    // Calling no block complete is always right; readers then look at the bitmaps.
    out.write_all(&layout.head(&bat, &[]))?;
    let mut at = layout.metadata_end();
    let mut data = vec![0; BLOCK_SIZE as usize];
    for (b, sector) in bat.allocated() {
        let start = b * block;
        let len = block.min(source.size() - start);
        let mut map = Bitmap::empty(BLOCK_SIZE);
        data.fill(0);
        let mut done = 0;
        while done < len {
            let e = source.extent(start + done, len - done)?;
            if stored(e.state) {
                map.set(done / SECTOR, e.len / SECTOR);
            }
            if e.state == State::Data {
                source.read_at(start + done, &mut data[done as usize..(done + e.len) as usize])?;
            }
            done += e.len;
        }
        pad(out, sector * SECTOR - at)?;
        out.write_all(map.bytes())?;
        out.write_all(&data)?;
        at = (sector + 1) * SECTOR + block;
        progress(start + len)?;
    }
    out.write_all(&layout.footer().serialise())?;
    out.flush()?;
    Ok(at + SECTOR)
}
