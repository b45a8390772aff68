//! What is written down about an open disk, so that a daemon that starts again knows what its predecessor had open.
//! A record is a hint about processes: only one that runs counts. It lives in the runtime directory, which a reboot
//! empties together with the processes it tells of.

use crate::choice::Kind;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use xapi_backend::storage::DataPath;

/// Layout of records.
const VERSION: u32 = 1;

/// Which disk, and how it is to be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Its name here: plain, and short because sockets lie below it. The VDI's uuid is meant.
    pub id: String,
    /// The image: a file or a block device.
    pub image: PathBuf,
    /// What it is, in the words of `xennix-disk`: `raw`, `vhd`, `qcow2`.
    pub format: String,
    /// A plain file that must not grow.
    #[serde(default)]
    pub fixed: bool,
    /// A log that follows its changes.
    #[serde(default)]
    pub track: Option<PathBuf>,
    /// Give even a raw image a server, so that it can be paused.
    #[serde(default)]
    pub served: bool,
}

impl Spec {
    /// A disk of this name and image, its format told by the image's name.
    ///
    /// # Errors
    /// [`Error::Refused`] where that tells nothing.
    pub fn new(id: impl Into<String>, image: impl Into<PathBuf>) -> Result<Spec> {
        let image = image.into();
        let name = image.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let format = match xennix_disk::chain::Format::of_name(name) {
            Some(xennix_disk::chain::Format::Raw) => "raw",
            Some(xennix_disk::chain::Format::Vhd) => "vhd",
            Some(xennix_disk::chain::Format::Qcow2) => "qcow2",
            None => return Err(Error::Refused(format!("the name {name:?} does not tell its format"))),
        };
        let format = format.to_owned();
        Ok(Spec { id: id.into(), image, format, fixed: false, track: None, served: false })
    }

    /// May its bytes be handed over as they are?
    pub fn is_plain(&self) -> bool {
        self.format == "raw" && self.track.is_none() && !self.served
    }
}

/// Where an open disk is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its server is being started.
    Opening,
    /// In use; a server that dies is started again.
    Open,
    /// Its server holds no image; one that dies is started again only when it is to go on.
    Paused,
    /// On its way out; nothing is started again.
    Closing,
}

/// An open disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Layout of this file.
    version: u32,
    /// The boot of the system in which it was opened.
    #[serde(default)]
    boot: String,
    /// What was opened. The image is the one named last.
    pub spec: Spec,
    /// May it be written?
    pub writable: bool,
    /// By which way; nothing for bytes handed over as they are.
    pub kind: Option<Kind>,
    /// The kernel's number of its block device.
    pub device: Option<u32>,
    /// Where it can be reached.
    pub path: Option<DataPath>,
    /// How many opened it: more than one only for reading.
    pub holders: u32,
    /// Where it is in its life.
    pub phase: Phase,
    /// How often its server was started again.
    pub restarts: u32,
    /// Is what the guest uses bound to the server that runs? Not so between a server's start and its end.
    pub bound: bool,
}

impl Record {
    /// A disk that begins to be opened.
    pub(crate) fn new(spec: Spec, writable: bool, kind: Option<Kind>) -> Record {
        let phase = Phase::Opening;
        Record {
            version: VERSION,
            boot: boot(),
            spec,
            writable,
            kind,
            device: None,
            path: None,
            holders: 1,
            phase,
            restarts: 0,
            bound: false,
        }
    }

    /// Reads the record of the directory `dir`.
    pub(crate) fn load(dir: &Path) -> Result<Record> {
        let text = std::fs::read_to_string(dir.join("record"))?;
        let record: Record = serde_json::from_str(&text)
            .map_err(|e| Error::Refused(format!("the record in {} can't be read: {e}", dir.display())))?;
        if record.version != VERSION {
            return Err(Error::Refused(format!("record of version {} in {}", record.version, dir.display())));
        }
        Ok(record)
    }

    /// Was it opened before the system was started anew? Then nothing of it is left but this record.
    pub(crate) fn is_past(&self) -> bool {
        self.boot != boot()
    }

    /// Writes it, whole or not at all.
    pub(crate) fn save(&self, dir: &Path) -> Result<()> {
        let new = dir.join("record.new");
        let text = serde_json::to_string(self).map_err(std::io::Error::other)?;
        std::fs::write(&new, text + "\n")?;
        Ok(std::fs::rename(new, dir.join("record"))?)
    }
}

/// What tells this boot of the system from others; nothing where the system does not say.
fn boot() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// Refuses names that are no directory of their own below the runtime directory.
pub(crate) fn plain_id(id: &str) -> Result<&str> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if id.is_empty() || id.starts_with('.') || id.len() > 80 || !id.chars().all(good) {
        return Err(Error::Refused(format!("{id:?} is no name for an open disk")));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_file_and_nothing_else_is_taken_for_one() {
        let dir = tempfile::tempdir().expect("tempdir");
        let spec = Spec::new("a", "/sr/x.vhd").expect("spec");
        assert!(!spec.is_plain());
        let record = Record::new(spec, true, Some(Kind::Nbd));
        record.save(dir.path()).expect("save");
        assert_eq!(Record::load(dir.path()).expect("load"), record);
        assert!(!record.is_past());
        let old = Record { boot: "another".into(), ..record.clone() };
        assert!(old.is_past());
        std::fs::write(dir.path().join("record"), "{}").expect("write");
        assert!(Record::load(dir.path()).is_err());
        assert!(Spec::new("a", "/sr/plain").is_err());
        assert!(Spec::new("a", "/dev/VG_XenStorage-1/LV-2").expect("spec").is_plain());
    }

    #[test]
    fn names_stay_below_the_runtime_directory() {
        for bad in ["", ".", "..", "a/b", ".hidden", "a b", "ä"] {
            assert!(plain_id(bad).is_err(), "{bad:?}");
        }
        assert!(plain_id("2f457d43-7dad-5883-9c53-99cb787e60d0").is_ok());
    }
}
