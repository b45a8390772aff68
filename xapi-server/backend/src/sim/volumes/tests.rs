//! Volumes keep what they hold, and know what changed.

use super::*;

fn config() -> SrConfig {
    SrConfig { uuid: "s".into(), kind: "ext".into(), device_config: vec![], sm_config: vec![] }
}

fn new(size: i64) -> NewVolume {
    let empty = String::new;
    NewVolume {
        uuid: None,
        name: empty(),
        description: empty(),
        virtual_size: size,
        kind: "user".into(),
        sm_config: vec![],
    }
}

#[tokio::test]
async fn a_snapshot_keeps_what_was_written_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let volumes = Volumes::open(dir.path(), Arc::default()).unwrap();
    volumes.create(&config(), 0).await.unwrap();
    volumes.attach(&config()).await.unwrap();
    let disk = volumes.create_volume("s", new(8 << 20)).await.unwrap();
    volumes.write("s", &disk.location, 4096, b"before".to_vec()).await.unwrap();
    let snapshot = volumes.snapshot_volume("s", &disk.location, "one").await.unwrap();
    volumes.write("s", &disk.location, 4096, b"after!".to_vec()).await.unwrap();
    assert_eq!(volumes.read("s", &snapshot.location, 4096, 6).await.unwrap(), b"before");
    volumes.revert_volume("s", &disk.location, &snapshot.location).await.unwrap();
    assert_eq!(volumes.read("s", &disk.location, 4096, 6).await.unwrap(), b"before");
    assert!(snapshot.physical_utilisation < 1 << 20, "holes stay holes");
    let again = Volumes::open(dir.path(), Arc::default()).unwrap();
    assert_eq!(again.scan("s").await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_copy_leaves_nothing_of_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let volumes = Volumes::open(dir.path(), Arc::default()).unwrap();
    volumes.create(&config(), 0).await.unwrap();
    volumes.attach(&config()).await.unwrap();
    let from = volumes.create_volume("s", new(8 << 20)).await.unwrap().location;
    let to = volumes.create_volume("s", new(16 << 20)).await.unwrap().location;
    volumes.write("s", &from, 4 << 20, vec![1; 4096]).await.unwrap();
    volumes.write("s", &to, 1 << 20, vec![2; 4096]).await.unwrap();
    volumes.write("s", &to, 12 << 20, vec![2; 4096]).await.unwrap();
    volumes.copy_volume(("s", &from), ("s", &to), Box::new(|_| true)).await.unwrap();
    assert_eq!(volumes.extents("s", &to).await.unwrap(), [(4 << 20, 4096)]);
    assert_eq!(volumes.read("s", &to, 1 << 20, 1).await.unwrap(), [0]);
    assert_eq!(volumes.stat_volume("s", &to).await.unwrap().virtual_size, 16 << 20);
}

#[tokio::test]
async fn changes_are_known_between_snapshots() {
    const BLOCK: u64 = 64 << 10;
    let dir = tempfile::tempdir().unwrap();
    let volumes = Volumes::open(dir.path(), Arc::default()).unwrap();
    volumes.create(&config(), 0).await.unwrap();
    volumes.attach(&config()).await.unwrap();
    let disk = volumes.create_volume("s", new(8 << 20)).await.unwrap().location;
    volumes.write("s", &disk, 0, vec![1; 4096]).await.unwrap();
    volumes.enable_cbt("s", &disk).await.unwrap();
    let a = volumes.snapshot_volume("s", &disk, "a").await.unwrap();
    assert!(a.cbt_enabled);
    volumes.write("s", &disk, BLOCK - 1, vec![2; 2]).await.unwrap();
    let b = volumes.snapshot_volume("s", &disk, "b").await.unwrap().location;
    volumes.write("s", &disk, 100 * BLOCK, vec![3; 512]).await.unwrap();
    volumes.resize_volume("s", &disk, 9 << 20).await.unwrap();
    let volumes = Volumes::open(dir.path(), Arc::default()).unwrap();
    let between = async |from: &str, to: &str| volumes.changed_blocks("s", from, to).await;
    assert_eq!(between(&a.location, &b).await.unwrap(), [(0, 2 * BLOCK)]);
    let all = [(0, 2 * BLOCK), (100 * BLOCK, BLOCK), (128 * BLOCK, 16 * BLOCK)];
    assert_eq!(between(&a.location, &disk).await.unwrap(), all);
    assert_eq!(between(&b, &a.location).await.unwrap_err().code, "SR_BACKEND_FAILURE_460");
    // What a snapshot knew goes to the one after it.
    volumes.destroy_data("s", &b).await.unwrap();
    assert_eq!(between(&a.location, &disk).await.unwrap(), all);
    volumes.destroy_volume("s", &b).await.unwrap();
    assert_eq!(between(&a.location, &disk).await.unwrap(), all);
    volumes.disable_cbt("s", &disk).await.unwrap();
    assert_eq!(between(&a.location, &disk).await.unwrap_err().code, "SR_BACKEND_FAILURE_460");
}

#[tokio::test]
async fn files_of_a_killed_process_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let volumes = Volumes::open(dir.path(), Arc::default()).unwrap();
    volumes.create(&config(), 0).await.unwrap();
    volumes.attach(&config()).await.unwrap();
    let disk = volumes.create_volume("s", new(1 << 20)).await.unwrap().location;
    volumes.enable_cbt("s", &disk).await.unwrap();
    for stray in ["stray", "stray.cbtlog"] {
        fs::write(dir.path().join("sr/s").join(stray), "half").unwrap();
    }
    drop(volumes);
    Volumes::open(dir.path(), Arc::default()).unwrap();
    let mut left: Vec<_> = fs::read_dir(dir.path().join("sr/s"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, [disk.clone(), format!("{disk}.cbtlog")]);
}

#[tokio::test]
async fn senseless_sizes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let volumes = Volumes::open(dir.path(), Arc::default()).unwrap();
    volumes.create(&config(), 0).await.unwrap();
    assert_eq!(volumes.create_volume("s", new(1)).await.unwrap_err().code, "SR_NOT_ATTACHED");
    volumes.attach(&config()).await.unwrap();
    for size in [-5, i64::MAX] {
        assert_eq!(volumes.create_volume("s", new(size)).await.unwrap_err().code, "SR_BACKEND_FAILURE_79");
    }
}
