//! Conversions, full and delta, through files and streams, and what a broken stream does.

mod common;

use common::{Rng, SIZE, assert_sound, create, pattern, read_all};
use std::path::Path;
use std::process::Command;
use xennix_disk::chain::{Chain, Format};
use xennix_disk::convert::{RawTarget, VhdStream, copy, export_qcow2, export_raw, export_vhd, import_raw};
use xennix_disk::disk::Disk;
use xennix_disk::file::Access;
use xennix_disk::mem::MemVolumes;
use xennix_disk::qcow2::Qcow2Disk;
use xennix_disk::source::Source;
use xennix_disk::vhd::create::{NewImage, ParentRef};
use xennix_disk::vhd::reader::Image;
use xennix_disk::vhd::resize::grow;
use xennix_disk::volumes::{Directory, Volumes};

fn uuid_of(v: &dyn Volumes, name: &str) -> uuid::Uuid {
    Image::open(v.open(name, Access::Read).expect("open")).expect("image").footer().uuid
}

fn scribble(v: &MemVolumes, name: &str, tag: u64) {
    let mut rng = Rng(tag * 131 + 3);
    let mut disk = Disk::open(v, name, Format::Vhd).expect("open");
    let sectors = disk.size() / 512;
    for i in 0..10 {
        let n = 1 + rng.below(400);
        let data = if i % 4 == 3 { vec![0; n as usize * 512] } else { pattern(tag * 100 + i, n) };
        disk.write_at(rng.below(sectors - 400) * 512, &data).expect("write");
    }
    disk.close().expect("close");
}

/// leaf (grown) → mid → base.
fn family() -> MemVolumes {
    let v = MemVolumes::files();
    create(&v, "base.vhd", SIZE, None);
    scribble(&v, "base.vhd", 1);
    create(&v, "mid.vhd", SIZE, Some(ParentRef { uuid: uuid_of(&v, "base.vhd"), name: "base.vhd".into() }));
    scribble(&v, "mid.vhd", 2);
    create(&v, "leaf.vhd", SIZE, Some(ParentRef { uuid: uuid_of(&v, "mid.vhd"), name: "mid.vhd".into() }));
    grow(&v, "leaf.vhd", SIZE + (4 << 20)).expect("grow");
    scribble(&v, "leaf.vhd", 3);
    v
}

fn chain(v: &MemVolumes, name: &str) -> Chain {
    Chain::open(v, name, Format::Vhd).expect("chain")
}

fn quiet(_: u64) -> xennix_disk::Result<()> {
    Ok(())
}

fn all(source: &dyn Source) -> Vec<u8> {
    let mut out = vec![0; source.size() as usize];
    source.read_at(0, &mut out).expect("read");
    out
}

#[test]
fn raw_and_vhd_keep_every_byte() {
    let v = family();
    let want = read_all(&v, "leaf.vhd");
    let leaf = chain(&v, "leaf.vhd");
    let mut raw = Vec::new();
    export_raw(&leaf, &mut raw, &mut quiet).expect("raw");
    assert!(raw == want);
    let mut vhd = Vec::new();
    let n = export_vhd(&leaf, &NewImage::new(leaf.size(), None), &mut vhd, &mut quiet).expect("vhd");
    assert_eq!(n, vhd.len() as u64);
    let other = MemVolumes::files();
    other.put("flat.vhd", &vhd).expect("put");
    assert!(read_all(&other, "flat.vhd") == want);
    assert_sound(&other, "exported");
    // And back through a stream, into a VHD and into raw.
    create(&other, "again.vhd", leaf.size(), None);
    let mut disk = Disk::open(&other, "again.vhd", Format::Vhd).expect("open");
    VhdStream::open(&vhd[..]).expect("stream").copy_to(&mut disk, true, &mut quiet).expect("copy");
    disk.close().expect("close");
    assert!(read_all(&other, "again.vhd") == want);
    let file = other.create("flat.raw", 0).expect("create");
    let mut target = RawTarget::new(file, leaf.size()).expect("target");
    let n = import_raw(&mut &raw[..], &mut target, true, &mut quiet).expect("import");
    assert_eq!(n, want.len() as u64);
    assert!(read_all(&other, "flat.raw") == want);
}

