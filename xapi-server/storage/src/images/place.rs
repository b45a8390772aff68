//! What images lie in, whatever it is: everything the layouts differ in beyond names.

use std::collections::{BTreeMap, BTreeSet};

use xapi_backend::storage::SrStat;
use xennix_disk::volumes::Volumes;

use crate::lvm::mgt::Entry;

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
    /// Notes what people call the repository, where the place keeps that.
    ///
    /// # Errors
    /// The system's error.
    fn sr_named(&self, _name: &str, _description: &str) -> xennix_disk::Result<()> {
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
