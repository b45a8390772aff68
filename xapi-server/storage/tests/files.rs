//! An SR of files under guests, guarded, and cut in the middle. What real devices do to it: `devices.rs`.

mod common;

use common::{Place, SR, code, fresh, guest::connect, new};
use xapi_backend::{Storage, storage::DataPath};
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

const BLOCK: u64 = xapi_backend::storage::CBT_BLOCK;

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_running_disk_are_noted() {
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    let mut guest = connect(&path);
    guest.write(0, &[1; 512], 0);
    storage.enable_cbt(SR, &disk).await.unwrap();
    let tracked = async |at: &str| storage.stat_volume(SR, at).await.unwrap().cbt_enabled;
    assert!(tracked(&disk).await, "while it runs");
    let a = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    guest.write(3 * BLOCK, &[2; 512], 0);
    let b = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    guest.write(9 * BLOCK, &[3; 512], 0);
    assert_eq!(storage.changed_blocks(SR, &a, &b).await.unwrap(), [(3 * BLOCK, BLOCK)]);
    // A snapshot goes, is merged under the guest, and what it noted stays known.
    storage.destroy_volume(SR, &b).await.unwrap();
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    guest.write(20 * BLOCK, &[4; 512], 0);
    assert!(tracked(&disk).await, "after a merge");
    let c = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    let all = [(3 * BLOCK, BLOCK), (9 * BLOCK, BLOCK), (20 * BLOCK, BLOCK)];
    assert_eq!(storage.changed_blocks(SR, &a, &c).await.unwrap(), all);
    storage.disable_cbt(SR, &disk).await.unwrap();
    guest.write(30 * BLOCK, &[5; 512], 0);
    storage.enable_cbt(SR, &disk).await.unwrap();
    let d = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    assert_eq!(code(storage.changed_blocks(SR, &c, &d).await), "SR_BACKEND_FAILURE_460");
    assert!(tracked(&d).await);
    drop(guest);
    storage.close_volume(SR, &disk).await.unwrap();
    assert!(tracked(&disk).await, "after it was closed");
    assert_eq!(storage.changed_blocks(SR, &d, &disk).await.unwrap(), []);
    storage.detach(SR).await.unwrap();
    place.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_not_closed_or_lies_in_a_guarded_sr_is_not_believed() {
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    let tracked = async || storage.stat_volume(SR, &disk).await.unwrap().cbt_enabled;
    let log = place.location.join(format!("{disk}.cbtlog"));
    storage.enable_cbt(SR, &disk).await.unwrap();
    let a = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    // The process that wrote it died: its log on disk says that it lacks something.
    let mut bytes = std::fs::read(&log).unwrap();
    assert_eq!(bytes[32], 1);
    bytes[32] = 0;
    std::fs::write(&log, &bytes).unwrap();
    assert!(!tracked().await);
    assert_eq!(code(storage.changed_blocks(SR, &a, &disk).await), "SR_BACKEND_FAILURE_460");
    storage.write(SR, &disk, 0, vec![1; 512]).await.unwrap();
    storage.flush(SR, &disk).await.unwrap();
    assert!(!tracked().await && !log.exists(), "it went with the next write");
    storage.enable_cbt(SR, &disk).await.unwrap();
    assert!(tracked().await);
    storage.detach(SR).await.unwrap();
    place.policies.set(SR, SrPolicy { guarded: true, ..SrPolicy::default() });
    storage.attach(&place.config()).await.unwrap();
    assert_eq!(code(storage.disable_cbt(SR, &disk).await), "OPERATION_NOT_ALLOWED");
    assert_eq!(code(storage.enable_cbt(SR, &disk).await), "OPERATION_NOT_ALLOWED");
    assert_eq!(code(storage.destroy_data(SR, &a).await), "OPERATION_NOT_ALLOWED");
    storage.open_volume(SR, &disk, false).await.unwrap();
    storage.close_volume(SR, &disk).await.unwrap();
    assert_eq!(std::fs::read(&log).unwrap()[32], 1, "a reader changes nothing");
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    connect(&path).write(5 * BLOCK, &[5; 512], 0);
    storage.close_volume(SR, &disk).await.unwrap();
    assert_eq!(std::fs::read(&log).unwrap()[32], 0, "whoever reads it next must not believe it");
    assert!(!tracked().await);
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
async fn a_guarded_sr_is_only_written_by_guests() {
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    storage.detach(SR).await.unwrap();
    // Something half-done that is its old owner's to finish.
    let half = "11111111-1111-4111-8111-111111111111.vhd";
    std::fs::write(place.location.join(half), b"half").unwrap();
    let note = format!("{{\"op\":\"making\",\"new\":[\"{half}\"]}}");
    std::fs::write(place.location.join(".xennix-journal-k"), note).unwrap();
    place.policies.set(SR, SrPolicy { guarded: true, ..SrPolicy::default() });
    storage.attach(&place.config()).await.unwrap();
    let before = place.files();
    for refused in [
        code(storage.create_volume(SR, new(8 << 20)).await),
        code(storage.destroy_volume(SR, &snapshot).await),
        code(storage.snapshot_volume(SR, &disk, &fresh()).await),
        code(storage.clone_volume(SR, &disk, &fresh()).await),
        code(storage.resize_volume(SR, &disk, 16 << 20).await),
        code(storage.revert_volume(SR, &disk, &snapshot).await),
        code(storage.write(SR, &disk, 0, vec![1; 512]).await),
        code(storage.copy_volume((SR, &snapshot), (SR, &disk), Box::new(|_| true)).await),
        code(storage.delete(SR).await),
    ] {
        assert_eq!(refused, "OPERATION_NOT_ALLOWED");
    }
    assert!(!storage.has_garbage(SR).await.unwrap());
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    storage.name_volume(SR, &disk, "n", "d").await.unwrap();
    assert_eq!(place.files(), before, "nothing was touched");
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    let mut guest = connect(&path);
    guest.write(0, &[5; 4096], 0);
    drop(guest);
    storage.close_volume(SR, &disk).await.unwrap();
    assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), [5; 4096]);
    assert_eq!(place.files(), before);
    // Lifted, what was half-done is settled by the first change.
    place.policies.set(SR, SrPolicy::default());
    storage.destroy_volume(SR, &snapshot).await.unwrap();
    assert!(!place.files().contains(&half.to_string()), "{:?}", place.files());
}

