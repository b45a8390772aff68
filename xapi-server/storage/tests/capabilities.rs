//! What our drivers say they can do, held against the drivers themselves: each word has its effect on real images and
//! lists, and what a driver does not say it refuses. Mounts and volume groups are stood in for; `ops/tests/capabilities.rs`
//! asks the same of the rows over the API.

mod common;

use std::{os::unix::fs::FileTypeExt, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use common::{Place, SR, code, disk_server, fresh, lvm::LvmPlace, new};
use xapi_backend::{
    Storage, features,
    program::Output,
    storage::{CBT_BLOCK, SrConfig},
};
use xapi_datapath::{DataPaths, Kind, Settings};
use xapi_storage::{Native, host::Host};

/// Programs that mount, check and activate, and succeed: what is mounted is the directory itself.
struct Willing;

#[async_trait]
impl Host for Willing {
    async fn run(&self, _: &str, _: &[&str], _: &[(&str, &str)]) -> Result<Output, String> {
        Ok(Output { status: 0, stdout: String::new(), stderr: String::new() })
    }
}

fn willing(place: &Place) -> Native {
    let settings = Settings {
        run: place.dir.path().join("r"),
        program: disk_server(),
        tap_ctl: None,
        kind: Some(Kind::Nbd),
        blocks: false,
        patience: Duration::from_secs(90),
    };
    let paths = Arc::new(DataPaths::start(settings).unwrap());
    let mounts = place.dir.path().join("mnt");
    let settings = xapi_storage::Settings { mounts, dev: "/dev".into(), sys: "/sys".into() };
    Native::new(Arc::new(Willing), place.policies.clone(), paths, settings)
}

fn config(kind: &str, keys: &[(&str, &str)]) -> SrConfig {
    let device_config = keys.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    SrConfig { uuid: SR.into(), kind: kind.into(), device_config, sm_config: vec![] }
}

fn said(storage: &dyn Storage, kind: &str) -> Vec<String> {
    storage.features(kind).iter().map(|word| features::split(word).0.to_owned()).collect()
}

/// Every word of a driver of images.
async fn images(storage: &dyn Storage, kind: &str, keys: &[(String, String)]) {
    let (words, id) = (said(storage, kind), SR);
    let disk = storage.create_volume(id, new(8 << 20)).await.unwrap().location;
    let write = async |at: &str, bytes: &[u8]| {
        storage.write(id, at, 0, bytes.to_vec()).await.unwrap();
        storage.flush(id, at).await.unwrap();
    };
    let read = async |at: &str| storage.read(id, at, 0, 4).await.unwrap();
    write(&disk, b"once").await;
    for word in &words {
        match word.as_str() {
            "SR_PROBE" => assert!(storage.probe(kind, keys).await.unwrap().contains("SRlist")),
            "SR_UPDATE" => assert!(storage.stat(id).await.unwrap().physical_size > 0),
            "VDI_UPDATE" => assert_eq!(storage.stat_volume(id, &disk).await.unwrap().virtual_size, 8 << 20),
            "VDI_CREATE" | "VDI_DELETE" => {
                let other = storage.create_volume(id, new(4 << 20)).await.unwrap().location;
                storage.destroy_volume(id, &other).await.unwrap();
                assert_eq!(code(storage.stat_volume(id, &other).await), "VDI_MISSING");
            }
            "VDI_ATTACH" | "VDI_DETACH" | "VDI_ACTIVATE" | "VDI_DEACTIVATE" => {
                let path = storage.open_volume(id, &disk, true).await.unwrap();
                assert_eq!(common::guest::connect(&path).read(0, 4), b"once", "{kind}");
                storage.close_volume(id, &disk).await.unwrap();
            }
            "VDI_CLONE" | "VDI_SNAPSHOT" => {
                let twin = match word.as_str() {
                    "VDI_CLONE" => storage.clone_volume(id, &disk, &fresh()).await,
                    _ => storage.snapshot_volume(id, &disk, &fresh()).await,
                };
                let twin = twin.unwrap().location;
                assert_eq!(read(&twin).await, b"once");
                storage.destroy_volume(id, &twin).await.unwrap();
            }
            "VDI_RESIZE" => {
                let other = storage.create_volume(id, new(4 << 20)).await.unwrap().location;
                assert_eq!(storage.resize_volume(id, &other, 6 << 20).await.unwrap().virtual_size, 6 << 20);
                storage.destroy_volume(id, &other).await.unwrap();
            }
            "VDI_MIRROR" => {
                let other = storage.create_volume(id, new(8 << 20)).await.unwrap().location;
                storage.copy_volume((id, &disk), (id, &other), Box::new(|_| true)).await.unwrap();
                assert_eq!(read(&other).await, b"once");
                storage.destroy_volume(id, &other).await.unwrap();
            }
            "VDI_CONFIG_CBT" => {
                storage.enable_cbt(id, &disk).await.unwrap();
                let before = storage.snapshot_volume(id, &disk, &fresh()).await.unwrap().location;
                write(&disk, b"once").await;
                let changed = storage.changed_blocks(id, &before, &disk).await.unwrap();
                assert_eq!(changed, [(0, CBT_BLOCK)], "{kind}");
                storage.disable_cbt(id, &disk).await.unwrap();
                storage.destroy_volume(id, &before).await.unwrap();
            }
            "VDI_RESET_ON_BOOT" => {
                storage.set_reset(id, &disk, true).await.unwrap();
                write(&disk, b"lost").await;
                storage.begin_epoch(id, &disk, true).await.unwrap();
                assert_eq!(read(&disk).await, b"once", "{kind}");
                storage.set_reset(id, &disk, false).await.unwrap();
            }
            "VDI_REVERT" => {
                let before = storage.snapshot_volume(id, &disk, &fresh()).await.unwrap().location;
                write(&disk, b"lost").await;
                storage.revert_volume(id, &disk, &before).await.unwrap();
                assert_eq!(read(&disk).await, b"once", "{kind}");
                storage.destroy_volume(id, &before).await.unwrap();
            }
            "THIN_PROVISIONING" => {
                let large = storage.create_volume(id, new(1 << 30)).await.unwrap();
                assert!(large.physical_utilisation < 16 << 20, "{kind}: {large:?}");
                storage.destroy_volume(id, &large.location).await.unwrap();
            }
            other => panic!("{kind} says {other}, which nobody has tried"),
        }
    }
    storage.detach(id).await.unwrap();
}

/// Every word of a list, and that nothing else is done to what is listed.
async fn list(storage: &dyn Storage, kind: &str, sr: &SrConfig) {
    let words = said(storage, kind);
    storage.attach(sr).await.unwrap();
    let listed = storage.scan(SR).await.unwrap();
    for word in &words {
        match word.as_str() {
            "SR_ATTACH" | "SR_DETACH" => {
                storage.detach(SR).await.unwrap();
                storage.attach(sr).await.unwrap();
            }
            "SR_SCAN" => assert!(!listed.is_empty()),
            "SR_UPDATE" => assert!(storage.stat(SR).await.unwrap().physical_size >= 0),
            "VDI_INTRODUCE" | "VDI_UPDATE" => {
                for volume in &listed {
                    assert_eq!(storage.stat_volume(SR, &volume.location).await.unwrap(), *volume);
                }
            }
            "VDI_ATTACH" | "VDI_DETACH" => {
                for volume in &listed {
                    storage.open_volume(SR, &volume.location, false).await.unwrap();
                    storage.close_volume(SR, &volume.location).await.unwrap();
                }
            }
            other => panic!("{kind} says {other}, which nobody has tried"),
        }
    }
    let location = listed.first().map_or("none", |volume| volume.location.as_str());
    let refused = [
        ("VDI_CREATE", code(storage.create_volume(SR, new(4 << 20)).await)),
        ("VDI_DELETE", code(storage.destroy_volume(SR, location).await)),
        ("VDI_SNAPSHOT", code(storage.snapshot_volume(SR, location, &fresh()).await)),
        ("VDI_CLONE", code(storage.clone_volume(SR, location, &fresh()).await)),
        ("VDI_RESIZE", code(storage.resize_volume(SR, location, 1 << 30).await)),
        ("VDI_REVERT", code(storage.revert_volume(SR, location, location).await)),
        ("VDI_CONFIG_CBT", code(storage.enable_cbt(SR, location).await)),
        ("VDI_RESET_ON_BOOT", code(storage.set_reset(SR, location, true).await)),
    ];
    for (word, told) in refused {
        assert!(!words.iter().any(|said| said == word));
        assert_eq!(told, "SR_OPERATION_NOT_SUPPORTED", "{kind} lacks {word}");
    }
    assert!(!code(storage.probe(kind, &sr.device_config).await).is_empty(), "{kind} does not probe");
    storage.detach(SR).await.unwrap();
}

/// A directory with a link to some block device of this machine.
fn drives(dir: &Path) {
    let mut devices = std::fs::read_dir("/dev").unwrap().flatten().map(|entry| entry.path());
    let block = |path: &std::path::PathBuf| {
        std::fs::metadata(path).is_ok_and(|m| m.file_type().is_block_device())
            && std::fs::File::open(path).is_ok()
    };
    if let Some(device) = devices.find(block) {
        std::os::unix::fs::symlink(device, dir.join("drive")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_do_what_they_say_and_nothing_else() {
    let mut tried = Vec::new();
    for kind in ["ext", "xfs", "nfs", "smb"] {
        let place = Place::new();
        let storage = willing(&place);
        let keys = [("device", "/dev/none"), ("server", "//nas/share"), ("serverpath", "/srv")];
        let keys = if kind == "nfs" { [keys[0], ("server", "nas"), keys[2]] } else { keys };
        let sr = config(kind, &keys);
        storage.attach(&sr).await.unwrap();
        images(&storage, kind, &sr.device_config).await;
        tried.push(kind);
    }
    let place = Place::new();
    let storage = place.ready().await;
    images(&storage, "file", &place.config().device_config).await;
    let place = LvmPlace::new();
    let storage = place.ready().await;
    images(&storage, "lvm", &place.config().device_config).await;
    // The same group on a LUN: how that is reached is for `iscsi.rs`.
    assert_eq!(said(&storage, "lvmoiscsi"), said(&storage, "lvm"));
    let place = Place::new();
    let storage = place.native();
    let (isos, links) = (place.dir.path().join("isos"), place.dir.path().join("links"));
    std::fs::create_dir(&isos).unwrap();
    std::fs::write(isos.join("a.iso"), [1; 4096]).unwrap();
    std::fs::create_dir(&links).unwrap();
    drives(&links);
    list(&storage, "iso", &config("iso", &[("location", isos.to_str().unwrap())])).await;
    list(&storage, "udev", &config("udev", &[("location", links.to_str().unwrap())])).await;
    list(&storage, "dummy", &config("dummy", &[])).await;
    tried.extend(["file", "lvm", "lvmoiscsi", "iso", "udev", "dummy"]);
    tried.sort_unstable();
    let mut kinds = storage.kinds();
    kinds.sort();
    assert_eq!(kinds, tried, "every driver");
    assert!(storage.features("gfs2").is_empty());
}
