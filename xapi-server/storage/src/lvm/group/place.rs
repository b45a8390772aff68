//! A volume group as what the engine and the tree of images ask of a place: [`Volumes`] and [`Group`]. Every change asks
//! first whether the SR is guarded, but for room for a guest's writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
};

use xapi_backend::storage::SrStat;
use xennix_disk::{
    Error, Result,
    file::{Access, BlockFile},
    volumes::Volumes,
};

use super::{
    super::{HIDDEN, MGT, mgt::Entry, notes},
    TOGETHER, VolumeGroup,
};
use crate::{images::Group, repository::lock};

impl Volumes for VolumeGroup {
    fn list(&self) -> Result<Vec<String>> {
        let mut state = lock(&self.state);
        if !state.listed {
            state.volumes = None;
        }
        let known = self.volumes(&mut state)?;
        let names = known.keys().filter(|name| *name != MGT).cloned().collect();
        state.listed = state.works > 0;
        Ok(names)
    }

    fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.volumes(&mut lock(&self.state))?.contains_key(name))
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn BlockFile>> {
        self.open_in(&mut lock(&self.state), name, access)
    }

    fn create(&self, name: &str, bytes: u64) -> Result<Arc<dyn BlockFile>> {
        let mut state = lock(&self.state);
        self.make(&mut state, name, bytes)?;
        self.open_in(&mut state, name, Access::Write)
    }

    fn ensure_size(&self, name: &str, bytes: u64) -> Result<()> {
        // The one change that a guarded SR is open to: room for a guest's writes.
        let mut state = lock(&self.state);
        if self.volume(&mut state, name)?.size >= bytes {
            return Ok(());
        }
        let size = self.whole(&mut state, bytes)?;
        self.alter(&mut state, name, self.tools.extend(name, size), |volume| volume.size = size)
    }

    fn shrink(&self, name: &str, bytes: u64) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        let bytes = self.whole(&mut state, bytes)?;
        if self.volume(&mut state, name)?.size <= bytes {
            return Ok(());
        }
        self.alter(&mut state, name, self.tools.reduce(name, bytes), |volume| volume.size = bytes)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        self.volume(&mut state, from)?;
        if self.volumes(&mut state)?.contains_key(to) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        self.alter(&mut state, from, self.tools.rename(from, to), |volume| volume.name = to.to_owned())?;
        let known = self.volumes(&mut state)?;
        if let Some(volume) = known.remove(from) {
            known.insert(to.to_owned(), volume);
        }
        if let Some(uses) = state.uses.remove(from) {
            state.uses.insert(to.to_owned(), uses);
        }
        if state.thawed.remove(from) {
            state.thawed.insert(to.to_owned());
        }
        for held in state.holds.values_mut() {
            if held.remove(from) {
                held.insert(to.to_owned());
            }
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.remove_all(&[name.to_owned()])
    }

    fn sync(&self) -> Result<()> {
        // Every command is durable when it ends.
        Ok(())
    }

    fn put_note(&self, key: &str, text: &str) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        self.refuse_foreign(&mut state)?;
        let old = notes::of_key(&self.group(&mut state)?.tags, key);
        let generation = uuid::Uuid::new_v4().simple().to_string();
        let new = notes::tags(key, &generation[..8], text).map_err(Error::Refused)?;
        self.tag(&mut state, &new, &old)
    }

    fn notes(&self) -> Result<Vec<(String, String)>> {
        let mut state = lock(&self.state);
        let notes = notes::read(&self.group(&mut state)?.tags).map_err(Error::Refused)?;
        Ok(notes.into_iter().collect())
    }

    fn drop_note(&self, key: &str) -> Result<()> {
        let mut state = lock(&self.state);
        let old = notes::of_key(&self.group(&mut state)?.tags, key);
        if old.is_empty() {
            return Ok(());
        }
        self.changeable()?;
        self.tag(&mut state, &[], &old)
    }
}

impl Group for VolumeGroup {
    fn settle(&self) {
        let mut state = lock(&self.state);
        if state.works == 0 {
            self.let_go(&mut state);
        }
    }

    fn begin(&self) {
        lock(&self.state).works += 1;
    }

