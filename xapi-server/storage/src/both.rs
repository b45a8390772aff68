//! [`Both`]: drivers of our own and drivers that are programs, as one `Storage`. A type that we serve ourselves is never
//! given to a program.

use std::sync::Arc;

use async_trait::async_trait;
use xapi_backend::storage::{DataPath, Driver, NewVolume, Progress, SrConfig, SrStat, Storage, Volume};
use xapi_schema::{Result, errors};

use crate::plugins::Plugins;

/// Our own drivers, and programs beside them.
pub struct Both {
    /// Our own.
    pub own: Arc<dyn Storage>,
    /// Programs.
    pub plugins: Arc<Plugins>,
}

impl Both {
    fn of_kind(&self, kind: &str) -> &dyn Storage {
        let ours = self.own.kinds().iter().any(|known| known == kind);
        if !ours && self.plugins.serves(kind) { &*self.plugins } else { &*self.own }
    }

    fn of(&self, sr: &str) -> &dyn Storage {
        if self.plugins.has(sr) { &*self.plugins } else { &*self.own }
    }
}

/// Copies a volume with what every storage can: reads and writes.
pub(crate) async fn copy(
    storage: &dyn Storage,
    from: (&str, &str),
    to: (&str, &str),
    progress: Progress,
) -> Result<()> {
    const PIECE: u64 = 1 << 20;
    let size = u64::try_from(storage.stat_volume(from.0, from.1).await?.virtual_size).unwrap_or(0);
    let room = u64::try_from(storage.stat_volume(to.0, to.1).await?.virtual_size).unwrap_or(0);
    if room < size {
        return Err(errors::VDI_TOO_SMALL.with([to.1.to_string(), size.to_string()]));
    }
    let data = storage.extents(from.0, from.1).await?;
    // What the target holds and the source does not must read as zeros.
    for (start, len) in storage.extents(to.0, to.1).await? {
        let (mut at, end) = (start, (start + len).min(room));
        while at < end {
            let n = (end - at).min(PIECE);
            let covered = data.iter().any(|(s, l)| *s <= at && at + n <= s + l);
            if !covered {
                storage.write(to.0, to.1, at, vec![0; n as usize]).await?;
            }
            at += n;
        }
    }
    for (start, len) in data {
        let (mut at, end) = (start, (start + len).min(size));
        while at < end {
            let n = (end - at).min(PIECE);
            let bytes = storage.read(from.0, from.1, at, n as usize).await?;
            storage.write(to.0, to.1, at, bytes).await?;
            at += n;
            if !progress(at as f64 / size.max(1) as f64) {
                return Err(errors::TASK_CANCELLED.with(["OpaqueRef:NULL"]));
            }
        }
    }
    storage.flush(to.0, to.1).await
}

#[async_trait]
impl Storage for Both {
    fn kinds(&self) -> Vec<String> {
        let mut all = self.own.kinds();
        all.extend(self.plugins.kinds().into_iter().filter(|kind| !self.own.kinds().contains(kind)));
        all
    }

    fn features(&self, kind: &str) -> Vec<String> {
        self.of_kind(kind).features(kind)
    }

    fn drivers(&self) -> Option<(String, Vec<Driver>)> {
        let ours = self.own.kinds();
        let (dir, mut drivers) = self.plugins.drivers()?;
        drivers.retain(|driver| !ours.contains(&driver.kind));
        Some((dir, drivers))
    }

