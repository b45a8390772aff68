//! The tree of images in one place, whatever the place is: files of a directory or volumes of a group. Synchronous;
//! callers see to it that two changes never overlap and that what is changed is not open.

mod compare;
mod place;
mod size;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use xapi_backend::storage::{NewVolume, SrStat};
use xapi_schema::{Failure, Result, errors};
use xennix_disk::{
    chain::Format,
    file::Access,
    image::Image,
    vhd::{
        create::{NewImage, Room, create},
        journal::{self, Note},
        resize,
    },
};

use crate::{
    fail::{self, Doing},
    head::{self, Found},
    lvm::mgt::Entry,
    naming::Naming,
    repository::lock,
};

pub use place::Group;
pub(crate) use place::Work;
pub use size::rounded;

/// Images of one place.
#[derive(Clone)]
pub struct Images {
    /// The SR, for errors.
    pub sr: String,
    /// Where they are.
    pub volumes: Arc<dyn Group>,
    /// What they are called.
    pub naming: Naming,
    /// The directory their names lead to.
    pub dir: PathBuf,
    /// Operations that could be neither finished nor undone.
    pub stuck: Arc<Mutex<Stuck>>,
}

/// Operations that their own images keep from their end, since the SR was attached.
#[derive(Default)]
pub struct Stuck {
    /// Their notes.
    keys: BTreeSet<String>,
    /// Their images, and what whoever wants one is told.
    images: BTreeMap<String, Failure>,
    /// When they were tried last.
    tried: Option<Instant>,
}

/// How long what can't be finished is not tried again: all that is open in the SR waits meanwhile.
const REST: Duration = Duration::from_secs(60);

impl Images {
    /// Finishes or undoes what an earlier process left half-done. What an image keeps from its end stays, with this image
    /// out of reach; the others have nothing to do with it.
    ///
    /// # Errors
    /// A journal that can't be read, the device's error.
    pub fn recover(&self) -> Result<usize> {
        let done = journal::recover_each(&*self.volumes).map_err(|e| Doing::Attach.disk(&e));
        self.volumes.settle();
        let done = done?;
        for note in &done.done {
            tracing::warn!(sr = self.sr, ?note, "an interrupted operation was brought to its end");
        }
        let mut stuck = Stuck { tried: Some(Instant::now()), ..Stuck::default() };
        for journal::Stuck { key, note, error } in done.stuck {
            tracing::error!(sr = self.sr, ?note, %error, "an interrupted operation can't be brought to its end");
            let told = Doing::Load.failure(&format!("an operation on it could not be finished: {error}"));
            stuck.images.extend(note.images().iter().map(|name| (name.to_string(), told.clone())));
            stuck.keys.insert(key);
        }
        *lock(&self.stuck) = stuck;
        Ok(done.done.len())
    }

    /// Is nothing half-done?
    ///
    /// # Errors
    /// The system's error.
    pub fn is_idle(&self) -> Result<bool> {
        Ok(self.volumes.notes().map_err(|e| Doing::Attach.disk(&e))?.is_empty())
    }

    /// Is something half-done that [`recover`](Images::recover) has not been tried on, or not for a while?
    ///
    /// # Errors
    /// The system's error.
    pub fn waits(&self) -> Result<bool> {
        let notes = self.volumes.notes().map_err(|e| Doing::Attach.disk(&e))?;
        let stuck = lock(&self.stuck);
        let lately = stuck.tried.is_some_and(|tried| tried.elapsed() < REST);
        Ok(notes.iter().any(|(key, _)| !lately || !stuck.keys.contains(key)))
    }

    /// What keeps an image out of reach, beside what is wrong with it.
    fn stuck(&self, name: &str) -> Option<Failure> {
        lock(&self.stuck).images.get(name).cloned()
    }

    /// Every image, read no further than its header.
    ///
    /// # Errors
    /// The place can't be read.
    pub fn scan(&self) -> Result<Vec<Found>> {
        let found = self.look_through().map_err(|e| Doing::Scan.disk(&e));
        self.volumes.settle();
        found
    }

