//! Random lives of qcow2 disks against a plain model: written, frozen, cloned, grown, reverted, merged, removed; and the same
//! lives cut by power failures anywhere. `XENNIX_QCOW2_LIVES` makes them many, `XENNIX_QCOW2_CUTS` the cuts.

mod common;

use common::Rng;
use common::qcow2::read_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use xennix_disk::chain::Format;
use xennix_disk::file::Access;
use xennix_disk::image::Image;
use xennix_disk::mem::{Cut, MemVolumes};
use xennix_disk::qcow2::audit::{audit, audit_links};
use xennix_disk::qcow2::header::Header;
use xennix_disk::qcow2::{Qcow2Disk, create::create, grow::grow};
use xennix_disk::source::Source;
use xennix_disk::vhd::audit::Severity;
use xennix_disk::vhd::coalesce::{coalesce, leaf_coalesce};
use xennix_disk::vhd::create::Room;
use xennix_disk::vhd::journal::recover;
use xennix_disk::vhd::snapshot::{Child, Snapshot, empty, revert, snapshot};
use xennix_disk::volumes::Volumes;

/// Sectors a disk begins with: 1 MiB, and what it grows by.
const SECTORS: usize = 2048;
const STEPS: usize = 16;

/// What each disk reads as, a tag a sector.
type Model = BTreeMap<String, Vec<u32>>;

/// The disks at a moment: before the step that was going on, and after it.
struct Moment {
    ops: usize,
    before: Model,
    after: Model,
    what: String,
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn open(v: &MemVolumes, name: &str) -> Qcow2Disk {
    Qcow2Disk::open(v, name, Access::Write).expect("qcow2")
}

fn sector(tag: u32, at: usize) -> [u8; 512] {
    let mut out = [0; 512];
    if tag != 0 {
        out.chunks_exact_mut(8)
            .for_each(|c| c.copy_from_slice(&(u64::from(tag) << 32 | at as u64).to_le_bytes()));
    }
    out
}

/// The tags a disk reads as; a sector that is torn ends the test.
fn tags(v: &MemVolumes, name: &str) -> Vec<u32> {
    let all = read_all(v, name);
    let one = |(at, found): (usize, &[u8])| {
        let tag = u32::from_le_bytes(found[4..8].try_into().expect("4 bytes"));
        assert!(found == sector(tag, at), "{name}: sector {at} is torn");
        tag
    };
    all.chunks_exact(512).enumerate().map(one).collect()
}

/// The disks people see.
fn leaves(v: &MemVolumes) -> Vec<String> {
    let mut names = v.list().expect("list");
    names.retain(|name| {
        let file = v.open(name, Access::Read).expect("open");
        !Header::read(&*file).expect("header").hidden
    });
    names
}

/// Nothing is wrong with any image, nor between them.
fn sound(v: &MemVolumes, what: &str) {
    let names = v.list().expect("list");
    assert!(names.iter().all(|n| n.ends_with(".qcow2") && !n.starts_with("OLD_")), "{what}: {names:?}");
    let mut found = audit_links(v, &names);
    for name in &names {
        found.extend(audit(&*v.open(name, Access::Read).expect("open"), name).expect("audit"));
    }
    // A revert or a removal leaves inner nodes nobody needs, which are collected elsewhere.
    found.retain(|f| f.severity != Severity::Note && f.code != "garbage");
    // Counts that a cut left too high stay so: that costs space, not data.
    found.retain(|f| f.code != "leaked");
    // Nor is an inner node put right that a merge was cut in, before it is written again.
    let inner =
        |name: &str| Header::read(&*v.open(name, Access::Read).expect("open")).expect("header").hidden;
    found.retain(|f| f.code != "unclean" || !inner(&f.image));
    assert!(found.is_empty(), "{what}: {found:?}");
}

fn plan(leaf: &str, base: String, child: &str) -> Snapshot {
    Snapshot {
        leaf: leaf.into(),
        format: Format::Qcow2,
        base,
        leaf_after: leaf.into(),
        room: Room::File,
        children: vec![Child { name: child.into(), room: Room::File }],
    }
}

struct Life {
    v: MemVolumes,
    rng: Rng,
    model: Model,
    made: u32,
    merged: u32,
    moments: Vec<Moment>,
}

impl Life {
    fn new(seed: u64) -> Life {
        let v = MemVolumes::files();
        create(&v, "d0.qcow2", SECTORS as u64 * 512, None).expect("create");
        v.checkpoint();
        let model = Model::from([("d0.qcow2".into(), vec![0; SECTORS])]);
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        rng.below(2);
        Life { v, rng, model, made: 0, merged: 0, moments: Vec::new() }
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{}.qcow2", self.made)
    }

