//! What every `Storage` promises, asked of the simulator's and of the real one over files; and proof that a storage
//! that breaks a promise is found out.

mod common;
mod contract {
    macro_rules! ensure {
        ($holds:expr, $($why:tt)*) => {
            if !$holds {
                return Err(format!($($why)*));
            }
        };
    }

    pub mod mutant;
    pub mod newer;
    pub mod promises;
}

use std::{os::unix::fs::MetadataExt, path::Path, sync::Arc};

use common::{Place, lvm::LvmPlace};
use contract::{
    mutant::{Mutant, Mutation},
    promises::{World, differential, keep},
};
use xapi_backend::{Storage, sim};
use xapi_storage::policy::SrPolicy;

fn simulated(dir: &Path) -> World {
    let dir = dir.to_owned();
    let (config, place) = (Place::new().config(), dir.join("sr").join(common::SR));
    World {
        config,
        open: Box::new(move || sim::open(&dir, sim::Machine::default()).expect("the simulator").0.storage),
        guard: None,
        taken: Some(Box::new(move || taken(&place))),
    }
}

fn real(place: &Arc<Place>) -> World {
    let opened = place.clone();
    World {
        config: place.config(),
        open: Box::new(move || Arc::new(opened.native()) as Arc<dyn Storage>),
        guard: Some(guard(&place.policies)),
        taken: Some(in_files(place)),
    }
}

/// Bytes that the files of a directory take.
fn taken(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().flatten();
    entries.map(|entry| entry.metadata().map_or(0, |m| m.blocks() * 512)).sum()
}

fn in_files(place: &Place) -> Box<dyn Fn() -> u64 + Send + Sync> {
    let dir = place.location.clone();
    Box::new(move || taken(&dir))
}

/// Guards by the records that a storage is given.
fn guard(policies: &Arc<common::Set>) -> Box<dyn Fn(bool) + Send + Sync> {
    let policies = policies.clone();
    Box::new(move |guarded| policies.set(common::SR, SrPolicy { guarded, ..SrPolicy::default() }))
}

fn mutated(place: &Arc<Place>, mutation: Mutation) -> World {
    let opened = place.clone();
    World {
        config: place.config(),
        open: Box::new(move || Arc::new(Mutant::new(Arc::new(opened.native()), mutation))),
        guard: match mutation {
            // What the records say does not arrive.
            Mutation::Unguarded => Some(Box::new(|_| {})),
            _ => Some(guard(&place.policies)),
        },
        taken: Some(in_files(place)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_keeps_its_promises() {
    let dir = tempfile::tempdir().unwrap();
    keep(&simulated(dir.path())).await.unwrap();
    differential(&simulated(dir.path()), 7, 40).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_keep_their_promises() {
    let place = Arc::new(Place::new());
    keep(&real(&place)).await.unwrap();
    place.assert_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_agree_with_a_plain_model() {
    let rounds = std::env::var("XENNIX_STORAGE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    for seed in 0..rounds {
        let place = Arc::new(Place::new());
        differential(&real(&place), seed, 40).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        place.assert_clean();
    }
}

fn grouped(place: &Arc<LvmPlace>) -> World {
    let opened = place.clone();
    World {
        config: place.config(),
        open: Box::new(move || Arc::new(opened.native()) as Arc<dyn Storage>),
        guard: Some(guard(&place.policies)),
        taken: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_keep_their_promises() {
    let place = Arc::new(LvmPlace::new());
    keep(&grouped(&place)).await.unwrap();
    // The device is as free as before.
    let again = place.native();
    again.create(&place.config(), 0).await.unwrap();
    again.attach(&place.config()).await.unwrap();
    again.delete(common::SR).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_agree_with_a_plain_model() {
    let rounds = std::env::var("XENNIX_STORAGE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    for seed in 0..rounds {
        let allocation = if seed % 2 == 0 { "thick" } else { "thin" };
        let place = Arc::new(LvmPlace { allocation, ..LvmPlace::new() });
        differential(&grouped(&place), seed, 40).await.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        place.assert_clean().await;
        let storage = place.native();
        storage.attach(&place.config()).await.unwrap();
        common::destroy(&storage, common::SR).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_promises_are_found() {
    for (mutation, why) in [
        (Mutation::LostFlush, "what was flushed is lost"),
        (Mutation::WrongParent, "a twin reads something else"),
        (Mutation::StaleSize, "the size is stale"),
        (Mutation::SharedClone, "the origin changed with a clone"),
        (Mutation::UnnotedChange, "a change was not noted"),
        (Mutation::LostMiddle, "what a snapshot noted went with it"),
        (Mutation::KeptTracking, "still tracked"),
        (Mutation::SkippedRevert, "not reverted"),
        (Mutation::TakenSnapshot, "a revert took the snapshot"),
        (Mutation::KeptSpace, "space was not given back"),
        (Mutation::SkippedReset, "a disk did not go back"),
        (Mutation::EagerReset, "a disk went back without being asked to"),
        (Mutation::Unguarded, "a guarded SR was changed: create"),
    ] {
        let place = Arc::new(Place::new());
        let found = keep(&mutated(&place, mutation)).await;
        assert!(found.as_ref().is_err_and(|found| found.starts_with(why)), "{mutation:?}: {found:?}");
    }
}
