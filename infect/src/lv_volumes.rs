//! Images in the logical volumes of a group, read through the group's own text: no device mapper, nothing activated.
//! Whatever would change something is refused.

use crate::host::lvm::{Group, LogicalMedium};
use crate::host::medium::Medium;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use xennix_disk::file::{Access, BlockFile};
use xennix_disk::volumes::Volumes;
use xennix_disk::{Error, Result};

/// A group on one physical volume.
pub struct GroupVolumes {
    group: Group,
    physical: BTreeMap<String, Arc<dyn Medium>>,
}

impl GroupVolumes {
    /// Of a group whose only physical volume is this one; with several, volumes on the others can't be opened.
    pub fn new(group: Group, medium: Arc<dyn Medium>) -> GroupVolumes {
        let mut names = group.physical.keys().cloned();
        let physical = match (names.next(), names.next()) {
            (Some(only), None) => BTreeMap::from([(only, medium)]),
            _ => BTreeMap::new(),
        };
        GroupVolumes { group, physical }
    }
}

fn refused<T>() -> Result<T> {
    Err(Error::ReadOnly)
}

impl Volumes for GroupVolumes {
    fn list(&self) -> Result<Vec<String>> {
        Ok(self.group.logical.keys().cloned().collect())
    }

    fn exists(&self, name: &str) -> Result<bool> {
        Ok(self.group.logical.contains_key(name))
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn BlockFile>> {
        if access != Access::Read {
            return refused();
        }
        let volume = self.group.logical.get(name).ok_or_else(|| Error::Io(io::ErrorKind::NotFound.into()))?;
        let medium = LogicalMedium::new(&self.group, volume, &self.physical).map_err(Error::Unsupported)?;
        Ok(Arc::new(Volume(medium)))
    }

    fn create(&self, _: &str, _: u64) -> Result<Arc<dyn BlockFile>> {
        refused()
    }

    fn ensure_size(&self, _: &str, _: u64) -> Result<()> {
        refused()
    }

    fn rename(&self, _: &str, _: &str) -> Result<()> {
        refused()
    }

    fn remove(&self, _: &str) -> Result<()> {
        refused()
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }

    fn put_note(&self, _: &str, _: &str) -> Result<()> {
        refused()
    }

    fn notes(&self) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn drop_note(&self, _: &str) -> Result<()> {
        refused()
    }
}

struct Volume(LogicalMedium);

fn read_only<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl BlockFile for Volume {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, into)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> io::Result<()> {
        read_only()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.size())
    }

    fn set_size(&self, _: u64) -> io::Result<()> {
        read_only()
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    fn is_fixed(&self) -> bool {
        true
    }
}
