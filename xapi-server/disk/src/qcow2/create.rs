//! Makes empty qcow2 images, alone or over another image, with room for the mark of an inner node.

use super::header::Header;
use crate::convert::empty_qcow2;
use crate::error::Result;
use crate::file::BlockFile;
use crate::volumes::{Volumes, plain_name};

/// What a new image stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backing {
    /// Its name in the same place.
    pub name: String,
    /// It is a raw image.
    pub raw: bool,
}

/// Makes an image of `size` bytes that reads as zeros, or as what it stands on. Durable on return.
///
/// # Errors
/// [`crate::Error::Refused`] for sizes and names the format can't hold; the system's error, then the name may be taken.
pub fn create(volumes: &dyn Volumes, name: &str, size: u64, backing: Option<&Backing>) -> Result<()> {
    if let Some(backing) = backing {
        plain_name(&backing.name)?;
    }
    let mut bytes = Vec::new();
    empty_qcow2(size, backing, &mut bytes)?;
    let file = volumes.create(name, bytes.len() as u64)?;
    file.write_at(0, &bytes)?;
    file.flush()?;
    volumes.sync()
}

/// Holds an image nothing of its own: does every sector read as what it stands on, or as zeros? In doubt it does not.
///
/// # Errors
/// As [`Header::read`].
pub fn is_empty(file: &dyn BlockFile) -> Result<bool> {
    Header::read(file)?;
    let tables = super::tables::Tables::read(file, true)?;
    Ok(tables.snapshots == 0 && tables.l1.iter().all(|entry| *entry == 0))
}
