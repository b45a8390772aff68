//! Writes an archive to a stream, member after member. Blocks of zeros are left out but for the first and the last
//! of a disk; the gap in the numbers says how many there were.

use std::io::{self, Write};

use crate::{BLOCK, DESCRIPTION, Error, Ova, checksum::Kind};

/// How an archive is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// What `use_compression` asks for; anything unknown is none.
    pub fn parse(text: &str) -> Compression {
        match text {
            "true" | "gzip" => Compression::Gzip,
            "zstd" => Compression::Zstd,
            _ => Compression::None,
        }
    }
}

/// Where compressed bytes go.
enum Out<W: Write> {
    Plain(W),
    Gzip(flate2::write::GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Out::Plain(out) => out.write(bytes),
            Out::Gzip(out) => out.write(bytes),
            Out::Zstd(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Out::Plain(out) => out.flush(),
            Out::Gzip(out) => out.flush(),
            Out::Zstd(out) => out.flush(),
        }
    }
}

/// An archive that is being written.
pub struct Writer<W: Write> {
    tar: tar::Builder<Out<W>>,
    /// Seconds since 1970 that every member carries.
    time: u64,
}

impl<W: Write> Writer<W> {
    /// Begins an archive; `time` is the moment all its members show, seconds since 1970.
    ///
    /// # Errors
    /// When the compressor can't be made.
    pub fn new(out: W, compression: Compression, time: u64) -> Result<Writer<W>, Error> {
        let out = match compression {
            Compression::None => Out::Plain(out),
            // The stream is as fast as its slowest part, and that should not be the compressor.
            Compression::Gzip => Out::Gzip(flate2::write::GzEncoder::new(out, flate2::Compression::fast())),
            Compression::Zstd => Out::Zstd(zstd::Encoder::new(out, 1)?),
        };
        Ok(Writer { tar: tar::Builder::new(out), time })
    }

    fn member(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut header = tar::Header::new_old();
        header.set_path(name)?;
        header.set_mode(0o400);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.time);
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        Ok(self.tar.append(&header, bytes)?)
    }

    /// Writes the description, which comes first.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn description(&mut self, ova: &Ova) -> Result<(), Error> {
        self.member(DESCRIPTION, ova.to_xml().as_bytes())
    }

    /// Writes the blocks of a disk. `fill` gets an offset and a buffer and says whether there is anything but
    /// zeros; it may leave the buffer alone then. `done` is told how many bytes of the disk are behind.
    ///
    /// # Errors
    /// Those of the stream and of both functions.
    pub fn disk(
        &mut self,
        directory: &str,
        size: u64,
        mut fill: impl FnMut(u64, &mut [u8]) -> Result<bool, Error>,
        mut done: impl FnMut(u64) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut block = vec![0; BLOCK];
        let count = size.div_ceil(BLOCK as u64);
        for number in 0..count {
            let offset = number * BLOCK as u64;
            let length = (size - offset).min(BLOCK as u64) as usize;
            let block = &mut block[..length];
            let data = fill(offset, block)?;
            if !data {
                block.fill(0);
            }
            if number == 0 || number + 1 == count || (data && block.iter().any(|byte| *byte != 0)) {
                let name = format!("{directory}/{number:08}");
                self.member(&name, block)?;
                let sum = Kind::Xxh64.text(block);
                self.member(&format!("{name}{}", Kind::Xxh64.suffix()), sum.as_bytes())?;
            }
            done(offset + length as u64)?;
        }
        Ok(())
    }

    /// Writes the end of the archive.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn finish(self) -> Result<(), Error> {
        let mut out = match self.tar.into_inner()? {
            Out::Plain(out) => out,
            Out::Gzip(out) => out.finish()?,
            Out::Zstd(out) => out.finish()?,
        };
        Ok(out.flush()?)
    }
}