    /// Does one thing; what it was about to change is told first.
    fn step(&mut self) {
        let nth = self.rng.below(self.model.len() as u64) as usize;
        let name = self.model.keys().nth(nth).cloned().expect("a disk");
        let disk = self.model[&name].clone();
        let before = self.model.clone();
        let ops = self.v.ops();
        let roll = self.rng.below(14);
        let (v, mut after) = (self.v.clone(), before.clone());
        let what = format!("{roll} on {name}");
        let mut begin = |after: &Model| {
            self.moments.push(Moment {
                ops,
                before: before.clone(),
                after: after.clone(),
                what: what.clone(),
            });
        };
        match roll {
            0..=3 => {
                let at = self.rng.below(disk.len() as u64) as usize;
                let n = (1 + self.rng.below(400) as usize).min(disk.len() - at);
                self.made += 1;
                let tag = self.made;
                after.get_mut(&name).expect("a disk")[at..at + n].fill(tag);
                begin(&after);
                let data: Vec<u8> = (at..at + n).flat_map(|s| sector(tag, s)).collect();
                let mut disk = open(&v, &name);
                disk.write_at(at as u64 * 512, &data).expect("write");
                disk.close().expect("close");
            }
            4 | 5 if self.model.len() < 7 => {
                let (base, twin) = (self.fresh("b"), self.fresh("t"));
                after.insert(twin.clone(), disk);
                let made = self.moments.len();
                self.moments.push(Moment { ops, before: before.clone(), after: after.clone(), what });
                assert_eq!(made + 1, self.moments.len());
                match snapshot(&v, &plan(&name, base, &twin)) {
                    Ok(_) => {}
                    Err(e) => {
                        assert!(e.to_string().contains("coalesce first"), "{e}");
                        after = before;
                    }
                }
            }
            6 if disk.len() < 6 * SECTORS => {
                let mut grown = disk;
                grown.resize(grown.len() + SECTORS, 0);
                let size = grown.len() as u64 * 512;
                after.insert(name.clone(), grown);
                begin(&after);
                let file = v.open(&name, Access::Write).expect("open");
                grow(&*file, &name, size).expect("grow");
            }
            7 if self.model.len() > 1 => {
                let to = self.model.keys().find(|other| **other != name).cloned().expect("another");
                after.insert(name.clone(), self.model[&to].clone());
                begin(&after);
                let base = self.fresh("b");
                if let Err(e) = revert(&v, &name, &to, &base, Room::File) {
                    assert!(e.to_string().contains("coalesce first"), "{e}");
                    after = before;
                }
            }
            8 if self.model.len() > 3 => {
                after.remove(&name);
                begin(&after);
                v.remove(&name).expect("remove");
                v.sync().expect("sync");
            }
            10..=12 => {
                begin(&after);
                self.merged += u32::from(collect(&v));
            }
            13 => {
                // The guest writes while its disk is merged: no sector twice, as either write may be lost.
                let (mut writes, part) = (Vec::new(), disk.len() / 4);
                for i in 0..4 {
                    let at = i * part + self.rng.below(part as u64) as usize;
                    let n = (1 + self.rng.below(300) as usize).min((i + 1) * part - at);
                    self.made += 1;
                    after.get_mut(&name).expect("a disk")[at..at + n].fill(self.made);
                    writes.push((at, n, self.made));
                }
                begin(&after);
                let ended = merge_under(&v, &name, &writes, self.rng.below(4) > 0);
                self.merged += u32::from(ended);
            }
            _ => begin(&after),
        }
        self.model = after;
    }
}

/// Merges a leaf, if it may be, while these stretches of it are written; given up unless it is to end. Has it ended?
fn merge_under(v: &MemVolumes, name: &str, writes: &[(usize, usize, u32)], end: bool) -> bool {
    let mut disk = Image::within(v, name, Format::Qcow2, Access::Write).expect("open");
    let begun = disk.start_merge(v, name, name).is_ok();
    for (at, n, tag) in writes {
        if begun {
            disk.merge_step(v, 64 << 10).expect("step");
        }
        let data: Vec<u8> = (*at..at + n).flat_map(|s| sector(*tag, s)).collect();
        disk.write_at(*at as u64 * 512, &data).expect("write");
    }
    if begun && end {
        disk.finish_merge(v).expect("finish");
    } else {
        disk.cancel_merge();
        disk.close().expect("close");
    }
    begun && end
}

/// Does the first thing a collection would do: removes what nobody needs, merges what is its parent's only child.
fn collect(v: &MemVolumes) -> bool {
    let header = |name: &str| Header::read(&*v.open(name, Access::Read).expect("open")).expect("header");
    let names = v.list().expect("list");
    let children = |of: &str| names.iter().filter(|n| header(n).parent() == Some(of)).count();
    for name in &names {
        let own = header(name);
        if own.hidden && children(name) == 0 {
            v.remove(name).expect("remove");
            v.sync().expect("sync");
            return true;
        }
        let Some(parent) = own.parent() else { continue };
        if children(parent) != 1 || !header(parent).hidden || !header(parent).takes(&own) {
            continue;
        }
        let before: Vec<_> = leaves(v).iter().map(|n| (n.clone(), read_all(v, n))).collect();
        if own.hidden {
            coalesce(v, name).expect("coalesce");
        } else {
            leaf_coalesce(v, name, name).expect("leaf coalesce");
        }
        for (leaf, bytes) in before {
            assert!(read_all(v, &leaf) == bytes, "{leaf} changed when {name} was merged");
        }
        return true;
    }
    false
}

/// What a cut left, after recovery: every disk reads as before the step that was cut or as after it.
fn judge(v: &MemVolumes, m: &Moment) {
    let names = leaves(v);
    let is = |model: &Model| names.iter().eq(model.keys());
    assert!(is(&m.before) || is(&m.after), "{}: {names:?}", m.what);
    for name in &names {
        // Its writer died: whoever reads it puts it right first.
        open(v, name).close().expect("settle");
        let found = tags(v, name);
        let states: Vec<&Vec<u32>> = [&m.before, &m.after].iter().filter_map(|s| s.get(name)).collect();
        assert!(states.iter().any(|s| s.len() == found.len()), "{}: the size of {name}", m.what);
        for (at, tag) in found.iter().enumerate() {
            let fits = states.iter().any(|s| s.get(at).copied().unwrap_or(0) == *tag);
            assert!(fits, "{}: sector {at} of {name} reads as {tag}", m.what);
        }
    }
}

#[test]
fn any_life_of_qcow2_disks_reads_as_the_model_says() {
    let mut merged = 0;
    for seed in 1..=number("XENNIX_QCOW2_LIVES", 20) {
        let mut life = Life::new(seed);
        for _ in 0..STEPS * 2 {
            life.step();
        }
        for (name, wanted) in &life.model {
            assert!(tags(&life.v, name) == *wanted, "seed {seed}: {name} holds something else");
        }
        assert!(leaves(&life.v).iter().eq(life.model.keys()), "seed {seed}");
        sound(&life.v, &format!("seed {seed}"));
        // Collected to the end, no more inner nodes are left than forks need.
        while collect(&life.v) {}
        for (name, wanted) in &life.model {
            assert!(tags(&life.v, name) == *wanted, "seed {seed}: {name} holds something else, collected");
        }
        sound(&life.v, &format!("seed {seed}, collected"));
        merged += life.merged;
    }
    assert!(merged > 0, "nothing was ever merged");
}

#[test]
fn any_life_of_qcow2_disks_survives_cuts_anywhere() {
    let (mut seed, mut cuts) = (1_000, number("XENNIX_QCOW2_CUTS", 120));
    while cuts > 0 {
        seed += 1;
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            life.step();
        }
        let mut rng = Rng(seed * 31 + 17);
        for _ in 0..cuts.min(20) {
            let at = rng.below(life.v.ops() as u64 + 1) as usize;
            let how = match rng.below(4) {
                0 => Cut::LoseAll,
                1 => Cut::KeepAll,
                n => Cut::Random(rng.below(1 << 40) + n),
            };
            let moment = life.moments.iter().rfind(|m| m.ops <= at).expect("a moment");
            let what = format!("seed {seed}, cut {at}, {how:?}, {}", moment.what);
            let after = life.v.cut(at, how);
            recover(&after).unwrap_or_else(|e| panic!("{what}: {e}"));
            // A second failure during the recovery changes nothing.
            let again = after.cut(rng.below(after.ops() as u64 + 1) as usize, how);
            recover(&again).unwrap_or_else(|e| panic!("{what}, again: {e}"));
            for v in [after, again] {
                judge(&v, moment);
                // Whoever writes one disk next touches no other.
                let names = leaves(&v);
                let others: Vec<_> = names.iter().skip(1).map(|n| read_all(&v, n)).collect();
                for name in &names {
                    let mut disk = open(&v, name);
                    if *name == names[0] {
                        disk.write_at(0, &[0xee; 512]).expect("write");
                        disk.write_at(disk.size() - 512, &[0xdd; 512]).expect("write");
                    }
                    disk.close().expect("close");
                }
                let now: Vec<_> = names.iter().skip(1).map(|n| read_all(&v, n)).collect();
                assert!(now == others, "{what}: another disk changed");
                sound(&v, &what);
                // A merge that was cut is begun anew.
                while collect(&v) {}
                sound(&v, &format!("{what}, collected"));
            }
        }
        cuts -= cuts.min(20);
    }
}

