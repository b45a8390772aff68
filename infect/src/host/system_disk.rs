//! The disk the host starts from: its table, what lies in each partition, and volume groups found there. Partitions are
//! told by label and kind, never by number alone.

use super::gpt::{self, Gpt, Partition, Table, kind};
use super::lvm::{self, Group};
use super::malformed::{Malformed, Result};
use super::medium::{Medium, Slice};
use super::superblock::{self, Content};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A disk with a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SystemDisk {
    /// Name it was given by.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Its table.
    pub table: Table,
    /// What lies in partitions, by number.
    pub contents: BTreeMap<u32, Content>,
    /// Volume groups by the number of the partition that carries their text.
    pub groups: BTreeMap<u32, Group>,
    /// What of it can't be read.
    pub problems: Vec<Malformed>,
}

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The running system.
    Root,
    /// The vendor's backup of the one before.
    Backup,
    /// Local storage.
    Storage,
    /// EFI system partition.
    Esp,
    /// GRUB's core.
    BiosBoot,
    /// Logs.
    Logs,
    /// Swap.
    Swap,
}

/// Reads a disk.
///
/// # Errors
/// When not even the table can be read.
pub fn read(name: &str, medium: &Arc<dyn Medium>) -> Result<SystemDisk> {
    let table = gpt::read(name, medium.as_ref())?;
    let mut out = SystemDisk {
        name: name.to_owned(),
        size: medium.size(),
        table,
        contents: BTreeMap::new(),
        groups: BTreeMap::new(),
        problems: Vec::new(),
    };
    let Table::Gpt(gpt) = &out.table else { return Ok(out) };
    for one in &gpt.partitions {
        let slice = Slice::new(Arc::clone(medium), one.start, one.size);
        let here = format!("{name}, partition {}", one.number);
        match superblock::identify(&slice) {
            Ok(Some(content)) => {
                if content.kind == "lvm" {
                    let group = lvm::label(&here, &slice).and_then(|label| {
                        let text = label.and_then(|label| label.text);
                        text.map(|text| lvm::group(&here, &text)).transpose()
                    });
                    match group {
                        Ok(Some(group)) => drop(out.groups.insert(one.number, group)),
                        Ok(None) => {}
                        Err(e) => out.problems.push(e),
                    }
                }
                out.contents.insert(one.number, content);
            }
            Ok(None) => {}
            Err(e) => out.problems.push(Malformed::at(&here, 0, "a readable partition", &e.to_string())),
        }
    }
    Ok(out)
}

impl SystemDisk {
    /// Its table, where it is the newer kind.
    pub fn gpt(&self) -> Option<&Gpt> {
        match &self.table {
            Table::Gpt(gpt) => Some(gpt),
            _ => None,
        }
    }

    /// The partition for something.
    pub fn part(&self, part: Part) -> Option<&Partition> {
        let gpt = self.gpt()?;
        let labelled = |prefix: &str| {
            gpt.partitions.iter().find(|one| {
                self.contents.get(&one.number).is_some_and(|content| content.label.starts_with(prefix))
            })
        };
        let of_kind = |kind: &str| gpt.partitions.iter().find(|one| one.kind == kind);
        match part {
            Part::Root => labelled("root-"),
            Part::Logs => labelled("logs-"),
            Part::Swap => labelled("swap-").or_else(|| of_kind(kind::SWAP)),
            Part::Esp => of_kind(kind::ESP),
            Part::BiosBoot => of_kind(kind::BIOS_BOOT),
            Part::Storage => of_kind(kind::LVM),
            // The one after root, of root's kind, that is none of the others.
            Part::Backup => {
                let root = labelled("root-")?;
                gpt.partition(root.number + 1)
                    .filter(|one| one.kind == kind::BASIC && labelled("logs-") != Some(*one))
            }
        }
    }
}
