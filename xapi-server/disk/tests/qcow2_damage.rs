//! Each field of a qcow2 header and each kind of table entry, damaged one at a time: what the emulator's tools call
//! damaged or refuse is never called clean here. Where they are more lenient we may be stricter; sound images are clean.

mod common;

use common::damage::{Change, bits, clean, field};
use std::path::Path;
use std::process::Command;
use xennix_disk::file::Access;
use xennix_disk::qcow2::Qcow2Disk;
use xennix_disk::qcow2::create::create;
use xennix_disk::volumes::Directory;

const NAME: &str = "a.qcow2";
/// What is called clean here although the emulator's tools find fault with it: none so far. Parts of what a change says.
const DIFFERENT: [&str; 0] = [];

/// Runs the emulator's tool; `None` where it is not installed, which the gate does not allow.
fn qemu_img(dir: &Path, args: &[&str]) -> Option<bool> {
    match Command::new("qemu-img").args(args).current_dir(dir).output() {
        Ok(out) => Some(out.status.success()),
        Err(_) if std::env::var_os("CI").is_none() => None,
        Err(e) => panic!("qemu-img: {e}"),
    }
}

fn must(dir: &Path, args: &[&str]) -> bool {
    let done = qemu_img(dir, args);
    assert_ne!(done, Some(false), "{args:?}");
    done.is_some()
}

/// Neither check nor info says anything against the image.
fn accepted(dir: &Path) -> bool {
    let told = |args: &[&str]| qemu_img(dir, args).expect("qemu-img");
    told(&["check", "-q", "-f", "qcow2", NAME]) && told(&["info", "-f", "qcow2", NAME])
}

fn be(b: &[u8], at: usize, len: usize) -> usize {
    b[at..at + len].iter().fold(0, |n, byte| n << 8 | usize::from(*byte))
}

/// Fields of the header, by their place and length; what follows the first version's only where it is there.
const FIELDS: [(&str, usize, usize); 18] = [
    ("magic", 0, 4),
    ("version", 4, 4),
    ("place of the backing file's name", 8, 8),
    ("length of that name", 16, 4),
    ("bits of a cluster", 20, 4),
    ("virtual size", 24, 8),
    ("kind of encryption", 32, 4),
    ("entries of the first level", 36, 4),
    ("place of the first level", 40, 8),
    ("place of the counts' table", 48, 8),
    ("clusters of the counts' table", 56, 4),
    ("number of snapshots", 60, 4),
    ("place of the snapshots", 64, 8),
    ("features that must be known", 72, 8),
    ("features that need not be known", 80, 8),
    ("features that are cleared", 88, 8),
    ("bits of a count", 96, 4),
    ("length of the header", 100, 4),
];

fn header(b: &[u8]) -> Vec<Change> {
    let v3 = be(b, 4, 4) == 3;
    let mut all: Vec<Change> = FIELDS
        .iter()
        .filter(|(_, at, _)| v3 || *at < 72)
        .flat_map(|(what, at, len)| field(b, what, *at, *len))
        .collect();
    let end = if v3 { be(b, 100, 4) } else { 72 };
    if v3 && end > 104 {
        all.extend(bits(b, "kind of compression", 104, 1));
    }
    // Extensions: their kinds and lengths.
    let mut at = end;
    while be(b, at, 4) != 0 {
        all.extend(field(b, "kind of an extension", at, 4));
        all.extend(field(b, "length of an extension", at + 4, 4));
        if be(b, at, 4) == 0x2385_2875 {
            all.extend(field(b, "number of bitmaps", at + 8, 4));
            all.extend(field(b, "reserved beside the bitmaps", at + 12, 4));
            all.extend(field(b, "length of the bitmaps' directory", at + 16, 8));
            all.extend(field(b, "place of the bitmaps' directory", at + 24, 8));
            let directory = be(b, at + 24, 8);
            for (what, place, len) in [
                ("table", 0, 8),
                ("its entries", 8, 4),
                ("flags", 12, 4),
                ("kind", 16, 1),
                ("grain", 17, 1),
                ("names", 18, 2),
                ("extra", 20, 4),
            ] {
                all.extend(field(b, &format!("{what} of a bitmap"), directory + place, len));
            }
            all.extend(bits(b, "an entry of a bitmap's table", be(b, directory, 8), 8));
        }
        at += 8 + be(b, at + 4, 4).next_multiple_of(8);
    }
    all
}

