//! Snapshot, clone, revert, coalesce, leaf-coalesce and growth: right when nothing happens, and right after a power
//! failure at every moment and a recovery, itself cut.

mod common;

use common::{Rng, SIZE, assert_sound, create, pattern, read_all};
use std::collections::BTreeMap;
use xennix_disk::chain::Format;
use xennix_disk::disk::Disk;
use xennix_disk::file::Access;
use xennix_disk::mem::{Cut, MemVolumes};
use xennix_disk::vhd::coalesce::{coalesce, leaf_coalesce, merge};
use xennix_disk::vhd::create::Room;
use xennix_disk::vhd::journal::recover;
use xennix_disk::vhd::reader::Image;
use xennix_disk::vhd::resize::{grow, inflate, prepare_deflate};
use xennix_disk::vhd::snapshot::{Child, Snapshot, empty, revert, snapshot};
use xennix_disk::volumes::Volumes;

type Contents = BTreeMap<String, Vec<u8>>;

fn room(v: &MemVolumes, name: &str) -> Room {
    if v.open(name, Access::Read).expect("open").is_fixed() { Room::Thick } else { Room::File }
}

fn take(v: &MemVolumes, leaf: &str, base: &str, snap: &str) -> bool {
    let room = room(v, leaf);
    let s = Snapshot {
        leaf: leaf.into(),
        format: Format::of_name(leaf).expect("format"),
        base: base.into(),
        leaf_after: leaf.replace("LV-", "VHD-"),
        room,
        children: vec![Child { name: snap.into(), room }],
    };
    snapshot(v, &s).expect("snapshot")
}

fn scribble(v: &MemVolumes, name: &str, tag: u64) {
    let mut rng = Rng(tag * 77 + 1);
    let mut disk = Disk::open(v, name, Format::of_name(name).expect("format")).expect("open");
    for i in 0..6 {
        let sector = (rng.below(4) * 4096 + rng.below(40)).saturating_sub(20).min(SIZE / 512 - 16);
        disk.write_at(sector * 512, &pattern(tag * 100 + i, 1 + rng.below(16))).expect("write");
    }
    disk.close().expect("close");
}

/// leaf → b2 → b1, with snapshots of both moments.
fn family(v: &MemVolumes) {
    create(v, "leaf.vhd", SIZE, None);
    scribble(v, "leaf.vhd", 1);
    assert!(take(v, "leaf.vhd", "b1.vhd", "s1.vhd"));
    scribble(v, "leaf.vhd", 2);
    assert!(take(v, "leaf.vhd", "b2.vhd", "s2.vhd"));
    scribble(v, "leaf.vhd", 3);
}

fn contents(v: &MemVolumes) -> Contents {
    v.list().expect("list").into_iter().map(|n| (n.clone(), read_all(v, &n))).collect()
}

/// Cuts `operation` everywhere, recovers, and lets `check` judge the volumes.
fn at_every_cut(v: &MemVolumes, operation: impl Fn(&MemVolumes), check: impl Fn(&MemVolumes, &str)) {
    v.checkpoint();
    operation(v);
    for at in 0..=v.ops() {
        for how in [Cut::LoseAll, Cut::KeepAll, Cut::Random(at as u64 + 3), Cut::Random(at as u64 + 991)] {
            let what = format!("cut at {at} of {}, {how:?}", v.ops());
            let after = v.cut(at, how);
            recover(&after).unwrap_or_else(|e| panic!("{what}: {e}"));
            // The recovery is cut as well, somewhere, and repeated.
            let again = after.cut(Rng(at as u64 + 5).below(after.ops() as u64 + 1) as usize, how);
            check_recovered(&after, &what, &check);
            recover(&again).unwrap_or_else(|e| panic!("{what}, twice: {e}"));
            check_recovered(&again, &format!("{what}, twice"), &check);
        }
    }
}

fn check_recovered(v: &MemVolumes, what: &str, check: &impl Fn(&MemVolumes, &str)) {
    assert!(v.notes().expect("notes").is_empty(), "{what}: notes are left");
    for name in v.list().expect("list") {
        assert!(!name.starts_with("OLD_") && !name.ends_with(".new"), "{what}: {name} is left");
    }
    assert_sound(v, what);
    check(v, what);
}

