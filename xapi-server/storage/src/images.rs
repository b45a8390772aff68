//! The tree of images in one place, whatever the place is: files of a directory or volumes of a group. Synchronous;
//! callers see to it that two changes never overlap and that what is changed is not open.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use xapi_backend::storage::{NewVolume, SrStat};
use xapi_schema::Result;
use xennix_disk::{
    chain::Format,
    file::Access,
    image::Image,
    vhd::{
        BLOCK_SIZE, MAX_VIRTUAL_SIZE,
        create::{NewImage, Room, create},
        journal::{self, Note},
        resize,
        snapshot::{Child, Snapshot, revert, snapshot},
    },
    volumes::Volumes,
};

use crate::{
    fail::{self, Doing},
    head::{self, Found},
    lvm::mgt::Entry,
    naming::Naming,
};

/// Smallest disk the original stack makes.
const SMALLEST: u64 = 2 << 20;
/// Largest qcow2 disk it makes.
const LARGEST_QCOW2: u64 = 16_381 << 30;

/// Everything the layouts differ in beyond names.
pub trait Group: Volumes {
    /// Lets go of what was made reachable for a while, unless work is going on that may need it again.
    fn settle(&self) {}
    /// Work begins: what is made reachable from now on stays so until [`end`](Group::end). Best by [`Work`].
    fn begin(&self) {}
    /// One work has ended; with the last, what nobody needs is let go of.
    fn end(&self) {}
    /// Removes many images in one go, where one by one takes long.
    ///
    /// # Errors
    /// The system's error; then some may be gone.
    fn remove_all(&self, names: &[String]) -> xennix_disk::Result<()> {
        names.iter().try_for_each(|name| self.remove(name))
    }
    /// Inner nodes that the image itself can't mark: raw ones.
    fn hidden(&self) -> xennix_disk::Result<BTreeSet<String>> {
        Ok(BTreeSet::new())
    }
    /// Marks such a node, or takes the mark away.
    ///
    /// # Errors
    /// The system's error.
    fn set_hidden(&self, _: &str, _: bool) -> xennix_disk::Result<()> {
        Ok(())
    }
    /// Notes what people call a volume, where the place keeps that.
    ///
    /// # Errors
    /// The system's error.
    fn named(&self, _: &str, _: &str, _: &str) -> xennix_disk::Result<()> {
        Ok(())
    }
    /// How full the place is; nothing when its file system tells.
    fn usage(&self) -> Option<xennix_disk::Result<SrStat>> {
        None
    }
    /// Names and taken bytes of everything in the place, where that is known without opening.
    fn sizes(&self) -> xennix_disk::Result<BTreeMap<String, u64>> {
        Ok(BTreeMap::new())
    }
    /// Makes many reachable in one go.
    ///
    /// # Errors
    /// The system's error.
    fn gather(&self, _: &[String]) -> xennix_disk::Result<()> {
        Ok(())
    }
    /// Keeps these reachable, and only these, for as long as this owner needs them.
    ///
    /// # Errors
    /// The system's error.
    fn hold(&self, _: &str, _: &[String]) -> xennix_disk::Result<()> {
        Ok(())
    }
    /// Ends what [`hold`](Group::hold) began.
    fn release(&self, _: &str) {}
    /// Protects an inner node against writes.
    ///
    /// # Errors
    /// The system's error.
    fn freeze(&self, _: &str) -> xennix_disk::Result<()> {
        Ok(())
    }
    /// Gives back what an image has behind its first bytes, which it was prepared for.
    ///
    /// # Errors
    /// The system's error.
    fn shrink(&self, _: &str, _: u64) -> xennix_disk::Result<()> {
        Ok(())
    }
    /// Do new leaves get no more room than they need?
    fn is_thin(&self) -> bool {
        false
    }
    /// What the place says of a volume, where it keeps that.
    fn known(&self, _: &str) -> Option<Entry> {
        None
    }
    /// Lets the place say something of a volume.
    ///
    /// # Errors
    /// The system's error.
    fn note(&self, _: Entry) -> xennix_disk::Result<()> {
        Ok(())
    }
    /// Can the place say something of so many more?
    ///
    /// # Errors
    /// The system's error.
    fn has_room(&self, _: usize) -> xennix_disk::Result<bool> {
        Ok(true)
    }
    /// Lets the place say something of the volumes there are, and of no others.
    ///
    /// # Errors
    /// The system's error.
    fn agree(&self) -> xennix_disk::Result<()> {
        Ok(())
    }
}

impl Group for xennix_disk::volumes::Directory {}

/// Work on a place, which may reach the same images many times; ended with this value.
pub(crate) struct Work<'a>(&'a dyn Group);

