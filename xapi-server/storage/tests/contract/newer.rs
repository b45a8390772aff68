//! Promises of a guest's side and of the records': space given back, disks that go back at a start, SRs that are guarded.

use xapi_backend::{features, storage::DataPath};
use xennix_disk::{
    file::{Access, BlockFile, OsFile},
    nbd::proto::command,
};

use super::promises::{MIB, Sr, World, code, told};
use crate::common::{fresh, guest::Client, new};

/// What a guest does with its disk: writes a stretch, and says that it needs it no more. The answer is what was taken
/// between the two.
fn write_and_trim(path: &DataPath, at: u64, len: u64, taken: impl Fn() -> u64) -> Result<u64, String> {
    let bytes = vec![5; len as usize];
    match path {
        DataPath::Nbd { socket, export } => {
            let mut guest = Client::connect(socket, export, &[]);
            for (n, piece) in bytes.chunks(1 << 20).enumerate() {
                guest.write(at + ((n as u64) << 20), piece, 0);
            }
            let full = taken();
            guest.must(command::TRIM, 0, at, len as u32);
            Ok(full)
        }
        DataPath::File(file) | DataPath::Block(file) => {
            let file = OsFile::open(file, Access::Write, false).map_err(|e| e.to_string())?;
            file.write_at(at, &bytes).and_then(|()| file.flush()).map_err(|e| e.to_string())?;
            let full = taken();
            file.punch(at, len).map_err(|e| e.to_string())?;
            Ok(full)
        }
    }
}

/// A discard gives space back where the driver says that its disks take what they hold, and never anything else.
pub async fn trimmed(world: &World, sr: &Sr) -> Result<(), String> {
    let thin = sr.storage.features(&world.config.kind);
    let thin = thin.iter().any(|word| features::split(word).0 == "THIN_PROVISIONING");
    let disk = sr.make(16 * MIB).await?.location;
    sr.write(&disk, 0, &[1; 4096]).await?;
    sr.flush(&disk).await?;
    let (at, len) = (4 * MIB as u64, 8 * MIB as u64);
    let path = sr.storage.open_volume(&sr.sr, &disk, true).await.map_err(told)?;
    let taken = || world.taken.as_ref().map_or(0, |taken| taken());
    let full = write_and_trim(&path, at, len, taken)?;
    sr.storage.close_volume(&sr.sr, &disk).await.map_err(told)?;
    let after = taken();
    if thin && world.taken.is_some() {
        ensure!(full >= 8 << 20, "a guest's bytes are nowhere: {full}");
        ensure!(after + (6 << 20) <= full, "space was not given back: {full}, then {after}");
    }
    let left = sr.read(&disk, at, len as usize).await?;
    ensure!(left.iter().all(|byte| [0, 5].contains(byte)), "what was given up reads as something else");
    ensure!(sr.read(&disk, 0, 4096).await? == [1; 4096], "more was given up than was said");
    sr.destroy(&disk).await
}

/// A disk that is to go back does so when asked to, over a restart, and never otherwise.
pub async fn reset(world: &World, sr: Sr) -> Result<Sr, String> {
    let disk = sr.make(4 * MIB).await?.location;
    let other = sr.make(4 * MIB).await?.location;
    sr.write(&disk, 0, b"kept").await?;
    sr.write(&other, 0, b"mine").await?;
    sr.storage.set_reset(&sr.sr, &disk, true).await.map_err(told)?;
    ensure!(sr.read(&disk, 0, 4).await? == b"kept", "keeping a disk changed it");
    sr.write(&disk, 0, b"lost").await?;
    sr.write(&disk, 3 * MIB as u64, b"lost").await?;
    sr.flush(&disk).await?;
    sr.flush(&other).await?;
    drop(sr);
    let sr = Sr::attached(world).await?;
    sr.storage.begin_epoch(&sr.sr, &disk, false).await.map_err(told)?;
    ensure!(sr.read(&disk, 0, 4).await? == b"lost", "a disk went back without being asked to");
    for _ in 0..2 {
        sr.storage.begin_epoch(&sr.sr, &disk, true).await.map_err(told)?;
        let (first, far) = (sr.read(&disk, 0, 4).await?, sr.read(&disk, 3 * MIB as u64, 4).await?);
        ensure!(first == b"kept" && far == [0; 4], "a disk did not go back");
        sr.write(&disk, 0, b"lost").await?;
    }
    ensure!(sr.read(&other, 0, 4).await? == b"mine", "another disk went back with it");
    sr.storage.set_reset(&sr.sr, &disk, false).await.map_err(told)?;
    ensure!(sr.read(&disk, 0, 4).await? == b"lost", "what was written last is gone");
    sr.destroy(&disk).await?;
    sr.destroy(&other).await?;
    Ok(sr)
}

/// While an SR is guarded nothing in it changes but by guests.
pub async fn guarded(world: &World, sr: &Sr) -> Result<(), String> {
    let Some(guard) = &world.guard else { return Ok(()) };
    let disk = sr.make(4 * MIB).await?.location;
    sr.write(&disk, 0, b"mine").await?;
    let snapshot = sr.storage.snapshot_volume(&sr.sr, &disk, &fresh()).await.map_err(told)?.location;
    sr.write(&disk, 0, b"more").await?;
    sr.flush(&disk).await?;
    let before: Vec<String> = sr.shown().await?.into_keys().collect();
    guard(true);
    let (storage, id) = (&sr.storage, sr.sr.as_str());
    let tried = [
        ("create", code(storage.create_volume(id, new(4 * MIB)).await)),
        ("destroy", code(storage.destroy_volume(id, &snapshot).await)),
        ("snapshot", code(storage.snapshot_volume(id, &disk, &fresh()).await)),
        ("clone", code(storage.clone_volume(id, &disk, &fresh()).await)),
        ("resize", code(storage.resize_volume(id, &disk, 8 * MIB).await)),
        ("revert", code(storage.revert_volume(id, &disk, &snapshot).await)),
        ("write", code(storage.write(id, &disk, 0, vec![0; 512]).await)),
        ("keep", code(storage.set_reset(id, &disk, true).await)),
        ("reset", code(storage.begin_epoch(id, &disk, true).await)),
        ("delete", code(storage.delete(id).await)),
    ];
    guard(false);
    for (what, refused) in tried {
        let wanted = Some("OPERATION_NOT_ALLOWED");
        ensure!(refused.as_deref() == wanted, "a guarded SR was changed: {what}: {refused:?}");
    }
    let after: Vec<String> = sr.shown().await?.into_keys().collect();
    ensure!(before == after && sr.read(&disk, 0, 4).await? == b"more", "a guarded SR is not what it was");
    sr.destroy(&snapshot).await?;
    sr.destroy(&disk).await
}
