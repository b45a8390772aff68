//! An SR on LVM: under guests, guarded, cut and failing at each command, full, without its database. Over the stand-in
//! for the tools; with `XENNIX_LVM_DEVICE=/dev/...` over the real ones, on a device that they may have.

mod common;
mod lvm {
    mod cuts;
}

use std::sync::Arc;

use common::{
    SR, code, fresh,
    guest::connect,
    lvm::{Fault, Faulty, LvmPlace},
    new,
};
use xapi_backend::{
    Storage,
    storage::{DataPath, NewVolume},
};
use xapi_storage::{Native, lvm::group_of, policy::SrPolicy};

const MIB: u64 = 1 << 20;

/// Nothing is left of the SR, nor of what it held.
async fn over(place: &LvmPlace, storage: &Native) {
    common::destroy(storage, SR).await;
    let dir = place.dev.join(group_of(SR));
    let left = std::fs::read_dir(&dir).map(|d| d.count()).unwrap_or(0);
    assert_eq!(left, 0, "{}", dir.display());
}

async fn active(place: &LvmPlace) -> Vec<String> {
    let all = place.volumes().await.into_iter().filter(|v| v.active).map(|v| v.name);
    let mut names: Vec<String> = all.collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_disk_is_frozen_merged_and_found_again() {
    let place = LvmPlace::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    assert!(active(&place).await.is_empty(), "nobody uses anything");
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    assert_eq!(active(&place).await, [format!("VHD-{disk}")]);
    let mut guest = connect(&path);
    guest.write(0, &[1; 4096], 0);
    let mut snapshots = Vec::new();
    for n in 2..=4_u8 {
        snapshots.push(storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location);
        guest.write(u64::from(n) * MIB, &[n; 4096], 0);
    }
    // A chain of four is held, each inner node as small as it can be and protected.
    let volumes = place.volumes().await;
    assert_eq!(active(&place).await.len(), 4, "{volumes:?}");
    let nodes: Vec<_> = volumes.iter().filter(|v| !v.writable).collect();
    assert_eq!(nodes.len(), 3, "{volumes:?}");
    assert!(nodes.iter().all(|v| v.size <= 12 << 20), "{nodes:?}");
    let leaf = volumes.iter().find(|v| v.name == format!("VHD-{disk}")).unwrap();
    assert_eq!(leaf.size, 16 << 20);
    assert_eq!(storage.read(SR, &snapshots[0], 0, 4096).await.unwrap(), [1; 4096]);
    assert_eq!(guest.read(0, 4096), [1; 4096]);
    // A scan lets go of nothing that a guest needs, and of all else.
    storage.flush(SR, &snapshots[0]).await.unwrap();
    storage.scan(SR).await.unwrap();
    assert_eq!(active(&place).await.len(), 4);
    assert_eq!(code(storage.destroy_volume(SR, &disk).await), "VDI_IN_USE");
    assert_eq!(code(storage.detach(SR).await), "VDI_IN_USE");
    for gone in &snapshots[..2] {
        storage.destroy_volume(SR, gone).await.unwrap();
    }
    // The daemon dies; the guest does not notice, and the next daemon finds its disk.
    drop(storage);
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    assert_eq!(storage.open_volume(SR, &disk, true).await.unwrap(), path);
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert!(!storage.has_garbage(SR).await.unwrap());
    assert_eq!(place.names().await.len(), 3, "{:?}", place.names().await);
    for n in 2..=4_u8 {
        assert_eq!(guest.read(u64::from(n) * MIB, 4096), [n; 4096]);
    }
    guest.write(5 * MIB, &[5; 4096], 0);
    drop(guest);
    storage.close_volume(SR, &disk).await.unwrap();
    assert!(active(&place).await.is_empty(), "{:?}", active(&place).await);
    storage.destroy_volume(SR, &snapshots[2]).await.unwrap();
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert_eq!(place.names().await, [format!("VHD-{disk}")]);
    for (at, byte) in [(0, 1), (2, 2), (3, 3), (4, 4), (5, 5)] {
        assert_eq!(storage.read(SR, &disk, at * MIB, 4096).await.unwrap(), [byte; 4096]);
    }
    storage.detach(SR).await.unwrap();
    place.assert_clean().await;
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_or_written_here_stays_reachable_no_longer_than_that() {
    let place = LvmPlace::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(8 << 20)).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![7; 4096]).await.unwrap();
    assert_eq!(active(&place).await, [format!("VHD-{disk}")]);
    storage.flush(SR, &disk).await.unwrap();
    assert!(active(&place).await.is_empty(), "who is done says so");
    assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), [7; 4096]);
    assert_eq!(active(&place).await, [format!("VHD-{disk}")], "the next piece is near");
    // Who goes away without a word is missed after a while.
    let mut waited = 0;
    while !active(&place).await.is_empty() {
        assert!(waited < 600, "it stays reachable");
        waited += 1;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // And is welcome again.
    assert_eq!(storage.extents(SR, &disk).await.unwrap().len(), 1);
    assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), [7; 4096]);
    storage.flush(SR, &disk).await.unwrap();
    over(&place, &storage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guarded_group_is_only_written_by_guests() {
    let place = LvmPlace { allocation: "thin", ..LvmPlace::new() };
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(64 << 20)).await.unwrap().location;
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    let thin = place.volumes().await.into_iter().find(|v| v.name == format!("VHD-{disk}")).unwrap();
    assert_eq!(thin.size, 8 << 20, "a thin leaf");
    storage.detach(SR).await.unwrap();
    // Something half-done, which is its old owner's to finish.
    let half = xapi_storage::lvm::notes::tags("k", "g", "{\"op\":\"making\",\"new\":[\"VHD-x\"]}").unwrap();
    place.tool("vgchange", &["--addtag", &half[0], &group_of(SR)]).await;
    place.policies.set(SR, SrPolicy { guarded: true, ..SrPolicy::default() });
    storage.attach(&place.config()).await.unwrap();
    let (before, tags, table) = (place.names().await, place.group().await.tags, place.table().await);
    for refused in [
        code(storage.create_volume(SR, new(8 << 20)).await),
        code(storage.destroy_volume(SR, &snapshot).await),
        code(storage.snapshot_volume(SR, &disk, &fresh()).await),
        code(storage.clone_volume(SR, &disk, &fresh()).await),
        code(storage.resize_volume(SR, &disk, 128 << 20).await),
        code(storage.revert_volume(SR, &disk, &snapshot).await),
        code(storage.write(SR, &disk, 0, vec![1; 512]).await),
        code(storage.delete(SR).await),
    ] {
        assert_eq!(refused, "OPERATION_NOT_ALLOWED");
    }
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    storage.name_volume(SR, &disk, "n", "d").await.unwrap();
    storage.scan(SR).await.unwrap();
    // What a guest writes needs room, which is the one thing it gets.
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    let grown = place.volumes().await.into_iter().find(|v| v.name == format!("VHD-{disk}")).unwrap();
    assert!(grown.size > 64 << 20);
    let mut guest = connect(&path);
    guest.write(40 * MIB, &[5; 4096], 0);
    drop(guest);
    storage.close_volume(SR, &disk).await.unwrap();
    assert_eq!(storage.read(SR, &disk, 40 * MIB, 4096).await.unwrap(), [5; 4096]);
    storage.detach(SR).await.unwrap();
    assert_eq!((place.names().await, place.group().await.tags, place.table().await), (before, tags, table));
    assert!(active(&place).await.is_empty());
    // Lifted, what was half-done is settled.
    place.policies.set(SR, SrPolicy::default());
    storage.attach(&place.config()).await.unwrap();
    storage.detach(SR).await.unwrap();
    place.assert_clean().await;
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_volumes_are_handed_over_and_come_back_from_a_snapshot() {
    let place = LvmPlace::new();
    let storage = place.ready().await;
    let raw = NewVolume { sm_config: vec![("type".into(), "raw".into())], ..new(8 << 20) };
    let disk = storage.create_volume(SR, raw).await.unwrap();
    assert_eq!(disk.virtual_size, 8 << 20);
    let disk = disk.location;
    assert_eq!(place.names().await, [format!("LV-{disk}")]);
    assert_eq!(storage.read(SR, &disk, 0, 8 << 20).await.unwrap(), vec![0; 8 << 20], "old bytes are gone");
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    let (DataPath::Block(node) | DataPath::File(node)) = &path else { panic!("{path:?}") };
    assert_eq!(*node, place.dev.join(group_of(SR)).join(format!("LV-{disk}")));
    storage.scan(SR).await.unwrap();
    assert_eq!(active(&place).await, [format!("LV-{disk}")]);
    assert_eq!(code(storage.snapshot_volume(SR, &disk, &fresh()).await), "SR_BACKEND_FAILURE_82");
    storage.close_volume(SR, &disk).await.unwrap();
    storage.write(SR, &disk, MIB, vec![7; 4096]).await.unwrap();
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    let volumes = place.volumes().await;
    let base = volumes.iter().find(|v| v.name.starts_with("LV-")).unwrap();
    assert!(!base.writable && base.tags == ["hidden"], "{base:?}");
    storage.write(SR, &disk, 2 * MIB, vec![8; 4096]).await.unwrap();
    assert_eq!(storage.read(SR, &snapshot, MIB, 4096).await.unwrap(), [7; 4096]);
    assert_eq!(storage.read(SR, &snapshot, 2 * MIB, 4096).await.unwrap(), [0; 4096]);
    storage.destroy_volume(SR, &snapshot).await.unwrap();
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert_eq!(place.names().await, [format!("LV-{disk}")]);
    assert_eq!(storage.read(SR, &disk, MIB, 4096).await.unwrap(), [7; 4096]);
    assert_eq!(storage.read(SR, &disk, 2 * MIB, 4096).await.unwrap(), [8; 4096]);
    assert_eq!(storage.table(&place).await, [("aio".to_owned(), true)]);
    storage.detach(SR).await.unwrap();
    place.assert_clean().await;
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
}

trait Told {
    async fn table(&self, place: &LvmPlace) -> Vec<(String, bool)>;
}

impl Told for Native {
    /// What the metadata volume says: type, and whether it is a disk.
    async fn table(&self, place: &LvmPlace) -> Vec<(String, bool)> {
        self.flush(SR, "").await.unwrap();
        place.table().await.entries().map(|e| (e.vdi_type.clone(), e.managed)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_outlive_the_database_and_the_metadata_volume_outlives_damage() {
    let place = LvmPlace::new();
    let storage = place.ready().await;
    let asked = NewVolume {
        name: "a <b> & ö".into(),
        description: "d".into(),
        kind: "system".into(),
        ..new(4 << 20)
    };
    let disk = storage.create_volume(SR, asked).await.unwrap().location;
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    storage.name_volume(SR, &disk, "later", "e").await.unwrap();
    storage.name_sr(SR, "all <of> it", "ä").await.unwrap();
    storage.detach(SR).await.unwrap();
    let told = place.table().await.sr;
    assert_eq!((told.name.as_str(), told.description.as_str()), ("all <of> it", "ä"));
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    let found = storage.scan(SR).await.unwrap();
    let of = |at: &str| found.iter().find(|v| v.location == *at).unwrap();
    assert_eq!((of(&disk).name.as_str(), of(&disk).description.as_str()), ("later", "e"));
    assert_eq!((of(&snapshot).name.as_str(), of(&snapshot).kind.as_str()), ("a <b> & ö", "system"));
    assert_eq!(of(&snapshot).snapshot_of.as_deref(), Some(disk.as_str()));
    assert_eq!(found.iter().filter(|v| v.hidden && v.name == "base copy").count(), 1);
    storage.detach(SR).await.unwrap();
    // Wrecked, and with a volume that nobody wrote down.
    let path = format!("{}/MGT", group_of(SR));
    place.tool("lvchange", &["--yes", "--activate", "y", &path]).await;
    let file = std::fs::File::options().write(true).open(place.dev.join(&path)).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 700], 0).unwrap();
    file.sync_all().unwrap();
    drop(file);
    place.tool("lvchange", &["--yes", "--activate", "n", &path]).await;
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    assert_eq!(storage.scan(SR).await.unwrap().len(), 3);
    storage.detach(SR).await.unwrap();
    place.assert_clean().await;
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_in_use_are_refused_and_half_made_groups_are_made_again() {
    let place = LvmPlace::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(4 << 20)).await.unwrap().location;
    for forced in [false, true] {
        let mut again = place.config();
        again.uuid = "11111111-1111-4111-8111-111111111111".into();
        again.sm_config.push(("force".into(), forced.to_string()));
        assert_eq!(code(storage.create(&again, 0).await), "SR_BACKEND_FAILURE_55");
    }
    let probed = storage.probe("lvm", &place.config().device_config).await.unwrap();
    assert!(probed.contains(&format!("<UUID>\n\t\t\t{SR}\n")), "{probed}");
    assert!(probed.contains(&format!("<Devlist>\n\t\t\t{}\n", place.device)), "{probed}");
    assert_eq!(code(storage.probe("lvm", &[]).await), "SR_BACKEND_FAILURE_90");
    let nowhere = [("device".to_owned(), "/dev/nowhere".to_owned())];
    assert_eq!(code(storage.probe("lvm", &nowhere).await), "SR_BACKEND_FAILURE_91");
    storage.destroy_volume(SR, &disk).await.unwrap();
    // Journals of the original are the original's.
    let args = ["--yes", "--size", "4194304b", "--addtag", "journaler", "--name", "leaf_x_y", &group_of(SR)];
    place.tool("lvcreate", &args).await;
    storage.detach(SR).await.unwrap();
    storage.attach(&place.config()).await.unwrap();
    assert_eq!(code(storage.create_volume(SR, new(4 << 20)).await), "SR_BACKEND_FAILURE_78");
    assert_eq!(code(storage.delete(SR).await), "SR_BACKEND_FAILURE_80");
    place.tool("lvremove", &["--yes", "--force", &format!("{}/leaf_x_y", group_of(SR))]).await;
    storage.detach(SR).await.unwrap();
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
    // Cut while it is made, at each command in turn.
    for nth in 0..20 {
        let tools = Arc::new(Faulty::at(place.host.clone(), nth, Fault::Fail));
        let made = place.native_with(tools.clone()).create(&place.config(), 0).await;
        if !tools.is_over() {
            made.unwrap();
            break;
        }
        // One that only lets go of something may fail.
        if made.is_ok() {
            let storage = place.native();
            storage.attach(&place.config()).await.unwrap();
            over(&place, &storage).await;
        }
    }
    let storage = place.native();
    storage.attach(&place.config()).await.unwrap();
    storage.detach(SR).await.unwrap();
    place.tool("vgchange", &["--addtag", "xennix-making", &group_of(SR)]).await;
    assert_eq!(code(storage.attach(&place.config()).await), "SR_BACKEND_FAILURE_47");
    storage.create(&place.config(), 0).await.unwrap();
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_group_loses_nothing() {
    let place = LvmPlace::new();
    let storage = place.ready().await;
    let disk = storage.create_volume(SR, new(64 << 20)).await.unwrap().location;
    storage.write(SR, &disk, 0, vec![7; 1 << 20]).await.unwrap();
    storage.flush(SR, &disk).await.unwrap();
    let stat = storage.stat(SR).await.unwrap();
    let free = stat.physical_size - stat.physical_utilisation;
    assert!(free > 1 << 30 && stat.physical_utilisation >= 64 << 20, "{stat:?}");
    // All but a little: neither a disk nor a twin nor a larger disk fits.
    let most = storage.create_volume(SR, new(free - (24 << 20))).await.unwrap().location;
    let before = place.names().await;
    assert_eq!(code(storage.create_volume(SR, new(64 << 20)).await), "SR_BACKEND_FAILURE_44");
    assert_eq!(code(storage.clone_volume(SR, &disk, &fresh()).await), "SR_BACKEND_FAILURE_44");
    assert_eq!(code(storage.snapshot_volume(SR, &most, &fresh()).await), "SR_BACKEND_FAILURE_44");
    assert_eq!(code(storage.resize_volume(SR, &disk, 256 << 20).await), "SR_BACKEND_FAILURE_44");
    assert_eq!(place.names().await, before);
    assert_eq!(storage.stat_volume(SR, &disk).await.unwrap().virtual_size, 64 << 20);
    assert_eq!(storage.read(SR, &disk, 0, 1 << 20).await.unwrap(), vec![7; 1 << 20]);
    storage.destroy_volume(SR, &most).await.unwrap();
    assert_eq!(storage.stat(SR).await.unwrap(), stat);
    storage.detach(SR).await.unwrap();
    place.assert_clean().await;
    storage.attach(&place.config()).await.unwrap();
    over(&place, &storage).await;
}
