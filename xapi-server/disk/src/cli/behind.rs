//! A writer that lets reading and writing go on at the same time: pieces are written by a thread of their own. Never
//! says that all is written before it is.

use crate::convert::{STORE, runs};
use crate::file::store_soon;
use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

/// Bytes that are handed over at a time.
const PIECE: usize = 1 << 18;
/// Pieces on their way: what bounds the memory.
const AHEAD: usize = 4;

/// Hands what is written to a thread that writes it.
pub(super) struct Behind {
    piece: Vec<u8>,
    pieces: Option<SyncSender<Vec<u8>>>,
    /// Pieces that were written, to be filled again.
    empty: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Behind {
    /// Writes to `out`, in order.
    ///
    /// # Errors
    /// The thread can't be made.
    pub(super) fn new(mut out: impl Write + Send + 'static) -> io::Result<Behind> {
        let (pieces, to_write) = sync_channel::<Vec<u8>>(AHEAD);
        let (written, empty) = channel();
        let work = move || {
            for mut piece in to_write {
                out.write_all(&piece)?;
                piece.clear();
                let _ = written.send(piece);
            }
            out.flush()
        };
        let thread = std::thread::Builder::new().name("write".into()).spawn(work)?;
        Ok(Behind { piece: Vec::with_capacity(PIECE), pieces: Some(pieces), empty, thread: Some(thread) })
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let next = self.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(PIECE));
        let piece = mem::replace(&mut self.piece, next);
        match self.pieces.as_ref().map(|p| p.send(piece)) {
            Some(Ok(())) => Ok(()),
            // The thread has ended: its error says why.
            _ => Err(self.end().err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// The first error of writing.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if !self.piece.is_empty() && self.pieces.is_some() {
            let piece = mem::take(&mut self.piece);
            let _ = self.pieces.as_ref().map(|p| p.send(piece));
        }
        self.pieces = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(done)) => done,
            Some(Err(_)) => Err(io::Error::other("the writing thread failed")),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend(&bytes[..n]);
        if self.piece.len() == PIECE {
            self.hand_over()?;
        }
        Ok(n)
    }

    /// Nothing: what was written is on its way, and only [`end`](Behind::end) knows that it arrived.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A new file written from its start to its end. Zeros become holes, and bytes begin their way to the device early.
pub(super) struct Storing {
    file: File,
    at: u64,
    told: u64,
}

impl Storing {
    /// Writes `file`, which is empty, from its start.
    pub(super) fn new(file: File) -> Storing {
        Storing { file, at: 0, told: 0 }
    }
}

impl Write for Storing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        runs(bytes, |from, piece| self.file.write_all_at(piece, self.at + from as u64))?;
        self.at += bytes.len() as u64;
        if self.at - self.told >= STORE {
            store_soon(&self.file, self.told, self.at - self.told);
            self.told = self.at;
        }
        Ok(bytes.len())
    }

    /// Gives the file its length, which zeros at its end have not.
    fn flush(&mut self) -> io::Result<()> {
        self.file.set_len(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone)]
    struct Kept(Arc<Mutex<Vec<u8>>>, usize);

    impl Write for Kept {
        fn write(&mut self, b: &[u8]) -> io::Result<usize> {
            let mut kept = self.0.lock().map_err(|_| io::ErrorKind::Other)?;
            if kept.len() + b.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            kept.extend(b);
            Ok(b.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_arrives_in_order_and_errors_come_back() {
        let bytes: Vec<u8> = (0..5 * PIECE as u64 / 8 + 77).flat_map(u64::to_le_bytes).collect();
        let kept = Kept(Arc::default(), usize::MAX);
        let mut behind = Behind::new(kept.clone()).expect("thread");
        for piece in bytes.chunks(700_001) {
            behind.write_all(piece).expect("write");
        }
        behind.end().expect("end");
        assert!(*kept.0.lock().expect("lock") == bytes);
        let full = Kept(Arc::default(), 3 * PIECE);
        let mut behind = Behind::new(full).expect("thread");
        let done = bytes.chunks(1 << 16).try_for_each(|p| behind.write_all(p)).and_then(|()| behind.end());
        assert_eq!(done.expect_err("full").kind(), io::ErrorKind::StorageFull);
        // The very last piece counts as well.
        let mut behind = Behind::new(Kept(Arc::default(), 10)).expect("thread");
        behind.write_all(&[1; 11]).expect("on its way");
        assert_eq!(behind.end().expect_err("full").kind(), io::ErrorKind::StorageFull);
    }
}
