//! Bytes of sparse files. Knows nothing of volumes.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use nix::{
    errno::Errno,
    unistd::{Whence, lseek},
};
use xapi_schema::{Result, errors};

use super::trouble;

/// Where the first `size` bytes of a file hold data: offsets and lengths.
pub(super) fn data(file: &File, size: u64) -> io::Result<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < size {
        let start = match lseek(file, at as i64, Whence::SeekData) {
            Ok(start) => start as u64,
            Err(Errno::ENXIO) => break,
            Err(e) => return Err(e.into()),
        };
        let end = (lseek(file, start as i64, Whence::SeekHole)? as u64).min(size);
        if start >= end {
            break;
        }
        found.push((start, end - start));
        at = end;
    }
    Ok(found)
}

/// Gives a file the content of another that is no longer; what was in it before is gone. Holes stay holes.
pub(super) fn copy(from: &File, to: &File, progress: &(dyn Fn(f64) -> bool + Send + Sync)) -> Result<()> {
    let wrong = |e: io::Error| trouble(Path::new("volume"), &e);
    let length = from.metadata().map_err(wrong)?.len();
    let room = to.metadata().map_err(wrong)?.len();
    to.set_len(0).and_then(|()| to.set_len(room)).map_err(wrong)?;
    let mut buffer = vec![0; 1 << 20];
    for (start, stretch) in data(from, length).map_err(wrong)? {
        let (mut at, end) = (start, start + stretch);
        while at < end {
            let wanted = buffer.len().min((end - at) as usize);
            from.read_exact_at(&mut buffer[..wanted], at).map_err(wrong)?;
            to.write_all_at(&buffer[..wanted], at).map_err(wrong)?;
            at += wanted as u64;
            if !progress(at as f64 / length as f64) {
                return Err(errors::TASK_CANCELLED.with(["OpaqueRef:NULL"]));
            }
        }
    }
    to.sync_all().map_err(wrong)
}