    async fn create(&self, sr: &SrConfig, size: i64) -> Result<()> {
        self.of_kind(&sr.kind).create(sr, size).await
    }
    async fn attach(&self, sr: &SrConfig) -> Result<()> {
        self.of_kind(&sr.kind).attach(sr).await
    }
    async fn detach(&self, sr: &str) -> Result<()> {
        self.of(sr).detach(sr).await
    }
    async fn delete(&self, sr: &str) -> Result<()> {
        self.of(sr).delete(sr).await
    }
    async fn stat(&self, sr: &str) -> Result<SrStat> {
        self.of(sr).stat(sr).await
    }
    async fn scan(&self, sr: &str) -> Result<Vec<Volume>> {
        self.of(sr).scan(sr).await
    }
    async fn probe(&self, kind: &str, device_config: &[(String, String)]) -> Result<String> {
        self.of_kind(kind).probe(kind, device_config).await
    }
    async fn create_volume(&self, sr: &str, new: NewVolume) -> Result<Volume> {
        self.of(sr).create_volume(sr, new).await
    }
    async fn introduce_volume(
        &self,
        sr: &str,
        location: &str,
        uuid: &str,
        sm_config: &[(String, String)],
    ) -> Result<Volume> {
        self.of(sr).introduce_volume(sr, location, uuid, sm_config).await
    }
    async fn records_changed(&self, sr: &str, location: &str) -> Result<()> {
        self.of(sr).records_changed(sr, location).await
    }
    async fn generate_config(&self, sr: &str, location: &str) -> Result<String> {
        self.of(sr).generate_config(sr, location).await
    }
    async fn destroy_volume(&self, sr: &str, location: &str) -> Result<()> {
        self.of(sr).destroy_volume(sr, location).await
    }
    async fn snapshot_volume(&self, sr: &str, location: &str, uuid: &str) -> Result<Volume> {
        self.of(sr).snapshot_volume(sr, location, uuid).await
    }
    async fn clone_volume(&self, sr: &str, location: &str, uuid: &str) -> Result<Volume> {
        self.of(sr).clone_volume(sr, location, uuid).await
    }
    async fn resize_volume(&self, sr: &str, location: &str, size: i64) -> Result<Volume> {
        self.of(sr).resize_volume(sr, location, size).await
    }
    async fn revert_volume(&self, sr: &str, location: &str, snapshot: &str) -> Result<Volume> {
        self.of(sr).revert_volume(sr, location, snapshot).await
    }
    async fn set_reset(&self, sr: &str, location: &str, reset: bool) -> Result<()> {
        self.of(sr).set_reset(sr, location, reset).await
    }
    async fn begin_epoch(&self, sr: &str, location: &str, reset: bool) -> Result<()> {
        self.of(sr).begin_epoch(sr, location, reset).await
    }
    async fn end_epoch(&self, sr: &str, location: &str) -> Result<()> {
        self.of(sr).end_epoch(sr, location).await
    }
    async fn copy_volume(&self, from: (&str, &str), to: (&str, &str), progress: Progress) -> Result<()> {
        if self.plugins.has(from.0) || self.plugins.has(to.0) {
            return copy(self, from, to, progress).await;
        }
        self.own.copy_volume(from, to, progress).await
    }
    async fn name_volume(&self, sr: &str, location: &str, name: &str, description: &str) -> Result<()> {
        self.of(sr).name_volume(sr, location, name, description).await
    }
    async fn name_sr(&self, sr: &str, name: &str, description: &str) -> Result<()> {
        self.of(sr).name_sr(sr, name, description).await
    }
    async fn stat_volume(&self, sr: &str, location: &str) -> Result<Volume> {
        self.of(sr).stat_volume(sr, location).await
    }
    async fn is_untouched(&self, sr: &str, location: &str) -> Result<bool> {
        self.of(sr).is_untouched(sr, location).await
    }
    async fn read(&self, sr: &str, location: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.of(sr).read(sr, location, offset, length).await
    }
    async fn extents(&self, sr: &str, location: &str) -> Result<Vec<(u64, u64)>> {
        self.of(sr).extents(sr, location).await
    }
    async fn write(&self, sr: &str, location: &str, offset: u64, bytes: Vec<u8>) -> Result<()> {
        self.of(sr).write(sr, location, offset, bytes).await
    }
    async fn open_volume(&self, sr: &str, location: &str, writable: bool) -> Result<DataPath> {
        self.of(sr).open_volume(sr, location, writable).await
    }
    async fn close_volume(&self, sr: &str, location: &str) -> Result<()> {
        self.of(sr).close_volume(sr, location).await
    }
    async fn flush(&self, sr: &str, location: &str) -> Result<()> {
        self.of(sr).flush(sr, location).await
    }
    async fn enable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        self.of(sr).enable_cbt(sr, location).await
    }
    async fn disable_cbt(&self, sr: &str, location: &str) -> Result<()> {
        self.of(sr).disable_cbt(sr, location).await
    }
    async fn destroy_data(&self, sr: &str, location: &str) -> Result<()> {
        self.of(sr).destroy_data(sr, location).await
    }
    async fn changed_blocks(&self, sr: &str, from: &str, to: &str) -> Result<Vec<(u64, u64)>> {
        self.of(sr).changed_blocks(sr, from, to).await
    }
    async fn difference(&self, sr: &str, from: &str, to: &str) -> Result<Option<Vec<(u64, u64)>>> {
        self.of(sr).difference(sr, from, to).await
    }
    async fn has_garbage(&self, sr: &str) -> Result<bool> {
        self.of(sr).has_garbage(sr).await
    }
    async fn collect_garbage(&self, sr: &str, progress: Progress) -> Result<()> {
        self.of(sr).collect_garbage(sr, progress).await
    }
}
