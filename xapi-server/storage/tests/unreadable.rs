//! What can't be read or written under images: of devices that fail callers are told, never of a damaged chain; an image that
//! is damaged keeps nothing from its neighbours.

mod common;

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

use common::fresh;
use xapi_storage::{
    fail::Doing,
    images::{Group, Images},
    naming::Naming,
};
use xennix_disk::{
    Result,
    chain::Format,
    file::{Access, BlockFile},
    volumes::{Directory, Volumes},
};

/// A directory in which some files can't be read.
#[derive(Clone)]
struct Failing {
    dir: Directory,
    bad: Arc<Mutex<BTreeSet<String>>>,
}

struct File {
    inner: Arc<dyn BlockFile>,
    name: String,
    bad: Arc<Mutex<BTreeSet<String>>>,
}

impl BlockFile for File {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if self.bad.lock().unwrap().contains(&self.name) {
            return Err(io::Error::from_raw_os_error(nix::errno::Errno::EIO as i32));
        }
        self.inner.read_at(offset, buf)
    }
    fn write_at(&self, offset: u64, buf: &[u8]) -> io::Result<()> {
        self.inner.write_at(offset, buf)
    }
    fn size(&self) -> io::Result<u64> {
        self.inner.size()
    }
    fn set_size(&self, bytes: u64) -> io::Result<()> {
        self.inner.set_size(bytes)
    }
    fn flush(&self) -> io::Result<()> {
        self.inner.flush()
    }
    fn is_fixed(&self) -> bool {
        false
    }
    fn claim(&self) -> io::Result<bool> {
        self.inner.claim()
    }
}

impl Failing {
    fn wrap(&self, name: &str, inner: Arc<dyn BlockFile>) -> Arc<dyn BlockFile> {
        Arc::new(File { inner, name: name.into(), bad: self.bad.clone() })
    }
}

