//! Volumes that start as they were kept: a copy beside the volume, taken back at each start.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use xapi_schema::{Result, errors};

use super::{
    Volumes, blocking,
    bytes::{copy, data},
    trouble,
};

/// Ending of the files that say what a volume is to be at each start.
pub const KEPT: &str = ".kept";

/// Bytes that are compared at a time.
const PIECE: usize = 1 << 20;

/// A file with the content and the holes of another, whole or not there, of so many bytes.
fn replace(from: PathBuf, to: PathBuf, size: u64) -> Result<()> {
    let beside = to.with_extension("part");
    let wrong = |e: io::Error| trouble(&beside, &e);
    let source = File::open(&from).map_err(|e| trouble(&from, &e))?;
    let target = File::create(&beside).map_err(wrong)?;
    target.set_len(source.metadata().map_err(wrong)?.len()).map_err(wrong)?;
    copy(&source, &target, &|_| true)?;
    target.set_len(size).and_then(|()| target.sync_all()).map_err(wrong)?;
    fs::rename(&beside, &to).map_err(wrong)
}

/// Do two files hold the same, where one may be longer by zeros? Holes are not read.
fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let files = [File::open(one)?, File::open(other)?];
    let sizes = [files[0].metadata()?.len(), files[1].metadata()?.len()];
    let mut buffers = [vec![0; PIECE], vec![0; PIECE]];
    for (file, size) in files.iter().zip(sizes) {
        for (start, length) in data(file, size)? {
            for at in (start..start + length).step_by(PIECE) {
                let wanted = PIECE.min((start + length - at) as usize);
                for ((file, size), buffer) in files.iter().zip(sizes).zip(&mut buffers) {
                    buffer[..wanted].fill(0);
                    let there = size.saturating_sub(at).min(wanted as u64) as usize;
                    file.read_exact_at(&mut buffer[..there], at)?;
                }
                if buffers[0][..wanted] != buffers[1][..wanted] {
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

impl Volumes {
    fn kept_path(&self, sr: &str, location: &str) -> PathBuf {
        self.path(sr, &format!("{location}{KEPT}"))
    }

    pub(super) fn is_kept(&self, sr: &str, location: &str) -> Result<bool> {
        Ok(self.attached(sr)?.kept.contains(location))
    }

    /// Keeps what a volume is now, unless something is kept already that it still is.
    pub(super) async fn keep_content(&self, sr: &str, location: &str) -> Result<()> {
        let size = self.volume(sr, location)?.virtual_size as u64;
        let (from, to) = (self.path(sr, location), self.kept_path(sr, location));
        blocking(move || replace(from, to, size)).await?;
        self.table.change(|table| {
            let home = table.get_mut(sr).ok_or_else(|| errors::SR_NOT_ATTACHED.with([sr]))?;
            home.kept.insert(location.to_string());
            Ok(())
        })
    }

    /// Gives a volume what was kept of it; one of which nothing is kept is kept as it is.
    pub(super) async fn reset(&self, sr: &str, location: &str) -> Result<()> {
        let volume = self.volume(sr, location)?;
        if !self.is_kept(sr, location)? {
            return self.keep_content(sr, location).await;
        }
        let size = volume.virtual_size as u64;
        self.note(sr, location, 0, size)?;
        let (from, to) = (self.kept_path(sr, location), self.path(sr, location));
        blocking(move || replace(from, to, size)).await
    }

    /// Is a volume what was kept of it?
    pub(super) async fn is_as_kept(&self, sr: &str, location: &str) -> Result<bool> {
        let (now, kept) = (self.path(sr, location), self.kept_path(sr, location));
        blocking(move || same(&now, &kept).map_err(|e| trouble(&now, &e))).await
    }

    pub(super) fn forget_kept(&self, sr: &str, location: &str) -> Result<()> {
        self.table.change(|table| {
            if let Some(home) = table.get_mut(sr) {
                home.kept.remove(location);
            }
            Ok(())
        })?;
        let path = self.kept_path(sr, location);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(trouble(&path, &e)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_compared_where_either_holds_something() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, size: u64, bytes: &[(u64, u8)]| {
            let path = dir.path().join(name);
            let file = File::create(&path).unwrap();
            file.set_len(size).unwrap();
            for (at, byte) in bytes {
                file.write_all_at(&[*byte], *at).unwrap();
            }
            path
        };
        const LARGE: u64 = 1 << 41;
        let last = LARGE - 1;
        let one = file("one", LARGE, &[(5, 1), (last, 2)]);
        assert!(same(&one, &file("other", LARGE, &[(5, 1), (last, 2), (9 << 20, 0)])).unwrap());
        for (name, bytes) in [("first", [(5, 1), (last, 3)]), ("second", [(5, 2), (last, 2)])] {
            assert!(!same(&one, &file(name, LARGE, &bytes)).unwrap());
        }
        let short = file("short", 10, &[(5, 1)]);
        let long = file("long", LARGE, &[(5, 1)]);
        assert!(same(&short, &long).unwrap() && same(&long, &short).unwrap());
        assert!(!same(&short, &one).unwrap() && !same(&one, &short).unwrap());
    }
}
