//! One disk into another: a thread reads ahead while the caller writes. Never holds more than a few pieces in memory,
//! and never leaves its thread behind.

use super::{CHUNK, Progress, Target, put_sparse};
use crate::error::{Error, Result};
use crate::source::{Source, State, extents};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// Pieces on their way: what bounds the memory.
const AHEAD: usize = 3;

/// A stretch that was read.
enum Piece {
    Data(u64, Vec<u8>),
    /// First byte and length.
    Zero(u64, u64),
    /// Nothing to write; where it ends.
    Nothing(u64),
}

/// Why reading ended early.
enum Halt {
    /// Writing did: it has its own error.
    Unwanted,
    Failed(Error),
}

/// Copies `source` into `target`: its data, and with `fresh` false also its zeros. Absent stretches are left alone.
/// Durable on return.
///
/// # Errors
/// [`crate::Error::Refused`] when the target is smaller; what reading, writing and `progress` say.
pub fn copy(source: &dyn Source, target: &mut dyn Target, fresh: bool, progress: Progress) -> Result<()> {
    if target.size() < source.size() {
        return Err(Error::Refused("the target is smaller than the disk".into()));
    }
    let (pieces, read) = sync_channel(AHEAD);
    let (used, spare) = channel();
    std::thread::scope(|scope| {
        let reader = std::thread::Builder::new()
            .name("read".into())
            .spawn_scoped(scope, move || read_all(source, fresh, &pieces, &spare))?;
        // The receiver goes with `write_all`, so that a reader whose pieces are not wanted any more ends.
        let written = write_all(target, fresh, read, &used, progress);
        let ended = reader.join().map_err(|_| std::io::Error::other("the reading thread failed"))?;
        match (written, ended) {
            (Err(e), _) | (Ok(()), Err(Halt::Failed(e))) => Err(e),
            (Ok(()), Err(Halt::Unwanted)) => Err(Error::Stopped),
            (Ok(()), Ok(())) => target.finish(),
        }
    })
}

fn read_all(
    source: &dyn Source,
    fresh: bool,
    pieces: &SyncSender<Piece>,
    spare: &Receiver<Vec<u8>>,
) -> Result<(), Halt> {
    let mut unwanted = false;
    let done = extents(source, |e| {
        let end = e.start + e.len;
        let mut at = e.start;
        let written = e.state == State::Data || (e.state == State::Zero && !fresh);
        while at < end {
            // What is only passed over is one piece however long it is: terabytes of it come by.
            let n = if written { (end - at).min(CHUNK as u64) } else { end - at };
            let piece = match e.state {
                State::Data => {
                    let mut data = spare.try_recv().unwrap_or_default();
                    data.resize(n as usize, 0);
                    source.read_at(at, &mut data)?;
                    Piece::Data(at, data)
                }
                State::Zero if !fresh => Piece::Zero(at, n),
                State::Zero | State::Absent => Piece::Nothing(at + n),
            };
            if pieces.send(piece).is_err() {
                unwanted = true;
                return Err(Error::Stopped);
            }
            at += n;
        }
        Ok(())
    });
    done.map_err(|e| if unwanted { Halt::Unwanted } else { Halt::Failed(e) })
}

fn write_all(
    target: &mut dyn Target,
    fresh: bool,
    read: Receiver<Piece>,
    used: &Sender<Vec<u8>>,
    progress: Progress,
) -> Result<()> {
    let zeros = if fresh { Vec::new() } else { vec![0; CHUNK] };
    for piece in read {
        let at = match piece {
            Piece::Data(at, data) => {
                put_sparse(target, at, &data, fresh)?;
                let end = at + data.len() as u64;
                let _ = used.send(data);
                end
            }
            Piece::Zero(at, n) => {
                target.put(at, &zeros[..n as usize])?;
                at + n
            }
            Piece::Nothing(end) => end,
        };
        progress(at)?;
    }
    Ok(())
}
