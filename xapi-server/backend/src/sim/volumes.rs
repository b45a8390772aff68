//! Volumes in sparse files: a directory per SR, a file per volume, what is known of them in one JSON file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use xapi_schema::{Failure, Result, errors};

use super::{Faults, changes::Link, state::Kept};
use crate::storage::{DataPath, NewVolume, Progress, SrConfig, SrStat, Storage, Volume, backend_failure};
use bytes::{copy, data};

mod bytes;
mod reset;
#[cfg(test)]
mod tests;
mod tracked;

/// Driver types the simulated host offers.
const KINDS: &[&str] = &["ext", "lvm", "lvmoiscsi", "lvmohba", "nfs", "smb", "file", "iso", "udev", "xfs"];
/// Size of every simulated SR.
const SIZE: i64 = 1 << 40;
/// Largest volume.
const LARGEST: i64 = 2_190_433_320_960;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Repository {
    kind: String,
    attached: bool,
    volumes: BTreeMap<String, Volume>,
    /// How the records of changes follow each other, by volume.
    #[serde(default)]
    logs: BTreeMap<String, Link>,
    /// Volumes of which it is kept what they are to be at each start.
    #[serde(default)]
    kept: BTreeSet<String>,
}

type Table = BTreeMap<String, Repository>;

pub struct Volumes {
    dir: PathBuf,
    table: Kept<Table>,
    faults: Arc<Faults>,
    /// Held while records of changes are read and written again.
    noting: Mutex<()>,
}

impl Volumes {
    pub fn open(dir: &Path, faults: Arc<Faults>) -> io::Result<Volumes> {
        let table = Kept::open(&dir.join("volumes.json"))?;
        let volumes = Volumes { dir: dir.join("sr"), table, faults, noting: Mutex::default() };
        volumes.sweep()?;
        Ok(volumes)
    }

    /// Removes files nobody knows: an earlier process was killed before it could write them into the table.
    fn sweep(&self) -> io::Result<()> {
        for (sr, known) in self.table.get() {
            let entries = match fs::read_dir(self.dir.join(&sr)) {
                Ok(entries) => entries,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            };
            for entry in entries {
                let path = entry?.path();
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                let wanted = match (name.strip_suffix(tracked::LOG), name.strip_suffix(reset::KEPT)) {
                    (Some(of), _) => known.logs.contains_key(of),
                    (_, Some(of)) => known.kept.contains(of),
                    _ => known.volumes.contains_key(name),
                };
                if !wanted {
                    fs::remove_file(&path)?;
                }
            }
        }
        Ok(())
    }

    fn path(&self, sr: &str, location: &str) -> PathBuf {
        self.dir.join(sr).join(location)
    }

    fn attached(&self, sr: &str) -> Result<Repository> {
        match self.table.get().remove(sr) {
            Some(known) if known.attached => Ok(known),
            _ => Err(errors::SR_NOT_ATTACHED.with([sr])),
        }
    }

    fn volume(&self, sr: &str, location: &str) -> Result<Volume> {
        let mut known = self.attached(sr)?;
        known.volumes.remove(location).ok_or_else(|| errors::VDI_MISSING.with([sr, location]))
    }

    fn keep(&self, sr: &str, volume: Volume) -> Result<Volume> {
        self.table.change(|table| {
            let home = table.get_mut(sr).ok_or_else(|| errors::SR_NOT_ATTACHED.with([sr]))?;
            home.volumes.insert(volume.location.clone(), volume.clone());
            Ok(volume)
        })
    }

    /// With the space it takes now.
    fn measured(&self, sr: &str, mut volume: Volume) -> Volume {
        if let Ok(metadata) = fs::metadata(self.path(sr, &volume.location)) {
            volume.physical_utilisation = metadata.blocks() as i64 * 512;
        }
        volume
    }

    fn file(&self, sr: &str, location: &str, write: bool) -> Result<File> {
        self.volume(sr, location)?;
        let path = self.path(sr, location);
        OpenOptions::new().read(true).write(write).open(&path).map_err(|e| trouble(&path, &e))
    }

