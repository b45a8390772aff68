//! Counts lines and bytes of what is read, and stops a single piece of markup that has no end.

use std::io::{self, BufRead, Read};

use crate::Place;

/// Bytes one piece of markup may take: a row with all its columns. Real rows have up to a few megabytes.
pub const PIECE: u64 = 256 << 20;

/// Counts what goes through it.
pub struct Counted<R> {
    inner: R,
    at: Place,
    piece: u64,
}

impl<R: BufRead> Counted<R> {
    pub fn new(inner: R) -> Counted<R> {
        Counted { inner, at: Place { line: 1, byte: 0 }, piece: 0 }
    }

    /// Where reading is.
    pub fn place(&self) -> Place {
        self.at
    }

    /// A new piece begins.
    pub fn begin(&mut self) {
        self.piece = 0;
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let taken = ready.len().min(into.len());
        into[..taken].copy_from_slice(&ready[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece > PIECE {
            return Err(io::Error::other(format!("a single element of more than {} MiB", PIECE >> 20)));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, taken: usize) {
        // What is about to be consumed is what the last fill_buf showed, which costs nothing to look at again.
        if let Ok(ready) = self.inner.fill_buf() {
            let lines = ready.iter().take(taken).filter(|b| **b == b'\n').count();
            self.at.line += lines as u64;
        }
        self.at.byte += taken as u64;
        self.piece += taken as u64;
        self.inner.consume(taken);
    }
}
