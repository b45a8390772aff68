//! How large images are, and how they grow.

use xapi_schema::Result;
use xennix_disk::{
    chain::Format,
    file::{Access, BlockFile},
    vhd::{BLOCK_SIZE, MAX_VIRTUAL_SIZE, journal::Note, resize},
};

use super::Images;
use crate::{
    fail::{self, Doing},
    head::{self, Found},
    naming::Naming,
};

/// Smallest disk the original stack makes.
const SMALLEST: u64 = 2 << 20;
/// Largest qcow2 disk it makes.
const LARGEST_QCOW2: u64 = 16_381 << 30;

impl Images {
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

    /// Has an image been left in the middle of becoming larger?
    ///
    /// # Errors
    /// As [`Images::find`]; the system's error.
    pub fn is_growing(&self, uuid: &str) -> Result<bool> {
        let name = self.find(uuid)?.name;
        let notes = self.volumes.notes().map_err(|e| Doing::Load.disk(&e))?;
        let grows = |text: &str| matches!(serde_json::from_str(text), Ok(Note::Growing { image, .. }) if image == name);
        Ok(notes.iter().any(|(_, text)| grows(text)))
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
        if self.naming == Naming::Files {
            let file = self.volumes.open(&found.name, Access::Write)?;
            file.set_size(size)?;
            return Ok(file.flush()?);
        }
        // A raw volume is as large as what it lies in, so whoever looks sees the new end before all up to there is zero:
        // until it is, a note has it made small again.
        let key = uuid::Uuid::new_v4().to_string();
        let note = Note::Growing { image: found.name.clone(), bytes: found.size };
        self.volumes.put_note(&key, &serde_json::to_string(&note).map_err(std::io::Error::other)?)?;
        self.volumes.ensure_size(&found.name, size)?;
        let file = self.volumes.open(&found.name, Access::Write)?;
        zero(&*file, found.size)?;
        drop(file);
        self.volumes.drop_note(&key)
    }
}

/// Makes all of a volume zero from a place to its end, durably.
pub(super) fn zero(file: &dyn BlockFile, from: u64) -> xennix_disk::Result<()> {
    let (mut at, end) = (from, file.size()?);
    let zeros = vec![0; 4 << 20];
    while at < end {
        let n = (end - at).min(zeros.len() as u64);
        file.write_at(at, &zeros[..n as usize])?;
        at += n;
    }
    Ok(file.flush()?)
}

/// A size by the rules of the format.
///
/// # Errors
/// SR_BACKEND_FAILURE_79.
pub fn rounded(format: Format, size: i64) -> Result<u64> {
    let asked = u64::try_from(size).map_err(|_| fail::bad_size(&format!("{size} bytes")))?;
    let (largest, what) = match format {
        Format::Vhd => (MAX_VIRTUAL_SIZE, "a VHD"),
        Format::Qcow2 => (LARGEST_QCOW2, "a qcow2"),
        Format::Raw => (i64::MAX as u64 / 2, "a raw disk"),
    };
    if asked > largest {
        let most = largest >> 30;
        return Err(fail::bad_size(&format!("{size} bytes: {what} has at most {most} GiB")));
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