#[test]
fn a_mark_finds_room_in_foreign_headers() {
    // Laid out as others do: the name right behind the end of the extensions.
    let v = MemVolumes::files();
    create(&v, "a.qcow2", 1 << 20, None).expect("create");
    let mut image = v.bytes("a.qcow2").expect("bytes");
    image[104..4096].fill(0);
    let name = b"/run/sr-mount/0a6c1f0e-1111-4222-8333-444455556666/base.qcow2";
    image[112..112 + name.len()].copy_from_slice(name);
    image[8..16].copy_from_slice(&112u64.to_be_bytes());
    image[16..20].copy_from_slice(&(name.len() as u32).to_be_bytes());
    v.put("f.qcow2", &image).expect("put");
    v.sync().expect("sync");
    v.checkpoint();
    let read =
        |v: &MemVolumes| Header::read(&*v.open("f.qcow2", Access::Read).expect("open")).expect("header");
    let before = read(&v);
    assert_eq!((before.parent(), before.hidden), (Some("base.qcow2"), false));
    xennix_disk::qcow2::header::set_hidden(&*v.open("f.qcow2", Access::Write).expect("open"), true)
        .expect("mark");
    let after = read(&v);
    assert!(after.hidden && after.backing == before.backing && after.size == before.size);
    for at in 0..=v.ops() {
        for how in [Cut::LoseAll, Cut::KeepAll, Cut::Random(at as u64), Cut::Random(77)] {
            let cut = read(&v.cut(at, how));
            assert!(cut.backing == before.backing && cut.size == before.size, "{at}, {how:?}");
        }
    }
    let file = v.open("f.qcow2", Access::Write).expect("open");
    xennix_disk::qcow2::header::set_hidden(&*file, false).expect("mark");
    assert!(!read(&v).hidden);
}