    /// A new volume with the content of another.
    async fn twin(&self, sr: &str, location: &str, uuid: &str, snapshot: bool) -> Result<Volume> {
        plain(uuid)?;
        let (source, uuid) = (self.volume(sr, location)?, uuid.to_string());
        let (from, to) = (self.path(sr, location), self.path(sr, &uuid));
        blocking(move || {
            let target = File::create(&to).map_err(|e| trouble(&to, &e))?;
            let source = File::open(&from).map_err(|e| trouble(&from, &e))?;
            target
                .set_len(source.metadata().map_err(|e| trouble(&from, &e))?.len())
                .map_err(|e| trouble(&to, &e))?;
            copy(&source, &target, &|_| true)
        })
        .await?;
        let snapshot_of = snapshot.then(|| location.to_string());
        let tracked = snapshot && source.cbt_enabled;
        let twin = Volume { uuid: uuid.clone(), location: uuid, snapshot_of, cbt_enabled: tracked, ..source };
        let twin = self.measured(sr, twin);
        if tracked {
            return self.keep_tracked(sr, location, twin);
        }
        self.keep(sr, twin)
    }
}

/// An error of the machine's own file system.
fn trouble(path: &Path, error: &io::Error) -> Failure {
    match error.raw_os_error() {
        Some(code) if code == Errno::ENOSPC as i32 => {
            backend_failure(44, "There is insufficient space", &path.display().to_string())
        }
        _ => backend_failure(202, "General backend error", &format!("{}: {error}", path.display())),
    }
}

/// A uuid becomes the name of a directory, so it must not lead anywhere else.
fn plain(uuid: &str) -> Result<()> {
    let fine = !uuid.is_empty() && uuid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fine { Ok(()) } else { Err(backend_failure(1, "Invalid argument", uuid)) }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::internal("work on a volume ended unexpectedly")),
    }
}

#[async_trait]
impl Storage for Volumes {
    fn kinds(&self) -> Vec<String> {
        KINDS.iter().map(|kind| kind.to_string()).collect()
    }

    fn features(&self, kind: &str) -> Vec<String> {
        if KINDS.contains(&kind) { crate::features::of(kind) } else { Vec::new() }
    }

    async fn create(&self, sr: &SrConfig, _: i64) -> Result<()> {
        self.faults.check("create")?;
        plain(&sr.uuid)?;
        let home = self.dir.join(&sr.uuid);
        fs::create_dir_all(&home).map_err(|e| trouble(&home, &e))?;
        self.table.change(|table| {
            table.insert(sr.uuid.clone(), Repository { kind: sr.kind.clone(), ..Repository::default() });
            Ok(())
        })
    }

    async fn attach(&self, sr: &SrConfig) -> Result<()> {
        self.faults.check("attach")?;
        plain(&sr.uuid)?;
        let home = self.dir.join(&sr.uuid);
        fs::create_dir_all(&home).map_err(|e| trouble(&home, &e))?;
        self.table.change(|table| {
            let known = table
                .entry(sr.uuid.clone())
                .or_insert_with(|| Repository { kind: sr.kind.clone(), ..Repository::default() });
            known.attached = true;
            Ok(())
        })
    }

    async fn detach(&self, sr: &str) -> Result<()> {
        self.faults.check("detach")?;
        self.table.change(|table| {
            if let Some(known) = table.get_mut(sr) {
                known.attached = false;
            }
            Ok(())
        })
    }

