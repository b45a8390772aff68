//! What the fault tests share: a disk that records and fails on command, seeded chance, and access to
//! the store by plain names.

#![allow(dead_code)] // each test file uses its own part of this

pub mod disk;
pub mod vfs;

use std::path::Path;

use xapi_schema::{
    ClassId, Ref, Value,
    classes::{Vm, vm},
};
use xapi_store::{Read, Store};

/// Chance that repeats: SplitMix64.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// Makes a virtual machine with a name.
pub fn make(store: &Store, name: &str) -> xapi_schema::Result<Ref<Vm>> {
    let members = Value::map([("name_label", Value::str(name))]);
    store.commit_blocking(move |tx| tx.create_value(ClassId::Vm, None, &members)).map(Ref::new)
}

/// Renames one.
pub fn rename(store: &Store, this: &Ref<Vm>, name: &str) -> xapi_schema::Result<()> {
    let (this, name) = (this.clone(), name.to_string());
    store.commit_blocking(move |tx| tx.set(&this, vm::name_label, name))
}

pub fn name(store: &Store, this: &Ref<Vm>) -> String {
    store.snapshot().get(this, vm::name_label).unwrap()
}

/// Opens a directory another store of this process may still be closing.
pub fn reopen(dir: &Path) -> Store {
    for _ in 0..2_000 {
        if let Ok(store) = Store::open(dir) {
            return store;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Store::open(dir).unwrap()
}
