//! What several tests need: small images in memory and a cheap random source.
#![allow(dead_code)] // Each test binary uses its own part.

pub mod damage;
pub mod nbd;
pub mod qcow2;
pub mod world;

use xennix_disk::chain::{Chain, Format};
use xennix_disk::mem::MemVolumes;
use xennix_disk::source::Source;
use xennix_disk::vhd::audit::{Severity, audit_all};
use xennix_disk::vhd::create::{NewImage, ParentRef, plan};
use xennix_disk::volumes::Volumes;

/// A disk of three and a half blocks: the last one is cut by the disk's end.
pub const SIZE: u64 = 7 << 20;

/// xorshift; good enough to scatter writes, and repeatable.
pub struct Rng(pub u64);

impl Rng {
    /// The next number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % n
    }
}

/// Makes an empty image, durable.
pub fn create(volumes: &dyn Volumes, name: &str, size: u64, parent: Option<ParentRef>) {
    let layout = plan(&NewImage::new(size, parent)).expect("plan");
    // Room for every block; a file shrinks to what the image takes.
    let file = volumes
        .create(name, layout.file_size().max(size.next_multiple_of(2 << 20) + (1 << 20)))
        .expect("create");
    layout.write(&*file).expect("write");
    volumes.sync().expect("sync");
}

/// All bytes a guest sees.
pub fn read_all(volumes: &dyn Volumes, name: &str) -> Vec<u8> {
    let chain = Chain::open(volumes, name, Format::of_name(name).expect("format")).expect("chain");
    let mut out = vec![0; chain.size() as usize];
    chain.read_at(0, &mut out).expect("read");
    out
}

/// Fails when an audit finds anything that endangers data.
pub fn assert_sound(volumes: &MemVolumes, what: &str) {
    let report = audit_all(volumes).expect("audit");
    let bad: Vec<_> = report.findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(bad.is_empty() && report.readable, "{what}: {bad:?}");
}

/// Sectors filled with a tag, so that a wrong sector tells where it came from.
pub fn pattern(tag: u64, sectors: u64) -> Vec<u8> {
    (0..sectors).flat_map(|s| (tag << 20 | s).to_le_bytes().repeat(64)).collect()
}
