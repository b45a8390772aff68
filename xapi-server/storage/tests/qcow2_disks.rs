//! qcow2 disks in an SR of files: what is done to them, and that their chains stay short.

mod common;

use common::{Place, SR, code, fresh, guest::connect, new};
use xapi_backend::Storage;

const MIB: u64 = 1 << 20;

fn qcow2(size: i64) -> xapi_backend::storage::NewVolume {
    xapi_backend::storage::NewVolume { sm_config: vec![("image-format".into(), "qcow2".into())], ..new(size) }
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
