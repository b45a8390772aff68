//! Images this process itself reads and writes: imports, exports, copies. One handle for a volume, closed cleanly
//! before anybody else gets at it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use xapi_schema::Result;
use xennix_disk::{chain::Format, file::Access, image::Image, source::Source};

use crate::{
    fail::{self, Doing},
    images::Images,
};

/// Most images open at a time.
const MOST: usize = 32;

struct Handle {
    image: Image,
    writable: bool,
    tracked: bool,
    used: Instant,
}

type Slot = Arc<Mutex<Option<Handle>>>;

/// The open images of an SR.
#[derive(Default)]
pub struct Handles(Mutex<HashMap<String, Slot>>);

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handles {
    /// Works on the image of `uuid`, opened when it is not. Where the SR is `guarded` reading changes nothing.
    ///
    /// # Errors
    /// VDI_MISSING, VDI_IN_USE, what the image says; as [`Images::open`].
    pub fn with<T>(
        &self,
        images: &Images,
        uuid: &str,
        access: Access,
        guarded: bool,
        work: impl FnOnce(&mut Image) -> xennix_disk::Result<T>,
    ) -> Result<T> {
        self.thin_out(uuid)?;
        let slot = lock(&self.0).entry(uuid.to_owned()).or_default().clone();
        let mut slot = lock(&slot);
        if let Some(handle) = slot.take_if(|h| access == Access::Write && !h.writable) {
            handle.image.close().map_err(|e| Doing::Load.disk(&e))?;
        }
        if slot.is_none() {
            let found = images.healthy(uuid)?;
            if access == Access::Write && found.hidden {
                return Err(Doing::Load.failure("it is an inner node"));
            }
            if access == Access::Write {
                images.inflate(&found)?;
            }
            let mut image = images.open(&found, access, guarded)?;
            let mut tracked = false;
            if access == Access::Write && found.format != Format::Qcow2 {
                let tracker = images.tracker(uuid, found.size).map_err(|e| Doing::Load.disk(&e))?;
                tracked = tracker.is_some();
                tracker.map_or(Ok(()), |t| image.track(t)).map_err(|e| Doing::Load.disk(&e))?;
            }
            *slot = Some(Handle { image, writable: access == Access::Write, tracked, used: Instant::now() });
        }
        match &mut *slot {
            Some(handle) => {
                let done = work(&mut handle.image).map_err(|e| Doing::Other.disk(&e));
                handle.used = Instant::now();
                done
            }
            None => Err(fail::missing(&images.sr, uuid)),
        }
    }

    /// Is a volume open here, its changes noted?
    pub fn notes(&self, uuid: &str) -> bool {
        let slot = lock(&self.0).get(uuid).cloned();
        slot.is_some_and(|slot| lock(&slot).as_ref().is_some_and(|h| h.tracked))
    }

    /// Closes what is open longest unknown when there is too much.
    fn thin_out(&self, keep: &str) -> Result<()> {
        let victim = {
            let open = lock(&self.0);
            if open.len() < MOST { None } else { open.keys().find(|k| *k != keep).cloned() }
        };
        victim.map_or(Ok(()), |uuid| self.close(&uuid))
    }

    /// Closes an image cleanly; durable on return.
    ///
    /// # Errors
    /// What closing says.
    pub fn close(&self, uuid: &str) -> Result<()> {
        let Some(slot) = lock(&self.0).remove(uuid) else { return Ok(()) };
        let handle = lock(&slot).take();
        handle.map_or(Ok(()), |h| h.image.close()).map_err(|e| Doing::Other.disk(&e))
    }

    /// Closes what nobody has read for so long; answers whether something that is only read is still open. What is
    /// written stays until somebody hears how closing it went.
    pub fn close_idle(&self, age: Duration) -> bool {
        let mut left = false;
        // Nobody gets at a slot while all are locked: one that has no other owner is not in use.
        lock(&self.0).retain(|uuid, slot| {
            if Arc::strong_count(slot) > 1 {
                left = true;
                return true;
            }
            let mut slot = lock(slot);
            if slot.as_ref().is_some_and(|h| h.writable) {
                return true;
            }
            if slot.as_ref().is_some_and(|h| h.used.elapsed() < age) {
                left = true;
                return true;
            }
            if let Some(Err(error)) = slot.take().map(|h| h.image.close()) {
                tracing::warn!(disk = uuid, %error, "an image that was read did not close");
            }
            false
        });
        left
    }

    /// Closes all.
    ///
    /// # Errors
    /// The first thing that closing one says; all are closed all the same.
    pub fn close_all(&self) -> Result<()> {
        let open: Vec<String> = lock(&self.0).keys().cloned().collect();
        let mut first = Ok(());
        for uuid in open {
            let closed = self.close(&uuid);
            first = first.and(closed);
        }
        first
    }
}

/// Reads any bytes of a disk, in whole sectors where it has to.
///
/// # Errors
/// Outside the disk, and what the image says.
pub fn read(image: &Image, offset: u64, length: usize) -> xennix_disk::Result<Vec<u8>> {
    let start = offset & !511;
    let end = (offset + length as u64).next_multiple_of(512);
    let mut bytes = vec![0; (end - start) as usize];
    image.read_at(start, &mut bytes)?;
    let skip = (offset - start) as usize;
    bytes.drain(..skip);
    bytes.truncate(length);
    Ok(bytes)
}

/// Writes any bytes of a disk; what shares a sector with them is kept.
///
/// # Errors
/// As [`read`].
pub fn write(image: &mut Image, offset: u64, bytes: &[u8]) -> xennix_disk::Result<()> {
    if offset.is_multiple_of(512) && bytes.len().is_multiple_of(512) {
        return image.write_at(offset, bytes);
    }
    let start = offset & !511;
    let end = (offset + bytes.len() as u64).next_multiple_of(512);
    let mut whole = vec![0; (end - start) as usize];
    image.read_at(start, &mut whole)?;
    let skip = (offset - start) as usize;
    whole[skip..skip + bytes.len()].copy_from_slice(bytes);
    image.write_at(start, &whole)
}
