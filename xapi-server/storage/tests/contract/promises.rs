//! The promises themselves. Knows nothing of who keeps them.

use std::{collections::BTreeMap, sync::Arc};

use xapi_backend::{
    Storage,
    storage::{Progress, SrConfig, Volume},
};

use super::newer;
use crate::common::{fresh, new};

/// Who is asked.
pub struct World {
    pub config: SrConfig,
    /// Storage as a fresh process has it, over what an earlier one made durable.
    pub open: Box<dyn Fn() -> Arc<dyn Storage> + Send + Sync>,
    /// Guards the SR, or lets it be changed again; nothing where nobody guards.
    pub guard: Option<Box<dyn Fn(bool) + Send + Sync>>,
    /// Bytes the SR's place takes, where somebody else than the storage can say.
    pub taken: Option<Box<dyn Fn() -> u64 + Send + Sync>>,
}

pub const MIB: i64 = 1 << 20;

pub fn told(e: xapi_schema::Failure) -> String {
    format!("{} {:?}", e.code, e.params)
}

pub fn code<T>(outcome: xapi_schema::Result<T>) -> Option<String> {
    outcome.err().map(|e| e.code.to_string())
}

pub struct Sr {
    pub storage: Arc<dyn Storage>,
    pub sr: String,
}

impl Sr {
    pub async fn attached(world: &World) -> Result<Sr, String> {
        let storage = (world.open)();
        storage.attach(&world.config).await.map_err(told)?;
        Ok(Sr { storage, sr: world.config.uuid.clone() })
    }

    pub async fn make(&self, size: i64) -> Result<Volume, String> {
        self.storage.create_volume(&self.sr, new(size)).await.map_err(told)
    }

    pub async fn write(&self, at: &str, offset: u64, bytes: &[u8]) -> Result<(), String> {
        self.storage.write(&self.sr, at, offset, bytes.to_vec()).await.map_err(told)
    }

    pub async fn read(&self, at: &str, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        self.storage.read(&self.sr, at, offset, length).await.map_err(told)
    }

    pub async fn flush(&self, at: &str) -> Result<(), String> {
        self.storage.flush(&self.sr, at).await.map_err(told)
    }

    pub async fn size(&self, at: &str) -> Result<i64, String> {
        Ok(self.storage.stat_volume(&self.sr, at).await.map_err(told)?.virtual_size)
    }

    pub async fn destroy(&self, at: &str) -> Result<(), String> {
        self.storage.destroy_volume(&self.sr, at).await.map_err(told)
    }

    pub async fn shown(&self) -> Result<BTreeMap<String, Volume>, String> {
        let all = self.storage.scan(&self.sr).await.map_err(told)?;
        Ok(all.into_iter().filter(|v| !v.hidden).map(|v| (v.location.clone(), v)).collect())
    }
}

/// Are all promises kept?
pub async fn keep(world: &World) -> Result<(), String> {
    let storage = (world.open)();
    let early = code(storage.scan(&world.config.uuid).await);
    ensure!(early.as_deref() == Some("SR_NOT_ATTACHED"), "not attached: {early:?}");
    storage.create(&world.config, 0).await.map_err(told)?;
    let sr = Sr::attached(world).await?;
    sr.storage.attach(&world.config).await.map_err(|e| format!("attaching twice: {}", told(e)))?;
    ensure!(sr.shown().await?.is_empty(), "a new SR is not empty");
    let stat = sr.storage.stat(&sr.sr).await.map_err(told)?;
    ensure!(stat.physical_size > 0 && stat.physical_utilisation >= 0, "{stat:?}");
    sizes(&sr).await?;
    let disk = sr.make(4 * MIB).await?.location;
    sr.write(&disk, 1000, b"before").await?;
    sr.write(&disk, 3 * MIB as u64, &[7; 8192]).await?;
    sr.flush(&disk).await?;
    drop(sr);
    let sr = Sr::attached(world).await?;
    ensure!(sr.read(&disk, 998, 10).await? == b"\0\0before\0\0", "what was flushed is lost");
    ensure!(sr.read(&disk, 3 * MIB as u64, 8192).await? == [7; 8192], "what was flushed is lost");
    ensure!(sr.read(&disk, 2 * MIB as u64, 512).await? == [0; 512], "what was never written is not zero");
    let data = sr.storage.extents(&sr.sr, &disk).await.map_err(told)?;
    for (at, len) in [(1000, 6), (3 * MIB as u64, 8192)] {
        let covered = data.iter().any(|(s, l)| *s <= at && s + l >= at + len);
        ensure!(covered, "data at {at} is called a hole: {data:?}");
    }
    twins(&sr, &disk).await?;
    resized(&sr, &disk).await?;
    copied(&sr, &disk).await?;
    newer::trimmed(world, &sr).await?;
    let sr = newer::reset(world, sr).await?;
    newer::guarded(world, &sr).await?;
    let sr = tracked(world, sr).await?;
    sr.storage.detach(&sr.sr).await.map_err(told)?;
    let sr = Sr::attached(world).await?;
    ensure!(sr.read(&disk, 1000, 6).await? == b"before", "lost over a detach");
    gone(&sr, &disk).await
}

