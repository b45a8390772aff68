//! What the engine writes, read by a reader that shares no line with it (`reader.py`), and by the original stack's
//! own tools where `XENNIX_BLKTAP` names the directory they were built in. Images without parents are read by the
//! emulator's tool as well; others it reads wrongly.

mod common;

use common::{Rng, SIZE, pattern, read_all};
use std::path::Path;
use std::process::Command;
use xennix_disk::chain::Format;
use xennix_disk::disk::Disk;
use xennix_disk::file::Access;
use xennix_disk::vhd::coalesce::{coalesce, leaf_coalesce};
use xennix_disk::vhd::create::{NewImage, Room, create};
use xennix_disk::vhd::footer::Kind;
use xennix_disk::vhd::reader::Image;
use xennix_disk::vhd::resize::grow;
use xennix_disk::vhd::snapshot::{Child, Snapshot, revert, snapshot};
use xennix_disk::volumes::{Directory, Volumes};

fn check(volumes: &Directory, dir: &Path, what: &str) {
    for name in volumes.list().expect("list").iter().filter(|n| Format::of_name(n) == Some(Format::Vhd)) {
        let reader = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reader.py");
        let out =
            Command::new("python3").arg(reader).arg(dir.join(name)).output().expect("python3 is needed");
        let errors = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{what}: {name}: {errors}");
        assert!(out.stdout == read_all(volumes, name), "{what}: the readers disagree about {name}");
        emulator(volumes, dir, name, what);
        blktap(volumes, dir, name, what);
    }
}

/// The emulator's tool, where the image is one it can read.
fn emulator(volumes: &Directory, dir: &Path, name: &str, what: &str) {
    let image = Image::open(volumes.open(name, Access::Read).expect("open")).expect("image");
    if image.footer().kind != Kind::Dynamic {
        return;
    }
    let raw = dir.join("emulator.out");
    let done = Command::new("qemu-img")
        .args(["convert", "-f", "vpc", "-O", "raw"])
        .args([&dir.join(name), &raw])
        .output();
    match done {
        Ok(out) => {
            assert!(out.status.success(), "{what}: {name}: {}", String::from_utf8_lossy(&out.stderr));
            let theirs = std::fs::read(&raw).expect("read");
            std::fs::remove_file(&raw).expect("remove");
            assert!(theirs == read_all(volumes, name), "{what}: the emulator disagrees about {name}");
        }
        Err(_) if std::env::var_os("CI").is_none() => println!("skipped: qemu-img is not installed"),
        Err(e) => panic!("qemu-img: {e}"),
    }
}

/// The original's tools, where somebody built them: `vhd-util` checks and reads the image.
fn blktap(volumes: &Directory, dir: &Path, name: &str, what: &str) {
    let Some(built) = std::env::var_os("XENNIX_BLKTAP") else { return };
    let tool = ["vhd-util", "vhd/vhd-util", "bin/vhd-util"]
        .iter()
        .map(|p| Path::new(&built).join(p))
        .find(|p| p.is_file());
    let tool = tool.expect("vhd-util in XENNIX_BLKTAP");
    let run = |args: &[&str]| {
        let out = Command::new(&tool).args(args).arg(dir.join(name)).output().expect("vhd-util");
        let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{what}: {name}: {args:?}: {text}");
        out.stdout
    };
    run(&["check", "-p", "-n"]);
    // Guest bytes through the whole chain.
    let want = read_all(volumes, name);
    for (sector, count) in [(0u64, 64usize), (4090, 12), (8192, 100)] {
        let end = sector as usize * 512 + count * 512;
        if end <= want.len() {
            let bytes = run(&["read", "-r", &sector.to_string(), "-c", &count.to_string(), "-n"]);
            assert!(bytes == want[sector as usize * 512..end], "{what}: vhd-util disagrees about {name}");
        }
    }
}

fn scribble(volumes: &Directory, name: &str, tag: u64) {
    let mut rng = Rng(tag * 31 + 7);
    let mut disk = Disk::open(volumes, name, Format::Vhd).expect("open");
    let sectors = xennix_disk::source::Source::size(&disk) / 512;
    for i in 0..8 {
        let sector = rng.below(sectors - 300);
        disk.write_at(sector * 512, &pattern(tag * 100 + i, 1 + rng.below(300))).expect("write");
    }
    disk.close().expect("close");
}

fn take(volumes: &Directory, leaf: &str, base: &str, snap: &str) {
    let s = Snapshot {
        leaf: leaf.into(),
        format: Format::of_name(leaf).expect("format"),
        base: base.into(),
        leaf_after: "leaf.vhd".into(),
        room: Room::File,
        children: vec![Child { name: snap.into(), room: Room::File }],
    };
    snapshot(volumes, &s).expect("snapshot");
}

#[test]
fn another_reader_sees_the_same_bytes_after_every_operation() {
    let dir = tempfile::tempdir().expect("tempdir");
    let v = Directory::new(dir.path());
    let at = |what| check(&v, dir.path(), what);
    create(&v, "leaf.vhd", &NewImage::new(SIZE, None), Room::File).expect("create");
    at("created");
    scribble(&v, "leaf.vhd", 1);
    at("written");
    take(&v, "leaf.vhd", "b1.vhd", "s1.vhd");
    scribble(&v, "leaf.vhd", 2);
    at("snapshot");
    take(&v, "leaf.vhd", "b2.vhd", "s2.vhd");
    scribble(&v, "leaf.vhd", 3);
    scribble(&v, "s2.vhd", 4);
    at("second snapshot");
    grow(&v, "leaf.vhd", 30 << 20).expect("grow");
    scribble(&v, "leaf.vhd", 5);
    at("grown");
    let before = read_all(&v, "s1.vhd");
    revert(&v, "s2.vhd", "s1.vhd", "b3.vhd", Room::File).expect("revert");
    assert!(read_all(&v, "s2.vhd") == before);
    at("reverted");
    v.remove("s1.vhd").expect("remove");
    v.remove("s2.vhd").expect("remove");
    let before = read_all(&v, "leaf.vhd");
    coalesce(&v, "b2.vhd").expect("coalesce");
    at("coalesced");
    leaf_coalesce(&v, "leaf.vhd", "leaf.vhd").expect("leaf coalesce");
    at("leaf coalesced");
    assert!(read_all(&v, "leaf.vhd") == before);
    assert_eq!(v.list().expect("list"), ["leaf.vhd"]);
}

#[test]
fn another_reader_sees_children_of_raw_images() {
    let dir = tempfile::tempdir().expect("tempdir");
    let v = Directory::new(dir.path());
    std::fs::write(dir.path().join("a.raw"), pattern(5, SIZE / 512)).expect("write");
    take(&v, "a.raw", "base.raw", "snap.vhd");
    scribble(&v, "leaf.vhd", 6);
    check(&v, dir.path(), "child of raw");
}