#[test]
fn a_first_table_that_gets_too_small_moves() {
    let v = MemVolumes::files();
    create(&v, "a.qcow2", 1 << 20, None).expect("create");
    let mut disk = open(&v, "a.qcow2");
    disk.write_at(512, &[7; 512]).expect("write");
    disk.close().expect("close");
    v.sync().expect("sync");
    v.checkpoint();
    // A cluster of that table is about 4 TiB.
    let size = 9 << 40;
    grow(&*v.open("a.qcow2", Access::Write).expect("open"), "a.qcow2", size).expect("grow");
    for at in 0..=v.ops() {
        for how in [Cut::LoseAll, Cut::KeepAll, Cut::Random(at as u64), Cut::Random(7)] {
            let cut = v.cut(at, how);
            let mut disk = open(&cut, "a.qcow2");
            assert!([1 << 20, size].contains(&disk.size()), "{at}, {how:?}");
            let mut b = [0; 1024];
            disk.read_at(0, &mut b).expect("read");
            assert!(b[..512] == [0; 512] && b[512..] == [7; 512], "{at}, {how:?}");
            let last = disk.size() - 512;
            disk.write_at(last, &[9; 512]).expect("write");
            disk.close().expect("close");
            sound(&cut, &format!("{at}, {how:?}"));
        }
    }
    let file: Arc<dyn xennix_disk::file::BlockFile> = v.open("a.qcow2", Access::Write).expect("open");
    assert!(grow(&*file, "a.qcow2", 1 << 20).is_err(), "a disk never shrinks");
}