async fn sizes(sr: &Sr) -> Result<(), String> {
    for bad in [-1, (16_381 << 30) + 1] {
        let refused = code(sr.storage.create_volume(&sr.sr, new(bad)).await);
        ensure!(refused.as_deref() == Some("SR_BACKEND_FAILURE_79"), "{bad} bytes: {refused:?}");
    }
    ensure!(sr.shown().await?.is_empty(), "a refused volume stayed behind");
    let odd = sr.make(4 * MIB + 1).await?;
    ensure!(odd.virtual_size > 4 * MIB, "a volume smaller than asked for");
    ensure!(odd.snapshot_of.is_none() && !odd.hidden, "{odd:?}");
    let found = sr.shown().await?;
    let seen = found.get(&odd.location);
    ensure!(seen.is_some_and(|v| v.virtual_size == odd.virtual_size && v.uuid == odd.uuid), "{found:?}");
    sr.destroy(&odd.location).await
}

async fn twins(sr: &Sr, disk: &str) -> Result<(), String> {
    let snapshot = sr.storage.snapshot_volume(&sr.sr, disk, &fresh()).await.map_err(told)?;
    ensure!(snapshot.snapshot_of.as_deref() == Some(disk), "{snapshot:?}");
    let clone = sr.storage.clone_volume(&sr.sr, disk, &fresh()).await.map_err(told)?;
    ensure!(clone.snapshot_of.is_none() && !clone.hidden, "{clone:?}");
    let size = sr.size(disk).await?;
    ensure!(snapshot.virtual_size == size && clone.virtual_size == size, "sizes differ");
    for twin in [&snapshot, &clone] {
        ensure!(sr.read(&twin.location, 1000, 6).await? == b"before", "a twin reads something else");
        ensure!(sr.read(&twin.location, 3 * MIB as u64, 512).await? == [7; 512], "a twin lacks data");
    }
    sr.write(disk, 1000, b"after!").await?;
    sr.write(&clone.location, 1000, b"clone!").await?;
    sr.flush(&clone.location).await?;
    ensure!(sr.read(&snapshot.location, 1000, 6).await? == b"before", "a snapshot changed with its origin");
    ensure!(sr.read(disk, 1000, 6).await? == b"after!", "the origin changed with a clone");
    ensure!(sr.read(&clone.location, 1000, 6).await? == b"clone!", "a clone can't be written");
    let reverted = sr.storage.revert_volume(&sr.sr, disk, &snapshot.location).await.map_err(told)?;
    ensure!(reverted.location == disk && reverted.virtual_size == size, "{reverted:?}");
    ensure!(sr.read(disk, 1000, 6).await? == b"before", "not reverted");
    ensure!(sr.read(&snapshot.location, 1000, 6).await? == b"before", "a revert took the snapshot");
    let shown = sr.shown().await?;
    let all = [disk, &snapshot.location, &clone.location];
    ensure!(shown.len() == 3 && all.iter().all(|l| shown.contains_key(*l)), "{shown:?}");
    sr.destroy(&snapshot.location).await?;
    sr.destroy(&clone.location).await?;
    ensure!(sr.read(disk, 1000, 6).await? == b"before", "lost with its twins");
    Ok(())
}