#[tokio::test(flavor = "multi_thread")]
async fn qcow2_disks_are_frozen_cloned_grown_and_reverted() {
    let place = Place::new();
    let storage = place.ready().await;
    let wanted = xapi_backend::storage::NewVolume {
        sm_config: vec![("image-format".into(), "qcow2".into())],
        ..new(8 << 20)
    };
    let disk = storage.create_volume(SR, wanted).await.unwrap().location;
    assert!(storage.is_untouched(SR, &disk).await.unwrap());
    storage.write(SR, &disk, 0, vec![1; 4096]).await.unwrap();
    storage.write(SR, &disk, 5 * MIB, vec![1; 4096]).await.unwrap();
    // Under a guest: it is frozen with what was written so far, and the guest goes on.
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    let mut guest = connect(&path);
    guest.write(MIB, &[2; 4096], 0);
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap();
    assert_eq!(snapshot.snapshot_of.as_deref(), Some(&*disk));
    let kind = ("vdi_type".to_string(), "qcow2".to_string());
    assert!(snapshot.sm_config.contains(&kind), "{snapshot:?}");
    let snapshot = snapshot.location;
    guest.write(512, &[3; 512], 0);
    guest.write(6 * MIB, &[3; 4096], 0);
    let mut mixed = [1; 4096];
    mixed[512..1024].fill(3);
    assert_eq!(guest.read(0, 4096), mixed, "what shares a cluster with it stays");
    assert_eq!(storage.read(SR, &snapshot, 0, 4096).await.unwrap(), [1; 4096]);
    assert_eq!(storage.read(SR, &snapshot, MIB, 4096).await.unwrap(), [2; 4096]);
    assert_eq!(storage.read(SR, &snapshot, 6 * MIB, 4096).await.unwrap(), [0; 4096]);
    drop(guest);
    storage.close_volume(SR, &disk).await.unwrap();
    let clone = storage.clone_volume(SR, &disk, &fresh()).await.unwrap().location;
    assert!(storage.is_untouched(SR, &clone).await.unwrap());
    storage.write(SR, &clone, 0, vec![9; 512]).await.unwrap();
    storage.flush(SR, &clone).await.unwrap();
    assert!(!storage.is_untouched(SR, &clone).await.unwrap());
    assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), mixed);
    let grown = storage.resize_volume(SR, &disk, 16 << 20).await.unwrap();
    assert_eq!(grown.virtual_size, 16 << 20);
    assert_eq!(storage.read(SR, &disk, 12 * MIB, 4096).await.unwrap(), [0; 4096]);
    assert_eq!(code(storage.resize_volume(SR, &disk, 4 << 20).await), "SR_BACKEND_FAILURE_79");
    let shown = storage.scan(SR).await.unwrap();
    let inner = shown.iter().filter(|v| v.hidden).count();
    assert!(inner == 2 && shown.len() == 5, "{shown:?}");
    // What several others stand on is neither written nor merged; a copy of all of it is a disk like any other.
    let base = shown.iter().find(|v| v.hidden).unwrap().location.clone();
    assert!(storage.open_volume(SR, &base, true).await.is_err());
    assert!(storage.write(SR, &base, 0, vec![0; 512]).await.is_err());
    assert!(storage.destroy_volume(SR, &base).await.is_err());
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert_eq!(storage.scan(SR).await.unwrap().len(), 5);
    let back = storage.revert_volume(SR, &disk, &snapshot).await.unwrap();
    assert_eq!(back.virtual_size, 8 << 20);
    for at in [&disk, &snapshot] {
        assert_eq!(storage.read(SR, at, 0, 4096).await.unwrap(), [1; 4096]);
        assert_eq!(storage.read(SR, at, MIB, 4096).await.unwrap(), [2; 4096]);
    }
    assert_eq!(storage.read(SR, &clone, 0, 512).await.unwrap(), [9; 512]);
    for at in [&snapshot, &clone, &disk] {
        storage.destroy_volume(SR, at).await.unwrap();
    }
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert!(place.files().is_empty(), "{:?}", place.files());
    storage.detach(SR).await.unwrap();
}