/// One entry of each kind in each table, with each of its bits turned.
fn entries(b: &[u8]) -> Vec<Change> {
    const OFFSET: usize = 0x00ff_ffff_ffff_fe00;
    let cluster = 1 << be(b, 20, 4);
    let (l1, n, table) = (be(b, 40, 8), be(b, 36, 4), be(b, 48, 8));
    let mut all = Vec::new();
    let first = (0..n).map(|i| l1 + i * 8).find(|at| be(b, *at, 8) != 0);
    if let Some(empty) = (0..n).map(|i| l1 + i * 8).find(|at| be(b, *at, 8) == 0) {
        all.extend(bits(b, "an empty entry of the first level", empty, 8));
    }
    if let Some(at) = first {
        all.extend(bits(b, "an entry of the first level", at, 8));
        let l2 = be(b, at, 8) & OFFSET;
        // Empty, zeros, compressed, used by one alone, and used by several.
        let kind = |entry: usize| (entry & 1, entry >> 62, entry & OFFSET == 0);
        let mut seen = Vec::new();
        for at in (0..cluster / 8).map(|i| l2 + i * 8) {
            let kind = kind(be(b, at, 8));
            let kind = if kind.1 & 1 == 1 { (0, kind.1, false) } else { kind };
            if !seen.contains(&kind) {
                seen.push(kind);
                all.extend(bits(b, &format!("an entry of the second level, {kind:?}"), at, 8));
            }
        }
    }
    all.extend(bits(b, "an entry of the counts' table", table, 8));
    all.extend(bits(b, "an empty entry of the counts' table", table + 8, 8));
    // Counts of the header, of tables, of the last cluster and of what lies between.
    let (order, block) = (if be(b, 4, 4) == 3 { be(b, 96, 4) } else { 4 }, be(b, table, 8));
    let clusters = b.len().div_ceil(cluster).min((8 * cluster) >> order);
    for c in [0, l1 / cluster, table / cluster, clusters / 2, clusters - 1] {
        let bit = c << order;
        all.extend(bits(
            b,
            &format!("the count of cluster {c}"),
            block + bit / 8,
            (1usize << order).div_ceil(8),
        ));
    }
    let (snapshots, at) = (be(b, 60, 4), be(b, 64, 8));
    if snapshots > 0 {
        for (what, place, len) in
            [("first level", 0, 8), ("its entries", 8, 4), ("names", 12, 4), ("extra", 36, 4)]
        {
            all.extend(field(b, &format!("{what} of a snapshot"), at + place, len));
        }
        let level = be(b, at, 8);
        all.extend(bits(b, "an entry of a snapshot's first level", level, 8));
        all.extend(bits(b, "an entry of its second level", be(b, level, 8) & OFFSET, 8));
    }
    all
}

/// Damages `dir/a.qcow2` in every way; how many ways both call clean.
fn sweep(dir: &Path, what: &str) -> usize {
    let path = dir.join(NAME);
    let sound = std::fs::read(&path).expect("read");
    assert!(clean(&path) && accepted(dir), "{what}: sound");
    let (mut both, mut wrong) = (0, Vec::new());
    let (all, aloud) =
        (std::env::var_os("XENNIX_QCOW2_DAMAGE").is_some(), std::env::var_os("XENNIX_ALOUD").is_some());
    let changes: Vec<Change> = header(&sound).into_iter().chain(entries(&sound)).collect();
    for change in &changes {
        std::fs::write(&path, change.of(&sound)).expect("write");
        let ours = clean(&path);
        if !(ours || all) {
            continue;
        }
        match (ours, accepted(dir)) {
            (true, true) => both += 1,
            (true, false) if !DIFFERENT.iter().any(|d| change.what.contains(d)) => wrong.push(&change.what),
            (false, true) if aloud => eprintln!("{what}: stricter than the emulator: {}", change.what),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{what}: called clean, {} of {}: {wrong:#?}", wrong.len(), changes.len());
    println!("{what}: {} changes, {both} of them clean to both", changes.len());
    both
}

/// Writes some of an image of 24 MiB: data, zeros over it, and zeros that were nothing before.
fn write(dir: &Path) {
    let mut disk = Qcow2Disk::open(&Directory::new(dir), NAME, Access::Write).expect("open");
    for n in 0..6u64 {
        disk.write_at(n * 393_216, &vec![n as u8 + 1; 131_072]).expect("write");
    }
    disk.write_zeroes(0, 65_536).expect("zeroes");
    disk.write_zeroes(12 << 20, 131_072).expect("zeroes");
    disk.close().expect("close");
}

#[test]
fn what_we_make_is_found_damaged_wherever_it_is() {
    let dir = tempfile::tempdir().expect("tempdir");
    if qemu_img(dir.path(), &["--version"]).is_none() {
        eprintln!("skipped: qemu-img is not installed");
        return;
    }
    create(&Directory::new(dir.path()), NAME, 24 << 20, None).expect("create");
    write(dir.path());
    // Features nobody has to know, and a smaller disk, are no damage.
    assert!(sweep(dir.path(), "own") > 10);
}

/// The same for an image of the emulator's tools, made by `options`, then written, then treated by their `work`.
fn foreign(options: &str, work: &[&[&str]]) {
    let dir = tempfile::tempdir().expect("tempdir");
    let d = dir.path();
    if !must(d, &["create", "-q", "-f", "qcow2", "-o", options, NAME, "24M"]) {
        eprintln!("skipped: qemu-img is not installed");
        return;
    }
    write(d);
    for args in work {
        must(d, args);
        if std::fs::exists(d.join("b.qcow2")).expect("look") {
            std::fs::rename(d.join("b.qcow2"), d.join(NAME)).expect("rename");
        }
    }
    assert!(sweep(d, &format!("{options} {work:?}")) > 10);
}

#[test]
fn small_clusters() {
    foreign("cluster_size=512", &[]);
}

#[test]
fn old_versions() {
    foreign("compat=0.10", &[]);
}

#[test]
fn counts_of_one_bit_and_of_many() {
    foreign("refcount_bits=1", &[]);
    foreign("refcount_bits=64,cluster_size=4096", &[]);
}

#[test]
fn snapshots_inside() {
    foreign("cluster_size=65536", &[&["snapshot", "-c", "one", NAME], &["snapshot", "-c", "two", NAME]]);
}

#[test]
fn bitmaps_inside() {
    foreign("cluster_size=65536", &[&["bitmap", "--add", NAME, "changes"]]);
}

#[test]
fn compressed_clusters() {
    foreign("cluster_size=65536", &[&["convert", "-q", "-c", "-O", "qcow2", NAME, "b.qcow2"]]);
}
