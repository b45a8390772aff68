//! Disks of an SR of files under running guests: frozen, merged, found again. What real devices do to it: `devices.rs`.

mod common;

use common::{Place, SR, code, fresh, guest::connect, new};
use xapi_backend::Storage;
use xapi_storage::policy::SrPolicy;

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_running_disk_is_frozen_merged_and_found_again() {
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    let mut guest = connect(&path);
    guest.write(0, &[1; 4096], 0);
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    guest.write(0, &[2; 4096], 0);
    guest.write(4 * MIB, &[3; 4096], 0);
    assert_eq!(storage.read(SR, &snapshot, 0, 4096).await.unwrap(), [1; 4096]);
    assert_eq!(guest.read(0, 4096), [2; 4096]);
    // Nobody else gets at it meanwhile.
    assert_eq!(code(storage.read(SR, &disk, 0, 512).await), "VDI_IN_USE");
    assert_eq!(code(storage.write(SR, &disk, 0, vec![0; 512]).await), "VDI_IN_USE");
    assert_eq!(code(storage.destroy_volume(SR, &disk).await), "VDI_IN_USE");
    assert_eq!(code(storage.resize_volume(SR, &disk, 16 << 20).await), "VDI_IN_USE");
    assert_eq!(code(storage.detach(SR).await), "VDI_IN_USE");
    storage.destroy_volume(SR, &snapshot).await.unwrap();
    assert!(storage.has_garbage(SR).await.unwrap());
    // The daemon dies; the guest does not notice, and the next daemon finds its disk.
    drop(storage);
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    assert_eq!(storage.open_volume(SR, &disk, true).await.unwrap(), path);
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert!(!storage.has_garbage(SR).await.unwrap());
    assert_eq!(place.files(), [format!("{disk}.vhd")]);
    assert_eq!(guest.read(0, 4096), [2; 4096]);
    assert_eq!(guest.read(4 * MIB, 4096), [3; 4096]);
    guest.write(MIB, &[4; 4096], 0);
    drop(guest);
    storage.close_volume(SR, &disk).await.unwrap();
    assert_eq!(storage.read(SR, &disk, MIB, 4096).await.unwrap(), [4; 4096]);
    storage.detach(SR).await.unwrap();
    place.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn inner_nodes_are_merged_under_a_running_disk() {
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    let mut snapshots = Vec::new();
    for round in 1..=3_u8 {
        storage.write(SR, &disk, u64::from(round) * MIB, vec![round; 4096]).await.unwrap();
        snapshots.push(storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location);
    }
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    let mut guest = connect(&path);
    guest.write(0, &[9; 4096], 0);
    for gone in &snapshots[..2] {
        storage.destroy_volume(SR, gone).await.unwrap();
    }
    let all = place.files().len();
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert!(!storage.has_garbage(SR).await.unwrap());
    assert!(place.files().len() < all, "{:?}", place.files());
    for round in 1..=3_u8 {
        assert_eq!(guest.read(u64::from(round) * MIB, 4096), [round; 4096]);
        let kept = storage.read(SR, &snapshots[2], u64::from(round) * MIB, 4096).await.unwrap();
        assert_eq!(kept, [round; 4096]);
    }
    assert_eq!(guest.read(0, 4096), [9; 4096]);
    drop(guest);
    storage.close_volume(SR, &disk).await.unwrap();
    storage.detach(SR).await.unwrap();
    place.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_tapdisk_serves_is_frozen_and_merged_below_and_nothing_else() {
    for place in Place::with_tapdisk() {
        let storage = place.ready().await;
        let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
        let path = storage.open_volume(SR, &disk, true).await.unwrap();
        let mut guest = connect(&path);
        let mut snapshots = Vec::new();
        for round in 1..=3_u8 {
            guest.write(u64::from(round) * MIB, &[round; 4096], 0);
            snapshots.push(storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location);
        }
        assert_eq!(storage.read(SR, &snapshots[0], 2 * MIB, 512).await.unwrap(), [0; 512]);
        guest.write(0, &[9; 4096], 0);
        assert_eq!(code(storage.write(SR, &disk, 0, vec![0; 512]).await), "VDI_IN_USE");
        // Its changes can't be noted: told, and the guest goes on.
        let refused = storage.enable_cbt(SR, &disk).await.unwrap_err();
        assert!(refused.to_string().contains("notes no changes"), "{refused}");
        assert!(!place.files().iter().any(|name| name.contains("cbtlog")), "{:?}", place.files());
        assert!(!storage.stat_volume(SR, &disk).await.unwrap().cbt_enabled);
        assert_eq!(guest.read(0, 4096), [9; 4096]);
        // The daemon dies; the next one finds the disk.
        drop(storage);
        let storage = place.native();
        storage.attach(&place.config()).await.unwrap();
        assert_eq!(storage.open_volume(SR, &disk, true).await.unwrap(), path);
        // Nodes are merged below the running disk; the leaf is not, and nobody goes on trying.
        for gone in &snapshots {
            storage.destroy_volume(SR, gone).await.unwrap();
        }
        storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
        assert!(!storage.has_garbage(SR).await.unwrap());
        assert_eq!(place.files().len(), 2, "{:?}", place.files());
        for round in 1..=3_u8 {
            assert_eq!(guest.read(u64::from(round) * MIB, 4096), [round; 4096]);
        }
        guest.write(5 * MIB, &[5; 4096], 0);
        storage.flush(SR, &disk).await.unwrap();
        drop(guest);
        storage.close_volume(SR, &disk).await.unwrap();
        // Once it is closed, the leaf is merged as well.
        assert!(storage.has_garbage(SR).await.unwrap());
        storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
        assert_eq!(place.files(), [format!("{disk}.vhd")]);
        for (at, byte) in [(0, 9), (1, 1), (2, 2), (3, 3), (5, 5)] {
            assert_eq!(storage.read(SR, &disk, at * MIB, 4096).await.unwrap(), [byte; 4096]);
        }
        // A disk whose changes are noted is not given to it.
        storage.enable_cbt(SR, &disk).await.unwrap();
        let refused = storage.open_volume(SR, &disk, true).await.unwrap_err();
        assert!(refused.to_string().contains("changed block tracking"), "{refused}");
        storage.disable_cbt(SR, &disk).await.unwrap();
        storage.open_volume(SR, &disk, true).await.unwrap();
        storage.close_volume(SR, &disk).await.unwrap();
        storage.detach(SR).await.unwrap();
        place.assert_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_can_be_stopped_and_forbidden() {
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![1; 4096]).await.unwrap();
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    storage.destroy_volume(SR, &snapshot).await.unwrap();
    let off = SrPolicy { leaf_coalesce: false, ..SrPolicy::default() };
    place.policies.set(&disk, off);
    assert!(!storage.has_garbage(SR).await.unwrap(), "forbidden for the volume");
    place.policies.set(&disk, SrPolicy::default());
    place.policies.set(SR, SrPolicy { collect: false, ..SrPolicy::default() });
    assert!(!storage.has_garbage(SR).await.unwrap(), "forbidden for the SR");
    place.policies.set(SR, SrPolicy::default());
    assert!(storage.has_garbage(SR).await.unwrap());
    let before = place.files();
    assert_eq!(code(storage.collect_garbage(SR, Box::new(|_| false)).await), "TASK_CANCELLED");
    assert_eq!(place.files(), before);
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert_eq!(place.files(), [format!("{disk}.vhd")]);
    assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), [1; 4096]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_puts_beside_disks_hides_and_stops_none() {
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    let at = |name: String| place.location.join(name);
    // The same disk in another format, as who converts one beside it leaves it; and what has no end.
    std::fs::write(at(format!("{disk}.raw")), vec![0; 8 << 20]).unwrap();
    nix::unistd::mkfifo(&at(format!("{}.vhd", fresh())), nix::sys::stat::Mode::S_IRWXU).unwrap();
    nix::unistd::mkfifo(&at(format!("{}.raw", fresh())), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let found = storage.scan(SR).await.unwrap();
    let known: Vec<(&str, &str)> =
        found.iter().map(|v| (v.location.as_str(), v.sm_config[0].1.as_str())).collect();
    assert_eq!(known, [(disk.as_str(), "vhd")]);
    storage.create_volume(SR, new(8 << 20)).await.unwrap();
    assert_eq!(storage.scan(SR).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sr_whose_file_system_is_gone_has_lost_no_disk() {
    use std::os::unix::fs::MetadataExt;
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    let elsewhere = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let device = |path: &std::path::Path| std::fs::metadata(path).unwrap().dev();
    assert_ne!(device(elsewhere.path()), device(&place.location), "/dev/shm is a file system of its own");
    // What stands there after the file system was taken away: an empty directory of another one.
    let away = place.dir.path().join("away");
    std::fs::rename(&place.location, &away).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &place.location).unwrap();
    assert_eq!(code(storage.scan(SR).await), "SR_BACKEND_FAILURE_40");
    assert_eq!(code(storage.create_volume(SR, new(8 << 20)).await), "SR_BACKEND_FAILURE_40");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    std::fs::remove_file(&place.location).unwrap();
    std::fs::rename(&away, &place.location).unwrap();
    let found = storage.scan(SR).await.unwrap();
    assert_eq!(found.iter().map(|v| v.location.as_str()).collect::<Vec<_>>(), [disk]);
}
