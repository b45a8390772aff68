//! How the tree of images changes: leaves frozen, hung beside each other, taken back to what they were. Copies no data.

use xapi_schema::Result;
use xennix_disk::{
    chain::Format,
    vhd::{
        resize,
        snapshot::{Child, Snapshot, empty, revert, snapshot},
    },
};

use super::Images;
use crate::{fail::Doing, head::Found, lvm::mgt::Entry, naming::Naming};

impl Images {
    /// Freezes a leaf and hangs a new one of uuid `child` beside it. Answers the present name of the leaf: a raw one
    /// goes on as a VHD, others keep their format.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_82 or 81 with the reason, 109 for a chain that is too long, 44 without room.
    pub fn twin(&self, uuid: &str, child: &str, doing: Doing, written: bool) -> Result<String> {
        self.freeze(uuid, Some(child), doing, written)
    }

    /// Freezes a leaf, which goes on under its name, empty: what it holds now is below it from then on, where
    /// [`reset`](Images::reset) finds it. Nothing to do for one that is empty and stands on something.
    ///
    /// # Errors
    /// As [`twin`](Images::twin).
    pub fn keep(&self, uuid: &str) -> Result<()> {
        self.freeze(uuid, None, Doing::Snapshot, false).map(drop)
    }

    /// Drops what a leaf holds itself; one that stands on nothing is [kept](Images::keep) as it is, so that its first
    /// reset loses nothing.
    ///
    /// # Errors
    /// As [`twin`](Images::twin).
    pub fn reset(&self, uuid: &str) -> Result<()> {
        let found = self.healthy(uuid)?;
        if found.format == Format::Qcow2 && self.naming == Naming::Volumes {
            return Err(Doing::Snapshot.failure("qcow2 on logical volumes is only read"));
        }
        if found.hidden {
            return Err(Doing::Snapshot.failure("it is an inner node"));
        }
        self.all_changes(uuid, found.size)?;
        // Room for everything is made when it is opened: the old leaf has it until then.
        let done = empty(&*self.volumes, &found.name, self.room(false, true));
        self.volumes.settle();
        if done.map_err(|e| Doing::Snapshot.disk(&e))? { Ok(()) } else { self.keep(uuid) }
    }

    fn freeze(&self, uuid: &str, child: Option<&str>, doing: Doing, written: bool) -> Result<String> {
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
        let beside = |child: &str| Child {
            name: self.naming.name(child, format),
            room: self.room(false, doing == Doing::Snapshot),
        };
        let plan = Snapshot {
            leaf: found.name.clone(),
            format: found.format,
            base: self.naming.name(&base, found.format),
            leaf_after: after.clone(),
            // A raw leaf goes on as a VHD, whose room is no longer that of its bytes.
            room: self.room(written, false),
            children: child.map(beside).into_iter().collect(),
        };
        let made = snapshot(&*self.volumes, &plan);
        if let Ok(frozen) = made {
            // All is whole: what goes wrong now costs room, a mark or a name at most. A raw node without its mark is still
            // known by what stands on it.
            let (base_name, mut told) = (&plan.base, Ok(()));
            if frozen && found.format == Format::Raw {
                told = self.volumes.set_hidden(base_name, true);
            }
            if frozen && self.naming == Naming::Volumes {
                let given =
                    self.deflate(base_name, found.format).and_then(|()| self.volumes.freeze(base_name));
                told = told.and(given);
            }
            let noted = self.note_twin(uuid, child, frozen.then_some((base.as_str(), found.format)), doing);
            if let Err(e) = told.and(noted) {
                tracing::warn!(sr = self.sr, volume = uuid, error = %e, "a disk was frozen, but not all around it");
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

    /// Lets the place say what a twin is, if one was made, and what became of its origin.
    fn note_twin(
        &self,
        uuid: &str,
        child: Option<&str>,
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
        let Some(child) = child else { return Ok(()) };
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
}
