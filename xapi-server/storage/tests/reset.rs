//! Disks that go back to what they were at each start of their guest: VHD, raw and qcow2 in files, VHD and raw in a volume
//! group; over restarts, beside collections, guarded, and taken over from another stack.

mod common;

use common::{Place, SR, code, fresh, lvm::LvmPlace, new};
use xapi_backend::{
    Storage,
    storage::{NewVolume, SrConfig},
};
use xapi_storage::policy::SrPolicy;

const MIB: u64 = 1 << 20;

/// The uuid of a disk that is made twice.
const SAME: &str = "5a3e0000-2222-4333-8444-555566667777";

fn formatted(format: &str) -> NewVolume {
    NewVolume { sm_config: vec![("image-format".into(), format.into())], ..new(8 << 20) }
}

/// Where and by what a test is lived.
trait Ground {
    fn storage(&self) -> Box<dyn Storage>;
    fn config(&self) -> SrConfig;
    fn policies(&self) -> &common::Set;
}

impl Ground for Place {
    fn storage(&self) -> Box<dyn Storage> {
        Box::new(self.native())
    }
    fn config(&self) -> SrConfig {
        Place::config(self)
    }
    fn policies(&self) -> &common::Set {
        &self.policies
    }
}

impl Ground for LvmPlace {
    fn storage(&self) -> Box<dyn Storage> {
        Box::new(self.native())
    }
    fn config(&self) -> SrConfig {
        LvmPlace::config(self)
    }
    fn policies(&self) -> &common::Set {
        &self.policies
    }
}

async fn attached(ground: &dyn Ground) -> Box<dyn Storage> {
    let storage = ground.storage();
    storage.attach(&ground.config()).await.unwrap();
    storage
}

async fn collect(storage: &dyn Storage) {
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
}

/// Lives of one disk: kept, written, reset, grown, over a restart and beside collections.
async fn life(ground: &dyn Ground, format: &str) {
    let storage = attached(ground).await;
    let disk = storage.create_volume(SR, formatted(format)).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![1; 4096]).await.unwrap();
    storage.write(SR, &disk, 5 * MIB, vec![1; 4096]).await.unwrap();
    storage.set_reset(SR, &disk, true).await.unwrap();
    assert!(storage.is_untouched(SR, &disk).await.unwrap(), "{format}: nothing to go back from");
    // Before the record says it, a collection leaves it alone all the same.
    collect(&*storage).await;
    // What the record says from now on.
    ground.policies().set(&disk, SrPolicy { leaf_coalesce: false, ..SrPolicy::default() });
    let kept = async |storage: &dyn Storage, when: &str| {
        for (at, byte) in [(0, 1), (MIB, 0), (5 * MIB, 1)] {
            let found = storage.read(SR, &disk, at, 4096).await.unwrap();
            assert_eq!(found, [byte; 4096], "{format}, {when}: at {at}");
        }
    };
    let spoil = async |storage: &dyn Storage| {
        for at in [0, MIB, 5 * MIB] {
            storage.write(SR, &disk, at, vec![9; 4096]).await.unwrap();
        }
        storage.flush(SR, &disk).await.unwrap();
    };
    spoil(&*storage).await;
    storage.begin_epoch(SR, &disk, false).await.unwrap();
    assert_eq!(storage.read(SR, &disk, MIB, 512).await.unwrap(), [9; 512], "{format}: only where asked");
    storage.begin_epoch(SR, &disk, true).await.unwrap();
    kept(&*storage, "reset").await;
    // Not while a guest has it.
    storage.open_volume(SR, &disk, true).await.unwrap();
    assert_eq!(code(storage.begin_epoch(SR, &disk, true).await), "VDI_IN_USE");
    assert_eq!(code(storage.set_reset(SR, &disk, true).await), "VDI_IN_USE");
    storage.close_volume(SR, &disk).await.unwrap();
    spoil(&*storage).await;
    drop(storage);
    let storage = attached(ground).await;
    collect(&*storage).await;
    storage.begin_epoch(SR, &disk, true).await.unwrap();
    kept(&*storage, "after a restart").await;
    storage.resize_volume(SR, &disk, 16 << 20).await.unwrap();
    spoil(&*storage).await;
    storage.write(SR, &disk, 12 * MIB, vec![9; 4096]).await.unwrap();
    storage.begin_epoch(SR, &disk, true).await.unwrap();
    kept(&*storage, "grown").await;
    assert_eq!(storage.stat_volume(SR, &disk).await.unwrap().virtual_size, 16 << 20);
    assert_eq!(storage.read(SR, &disk, 12 * MIB, 4096).await.unwrap(), [0; 4096]);
    // A clone of one with nothing to go back from goes back to the same.
    let clone = storage.clone_volume(SR, &disk, &fresh()).await.unwrap().location;
    storage.write(SR, &clone, 0, vec![8; 4096]).await.unwrap();
    storage.begin_epoch(SR, &clone, true).await.unwrap();
    assert_eq!(storage.read(SR, &clone, 0, 4096).await.unwrap(), [1; 4096]);
    storage.destroy_volume(SR, &clone).await.unwrap();
    // What is no longer to go back may be merged, and keeps what it was left with.
    spoil(&*storage).await;
    storage.set_reset(SR, &disk, false).await.unwrap();
    ground.policies().set(&disk, SrPolicy::default());
    collect(&*storage).await;
    assert!(!storage.has_garbage(SR).await.unwrap());
    assert_eq!(storage.read(SR, &disk, MIB, 4096).await.unwrap(), [9; 4096]);
    storage.destroy_volume(SR, &disk).await.unwrap();
    collect(&*storage).await;
    assert!(storage.scan(SR).await.unwrap().is_empty(), "{format}: all of it is gone");
    storage.detach(SR).await.unwrap();
}

