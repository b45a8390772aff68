//! Writers that die and others that take over: what was acknowledged is there, what was flushed survives a power
//! failure as well.

mod common;

use common::{Rng, SIZE, assert_sound, create, pattern, read_all};
use xennix_disk::chain::Format;
use xennix_disk::disk::Disk;
use xennix_disk::mem::{Cut, MemVolumes};
use xennix_disk::source::Source;
use xennix_disk::vhd::create::ParentRef;
use xennix_disk::vhd::pending::Pending;
use xennix_disk::volumes::Volumes;

fn open(v: &MemVolumes, name: &str, pending: &std::path::Path) -> Disk {
    let mut disk = Disk::open(v, name, Format::Vhd).expect("open");
    disk.keep_pending(Pending::open(pending).expect("pending")).expect("keep");
    disk
}

/// A leaf over a parent full of data, in files or on volumes.
fn family(fixed: bool) -> MemVolumes {
    let v = if fixed { MemVolumes::fixed(0xa5) } else { MemVolumes::files() };
    create(&v, "base.vhd", SIZE, None);
    let mut disk = Disk::open(&v, "base.vhd", Format::Vhd).expect("open");
    disk.write_at(0, &pattern(1, SIZE / 512)).expect("write");
    disk.close().expect("close");
    let file = v.open("base.vhd", xennix_disk::file::Access::Write).expect("open");
    let mut w = xennix_disk::vhd::writer::Writer::open(file).expect("writer");
    w.set_hidden(true).expect("hide");
    let uuid = w.image().footer().uuid;
    create(&v, "leaf.vhd", SIZE, Some(ParentRef { name: "base.vhd".into(), uuid }));
    v
}

#[test]
fn any_death_of_a_writer_loses_nothing() {
    for seed in 1..=40u64 {
        let dir = tempfile::tempdir().expect("tempdir");
        let pending = dir.path().join("pending");
        let v = family(seed % 8 == 0);
        let mut rng = Rng(seed * 7919);
        rng.below(2);
        let mut model = read_all(&v, "leaf.vhd");
        let mut disk = open(&v, "leaf.vhd", &pending);
        let mut flushed = (v.ops(), model.clone());
        let mut since: Vec<(u64, u64)> = Vec::new();
        for n in 0..60u64 {
            let sector = rng.below(SIZE / 512 - 80);
            let data = pattern(seed * 1000 + n, 1 + rng.below(80));
            disk.write_at(sector * 512, &data).expect("write");
            model[(sector * 512) as usize..][..data.len()].copy_from_slice(&data);
            since.push((sector * 512, data.len() as u64));
            match rng.below(8) {
                0 => {
                    disk.flush().expect("flush");
                    flushed = (v.ops(), model.clone());
                    since.clear();
                }
                1 | 2 => {
                    drop(disk);
                    assert!(!since.is_empty() || !Pending::is_waiting(&pending).expect("pending"));
                    if rng.below(2) == 0 {
                        // Cut in the middle of noting a write that was never acknowledged.
                        let len = std::fs::metadata(&pending).expect("pending").len();
                        let f = std::fs::OpenOptions::new().append(true).open(&pending).expect("open");
                        std::io::Write::write_all(&mut &f, &[9; 13]).expect("append");
                        assert!(len + 13 == f.metadata().expect("metadata").len());
                    }
                    disk = open(&v, "leaf.vhd", &pending);
                }
                _ => {}
            }
            if n % 10 == 9 {
                let mut b = vec![0; SIZE as usize];
                disk.read_at(0, &mut b).expect("read");
                assert!(b == model, "seed {seed}, write {n}");
            }
        }
        // The power fails: what was flushed, by whichever writer, is there; the rest is old or new.
        let at = flushed.0 + rng.below((v.ops() - flushed.0) as u64 + 1) as usize;
        for how in [Cut::LoseAll, Cut::KeepAll, Cut::Random(seed)] {
            let after = v.cut(at, how);
            assert_sound(&after, "after a cut");
            let b = read_all(&after, "leaf.vhd");
            for (i, (got, want)) in b.chunks(512).zip(flushed.1.chunks(512)).enumerate() {
                let at = i as u64 * 512;
                let open = since.iter().any(|(s, n)| (*s..s + n).contains(&at));
                assert!(open || got == want, "seed {seed}, {how:?}, sector {i}");
            }
        }
        disk.close().expect("close");
        assert!(!Pending::is_waiting(&pending).expect("pending"));
        assert!(read_all(&v, "leaf.vhd") == model);
        assert_sound(&v, "at the end");
    }
}

#[test]
fn what_belongs_to_another_image_or_another_boot_is_not_taken() {
    let dir = tempfile::tempdir().expect("tempdir");
    let pending = dir.path().join("pending");
    let v = family(false);
    create(&v, "other.vhd", SIZE, None);
    let mut disk = open(&v, "leaf.vhd", &pending);
    assert!(Pending::open(&pending).is_err(), "two writers");
    disk.write_at(0, &pattern(2, 3)).expect("write");
    drop(disk);
    let mut other = Disk::open(&v, "other.vhd", Format::Vhd).expect("open");
    assert!(other.keep_pending(Pending::open(&pending).expect("open")).is_err());
    // A block elsewhere than the table says.
    let good = std::fs::read(&pending).expect("read");
    let mut bad = good.clone();
    bad[48] ^= 0x40;
    std::fs::write(&pending, &bad).expect("write");
    let mut disk = Disk::open(&v, "leaf.vhd", Format::Vhd).expect("open");
    let done = disk.keep_pending(Pending::open(&pending).expect("open"));
    assert!(done.is_err() || read_all(&v, "leaf.vhd")[1536..] == pattern(1, SIZE / 512)[1536..]);
    drop(disk);
    // After a reboot the data may be gone: the table must not name it.
    let mut old = good;
    old[9] ^= 1;
    std::fs::write(&pending, &old).expect("write");
    assert!(!Pending::is_waiting(&pending).expect("pending"));
    let disk = open(&v, "leaf.vhd", &pending);
    disk.close().expect("close");
    assert!(read_all(&v, "leaf.vhd") == pattern(1, SIZE / 512));
}
