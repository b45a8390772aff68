//! Mutated images, notes and logs for a fixed time: errors are right, panics and endless work are not.
//!
//! `XENNIX_DISK_FUZZ_SECONDS` is the time each target gets (2 unless set); a failure leaves its seed, which
//! `XENNIX_DISK_FUZZ_SEED` repeats first.

mod common;

use common::{Rng, SIZE, create, pattern};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};
use xennix_disk::cbt::Log;
use xennix_disk::chain::{Chain, Format};
use xennix_disk::convert::{RawTarget, VhdStream, copy, export_qcow2};
use xennix_disk::disk::Disk;
use xennix_disk::file::Access;
use xennix_disk::mem::MemVolumes;
use xennix_disk::qcow2::Qcow2Disk;
use xennix_disk::source::{Source, extents};
use xennix_disk::vhd::audit::audit_all;
use xennix_disk::vhd::coalesce::{coalesce, leaf_coalesce};
use xennix_disk::vhd::create::ParentRef;
use xennix_disk::vhd::journal::recover;
use xennix_disk::vhd::reader::Image;
use xennix_disk::vhd::resize::{grow, restore_tail};
use xennix_disk::volumes::{Directory, Volumes};

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Runs `target` with one seed after the other until its time is over.
fn fuzz(name: &str, target: impl Fn(&mut Rng)) {
    let end = Instant::now() + Duration::from_secs(number("XENNIX_DISK_FUZZ_SECONDS", 2));
    let mut seed = number("XENNIX_DISK_FUZZ_SEED", 1);
    let first = seed;
    let mut slowest = (Duration::ZERO, seed);
    loop {
        let begin = Instant::now();
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        rng.below(2);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(&mut rng))) {
            eprintln!("{name}: XENNIX_DISK_FUZZ_SEED={seed}");
            resume_unwind(panic);
        }
        slowest = slowest.max((begin.elapsed(), seed));
        seed += 1;
        if Instant::now() >= end {
            break;
        }
    }
    println!("{name}: {} inputs, the slowest {:?} with seed {}", seed - first, slowest.0, slowest.1);
}

/// Hits bytes, fields and stretches, most of them below `head`.
fn mutate(rng: &mut Rng, b: &mut [u8], head: usize) {
    for _ in 0..1 + rng.below(5) {
        let below = if rng.below(4) == 0 { b.len() } else { head.min(b.len()) };
        if below == 0 {
            return;
        }
        let at = rng.below(below as u64) as usize;
        match rng.below(5) {
            0 => b[at] ^= 1 << rng.below(8),
            1 => b[at] = rng.below(256) as u8,
            2 => {
                // A number at one of its limits.
                let values = [0, 1, u64::MAX, u64::MAX / 2, 1 << 31, 1 << 32, 512, (1 << 32) - 1];
                let v = values[rng.below(8) as usize].to_be_bytes();
                let n = [4, 8][rng.below(2) as usize];
                let at = at / n * n;
                if let Some(field) = b.get_mut(at..at + n) {
                    field.copy_from_slice(&v[8 - n..]);
                }
            }
            3 => {
                let n = 1 + rng.below(64) as usize;
                let fill = [0, 0xff, 0x80][rng.below(3) as usize];
                let end = (at + n).min(b.len());
                b[at..end].fill(fill);
            }
            _ => {
                let from = rng.below(below as u64) as usize;
                let n = (1 + rng.below(64) as usize).min(b.len() - at.max(from));
                b.copy_within(from..from + n, at);
            }
        }
    }
}

fn sum(b: &[u8]) -> [u8; 4] {
    (!b.iter().map(|x| u32::from(*x)).fold(0, u32::wrapping_add)).to_be_bytes()
}

/// Makes checksums right again: footers, header, batmap (which lies behind a table of one sector).
fn mend(b: &mut [u8]) {
    let end = b.len() - 512;
    for (at, len, field) in [(0, 512, 64), (end, 512, 64), (512, 1024, 36)] {
        b[at + field..at + field + 4].fill(0);
        let s = sum(&b[at..at + len]);
        b[at + field..at + field + 4].copy_from_slice(&s);
    }
    if b.len() > 3072 {
        let s = sum(&b[2560..3072]);
        b[2048 + 24..2048 + 28].copy_from_slice(&s);
    }
}

