//! Disks as block devices of the kernel, by every way this host has: ublk and the nbd client. Run as root on a host
//! with the modules loaded and `XENNIX_KERNEL_PATHS=1`; anywhere else it says what it leaves out.
//!
//! `XENNIX_DISK` names the disk server where the tests are not beside it.

mod common;

use common::{Place, SIZE, eventually, new_vhd, pattern, take};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use xapi_datapath::watch::{nothing_to_settle, watch};
use xapi_datapath::{DataPath, DataPaths, Kind};
use xennix_disk::nbd::control::Merge;

/// The kinds to test: all of the two where it is asked for, none elsewhere.
fn kinds() -> Vec<Kind> {
    if std::env::var_os("XENNIX_KERNEL_PATHS").is_none() {
        eprintln!(
            "skipped: block devices of the kernel are tested with XENNIX_KERNEL_PATHS=1 on a host that has them"
        );
        return Vec::new();
    }
    vec![Kind::Ublk, Kind::KernelNbd]
}

fn start(place: &Place, kind: Kind) -> Arc<DataPaths> {
    let mut settings = place.settings();
    settings.kind = Some(kind);
    let paths = DataPaths::start(settings).expect("start");
    assert_eq!(paths.kind().expect("the module is loaded"), kind);
    println!("{}", paths.describe());
    Arc::new(paths)
}

fn device(path: &DataPath) -> PathBuf {
    match path {
        DataPath::Block(path) => path.clone(),
        other => panic!("no block device: {other:?}"),
    }
}

fn open(path: &Path) -> File {
    let mut file = None;
    eventually("the device", || {
        file = OpenOptions::new().read(true).write(true).open(path).ok();
        file.is_some()
    });
    file.expect("device")
}

fn read(path: &Path, at: u64, len: usize) -> Vec<u8> {
    let mut b = vec![0; len];
    // What the disk holds, not what this host remembers of it.
    assert!(Command::new("blockdev").arg("--flushbufs").arg(path).status().expect("blockdev").success());
    open(path).read_exact_at(&mut b, at).expect("read");
    b
}

/// Does a device let nobody write? A file that was opened for reading alone would tell nothing.
fn refuses(path: &Path) -> bool {
    let file = OpenOptions::new().write(true).open(path);
    file.and_then(|f| f.write_all_at(&[1; 512], 0).and_then(|()| f.sync_all())).is_err()
}

#[test]
fn a_block_device_is_written_flushed_discarded_and_gone() {
    for kind in kinds() {
        let place = Place::new();
        let paths = start(&place, kind);
        let path = device(&paths.open(&new_vhd(&place, "a.vhd"), true).expect("open"));
        let file = open(&path);
        file.write_all_at(&pattern(1, 4096), 1 << 20).expect("write");
        file.sync_all().expect("flush");
        drop(file);
        let sectors = std::fs::read_to_string(format!(
            "/sys/block/{}/size",
            path.file_name().expect("name").to_string_lossy()
        ));
        assert_eq!(sectors.expect("size").trim(), (SIZE / 512).to_string());
        assert!(place.read("a.vhd")[1 << 20..][..2 << 20] == pattern(1, 4096)[..], "durable after a flush");
        let before = std::fs::metadata(place.sr().join("a.vhd")).expect("metadata").blocks();
        let discard = Command::new("blkdiscard")
            .args(["-o", "1048576", "-l", "1048576"])
            .arg(&path)
            .status()
            .expect("blkdiscard");
        assert!(discard.success());
        let after = std::fs::metadata(place.sr().join("a.vhd")).expect("metadata").blocks();
        assert!(after + 1500 < before, "{kind:?}: a discard gives space back: {before} to {after}");
        assert!(read(&path, 2 << 20, 1 << 20) == pattern(1, 4096)[1 << 20..]);
        let pid = place.pid("a");
        paths.close("a").expect("close");
        assert!(!place.runs(pid) && place.leftovers().is_empty());
        let gone = || match kind {
            Kind::Ublk => !path.exists(),
            _ => std::fs::metadata(format!("/sys/block/{}/pid", path.file_name().unwrap().to_string_lossy()))
                .is_err(),
        };
        eventually("the device's end", gone);
        assert_eq!(place.check(), "clean\n");
        // For reading only.
        let path = device(
            &paths.open(&xapi_datapath::Spec::new("a", place.sr().join("a.vhd")).unwrap(), false).unwrap(),
        );
        assert!(read(&path, 2 << 20, 512) == pattern(1, 4096)[1 << 20..][..512]);
        assert!(refuses(&path), "{kind:?}: written to a disk that is read");
        paths.close("a").expect("close");
    }
}

