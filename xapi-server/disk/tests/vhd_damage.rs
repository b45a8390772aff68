//! Each byte of what a VHD says of itself, damaged one bit at a time, with its checksum as it was and with one that fits:
//! the check finds it, or it changes nothing that anyone reads. What the format has no second word for is listed.

mod common;

use common::damage::{Change, bits};
use common::{SIZE, create, pattern, read_all};
use xennix_disk::chain::{Chain, Format};
use xennix_disk::disk::Disk;
use xennix_disk::file::Access;
use xennix_disk::mem::MemVolumes;
use xennix_disk::source::Source;
use xennix_disk::vhd::audit::audit_chain;
use xennix_disk::vhd::create::ParentRef;
use xennix_disk::vhd::reader::Image;
use xennix_disk::volumes::Volumes;

/// What changes the disk and is no contradiction: the format says it in one place only, without a checksum.
const SINGLE: [&str; 1] = ["bitmap"];

/// What has a checksum: its start, its length, and the place of the sum in it.
type Sum = (usize, usize, usize);

fn sum(b: &[u8]) -> [u8; 4] {
    (!b.iter().map(|x| u32::from(*x)).fold(0, u32::wrapping_add)).to_be_bytes()
}

fn mend(b: &mut [u8], at: usize, len: usize, field: usize) {
    b[at + field..at + field + 4].fill(0);
    let s = sum(&b[at..at + len]);
    b[at + field..at + field + 4].copy_from_slice(&s);
}

/// base ← leaf: the base full of blocks, the leaf with some sectors in two of its blocks.
fn family() -> (MemVolumes, Vec<u8>) {
    let v = MemVolumes::files();
    create(&v, "base.vhd", SIZE, None);
    let mut disk = Disk::open(&v, "base.vhd", Format::Vhd).expect("open");
    disk.write_at(0, &pattern(1, SIZE / 512)).expect("write");
    disk.close().expect("close");
    let uuid = Image::open(v.open("base.vhd", Access::Read).expect("open")).expect("image").footer().uuid;
    create(&v, "leaf.vhd", SIZE, Some(ParentRef { name: "base.vhd".into(), uuid }));
    let mut disk = Disk::open(&v, "leaf.vhd", Format::Vhd).expect("open");
    disk.write_at(0, &pattern(2, 4096)).expect("write");
    disk.write_at(4 << 20, &pattern(3, 30)).expect("write");
    disk.close().expect("close");
    let bytes = v.bytes("leaf.vhd").expect("bytes");
    (v, bytes)
}

/// A single leaf without a parent, of the same content.
fn single() -> (MemVolumes, Vec<u8>) {
    let v = MemVolumes::files();
    create(&v, "leaf.vhd", SIZE, None);
    let mut disk = Disk::open(&v, "leaf.vhd", Format::Vhd).expect("open");
    disk.write_at(0, &pattern(2, 4096)).expect("write");
    disk.write_at(4 << 20, &pattern(3, 30)).expect("write");
    disk.close().expect("close");
    let bytes = v.bytes("leaf.vhd").expect("bytes");
    (v, bytes)
}

/// What is read of the leaf, if it can be.
fn read(v: &MemVolumes) -> Option<Vec<u8>> {
    let chain = Chain::open(v, "leaf.vhd", Format::Vhd).ok()?;
    let mut out = vec![0; chain.size().min(4 * SIZE) as usize];
    chain.read_at(0, &mut out).ok()?;
    Some(out)
}

/// All changes of the leaf, each with what has to be summed anew for it to be believed: start, length, place of the sum.
fn changes(b: &[u8]) -> Vec<(Change, Vec<Sum>)> {
    let (tail, mut all) = (b.len() - 512, Vec::new());
    let mut add = |what: &str, at: usize, len: usize, sums: &[Sum]| {
        for change in bits(b, what, at, len) {
            all.push((change, sums.to_vec()));
        }
    };
    let (copy, head, foot) = ((0, 512, 64), (512, 1024, 36), (tail, 512, 64));
    for (what, at, sum) in [("the footer's copy", 0, copy), ("the footer", tail, foot)] {
        // Its reserved bytes are alike: the first and the last of them.
        for (from, len) in [(0, 88), (508, 4)] {
            add(what, at + from, len, &[]);
            add(&format!("{what}, summed"), at + from, len, &[sum]);
        }
    }
    for (from, len) in [(512, 64 + 16), (512 + 568, 200), (512 + 1020, 4)] {
        add("the header", from, len, &[]);
        add("the header, summed", from, len, &[head]);
    }
    let entries = u32::from_be_bytes(b[540..544].try_into().expect("4")) as usize;
    add("the table", 1536, entries * 4, &[]);
    // The map of whole blocks behind a table of one sector.
    add("the batmap's header", 2048, 96, &[]);
    add("the batmap", 2560, 1, &[]);
    for entry in (0..entries).map(|i| 1536 + i * 4) {
        let sector = u32::from_be_bytes(b[entry..entry + 4].try_into().expect("4"));
        if sector != u32::MAX {
            add("a bitmap", sector as usize * 512, 4, &[]);
        }
    }
    all
}

/// Whether the check finds a change.
fn found(v: &MemVolumes) -> bool {
    !audit_chain(v, "leaf.vhd").expect("audit").is_clean()
}

fn sweep((v, sound): (MemVolumes, Vec<u8>), what: &str) {
    assert!(!found(&v), "{what}: sound");
    let before = read(&v).expect("read");
    assert!(before == read_all(&v, "leaf.vhd"));
    let (mut harmless, mut wrong, all) = (0, Vec::new(), changes(&sound));
    let count = all.len();
    for (change, sums) in all {
        let mut b = change.of(&sound);
        for (at, len, field) in &sums {
            mend(&mut b, *at, *len, *field);
        }
        let mut places = vec![(change.at, change.bytes.len())];
        places.extend(sums.iter().map(|(at, _, field)| (at + field, 4)));
        let put = |bytes: &[u8]| {
            let file = v.open("leaf.vhd", Access::Write).expect("open");
            for (at, len) in &places {
                file.write_at(*at as u64, &bytes[*at..at + len]).expect("write");
            }
            v.checkpoint();
        };
        put(&b);
        let told = found(&v);
        let now = (!told).then(|| read(&v)).flatten();
        put(&sound);
        if told {
            continue;
        }
        if now.is_some_and(|now| now == before) {
            harmless += 1;
            if std::env::var_os("XENNIX_ALOUD").is_some() {
                eprintln!("{what}: harmless: {}", change.what);
            }
        } else if !SINGLE.iter().any(|s| change.what.contains(s)) {
            wrong.push(change.what);
        }
    }
    println!("{what}: {count} changes, {harmless} of them change nothing");
    assert!(
        wrong.is_empty(),
        "{what}: not found, and read otherwise, {} of {count}: {wrong:#?}",
        wrong.len()
    );
}

#[test]
fn a_leaf_on_another_image() {
    sweep(family(), "differencing");
}

#[test]
fn a_disk_of_its_own() {
    sweep(single(), "dynamic");
}
