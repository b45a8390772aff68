//! Copies disks between formats, from any [`Source`] to streams and targets, in constant memory and without
//! temporary files. Zeros and holes stay holes. Never opens an image by name.

mod copy;
mod qcow2_in;
mod qcow2_out;
mod vhd_in;
mod vhd_out;

pub use copy::copy;
pub use qcow2_in::Qcow2Stream;
pub(crate) use qcow2_out::empty_qcow2;
pub use qcow2_out::export_qcow2;
pub use vhd_in::VhdStream;
pub use vhd_out::export_vhd;

use crate::disk::Disk;
use crate::error::Result;
use crate::file::BlockFile;
use crate::source::{Source, check_range};
use crate::vhd::writer::Writer;
use std::io::{Read, Write};
use std::sync::Arc;

/// Bytes moved at a time.
pub(crate) const CHUNK: usize = 1 << 18;
/// Zeros are looked for in pieces of this many bytes.
const GRAIN: usize = 4096;

/// Told how many bytes of the virtual disk are done; an error ends the copy with it.
pub type Progress<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

/// What a disk can be copied into. Starts out reading as zeros unless said otherwise.
pub trait Target {
    /// Virtual size in bytes.
    fn size(&self) -> u64;
    /// Writes whole sectors.
    ///
    /// # Errors
    /// The device's error, [`crate::Error::Range`] outside the disk.
    fn put(&mut self, offset: u64, data: &[u8]) -> Result<()>;
    /// Returns when everything is durable.
    ///
    /// # Errors
    /// The device's error.
    fn finish(&mut self) -> Result<()>;
}

impl Target for Disk {
    fn size(&self) -> u64 {
        Source::size(self)
    }

    fn put(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.write_at(offset, data)
    }

    fn finish(&mut self) -> Result<()> {
        self.flush()
    }
}

impl Target for crate::qcow2::Qcow2Disk {
    fn size(&self) -> u64 {
        Source::size(self)
    }

    fn put(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.write_at(offset, data)
    }

    fn finish(&mut self) -> Result<()> {
        self.flush()
    }
}

impl Target for Writer {
    fn size(&self) -> u64 {
        self.virtual_size()
    }

    fn put(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        self.write_at(offset, data)
    }

    fn finish(&mut self) -> Result<()> {
        self.flush()
    }
}

/// Bytes written before the system is told to store them.
pub(crate) const STORE: u64 = 8 << 20;

/// A raw image as a target.
pub struct RawTarget {
    file: Arc<dyn BlockFile>,
    size: u64,
    /// What was written one after the other and not yet told: first byte and the byte behind.
    fresh: (u64, u64),
}

impl RawTarget {
    /// Writes a disk of `size` bytes into `file`, which grows to it.
    ///
    /// # Errors
    /// [`crate::Error::NoSpace`] on a volume too small; the device's error.
    pub fn new(file: Arc<dyn BlockFile>, size: u64) -> Result<RawTarget> {
        if !file.is_fixed() {
            file.set_size(size)?;
        } else if file.size()? < size {
            return Err(crate::Error::NoSpace { need: size, have: file.size()? });
        }
        Ok(RawTarget { file, size, fresh: (0, 0) })
    }
}

impl Target for RawTarget {
    fn size(&self) -> u64 {
        self.size
    }

    fn put(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        check_range(offset, data.len() as u64, self.size)?;
        self.file.write_at(offset, data)?;
        let end = offset + data.len() as u64;
        if offset < self.fresh.1 {
            self.fresh = (offset, offset);
        }
        self.fresh.1 = end;
        if end - self.fresh.0 >= STORE {
            self.file.written(self.fresh.0, end - self.fresh.0);
            self.fresh = (end, end);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        Ok(self.file.flush()?)
    }
}

/// The stretches of `data` that are not zero, in whole grains: where each begins, and its bytes.
pub(crate) fn runs<E>(data: &[u8], mut each: impl FnMut(usize, &[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut start = None;
    for (i, piece) in data.chunks(GRAIN).enumerate() {
        let at = i * GRAIN;
        match (piece.iter().all(|b| *b == 0), start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                each(from, &data[from..at])?;
                start = None;
            }
            _ => {}
        }
    }
    start.map_or(Ok(()), |from| each(from, &data[from..]))
}

/// Writes `data`, leaving out pieces that are zero when `fresh` says that the target reads as zeros there.
pub(crate) fn put_sparse(target: &mut dyn Target, offset: u64, data: &[u8], fresh: bool) -> Result<()> {
    if !fresh {
        return target.put(offset, data);
    }
    runs(data, |from, piece| target.put(offset + from as u64, piece))
}

/// Writes every byte of `source` to `out`.
///
/// # Errors
/// What reading, writing and `progress` say.
pub fn export_raw(source: &dyn Source, out: &mut dyn Write, progress: Progress) -> Result<()> {
    let mut buf = vec![0; CHUNK];
    let mut at = 0;
    while at < source.size() {
        let n = (source.size() - at).min(CHUNK as u64) as usize;
        source.read_at(at, &mut buf[..n])?;
        out.write_all(&buf[..n])?;
        at += n as u64;
        progress(at)?;
    }
    Ok(out.flush()?)
}

/// Copies a stream of raw bytes into `target` up to the stream's end. A last piece shorter than a sector is padded
/// with zeros. Returns the number of bytes read. Durable on return.
///
/// # Errors
/// [`crate::Error::Range`] when the stream is longer than the target; what reading, writing and `progress` say.
pub fn import_raw(
    from: &mut dyn Read,
    target: &mut dyn Target,
    fresh: bool,
    progress: Progress,
) -> Result<u64> {
    let mut buf = vec![0; CHUNK];
    let mut at = 0u64;
    loop {
        let n = read_full(from, &mut buf)?;
        let padded = n.next_multiple_of(512);
        buf[n..padded].fill(0);
        put_sparse(target, at, &buf[..padded], fresh)?;
        // Zeros that are left out must fit as well.
        check_range(at, padded as u64, target.size())?;
        at += n as u64;
        progress(at)?;
        if n < buf.len() {
            break;
        }
    }
    target.finish()?;
    Ok(at)
}

/// Fills `buf` as far as the stream goes; the number of bytes read.
pub(crate) fn read_full(from: &mut dyn Read, buf: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match from.read(&mut buf[done..]) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(done)
}

/// Writes `n` zero bytes.
pub(crate) fn pad(out: &mut dyn Write, mut n: u64) -> Result<()> {
    let zeros = [0; 4096];
    while n > 0 {
        let now = n.min(zeros.len() as u64);
        out.write_all(&zeros[..now as usize])?;
        n -= now;
    }
    Ok(())
}
