//! The writer against a naive model, and against power failures at every moment.

mod common;

use common::{Rng, SIZE, assert_sound, create, pattern, read_all};
use proptest::prelude::*;
use xennix_disk::chain::Format;
use xennix_disk::disk::Disk;
use xennix_disk::mem::{Cut, MemVolumes};
use xennix_disk::source::{Source, State, extents};
use xennix_disk::vhd::create::ParentRef;
use xennix_disk::vhd::reader::{FooterPlace, Image};
use xennix_disk::volumes::Volumes;

#[derive(Debug, Clone)]
enum Step {
    Write { sector: u64, count: u64 },
    Zero { sector: u64, count: u64 },
    Flush,
    Reopen,
    Child,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = || {
        // Near block borders more often than not.
        (0u64..4, -20i64..20, 1u64..40).prop_map(|(block, near, count)| {
            let sector = (block * 4096).saturating_add_signed(near).min(SIZE / 512 - 1);
            (sector, count.min(SIZE / 512 - sector))
        })
    };
    let far = (0..SIZE / 512, 1u64..6000).prop_map(|(s, n)| (s, n.min(SIZE / 512 - s)));
    proptest::collection::vec(
        prop_oneof![
            8 => place().prop_map(|(sector, count)| Step::Write { sector, count }),
            2 => far.prop_map(|(sector, count)| Step::Write { sector, count }),
            2 => place().prop_map(|(sector, count)| Step::Zero { sector, count }),
            2 => Just(Step::Flush),
            2 => Just(Step::Reopen),
            1 => Just(Step::Child),
        ],
        1..30,
    )
}

fn uuid_of(volumes: &dyn Volumes, name: &str) -> uuid::Uuid {
    let file = volumes.open(name, xennix_disk::file::Access::Read).expect("open");
    Image::open(file).expect("image").footer().uuid
}

fn run_model(volumes: &MemVolumes, steps: &[Step]) {
    let mut name = String::from("n0.vhd");
    create(volumes, &name, SIZE, None);
    let mut model = vec![0u8; SIZE as usize];
    let mut disk = Disk::open(volumes, &name, Format::Vhd).expect("open");
    for (tag, step) in steps.iter().enumerate() {
        match step {
            Step::Write { sector, count } => {
                let data = pattern(tag as u64 + 1, *count);
                disk.write_at(sector * 512, &data).expect("write");
                model[(sector * 512) as usize..][..data.len()].copy_from_slice(&data);
            }
            Step::Zero { sector, count } => {
                disk.write_zeroes(sector * 512, count * 512).expect("zeroes");
                model[(sector * 512) as usize..][..(count * 512) as usize].fill(0);
            }
            Step::Flush => disk.flush().expect("flush"),
            Step::Reopen => {
                disk.close().expect("close");
                disk = Disk::open(volumes, &name, Format::Vhd).expect("reopen");
            }
            Step::Child => {
                disk.close().expect("close");
                let child = format!("n{tag}c.vhd");
                let parent = ParentRef { uuid: uuid_of(volumes, &name), name: name.clone() };
                create(volumes, &child, SIZE, Some(parent));
                name = child;
                disk = Disk::open(volumes, &name, Format::Vhd).expect("child");
            }
        }
        let mut seen = vec![0; SIZE as usize];
        disk.read_at(0, &mut seen).expect("read");
        assert!(seen == model, "after step {tag}, {step:?}");
    }
    disk.close().expect("close");
    assert!(read_all(volumes, &name) == model, "after the last close");
    assert_sound(volumes, "at the end");
    let file = volumes.open(&name, xennix_disk::file::Access::Read).expect("open");
    assert_eq!(Image::open(file).expect("image").footer_place(), FooterPlace::Tail);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_writes_read_back_from_files(steps in steps()) {
        run_model(&MemVolumes::files(), &steps);
    }

    #[test]
    fn any_writes_read_back_from_volumes_with_old_bytes(steps in steps()) {
        run_model(&MemVolumes::fixed(0xa5), &steps);
    }
}

