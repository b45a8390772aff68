//! What becomes an SR of files and what does not, and what its disks and images may be like.

mod common;

use common::{Place, SR, code, fresh, guest::connect, new};
use xapi_backend::{Storage, storage::SrConfig};

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_images_is_not_made_anew_and_unknown_types_are_refused() {
    let place = Place::new();
    let storage = place.ready().await;
    storage.create_volume(SR, new(8 << 20)).await.unwrap();
    let again = place.native();
    assert_eq!(code(again.create(&place.config(), 0).await), "SR_BACKEND_FAILURE_61");
    assert_eq!(place.files().len(), 1);
    for kind in ["lvmohba", "linstor", "gfs2", "zfs", "largeblock"] {
        let config = SrConfig { kind: kind.into(), ..place.config() };
        assert_eq!(code(again.create(&config, 0).await), "SR_BACKEND_FAILURE_47", "{kind}");
        assert_eq!(code(again.attach(&config).await), "SR_BACKEND_FAILURE_47", "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_one_sr_and_not_two() {
    let place = Place::new();
    let storage = place.ready().await;
    let other = SrConfig { uuid: fresh(), ..place.config() };
    // Empty or not, it is somebody's already; by another way there, too.
    for _ in 0..2 {
        let refused = storage.create(&other, 0).await.unwrap_err();
        assert_eq!(refused.code, "SR_BACKEND_FAILURE_42");
        assert!(refused.to_string().contains(SR), "{refused}");
        let refused = storage.attach(&other).await.unwrap_err();
        assert_eq!(refused.code, "SR_BACKEND_FAILURE_42");
        storage.create_volume(SR, new(8 << 20)).await.unwrap();
    }
    let link = place.dir.path().join("link");
    std::os::unix::fs::symlink(&place.location, &link).unwrap();
    let device_config = vec![("location".to_string(), link.to_string_lossy().into_owned())];
    let linked = SrConfig { device_config, ..other.clone() };
    assert_eq!(code(storage.attach(&linked).await), "SR_BACKEND_FAILURE_42");
    assert_eq!(code(storage.scan(&other.uuid).await), "SR_NOT_ATTACHED");
    assert_eq!(storage.scan(SR).await.unwrap().len(), 2);
    // The same SR is attached as often as one likes, and given up its directory is free.
    storage.attach(&place.config()).await.unwrap();
    storage.detach(SR).await.unwrap();
    storage.attach(&other).await.unwrap();
    assert_eq!(storage.scan(&other.uuid).await.unwrap().len(), 2, "a full directory is introduced");
    assert_eq!(code(storage.attach(&place.config()).await), "SR_BACKEND_FAILURE_42");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_ends_within_a_sector_is_read_to_its_end() {
    let place = Place::new();
    let isos = place.dir.path().join("isos");
    std::fs::create_dir(&isos).unwrap();
    std::fs::write(isos.join("odd.iso"), vec![7; 4196]).unwrap();
    let device_config = [("location", isos.to_string_lossy().into_owned()), ("legacy_mode", "true".into())];
    let device_config = device_config.map(|(k, v)| (k.to_string(), v)).to_vec();
    let library = SrConfig { uuid: fresh(), kind: "iso".into(), device_config, sm_config: vec![] };
    let storage = place.ready().await;
    storage.attach(&library).await.unwrap();
    let iso = (library.uuid.as_str(), "odd.iso");
    // Its size is the file's, as the original says it.
    assert_eq!(storage.stat_volume(iso.0, iso.1).await.unwrap().virtual_size, 4196);
    let read = storage.read(iso.0, iso.1, 4096, 512).await.unwrap();
    assert!(read[..100] == [7; 100] && read[100..] == [0; 412]);
    assert_eq!(storage.read(iso.0, iso.1, 4190, 6).await.unwrap(), [7; 6]);
    assert!(storage.read(iso.0, iso.1, 4096, 1024).await.is_err(), "no more than that sector");
    assert_eq!(storage.extents(iso.0, iso.1).await.unwrap(), [(0, 4608)]);
    let copy = storage.create_volume(SR, new(4196)).await.unwrap().location;
    storage.copy_volume(iso, (SR, &copy), Box::new(|_| true)).await.unwrap();
    let read = storage.read(SR, &copy, 0, 8192).await.unwrap();
    assert!(read[..4196].iter().all(|b| *b == 7) && read[4196..].iter().all(|b| *b == 0));
    // A raw disk of such a file, and what a disk server gives of it below another image.
    let raw = fresh();
    std::fs::write(place.location.join(format!("{raw}.raw")), vec![9; 1000]).unwrap();
    assert_eq!(storage.stat_volume(SR, &raw).await.unwrap().virtual_size, 1024);
    assert_eq!(
        storage.read(SR, &raw, 512, 512).await.unwrap()[480..],
        [[9; 8].as_slice(), &[0; 24]].concat()
    );
    storage.snapshot_volume(SR, &raw, &fresh()).await.unwrap();
    let path = storage.open_volume(SR, &raw, true).await.unwrap();
    let mut guest = connect(&path);
    let read = guest.read(512, 512);
    assert!(read[..488] == [9; 488] && read[488..] == [0; 24]);
    guest.write(512, &[5; 512], 0);
    drop(guest);
    storage.close_volume(SR, &raw).await.unwrap();
    assert_eq!(storage.read(SR, &raw, 512, 512).await.unwrap(), [5; 512]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_too_large_for_a_vhd_is_a_qcow2_where_that_is_not_forbidden() {
    let place = Place::new();
    let storage = place.ready().await;
    let kind = |name: &str| {
        format!("{name}.{}", if place.files().contains(&format!("{name}.vhd")) { "vhd" } else { "qcow2" })
    };
    let small = storage.create_volume(SR, new(2040 << 30)).await.unwrap();
    let large = storage.create_volume(SR, new(3 << 40)).await.unwrap();
    assert_eq!(
        (kind(&small.location), kind(&large.location)),
        (format!("{}.vhd", small.location), format!("{}.qcow2", large.location))
    );
    assert_eq!(large.virtual_size, 3 << 40);
    storage.write(SR, &large.location, (3 << 40) - 512, vec![6; 512]).await.unwrap();
    assert_eq!(storage.read(SR, &large.location, (3 << 40) - 512, 512).await.unwrap(), [6; 512]);
    // A VHD stays one, and says why it can't grow.
    let refused = storage.resize_volume(SR, &small.location, 3 << 40).await.unwrap_err();
    assert!(refused.code == "SR_BACKEND_FAILURE_79" && refused.to_string().contains("2040 GiB"), "{refused}");
    // Its changes are not noted, which is said.
    let refused = storage.enable_cbt(SR, &large.location).await.unwrap_err();
    assert!(refused.code == "SR_BACKEND_FAILURE_66" && refused.to_string().contains("qcow2"), "{refused}");
    storage.detach(SR).await.unwrap();
    let mut config = place.config();
    config.device_config.push(("preferred-image-formats".into(), "vhd".into()));
    storage.attach(&config).await.unwrap();
    assert_eq!(code(storage.create_volume(SR, new(3 << 40)).await), "SR_BACKEND_FAILURE_79");
}
