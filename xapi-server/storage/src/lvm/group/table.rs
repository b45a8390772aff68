//! How a group keeps its metadata volume: read once, written a sector after the other, brought in line with the volumes
//! there are. What its bytes mean is [`mgt`]'s; never written while the SR is guarded.

use std::{collections::BTreeMap, collections::BTreeSet, io};

use xennix_disk::{Error, Result, chain::Format, file::Access};

use super::{
    super::{
        MGT,
        mgt::{self, Entry, SrInfo, Table},
    },
    LOG, State, VolumeGroup,
};
use crate::{naming::Naming, repository::lock};

impl VolumeGroup {
    /// Makes the metadata volume of a new group.
    ///
    /// # Errors
    /// What the tools and the device say.
    pub fn found(&self) -> Result<()> {
        let allocation = if self.thin { "thin" } else { "thick" };
        let sr = SrInfo { uuid: self.sr.clone(), allocation: allocation.into(), ..SrInfo::default() };
        let mut state = lock(&self.state);
        let made = self.write_table(&mut state, &Table::new(sr));
        self.let_go(&mut state);
        made
    }

    /// The metadata volume as it is; made anew from nothing where it can't be read.
    pub(super) fn table<'a>(&self, state: &'a mut State) -> Result<&'a mut Table> {
        if state.table.is_none() {
            let table = match self.read_table(state) {
                Ok(table) => table,
                Err(Error::Io(e)) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
                Err(e) => {
                    tracing::warn!(sr = self.sr, error = %e, "the metadata volume is written anew");
                    let allocation = if self.thin { "thin" } else { "thick" };
                    let sr =
                        SrInfo { uuid: self.sr.clone(), allocation: allocation.into(), ..SrInfo::default() };
                    let table = Table::new(sr);
                    if !self.policies.sr(&self.sr).guarded {
                        self.write_table(state, &table)?;
                    }
                    table
                }
            };
            state.table = Some(table);
        }
        state.table.as_mut().ok_or_else(|| io::Error::other("no table").into())
    }

    fn read_table(&self, state: &mut State) -> Result<Table> {
        let file = self.open_in(state, MGT, Access::Read)?;
        let mut bytes = vec![0; mgt::SECTOR];
        file.read_at(0, &mut bytes)?;
        let wrong = |e: mgt::Malformed| Error::Refused(e.to_string());
        let used = mgt::length(&bytes).map_err(wrong)?.min(file.size()? as usize);
        bytes.resize(used, 0);
        file.read_at(0, &mut bytes)?;
        Table::parse(&bytes).map_err(wrong)
    }

    /// Writes all of it; the first sector, which makes it one, goes last.
    fn write_table(&self, state: &mut State, table: &Table) -> Result<()> {
        self.changeable()?;
        if !self.volumes(state)?.contains_key(MGT) {
            self.make(state, MGT, mgt::SIZE)?;
        }
        let file = self.open_in(state, MGT, Access::Write)?;
        let bytes = table.whole();
        file.write_at(mgt::SECTOR as u64, &bytes[mgt::SECTOR..])?;
        file.flush()?;
        file.write_at(0, &bytes[..mgt::SECTOR])?;
        Ok(file.flush()?)
    }

    /// Changes what the metadata volume says, a sector after the other.
    pub(super) fn tell(
        &self,
        state: &mut State,
        change: impl FnOnce(&mut Table) -> std::result::Result<Vec<mgt::Write>, mgt::Full>,
    ) -> Result<()> {
        self.changeable()?;
        let full = |e: mgt::Full| io::Error::new(io::ErrorKind::StorageFull, e.to_string());
        let writes = change(self.table(state)?).map_err(full)?;
        if writes.is_empty() {
            return Ok(());
        }
        let written = self.open_in(state, MGT, Access::Write).and_then(|file| {
            for write in &writes {
                file.write_at(write.offset, &write.bytes)?;
                file.flush()?;
            }
            Ok(())
        });
        if written.is_err() {
            // What is there now, the volume itself has to say.
            state.table = None;
        }
        written
    }

    /// Brings it in line with the volumes there are.
    pub(super) fn agree_table(&self) -> Result<()> {
        self.changeable()?;
        let mut state = lock(&self.state);
        let mut there = BTreeMap::new();
        let names: Vec<String> = self.volumes(&mut state)?.keys().cloned().collect();
        for name in &names {
            // What is left of a snapshot whose bytes were given up is called as before.
            if let Some(uuid) = name.strip_suffix(LOG)
                && let Some(known) = self.table(&mut state)?.get(uuid).cloned()
            {
                there.entry(uuid.to_owned()).or_insert(known);
            }
            if let Some((uuid, format)) = Naming::Volumes.parse(name) {
                let mut entry = unknown(uuid, format);
                if self.table(&mut state)?.get(uuid).is_none() && self.is_node(&mut state, name)? {
                    entry = Entry { name: "base copy".into(), managed: false, read_only: true, ..entry };
                }
                there.insert(uuid.to_owned(), entry);
            }
        }
        self.tell(&mut state, |table| table.agree(&there))?;
        // Inner nodes that a cut left writable; what is open for a merge waits for its end.
        let nodes: BTreeSet<String> =
            self.table(&mut state)?.entries().filter(|e| !e.managed).map(|e| e.uuid.clone()).collect();
        let volumes = self.volumes(&mut state)?.values().filter(|v| v.writable);
        let open: Vec<String> = volumes
            .filter(|v| Naming::Volumes.parse(&v.name).is_some_and(|(uuid, _)| nodes.contains(uuid)))
            .map(|v| v.name.clone())
            .collect();
        state.thawed.extend(open);
        Ok(())
    }
}

/// What to say of a volume that nobody said anything of.
fn unknown(uuid: &str, format: Format) -> Entry {
    let vdi_type = match format {
        Format::Vhd => "vhd",
        Format::Raw => "aio",
        Format::Qcow2 => "qcow2",
    };
    Entry {
        uuid: uuid.into(),
        kind: "user".into(),
        vdi_type: vdi_type.into(),
        managed: true,
        snapshot_time: "19700101T00:00:00Z".into(),
        ..Entry::default()
    }
}
