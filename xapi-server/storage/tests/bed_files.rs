//! Families of files on what they are really made of: volume groups, servers of NFS and SMB, devices that fail. Runs
//! in the test bed's dom0 by `in-bed`, which sets the servers up; elsewhere it only says so.

mod common;

use std::path::Path;

use common::{
    Place, SR, code, fresh,
    guest::Client,
    mount::{device, run},
    new,
};
use xapi_backend::{
    Storage,
    storage::{DataPath, SrConfig},
};

const MIB: u64 = 1 << 20;

/// Where big files may lie; nothing elsewhere.
fn bed() -> Option<std::path::PathBuf> {
    let dir = std::env::var_os("XENNIX_BED_FILES");
    if dir.is_none() {
        eprintln!("skipped: runs in the bed (xapi-server/storage/tests/in-bed files)");
    }
    dir.map(Into::into)
}

fn config(kind: &str, device: &[(&str, &str)]) -> SrConfig {
    SrConfig {
        uuid: SR.into(),
        kind: kind.into(),
        device_config: device.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        sm_config: vec![],
    }
}

/// The whole life of an SR of files.
async fn lives(sr: &SrConfig) {
    let place = Place::new();
    let mount = place.dir.path().join("mnt").join(SR);
    let storage = place.native();
    storage.create(sr, 0).await.unwrap();
    assert!(!mount.exists(), "only made, not mounted");
    let found = storage.probe(&sr.kind, &sr.device_config).await.unwrap();
    assert!(found.contains(SR), "{found}");
    storage.attach(sr).await.unwrap();
    let stat = storage.stat(SR).await.unwrap();
    assert!(stat.physical_size > 100 << 20 && stat.physical_utilisation >= 0, "{stat:?}");
    let disk = storage.create_volume(SR, new(64 << 20)).await.unwrap().location;
    let path = storage.open_volume(SR, &disk, true).await.unwrap();
    let DataPath::Nbd { socket, export } = &path else { panic!("{path:?}") };
    let mut guest = Client::connect(socket, export, &[]);
    guest.write(0, &[1; 4096], 0);
    storage.enable_cbt(SR, &disk).await.unwrap();
    let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
    guest.write(8 * MIB, &[2; 4096], 0);
    assert_eq!(code(storage.detach(SR).await), "VDI_IN_USE");
    drop(guest);
    storage.close_volume(SR, &disk).await.unwrap();
    assert_eq!(storage.changed_blocks(SR, &snapshot, &disk).await.unwrap(), [(8 * MIB, 64 << 10)]);
    let clone = storage.clone_volume(SR, &snapshot, &fresh()).await.unwrap().location;
    storage.resize_volume(SR, &clone, 128 << 20).await.unwrap();
    // Somebody looks into it: it stays, to be used and to be tried again.
    let busy = std::fs::File::open(mount.join(format!("{disk}.vhd"))).unwrap();
    assert!(code(storage.detach(SR).await).starts_with("SR_BACKEND_FAILURE_"));
    assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), [1; 4096]);
    drop(busy);
    storage.detach(SR).await.unwrap();
    assert!(!mount.exists(), "unmounted");
    drop(storage);
    // The next daemon.
    let storage = place.native();
    storage.attach(sr).await.unwrap();
    assert_eq!(storage.scan(SR).await.unwrap().iter().filter(|v| !v.hidden).count(), 3);
    assert_eq!(storage.read(SR, &disk, 8 * MIB, 4096).await.unwrap(), [2; 4096]);
    assert_eq!(storage.read(SR, &snapshot, 8 * MIB, 4096).await.unwrap(), [0; 4096]);
    assert_eq!(storage.read(SR, &clone, 0, 4096).await.unwrap(), [1; 4096]);
    storage.revert_volume(SR, &disk, &snapshot).await.unwrap();
    assert_eq!(storage.read(SR, &disk, 8 * MIB, 4096).await.unwrap(), [0; 4096]);
    for gone in [&snapshot, &clone] {
        storage.destroy_volume(SR, gone).await.unwrap();
    }
    storage.collect_garbage(SR, Box::new(|_| true)).await.unwrap();
    assert_eq!(storage.read(SR, &disk, 0, 4096).await.unwrap(), [1; 4096]);
    let volumes = xennix_disk::volumes::Directory::new(&mount);
    assert!(xennix_disk::vhd::audit::audit_all(&volumes).unwrap().is_clean());
    common::destroy(&storage, SR).await;
    assert!(!mount.exists(), "unmounted");
    let found = storage.probe(&sr.kind, &sr.device_config).await.unwrap();
    assert!(!found.contains(SR), "{found}");
}

/// Loop devices, gone with this value.
struct Loops(Vec<String>);

impl Loops {
    fn new(dir: &Path, names: &[&str], mib: u64) -> Loops {
        Loops(names.iter().map(|name| device(dir, name, mib).unwrap()).collect())
    }
}