impl Volumes for Failing {
    fn list(&self) -> Result<Vec<String>> {
        self.dir.list()
    }
    fn exists(&self, name: &str) -> Result<bool> {
        self.dir.exists(name)
    }
    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn BlockFile>> {
        Ok(self.wrap(name, self.dir.open(name, access)?))
    }
    fn create(&self, name: &str, bytes: u64) -> Result<Arc<dyn BlockFile>> {
        Ok(self.wrap(name, self.dir.create(name, bytes)?))
    }
    fn ensure_size(&self, name: &str, bytes: u64) -> Result<()> {
        self.dir.ensure_size(name, bytes)
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.dir.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<()> {
        self.dir.remove(name)
    }
    fn sync(&self) -> Result<()> {
        self.dir.sync()
    }
    fn put_note(&self, key: &str, text: &str) -> Result<()> {
        self.dir.put_note(key, text)
    }
    fn notes(&self) -> Result<Vec<(String, String)>> {
        self.dir.notes()
    }
    fn drop_note(&self, key: &str) -> Result<()> {
        self.dir.drop_note(key)
    }
}

impl Group for Failing {}

fn code<T>(outcome: xapi_schema::Result<T>) -> String {
    outcome.err().map(|e| e.code).unwrap_or_default()
}

const IO_ERROR: &str = "SR_BACKEND_FAILURE_200";

#[test]
fn a_device_that_fails_below_a_disk_is_told_of_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let failing = Failing { dir: Directory::new(dir.path()), bad: Arc::default() };
    let images = Images {
        sr: fresh(),
        volumes: Arc::new(failing.clone()),
        naming: Naming::Files,
        dir: dir.path().into(),
        stuck: Arc::default(),
    };
    let (disk, snapshot) = (fresh(), fresh());
    images.create(&disk, Format::Vhd, 8 << 20).unwrap();
    let mut open = images.open(&images.find(&disk).unwrap(), Access::Write, false).unwrap();
    open.write_at(0, &[5; 4096]).unwrap();
    open.close().unwrap();
    images.twin(&disk, &snapshot, Doing::Snapshot, false).unwrap();
    let found = images.find(&disk).unwrap();
    let parent = found.parent.clone().unwrap();
    let base = parent.trim_end_matches(".vhd").to_owned();
    let open = images.open(&found, Access::Read, false).unwrap();
    failing.bad.lock().unwrap().insert(parent.clone());
    let before = failing.dir.list().unwrap();
    // What lies in the parent can't be read, whenever it began to fail.
    let mut b = [0; 512];
    let told = xennix_disk::source::Source::read_at(&open, 0, &mut b).unwrap_err();
    assert_eq!(Doing::Other.disk(&told).code, IO_ERROR);
    let told = images.open(&found, Access::Read, false).err().unwrap();
    assert_eq!(told.code, IO_ERROR);
    assert!(told.params[1].contains(&parent), "which one is said: {told:?}");
    assert_eq!(code(images.open(&found, Access::Write, false)), IO_ERROR);
    assert_eq!(code(images.twin(&disk, &fresh(), Doing::Snapshot, false)), IO_ERROR);
    assert_eq!(code(images.twin(&disk, &fresh(), Doing::Clone, false)), IO_ERROR);
    assert_eq!(code(images.revert(&disk, &snapshot)), IO_ERROR);
    assert_eq!(code(images.healthy(&base)), IO_ERROR);
    assert!(images.healthy(&disk).is_ok(), "its own bytes are fine");
    let told = images.scan().unwrap();
    let broken = told.into_iter().filter_map(|f| f.broken).map(|f| f.code).collect::<Vec<_>>();
    assert_eq!(broken, [IO_ERROR]);
    assert_eq!(failing.dir.list().unwrap(), before, "nothing half-made is left");
    assert!(failing.notes().unwrap().is_empty());
    // The leaf itself.
    failing.bad.lock().unwrap().clear();
    failing.bad.lock().unwrap().insert(found.name.clone());
    assert_eq!(code(images.healthy(&disk)), IO_ERROR);
    assert_eq!(code(images.is_untouched(&disk)), IO_ERROR);
    assert_eq!(code(images.difference(&disk, &snapshot)), IO_ERROR);
    // A chain that is damaged is told of as before, and heals.
    failing.bad.lock().unwrap().clear();
    assert!(images.open(&found, Access::Read, false).is_ok());
    let whole = std::fs::read(dir.path().join(&parent)).unwrap();
    std::fs::write(dir.path().join(&parent), &whole[..1000]).unwrap();
    assert_eq!(code(images.open(&found, Access::Read, false)), "SR_BACKEND_FAILURE_65");
    std::fs::remove_file(dir.path().join(&parent)).unwrap();
    assert_eq!(code(images.open(&found, Access::Read, false)), "SR_BACKEND_FAILURE_65");
}

#[test]
fn a_number_of_the_system_is_found_wherever_it_is_told() {
    let wrapped = |errno: i32| {
        let inner = io::Error::from_raw_os_error(errno);
        xennix_disk::Error::from(io::Error::new(inner.kind(), format!("Reading refblock: {inner}")))
    };
    assert_eq!(Doing::Load.disk(&wrapped(5)).code, IO_ERROR);
    assert_eq!(Doing::Load.disk(&wrapped(28)).code, "SR_BACKEND_FAILURE_44");
    assert_eq!(Doing::Load.disk(&wrapped(30)).code, "SR_BACKEND_FAILURE_461");
    assert_eq!(Doing::Load.disk(&wrapped(13)).code, "SR_BACKEND_FAILURE_65");
}

/// Two entries of the table that name the same block, as a flipped bit makes them: writing either would destroy the other.
fn damage(dir: &std::path::Path, name: &str) {
    let place = dir.join(name);
    let mut bytes = std::fs::read(&place).unwrap();
    let table = u64::from_be_bytes(bytes[528..536].try_into().unwrap()) as usize;
    let first: [u8; 4] = bytes[table..table + 4].try_into().unwrap();
    assert_ne!(first, [0xff; 4], "it holds something");
    bytes[table + 4..table + 8].copy_from_slice(&first);
    std::fs::write(place, bytes).unwrap();
}