/// Kills the server of `a` under a guest that writes, and compares what the guest was told is durable.
fn kill_under_writes(place: &Place, path: &Path, kind: Kind) {
    let stop = Arc::new(AtomicBool::new(false));
    let (ended, to) = (Arc::clone(&stop), path.to_owned());
    // Writes and makes durable, all the time; an error ends it.
    let guest = std::thread::spawn(move || {
        let file = open(&to);
        let mut n = 0u64;
        while !ended.load(Ordering::SeqCst) {
            let at = n % 96 * 65536;
            file.write_all_at(&pattern(n + 1, 16), at).expect("write");
            file.sync_data().expect("flush");
            n += 1;
        }
        n
    });
    for round in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(700));
        let pid = place.pid("a");
        place.kill(pid);
        eventually("another server", || place.serves("a") && place.pid("a") != pid);
        println!("{kind:?}: round {round}: killed and started again");
    }
    std::thread::sleep(std::time::Duration::from_millis(700));
    stop.store(true, Ordering::SeqCst);
    let n = guest.join().expect("the guest saw no error");
    println!("{kind:?}: {n} writes over three kills");
    assert!(n > 0);
    for last in n.saturating_sub(96)..n {
        assert!(read(path, last % 96 * 65536, 8192) == pattern(last + 1, 16), "write {last}");
    }
}

#[test]
fn a_guest_goes_on_when_its_server_is_killed() {
    for kind in kinds() {
        let place = Place::new();
        let paths = start(&place, kind);
        let watch = watch(&paths, nothing_to_settle()).expect("watch");
        let path = device(&paths.open(&new_vhd(&place, "a.vhd"), true).expect("open"));
        kill_under_writes(&place, &path, kind);
        drop(watch);
        paths.close("a").expect("close");
        assert_eq!(place.check(), "clean\n");
    }
}

#[test]
fn a_guest_waits_through_pauses_and_never_sees_a_merge() {
    for kind in kinds() {
        let place = Place::new();
        let paths = start(&place, kind);
        let path = device(&paths.open(&new_vhd(&place, "a.vhd"), true).expect("open"));
        let file = open(&path);
        file.write_all_at(&pattern(1, 8), 0).expect("write");
        file.sync_all().expect("flush");
        let (to, sr) = (path.clone(), &place);
        let mut guest = None;
        paths
            .while_paused("a", || {
                guest = Some(std::thread::spawn(move || {
                    let file = open(&to);
                    file.write_all_at(&pattern(2, 8), 65536).expect("write");
                    file.sync_all().expect("flush");
                }));
                take(sr, "a.vhd", "base.vhd", "snap.vhd");
                Ok::<_, xapi_datapath::Error>(((), None))
            })
            .expect("snapshot");
        guest.take().expect("guest").join().expect("the guest saw no error");
        assert!(place.read("snap.vhd")[65536..][..4096].iter().all(|b| *b == 0));
        std::fs::remove_file(place.sr().join("snap.vhd")).expect("remove");
        paths.coalesce("a", None).expect("coalesce");
        eventually("the merge", || {
            file.write_all_at(&pattern(3, 8), 1 << 20).expect("write");
            file.sync_all().expect("flush");
            let status = paths.status("a").expect("status").expect("open").server.expect("answers");
            matches!(status.merge, Some(Merge::Done))
        });
        assert!(read(&path, 0, 4096) == pattern(1, 8) && read(&path, 65536, 4096) == pattern(2, 8));
        // Another daemon finds the device.
        let again = start(&place, kind);
        assert!(again.recover(&|_| Ok(None)).is_empty());
        drop(file);
        again.close("a").expect("close");
        assert_eq!(place.check(), "clean\n");
        assert!(!place.sr().join("base.vhd").exists());
    }
}

