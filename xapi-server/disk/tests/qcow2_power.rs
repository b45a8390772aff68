//! Power failures under a qcow2 that is written: whatever of the unflushed writes the device kept, what was flushed is
//! there unless it was written since, and the tables are such that a writer may go on. `XENNIX_QCOW2_CUTS` makes the cuts many.

mod common;

use common::Rng;
use common::qcow2::read_all as all;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use xennix_disk::chain::Format;
use xennix_disk::file::Access;
use xennix_disk::mem::{Cut, MemVolumes};
use xennix_disk::qcow2::Qcow2Disk;
use xennix_disk::qcow2::audit::audit;
use xennix_disk::qcow2::create::create;
use xennix_disk::source::Source;
use xennix_disk::vhd::audit::Severity;
use xennix_disk::vhd::create::Room;
use xennix_disk::vhd::snapshot::{Child, Snapshot, snapshot};
use xennix_disk::volumes::Volumes;

const NAME: &str = "d.qcow2";
/// Sectors of the disk: 8 MiB.
const SECTORS: u64 = 16384;

fn open(v: &MemVolumes) -> Qcow2Disk {
    Qcow2Disk::open(v, NAME, Access::Write).expect("qcow2")
}

/// Nothing is wrong with the tables.
fn sound(v: &MemVolumes, what: &str) {
    let file = v.open(NAME, Access::Read).expect("open");
    let found = audit(&*file, NAME).expect("audit");
    // Counts that a cut left too high stay so: that costs space, not data.
    let bad: Vec<_> = found.iter().filter(|f| f.severity != Severity::Note && f.code != "leaked").collect();
    assert!(bad.is_empty(), "{what}: {bad:?}");
}

/// One sector of a tag; 0 is zeros.
fn sector(tag: u32, at: u64) -> [u8; 512] {
    let mut out = [0; 512];
    if tag != 0 {
        out.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&(u64::from(tag) << 32 | at).to_le_bytes()));
    }
    out
}

/// The disk at a moment.
#[derive(Clone)]
struct Moment {
    ops: usize,
    flushed: Arc<Vec<u32>>,
    /// Since the last flush: sector, count, tag.
    pending: Vec<(u64, u64, u32)>,
    /// All writes so far.
    all: Arc<Vec<(u64, u64, u32)>>,
}

impl Moment {
    /// What was flushed, what was written since, and, where something was written since, what lay there before: a
    /// cluster that was made zero keeps its place, and the table that takes it in use again may arrive before its data.
    fn allows(&self, at: u64, tag: u32) -> bool {
        let covers = |(s, n, _): &&(u64, u64, u32)| (*s..s + n).contains(&at);
        let has = |writes: &[(u64, u64, u32)]| writes.iter().filter(covers).any(|w| w.2 == tag);
        self.flushed[at as usize] == tag
            || self.pending.iter().any(|w| covers(&w)) && (has(&self.pending) || has(&self.all))
    }
}

/// Lets a guest write for `steps` steps over what is there; what may be read after a cut at each moment.
fn live(v: &MemVolumes, there: &[u32], rng: &mut Rng, steps: u32, through: bool) -> Vec<Moment> {
    let mut disk = open(v);
    if through {
        disk.write_through();
    }
    let mut now =
        Moment { ops: 0, flushed: Arc::new(there.to_vec()), pending: Vec::new(), all: Arc::default() };
    let mut moments = vec![now.clone()];
    for tag in 1..=steps {
        let (n, place) = (1 + rng.below(200), rng.below(SECTORS));
        let n = n.min(SECTORS - place);
        let zero = rng.below(5) == 0;
        now.pending.push((place, n, if zero { 0 } else { tag }));
        Arc::make_mut(&mut now.all).push((place, n, if zero { 0 } else { tag }));
        // From the first of its writes on a step may have happened.
        moments.push(Moment { ops: v.ops(), ..now.clone() });
        if zero {
            disk.write_zeroes(place * 512, n * 512).expect("zeroes");
        } else {
            let data: Vec<u8> = (place..place + n).flat_map(|s| sector(tag, s)).collect();
            disk.write_at(place * 512, &data).expect("write");
        }
        if rng.below(3) == 0 {
            disk.flush().expect("flush");
            let flushed = Arc::make_mut(&mut now.flushed);
            for (at, n, tag) in now.pending.drain(..) {
                flushed[at as usize..(at + n) as usize].fill(tag);
            }
        }
        now.ops = v.ops();
        moments.push(now.clone());
    }
    moments
}