fn qcow2(size: i64) -> xapi_backend::storage::NewVolume {
    xapi_backend::storage::NewVolume { sm_config: vec![("image-format".into(), "qcow2".into())], ..new(size) }
}

#[tokio::test(flavor = "multi_thread")]
async fn qcow2_chains_are_kept_short_under_a_running_disk() {
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, qcow2(8 << 20)).await.unwrap().location;
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    let mut guest = connect(&path);
    // More snapshots, one after the other, than a chain may have images: each but the first goes again.
    let first = {
        guest.write(7 * MIB, &[200; 4096], 0);
        storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location
    };
    for round in 1..=35_u8 {
        guest.write(u64::from(round % 6) * MIB + 512, &[round; 4096], 0);
        if round % 5 == 0 {
            guest.must(6, 0, u64::from(round % 6) * MIB + 512, 1024);
        }
        let gone = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
        storage.destroy_volume(SR, &gone).await.unwrap();
        storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
        assert!(!storage.has_garbage(SR).await.unwrap());
        assert!(place.files().len() <= 3, "{:?}", place.files());
    }
    let mut wanted = [35; 4096];
    wanted[..1024].fill(0);
    assert_eq!(guest.read(5 * MIB + 512, 4096), wanted);
    assert_eq!(guest.read(4 * MIB + 512, 4096), [34; 4096]);
    assert_eq!(guest.read(7 * MIB, 4096), [200; 4096]);
    assert_eq!(storage.read(SR, &first, 7 * MIB, 4096).await.unwrap(), [200; 4096]);
    assert_eq!(storage.read(SR, &first, 4 * MIB, 4096).await.unwrap(), [0; 4096]);
    // Its last parent goes while the guest runs, and what stays is an image like any other.
    storage.destroy_volume(SR, &first).await.unwrap();
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert_eq!(place.files(), [format!("{disk}.qcow2")]);
    guest.write(3 * MIB, &[77; 4096], 0);
    assert_eq!(guest.read(5 * MIB + 512, 4096), wanted);
    drop(guest);
    storage.close_volume(SR, &disk).await.unwrap();
    assert_eq!(storage.read(SR, &disk, 3 * MIB, 4096).await.unwrap(), [77; 4096]);
    let file = std::fs::read(place.location.join(format!("{disk}.qcow2"))).unwrap();
    assert_eq!(file[79] & 1, 0, "it was closed");
    storage.detach(SR).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn qcow2_disks_nobody_has_open_are_merged_and_a_merge_can_be_stopped() {
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, qcow2(80 << 20)).await.unwrap().location;
    let mut gone = Vec::new();
    for round in 1..=3_u8 {
        storage.write(SR, &disk, u64::from(round) * MIB, vec![round; 24 << 20]).await.unwrap();
        gone.push(storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location);
    }
    for snapshot in &gone {
        storage.destroy_volume(SR, snapshot).await.unwrap();
    }
    let whole = |storage: xapi_storage::Native| {
        let disk = disk.clone();
        async move {
            let read = storage.read(SR, &disk, 0, 80 << 20).await.unwrap();
            (storage, read)
        }
    };
    let (storage, before) = whole(storage).await;
    // Stopped in the middle, what is half merged reads as before, and the next collection begins anew.
    let steps = std::sync::atomic::AtomicU32::new(0);
    let stop = move |_| steps.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3;
    assert_eq!(code(storage.collect_garbage(SR, Box::new(stop)).await), "TASK_CANCELLED");
    let (storage, stopped) = whole(storage).await;
    assert!(stopped == before && place.files().len() > 1, "{:?}", place.files());
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    let (storage, after) = whole(storage).await;
    assert!(after == before);
    assert_eq!(place.files(), [format!("{disk}.qcow2")]);
    storage.detach(SR).await.unwrap();
}