fn places() -> [MemVolumes; 2] {
    [MemVolumes::files(), MemVolumes::fixed(0xa5)]
}

/// Every image in `want` that is still there reads as it did; those in `must` are there.
fn same(v: &MemVolumes, want: &Contents, must: &[&str], what: &str) {
    for name in must {
        assert!(v.exists(name).expect("exists"), "{what}: {name} is gone");
    }
    for (name, bytes) in want.iter().filter(|(n, _)| v.exists(n).expect("exists")) {
        assert!(read_all(v, name) == *bytes, "{what}: {name} reads differently");
    }
}

#[test]
fn a_snapshot_survives_every_cut() {
    for v in places() {
        create(&v, "leaf.vhd", SIZE, None);
        scribble(&v, "leaf.vhd", 1);
        let mut want = contents(&v);
        want.insert("snap.vhd".into(), want["leaf.vhd"].clone());
        let take = |v: &MemVolumes| assert!(take(v, "leaf.vhd", "base.vhd", "snap.vhd"));
        at_every_cut(&v, take, |v, what| {
            same(v, &want, &["leaf.vhd"], what);
            scribble(v, "leaf.vhd", 9);
        });
        same(&v, &want, &["leaf.vhd", "snap.vhd", "base.vhd"], "uncut");
        scribble(&v, "leaf.vhd", 2);
        assert!(read_all(&v, "snap.vhd") == want["leaf.vhd"], "the snapshot moved with its leaf");
        assert!(Disk::open(&v, "base.vhd", Format::Vhd).is_err(), "an inner node must not be written");
    }
}

#[test]
fn a_snapshot_of_an_untouched_leaf_makes_no_inner_node() {
    let v = MemVolumes::files();
    family(&v);
    assert!(!take(&v, "s2.vhd", "unused.vhd", "clone.vhd"));
    assert!(!v.exists("unused.vhd").expect("exists"));
    assert!(read_all(&v, "clone.vhd") == read_all(&v, "s2.vhd"));
}

#[test]
fn a_raw_leaf_can_be_frozen() {
    let v = MemVolumes::fixed(0);
    let bytes = pattern(4, SIZE / 512);
    v.put("LV-a", &bytes).expect("put");
    assert!(take(&v, "LV-a", "LV-base", "VHD-snap"));
    assert!(!v.exists("LV-a").expect("exists"));
    // The volume is larger than what was put: it reads as zeros there.
    assert!(read_all(&v, "VHD-a").starts_with(&bytes) && read_all(&v, "VHD-snap").starts_with(&bytes));
}

#[test]
fn a_revert_survives_every_cut() {
    for v in places() {
        family(&v);
        scribble(&v, "s1.vhd", 8); // So that the snapshot has blocks of its own and must be frozen.
        let before = contents(&v);
        let go =
            |v: &MemVolumes| revert(v, "leaf.vhd", "s1.vhd", "b3.vhd", room(v, "leaf.vhd")).expect("revert");
        at_every_cut(&v, go, |v, what| {
            let leaf = read_all(v, "leaf.vhd");
            assert!(
                leaf == before["leaf.vhd"] || leaf == before["s1.vhd"],
                "{what}: neither old nor reverted"
            );
            let others = before.iter().filter(|(n, _)| *n != "leaf.vhd").map(|(n, b)| (n.clone(), b.clone()));
            same(v, &others.collect(), &["s1.vhd", "s2.vhd", "b1.vhd", "b2.vhd"], what);
        });
        assert!(read_all(&v, "leaf.vhd") == before["s1.vhd"]);
    }
}