async fn resized(sr: &Sr, disk: &str) -> Result<(), String> {
    let before = sr.size(disk).await?;
    let grown = sr.storage.resize_volume(&sr.sr, disk, before + 4 * MIB).await.map_err(told)?;
    let wanted = before + 4 * MIB;
    ensure!(grown.virtual_size == wanted, "{grown:?}");
    ensure!(sr.size(disk).await? == wanted, "the size is stale");
    ensure!(sr.shown().await?.get(disk).is_some_and(|v| v.virtual_size == wanted), "a scan's size is stale");
    ensure!(sr.read(disk, before as u64, 4096).await? == [0; 4096], "new space is not zero");
    sr.write(disk, wanted as u64 - 512, &[9; 512]).await?;
    sr.flush(disk).await?;
    ensure!(sr.read(disk, 1000, 6).await? == b"before", "growing lost data");
    let refused = code(sr.storage.resize_volume(&sr.sr, disk, MIB).await);
    ensure!(refused.as_deref() == Some("SR_BACKEND_FAILURE_79"), "made smaller: {refused:?}");
    let same = sr.storage.resize_volume(&sr.sr, disk, wanted).await.map_err(told)?;
    ensure!(same.virtual_size == wanted, "{same:?}");
    Ok(())
}

async fn copied(sr: &Sr, disk: &str) -> Result<(), String> {
    let size = sr.size(disk).await?;
    let copy = sr.make(size + 2 * MIB).await?.location;
    sr.write(&copy, 2 * MIB as u64, &[5; 4096]).await?;
    sr.write(&copy, size as u64, &[5; 4096]).await?;
    let whole: Progress = Box::new(|part| (0.0..=1.0).contains(&part));
    sr.storage.copy_volume((&sr.sr, disk), (&sr.sr, &copy), whole).await.map_err(told)?;
    ensure!(sr.read(&copy, 1000, 6).await? == b"before", "not copied");
    ensure!(sr.read(&copy, 3 * MIB as u64, 8192).await? == [7; 8192], "not copied");
    ensure!(sr.read(&copy, 2 * MIB as u64, 4096).await? == [0; 4096], "a hole kept what was there before");
    ensure!(sr.read(&copy, size as u64, 4096).await? == [0; 4096], "what lies behind was kept");
    let stopped = code(sr.storage.copy_volume((&sr.sr, disk), (&sr.sr, &copy), Box::new(|_| false)).await);
    ensure!(stopped.as_deref() == Some("TASK_CANCELLED"), "a copy can't be stopped: {stopped:?}");
    sr.destroy(&copy).await
}

const BLOCK: u64 = xapi_backend::storage::CBT_BLOCK;

async fn between(sr: &Sr, from: &str, to: &str) -> Result<Vec<(u64, u64)>, String> {
    sr.storage.changed_blocks(&sr.sr, from, to).await.map_err(told)
}