impl Drop for Loops {
    fn drop(&mut self) {
        for device in &self.0 {
            let _ = run("losetup", &["--detach", device]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ext_and_xfs_on_volume_groups() {
    let Some(dir) = bed() else { return };
    let loops = Loops::new(&dir, &["a", "b"], 400);
    for (kind, devices) in
        [("ext", loops.0[0].clone()), ("xfs", loops.0[0].clone()), ("ext", loops.0.join(","))]
    {
        eprintln!("{kind} on {devices}");
        lives(&config(kind, &[("device", &devices)])).await;
        // Nothing is left of it, and another one may be made at once.
        assert_eq!(run("pvs", &["--noheadings"]).unwrap(), "");
    }
    // What holds something is not formatted.
    let place = Place::new();
    run("mkfs.ext4", &["-q", "-F", &loops.0[0]]).unwrap();
    let refused = place.native().create(&config("ext", &[("device", &loops.0[0])]), 0).await;
    assert_eq!(code(refused), "SR_BACKEND_FAILURE_42");
    let refused = place.native().create(&config("ext", &[("device", "/dev/nowhere")]), 0).await;
    assert_eq!(code(refused), "SR_BACKEND_FAILURE_91");
}

#[tokio::test(flavor = "multi_thread")]
async fn nfs_of_both_versions() {
    if bed().is_none() {
        return;
    }
    for version in ["3", "4", "4.2"] {
        eprintln!("nfs {version}");
        lives(&config(
            "nfs",
            &[("server", "127.0.0.1"), ("serverpath", "/srv/nfs"), ("nfsversion", version)],
        ))
        .await;
    }
    let place = Place::new();
    let storage = place.native();
    let choice =
        storage.probe("nfs", &config("nfs", &[("server", "127.0.0.1")]).device_config).await.unwrap_err();
    assert_eq!(choice.code, "SR_BACKEND_FAILURE_101");
    assert!(choice.params[2].contains("/srv/nfs"), "{choice:?}");
    let nowhere = config("nfs", &[("server", "127.0.0.1"), ("serverpath", "/srv/none")]);
    assert_eq!(code(storage.create(&nowhere, 0).await), "SR_BACKEND_FAILURE_73");
}

#[tokio::test(flavor = "multi_thread")]
async fn smb_with_a_password() {
    if bed().is_none() {
        return;
    }
    let known = [("server", "//127.0.0.1/share"), ("username", "smb"), ("password", "secret")];
    lives(&config("smb", &known)).await;
    let place = Place::new();
    let wrong = [known[0], known[1], ("password", "wrong")];
    assert_eq!(code(place.native().create(&config("smb", &wrong), 0).await), "SR_BACKEND_FAILURE_111");
}

#[tokio::test(flavor = "multi_thread")]
async fn images_and_drives() {
    let Some(dir) = bed() else { return };
    let loops = Loops::new(&dir, &["cd"], 4);
    let drives = dir.join("drives");
    std::fs::create_dir_all(&drives).unwrap();
    let drive = drives.join("sr0");
    let _ = std::fs::remove_file(&drive);
    std::os::unix::fs::symlink(&loops.0[0], &drive).unwrap();
    let (here, there) = (drives.to_string_lossy().into_owned(), drive.to_string_lossy().into_owned());
    let cd =
        SrConfig { sm_config: vec![("type".into(), "cd".into())], ..config("udev", &[("location", &here)]) };
    for (sr, location) in [
        (config("iso", &[("location", "/srv/nfs/iso")]), "a.iso"),
        (config("iso", &[("location", "127.0.0.1:/srv/nfs/iso"), ("type", "nfs_iso")]), "a.iso"),
        (
            config("iso", &[("location", "127.0.0.1:/srv/nfs"), ("iso_path", "/iso"), ("nfsversion", "4")]),
            "a.iso",
        ),
        (
            config(
                "iso",
                &[
                    ("location", "//127.0.0.1/share/iso"),
                    ("type", "cifs"),
                    ("username", "smb"),
                    ("cifspassword", "secret"),
                ],
            ),
            "a.iso",
        ),
        (cd, there.as_str()),
    ] {
        eprintln!("{} at {:?}", sr.kind, sr.device_config);
        let place = Place::new();
        let storage = place.native();
        storage.create(&sr, 0).await.unwrap();
        storage.attach(&sr).await.unwrap();
        let found = storage.scan(SR).await.unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].read_only && found[0].location == location, "{found:?}");
        assert_eq!(code(storage.open_volume(SR, location, true).await), "SR_BACKEND_FAILURE_46");
        let path = storage.open_volume(SR, location, false).await.unwrap();
        let (DataPath::File(path) | DataPath::Block(path)) = path else { panic!("{path:?}") };
        assert!(path.exists());
        let bytes = storage.read(SR, location, 0, 4).await.unwrap();
        assert_eq!(bytes, if sr.kind == "udev" { b"\0\0\0\0" } else { b"iso!" });
        storage.close_volume(SR, location).await.unwrap();
        storage.detach(SR).await.unwrap();
        assert!(!place.dir.path().join("mnt").join(SR).exists());
    }
}

/// A device of the mapper over another, which can be told to fail or to dawdle.
struct Mapped(&'static str);

impl Mapped {
    fn new(name: &'static str, over: &str) -> Mapped {
        run("dmsetup", &["create", name, "--table", &Mapped::table("linear", over)]).unwrap();
        Mapped(name)
    }

    fn table(kind: &str, over: &str) -> String {
        let sectors = run("blockdev", &["--getsz", over]).unwrap();
        // Not from its beginning on: LVM shall find what it writes here, not what lies below.
        let sectors: u64 = sectors.parse::<u64>().unwrap() - 2048;
        match kind {
            "error" => format!("0 {sectors} error"),
            "delay" => format!("0 {sectors} delay {over} 2048 50"),
            kind => format!("0 {sectors} {kind} {over} 2048"),
        }
    }

    fn becomes(&self, kind: &str, over: &str) {
        run("dmsetup", &["suspend", "--nolockfs", "--noflush", self.0]).unwrap();
        run("dmsetup", &["load", self.0, "--table", &Mapped::table(kind, over)]).unwrap();
        run("dmsetup", &["resume", self.0]).unwrap();
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let _ = run("dmsetup", &["remove", "--force", self.0]);
    }
}

/// The code of its own, or that of a chain that can't be read with the system's error in its text.
fn tells_of_io(told: &Option<xapi_schema::Failure>) -> bool {
    let Some(told) = told else { return false };
    ["SR_BACKEND_FAILURE_200", "SR_BACKEND_FAILURE_461"].contains(&&*told.code)
        || told.code.starts_with("SR_BACKEND_FAILURE_")
            && told.params.iter().any(|p| p.contains("(os error 5)"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_fails_and_one_that_dawdles() {
    let Some(dir) = bed() else { return };
    for kind in ["ext", "xfs"] {
        let loops = Loops::new(&dir, &["weak"], 400);
        let weak = Mapped::new("weak", &loops.0[0]);
        let sr = config(kind, &[("device", "/dev/mapper/weak")]);
        let place = Place::new();
        let storage = place.native();
        storage.create(&sr, 0).await.unwrap();
        storage.attach(&sr).await.unwrap();
        let disk = storage.create_volume(SR, new(64 << 20)).await.unwrap().location;
        storage.write(SR, &disk, 0, vec![7; 1 << 20]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        weak.becomes("delay", &loops.0[0]);
        storage.write(SR, &disk, MIB, vec![8; 1 << 20]).await.unwrap();
        storage.flush(SR, &disk).await.unwrap();
        let snapshot = storage.snapshot_volume(SR, &disk, &fresh()).await.unwrap().location;
        weak.becomes("error", &loops.0[0]);
        let written = storage.write(SR, &disk, 2 * MIB, vec![9; 1 << 20]).await;
        let told = written.and(storage.flush(SR, &disk).await).err();
        assert!(tells_of_io(&told), "{kind}: {told:?}");
        for (what, told) in [
            ("create", storage.create_volume(SR, new(64 << 20)).await.err()),
            ("snapshot", storage.snapshot_volume(SR, &disk, &fresh()).await.err()),
            ("clone", storage.clone_volume(SR, &snapshot, &fresh()).await.err()),
            ("destroy", storage.destroy_volume(SR, &snapshot).await.err()),
        ] {
            assert!(tells_of_io(&told), "{kind} {what}: {told:?}");
        }
        weak.becomes("linear", &loops.0[0]);
        // As after a crash: mounted anew, checked, settled.
        let _ = storage.flush(SR, &disk).await;
        drop(storage);
        let mount = place.dir.path().join("mnt").join(SR);
        run("umount", &[&mount.to_string_lossy()]).unwrap();
        let storage = place.native();
        storage.attach(&sr).await.unwrap();
        let expected = [vec![7; 1 << 20], vec![8; 1 << 20]].concat();
        assert_eq!(storage.read(SR, &disk, 0, 2 << 20).await.unwrap(), expected, "{kind}");
        assert_eq!(storage.read(SR, &snapshot, 0, 2 << 20).await.unwrap(), expected, "{kind}");
        let found = storage.scan(SR).await.unwrap();
        assert_eq!(found.iter().filter(|v| !v.hidden).count(), 2, "{kind}: {found:?}");
        let volumes = xennix_disk::volumes::Directory::new(&mount);
        let report = xennix_disk::vhd::audit::audit_all(&volumes).unwrap();
        assert!(report.is_clean(), "{kind}: {:?}", report.findings);
        common::destroy(&storage, SR).await;
    }
}