#[test]
fn a_delta_holds_only_what_lies_above_its_base() {
    let v = family();
    let want = read_all(&v, "leaf.vhd");
    let delta = chain(&v, "leaf.vhd").since("base.vhd").expect("since");
    let parent = ParentRef { name: "base.vhd".into(), uuid: uuid_of(&v, "base.vhd") };
    let mut vhd = Vec::new();
    export_vhd(&delta, &NewImage::new(delta.size(), Some(parent)), &mut vhd, &mut quiet).expect("vhd");
    v.put("delta.vhd", &vhd).expect("put");
    assert!(read_all(&v, "delta.vhd") == want);
    assert_sound(&v, "delta");
    // Applied to a copy of the base it gives the same disk; the base's bytes in between stay.
    create(&v, "copy.vhd", delta.size(), None);
    let mut disk = Disk::open(&v, "copy.vhd", Format::Vhd).expect("open");
    copy(&chain(&v, "base.vhd"), &mut disk, true, &mut quiet).expect("copy");
    let stream = VhdStream::open(&vhd[..]).expect("stream");
    assert_eq!(stream.header().parent_uuid, uuid_of(&v, "base.vhd"));
    stream.copy_to(&mut disk, true, &mut quiet).expect("apply");
    disk.close().expect("close");
    assert!(read_all(&v, "copy.vhd") == want);
}

fn qemu_img(args: &[&str], dir: &Path) {
    match Command::new("qemu-img").args(args).current_dir(dir).output() {
        Ok(out) => assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr)),
        Err(_) => println!("qemu-img is missing: {args:?} was not checked by it"),
    }
}

#[test]
fn qcow2_keeps_every_byte_full_and_delta() {
    let v = family();
    let dir = tempfile::tempdir().expect("tempdir");
    let write = |name: &str, source: &dyn Source, backing| {
        let mut out = Vec::new();
        let n = export_qcow2(source, backing, &mut out, &mut quiet).expect("qcow2");
        assert_eq!(n, out.len() as u64);
        std::fs::write(dir.path().join(name), out).expect("write");
        qemu_img(&["check", "-f", "qcow2", name], dir.path());
    };
    write("base.qcow2", &chain(&v, "base.vhd"), None);
    write("leaf.qcow2", &chain(&v, "leaf.vhd").since("base.vhd").expect("since"), Some("base.qcow2"));
    write("empty.qcow2", &chain(&v, "leaf.vhd").since("mid.vhd").expect("since"), None);
    let want = read_all(&v, "leaf.vhd");
    let disk = Qcow2Disk::open(&Directory::new(dir.path()), "leaf.qcow2", Access::Read).expect("open");
    assert_eq!(disk.names(), ["leaf.qcow2", "base.qcow2"]);
    assert!(all(&disk) == want);
    if Command::new("qemu-img").arg("--version").output().is_ok() {
        qemu_img(&["convert", "-f", "qcow2", "-O", "raw", "leaf.qcow2", "leaf.raw"], dir.path());
        assert!(std::fs::read(dir.path().join("leaf.raw")).expect("read") == want);
    }
    // Back to VHD.
    create(&v, "back.vhd", disk.size(), None);
    let mut target = Disk::open(&v, "back.vhd", Format::Vhd).expect("open");
    copy(&disk, &mut target, true, &mut quiet).expect("copy");
    target.close().expect("close");
    assert!(read_all(&v, "back.vhd") == want);
}

#[test]
fn qcow2_can_be_written_in_place() {
    let v = family();
    let dir = tempfile::tempdir().expect("tempdir");
    let mut out = Vec::new();
    export_qcow2(&chain(&v, "leaf.vhd"), None, &mut out, &mut quiet).expect("qcow2");
    std::fs::write(dir.path().join("a.qcow2"), out).expect("write");
    let mut want = read_all(&v, "leaf.vhd");
    let mut disk = Qcow2Disk::open(&Directory::new(dir.path()), "a.qcow2", Access::Write).expect("open");
    let data = pattern(77, 500);
    disk.write_at(512 * 5001, &data).expect("write");
    disk.close().expect("close");
    want[512 * 5001..][..data.len()].copy_from_slice(&data);
    qemu_img(&["check", "-f", "qcow2", "a.qcow2"], dir.path());
    let mut disk = Qcow2Disk::open(&Directory::new(dir.path()), "a.qcow2", Access::Read).expect("open");
    assert!(all(&disk) == want);
    assert!(disk.write_at(0, &[0; 512]).is_err());
}