/// What is noted of changes lacks nothing, over snapshots, restarts and what goes in between.
async fn tracked(world: &World, sr: Sr) -> Result<Sr, String> {
    let covers = |found: &[(u64, u64)], block: u64| {
        found.iter().any(|(s, l)| *s <= block * BLOCK && s + l >= (block + 1) * BLOCK)
    };
    let disk = sr.make(8 * MIB).await?.location;
    sr.write(&disk, 40 * BLOCK, &[1; 512]).await?;
    sr.storage.enable_cbt(&sr.sr, &disk).await.map_err(told)?;
    ensure!(sr.storage.stat_volume(&sr.sr, &disk).await.map_err(told)?.cbt_enabled, "not tracked");
    let mut snapshots = Vec::new();
    for (at, byte) in [(0, 1), (BLOCK - 1, 2), (90 * BLOCK, 3)] {
        sr.write(&disk, at, &[byte; 2]).await?;
        let snapshot = sr.storage.snapshot_volume(&sr.sr, &disk, &fresh()).await.map_err(told)?;
        ensure!(snapshot.cbt_enabled, "a snapshot lost what was noted");
        snapshots.push(snapshot.location);
    }
    let [a, b, c] = &snapshots[..] else { return Err("three".into()) };
    let first = between(&sr, a, b).await?;
    ensure!(covers(&first, 0) && covers(&first, 1), "a change was not noted: {first:?}");
    ensure!(!covers(&first, 40) && !covers(&first, 90), "noted what did not change: {first:?}");
    for (from, to) in [(b, a), (a, a)] {
        let refused = code(sr.storage.changed_blocks(&sr.sr, from, to).await);
        ensure!(refused.as_deref() == Some("SR_BACKEND_FAILURE_460"), "{refused:?}");
    }
    sr.write(&disk, 100 * BLOCK, &[4; 512]).await?;
    sr.storage.resize_volume(&sr.sr, &disk, 10 * MIB).await.map_err(told)?;
    sr.flush(&disk).await?;
    drop(sr);
    let sr = Sr::attached(world).await?;
    let all = |found: &[(u64, u64)]| [0, 1, 90, 100, 128, 159].iter().all(|block| covers(found, *block));
    let found = between(&sr, a, &disk).await?;
    ensure!(all(&found), "a change was not noted: {found:?}");
    // What goes leaves what it noted to the one after it.
    sr.destroy(b).await?;
    let found = between(&sr, a, &disk).await?;
    ensure!(all(&found), "what a snapshot noted went with it: {found:?}");
    sr.storage.destroy_data(&sr.sr, c).await.map_err(told)?;
    let shown = sr.shown().await?;
    let left = shown.get(c).ok_or("a snapshot went with its data")?;
    ensure!(left.kind == "cbt_metadata" && left.cbt_enabled, "{left:?}");
    ensure!(code(sr.storage.read(&sr.sr, c, 0, 512).await).is_some(), "data that was given up can be read");
    ensure!(sr.read(&disk, 90 * BLOCK, 2).await? == [3; 2], "lost with the data of a snapshot");
    let found = between(&sr, a, c).await?;
    ensure!(covers(&found, 90) && !covers(&found, 100), "{found:?}");
    ensure!(covers(&between(&sr, c, &disk).await?, 100), "not noted after what was given up");
    sr.destroy(c).await?;
    ensure!(!sr.shown().await?.contains_key(c), "what is left of a snapshot can't be destroyed");
    sr.storage.revert_volume(&sr.sr, &disk, a).await.map_err(told)?;
    ensure!(covers(&between(&sr, a, &disk).await?, 60), "a revert is a change");
    sr.storage.disable_cbt(&sr.sr, &disk).await.map_err(told)?;
    ensure!(!sr.storage.stat_volume(&sr.sr, &disk).await.map_err(told)?.cbt_enabled, "still tracked");
    sr.write(&disk, 20 * BLOCK, &[5; 512]).await?;
    sr.storage.enable_cbt(&sr.sr, &disk).await.map_err(told)?;
    let refused = code(sr.storage.changed_blocks(&sr.sr, a, &disk).await);
    ensure!(refused.as_deref() == Some("SR_BACKEND_FAILURE_460"), "a gap in the tracking is kept silent");
    sr.destroy(a).await?;
    sr.destroy(&disk).await?;
    Ok(sr)
}

async fn gone(sr: &Sr, disk: &str) -> Result<(), String> {
    let refused = code(sr.storage.delete(&sr.sr).await);
    ensure!(refused.as_deref() == Some("SR_NOT_EMPTY"), "an SR is destroyed with a disk in it: {refused:?}");
    sr.storage.stat_volume(&sr.sr, disk).await.map_err(told)?;
    sr.destroy(disk).await?;
    ensure!(!sr.shown().await?.contains_key(disk), "a destroyed volume is still there");
    for missing in [disk, "../escape", ""] {
        for code in [
            code(sr.storage.stat_volume(&sr.sr, missing).await),
            code(sr.storage.destroy_volume(&sr.sr, missing).await),
            code(sr.storage.snapshot_volume(&sr.sr, missing, &fresh()).await),
            code(sr.storage.open_volume(&sr.sr, missing, true).await),
        ] {
            ensure!(code.as_deref() == Some("VDI_MISSING"), "{missing:?}: {code:?}");
        }
    }
    sr.storage.delete(&sr.sr).await.map_err(told)?;
    let after = code(sr.storage.scan(&sr.sr).await);
    ensure!(after.as_deref() == Some("SR_NOT_ATTACHED"), "{after:?}");
    Ok(())
}

