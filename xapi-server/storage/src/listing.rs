//! SRs that are lists of what is there anyway: ISO images in a directory, drives of the machine, nothing at all.
//! Never writes an image.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom},
    os::unix::fs::{FileExt, FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;
use xapi_backend::storage::{SrStat, Volume};
use xapi_schema::Result;

use crate::fail::{self, Doing};

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Image files whose names end in .iso or .img.
    Isos,
    /// The same, guest tools among them named as the original stack does.
    Tools,
    /// Optical drives: read-only.
    Drives,
    /// Removable disks.
    Disks,
}

/// A listed directory.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The SR.
    pub sr: String,
    /// What is listed.
    pub kind: Kind,
    /// Where.
    pub dir: PathBuf,
}

impl Listing {
    /// Everything there, in order of name. A directory that is not there is empty: a host without drives.
    ///
    /// # Errors
    /// SR_BACKEND_FAILURE_40.
    pub fn scan(&self) -> Result<Vec<Volume>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(e) => return Err(Doing::Scan.io(&e)),
        };
        let mut names = Vec::new();
        for entry in entries {
            match entry.map_err(|e| Doing::Scan.io(&e))?.file_name().into_string() {
                Ok(name) => names.push(name),
                Err(name) => tracing::warn!(sr = self.sr, ?name, "ignored: its name is not UTF-8"),
            }
        }
        names.sort();
        Ok(names.iter().filter_map(|name| self.volume(name)).collect())
    }

    /// The volume of that name, if it is one.
    fn volume(&self, name: &str) -> Option<Volume> {
        let path = self.dir.join(name);
        let metadata = fs::metadata(&path).ok()?;
        let block = metadata.file_type().is_block_device();
        let images = matches!(self.kind, Kind::Isos | Kind::Tools);
        let lower = name.to_lowercase();
        let fits = if images {
            metadata.is_file() && (lower.ends_with(".iso") || lower.ends_with(".img"))
        } else {
            block
        };
        if !fits {
            return None;
        }
        // An empty drive has no size.
        let size = if block { device_size(&path).unwrap_or(0) } else { metadata.len() };
        let location = if images { name.to_owned() } else { path.to_string_lossy().into_owned() };
        let tools =
            self.kind == Kind::Tools && (lower.starts_with("xs-tools") || lower.starts_with("guest-tools"));
        let sm_config = if tools { vec![("xs-tools".to_string(), "true".to_string())] } else { vec![] };
        Some(Volume {
            uuid: stable_uuid(&self.sr, &location),
            name: if tools { "guest-tools.iso".into() } else { name.to_owned() },
            location,
            description: String::new(),
            virtual_size: i64::try_from(size).unwrap_or(i64::MAX),
            physical_utilisation: i64::try_from(size).unwrap_or(i64::MAX),
            kind: "user".into(),
            read_only: self.kind != Kind::Disks,
            hidden: false,
            snapshot_of: None,
            sm_config,
            cbt_enabled: false,
        })
    }

    /// One volume by its location.
    ///
    /// # Errors
    /// VDI_MISSING [sr, vdi].
    pub fn find(&self, location: &str) -> Result<(Volume, PathBuf)> {
        let missing = || fail::missing(&self.sr, location);
        let name = match self.kind {
            Kind::Isos | Kind::Tools => location,
            Kind::Drives | Kind::Disks => {
                let path = Path::new(location);
                if path.parent() != Some(&self.dir) {
                    return Err(missing());
                }
                path.file_name().and_then(|n| n.to_str()).ok_or_else(missing)?
            }
        };
        if name.is_empty() || name == ".." || name.contains(['/', '\0']) {
            return Err(missing());
        }
        let volume = self.volume(name).ok_or_else(missing)?;
        Ok((volume, self.dir.join(name)))
    }

    /// How full it is: the file system for images, the sum of the drives else.
    ///
    /// # Errors
    /// The system's error.
    pub fn stat(&self) -> Result<SrStat> {
        if matches!(self.kind, Kind::Isos | Kind::Tools) && self.dir.is_dir() {
            return usage(&self.dir);
        }
        let all = self.scan()?.iter().map(|v| v.virtual_size).sum();
        Ok(SrStat { physical_size: all, physical_utilisation: all })
    }
}

/// How full the file system of a directory is.
///
/// # Errors
/// The system's error.
pub fn usage(dir: &Path) -> Result<SrStat> {
    let told = statvfs(dir).map_err(|e| Doing::Other.io(&e.into()))?;
    let unit = told.fragment_size() as u64;
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(unit)).unwrap_or(i64::MAX);
    let (all, free) = (told.blocks() as u64, told.blocks_free() as u64);
    Ok(SrStat { physical_size: bytes(all), physical_utilisation: bytes(all.saturating_sub(free)) })
}

/// Bytes of a block device.
///
/// # Errors
/// The device's error.
pub fn device_size(path: &Path) -> std::io::Result<u64> {
    File::open(path)?.seek(SeekFrom::End(0))
}

/// Some bytes of an image or device. An image whose last sector is not whole reads as if that were filled up with zeros.
///
/// # Errors
/// The system's error; the end came before that.
pub fn read(path: &Path, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = vec![0; length];
    let metadata = file.metadata()?;
    let mut there = length;
    if metadata.is_file() {
        let end = offset.saturating_add(length as u64);
        if end > metadata.len().next_multiple_of(512) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        there = metadata.len().saturating_sub(offset).min(length as u64) as usize;
    }
    file.read_exact_at(&mut bytes[..there], offset)?;
    Ok(bytes)
}

/// Do two paths name the same file?
pub fn same_file(a: &Path, b: &Path) -> bool {
    match (fs::metadata(a), fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}

/// A uuid that a file without one gets at every scan.
fn stable_uuid(sr: &str, location: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{sr}\0{location}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_are_listed_and_nothing_outside_is_found() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.ISO", "a.img", "notes.txt", "xs-tools-8.iso"] {
            fs::write(dir.path().join(name), [0; 1024]).unwrap();
        }
        fs::create_dir(dir.path().join("dir.iso")).unwrap();
        let list = Listing { sr: "s".into(), kind: Kind::Tools, dir: dir.path().into() };
        let found = list.scan().unwrap();
        let names: Vec<&str> = found.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(names, ["a.img", "b.ISO", "guest-tools.iso"]);
        assert!(found.iter().all(|v| v.read_only && v.virtual_size == 1024));
        assert_eq!(list.scan().unwrap(), found, "uuids stay");
        for outside in ["../a.img", "/etc/passwd", "", "..", "notes.txt"] {
            assert_eq!(list.find(outside).unwrap_err().code, "VDI_MISSING");
        }
    }
}