/// Every file of a place, byte for byte.
fn bytes(place: &Place) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| (name.clone(), std::fs::read(place.location.join(name)).unwrap());
    place.files().into_iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_changes_nothing_in_a_guarded_sr() {
    let place = Place::new();
    let storage = place.ready().await;
    let of = |format: &str| xapi_backend::storage::NewVolume {
        sm_config: vec![("image-format".into(), format.into())],
        ..new(8 << 20)
    };
    let mut disks = Vec::new();
    for format in ["vhd", "raw", "qcow2", "qcow2"] {
        let disk = storage.create_volume(SR, of(format)).await.unwrap().location;
        storage.write(SR, &disk, MIB, vec![7; 4096]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        disks.push(disk);
    }
    storage.snapshot_volume(SR, &disks[0], &fresh()).await.unwrap();
    // The last one's writer died, and so did that of a VHD, whose footer is only at its start.
    let (unclean, path) = (disks[3].clone(), place.location.join(format!("{}.qcow2", disks[3])));
    let mut header = std::fs::read(&path).unwrap();
    header[79] |= 1;
    std::fs::write(&path, &header).unwrap();
    let vhd = place.location.join(format!("{}.vhd", disks[0]));
    let length = std::fs::metadata(&vhd).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&vhd).unwrap().set_len(length - 512).unwrap();
    storage.detach(SR).await.unwrap();
    place.policies.set(SR, SrPolicy { guarded: true, ..SrPolicy::default() });
    // Somewhere to copy to.
    let other = Place::new();
    let elsewhere = xapi_backend::storage::SrConfig { uuid: fresh(), ..other.config() };
    storage.create(&elsewhere, 0).await.unwrap();
    storage.attach(&elsewhere).await.unwrap();
    let copy = storage.create_volume(&elsewhere.uuid, new(8 << 20)).await.unwrap().location;
    let before = bytes(&place);
    storage.attach(&place.config()).await.unwrap();
    for disk in &disks[..3] {
        assert_eq!(storage.read(SR, disk, MIB, 4096).await.unwrap(), [7; 4096]);
        assert!(!storage.extents(SR, disk).await.unwrap().is_empty());
        storage.is_untouched(SR, disk).await.unwrap();
        storage.difference(SR, disk, &disks[2]).await.unwrap();
        storage.copy_volume((SR, disk), (&elsewhere.uuid, &copy), Box::new(|_| true)).await.unwrap();
        assert_eq!(storage.read(&elsewhere.uuid, &copy, MIB, 4096).await.unwrap(), [7; 4096]);
        storage.flush(SR, disk).await.unwrap();
        match storage.open_volume(SR, disk, false).await.unwrap() {
            DataPath::File(path) => assert_eq!(std::fs::read(path).unwrap()[MIB as usize], 7),
            path => assert_eq!(connect(&path).read(MIB, 4096), [7; 4096]),
        }
        storage.close_volume(SR, disk).await.unwrap();
    }
    for refused in [
        code(storage.read(SR, &unclean, 0, 512).await),
        code(storage.extents(SR, &unclean).await),
        code(storage.copy_volume((SR, &unclean), (&elsewhere.uuid, &copy), Box::new(|_| true)).await),
        code(storage.open_volume(SR, &unclean, false).await),
    ] {
        assert_eq!(refused, "OPERATION_NOT_ALLOWED");
    }
    assert_eq!(storage.scan(SR).await.unwrap().len(), 6);
    storage.stat_volume(SR, &unclean).await.unwrap();
    assert!(!storage.is_untouched(SR, &unclean).await.unwrap());
    assert!(!storage.has_garbage(SR).await.unwrap());
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    storage.detach(SR).await.unwrap();
    assert!(bytes(&place) == before, "a reader changed something");
    // Lifted, it is put right by whoever reads it first.
    place.policies.set(SR, SrPolicy::default());
    storage.attach(&place.config()).await.unwrap();
    let path = storage.open_volume(SR, &unclean, false).await.unwrap();
    assert_eq!(connect(&path).read(MIB, 4096), [7; 4096]);
    storage.close_volume(SR, &unclean).await.unwrap();
    let mended = std::fs::read(place.location.join(format!("{unclean}.qcow2"))).unwrap();
    assert_eq!(mended[79], 0);
    assert_eq!(storage.read(SR, &unclean, MIB, 4096).await.unwrap(), [7; 4096]);
    storage.detach(SR).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_images_is_not_made_anew_and_unknown_types_are_refused() {
    let place = Place::new();
    let storage = place.ready().await;
    storage.create_volume(SR, new(8 << 20)).await.unwrap();
    let again = place.native();
    assert_eq!(code(again.create(&place.config(), 0).await), "SR_BACKEND_FAILURE_42");
    assert_eq!(place.files().len(), 1);
    for kind in ["lvmohba", "linstor", "gfs2", "zfs", "largeblock"] {
        let config = xapi_backend::storage::SrConfig { kind: kind.into(), ..place.config() };
        assert_eq!(code(again.create(&config, 0).await), "SR_BACKEND_FAILURE_47", "{kind}");
        assert_eq!(code(again.attach(&config).await), "SR_BACKEND_FAILURE_47", "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_merged_into_shared_tables_until_they_are_no_longer() {
    use std::os::unix::fs::FileExt;
    let place = Place::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, qcow2(8 << 20)).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![1; 4096]).await.unwrap();
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    storage.write(SR, &disk, MIB, vec![2; 4096]).await.unwrap();
    storage.flush(SR, &disk).await.unwrap();
    storage.destroy_volume(SR, &snapshot).await.unwrap();
    let node = storage.scan(SR).await.unwrap().into_iter().find(|v| v.hidden).unwrap().location;
    // The first entry of its first table no longer says that what it leads to is the table's alone.
    let path = place.location.join(format!("{node}.qcow2"));
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut at = [0; 8];
    file.read_exact_at(&mut at, 40).unwrap();
    let at = u64::from_be_bytes(at);
    let mut top = [0];
    file.read_exact_at(&mut top, at).unwrap();
    assert!(top[0] & 0x80 != 0);
    file.write_all_at(&[top[0] & 0x7f], at).unwrap();
    for _ in 0..2 {
        assert!(!storage.has_garbage(SR).await.unwrap());
        storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
        assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), [1; 4096]);
    }
    file.write_all_at(&top, at).unwrap();
    assert!(storage.has_garbage(SR).await.unwrap());
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert_eq!(place.files(), [format!("{disk}.qcow2")]);
    for (at, byte) in [(0, 1), (MIB, 2)] {
        assert_eq!(storage.read(SR, &disk, at, 4096).await.unwrap(), [byte; 4096]);
    }
}
