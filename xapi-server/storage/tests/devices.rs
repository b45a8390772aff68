//! SRs on real file systems over loop devices: full, and not writable any more. Each call fails with its own error,
//! nothing is lost, and the next look finds all in order.

mod common;

use std::{path::Path, sync::Arc};

use common::{Place, SR, code, fresh, mount::Mounted, new};
use xapi_backend::Storage;

const MIB: u64 = 1 << 20;

/// On the gate a machine that can't is a failure, but for a kernel that has no xfs.
fn mounted(dir: &Path, kind: &str, mib: u64) -> Option<Mounted> {
    match Mounted::new(dir, kind, mib) {
        Ok(mounted) => Some(mounted),
        Err(why) if std::env::var_os("CI").is_none() || why.contains("unknown filesystem type 'xfs'") => {
            eprintln!("skipped, {kind} on a loop device: {why}");
            None
        }
        Err(why) => panic!("{kind} on a loop device: {why}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_device_loses_nothing() {
    // The smallest xfs is of 300 MiB.
    for (kind, mib) in [("ext4", 48), ("xfs", 300)] {
        let dir = tempfile::tempdir().unwrap();
        let Some(mounted) = mounted(dir.path(), kind, mib) else { continue };
        let ballast = mounted.at.join("ballast");
        std::fs::write(&ballast, vec![1; 8 << 20]).unwrap();
        let place = Arc::new(Place::at(&mounted.at.join("sr")));
        let storage = place.ready().await;
        let disk = storage.create_volume(SR, new(1 << 30)).await.unwrap().location;
        storage.write(SR, &disk, 0, vec![7; 1 << 20]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        storage.enable_cbt(SR, &disk).await.unwrap();
        let stat = storage.stat(SR).await.unwrap();
        assert!(stat.physical_size < (mib as i64) << 20 && stat.physical_utilisation > 0, "{stat:?}");
        let mut full = String::new();
        for at in 1..2 * mib {
            full = code(storage.write(SR, &disk, at * MIB, vec![8; 1 << 20]).await);
            if !full.is_empty() {
                break;
            }
        }
        assert_eq!(full, "SR_BACKEND_FAILURE_44", "{kind}");
        // Neither a volume nor a snapshot fits; nothing half-made stays.
        let _ = storage.flush(SR, &disk).await;
        let before = place.files();
        for _ in 0..3 {
            match storage.create_volume(SR, new(2040 << 30)).await {
                // Its tables are holes as long as there is a little room.
                Ok(volume) => storage.destroy_volume(SR, &volume.location).await.unwrap(),
                Err(failure) => assert_eq!(failure.code, "SR_BACKEND_FAILURE_44", "{failure:?}"),
            }
            let uuid = fresh();
            match storage.snapshot_volume(SR, &disk, &uuid).await {
                Ok(_) => {
                    storage.destroy_volume(SR, &uuid).await.unwrap();
                    let _ = storage.collect_garbage(SR, Box::new(|_| true)).await;
                }
                Err(failure) => assert_eq!(failure.code, "SR_BACKEND_FAILURE_44", "{failure:?}"),
            }
        }
        let left = place.files();
        assert!(left.iter().all(|name| before.contains(name) || name.ends_with(".vhd")), "{left:?}");
        drop(storage);
        let storage = place.native();
        storage.attach(&place.config()).await.unwrap();
        assert_eq!(storage.read(SR, &disk, 0, 1 << 20).await.unwrap(), vec![7; 1 << 20]);
        let volumes = storage.scan(SR).await.unwrap();
        assert_eq!(volumes.iter().filter(|v| !v.hidden).count(), 1, "{volumes:?}");
        // The footer at an image's end may have found no room, the one at its beginning holds; with room both are there.
        std::fs::remove_file(&ballast).unwrap();
        storage.write(SR, &disk, 1000 * MIB, vec![9; 4096]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        assert_eq!(storage.read(SR, &disk, 1000 * MIB, 4096).await.unwrap(), [9; 4096]);
        place.assert_clean();
        common::destroy(&storage, SR).await;
        assert!(place.files().is_empty(), "{:?}", place.files());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_takes_no_more_writes_loses_nothing() {
    for (kind, mib) in [("ext4", 48), ("xfs", 300)] {
        let dir = tempfile::tempdir().unwrap();
        let Some(mounted) = mounted(dir.path(), kind, mib) else { continue };
        let place = Arc::new(Place::at(&mounted.at.join("sr")));
        let storage = place.ready().await;
        let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
        storage.write(SR, &disk, 0, vec![7; 4096]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
        let (before, known) = (place.files(), storage.scan(SR).await.unwrap());
        mounted.remount("ro");
        for refused in [
            code(storage.create_volume(SR, new(8 << 20)).await),
            code(storage.destroy_volume(SR, &snapshot).await),
            code(storage.snapshot_volume(SR, &disk, &fresh()).await),
            code(storage.clone_volume(SR, &disk, &fresh()).await),
            code(storage.resize_volume(SR, &disk, 16 << 20).await),
            code(storage.revert_volume(SR, &disk, &snapshot).await),
            code(storage.write(SR, &disk, 0, vec![1; 512]).await),
            code(storage.enable_cbt(SR, &disk).await),
        ] {
            assert_eq!(refused, "SR_BACKEND_FAILURE_461", "{kind}");
        }
        assert!(!code(storage.open_volume(SR, &disk, true).await).is_empty(), "opened for writing");
        // What can be read is read all the same.
        assert_eq!(storage.scan(SR).await.unwrap(), known);
        assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), [7; 4096]);
        mounted.remount("rw");
        assert_eq!(place.files(), before);
        assert_eq!(storage.scan(SR).await.unwrap(), known);
        storage.write(SR, &disk, 4096, vec![8; 4096]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        storage.destroy_volume(SR, &snapshot).await.unwrap();
        storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
        assert_eq!(storage.read(SR, &disk, 0, 8192).await.unwrap(), [[7; 4096], [8; 4096]].concat());
        place.assert_clean();
        common::destroy(&storage, SR).await;
    }
}