#[test]
fn qcow2_backing_files_elsewhere_or_of_other_formats_are_refused() {
    let dir = tempfile::tempdir().expect("tempdir");
    std::fs::create_dir(dir.path().join("sub")).expect("mkdir");
    std::fs::write(dir.path().join("secret.raw"), pattern(1, 8)).expect("write");
    let v = family();
    for backing in ["../secret.raw", "/etc/hostname", "leaf.vhd", "self.qcow2"] {
        let mut out = Vec::new();
        export_qcow2(&chain(&v, "leaf.vhd"), Some(backing), &mut out, &mut quiet).expect("qcow2");
        std::fs::write(dir.path().join("sub/self.qcow2"), out).expect("write");
        assert!(
            Qcow2Disk::open(&Directory::new(dir.path().join("sub")), "self.qcow2", Access::Read).is_err(),
            "{backing}"
        );
    }
}

#[test]
fn cut_and_foreign_streams_are_errors() {
    let v = family();
    let leaf = chain(&v, "leaf.vhd");
    let mut vhd = Vec::new();
    export_vhd(&leaf, &NewImage::new(leaf.size(), None), &mut vhd, &mut quiet).expect("vhd");
    let target =
        || RawTarget::new(MemVolumes::files().create("t.raw", 0).expect("create"), leaf.size()).expect("t");
    for len in [0, 511, 512, 1535, 1536, 4096, vhd.len() / 2] {
        let done = VhdStream::open(&vhd[..len]).and_then(|s| s.copy_to(&mut target(), true, &mut quiet));
        assert!(done.is_err(), "cut at {len}");
    }
    let mut small =
        RawTarget::new(MemVolumes::files().create("t.raw", 0).expect("create"), 512).expect("target");
    let stream = VhdStream::open(&vhd[..]).expect("stream");
    assert!(stream.copy_to(&mut small, true, &mut quiet).is_err(), "the target is too small");
    assert!(import_raw(&mut &[0; 1024][..], &mut small, true, &mut quiet).is_err(), "zeros must fit as well");
    assert!(copy(&leaf, &mut small, true, &mut quiet).is_err());
    let mut cancel = |_| Err(xennix_disk::Error::Refused("cancelled".into()));
    assert!(export_raw(&leaf, &mut Vec::new(), &mut cancel).is_err());
}

#[test]
fn holes_stay_holes() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("a.raw");
    let file = std::fs::File::create(&path).expect("create");
    file.set_len(1 << 30).expect("set_len");
    std::os::unix::fs::FileExt::write_all_at(&file, &pattern(1, 64), 512 << 20).expect("write");
    drop(file);
    let d = Directory::new(dir.path());
    let source = Chain::open(&d, "a.raw", Format::Raw).expect("open");
    let mut vhd = Vec::new();
    export_vhd(&source, &NewImage::new(source.size(), None), &mut vhd, &mut quiet).expect("vhd");
    assert!(vhd.len() < 3 << 20, "{}", vhd.len());
    std::fs::write(dir.path().join("a.vhd"), vhd).expect("write");
    let back = Chain::open(&d, "a.vhd", Format::Vhd).expect("open");
    let mut target = RawTarget::new(d.create("b.raw", 0).expect("create"), back.size()).expect("target");
    copy(&back, &mut target, true, &mut quiet).expect("copy");
    let meta = std::fs::metadata(dir.path().join("b.raw")).expect("metadata");
    assert_eq!(meta.len(), 1 << 30);
    assert!(meta.blocks() * 512 < 1 << 20, "{} blocks", meta.blocks());
    assert!(all(&back) == std::fs::read(&path).expect("read"));
}