/// base ← node ← leaf, as bytes.
fn family() -> [(&'static str, Vec<u8>); 3] {
    let v = MemVolumes::files();
    let mut parent: Option<ParentRef> = None;
    for (i, name) in ["base.vhd", "node.vhd", "leaf.vhd"].into_iter().enumerate() {
        create(&v, name, SIZE, parent);
        let mut disk = Disk::open(&v, name, Format::Vhd).expect("open");
        disk.write_at(512 * 7 * i as u64, &pattern(i as u64 + 1, 9)).expect("write");
        disk.close().expect("close");
        let file = v.open(name, Access::Write).expect("open");
        let uuid = Image::open(file.clone()).expect("image").footer().uuid;
        if name != "leaf.vhd" {
            let mut w = xennix_disk::vhd::writer::Writer::open(file).expect("writer");
            w.set_hidden(true).expect("hide");
        }
        parent = Some(ParentRef { name: name.into(), uuid });
    }
    ["base.vhd", "node.vhd", "leaf.vhd"].map(|n| (n, v.bytes(n).expect("bytes")))
}

fn read_some(source: &dyn Source) {
    let mut buf = vec![0; (4 << 20).min(source.size()) as usize];
    let _ = source.read_at(0, &mut buf);
    if source.size() < 1 << 30 {
        let _ = extents(source, |_| Ok(()));
    }
}

#[test]
fn vhd_images_and_everything_that_changes_them() {
    let family = family();
    fuzz("vhd", |rng| {
        let v = MemVolumes::files();
        let victim = rng.below(3) as usize;
        for (i, (name, bytes)) in family.iter().enumerate() {
            let mut b = bytes.clone();
            if i == victim {
                mutate(rng, &mut b, 6144);
                if rng.below(4) != 0 {
                    mend(&mut b);
                }
                if rng.below(8) == 0 {
                    b.truncate(rng.below(bytes.len() as u64) as usize);
                }
            }
            v.put(name, &b).expect("put");
        }
        let _ = audit_all(&v);
        if let Ok(chain) = Chain::open(&v, "leaf.vhd", Format::Vhd) {
            read_some(&chain);
        }
        if let Ok(stream) = VhdStream::open(&v.bytes("leaf.vhd").expect("bytes")[..]) {
            let file = v.create("t.raw", 0).expect("create");
            let size = stream.footer().current_size;
            if let Ok(mut target) = RawTarget::new(file, size.min(1 << 40)) {
                let _ = stream.copy_to(&mut target, false, &mut |_| Ok(()));
            }
            let _ = v.remove("t.raw");
        }
        match rng.below(6) {
            0 => {
                if let Ok(mut disk) = Disk::open(&v, "leaf.vhd", Format::Vhd) {
                    let _ = disk.write_at(4096, &pattern(5, 30));
                    let _ = disk.discard(0, 1 << 20);
                    let _ = disk.close();
                }
            }
            1 => drop(grow(&v, "leaf.vhd", SIZE + (8 << 20))),
            2 => drop(coalesce(&v, "node.vhd")),
            3 => drop(leaf_coalesce(&v, "leaf.vhd", "leaf.vhd")),
            4 => drop(restore_tail(&*v.open("leaf.vhd", Access::Write).expect("open"))),
            _ => {
                let disk = Disk::open(&v, "leaf.vhd", Format::Vhd);
                if let Ok(mut disk) = disk
                    && disk.start_merge(&v, "leaf.vhd", "leaf.vhd").is_ok()
                {
                    let _ = disk.finish_merge(&v);
                }
            }
        }
        let _ = audit_all(&v);
    });
}

#[test]
fn batmaps() {
    let [(_, base), ..] = family();
    fuzz("batmap", |rng| {
        let mut b = base.clone();
        // The batmap's header and map behind a table of one sector.
        let (head, rest) = b.split_at_mut(2048);
        mutate(rng, &mut rest[..1024], 128);
        let _ = head;
        if rng.below(2) == 0 {
            mend(&mut b);
        }
        let v = MemVolumes::files();
        v.put("base.vhd", &b).expect("put");
        let _ = audit_all(&v);
        if let Ok(chain) = Chain::open(&v, "base.vhd", Format::Vhd) {
            read_some(&chain);
        }
        let file = v.open("base.vhd", Access::Write).expect("open");
        if let Ok(mut w) = xennix_disk::vhd::writer::Writer::open(file) {
            let _ = w.write_at(0, &pattern(8, 4096));
            let _ = w.close();
        }
    });
}

#[test]
fn notes_of_interrupted_operations() {
    // Every kind of note, as a cut in the middle leaves it.
    let family = family();
    let start = || {
        let v = MemVolumes::files();
        family.iter().for_each(|(n, b)| v.put(n, b).expect("put"));
        v.checkpoint();
        v
    };
    let mut notes = Vec::new();
    let operations: [fn(&MemVolumes); 3] = [
        |v| coalesce(v, "node.vhd").expect("coalesce"),
        |v| leaf_coalesce(v, "leaf.vhd", "leaf.vhd").expect("leaf coalesce"),
        |v| grow(v, "leaf.vhd", 600 << 20).expect("grow"),
    ];
    for operation in operations {
        let v = start();
        operation(&v);
        for at in 0..v.ops() {
            notes.extend(v.cut(at, xennix_disk::mem::Cut::KeepAll).notes().expect("notes"));
        }
    }
    notes.dedup();
    assert!(notes.len() >= 3);
    fuzz("notes", |rng| {
        let v = start();
        let (key, text) = &notes[rng.below(notes.len() as u64) as usize];
        let mut b = text.clone().into_bytes();
        let all = b.len();
        mutate(rng, &mut b, all);
        v.put_note(key, &String::from_utf8_lossy(&b)).expect("note");
        let _ = recover(&v);
        let _ = audit_all(&v);
    });
}

#[test]
fn qcow2_headers_and_tables() {
    let dir = tempfile::tempdir().expect("tempdir");
    let v = MemVolumes::files();
    family().iter().for_each(|(n, b)| v.put(n, b).expect("put"));
    let chain = Chain::open(&v, "leaf.vhd", Format::Vhd).expect("chain");
    let mut image = Vec::new();
    export_qcow2(&chain, None, &mut image, &mut |_| Ok(())).expect("qcow2");
    fuzz("qcow2", |rng| {
        let mut b = image.clone();
        let head = if rng.below(2) == 0 { 112 } else { 4 << 16 };
        mutate(rng, &mut b, head);
        if rng.below(8) == 0 {
            b.truncate(rng.below(image.len() as u64) as usize);
        }
        std::fs::write(dir.path().join("a.qcow2"), b).expect("write");
        if let Ok(disk) = Qcow2Disk::open(&Directory::new(dir.path()), "a.qcow2", Access::Read) {
            read_some(&disk);
            let out = MemVolumes::files();
            let file = out.create("t.raw", 0).expect("create");
            if disk.size() < 1 << 30
                && let Ok(mut target) = RawTarget::new(file, disk.size())
            {
                let _ = copy(&disk, &mut target, true, &mut |_| Ok(()));
            }
        }
        if rng.below(4) == 0
            && let Ok(mut disk) = Qcow2Disk::open(&Directory::new(dir.path()), "a.qcow2", Access::Write)
        {
            let _ = disk.write_at(0, &pattern(1, 1));
            let _ = disk.write_zeroes(0, 1 << 17);
            let _ = disk.flush();
        }
    });
}

#[test]
fn logs_of_changes() {
    let mut log = Log::new(SIZE);
    log.mark(1 << 20, 1 << 20);
    let bytes = log.serialise();
    fuzz("cbt", |rng| {
        let mut b = bytes.clone();
        mutate(rng, &mut b, 64);
        if rng.below(4) == 0 {
            b.truncate(rng.below(bytes.len() as u64) as usize);
        }
        if let Ok(mut parsed) = Log::parse(&b) {
            parsed.mark(0, u64::MAX);
            parsed.merge(&log);
            let _ = parsed.is_changed(u64::MAX);
            assert_eq!(Log::parse(&parsed.serialise()).expect("own bytes"), parsed);
        }
    });
}
