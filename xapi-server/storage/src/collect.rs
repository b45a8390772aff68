//! Merging and removing, piece by piece, beside everything else. A merge copies in steps; whoever wants to change or
//! open something interrupts it and waits for one step at most. Cut anywhere, the next collection begins anew.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use xapi_schema::{Result, errors};
use xennix_disk::{
    chain::Format,
    file::Access,
    image::Image,
    vhd::{coalesce, merge},
};

use crate::{
    fail::Doing,
    garbage::{Piece, pieces},
    head::Found,
    naming::Naming,
    policy::{Policies, SrPolicy},
    repository::{Repository, lock},
};

/// Bytes copied in one step: what an attach may have to wait for.
const STEP: u64 = 16 << 20;
/// How often a merge under a running guest is asked how far it is.
const ASK: Duration = Duration::from_millis(200);

/// How a piece ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It is done.
    Done,
    /// Somebody else came first; it has to be looked at again later.
    Interrupted,
}

impl Repository {
    /// What there is to do, and the count of changes it was seen at.
    fn garbage(&self, policies: &dyn Policies) -> Result<(u64, Vec<Found>, Vec<Piece>)> {
        let seen = self.generation();
        let sr = &self.config.uuid;
        let policy = policies.sr(sr);
        if !policy.may_collect() || !self.images.is_idle()? {
            return Ok((seen, vec![], vec![]));
        }
        let found = self.images.scan()?;
        let mut todo = pieces(&found, policy, &|uuid| policies.volume(sr, uuid));
        let parent_of = |piece: &Piece| {
            let parent = found.iter().find(|f| f.name == piece.name())?.parent.as_deref()?;
            found.iter().find(|f| f.name == parent)
        };
        self.sharing.keep(&found);
        todo.retain(|piece| {
            let shares = |image: &Found| {
                self.sharing.is_known(&*self.images.volumes, image, &self.images.path(&image.name))
            };
            matches!(piece, Piece::Remove { .. }) || !parent_of(piece).is_some_and(shares)
        });
        todo.retain(|piece| match piece {
            Piece::Leaf { uuid, .. } if lock(&self.kept).contains(uuid) => false,
            // The server of a running disk exchanges files by name, which a volume group does not allow; not every
            // kind of server merges at all.
            Piece::Leaf { uuid, .. } => match self.is_open(uuid) {
                None => true,
                Some(writable) => writable && self.images.naming == Naming::Files && self.paths.merges(uuid),
            },
            _ => true,
        });
        Ok((seen, found, todo))
    }

    /// Is there anything to collect?
    ///
    /// # Errors
    /// The place can't be read.
    pub fn has_garbage(&self, policies: &dyn Policies) -> Result<bool> {
        // To look, every volume of a group has to be made reachable: not again while nothing has changed.
        let policy = policies.sr(&self.config.uuid);
        let now = (self.generation(), policy, self.open_here());
        if self.images.naming == Naming::Volumes && lock(&self.clean).as_ref() == Some(&now) {
            return Ok(false);
        }
        let (_, found, todo) = self.garbage(policies)?;
        let clean = policy.may_collect()
            && self.images.is_idle()?
            && pieces(&found, policy, &|_| SrPolicy::default()).is_empty();
        *lock(&self.clean) = clean.then_some(now);
        Ok(!todo.is_empty())
    }

    /// Collects until nothing is left, it is told to stop, or somebody keeps interrupting.
    ///
    /// # Errors
    /// TASK_CANCELLED when `go_on` answers false; what the images say.
    pub fn collect(
        &self,
        policies: &dyn Policies,
        go_on: &(dyn Fn(f64) -> bool + Send + Sync),
    ) -> Result<()> {
        let mut done = 0_usize;
        loop {
            let (seen, found, todo) = self.garbage(policies)?;
            let Some(piece) = todo.first() else { return Ok(()) };
            let part = |within: f64| (done as f64 + within) / (done + todo.len()) as f64;
            let step = |within: f64| {
                !self.gone.load(Ordering::SeqCst)
                    && policies.sr(&self.config.uuid).may_collect()
                    && go_on(part(within.clamp(0.0, 1.0)))
            };
            if !step(0.0) {
                return Err(errors::TASK_CANCELLED.with(["OpaqueRef:NULL"]));
            }
            match self.collect_piece(seen, &found, piece, &step)? {
                Ended::Done => done += 1,
                Ended::Interrupted if !step(0.0) => {
                    return Err(errors::TASK_CANCELLED.with(["OpaqueRef:NULL"]));
                }
                // Others have work to do: the next round comes soon enough.
                Ended::Interrupted => return Ok(()),
            }
        }
    }