    fn look_through(&self) -> xennix_disk::Result<Vec<Found>> {
        let names = self.volumes.list()?;
        let (sizes, marked) = (self.volumes.sizes()?, self.volumes.hidden()?);
        // Logs of changes as well, which a scan reads next. One that can't be reached is told of below, by itself.
        let ours = |n: &&String| self.naming.parse(n).is_some() || n.ends_with(".cbtlog");
        let _ = self.volumes.gather(&names.iter().filter(ours).cloned().collect::<Vec<_>>());
        let mut found = Vec::new();
        for name in names {
            if let Some(mut image) =
                head::look(&*self.volumes, self.naming, &name, sizes.get(&name).copied())?
            {
                image.hidden |= marked.contains(&name);
                image.broken = self.stuck(&name).or(image.broken);
                found.push(image);
            }
        }
        // A raw image can't say that others stand on it; they do.
        let parents: BTreeSet<String> = found.iter().filter_map(|f| f.parent.clone()).collect();
        for image in found.iter_mut().filter(|f| f.format == Format::Raw) {
            image.hidden |= parents.contains(&image.name);
        }
        Ok(found)
    }

    /// Makes every image reachable in one go, where one by one takes long.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn gather(&self) -> xennix_disk::Result<()> {
        if self.naming == Naming::Files {
            return Ok(());
        }
        let names = self.volumes.list()?;
        self.volumes.gather(&names.into_iter().filter(|n| self.naming.parse(n).is_some()).collect::<Vec<_>>())
    }

    /// One image by its uuid.
    ///
    /// # Errors
    /// VDI_MISSING [sr, vdi].
    pub fn find(&self, uuid: &str) -> Result<Found> {
        if !crate::naming::is_uuid(uuid) {
            return Err(fail::missing(&self.sr, uuid));
        }
        for format in [Format::Vhd, Format::Raw, Format::Qcow2] {
            let name = self.naming.name(uuid, format);
            if self.volumes.exists(&name).map_err(|e| Doing::Load.disk(&e))? {
                let looked = head::look(&*self.volumes, self.naming, &name, None);
                let marked = if format == Format::Raw { self.volumes.hidden() } else { Ok(BTreeSet::new()) };
                self.volumes.settle();
                if let Some(mut found) = looked.map_err(|e| Doing::Load.disk(&e))? {
                    found.hidden |= marked.map_err(|e| Doing::Load.disk(&e))?.contains(&name);
                    found.broken = self.stuck(&name).or(found.broken);
                    return Ok(found);
                }
            }
        }
        Err(fail::missing(&self.sr, uuid))
    }

    /// An image that can be read.
    ///
    /// # Errors
    /// VDI_MISSING [sr, vdi]; SR_BACKEND_FAILURE_65 with what is wrong with it, 200 when its device failed.
    pub fn healthy(&self, uuid: &str) -> Result<Found> {
        let found = self.find(uuid)?;
        match &found.broken {
            None => Ok(found),
            Some(why) => Err(why.clone()),
        }
    }

    /// Where an image can be opened by path.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Opens an image with everything it stands on. One that is only read is first [made readable](Images::settle).
    ///
    /// # Errors
    /// As of [`settle`](Images::settle) and of the engine.
    pub fn open(&self, found: &Found, access: Access, guarded: bool) -> Result<Image> {
        if access == Access::Read {
            self.settle(found, guarded)?;
        }
        let opened = match found.format {
            Format::Qcow2 => Image::open(&self.path(&found.name), Some(Format::Qcow2), access, false),
            format => Image::within(&*self.volumes, &found.name, format, access),
        };
        opened.map_err(|e| Doing::Load.disk(&e))
    }

    /// Makes sure that an image nobody has open can be read as it is: a qcow2 whose writer did not close it is put
    /// right, which changes its tables. In a guarded SR nothing is changed, and such an image is refused.
    ///
    /// # Errors
    /// OPERATION_NOT_ALLOWED where it would have to be changed in a guarded SR; VDI_IN_USE when somebody writes it;
    /// what is wrong with it.
    pub fn settle(&self, found: &Found, guarded: bool) -> Result<()> {
        if found.format != Format::Qcow2 {
            return Ok(());
        }
        let wrong = |e: xennix_disk::Error| Doing::Load.disk(&e);
        if !guarded {
            return xennix_disk::qcow2::settle(&*self.volumes, &found.name).map_err(wrong);
        }
        let unclean = self
            .volumes
            .open(&found.name, Access::Read)
            .and_then(|file| xennix_disk::qcow2::repair::is_unclean(&*file));
        self.volumes.settle();
        if unclean.map_err(wrong)? {
            return Err(crate::policy::untouchable(
                &self.sr,
                &format!(
                    "the image {} was not closed by whoever wrote it last and can't be put right",
                    found.name
                ),
            ));
        }
        Ok(())
    }

    /// The space a new leaf gets; one that nobody writes now needs no more than it holds where that is the rule, and
    /// a snapshot never does.
    fn room(&self, written: bool, snapshot: bool) -> Room {
        match self.naming {
            Naming::Files => Room::File,
            Naming::Volumes if !written && (snapshot || self.volumes.is_thin()) => Room::Thin,
            Naming::Volumes => Room::Thick,
        }
    }

    /// Refuses where the place could not say anything of a new volume.
    fn assert_room(&self, more: usize) -> Result<()> {
        if self.volumes.has_room(more).map_err(|e| Doing::Other.disk(&e))? {
            return Ok(());
        }
        let told = "the metadata volume is full";
        Err(xapi_backend::storage::backend_failure(181, "Error in Metadata volume operation for SR.", told))
    }

    /// Makes an image full of zeros. Killed in between, the half-made one is removed by [`recover`](Images::recover).
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_79 for sizes, 43 when there is one, 44 without room.
    pub fn create(&self, uuid: &str, format: Format, size: i64) -> Result<Found> {
        let size = rounded(format, size)?;
        let name = self.naming.name(uuid, format);
        let wrong = |e: xennix_disk::Error| Doing::Create.disk(&e);
        for format in [Format::Vhd, Format::Raw, Format::Qcow2] {
            if self.volumes.exists(&self.naming.name(uuid, format)).map_err(wrong)? {
                return Err(xapi_backend::storage::backend_failure(43, "The VDI already exists", uuid));
            }
        }
        self.assert_room(1)?;
        let room = self.room(false, false);
        let made = self.noted(std::slice::from_ref(&name), || match format {
            Format::Vhd => create(&*self.volumes, &name, &NewImage::new(size, None), room),
            Format::Raw => self.zeros(&name, size),
            Format::Qcow2 => self.qcow2(&name, size),
        });
        self.volumes.settle();
        made.map_err(wrong)?;
        self.find(uuid)
    }

    /// Lets the place say what a new volume is called.
    ///
    /// # Errors
    /// The device's error.
    pub fn introduce(&self, found: &Found, new: &NewVolume) -> Result<()> {
        let entry = Entry {
            uuid: found.uuid.clone(),
            name: new.name.clone(),
            description: new.description.clone(),
            kind: new.kind.clone(),
            vdi_type: if found.format == Format::Raw { "aio" } else { "vhd" }.into(),
            snapshot_time: "19700101T00:00:00Z".into(),
            managed: true,
            ..Entry::default()
        };
        self.volumes.note(entry).map_err(|e| Doing::Create.disk(&e))
    }

    /// Does work that makes images, undone when it fails or is cut.
    fn noted(
        &self,
        names: &[String],
        work: impl FnOnce() -> xennix_disk::Result<()>,
    ) -> xennix_disk::Result<()> {
        let key = uuid::Uuid::new_v4().to_string();
        let note =
            serde_json::to_string(&Note::Making { new: names.to_vec() }).map_err(std::io::Error::other)?;
        self.volumes.put_note(&key, &note)?;
        let done = work();
        if done.is_err() {
            for name in names {
                if self.volumes.exists(name)? {
                    self.volumes.remove(name)?;
                }
            }
            self.volumes.sync()?;
        }
        self.volumes.drop_note(&key)?;
        done
    }

    /// A raw image; what a volume held before is overwritten.
    fn zeros(&self, name: &str, size: u64) -> xennix_disk::Result<()> {
        let file = self.volumes.create(name, size)?;
        if file.is_fixed() {
            size::zero(&*file, 0)?;
        } else {
            file.flush()?;
        }
        self.volumes.sync()
    }

    fn qcow2(&self, name: &str, size: u64) -> xennix_disk::Result<()> {
        if self.naming == Naming::Volumes {
            return Err(xennix_disk::Error::Unsupported("qcow2 on logical volumes".into()));
        }
        xennix_disk::qcow2::create::create(&*self.volumes, name, size, None)
    }

    /// Destroys an image nobody stands on.
    ///
    /// # Errors
    /// VDI_MISSING, VDI_IN_USE when something stands on it.
    pub fn destroy(&self, uuid: &str) -> Result<()> {
        let found = self.assert_childless(uuid)?;
        self.remove(&found.name).map_err(|e| Doing::Delete.disk(&e))
    }

    /// The image, which nobody stands on.
    ///
    /// # Errors
    /// VDI_MISSING, SR_BACKEND_FAILURE_80 when something stands on it.
    pub fn assert_childless(&self, uuid: &str) -> Result<Found> {
        let found = self.find(uuid)?;
        if let Some(failure) = self.stuck(&found.name) {
            return Err(failure);
        }
        if self.scan()?.iter().any(|f| f.parent.as_deref() == Some(&found.name)) {
            return Err(Doing::Delete.failure("other volumes stand on it"));
        }
        Ok(found)
    }

    /// Removes an image by name; what was noted of its changes is not touched.
    pub(crate) fn remove(&self, name: &str) -> xennix_disk::Result<()> {
        let removed = self.volumes.remove(name).and_then(|()| self.volumes.sync());
        self.volumes.settle();
        removed
    }

    /// Makes room for every block of a leaf on a volume, so that a guest that writes never runs out of it.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_44 without room.
    pub fn inflate(&self, found: &Found) -> Result<()> {
        let full = xennix_disk::vhd::sizing::thick(found.size);
        if self.naming == Naming::Files || found.format != Format::Vhd || found.physical >= full {
            return Ok(());
        }
        let done = resize::inflate(&*self.volumes, &found.name);
        self.volumes.settle();
        done.map_err(|e| Doing::Attach.disk(&e))
    }

    /// How full the place is.
    ///
    /// # Errors
    /// The system's error.
    pub fn stat(&self) -> Result<SrStat> {
        match self.volumes.usage() {
            Some(told) => told.map_err(|e| Doing::Other.disk(&e)),
            None => crate::listing::usage(&self.dir),
        }
    }

    /// Refuses while there is a disk, whether anybody knows of it or not: one that was forgotten is not given up.
    ///
    /// # Errors
    /// SR_NOT_EMPTY; those of [`scan`](Images::scan).
    pub fn assert_empty(&self) -> Result<()> {
        match self.scan()?.iter().find(|found| !found.hidden || found.broken.is_some()) {
            None => Ok(()),
            Some(disk) => {
                tracing::warn!(
                    sr = self.sr,
                    disk = disk.name,
                    "an SR is not destroyed: there is a disk in it"
                );
                Err(errors::SR_NOT_EMPTY.bare())
            }
        }
    }

    /// Removes what no disk needs any more: the SR is being destroyed.
    ///
    /// # Errors
    /// SR_NOT_EMPTY while there is a disk, whether anybody knows of it or not; the device's error.
    pub fn clear(&self) -> Result<()> {
        self.assert_empty()?;
        let cleared = (|| {
            let mut names = self.volumes.list()?;
            names.retain(|name| self.naming.parse(name).is_some() || name.ends_with(".cbtlog"));
            self.volumes.remove_all(&names)?;
            self.volumes.sync()
        })();
        self.volumes.settle();
        cleared.map_err(|e| Doing::Delete.disk(&e))
    }

    /// The directory of the place.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}