    async fn delete(&self, sr: &str) -> Result<()> {
        self.faults.check("delete")?;
        let home = self.dir.join(sr);
        self.table.change(|table| {
            if table.get(sr).is_some_and(|home| !home.volumes.is_empty()) {
                return Err(errors::SR_NOT_EMPTY.bare());
            }
            table.remove(sr);
            Ok(())
        })?;
        match fs::remove_dir_all(&home) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(trouble(&home, &e)),
            _ => Ok(()),
        }
    }

    async fn stat(&self, sr: &str) -> Result<SrStat> {
        self.faults.check("stat")?;
        let known = self.attached(sr)?;
        let used = known.volumes.into_values().map(|volume| self.measured(sr, volume).physical_utilisation);
        Ok(SrStat { physical_size: SIZE, physical_utilisation: used.sum() })
    }

    async fn scan(&self, sr: &str) -> Result<Vec<Volume>> {
        self.faults.check("scan")?;
        let known = self.attached(sr)?;
        Ok(known.volumes.into_values().map(|volume| self.measured(sr, volume)).collect())
    }

    async fn probe(&self, _: &str, _: &[(String, String)]) -> Result<String> {
        self.faults.check("probe")?;
        Ok("<?xml version=\"1.0\" ?><SRlist></SRlist>".into())
    }

    async fn create_volume(&self, sr: &str, new: NewVolume) -> Result<Volume> {
        self.faults.check("create_volume")?;
        self.attached(sr)?;
        if new.virtual_size < 0 || new.virtual_size > LARGEST {
            return Err(backend_failure(79, "VDI Invalid size", &new.virtual_size.to_string()));
        }
        let uuid = new.uuid.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let path = self.path(sr, &uuid);
        let file = File::create(&path).map_err(|e| trouble(&path, &e))?;
        file.set_len(new.virtual_size as u64).map_err(|e| trouble(&path, &e))?;
        let volume = Volume {
            uuid: uuid.clone(),
            location: uuid,
            name: new.name,
            description: new.description,
            virtual_size: new.virtual_size,
            physical_utilisation: 0,
            kind: new.kind,
            read_only: false,
            hidden: false,
            snapshot_of: None,
            sm_config: new.sm_config,
            cbt_enabled: false,
        };
        self.keep(sr, volume)
    }

    async fn destroy_volume(&self, sr: &str, location: &str) -> Result<()> {
        self.faults.check("destroy_volume")?;
        self.volume(sr, location)?;
        self.unlink_log(sr, location)?;
        self.table.change(|table| {
            if let Some(known) = table.get_mut(sr) {
                known.volumes.remove(location);
            }
            Ok(())
        })?;
        self.forget_kept(sr, location)?;
        let path = self.path(sr, location);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(trouble(&path, &e)),
            _ => Ok(()),
        }
    }

    async fn snapshot_volume(&self, sr: &str, location: &str, uuid: &str) -> Result<Volume> {
        self.faults.check("snapshot_volume")?;
        self.twin(sr, location, uuid, true).await
    }

    async fn clone_volume(&self, sr: &str, location: &str, uuid: &str) -> Result<Volume> {
        self.faults.check("clone_volume")?;
        self.twin(sr, location, uuid, false).await
    }

    async fn resize_volume(&self, sr: &str, location: &str, size: i64) -> Result<Volume> {
        self.faults.check("resize_volume")?;
        let volume = self.volume(sr, location)?;
        if size < volume.virtual_size || size > LARGEST {
            return Err(backend_failure(79, "VDI Invalid size", &size.to_string()));
        }
        let path = self.path(sr, location);
        let file = self.file(sr, location, true)?;
        if volume.cbt_enabled {
            let old = volume.virtual_size as u64;
            self.note(sr, location, old, size as u64 - old)?;
        }
        file.set_len(size as u64).map_err(|e| trouble(&path, &e))?;
        self.keep(sr, Volume { virtual_size: size, ..volume })
    }

    async fn revert_volume(&self, sr: &str, location: &str, snapshot: &str) -> Result<Volume> {
        self.faults.check("revert_volume")?;
        let source = self.volume(sr, snapshot)?;
        let volume = self.volume(sr, location)?;
        let larger = source.virtual_size.max(volume.virtual_size);
        self.note(sr, location, 0, larger as u64)?;
        let (from, beside) = (self.path(sr, snapshot), self.path(sr, &format!("{location}.revert")));
        let to = self.path(sr, location);
        blocking(move || {
            let (origin, target) = (
                File::open(&from).map_err(|e| trouble(&from, &e))?,
                File::create(&beside).map_err(|e| trouble(&beside, &e))?,
            );
            let length = origin.metadata().map_err(|e| trouble(&from, &e))?.len();
            target.set_len(length).map_err(|e| trouble(&beside, &e))?;
            copy(&origin, &target, &|_| true)?;
            fs::rename(&beside, &to).map_err(|e| trouble(&to, &e))
        })
        .await?;
        self.keep(sr, Volume { virtual_size: source.virtual_size, ..volume })
    }

    async fn set_reset(&self, sr: &str, location: &str, reset: bool) -> Result<()> {
        self.faults.check("set_reset")?;
        self.volume(sr, location)?;
        if reset { self.keep_content(sr, location).await } else { self.forget_kept(sr, location) }
    }

    async fn begin_epoch(&self, sr: &str, location: &str, reset: bool) -> Result<()> {
        self.faults.check("begin_epoch")?;
        if reset { self.reset(sr, location).await } else { Ok(()) }
    }

    async fn is_untouched(&self, sr: &str, location: &str) -> Result<bool> {
        if self.is_kept(sr, location)? {
            return self.is_as_kept(sr, location).await;
        }
        Ok(self.extents(sr, location).await?.is_empty())
    }

    async fn copy_volume(&self, from: (&str, &str), to: (&str, &str), progress: Progress) -> Result<()> {
        self.faults.check("copy_volume")?;
        let (source, target) = (self.file(from.0, from.1, false)?, self.file(to.0, to.1, true)?);
        self.note(to.0, to.1, 0, self.volume(to.0, to.1)?.virtual_size as u64)?;
        let path = self.path(to.0, to.1);
        blocking(move || {
            // What the source has as a hole must be a hole in the target too.
            let length = target.metadata().map_err(|e| trouble(&path, &e))?.len();
            target.set_len(0).and_then(|()| target.set_len(length)).map_err(|e| trouble(&path, &e))?;
            copy(&source, &target, &*progress)
        })
        .await
    }

    async fn name_volume(&self, sr: &str, location: &str, name: &str, description: &str) -> Result<()> {
        let volume = self.volume(sr, location)?;
        self.keep(sr, Volume { name: name.into(), description: description.into(), ..volume }).map(|_| ())
    }

    async fn stat_volume(&self, sr: &str, location: &str) -> Result<Volume> {
        self.volume(sr, location).map(|volume| self.measured(sr, volume))
    }

    async fn read(&self, sr: &str, location: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.faults.check("read")?;
        let (file, path) = (self.file(sr, location, false)?, self.path(sr, location));
        blocking(move || {
            let end = file.metadata().map_err(|e| trouble(&path, &e))?.len();
            let mut bytes = vec![0; length.min(end.saturating_sub(offset) as usize)];
            file.read_exact_at(&mut bytes, offset).map_err(|e| trouble(&path, &e))?;
            Ok(bytes)
        })
        .await
    }

    async fn extents(&self, sr: &str, location: &str) -> Result<Vec<(u64, u64)>> {
        let (file, path) = (self.file(sr, location, false)?, self.path(sr, location));
        let size = u64::try_from(self.volume(sr, location)?.virtual_size).unwrap_or(0);
        blocking(move || data(&file, size).map_err(|e| trouble(&path, &e))).await
    }

    async fn write(&self, sr: &str, location: &str, offset: u64, bytes: Vec<u8>) -> Result<()> {
        self.faults.check("write")?;
        let (file, path) = (self.file(sr, location, true)?, self.path(sr, location));
        let size = self.volume(sr, location)?.virtual_size as u64;
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > size) {
            return Err(errors::VDI_TOO_SMALL.with([location.to_string(), size.to_string()]));
        }
        self.note(sr, location, offset, bytes.len() as u64)?;
        blocking(move || file.write_all_at(&bytes, offset).map_err(|e| trouble(&path, &e))).await
    }

    async fn open_volume(&self, sr: &str, location: &str, writable: bool) -> Result<DataPath> {
        self.faults.check("open_volume")?;
        self.file(sr, location, writable)?;
        Ok(DataPath::File(self.path(sr, location)))
    }

    async fn close_volume(&self, sr: &str, location: &str) -> Result<()> {
        self.faults.check("close_volume")?;
        // Every byte goes straight to the file; a volume that is gone has nothing to flush.
        match self.file(sr, location, true) {
            Ok(_) => self.flush(sr, location).await,
            Err(_) => Ok(()),
        }
    }

    async fn flush(&self, sr: &str, location: &str) -> Result<()> {
        self.faults.check("flush")?;
        let (file, path) = (self.file(sr, location, true)?, self.path(sr, location));
        blocking(move || file.sync_all().map_err(|e| trouble(&path, &e))).await
    }

    async fn enable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        self.faults.check("enable_cbt")?;
        self.begin_log(sr, location)
    }

    async fn disable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        self.faults.check("disable_cbt")?;
        let volume = self.volume(sr, location)?;
        self.unlink_log(sr, location)?;
        self.keep(sr, Volume { cbt_enabled: false, ..volume }).map(|_| ())
    }

    async fn destroy_data(&self, sr: &str, location: &str) -> Result<()> {
        self.faults.check("destroy_data")?;
        let volume = self.volume(sr, location)?;
        if !volume.cbt_enabled || volume.snapshot_of.is_none() {
            return Err(backend_failure(66, "Invalid VDI type", location));
        }
        self.keep(sr, Volume { kind: "cbt_metadata".into(), physical_utilisation: 0, ..volume })?;
        let path = self.path(sr, location);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(trouble(&path, &e)),
            _ => Ok(()),
        }
    }

    async fn changed_blocks(&self, sr: &str, from: &str, to: &str) -> Result<Vec<(u64, u64)>> {
        self.faults.check("changed_blocks")?;
        self.changed(sr, from, to).await
    }
}
