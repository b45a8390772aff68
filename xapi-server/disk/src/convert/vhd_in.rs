//! A VHD read from a pipe: metadata, then blocks in the order they lie in. Never seeks, never follows a parent:
//! what a differencing image holds is written over what the target has.

use super::{CHUNK, Progress, Target, put_sparse, read_full};
use crate::error::{Error, Result};
use crate::vhd::SECTOR;
use crate::vhd::bat::Bat;
use crate::vhd::bitmap::{Bitmap, bitmap_bytes};
use crate::vhd::footer::{FOOTER_LEN, Footer, Kind};
use crate::vhd::header::{HEADER_LEN, Header};
use std::io::Read;

/// A VHD whose metadata was read from a stream.
pub struct VhdStream<R> {
    from: R,
    /// Bytes read so far.
    at: u64,
    footer: Footer,
    header: Header,
    bat: Bat,
}

impl<R: Read> VhdStream<R> {
    /// Reads the metadata.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for fixed images (their footer comes last) and for tables behind blocks;
    /// [`Error::Format`] for damage and a stream that ends early.
    pub fn open(mut from: R) -> Result<VhdStream<R>> {
        let mut b = [0; FOOTER_LEN];
        fill(&mut from, &mut b)?;
        let footer = match Footer::parse(&b) {
            Ok(f) if f.kind != Kind::Fixed => f,
            Err(Error::Poisoned) => return Err(Error::Poisoned),
            _ => return Err(Error::Unsupported("no dynamic VHD at the start of the stream".into())),
        };
        let mut s = VhdStream { from, at: 512, footer, header: Header::new(0, 0), bat: Bat::empty(0) };
        s.skip_to(s.footer.data_offset)?;
        let mut b = [0; HEADER_LEN];
        s.fill(&mut b)?;
        s.header = Header::parse(&b)?;
        s.skip_to(s.header.table_offset)?;
        let mut b = vec![0; s.header.max_bat as usize * 4];
        s.fill(&mut b)?;
        s.bat = Bat::parse(&b, s.header.max_bat)?;
        Ok(s)
    }

    /// The footer at the start of the stream.
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// The header: its parent uuid says on what a differencing image builds.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Writes what the image holds into `target` and reads the stream to its end. `fresh`: the target reads as zeros,
    /// so zeros need no writing (never for a differencing image). Durable on return.
    ///
    /// # Errors
    /// [`Error::Refused`] when the target is smaller; [`Error::Format`] for overlapping or cut blocks; what
    /// writing and `progress` say.
    pub fn copy_to(mut self, target: &mut dyn Target, fresh: bool, progress: Progress) -> Result<()> {
        let size = self.footer.current_size;
        if target.size() < size {
            return Err(Error::Refused("the target is smaller than the disk".into()));
        }
        let fresh = fresh && self.footer.kind != Kind::Differencing;
        let mut blocks: Vec<(u64, u64)> = self.bat.allocated().map(|(b, s)| (s, b)).collect();
        blocks.sort_unstable();
        let len = u64::from(self.header.block_size);
        let mut data = vec![0; len as usize];
        for (sector, block) in blocks {
            self.skip_to(sector * SECTOR)?;
            let mut map = vec![0; bitmap_bytes(self.header.block_size) as usize];
            self.fill(&mut map)?;
            let map = Bitmap::from_bytes(map);
            self.fill(&mut data)?;
            let start = block.saturating_mul(len);
            let sectors = size.saturating_sub(start).min(len) / SECTOR;
            let mut s = 0;
            while s < sectors {
                let (present, n) = map.run(s, sectors - s);
                if present {
                    let bytes = &data[(s * SECTOR) as usize..((s + n) * SECTOR) as usize];
                    put_sparse(target, start + s * SECTOR, bytes, fresh)?;
                }
                s += n;
            }
            progress(start.saturating_add(len).min(size))?;
        }
        // A sender that is not read to the end takes that for an error.
        let mut rest = vec![0; CHUNK];
        while read_full(&mut self.from, &mut rest)? > 0 {}
        target.finish()
    }

    fn skip_to(&mut self, to: u64) -> Result<()> {
        let n = to
            .checked_sub(self.at)
            .ok_or_else(|| Error::Unsupported("the VHD's parts are not in streaming order".into()))?;
        let skipped = std::io::copy(&mut (&mut self.from).take(n), &mut std::io::sink())?;
        self.at += skipped;
        if skipped < n { Err(ended()) } else { Ok(()) }
    }

    fn fill(&mut self, buf: &mut [u8]) -> Result<()> {
        fill(&mut self.from, buf)?;
        self.at += buf.len() as u64;
        Ok(())
    }
}

fn fill(from: &mut dyn Read, buf: &mut [u8]) -> Result<()> {
    if read_full(from, buf)? < buf.len() { Err(ended()) } else { Ok(()) }
}

fn ended() -> Error {
    Error::format("stream", "it ends in the middle of the image")
}