#[test]
fn a_device_whose_server_stays_dead_is_taken_away() {
    for kind in kinds() {
        let place = Place::new();
        let paths = start(&place, kind);
        let path = device(&paths.open(&new_vhd(&place, "a.vhd"), true).expect("open"));
        place.kill(place.pid("a"));
        paths.close("a").expect("close");
        assert!(place.leftovers().is_empty());
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        eventually("the device's end", || match kind {
            Kind::Ublk => !path.exists(),
            _ => !Path::new(&format!("/sys/block/{name}/pid")).exists(),
        });
    }
}

#[test]
fn what_tapdisk_serves_becomes_a_block_device() {
    for place in if kinds().is_empty() { Vec::new() } else { Place::with_tapdisk() } {
        println!("{}", place.tap_ctl.as_ref().expect("tap-ctl").display());
        let paths = start(&place, Kind::Tapdisk);
        let watch = watch(&paths, nothing_to_settle()).expect("watch");
        let path = device(&paths.open(&new_vhd(&place, "a.vhd"), true).expect("open"));
        let file = open(&path);
        file.write_all_at(&pattern(1, 4096), 4 << 20).expect("write");
        file.sync_all().expect("flush");
        drop(file);
        assert!(read(&path, 4 << 20, 2 << 20) == pattern(1, 4096));
        // The guest waits while the image is changed below it.
        let to = path.clone();
        let mut guest = None;
        paths
            .while_paused("a", || {
                guest = Some(std::thread::spawn(move || {
                    let file = open(&to);
                    file.write_all_at(&pattern(2, 8), 6 << 20).expect("write");
                    file.sync_all().expect("flush");
                }));
                std::thread::sleep(std::time::Duration::from_millis(500));
                take(&place, "a.vhd", "base.vhd", "snap.vhd");
                Ok::<_, xapi_datapath::Error>(((), None))
            })
            .expect("snapshot");
        guest.take().expect("guest").join().expect("the guest saw no error");
        assert!(place.read("snap.vhd")[6 << 20..][..4096].iter().all(|b| *b == 0));
        kill_under_writes(&place, &path, Kind::Tapdisk);
        assert!(read(&path, 6 << 20, 4096) == pattern(2, 8));
        // Another daemon finds the device. The one before is gone, and with it its claim on the image.
        drop(watch);
        drop(paths);
        let again = start(&place, Kind::Tapdisk);
        let failed = again.recover(&|_| Ok(None));
        assert!(failed.is_empty(), "{failed:?}");
        assert!(read(&path, 6 << 20, 4096) == pattern(2, 8));
        again.close("a").expect("close");
        assert!(place.leftovers().is_empty());
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        let gone = || !Path::new(&format!("/sys/block/{name}/pid")).exists();
        eventually("the device's end", gone);
        assert!(place.read("a.vhd")[6 << 20..][..4096] == pattern(2, 8)[..]);
        assert!(!place.check().contains("error"), "{}", place.check());
        // For reading only, which it says itself nowhere.
        let spec = xapi_datapath::Spec::new("a", place.sr().join("a.vhd")).expect("spec");
        let path = device(&again.open(&spec, false).expect("open"));
        assert!(read(&path, 6 << 20, 512) == pattern(2, 8)[..512]);
        assert!(refuses(&path), "written to a disk that is read");
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        let ro = std::fs::read_to_string(format!("/sys/block/{name}/ro")).expect("ro");
        assert_eq!(ro.trim(), "1", "the kernel knows");
        again.close("a").expect("close");
    }
}
