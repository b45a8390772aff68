//! The table of partitions of a disk or an image. Both copies are checked; a disk with only the older kind of table is
//! told apart. Never repairs.

use super::malformed::{Malformed, Result};
use super::medium::{Medium, u32_at, u64_at};
use serde::Serialize;

/// Kinds of partitions the installer makes.
pub mod kind {
    /// Root, backup and logs.
    pub const BASIC: &str = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7";
    /// EFI system partition.
    pub const ESP: &str = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
    /// Where GRUB's core lies on BIOS hosts.
    pub const BIOS_BOOT: &str = "21686148-6449-6e6f-744e-656564454649";
    /// Physical volume.
    pub const LVM: &str = "e6d6d379-f507-44c2-a23c-238f2a3df928";
    /// Swap.
    pub const SWAP: &str = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f";
}

/// What the start of a disk says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// GPT.
    Gpt(Gpt),
    /// Only an MBR.
    Dos,
    /// None.
    None,
}

/// A GPT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gpt {
    /// The disk's GUID.
    pub guid: String,
    /// Bytes of a sector.
    pub sector: u64,
    /// Which copy was read.
    pub from_backup: bool,
    /// Is the other copy the same?
    pub copies_agree: bool,
    /// Partitions by number.
    pub partitions: Vec<Partition>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its number, from 1.
    pub number: u32,
    /// GUID of its kind.
    pub kind: String,
    /// Its own GUID.
    pub guid: String,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// Its name.
    pub name: String,
}

impl Gpt {
    /// A partition by number.
    pub fn partition(&self, number: u32) -> Option<&Partition> {
        self.partitions.iter().find(|one| one.number == number)
    }
}

/// A GUID as text, from its mixed-endian bytes.
fn guid(b: &[u8]) -> String {
    let b: [u8; 16] = b.try_into().unwrap_or([0; 16]);
    uuid::Uuid::from_bytes_le(b).to_string()
}

struct Copy {
    guid: String,
    partitions: Vec<Partition>,
}

/// Reads the table.
///
/// # Errors
/// A disk that can't be read, and a GPT of which no copy is whole.
pub fn read(name: &str, medium: &dyn Medium) -> Result<Table> {
    let failed = |e: std::io::Error| Malformed::at(name, 0, "a readable disk", &e.to_string());
    if medium.size() < 1024 {
        return Ok(Table::None);
    }
    let mbr = medium.bytes(0, 512).map_err(failed)?;
    let signed = mbr[510..] == [0x55, 0xaa];
    let protective = signed && (0..4).any(|i| mbr[446 + 16 * i + 4] == 0xee);
    let mut problem = None;
    for sector in [512u64, 4096] {
        if medium.size() < 34 * sector {
            continue;
        }
        let start = medium.bytes(sector, 8).map_err(failed)?;
        let last = medium.size() / sector - 1;
        let primary = copy(name, medium, sector, 1);
        let backup = copy(name, medium, sector, last);
        match (primary, backup) {
            (Ok(primary), backup) => {
                let copies_agree =
                    backup.is_ok_and(|b| b.guid == primary.guid && b.partitions == primary.partitions);
                return Ok(Table::Gpt(Gpt {
                    guid: primary.guid,
                    sector,
                    from_backup: false,
                    copies_agree,
                    partitions: primary.partitions,
                }));
            }
            (Err(_), Ok(backup)) => {
                return Ok(Table::Gpt(Gpt {
                    guid: backup.guid,
                    sector,
                    from_backup: true,
                    copies_agree: false,
                    partitions: backup.partitions,
                }));
            }
            (Err(e), Err(_)) => {
                if start == b"EFI PART" || problem.is_none() {
                    problem = Some(e);
                }
            }
        }
    }
    if protective {
        return Err(
            problem.unwrap_or_else(|| Malformed::at(name, 0, "a GPT behind the protective MBR", "none"))
        );
    }
    let used = (0..4).any(|i| mbr[446 + 16 * i + 4] != 0);
    Ok(if signed && used { Table::Dos } else { Table::None })
}

/// As many entries as any table has.
const MOST_ENTRIES: u32 = 1024;

fn copy(name: &str, medium: &dyn Medium, sector: u64, lba: u64) -> Result<Copy> {
    let wrong =
        |expected: &str, found: &str| Malformed::at(name, 0, format!("{expected} at sector {lba}"), found);
    let failed = |e: std::io::Error| Malformed::at(name, 0, "a readable disk", &e.to_string());
    let header = medium.bytes(lba * sector, 512).map_err(failed)?;
    if &header[..8] != b"EFI PART" {
        return Err(wrong("a GPT header", "something else"));
    }
    let length = u32_at(&header, 12) as usize;
    if !(92..=512).contains(&length) {
        return Err(wrong("a GPT header of 92 to 512 bytes", &length.to_string()));
    }
    let mut summed = header[..length].to_vec();
    summed[16..20].fill(0);
    if crc32fast::hash(&summed) != u32_at(&header, 16) {
        return Err(wrong("a GPT header with a right checksum", "a wrong one"));
    }
    if u64_at(&header, 24) != lba {
        return Err(wrong("a GPT header that says so", &format!("sector {}", u64_at(&header, 24))));
    }
    let (first, count, size) = (u64_at(&header, 72), u32_at(&header, 80), u32_at(&header, 84));
    if count > MOST_ENTRIES || !(128..=4096).contains(&size) {
        return Err(wrong("a sane number of GPT entries", &format!("{count} of {size} bytes")));
    }
    let at =
        first.checked_mul(sector).ok_or_else(|| wrong("entries on the disk", "an offset past every disk"))?;
    let entries = medium.bytes(at, (count * size) as usize).map_err(failed)?;
    if crc32fast::hash(&entries) != u32_at(&header, 88) {
        return Err(wrong("GPT entries with a right checksum", "a wrong one"));
    }
    let mut partitions = Vec::new();
    for (index, entry) in entries.chunks_exact(size as usize).enumerate() {
        if entry[..16].iter().all(|b| *b == 0) {
            continue;
        }
        let (from, to) = (u64_at(entry, 32), u64_at(entry, 40));
        if to < from || to >= medium.size() / sector {
            return Err(wrong(
                "partitions inside the disk",
                &format!("partition {} from {from} to {to}", index + 1),
            ));
        }
        let name: Vec<u16> = entry[56..128]
            .chunks_exact(2)
            .map(|c| u16::from_le_bytes([c[0], c[1]]))
            .take_while(|c| *c != 0)
            .collect();
        partitions.push(Partition {
            number: index as u32 + 1,
            kind: guid(&entry[..16]),
            guid: guid(&entry[16..32]),
            start: from * sector,
            size: (to - from + 1) * sector,
            name: String::from_utf16_lossy(&name),
        });
    }
    Ok(Copy { guid: guid(&header[56..72]), partitions })
}