/// What a cut left can be opened for writing, holds what was flushed, and is sound afterwards.
fn judge(v: &MemVolumes, moment: &Moment, what: &str) {
    let mut disk = open(v);
    let mut bytes = vec![0; (SECTORS * 512) as usize];
    disk.read_at(0, &mut bytes).expect("read");
    for (at, found) in bytes.chunks_exact(512).enumerate() {
        let at = at as u64;
        let tag = u32::from_le_bytes(found[4..8].try_into().expect("4 bytes"));
        let whole = found == sector(tag, at);
        let allowed = moment.allows(at, tag);
        assert!(whole && allowed, "{what}: sector {at} reads as {tag}, whole: {whole}");
    }
    // Writing on must not touch what is there.
    bytes[..512].fill(0xee);
    disk.write_at(0, &bytes[..512]).expect("write");
    let tail = bytes.len() - 512;
    bytes[tail..].fill(0xdd);
    disk.write_at(tail as u64, &bytes[tail..]).expect("write");
    disk.close().expect("close");
    sound(v, what);
    let disk = open(v);
    let mut again = vec![0; bytes.len()];
    disk.read_at(0, &mut again).expect("read");
    assert!(again == bytes, "{what}: something else changed");
}

/// What is written to.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// An image as this crate makes it.
    Own,
    /// One of small clusters, so that tables and their blocks are many.
    Small,
    /// One that stands on another, which holds something.
    Over,
}

/// The tag of what the lower image holds.
const BELOW: u32 = 0xba5e;
/// A snapshot that stands on the same image.
const SNAPSHOT: &str = "s.qcow2";

/// An image in its place, and what it reads as, by tags.
fn place(kind: Kind) -> Option<(MemVolumes, Vec<u32>)> {
    let (v, mut there) = (MemVolumes::files(), vec![0; SECTORS as usize]);
    if kind == Kind::Small {
        let dir = tempfile::tempdir().expect("tempdir");
        if !qemu_img(dir.path()) {
            return None;
        }
        v.put(NAME, &std::fs::read(dir.path().join(NAME)).expect("read")).expect("put");
    } else {
        create(&v, NAME, SECTORS * 512, None).expect("create");
    }
    if kind == Kind::Over {
        let mut disk = open(&v);
        for start in (0..SECTORS).step_by(1500) {
            let stretch = start..start + 700;
            let data: Vec<u8> = stretch.clone().flat_map(|s| sector(BELOW, s)).collect();
            disk.write_at(start * 512, &data).expect("write");
            there[stretch.start as usize..stretch.end as usize].fill(BELOW);
        }
        disk.close().expect("close");
        let child = Child { name: SNAPSHOT.into(), room: Room::File };
        let plan = Snapshot {
            leaf: NAME.into(),
            format: Format::Qcow2,
            base: "b.qcow2".into(),
            leaf_after: NAME.into(),
            room: Room::File,
            children: vec![child],
        };
        assert!(snapshot(&v, &plan).expect("snapshot"));
    }
    v.sync().expect("sync");
    Some((v, there))
}

/// False where the emulator's tool is not installed, which the gate does not allow.
fn qemu_img(dir: &Path) -> bool {
    let args = ["create", "-q", "-f", "qcow2", "-o", "cluster_size=512", NAME, "8M"];
    match Command::new("qemu-img").args(args).current_dir(dir).output() {
        Ok(out) => {
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            true
        }
        Err(_) if std::env::var_os("CI").is_none() => {
            eprintln!("skipped: qemu-img is not installed");
            false
        }
        Err(e) => panic!("qemu-img: {e}"),
    }
}

