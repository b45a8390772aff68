//! Volumes that start as they were kept: a copy beside the volume, taken back at each start.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
};

use xapi_schema::{Result, errors};

use super::{Volumes, blocking, copy, trouble};

/// Ending of the files that say what a volume is to be at each start.
pub const KEPT: &str = ".kept";

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
        blocking(move || {
            let read = |path: &PathBuf| fs::read(path).map_err(|e| trouble(path, &e));
            let (now, kept) = (read(&now)?, read(&kept)?);
            let shared = now.len().min(kept.len());
            Ok(now[..shared] == kept[..shared] && now[shared..].iter().all(|byte| *byte == 0))
        })
        .await
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