    fn collect_piece(
        &self,
        seen: u64,
        found: &[Found],
        piece: &Piece,
        step: &dyn Fn(f64) -> bool,
    ) -> Result<Ended> {
        match piece {
            Piece::Remove { name } => self.change_by_merge(|| {
                // Our own change has been counted.
                if self.generation() != seen + 1 {
                    return Ok(Ended::Interrupted);
                }
                self.images.remove(name).map_err(|e| Doing::Delete.disk(&e))?;
                Ok(Ended::Done)
            }),
            Piece::Node { name } => self.merge_node(seen, found, name, step),
            Piece::Leaf { uuid, name, after } => match self.is_open(uuid) {
                Some(_) => self.merge_running(seen, uuid, *after, step),
                None => self.merge_leaf(seen, uuid, name, *after, step),
            },
        }
    }

    /// Open disks that read through the image `node`.
    fn above(&self, found: &[Found], node: &str) -> Vec<String> {
        let parent_of = |name: &str| found.iter().find(|f| f.name == name).and_then(|f| f.parent.clone());
        let stands = |uuid: &String| {
            let mut at = found.iter().find(|f| f.uuid == *uuid).map(|f| f.name.clone());
            for _ in 0..=xennix_disk::vhd::MAX_CHAIN {
                match at {
                    Some(name) if name == node => return true,
                    Some(name) => at = parent_of(&name),
                    None => return false,
                }
            }
            true
        };
        self.open_here().into_iter().filter(stands).collect()
    }

    fn merge_node(
        &self,
        seen: u64,
        found: &[Found],
        node: &str,
        step: &dyn Fn(f64) -> bool,
    ) -> Result<Ended> {
        let volumes = &*self.images.volumes;
        let wrong = |e: xennix_disk::Error| Doing::Other.disk(&e);
        let begun = self.change_by_merge(|| {
            if self.generation() != seen + 1 {
                return Ok(None);
            }
            self.images.gather().map_err(wrong)?;
            if merge::needs_prepare(volumes, node).map_err(wrong)? {
                let above = self.above(found, node);
                self.while_all_paused(&above, || merge::prepare(volumes, node).map_err(wrong))?;
            }
            let merge = merge::NodeMerge::start(volumes, node).map_err(wrong)?;
            Ok(Some((merge, self.merge_begins())))
        });
        let Some((mut merge, stop)) = begun? else { return Ok(Ended::Interrupted) };
        let mut first = None;
        let copied = loop {
            let left = match merge.step(volumes, STEP) {
                Ok(left) => left,
                Err(e) => break Err(wrong(e)),
            };
            let all = *first.get_or_insert(left.max(1));
            if left == 0 {
                break Ok(Ended::Done);
            }
            if stop.load(Ordering::SeqCst) || !step(1.0 - left as f64 / all as f64) {
                break Ok(Ended::Interrupted);
            }
        };
        let copied = if copied == Ok(Ended::Done) {
            merge.finish(volumes).map(|()| Ended::Done).map_err(wrong)
        } else {
            merge.give_up();
            copied
        };
        // Before others may go on: what they change has to be seen below.
        let begun = self.generation();
        self.merge_ended();
        if copied? == Ended::Interrupted {
            self.images.volumes.settle();
            return Ok(Ended::Interrupted);
        }
        self.change_by_merge(|| {
            // All of the node is in its parent, whatever happened since: only its going away needs a fresh look.
            let fresh;
            let found = if self.generation() == begun + 1 {
                found
            } else {
                fresh = self.images.scan()?;
                &fresh
            };
            self.images.gather().map_err(wrong)?;
            let above = self.above(found, node);
            self.while_all_paused(&above, || coalesce::relink(volumes, node).map_err(wrong))?;
            self.images.volumes.settle();
            Ok(Ended::Done)
        })
    }

