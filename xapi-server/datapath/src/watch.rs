//! Starts disk servers again that died. It learns of a death from the kernel, not by asking, and waits longer after
//! each failure. Never touches a disk that is paused or being closed.

use crate::error::Error;
use crate::paths::DataPaths;
use crate::record::{Phase, Record};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use xennix_disk::vhd::journal::recover_leaf;
use xennix_disk::volumes::Directory;

/// Asked before a server is started again: settles what the dead one may have left half-done among the images and
/// answers the image's present name where that changed. An error puts the start off.
pub type BeforeRestart = Box<dyn Fn(&Record) -> Result<Option<PathBuf>, String> + Send>;

/// Longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(30);

/// A running watch. Dropping it ends the watch, not the servers.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// When to try again, and how often it failed.
struct Trouble {
    failures: u32,
    next: Instant,
}

/// Watches the servers of `paths` until the answer is dropped.
///
/// # Errors
/// The thread can't be made.
pub fn watch(paths: &Arc<DataPaths>, before: BeforeRestart) -> std::io::Result<Watch> {
    let stop = Arc::new(AtomicBool::new(false));
    let (paths, ended) = (Arc::clone(paths), Arc::clone(&stop));
    let thread = std::thread::Builder::new().name("disk-watch".into()).spawn(move || {
        let mut trouble = HashMap::new();
        while !ended.load(Ordering::SeqCst) {
            let alive = look(&paths, &before, &mut trouble);
            wait(&alive);
        }
    })?;
    Ok(Watch { stop, thread: Some(thread) })
}

/// Waits for a death, or a little for disks that are opened meanwhile.
fn wait(alive: &[OwnedFd]) {
    let mut fds: Vec<_> = alive.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)).collect();
    if poll(&mut fds, PollTimeout::from(250u8)).is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts what died; handles of everything that lives.
fn look(paths: &DataPaths, before: &BeforeRestart, trouble: &mut HashMap<String, Trouble>) -> Vec<OwnedFd> {
    let mut alive = Vec::new();
    for id in paths.ids() {
        let Ok(slot) = paths.slot(&id, false) else { continue };
        // A disk somebody works on is looked at the next time.
        let Ok(mut slot) = slot.try_lock() else { continue };
        let Some(record) = slot.as_mut().filter(|r| r.kind.is_some() && r.phase == Phase::Open) else {
            continue;
        };
        let server = paths.server(record);
        if record.bound
            && let Some(fd) = server.hold()
        {
            alive.push(fd);
            continue;
        }
        let now = Instant::now();
        if trouble.get(&id).is_some_and(|t| t.next > now) {
            continue;
        }
        tracing::warn!(disk = %id, "the disk server is gone; starting another");
        if !server.is_alive() {
            server.let_go();
        }
        let done = before(record).map_err(Error::Refused).and_then(|image| paths.restart(record, image));
        match done {
            Ok(()) => {
                trouble.remove(&id);
                tracing::info!(disk = %id, "the disk is served again");
            }
            Err(e) => {
                let failures = trouble.get(&id).map_or(0, |t| t.failures) + 1;
                let wait = Duration::from_millis(100 << failures.min(10)).min(LONGEST);
                tracing::error!(disk = %id, failures, "the disk can't be served: {e}");
                trouble.insert(id, Trouble { failures, next: now + wait });
            }
        }
    }
    alive
}

/// For images in directories: a merge that the dead server was ending is finished.
pub fn settle_directory() -> BeforeRestart {
    Box::new(|record| {
        let settle = || {
            let (directory, leaf) = Directory::of(&record.spec.image)?;
            recover_leaf(&directory, &leaf)
        };
        let name = settle().map_err(|e| e.to_string())?;
        Ok(name.map(|name| record.spec.image.with_file_name(name)))
    })
}

/// For images nobody else changes: nothing to settle, the name stays.
pub fn nothing_to_settle() -> BeforeRestart {
    Box::new(|_| Ok(None))
}
