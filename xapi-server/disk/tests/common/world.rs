//! A place of disks beside a plain model of it: every step is done to both. Knows what each disk may read as after a
//! power failure at any moment.

use super::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use xennix_disk::chain::{Chain, Format};
use xennix_disk::disk::Disk;
use xennix_disk::file::Access;
use xennix_disk::mem::MemVolumes;
use xennix_disk::source::{Source, State, extents};
use xennix_disk::vhd::coalesce::{children_of, coalesce, leaf_coalesce, relink};
use xennix_disk::vhd::create::{NewImage, Room, create};
use xennix_disk::vhd::merge::{NodeMerge, needs_prepare, prepare};
use xennix_disk::vhd::reader::Image;
use xennix_disk::vhd::resize::{grow, inflate};
use xennix_disk::vhd::snapshot::{Child, Snapshot, revert, snapshot};
use xennix_disk::volumes::Volumes;

/// Sectors of a new disk: two and a half blocks.
pub const SECTORS: u64 = 10_240;
/// Largest disk a run makes.
const MAX_SECTORS: u64 = 5 * 4096;
/// Longest a family tree may get.
const MAX_IMAGES: usize = 9;

/// One disk of the model: a tag a sector, 0 for zeros.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// As of the last flush.
    flushed: Arc<Vec<u32>>,
    /// Written since then: (sector, count, tag).
    pending: Vec<(u64, u64, u32)>,
}

impl Model {
    fn settle(&mut self) {
        if !self.pending.is_empty() {
            let tags = Arc::make_mut(&mut self.flushed);
            for (sector, n, tag) in self.pending.drain(..) {
                tags[sector as usize..(sector + n) as usize].fill(tag);
            }
        }
    }

    fn now(&self) -> Vec<u32> {
        let mut m = self.clone();
        m.settle();
        m.flushed.to_vec()
    }

    fn allows(&self, sector: u64, tag: u32) -> bool {
        self.flushed.get(sector as usize) == Some(&tag)
            || self.pending.iter().any(|(s, n, t)| *t == tag && (*s..s + n).contains(&sector))
    }
}

/// All visible disks.
pub type Models = BTreeMap<String, Model>;

/// A moment between two steps.
pub struct Moment {
    /// Operations recorded until then.
    pub at: usize,
    /// The disks then.
    pub models: Models,
    /// What was done before it.
    pub what: String,
    /// The step wrote sectors: in its middle each may be old or new. Other steps happen as a whole.
    pub writes: bool,
}

/// The disks and their model.
pub struct World {
    /// The images.
    pub v: MemVolumes,
    models: Models,
    /// The disk a guest has open.
    open: Option<(String, Disk)>,
    rng: Rng,
    next: u32,
    room: Room,
    /// All moments since the start.
    pub moments: Vec<Moment>,
}

fn sector(tag: u32, at: u64) -> [u8; 512] {
    let mut out = [0; 512];
    if tag != 0 {
        out.chunks_exact_mut(8).for_each(|c| c.copy_from_slice(&(u64::from(tag) << 32 | at).to_le_bytes()));
    }
    out
}

/// What a disk reads as, in tags.
pub fn tags(source: &dyn Source) -> Vec<u32> {
    let mut out = vec![0; (source.size() / 512) as usize];
    extents(source, |e| {
        if e.state == State::Data {
            let mut b = vec![0; e.len as usize];
            source.read_at(e.start, &mut b)?;
            for (i, s) in b.chunks_exact(512).enumerate() {
                let at = e.start / 512 + i as u64;
                let tag = u32::from_le_bytes(s[4..8].try_into().expect("4 bytes"));
                assert!(s == sector(tag, at), "sector {at} is torn, or belongs elsewhere");
                out[at as usize] = tag;
            }
        }
        Ok(())
    })
    .expect("read");
    out
}

impl World {
    /// One empty disk, `d0.vhd`.
    pub fn new(seed: u64, fixed: bool) -> World {
        let v = if fixed { MemVolumes::fixed(0xa5) } else { MemVolumes::files() };
        let room = if fixed { Room::Thick } else { Room::File };
        create(&v, "d0.vhd", &NewImage::new(SECTORS * 512, None), room).expect("create");
        v.checkpoint();
        let model = Model { flushed: Arc::new(vec![0; SECTORS as usize]), pending: Vec::new() };
        let mut w = World {
            v,
            models: [("d0.vhd".to_owned(), model)].into(),
            open: None,
            rng: Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            next: 1,
            room,
            moments: Vec::new(),
        };
        w.rng.below(2);
        w.moment("start", false);
        w
    }