/// Writes in bursts with flushes between; then cuts everywhere and looks at every sector.
fn crash_everywhere(volumes: &MemVolumes, seed: u64) {
    create(volumes, "base.vhd", SIZE, None);
    let mut disk = Disk::open(volumes, "base.vhd", Format::Vhd).expect("open");
    disk.write_at(4090 * 512, &pattern(900, 12)).expect("write");
    disk.close().expect("close");
    let parent = ParentRef { uuid: uuid_of(volumes, "base.vhd"), name: "base.vhd".into() };
    create(volumes, "leaf.vhd", SIZE, Some(parent));
    let before = read_all(volumes, "leaf.vhd");
    volumes.checkpoint();

    let sectors = (SIZE / 512) as usize;
    // Per sector: what may be read after a cut at operation n. (op index, tag) of each write and each flush.
    let mut writes: Vec<(usize, u64, Vec<u8>)> = Vec::new();
    let mut flushes: Vec<usize> = Vec::new();
    let mut rng = Rng(seed);
    let mut disk = Disk::open(volumes, "leaf.vhd", Format::Vhd).expect("open");
    for tag in 1..=24 {
        let sector = (rng.below(4) * 4096 + rng.below(24)).saturating_sub(12).min(SIZE / 512 - 9);
        let data = pattern(tag, 1 + rng.below(8));
        // Visible from the first of its operations on.
        writes.push((volumes.ops(), sector, data.clone()));
        disk.write_at(sector * 512, &data).expect("write");
        if rng.below(3) == 0 {
            disk.flush().expect("flush");
            flushes.push(volumes.ops());
        }
    }
    disk.close().expect("close");
    flushes.push(volumes.ops());

    let cuts = (0..=volumes.ops()).flat_map(|at| {
        [Cut::LoseAll, Cut::KeepAll, Cut::Random(at as u64 + 1), Cut::Random(at as u64 + 7777)]
            .map(|how| (at, how))
    });
    for (at, how) in cuts {
        let after = volumes.cut(at, how);
        assert_sound(&after, &format!("cut at {at}, {how:?}"));
        let seen = read_all(&after, "leaf.vhd");
        let acknowledged = flushes.iter().rev().find(|f| **f <= at).copied().unwrap_or(0);
        let mut allowed: Vec<Vec<&[u8]>> = (0..sectors).map(|s| vec![&before[s * 512..][..512]]).collect();
        for (op, sector, data) in writes.iter().filter(|w| w.0 < at) {
            for (i, bytes) in data.chunks_exact(512).enumerate() {
                let choices = &mut allowed[*sector as usize + i];
                if *op < acknowledged {
                    choices.clear();
                }
                choices.push(bytes);
            }
        }
        for (s, choices) in allowed.iter().enumerate() {
            let got = &seen[s * 512..][..512];
            assert!(
                choices.contains(&got),
                "cut at {at}, {how:?}: sector {s} holds neither old nor new bytes"
            );
        }
        // The disk goes on working.
        let mut disk = Disk::open(&after, "leaf.vhd", Format::Vhd).expect("reopen");
        let data = pattern(5000, 5000);
        disk.write_at(2048 * 512, &data).expect("write after the cut");
        disk.close().expect("close after the cut");
        let mut want = seen;
        want[2048 * 512..][..data.len()].copy_from_slice(&data);
        assert!(read_all(&after, "leaf.vhd") == want, "cut at {at}, {how:?}: writing on destroyed something");
        assert_sound(&after, &format!("after writing on, cut at {at}, {how:?}"));
    }
}

#[test]
fn a_cut_at_any_moment_leaves_old_or_new_sectors_in_files() {
    for seed in [11, 12] {
        crash_everywhere(&MemVolumes::files(), seed);
    }
}

#[test]
fn a_cut_at_any_moment_leaves_old_or_new_sectors_on_volumes() {
    for seed in [21, 22] {
        crash_everywhere(&MemVolumes::fixed(0xa5), seed);
    }
}

#[test]
fn a_full_volume_refuses_before_it_writes_and_keeps_what_it_has() {
    let volumes = MemVolumes::fixed(0);
    create(&volumes, "VHD-a", 64 << 20, None); // Room for most of 65 MiB...
    let small = xennix_disk::vhd::create::NewImage::new(64 << 20, None);
    let layout = xennix_disk::vhd::create::plan(&small).expect("plan");
    let file = volumes.create("VHD-b", 8 << 20).expect("create"); // ...and for three blocks only.
    layout.write(&*file).expect("write");
    let mut disk = Disk::open(&volumes, "VHD-b", Format::Vhd).expect("open");
    for block in 0..3 {
        disk.write_at(block << 21, &pattern(block + 1, 1)).expect("fits");
    }
    let refused = disk.write_at(3 << 21, &pattern(9, 1)).expect_err("does not fit");
    assert!(matches!(refused, xennix_disk::Error::NoSpace { .. }), "{refused}");
    disk.close().expect("close");
    let seen = read_all(&volumes, "VHD-b");
    assert!(seen[..512] == pattern(1, 1)[..] && seen[6 << 20..].iter().all(|b| *b == 0));
    assert_sound(&volumes, "full volume");
}

#[test]
fn a_failed_write_is_told_and_a_failed_flush_ends_the_writer() {
    let volumes = MemVolumes::files();
    create(&volumes, "a.vhd", SIZE, None);
    let mut disk = Disk::open(&volumes, "a.vhd", Format::Vhd).expect("open");
    disk.write_at(0, &pattern(1, 1)).expect("write");
    volumes.fail_after(Some(1));
    assert!(disk.flush().is_err(), "the flush could not write its metadata");
    volumes.fail_after(None);
    assert!(disk.flush().is_err(), "a flush after a failed one must not claim success");
    assert!(disk.write_at(512, &pattern(2, 1)).is_err());
}

#[test]
fn inner_nodes_and_bad_ranges_are_refused() {
    let volumes = MemVolumes::files();
    create(&volumes, "a.vhd", SIZE, None);
    let file = volumes.open("a.vhd", xennix_disk::file::Access::Write).expect("open");
    xennix_disk::vhd::writer::Writer::open(file).expect("writer").set_hidden(true).expect("hide");
    assert!(Disk::open(&volumes, "a.vhd", Format::Vhd).is_err());
    create(&volumes, "b.vhd", SIZE, None);
    let mut disk = Disk::open(&volumes, "b.vhd", Format::Vhd).expect("open");
    assert!(disk.write_at(SIZE, &[0; 512]).is_err());
    assert!(disk.write_at(u64::MAX - 511, &[0; 512]).is_err());
    assert!(disk.write_at(0, &[0; 100]).is_err());
    assert!(disk.write_at(1, &[0; 512]).is_err());
    let mut data = 0;
    disk.write_at(512, &pattern(1, 2)).expect("write");
    extents(&disk, |e| {
        data += if e.state == State::Data { e.len } else { 0 };
        Ok(())
    })
    .expect("extents");
    assert_eq!(data, 1024);
}