impl<'a> Work<'a> {
    pub(crate) fn new(place: &'a dyn Group) -> Work<'a> {
        place.begin();
        Work(place)
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

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
}

impl Images {
    /// Finishes or undoes what an earlier process left half-done.
    ///
    /// # Errors
    /// A journal that can't be read, the device's error.
    pub fn recover(&self) -> Result<usize> {
        let done = journal::recover(&*self.volumes).map_err(|e| Doing::Attach.disk(&e));
        self.volumes.settle();
        let done = done?;
        for note in &done {
            tracing::warn!(sr = self.sr, ?note, "an interrupted operation was brought to its end");
        }
        Ok(done.len())
    }

    /// Is something half-done that waits for [`recover`](Images::recover)?
    ///
    /// # Errors
    /// The system's error.
    pub fn is_idle(&self) -> Result<bool> {
        Ok(self.volumes.notes().map_err(|e| Doing::Attach.disk(&e))?.is_empty())
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
            return xennix_disk::qcow2::settle(&self.dir, &found.name).map_err(wrong);
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
            let zeros = vec![0; 4 << 20];
            let mut at = 0;
            let end = file.size()?;
            while at < end {
                let n = (end - at).min(zeros.len() as u64);
                file.write_at(at, &zeros[..n as usize])?;
                at += n;
            }
        }
        file.flush()?;
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

    /// Freezes a leaf and hangs a new one of uuid `child` beside it. Answers the present name of the leaf: a raw one
    /// goes on as a VHD, others keep their format.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_82 or 81 with the reason, 109 for a chain that is too long, 44 without room.
    pub fn twin(&self, uuid: &str, child: &str, doing: Doing, written: bool) -> Result<String> {
        let found = self.healthy(uuid)?;
        if found.format == Format::Qcow2 && self.naming == Naming::Volumes {
            return Err(doing
                .failure("snapshots and clones of qcow2 on logical volumes are not part of this version"));
        }
        if found.hidden {
            return Err(doing.failure("it is an inner node"));
        }
        self.assert_room(2)?;
        let base = uuid::Uuid::new_v4().to_string();
        let format = if found.format == Format::Raw { Format::Vhd } else { found.format };
        let after = self.naming.name(uuid, format);
        let plan = Snapshot {
            leaf: found.name.clone(),
            format: found.format,
            base: self.naming.name(&base, found.format),
            leaf_after: after.clone(),
            // A raw leaf goes on as a VHD, whose room is no longer that of its bytes.
            room: self.room(written, false),
            children: vec![Child {
                name: self.naming.name(child, format),
                room: self.room(false, doing == Doing::Snapshot),
            }],
        };
        let made = snapshot(&*self.volumes, &plan).and_then(|frozen| {
            if frozen && found.format == Format::Raw {
                self.volumes.set_hidden(&plan.base, true)?;
            }
            Ok(frozen)
        });
        if let Ok(frozen) = made {
            // The twin is whole: what goes wrong now costs room or a name at most.
            let (base_name, mut told) = (&plan.base, Ok(()));
            if frozen && self.naming == Naming::Volumes {
                told = self.deflate(base_name, found.format).and_then(|()| self.volumes.freeze(base_name));
            }
            let noted = self.note_twin(uuid, child, frozen.then_some((base.as_str(), found.format)), doing);
            if let Err(e) = told.and(noted) {
                tracing::warn!(sr = self.sr, volume = uuid, error = %e, "a twin was made, but not all around it");
            }
        }
        self.volumes.settle();
        made.map_err(|e| doing.disk(&e))?;
        Ok(after)
    }

    /// Gives back the room that an inner node will never use.
    fn deflate(&self, name: &str, format: Format) -> xennix_disk::Result<()> {
        if format != Format::Vhd {
            return Ok(());
        }
        let bytes = resize::prepare_deflate(&*self.volumes, name)?;
        self.volumes.shrink(name, bytes)
    }

    /// Lets the place say what a twin is, and what became of its origin.
    fn note_twin(
        &self,
        uuid: &str,
        child: &str,
        base: Option<(&str, Format)>,
        doing: Doing,
    ) -> xennix_disk::Result<()> {
        let Some(origin) = self.volumes.known(uuid) else { return Ok(()) };
        if let Some((base, format)) = base {
            self.volumes.note(Entry {
                uuid: base.into(),
                name: "base copy".into(),
                description: String::new(),
                is_a_snapshot: false,
                snapshot_of: String::new(),
                vdi_type: if format == Format::Raw { "aio" } else { "vhd" }.into(),
                read_only: true,
                managed: false,
                ..origin.clone()
            })?;
        }
        if origin.vdi_type != "vhd" {
            self.volumes.note(Entry { vdi_type: "vhd".into(), ..origin.clone() })?;
        }
        let snapshot = doing == Doing::Snapshot;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = xapi_schema::DateTime::from_unix(i64::try_from(now.as_secs()).unwrap_or(0));
        self.volumes.note(Entry {
            uuid: child.into(),
            vdi_type: "vhd".into(),
            is_a_snapshot: snapshot,
            snapshot_of: if snapshot { uuid.into() } else { String::new() },
            snapshot_time: if snapshot { now.to_string() } else { "19700101T00:00:00Z".into() },
            ..origin
        })
    }

    /// Grows an image.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_79 for smaller and impossible sizes, 110 with other reasons.
    pub fn resize(&self, uuid: &str, size: i64) -> Result<Found> {
        let found = self.healthy(uuid)?;
        if size < 0 || (size as u64) < found.size {
            return Err(fail::bad_size(&format!(
                "{size}: a disk of {} bytes is never made smaller",
                found.size
            )));
        }
        let size = rounded(found.format, size)?;
        self.growing_changes(uuid, size)?;
        let done = match found.format {
            _ if size <= found.size => Ok(()),
            Format::Vhd => self.grow_vhd(&found, size),
            Format::Raw => self.grow_raw(&found, size),
            Format::Qcow2 => self.grow_qcow2(&found, size),
        };
        self.volumes.settle();
        done.map_err(|e| Doing::Resize.disk(&e))?;
        self.find(uuid)
    }

    fn grow_vhd(&self, found: &Found, size: u64) -> xennix_disk::Result<()> {
        if self.naming == Naming::Volumes {
            // Room first: without it the disk stays as it is.
            self.volumes.ensure_size(&found.name, xennix_disk::vhd::sizing::thick(size))?;
            let file = self.volumes.open(&found.name, Access::Write)?;
            resize::restore_tail(&*file)?;
        }
        resize::grow(&*self.volumes, &found.name, size)
    }

    fn grow_qcow2(&self, found: &Found, size: u64) -> xennix_disk::Result<()> {
        if let Some(parent) = &found.parent
            && let Some(parent) = head::look(&*self.volumes, self.naming, parent, None)?
            && parent.size > found.size
        {
            // What lies there would come to light.
            return Err(xennix_disk::Error::Unsupported(
                "growing a qcow2 that is smaller than its parent".into(),
            ));
        }
        xennix_disk::qcow2::grow::grow(&*self.volumes.open(&found.name, Access::Write)?, &found.name, size)
    }

    fn grow_raw(&self, found: &Found, size: u64) -> xennix_disk::Result<()> {
        self.volumes.ensure_size(&found.name, size)?;
        let file = self.volumes.open(&found.name, Access::Write)?;
        if !file.is_fixed() {
            file.set_size(size)?;
        } else {
            let (mut at, end) = (found.size, file.size()?);
            let zeros = vec![0; 1 << 20];
            while at < end {
                let n = (end - at).min(zeros.len() as u64);
                file.write_at(at, &zeros[..n as usize])?;
                at += n;
            }
        }
        file.flush()?;
        Ok(())
    }

    /// Gives a leaf the content of another one.
    ///
    /// # Errors
    /// As [`twin`](Images::twin).
    pub fn revert(&self, uuid: &str, to: &str) -> Result<Found> {
        let (leaf, snapshot) = (self.healthy(uuid)?, self.healthy(to)?);
        if leaf.format != snapshot.format || leaf.format == Format::Raw {
            return Err(
                Doing::Snapshot.failure("only VHD and qcow2 volumes can be reverted, each to its own format")
            );
        }
        self.assert_room(1)?;
        let base = self.naming.name(&uuid::Uuid::new_v4().to_string(), leaf.format);
        self.all_changes(uuid, leaf.size.max(snapshot.size))?;
        let room = self.room(false, false);
        let done = revert(&*self.volumes, &leaf.name, &snapshot.name, &base, room);
        if done.is_ok() && self.naming == Naming::Volumes {
            let kept = self.volumes.exists(&base).and_then(|made| {
                if !made {
                    return Ok(());
                }
                self.deflate(&base, Format::Vhd)?;
                self.volumes.freeze(&base)
            });
            if let Err(e) = kept {
                tracing::warn!(sr = self.sr, base, error = %e, "an inner node keeps more room than it needs");
            }
        }
        self.volumes.settle();
        done.map_err(|e| Doing::Snapshot.disk(&e))?;
        self.find(uuid)
    }

    /// Has a leaf nothing of its own: no block, where it stands on another image, else no data at all?
    ///
    /// # Errors
    /// VDI_MISSING, SR_BACKEND_FAILURE_65.
    pub fn is_untouched(&self, uuid: &str) -> Result<bool> {
        let found = self.healthy(uuid)?;
        let looked = self.volumes.open(&found.name, Access::Read).and_then(|file| match found.format {
            Format::Vhd => {
                let image = xennix_disk::vhd::reader::Image::open(file)?;
                Ok(image.header().is_some() && image.bat().allocated().next().is_none())
            }
            Format::Qcow2 => xennix_disk::qcow2::create::is_empty(&*file, &found.name),
            Format::Raw => Ok(file.next_data(0)?.is_none()),
        });
        self.volumes.settle();
        looked.map_err(|e| Doing::Load.disk(&e))
    }

    /// Stretches outside of which two images hold the same: everything in the images that only one of them stands on.
    /// Nothing when they have none in common, or one of those is no VHD.
    ///
    /// # Errors
    /// VDI_MISSING, SR_BACKEND_FAILURE_65.
    pub fn difference(&self, from: &str, to: &str) -> Result<Option<Vec<(u64, u64)>>> {
        let (from, to) = (self.healthy(from)?, self.healthy(to)?);
        let told = self.own_blocks(&from, &to).map_err(|e| Doing::Load.disk(&e));
        self.volumes.settle();
        told
    }

    fn own_blocks(&self, from: &Found, to: &Found) -> xennix_disk::Result<Option<Vec<(u64, u64)>>> {
        let (first, last) = (self.line(&from.name)?, self.line(&to.name)?);
        let Some(common) = last.iter().find(|name| first.contains(name)) else { return Ok(None) };
        let own =
            |line: &[String]| line.iter().take_while(|name| *name != common).cloned().collect::<Vec<_>>();
        let mut stretches = BTreeSet::new();
        for name in own(&first).into_iter().chain(own(&last)) {
            if self.naming.parse(&name).is_none_or(|(_, format)| format != Format::Vhd) {
                return Ok(None);
            }
            let image = xennix_disk::vhd::reader::Image::open(self.volumes.open(&name, Access::Read)?)?;
            if image.header().is_none() {
                return Ok(None);
            }
            let size = u64::from(image.block_size());
            stretches.extend(image.bat().allocated().map(|(block, _)| (block * size, size)));
        }
        let mut merged: Vec<(u64, u64)> = Vec::new();
        for (start, len) in stretches {
            match merged.last_mut() {
                Some((at, before)) if *at + *before >= start => *before = (*before).max(start + len - *at),
                _ => merged.push((start, len)),
            }
        }
        Ok(Some(merged))
    }

    /// An image and everything it stands on, by name.
    fn line(&self, name: &str) -> xennix_disk::Result<Vec<String>> {
        let mut line = vec![name.to_owned()];
        while let Some(found) = head::look(&*self.volumes, self.naming, &line[line.len() - 1], None)? {
            match found.parent {
                Some(parent) if line.len() <= xennix_disk::vhd::MAX_CHAIN => line.push(parent),
                Some(_) => return Err(xennix_disk::Error::format("chain", "too long, or its own ancestor")),
                None => break,
            }
        }
        Ok(line)
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

    /// Removes every image: the SR is being destroyed.
    ///
    /// # Errors
    /// The device's error.
    pub fn clear(&self) -> Result<()> {
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

/// A size by the rules of the format.
///
/// # Errors
/// SR_BACKEND_FAILURE_79.
pub fn rounded(format: Format, size: i64) -> Result<u64> {
    let bad = || fail::bad_size(&format!("{size} bytes"));
    let asked = u64::try_from(size).map_err(|_| bad())?;
    let largest = match format {
        Format::Vhd => MAX_VIRTUAL_SIZE,
        Format::Qcow2 => LARGEST_QCOW2,
        Format::Raw => i64::MAX as u64 / 2,
    };
    if asked > largest {
        return Err(bad());
    }
    Ok(match format {
        Format::Vhd => asked.max(SMALLEST).next_multiple_of(u64::from(BLOCK_SIZE)),
        _ => asked.max(512).next_multiple_of(512),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_original_rules() {
        assert_eq!(rounded(Format::Vhd, 0).unwrap(), 2 << 20);
        assert_eq!(rounded(Format::Vhd, (2 << 20) + 1).unwrap(), 4 << 20);
        assert_eq!(rounded(Format::Vhd, 2040 << 30).unwrap(), 2040 << 30);
        for bad in [-1, (2040 << 30) + 1] {
            assert_eq!(rounded(Format::Vhd, bad).unwrap_err().code, "SR_BACKEND_FAILURE_79");
        }
    }
}