    fn end(&self) {
        let mut state = lock(&self.state);
        state.works = state.works.saturating_sub(1);
        if state.works == 0 {
            state.listed = false;
            self.let_go(&mut state);
        }
    }

    fn remove_all(&self, names: &[String]) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        self.refuse_foreign(&mut state)?;
        for name in names {
            self.volume(&mut state, name)?;
            if VolumeGroup::in_use(&state, name) {
                return Err(Error::Refused(format!("{name} is in use")));
            }
        }
        for names in names.chunks(TOGETHER) {
            if let Err(e) = self.run(self.tools.remove(names)) {
                state.volumes = None;
                return Err(e);
            }
            for name in names {
                self.volumes(&mut state)?.remove(name);
                state.uses.remove(name);
                state.thawed.remove(name);
            }
        }
        Ok(())
    }

    fn hidden(&self) -> Result<BTreeSet<String>> {
        let mut state = lock(&self.state);
        let marked = self.volumes(&mut state)?.values().filter(|v| v.tags.iter().any(|t| t == HIDDEN));
        Ok(marked.map(|v| v.name.clone()).collect())
    }

    fn set_hidden(&self, name: &str, hidden: bool) -> Result<()> {
        let mut state = lock(&self.state);
        if self.volume(&mut state, name)?.tags.iter().any(|t| t == HIDDEN) == hidden {
            return Ok(());
        }
        self.changeable()?;
        self.alter(&mut state, name, self.tools.mark(name, HIDDEN, hidden), |volume| {
            volume.tags.retain(|t| t != HIDDEN);
            volume.tags.extend(hidden.then(|| HIDDEN.to_owned()));
        })
    }

    fn named(&self, uuid: &str, name: &str, description: &str) -> Result<()> {
        let mut state = lock(&self.state);
        let Some(known) = self.table(&mut state)?.get(uuid).cloned() else { return Ok(()) };
        let entry = Entry { name: name.into(), description: description.into(), ..known };
        self.tell(&mut state, |table| table.put(entry))
    }

    fn sr_named(&self, name: &str, description: &str) -> Result<()> {
        self.tell(&mut lock(&self.state), |table| Ok(table.call(name, description)))
    }

    fn usage(&self) -> Option<Result<SrStat>> {
        let mut state = lock(&self.state);
        state.group = None;
        Some(self.group(&mut state).map(|group| SrStat {
            physical_size: i64::try_from(group.size).unwrap_or(i64::MAX),
            physical_utilisation: i64::try_from(group.size.saturating_sub(group.free)).unwrap_or(i64::MAX),
        }))
    }

    fn sizes(&self) -> Result<BTreeMap<String, u64>> {
        let mut state = lock(&self.state);
        Ok(self.volumes(&mut state)?.values().map(|v| (v.name.clone(), v.size)).collect())
    }

    fn gather(&self, names: &[String]) -> Result<()> {
        self.reach(&mut lock(&self.state), names)
    }

    fn hold(&self, owner: &str, names: &[String]) -> Result<()> {
        let mut state = lock(&self.state);
        state.holds.insert(owner.to_owned(), names.iter().cloned().collect());
        self.reach(&mut state, names)
    }

    fn release(&self, owner: &str) {
        lock(&self.state).holds.remove(owner);
    }

    fn freeze(&self, name: &str) -> Result<()> {
        let mut state = lock(&self.state);
        state.thawed.remove(name);
        self.permit(&mut state, name, false)
    }

    fn is_thin(&self) -> bool {
        self.thin
    }

    fn known(&self, uuid: &str) -> Option<Entry> {
        let mut state = lock(&self.state);
        match self.table(&mut state) {
            Ok(table) => table.get(uuid).cloned(),
            Err(e) => {
                tracing::warn!(sr = self.sr, error = %e, "the metadata volume can't be read");
                None
            }
        }
    }

    fn note(&self, entry: Entry) -> Result<()> {
        self.tell(&mut lock(&self.state), |table| table.put(entry))
    }

    fn has_room(&self, more: usize) -> Result<bool> {
        Ok(self.table(&mut lock(&self.state))?.has_room(more))
    }

    fn agree(&self) -> Result<()> {
        self.agree_table()
    }
}
