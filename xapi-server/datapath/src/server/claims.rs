//! Images claimed for servers that claim none themselves. Every writer of ours claims the image it writes and refuses
//! one that is claimed; for a foreign server this process holds the claim, from before it opens an image until it has
//! closed it. Between the end of one daemon and the start of the next nothing but the record tells.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use xennix_disk::file::{Access, BlockFile, OsFile};

/// The claims of this process, by disk.
#[derive(Default)]
pub(crate) struct Claims(Mutex<BTreeMap<String, (PathBuf, OsFile)>>);

impl Claims {
    /// Claims the image of a disk, and lets go of the one it had.
    ///
    /// # Errors
    /// [`Error::Refused`] when somebody else has it; the system's error.
    pub(crate) fn take(&self, id: &str, image: &Path) -> Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(id).is_some_and(|(path, _)| path == image) {
            return Ok(());
        }
        held.remove(id);
        // Where locks are the server's, they need a file that is open for writing.
        let file = OsFile::open(image, Access::Write, false)?;
        if !file.claim()? {
            return Err(Error::Refused(format!("{} is open for writing elsewhere", image.display())));
        }
        held.insert(id.to_owned(), (image.to_owned(), file));
        Ok(())
    }

    /// Lets go of what a disk has.
    pub(crate) fn release(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
