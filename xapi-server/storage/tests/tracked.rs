//! Changes of disks of files are noted, of running ones too, and what is not sure is not believed.

mod common;

use common::{Place, SR, code, fresh, guest::connect, new};
use xapi_backend::Storage;
use xapi_storage::policy::SrPolicy;

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
