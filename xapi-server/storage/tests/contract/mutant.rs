//! A storage that breaks one promise, and keeps all others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use xapi_backend::{
    Storage,
    storage::{DataPath, NewVolume, Progress, SrConfig, SrStat, Volume},
};
use xapi_schema::Result;

/// Which promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// What is flushed is lost when the process ends.
    LostFlush,
    /// A snapshot stands on nothing.
    WrongParent,
    /// A volume that was made larger still says its old size.
    StaleSize,
    /// A clone is the volume itself.
    SharedClone,
    /// The first change is not noted.
    UnnotedChange,
    /// What a snapshot noted goes with it.
    LostMiddle,
    /// Tracking can't be ended.
    KeptTracking,
    /// A revert does nothing.
    SkippedRevert,
    /// A revert leaves the snapshot with something else.
    TakenSnapshot,
    /// What was discarded is still taken.
    KeptSpace,
    /// A disk that is to go back stays as it was left.
    SkippedReset,
    /// Each start takes a disk back.
    EagerReset,
    /// Nobody hears that the SR is guarded.
    Unguarded,
}

type Held = HashMap<String, Vec<(u64, Vec<u8>)>>;

pub struct Mutant {
    inner: Arc<dyn Storage>,
    mutation: Mutation,
    /// Writes nobody made durable.
    held: Mutex<Held>,
    sizes: Mutex<HashMap<String, i64>>,
    destroyed: std::sync::atomic::AtomicBool,
}

impl Mutant {
    pub fn new(inner: Arc<dyn Storage>, mutation: Mutation) -> Mutant {
        Mutant {
            inner,
            mutation,
            held: Mutex::default(),
            sizes: Mutex::default(),
            destroyed: Default::default(),
        }
    }

    fn stale(&self, mut volume: Volume) -> Volume {
        if let Some(size) = self.sizes.lock().unwrap().get(&volume.location) {
            volume.virtual_size = *size;
        }
        volume
    }
}