fn survive(kind: Kind, through: bool, seed: u64) {
    let cuts: u64 = std::env::var("XENNIX_QCOW2_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(120);
    let Some((first, there)) = place(kind) else { return };
    let below = (kind == Kind::Over).then(|| all(&first, SNAPSHOT));
    let mut done = 0;
    let mut round = seed;
    while done < cuts {
        round += 1;
        let mut rng = Rng(round.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        rng.below(2);
        let v = first.cut(first.ops(), Cut::KeepAll);
        v.checkpoint();
        let moments = live(&v, &there, &mut rng, 24, through);
        // The guest's own view holds without any failure, too: the process died.
        judge(&v.cut(v.ops(), Cut::KeepAll), moments.last().expect("a moment"), "killed");
        for _ in 0..20 {
            let at = rng.below(v.ops() as u64 + 1) as usize;
            let how = match rng.below(4) {
                0 => Cut::LoseAll,
                1 => Cut::KeepAll,
                _ => Cut::Random(rng.below(1 << 40)),
            };
            // The step that was going on: the last one begun at the cut.
            let moment = moments.iter().rfind(|m| m.ops <= at).expect("a moment");
            let after = v.cut(at, how);
            judge(&after, moment, &format!("round {round}, cut {at}, {how:?}"));
            if let Some(below) = &below {
                assert!(all(&after, SNAPSHOT) == *below, "round {round}: the snapshot changed");
            }
            done += 1;
        }
    }
}

#[test]
fn what_was_flushed_survives_a_power_failure() {
    survive(Kind::Own, false, 1_000);
    survive(Kind::Own, true, 2_000);
}

#[test]
fn small_clusters_survive_a_power_failure() {
    survive(Kind::Small, false, 3_000);
    survive(Kind::Small, true, 4_000);
}

#[test]
fn what_an_image_stands_on_survives_a_power_failure() {
    survive(Kind::Over, false, 5_000);
    survive(Kind::Over, true, 6_000);
}

/// Cuts everywhere since the checkpoint, in many ways.
fn cuts(v: &MemVolumes, judge: impl Fn(&MemVolumes, &str)) {
    for at in 0..=v.ops() {
        for seed in 0..60 {
            judge(&v.cut(at, Cut::Random(seed)), &format!("cut {at}, seed {seed}"));
        }
    }
}

#[test]
fn a_place_that_was_given_up_is_not_used_again_before_that_is_durable() {
    // Of two clusters that lie the wrong way round, one write of both would give up the place of the second, and the
    // next table would get it: the second level table of a part of the disk that was empty so far.
    for kind in [Kind::Own, Kind::Small] {
        let small = kind == Kind::Small;
        let Some((v, _)) = place(kind) else { continue };
        let (cluster, far) = if small { (512, 1 << 20) } else { (65536, 512 << 20) };
        if !small {
            let file = v.open(NAME, Access::Write).expect("open");
            xennix_disk::qcow2::grow::grow(&*file, NAME, 1 << 30).expect("grow");
        }
        let mut disk = open(&v);
        for at in [cluster, 0] {
            disk.write_at(at, &vec![1; cluster as usize]).expect("write");
        }
        disk.flush().expect("flush");
        disk.write_zeroes(0, 2 * cluster).expect("zeroes");
        disk.flush().expect("flush");
        v.checkpoint();
        disk.write_at(0, &vec![2; 2 * cluster as usize]).expect("write");
        disk.write_at(far, &[3; 512]).expect("write");
        disk.flush().expect("flush");
        cuts(&v, |v, what| {
            let disk = open(v);
            let mut b = vec![0; 2 * cluster as usize];
            disk.read_at(0, &mut b).expect("read");
            assert!(b.chunks(512).all(|s| s.iter().all(|b| *b == s[0]) && s[0] <= 2), "{what}");
            disk.read_at(far, &mut b[..1024]).expect("read");
            let whole = b[..512] == [3; 512] || b[..512] == [0; 512];
            assert!(whole && b[512..1024] == [0; 512], "{what}: {:?} {:?}", b[0], b[512]);
            disk.close().expect("close");
            sound(v, what);
        });
    }
}

#[test]
fn zeros_beside_a_write_stay_zeros() {
    let v = MemVolumes::files();
    create(&v, NAME, 1 << 20, None).expect("create");
    let mut disk = open(&v);
    disk.write_at(0, &[1; 65536]).expect("write");
    disk.flush().expect("flush");
    disk.write_zeroes(0, 65536).expect("zeroes");
    disk.flush().expect("flush");
    v.checkpoint();
    disk.write_at(4096, &[2; 512]).expect("write");
    disk.flush().expect("flush");
    cuts(&v, |v, what| {
        let mut b = [0; 65536];
        open(v).read_at(0, &mut b).expect("read");
        let others = b.iter().enumerate().filter(|(at, b)| !(4096..4608).contains(at) && **b != 0);
        assert_eq!(others.count(), 0, "{what}");
    });
}