/// An SR of two disks, each with two blocks.
fn two(dir: &std::path::Path) -> (Images, String, String) {
    let volumes = Arc::new(Failing { dir: Directory::new(dir), bad: Arc::default() });
    let images =
        Images { sr: fresh(), volumes, naming: Naming::Files, dir: dir.into(), stuck: Arc::default() };
    let (damaged, other) = (fresh(), fresh());
    for disk in [&damaged, &other] {
        images.create(disk, Format::Vhd, 8 << 20).unwrap();
        let mut open = images.open(&images.find(disk).unwrap(), Access::Write, false).unwrap();
        open.write_at(0, &[5; 4096]).unwrap();
        open.write_at(4 << 20, &[6; 4096]).unwrap();
        open.close().unwrap();
    }
    damage(dir, &format!("{damaged}.vhd"));
    (images, damaged, other)
}

#[test]
fn what_could_not_be_marked_in_the_end_is_not_begun() {
    let dir = tempfile::tempdir().unwrap();
    let (images, damaged, other) = two(dir.path());
    let before = std::fs::read(dir.path().join(format!("{damaged}.vhd"))).unwrap();
    for doing in [Doing::Snapshot, Doing::Clone] {
        assert!(images.twin(&damaged, &fresh(), doing, false).is_err());
    }
    assert!(images.is_idle().unwrap(), "nothing is noted");
    assert_eq!(images.scan().unwrap().len(), 2);
    assert_eq!(std::fs::read(dir.path().join(format!("{damaged}.vhd"))).unwrap(), before);
    images.twin(&other, &fresh(), Doing::Snapshot, false).unwrap();
}

#[test]
fn what_can_not_be_brought_to_its_end_concerns_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let (images, damaged, other) = two(dir.path());
    // The last step of a freeze is missing, and the image it has to mark can't be written.
    let (base, leaf) = (format!("{damaged}.vhd"), format!("{}.vhd", fresh()));
    let note = serde_json::json!({"op": "freezing", "leaf": leaf, "base": base, "new_leaf": format!("{leaf}.new"),
        "leaf_after": leaf, "vhd": true});
    images.volumes.put_note("stuck", &note.to_string()).unwrap();
    let half = format!("{}.vhd", fresh());
    std::fs::write(dir.path().join(&half), "half").unwrap();
    let note = serde_json::json!({"op": "making", "new": [half]});
    images.volumes.put_note("z", &note.to_string()).unwrap();
    assert!(images.waits().unwrap());
    assert_eq!(images.recover().unwrap(), 1);
    assert!(!dir.path().join(&half).exists(), "what comes after it is done");
    assert!(!images.waits().unwrap() && !images.is_idle().unwrap());
    // Its image is out of reach, and says why.
    let told = images.healthy(&damaged).unwrap_err();
    assert!(told.to_string().contains("could not be finished"), "{told}");
    assert!(images.destroy(&damaged).is_err());
    let broken = |found: &xapi_storage::head::Found| found.broken.is_some();
    assert_eq!(images.scan().unwrap().iter().filter(|f| broken(f)).count(), 1);
    // The neighbour lives as if nothing were.
    let snapshot = fresh();
    images.twin(&other, &snapshot, Doing::Snapshot, false).unwrap();
    images.resize(&other, 16 << 20).unwrap();
    images.reset(&other).unwrap();
    images.destroy(&snapshot).unwrap();
    // Put right, it is finished by the next who looks.
    std::fs::remove_file(dir.path().join(&base)).unwrap();
    images.create(&damaged, Format::Vhd, 8 << 20).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(images.recover().unwrap(), 1);
    assert!(images.is_idle().unwrap() && images.healthy(&damaged).is_ok());
}