    fn moment(&mut self, what: impl Into<String>, writes: bool) {
        let (at, models) = (self.v.ops(), self.models.clone());
        self.moments.push(Moment { at, models, what: what.into(), writes });
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}.vhd", self.next)
    }

    fn any(&mut self) -> String {
        let n = self.rng.below(self.models.len() as u64) as usize;
        self.models.keys().nth(n).cloned().expect("a disk")
    }

    fn close(&mut self) {
        if let Some((name, disk)) = self.open.take() {
            disk.close().expect("close");
            self.models.get_mut(&name).expect("model").settle();
            self.moment(format!("close {name}"), true);
        }
    }

    fn disk(&mut self, name: &str) -> &mut Disk {
        if self.open.as_ref().is_none_or(|(n, _)| n != name) {
            self.close();
            if self.room == Room::Thick {
                // As attaching does.
                inflate(&self.v, name).expect("inflate");
                self.moment(format!("inflate {name}"), false);
            }
            let disk = Disk::open(&self.v, name, Format::Vhd).expect("open");
            self.open = Some((name.to_owned(), disk));
        }
        &mut self.open.as_mut().expect("just opened").1
    }

    fn write(&mut self, name: &str) {
        let sectors = self.models[name].flushed.len() as u64;
        // Mostly near the borders of blocks, sometimes far across them.
        let near = (self.rng.below(6) * 4096 + self.rng.below(64)).saturating_sub(32);
        let (at, n) = if self.rng.below(6) == 0 {
            (self.rng.below(sectors), 1 + self.rng.below(5000))
        } else {
            (near.min(sectors - 1), 1 + self.rng.below(40))
        };
        let n = n.min(sectors - at);
        self.next += 1;
        let zero = self.rng.below(5) == 0;
        let tag = if zero { 0 } else { self.next };
        let flush = self.rng.below(2) == 0;
        let disk = self.disk(name);
        if zero {
            disk.write_zeroes(at * 512, n * 512).expect("zeroes");
        } else {
            let data: Vec<u8> = (at..at + n).flat_map(|s| sector(tag, s)).collect();
            disk.write_at(at * 512, &data).expect("write");
        }
        if flush {
            disk.flush().expect("flush");
        }
        let model = self.models.get_mut(name).expect("model");
        model.pending.push((at, n, tag));
        if flush {
            model.settle();
        }
        self.moment(format!("write {name} {at}+{n} tag {tag} flush {flush}"), true);
    }

    fn snapshot(&mut self, leaf: &str) {
        if self.v.list().expect("list").len() >= MAX_IMAGES {
            return;
        }
        self.close();
        let (base, child) = (self.fresh("b"), self.fresh("d"));
        let s = Snapshot {
            leaf: leaf.to_owned(),
            format: Format::Vhd,
            base,
            leaf_after: leaf.to_owned(),
            room: self.room,
            children: vec![Child { name: child.clone(), room: self.room }],
        };
        snapshot(&self.v, &s).expect("snapshot");
        let copy = self.models[leaf].clone();
        self.models.insert(child.clone(), copy);
        self.moment(format!("snapshot {leaf} as {child}"), false);
    }

    fn resize(&mut self, name: &str) {
        self.close();
        let now = self.models[name].flushed.len() as u64;
        let new = (now + 1 + self.rng.below(6000)).min(MAX_SECTORS);
        grow(&self.v, name, new * 512).expect("grow");
        Arc::make_mut(&mut self.models.get_mut(name).expect("model").flushed).resize(new as usize, 0);
        self.moment(format!("grow {name} to {new}"), false);
        if self.room == Room::Thick {
            inflate(&self.v, name).expect("inflate");
            self.moment(format!("inflate {name}"), false);
        }
    }

    fn revert(&mut self, leaf: &str, to: &str) {
        self.close();
        let base = self.fresh("b");
        if leaf == to {
            return;
        }
        revert(&self.v, leaf, to, &base, self.room).expect("revert");
        let copy = self.models[to].clone();
        self.models.insert(leaf.to_owned(), copy);
        self.moment(format!("revert {leaf} to {to}"), false);
    }

    fn delete(&mut self, name: &str) {
        if self.models.len() == 1 {
            return;
        }
        self.close();
        self.models.remove(name);
        self.v.remove(name).expect("remove");
        self.v.sync().expect("sync");
        self.moment(format!("delete {name}"), false);
    }

    fn hidden(&self) -> Vec<String> {
        let visible = |n: &String| !self.models.contains_key(n);
        self.v.list().expect("list").into_iter().filter(visible).collect()
    }

    /// Removes inner nodes nobody needs, then merges one that can be, while a disk is open and written.
    fn collect(&mut self) {
        for name in self.hidden() {
            if children_of(&self.v, &name).expect("children").is_empty() {
                self.v.remove(&name).expect("remove");
                self.v.sync().expect("sync");
                self.moment(format!("drop {name}"), false);
            }
        }
        let mut nodes = self.hidden();
        if nodes.is_empty() {
            return;
        }
        let node = nodes.swap_remove(self.rng.below(nodes.len() as u64) as usize);
        if self.rng.below(2) == 0 {
            self.close();
            match coalesce(&self.v, &node) {
                Ok(()) => self.moment(format!("coalesce {node}"), false),
                Err(e) => self.refused(e),
            }
            return;
        }
        match needs_prepare(&self.v, &node) {
            Ok(true) => {
                self.close();
                prepare(&self.v, &node).expect("prepare");
                self.moment(format!("prepare {node}"), false);
            }
            Ok(false) => {}
            Err(e) => return self.refused(e),
        }
        let guest = self.any();
        self.write(&guest);
        let mut merge = NodeMerge::start(&self.v, &node).expect("start");
        self.moment(format!("start to merge {node}"), false);
        for _ in 0..self.rng.below(6) {
            let budget = 1 + self.rng.below(1 << 20);
            merge.step(&self.v, budget).expect("step");
            self.moment(format!("merge some of {node}"), false);
            self.write(&guest);
            self.check_open();
        }
        merge.finish(&self.v).expect("finish");
        self.moment(format!("merge {node}"), false);
        self.write(&guest);
        self.check_open();
        self.close();
        relink(&self.v, &node).expect("relink");
        self.moment(format!("relink the children of {node}"), false);
    }

    fn merge_leaf(&mut self, leaf: &str) {
        if self.rng.below(3) == 0 {
            self.close();
            match leaf_coalesce(&self.v, leaf, leaf) {
                Ok(()) => self.moment(format!("leaf coalesce {leaf}"), false),
                Err(e) => self.refused(e),
            }
            return;
        }
        let v = self.v.clone();
        if let Err(e) = self.disk(leaf).start_merge(&v, leaf, leaf) {
            return self.refused(e);
        }
        // The start flushes.
        self.models.get_mut(leaf).expect("model").settle();
        self.moment(format!("start to merge the leaf {leaf}"), true);
        for _ in 0..self.rng.below(8) {
            let budget = 1 + self.rng.below(1 << 20);
            self.disk(leaf).merge_step(&v, budget).expect("step");
            self.moment(format!("merge some of the leaf {leaf}"), false);
            self.write(leaf);
            self.check_open();
        }
        if self.rng.below(4) == 0 {
            self.disk(leaf).cancel_merge();
            return self.moment(format!("give up merging {leaf}"), false);
        }
        let (_, disk) = self.open.take().expect("open");
        disk.finish_merge(&v).expect("finish");
        self.models.get_mut(leaf).expect("model").settle();
        self.moment(format!("merge the leaf {leaf}"), true);
    }

    fn refused(&self, e: xennix_disk::Error) {
        assert!(matches!(e, xennix_disk::Error::Refused(_)), "{e}");
    }

    fn check_open(&self) {
        if let Some((name, disk)) = &self.open {
            assert!(tags(disk) == self.models[name].now(), "the open disk {name} reads differently");
        }
    }

    /// A random step on both sides.
    pub fn step(&mut self) {
        let name = self.any();
        match self.rng.below(16) {
            0..=5 => self.write(&name),
            6..=8 => self.snapshot(&name),
            9 => self.resize(&name),
            10 => {
                let to = self.any();
                self.revert(&name, &to);
            }
            11 => self.delete(&name),
            12..=13 => self.collect(),
            _ => self.merge_leaf(&name),
        }
    }

    /// Every disk reads as the model says, and an audit finds nothing.
    pub fn check(&self) {
        self.check_open();
        for (name, model) in &self.models {
            if self.open.as_ref().is_none_or(|(n, _)| n != name) {
                let chain = Chain::open(&self.v, name, Format::Vhd).expect("chain");
                assert!(tags(&chain) == model.now(), "{name} reads differently");
            }
        }
    }

    /// Closes everything.
    pub fn end(&mut self) {
        self.close();
    }
}