    fn merge_leaf(
        &self,
        seen: u64,
        uuid: &str,
        leaf: &str,
        after: Format,
        step: &dyn Fn(f64) -> bool,
    ) -> Result<Ended> {
        let volumes = &*self.images.volumes;
        let wrong = |e: xennix_disk::Error| Doing::Other.disk(&e);
        let after_name = self.images.naming.name(uuid, after);
        let begun = self.change_by_merge(|| {
            if self.generation() != seen + 1 || self.is_open(uuid).is_some() {
                return Ok(None);
            }
            self.images.gather().map_err(wrong)?;
            let format = if after == Format::Qcow2 { Format::Qcow2 } else { Format::Vhd };
            let mut disk = Image::within(volumes, leaf, format, Access::Write).map_err(wrong)?;
            disk.start_merge(volumes, leaf, &after_name).map_err(wrong)?;
            Ok(Some((disk, self.merge_begins())))
        });
        let Some((mut disk, stop)) = begun? else { return Ok(Ended::Interrupted) };
        let mut first = None;
        let copied = loop {
            let left = match disk.merge_step(volumes, STEP) {
                Ok(left) => left,
                Err(e) => break Err(wrong(e)),
            };
            let all = *first.get_or_insert(left.max(1));
            if left == 0 {
                break Ok(true);
            }
            if stop.load(Ordering::SeqCst) || !step(1.0 - left as f64 / all as f64) {
                break Ok(false);
            }
        };
        let ended = match copied {
            // The leaf is open here until the exchange: nobody can have got at it since.
            Ok(true) => self.change_by_merge(|| {
                if stop.load(Ordering::SeqCst) {
                    disk.cancel_merge();
                    disk.close().map_err(wrong)?;
                    return Ok(Ended::Interrupted);
                }
                disk.finish_merge(volumes).map_err(wrong)?;
                if after == Format::Raw {
                    self.images.volumes.set_hidden(&after_name, false).map_err(wrong)?;
                }
                Ok(Ended::Done)
            }),
            Ok(false) => {
                disk.cancel_merge();
                disk.close().map_err(wrong).map(|()| Ended::Interrupted)
            }
            Err(failure) => {
                disk.cancel_merge();
                let _ = disk.close();
                Err(failure)
            }
        };
        self.merge_ended();
        self.images.volumes.settle();
        ended
    }

    /// Lets the server of a running disk merge it while the guest goes on.
    fn merge_running(
        &self,
        seen: u64,
        uuid: &str,
        after: Format,
        step: &dyn Fn(f64) -> bool,
    ) -> Result<Ended> {
        let told = |e: xapi_datapath::Error| Doing::Other.failure(&e.to_string());
        let name = (after == Format::Raw).then(|| self.images.naming.name(uuid, after));
        let begun = self.change_by_merge(|| {
            if self.generation() != seen + 1 || self.is_open(uuid) != Some(true) {
                return Ok(None);
            }
            self.paths.coalesce(uuid, name.as_deref()).map_err(told)?;
            Ok(Some(self.merge_begins()))
        });
        let Some(stop) = begun? else { return Ok(Ended::Interrupted) };
        let ended = self.follow(uuid, &stop, step);
        self.merge_ended();
        ended
    }

    fn follow(
        &self,
        uuid: &str,
        stop: &Arc<std::sync::atomic::AtomicBool>,
        step: &dyn Fn(f64) -> bool,
    ) -> Result<Ended> {
        use xennix_disk::nbd::control::Merge;
        let told = |e: xapi_datapath::Error| Doing::Other.failure(&e.to_string());
        let mut first = None;
        loop {
            let Some(status) = self.paths.status(uuid).map_err(told)? else { return Ok(Ended::Interrupted) };
            match status.server.and_then(|s| s.merge) {
                Some(Merge::Running { remaining: left }) => {
                    let all = *first.get_or_insert(left.max(1));
                    if stop.load(Ordering::SeqCst) || !step(1.0 - left as f64 / all as f64) {
                        // It may have ended just now; either is fine.
                        let _ = self.paths.cancel_coalesce(uuid);
                        stop.store(true, Ordering::SeqCst);
                    }
                }
                Some(Merge::Done) => return Ok(Ended::Done),
                Some(Merge::Failed { .. }) if stop.load(Ordering::SeqCst) => return Ok(Ended::Interrupted),
                Some(Merge::Failed { error }) => return Err(Doing::Other.failure(&error)),
                None => return Ok(Ended::Interrupted),
            }
            std::thread::sleep(ASK);
        }
    }
}