#[test]
fn a_leaf_that_is_emptied_survives_every_cut() {
    let v = MemVolumes::files();
    create(&v, "d.qcow2", 1 << 20, None).expect("create");
    let write = |v: &MemVolumes, at: u64, byte: u8| {
        let mut disk = open(v, "d.qcow2");
        disk.write_at(at, &[byte; 512]).expect("write");
        disk.close().expect("close");
    };
    let read = |v: &MemVolumes, name: &str| {
        let disk = open(v, name);
        let mut bytes = vec![0; disk.size() as usize];
        disk.read_at(0, &mut bytes).expect("read");
        disk.close().expect("close");
        bytes
    };
    write(&v, 4096, 1);
    assert!(!empty(&v, "d.qcow2", Room::File).expect("nothing to do"), "it stands on nothing");
    assert!(snapshot(&v, &plan("d.qcow2", "b.qcow2".into(), "s.qcow2")).expect("snapshot"));
    grow(&*v.open("d.qcow2", Access::Write).expect("open"), "d.qcow2", 2 << 20).expect("grow");
    write(&v, 8192, 2);
    v.sync().expect("sync");
    v.checkpoint();
    let (old, kept) = (read(&v, "d.qcow2"), read(&v, "s.qcow2"));
    let mut below = kept.clone();
    below.resize(2 << 20, 0);
    v.checkpoint();
    assert!(empty(&v, "d.qcow2", Room::File).expect("empty"));
    for at in 0..=v.ops() {
        for how in [Cut::LoseAll, Cut::KeepAll, Cut::Random(at as u64), Cut::Random(7)] {
            let cut = v.cut(at, how);
            recover(&cut).expect("recover");
            let now = read(&cut, "d.qcow2");
            assert!(now == old || now == below, "{at}, {how:?}: neither old nor empty");
            assert!(read(&cut, "s.qcow2") == kept, "{at}, {how:?}");
            assert_eq!(cut.list().expect("list").len(), 3, "{at}, {how:?}");
            sound(&cut, &format!("{at}, {how:?}"));
        }
    }
    assert!(read(&v, "d.qcow2") == below);
    assert!(empty(&v, "b.qcow2", Room::File).is_err(), "others stand on it");
}
