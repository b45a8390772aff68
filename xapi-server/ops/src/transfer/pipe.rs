//! Pipes between a connection and work that reads and writes like a file. The work runs on a thread of its own and
//! waits there; the connection never waits.

use std::{
    io::{self, Read, Write},
    pin::pin,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use tokio::{runtime::Handle, sync::mpsc};
use xapi_schema::errors;

use crate::task::Running;

/// Where a connection puts what arrives; an error ends the upload with it.
pub type Sender = mpsc::Sender<io::Result<Bytes>>;
/// What a connection sends on; an error means that it must break off.
pub type Stream = mpsc::Receiver<io::Result<Bytes>>;

/// Pieces under way in a pipe; each is at most a few hundred kilobytes.
const PIECES: usize = 4;
/// Bytes gathered before they are sent on.
const PIECE: usize = 256 << 10;

/// Bytes a client sends. Reading blocks: only for threads that may wait.
pub struct Upload {
    from: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Upload {
    /// An upload and the end a connection fills.
    pub fn new() -> (Sender, Upload) {
        let (sender, from) = mpsc::channel(PIECES);
        (sender, Upload { from, rest: Bytes::new() })
    }
}

impl Read for Upload {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.from.blocking_recv() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let take = buffer.len().min(self.rest.len());
        buffer[..take].copy_from_slice(&self.rest.split_to(take));
        Ok(take)
    }
}

/// Bytes a client gets. Writing blocks: only for threads that may wait. What was not ended with [`Download::end`]
/// reaches the client as a broken transfer.
pub struct Download {
    to: Sender,
    piece: Vec<u8>,
    ended: bool,
    /// Whose cancel ends the waiting for a client that takes nothing.
    task: Option<(Arc<Running>, Handle)>,
}

impl Download {
    /// A download and the end a connection empties.
    pub fn new() -> (Download, Stream) {
        let (to, stream) = mpsc::channel(PIECES);
        (Download { to, piece: Vec::with_capacity(PIECE), ended: false, task: None }, stream)
    }

    /// Gives up once this work is cancelled, even while the client takes nothing.
    #[must_use]
    pub fn until_cancelled(mut self, task: Arc<Running>) -> Download {
        self.task = Some((task, Handle::current()));
        self
    }

    /// The client has everything.
    ///
    /// # Errors
    /// When it has gone.
    pub fn end(mut self) -> io::Result<()> {
        self.flush()?;
        self.ended = true;
        Ok(())
    }
}

impl Write for Download {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.piece.len() + bytes.len() > PIECE {
            self.flush()?;
        }
        if bytes.len() < PIECE {
            self.piece.extend_from_slice(bytes);
            return Ok(bytes.len());
        }
        self.piece.extend_from_slice(&bytes[..PIECE]);
        self.flush()?;
        Ok(PIECE)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone");
        let piece = Ok(piece.into());
        let Some((task, handle)) = &self.task else {
            return self.to.blocking_send(piece).map_err(|_| gone());
        };
        // This thread may wait: it belongs to the work alone.
        match handle.block_on(select(pin!(self.to.send(piece)), pin!(task.cancelled()))) {
            Either::Left((sent, _)) => sent.map_err(|_| gone()),
            Either::Right(_) => Err(io::Error::other(errors::TASK_CANCELLED.with([task.key().as_str()]))),
        }
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.to.try_send(Err(io::Error::other("the transfer failed")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_go_through_in_order() {
        let (mut download, mut stream) = Download::new();
        let content: Vec<u8> = (0..2_000_000u32).map(|n| n as u8).collect();
        let sent = content.clone();
        let work = tokio::task::spawn_blocking(move || {
            for piece in sent.chunks(70_000) {
                download.write_all(piece)?;
            }
            download.end()
        });
        let (sender, mut upload) = Upload::new();
        let read = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            upload.read_to_end(&mut all).map(|_| all)
        });
        while let Some(piece) = stream.recv().await {
            sender.send(piece).await.expect("the reader reads");
        }
        drop(sender);
        work.await.expect("no panic").expect("everything was taken");
        assert_eq!(read.await.expect("no panic").expect("no error"), content);
    }

    #[tokio::test]
    async fn what_was_not_ended_is_broken_off() {
        let (mut download, mut stream) = Download::new();
        tokio::task::spawn_blocking(move || download.write_all(b"half"))
            .await
            .expect("no panic")
            .expect("taken");
        assert!(stream.recv().await.expect("an end").is_err(), "the client learns that it is not whole");
        let (download, stream) = Download::new();
        drop(stream);
        let outcome = tokio::task::spawn_blocking(move || {
            let mut download = download;
            download.write_all(&[0; PIECE])?;
            download.flush()
        });
        assert!(outcome.await.expect("no panic").is_err(), "the work learns that nobody listens");
    }
}