#[async_trait]
impl Storage for Mutant {
    fn kinds(&self) -> Vec<String> {
        self.inner.kinds()
    }
    fn features(&self, kind: &str) -> Vec<String> {
        self.inner.features(kind)
    }
    async fn create(&self, sr: &SrConfig, size: i64) -> Result<()> {
        self.inner.create(sr, size).await
    }
    async fn attach(&self, sr: &SrConfig) -> Result<()> {
        self.inner.attach(sr).await
    }
    async fn detach(&self, sr: &str) -> Result<()> {
        self.inner.detach(sr).await
    }
    async fn delete(&self, sr: &str) -> Result<()> {
        self.inner.delete(sr).await
    }
    async fn stat(&self, sr: &str) -> Result<SrStat> {
        self.inner.stat(sr).await
    }
    async fn scan(&self, sr: &str) -> Result<Vec<Volume>> {
        Ok(self.inner.scan(sr).await?.into_iter().map(|v| self.stale(v)).collect())
    }
    async fn probe(&self, kind: &str, config: &[(String, String)]) -> Result<String> {
        self.inner.probe(kind, config).await
    }
    async fn create_volume(&self, sr: &str, new: NewVolume) -> Result<Volume> {
        self.inner.create_volume(sr, new).await
    }
    async fn destroy_volume(&self, sr: &str, at: &str) -> Result<()> {
        let noted = self.inner.stat_volume(sr, at).await.is_ok_and(|v| v.cbt_enabled);
        self.destroyed.fetch_or(noted, std::sync::atomic::Ordering::SeqCst);
        self.inner.destroy_volume(sr, at).await
    }
    async fn snapshot_volume(&self, sr: &str, at: &str, uuid: &str) -> Result<Volume> {
        if self.mutation == Mutation::WrongParent {
            let size = self.inner.stat_volume(sr, at).await?.virtual_size;
            let made = self.inner.create_volume(sr, crate::common::new(size)).await?;
            return Ok(Volume { snapshot_of: Some(at.into()), ..made });
        }
        self.inner.snapshot_volume(sr, at, uuid).await
    }
    async fn clone_volume(&self, sr: &str, at: &str, uuid: &str) -> Result<Volume> {
        if self.mutation == Mutation::SharedClone {
            return self.inner.stat_volume(sr, at).await;
        }
        self.inner.clone_volume(sr, at, uuid).await
    }
    async fn resize_volume(&self, sr: &str, at: &str, size: i64) -> Result<Volume> {
        let before = self.inner.stat_volume(sr, at).await?.virtual_size;
        let grown = self.inner.resize_volume(sr, at, size).await?;
        if self.mutation == Mutation::StaleSize {
            self.sizes.lock().unwrap().insert(at.into(), before);
        }
        Ok(grown)
    }
    async fn revert_volume(&self, sr: &str, at: &str, to: &str) -> Result<Volume> {
        if self.mutation == Mutation::SkippedRevert {
            return self.inner.stat_volume(sr, at).await;
        }
        let reverted = self.inner.revert_volume(sr, at, to).await?;
        if self.mutation == Mutation::TakenSnapshot {
            self.inner.write(sr, to, 1000, b"other!".to_vec()).await?;
        }
        Ok(reverted)
    }
    async fn set_reset(&self, sr: &str, at: &str, reset: bool) -> Result<()> {
        self.inner.set_reset(sr, at, reset).await
    }
    async fn begin_epoch(&self, sr: &str, at: &str, reset: bool) -> Result<()> {
        match self.mutation {
            Mutation::SkippedReset => Ok(()),
            Mutation::EagerReset => self.inner.begin_epoch(sr, at, true).await,
            _ => self.inner.begin_epoch(sr, at, reset).await,
        }
    }
    async fn end_epoch(&self, sr: &str, at: &str) -> Result<()> {
        self.inner.end_epoch(sr, at).await
    }
    async fn copy_volume(&self, from: (&str, &str), to: (&str, &str), progress: Progress) -> Result<()> {
        self.inner.copy_volume(from, to, progress).await
    }
    async fn name_volume(&self, sr: &str, at: &str, name: &str, description: &str) -> Result<()> {
        self.inner.name_volume(sr, at, name, description).await
    }
    async fn stat_volume(&self, sr: &str, at: &str) -> Result<Volume> {
        Ok(self.stale(self.inner.stat_volume(sr, at).await?))
    }
    async fn read(&self, sr: &str, at: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = self.inner.read(sr, at, offset, length).await?;
        for (start, held) in self.held.lock().unwrap().get(at).into_iter().flatten() {
            for (i, byte) in held.iter().enumerate() {
                let place = (start + i as u64).checked_sub(offset);
                if let Some(seen) = place.and_then(|p| bytes.get_mut(p as usize)) {
                    *seen = *byte;
                }
            }
        }
        Ok(bytes)
    }
    async fn is_untouched(&self, sr: &str, at: &str) -> Result<bool> {
        self.inner.is_untouched(sr, at).await
    }
    async fn difference(&self, sr: &str, from: &str, to: &str) -> Result<Option<Vec<(u64, u64)>>> {
        self.inner.difference(sr, from, to).await
    }
    async fn extents(&self, sr: &str, at: &str) -> Result<Vec<(u64, u64)>> {
        self.inner.extents(sr, at).await
    }
    async fn write(&self, sr: &str, at: &str, offset: u64, bytes: Vec<u8>) -> Result<()> {
        if self.mutation == Mutation::LostFlush {
            self.held.lock().unwrap().entry(at.into()).or_default().push((offset, bytes));
            return Ok(());
        }
        self.inner.write(sr, at, offset, bytes).await
    }
    async fn open_volume(&self, sr: &str, at: &str, writable: bool) -> Result<DataPath> {
        self.inner.open_volume(sr, at, writable).await
    }
    async fn close_volume(&self, sr: &str, at: &str) -> Result<()> {
        self.inner.close_volume(sr, at).await?;
        if self.mutation == Mutation::KeptSpace {
            for n in 4..12 {
                self.inner.write(sr, at, n << 20, vec![5; 1 << 20]).await?;
            }
            self.inner.flush(sr, at).await?;
        }
        Ok(())
    }
    async fn flush(&self, sr: &str, at: &str) -> Result<()> {
        self.inner.flush(sr, at).await
    }
    async fn enable_cbt(&self, sr: &str, at: &str) -> Result<()> {
        if self.mutation == Mutation::KeptTracking && self.inner.stat_volume(sr, at).await?.cbt_enabled {
            return Ok(());
        }
        self.inner.enable_cbt(sr, at).await
    }
    async fn disable_cbt(&self, sr: &str, at: &str) -> Result<()> {
        if self.mutation == Mutation::KeptTracking {
            return Ok(());
        }
        self.inner.disable_cbt(sr, at).await
    }
    async fn destroy_data(&self, sr: &str, at: &str) -> Result<()> {
        self.inner.destroy_data(sr, at).await
    }
    async fn changed_blocks(&self, sr: &str, from: &str, to: &str) -> Result<Vec<(u64, u64)>> {
        let mut found = self.inner.changed_blocks(sr, from, to).await?;
        let lost = self.destroyed.load(std::sync::atomic::Ordering::SeqCst);
        if self.mutation == Mutation::UnnotedChange || (self.mutation == Mutation::LostMiddle && lost) {
            found.remove(0);
        }
        Ok(found)
    }
}