#[test]
fn a_leaf_that_is_emptied_survives_every_cut() {
    for v in places() {
        family(&v);
        let size = SIZE + (4 << 20);
        grow(&v, "leaf.vhd", size).expect("grow");
        scribble(&v, "leaf.vhd", 4);
        let before = contents(&v);
        let mut below = before["b2.vhd"].clone();
        below.resize(size as usize, 0);
        assert!(before["leaf.vhd"] != below, "it has something of its own");
        let go = |v: &MemVolumes| assert!(empty(v, "leaf.vhd", room(v, "leaf.vhd")).expect("empty"));
        at_every_cut(&v, go, |v, what| {
            let leaf = read_all(v, "leaf.vhd");
            assert!(leaf == before["leaf.vhd"] || leaf == below, "{what}: neither old nor empty");
            let others = before.iter().filter(|(n, _)| *n != "leaf.vhd").map(|(n, b)| (n.clone(), b.clone()));
            same(v, &others.collect(), &["s1.vhd", "s2.vhd", "b1.vhd", "b2.vhd"], what);
            scribble(v, "leaf.vhd", 9);
        });
        assert!(read_all(&v, "leaf.vhd") == below);
        // What stands on nothing, and what others stand on, is left as it is.
        create(&v, "alone.vhd", SIZE, None);
        scribble(&v, "alone.vhd", 6);
        let alone = read_all(&v, "alone.vhd");
        assert!(!empty(&v, "alone.vhd", room(&v, "alone.vhd")).expect("nothing to do"));
        assert!(read_all(&v, "alone.vhd") == alone);
        assert!(empty(&v, "b2.vhd", room(&v, "b2.vhd")).is_err());
    }
}

#[test]
fn a_coalesce_survives_every_cut() {
    for v in places() {
        family(&v);
        v.remove("s1.vhd").expect("remove"); // b2 is now the only child of b1.
        let before = contents(&v);
        let keep: Contents = ["leaf.vhd", "s2.vhd"].map(|n| (n.to_owned(), before[n].clone())).into();
        let go = |v: &MemVolumes| coalesce(v, "b2.vhd").expect("coalesce");
        at_every_cut(&v, go, |v, what| same(v, &keep, &["leaf.vhd", "s2.vhd", "b1.vhd"], what));
        assert!(!v.exists("b2.vhd").expect("exists"));
        assert!(read_all(&v, "b1.vhd") == before["b2.vhd"]);
    }
}

#[test]
fn a_leaf_coalesce_survives_every_cut() {
    for v in places() {
        family(&v);
        v.remove("s2.vhd").expect("remove");
        let before = contents(&v);
        let keep: Contents = ["leaf.vhd", "s1.vhd"].map(|n| (n.to_owned(), before[n].clone())).into();
        let go = |v: &MemVolumes| leaf_coalesce(v, "leaf.vhd", "leaf.vhd").expect("leaf coalesce");
        at_every_cut(&v, go, |v, what| same(v, &keep, &["leaf.vhd", "s1.vhd"], what));
        assert!(!v.exists("b2.vhd").expect("exists"));
        scribble(&v, "leaf.vhd", 5);
    }
}

#[test]
fn a_merge_keeps_an_open_leaf_right() {
    let v = MemVolumes::files();
    family(&v);
    v.remove("s1.vhd").expect("remove");
    let before = read_all(&v, "leaf.vhd");
    let leaf = Disk::open(&v, "leaf.vhd", Format::Vhd).expect("open");
    merge(&v, "b2.vhd").expect("merge");
    let mut seen = vec![0; SIZE as usize];
    xennix_disk::source::Source::read_at(&leaf, 0, &mut seen).expect("read");
    assert!(seen == before);
}

#[test]
fn merging_into_a_shared_or_visible_parent_is_refused_and_changes_nothing() {
    let v = MemVolumes::files();
    family(&v);
    v.checkpoint();
    assert!(coalesce(&v, "b2.vhd").is_err(), "b1 has s1 as a second child");
    assert!(coalesce(&v, "leaf.vhd").is_err(), "b2 has s2 as a second child");
    assert!(leaf_coalesce(&v, "leaf.vhd", "leaf.vhd").is_err());
    assert!(coalesce(&v, "b1.vhd").is_err(), "b1 has no parent");
    v.put("torn.vhd", &[1; 4096]).expect("put");
    v.remove("s1.vhd").expect("remove");
    v.checkpoint();
    assert!(coalesce(&v, "b2.vhd").is_err(), "an unreadable image may be a child");
    assert_eq!(v.ops(), 0);
}