/// A small generator, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

type Model = BTreeMap<String, Vec<u8>>;

/// Random lives of disks, with restarts and collections on the way, against plain memory.
pub async fn differential(world: &World, seed: u64, steps: usize) -> Result<(), String> {
    (world.open)().create(&world.config, 0).await.map_err(told)?;
    let mut sr = Sr::attached(world).await?;
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut model = Model::new();
    for step in 0..steps {
        let nth = dice.below(1000) as usize % model.len().max(1);
        let one = model.keys().nth(nth).cloned();
        let roll = dice.below(10);
        match (roll, one) {
            (0, _) | (_, None) => {
                if model.len() < 6 {
                    let made = sr.make(4 * MIB).await?;
                    model.insert(made.location, vec![0; made.virtual_size as usize]);
                }
            }
            (9, _) => {
                for at in model.keys() {
                    sr.flush(at).await?;
                }
                drop(sr);
                sr = Sr::attached(world).await?;
            }
            (roll, Some(at)) => live(&sr, &mut dice, &mut model, roll, at).await?,
        }
        let shown = sr.shown().await?;
        ensure!(shown.keys().eq(model.keys()), "step {step}: {:?} for {:?}", shown.keys(), model.keys());
    }
    agree(&sr, &model).await?;
    sr.storage.collect_garbage(&sr.sr, Box::new(|_| true)).await.map_err(told)?;
    ensure!(!sr.storage.has_garbage(&sr.sr).await.map_err(told)?, "garbage is left");
    agree(&sr, &model).await?;
    sr.storage.detach(&sr.sr).await.map_err(told)
}

async fn live(sr: &Sr, dice: &mut Dice, model: &mut Model, roll: u64, at: String) -> Result<(), String> {
    let disk = model[&at].clone();
    match roll {
        1..=4 => {
            let bytes = vec![dice.below(255) as u8 + 1; 1 + dice.below(200_000) as usize];
            let offset = dice.below((disk.len() - bytes.len()) as u64) as usize;
            sr.write(&at, offset as u64, &bytes).await?;
            let mut changed = disk;
            changed[offset..offset + bytes.len()].copy_from_slice(&bytes);
            model.insert(at, changed);
        }
        5 if model.len() < 8 => {
            let twin = sr.storage.snapshot_volume(&sr.sr, &at, &fresh()).await.map_err(told)?;
            model.insert(twin.location, disk);
        }
        6 if model.len() < 8 => {
            let twin = sr.storage.clone_volume(&sr.sr, &at, &fresh()).await.map_err(told)?;
            model.insert(twin.location, disk);
        }
        7 if dice.below(2) == 0 => {
            sr.destroy(&at).await?;
            model.remove(&at);
        }
        7 if disk.len() < 16 << 20 => {
            let mut grown = disk;
            grown.resize(grown.len() + (2 << 20), 0);
            sr.storage.resize_volume(&sr.sr, &at, grown.len() as i64).await.map_err(told)?;
            model.insert(at, grown);
        }
        8 => sr.storage.collect_garbage(&sr.sr, Box::new(|_| true)).await.map_err(told)?,
        _ => {}
    }
    Ok(())
}

async fn agree(sr: &Sr, model: &Model) -> Result<(), String> {
    for (at, wanted) in model {
        ensure!(sr.size(at).await? as usize == wanted.len(), "{at} has another size");
        ensure!(sr.read(at, 0, wanted.len()).await? == *wanted, "{at} holds something else");
        sr.flush(at).await?;
    }
    Ok(())
}