/// Fails unless `after`, recovered from a cut between the moments `a` and `b`, holds what it may.
pub fn judge(after: &MemVolumes, a: &Moment, b: &Moment) {
    assert!(after.notes().expect("notes").is_empty(), "notes are left");
    for (name, old) in &a.models {
        let new = b.models.get(name);
        if !after.exists(name).expect("exists") {
            assert!(new.is_none(), "{name} is gone");
            continue;
        }
        let chain = Chain::open(after, name, Format::Vhd).expect("chain");
        let seen = tags(&chain);
        let new = new.unwrap_or(old);
        if b.writes {
            assert_eq!(seen.len(), old.flushed.len(), "{name}: the size changed");
            for (s, tag) in seen.iter().enumerate() {
                let s = s as u64;
                assert!(old.allows(s, *tag) || new.allows(s, *tag), "{name}: sector {s} reads as tag {tag}");
            }
        } else {
            // As a whole: before or after. Only what was not flushed before may be either, sector by sector.
            let fits = |m: &Model| {
                seen.len() == m.flushed.len() && seen.iter().enumerate().all(|(s, t)| m.allows(s as u64, *t))
            };
            assert!(fits(old) || fits(new), "{name} is neither as before nor as after");
        }
        let image = Image::open(after.open(name, Access::Read).expect("open")).expect("image");
        assert_eq!(image.footer().hidden, 0, "{name} must stay a disk of its own");
    }
}