/// A disk as another stack left it, written by its guest since its last start: it is what it stands on at the next. One
/// that stands on nothing loses nothing, and goes back from then on.
async fn taken_over(ground: &dyn Ground) {
    let storage = attached(ground).await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![1; 4096]).await.unwrap();
    let beside = storage.clone_volume(SR, &disk, &fresh()).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![2; 4096]).await.unwrap();
    storage.begin_epoch(SR, &disk, true).await.unwrap();
    assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), [1; 4096]);
    assert_eq!(storage.read(SR, &beside, 0, 4096).await.unwrap(), [1; 4096]);
    let alone = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    storage.write(SR, &alone, 0, vec![3; 4096]).await.unwrap();
    storage.begin_epoch(SR, &alone, true).await.unwrap();
    assert_eq!(storage.read(SR, &alone, 0, 4096).await.unwrap(), [3; 4096]);
    storage.write(SR, &alone, 0, vec![4; 4096]).await.unwrap();
    storage.begin_epoch(SR, &alone, true).await.unwrap();
    assert_eq!(storage.read(SR, &alone, 0, 4096).await.unwrap(), [3; 4096]);
    // In a guarded SR nothing may be dropped, and no guest runs on what it was to lose.
    storage.write(SR, &alone, 0, vec![4; 4096]).await.unwrap();
    storage.flush(SR, &alone).await.unwrap();
    ground.policies().set(SR, SrPolicy { guarded: true, ..SrPolicy::default() });
    for refused in [storage.begin_epoch(SR, &alone, true).await, storage.set_reset(SR, &disk, true).await] {
        assert_eq!(code(refused), "OPERATION_NOT_ALLOWED");
    }
    storage.begin_epoch(SR, &alone, false).await.unwrap();
    storage.set_reset(SR, &alone, false).await.unwrap();
    assert_eq!(storage.read(SR, &alone, 0, 4096).await.unwrap(), [4; 4096]);
    ground.policies().set(SR, SrPolicy::default());
    storage.detach(SR).await.unwrap();
}

/// A disk that was to go back and is gone leaves nothing to one of its uuid.
async fn made_again(ground: &dyn Ground) {
    let storage = attached(ground).await;
    let again = || NewVolume { uuid: Some(SAME.into()), ..new(8 << 20) };
    storage.create_volume(SR, again()).await.unwrap();
    storage.write(SR, SAME, 0, vec![1; 4096]).await.unwrap();
    storage.set_reset(SR, SAME, true).await.unwrap();
    storage.destroy_volume(SR, SAME).await.unwrap();
    collect(&*storage).await;
    storage.create_volume(SR, again()).await.unwrap();
    storage.write(SR, SAME, 0, vec![2; 4096]).await.unwrap();
    let snapshot = storage.snapshot_volume(SR, SAME, &fresh()).await.unwrap().location;
    storage.destroy_volume(SR, &snapshot).await.unwrap();
    collect(&*storage).await;
    assert_eq!(storage.scan(SR).await.unwrap().len(), 1, "its leaf is merged like any other");
    assert_eq!(storage.read(SR, SAME, 0, 4096).await.unwrap(), [2; 4096]);
    storage.destroy_volume(SR, SAME).await.unwrap();
    storage.detach(SR).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_in_files_go_back() {
    for format in ["vhd", "raw", "qcow2"] {
        let place = Place::new();
        place.native().create(&place.config(), 0).await.unwrap();
        life(&place, format).await;
        place.assert_clean();
    }
    let place = Place::new();
    place.native().create(&place.config(), 0).await.unwrap();
    made_again(&place).await;
    taken_over(&place).await;
    place.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_in_groups_go_back() {
    for allocation in ["thick", "thin"] {
        let place = LvmPlace { allocation, ..LvmPlace::new() };
        place.native().create(&place.config(), 0).await.unwrap();
        for format in ["vhd", "raw"] {
            life(&place, format).await;
            place.assert_clean().await;
        }
        taken_over(&place).await;
        place.assert_clean().await;
    }
}