#[test]
fn a_leaf_of_a_raw_parent_coalesces_into_it() {
    let v = MemVolumes::fixed(0);
    v.put("LV-a", &pattern(4, (8 << 20) / 512)).expect("put");
    assert!(take(&v, "LV-a", "LV-base", "VHD-snap"));
    scribble(&v, "VHD-a", 3);
    v.remove("VHD-snap").expect("remove");
    let want = read_all(&v, "VHD-a");
    // A raw parent carries no hidden mark: nothing says that it is a disk of its own.
    leaf_coalesce(&v, "VHD-a", "LV-a").expect("leaf coalesce");
    assert_eq!(v.list().expect("list"), ["LV-a"]);
    assert!(read_all(&v, "LV-a") == want);
}

#[test]
fn growth_survives_every_cut() {
    for v in places() {
        create(&v, "leaf.vhd", SIZE, None);
        scribble(&v, "leaf.vhd", 1);
        let mut want = read_all(&v, "leaf.vhd");
        let new = 40 << 20; // More blocks than the table was made for.
        let go = |v: &MemVolumes| grow(v, "leaf.vhd", new).expect("grow");
        want.resize(new as usize, 0);
        at_every_cut(&v, go, |v, what| {
            let seen = read_all(v, "leaf.vhd");
            assert!(seen.len() as u64 == SIZE || seen.len() as u64 == new, "{what}: {} bytes", seen.len());
            assert!(seen == want[..seen.len()], "{what}: other bytes");
        });
        inflate(&v, "leaf.vhd").expect("inflate");
        let mut disk = Disk::open(&v, "leaf.vhd", Format::Vhd).expect("open");
        let data = pattern(70, (30 << 20) / 512);
        disk.write_at(10 << 20, &data).expect("write");
        disk.close().expect("close");
        want[10 << 20..].copy_from_slice(&data);
        assert!(read_all(&v, "leaf.vhd") == want);
        assert_sound(&v, "grown");
        assert!(grow(&v, "leaf.vhd", SIZE).is_err(), "a disk never shrinks");
    }
}

#[test]
fn a_volume_can_be_deflated_and_inflated() {
    let v = MemVolumes::fixed(0xa5);
    let image = xennix_disk::vhd::create::NewImage::new(64 << 20, None);
    xennix_disk::vhd::create::create(&v, "VHD-a", &image, Room::Thick).expect("create");
    scribble(&v, "VHD-a", 1);
    let want = read_all(&v, "VHD-a");
    let bytes = prepare_deflate(&v, "VHD-a").expect("deflate") as usize;
    let cut = v.bytes("VHD-a").expect("bytes")[..bytes].to_vec();
    assert!(bytes < 24 << 20, "{bytes}");
    let small = MemVolumes::fixed(0xa5);
    small.put("VHD-a", &cut).expect("put");
    assert!(read_all(&small, "VHD-a") == want);
    assert_sound(&small, "deflated");
    inflate(&small, "VHD-a").expect("inflate");
    let image = Image::open(small.open("VHD-a", Access::Read).expect("open")).expect("image");
    assert_eq!(image.footer_place(), xennix_disk::vhd::reader::FooterPlace::Tail);
    let mut disk = Disk::open(&small, "VHD-a", Format::Vhd).expect("open");
    disk.write_at(0, &pattern(2, (64 << 20) / 512)).expect("a thick volume takes every block");
    disk.close().expect("close");
}

#[test]
fn a_snapshot_costs_the_same_whatever_the_disk_holds() {
    let cost = |blocks: u64| {
        let v = MemVolumes::files();
        create(&v, "leaf.vhd", 64 << 20, None);
        let mut disk = Disk::open(&v, "leaf.vhd", Format::Vhd).expect("open");
        for block in 0..blocks {
            disk.write_at(block << 21, &pattern(block + 1, 4096)).expect("write");
        }
        disk.close().expect("close");
        v.checkpoint();
        assert!(take(&v, "leaf.vhd", "base.vhd", "snap.vhd"));
        v.ops()
    };
    assert_eq!(cost(1), cost(32));
}
