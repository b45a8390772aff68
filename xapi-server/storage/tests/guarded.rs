//! A guarded SR of files: written by guests alone, and by reading not at all.

mod common;

use common::{Place, SR, code, fresh, guest::connect, new};
use xapi_backend::{Storage, storage::DataPath};
use xapi_storage::policy::SrPolicy;

const MIB: u64 = 1 << 20;

fn bytes(place: &Place) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| (name.clone(), std::fs::read(place.location.join(name)).unwrap());
    place.files().into_iter().map(read).collect()
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
