//! Random lives of disks against a plain model: written, frozen, cloned, grown, merged offline and under a guest,
//! reverted, deleted; and the same lives cut by power failures anywhere.
//!
//! `XENNIX_DISK_RUNS=5000` and `XENNIX_DISK_CUTS=10000` make it a campaign; `XENNIX_DISK_SEED` starts elsewhere. A
//! failure names its seed.

mod common;

use common::world::{World, judge};
use common::{Rng, assert_sound};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use xennix_disk::mem::Cut;
use xennix_disk::vhd::journal::recover;

/// Steps of a life.
const STEPS: u64 = 28;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// One life in so many is on volumes, which take long to lay out.
fn fixed(seed: u64) -> bool {
    seed % 25 == 9
}

fn with_seed(seed: u64, life: impl FnOnce(&mut World)) {
    let mut world = World::new(seed, fixed(seed));
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| life(&mut world))) {
        let steps: Vec<&str> = world.moments.iter().map(|m| m.what.as_str()).collect();
        eprintln!("XENNIX_DISK_SEED={seed}, after:\n  {}", steps.join("\n  "));
        resume_unwind(panic);
    }
}

#[test]
fn any_life_of_disks_reads_as_the_model_says() {
    let first = number("XENNIX_DISK_SEED", 1);
    for seed in first..first + number("XENNIX_DISK_RUNS", 300) {
        with_seed(seed, |w| {
            for n in 0..STEPS {
                w.step();
                if (n + seed) % 4 == 0 {
                    w.check();
                }
            }
            w.end();
            w.check();
            assert_sound(&w.v, "at the end");
        });
    }
}

#[test]
fn any_life_survives_cuts_anywhere() {
    let first = number("XENNIX_DISK_SEED", 1);
    let mut cuts = number("XENNIX_DISK_CUTS", 800);
    let mut seed = first;
    while cuts > 0 {
        let mut rng = Rng(seed * 31 + 17);
        with_seed(seed, |w| {
            for _ in 0..STEPS {
                w.step();
            }
            w.end();
            for _ in 0..cuts.min(40) {
                let at = rng.below(w.v.ops() as u64 + 1) as usize;
                let how = match rng.below(4) {
                    0 => Cut::LoseAll,
                    1 => Cut::KeepAll,
                    n => Cut::Random(rng.below(1 << 40) + n),
                };
                let b = w.moments.iter().position(|m| m.at >= at).unwrap_or(w.moments.len() - 1);
                let a = b.saturating_sub(1);
                let done = catch_unwind(AssertUnwindSafe(|| {
                    let after = w.v.cut(at, how);
                    recover(&after).expect("recover");
                    // A second failure during the recovery, anywhere, changes nothing.
                    let again = after.cut(rng.below(after.ops() as u64 + 1) as usize, how);
                    recover(&again).expect("recover again");
                    for v in [after, again] {
                        judge(&v, &w.moments[a], &w.moments[b]);
                        assert_sound(&v, "after a cut");
                    }
                }));
                if let Err(panic) = done {
                    eprintln!("cut at {at}, {how:?}, in: {}", w.moments[b].what);
                    resume_unwind(panic);
                }
            }
        });
        cuts -= cuts.min(40);
        seed += 1;
    }
}
