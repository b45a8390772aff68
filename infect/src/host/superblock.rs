//! What lies in a partition, told by its own marks: file systems, swap, physical volumes, members of arrays.

use super::medium::{Medium, u32_at, u64_at};
use serde::Serialize;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Content {
    /// `ext3`, `ext4`, `vfat`, `xfs`, `swap`, `lvm`, `md`.
    pub kind: String,
    /// Its label.
    pub label: String,
    /// Its UUID as the tools of such file systems write it.
    pub uuid: String,
}

fn cut(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim_end().to_owned()
}

fn uuid_of(bytes: &[u8]) -> String {
    <[u8; 16]>::try_from(bytes).map(|b| uuid::Uuid::from_bytes(b).to_string()).unwrap_or_default()
}

const MD_MAGIC: u32 = 0xa92b_4efc;

/// Looks at the marks; `None` when none is known.
///
/// # Errors
/// The system's error.
pub fn identify(medium: &dyn Medium) -> std::io::Result<Option<Content>> {
    let size = medium.size();
    let start = medium.bytes(0, size.min(8192) as usize)?;
    // Arrays with their mark at the end look like plain disks otherwise: they come first.
    if size >= 16 * 1024 {
        let at = ((size / 512).saturating_sub(16) & !7) * 512;
        let last = medium.bytes(at, 256)?;
        if u32_at(&last, 0) == MD_MAGIC && u32_at(&last, 4) == 1 {
            return Ok(Some(Content {
                kind: "md".into(),
                label: cut(&last[32..64]),
                uuid: uuid_of(&last[16..32]),
            }));
        }
    }
    let part = |from: usize, to: usize| start.get(from..to).unwrap_or(&[]);
    let found = |kind: &str, label: String, uuid: String| Some(Content { kind: kind.into(), label, uuid });
    for at in [0usize, 4096] {
        if u32_at(&start, at) == MD_MAGIC {
            return Ok(found("md", cut(part(at + 32, at + 64)), uuid_of(part(at + 16, at + 32))));
        }
    }
    for sector in 0..4 {
        let at = sector * 512;
        if part(at, at + 8) == b"LABELONE" && part(at + 24, at + 32) == b"LVM2 001" {
            let header = at + u32_at(&start, at + 20) as usize;
            return Ok(found(
                "lvm",
                String::new(),
                String::from_utf8_lossy(part(header, header + 32)).into_owned(),
            ));
        }
    }
    if part(1024 + 56, 1024 + 58) == [0x53, 0xef] {
        let (compatible, incompatible, read_only) =
            (u32_at(&start, 1024 + 92), u32_at(&start, 1024 + 96), u32_at(&start, 1024 + 100));
        // What ext3 does not know: extents, 64 bit, flexible groups; huge files, checksums.
        let newer = incompatible & !0x16 != 0 || read_only & !0x7 != 0;
        let kind = if newer {
            "ext4"
        } else if compatible & 4 != 0 {
            "ext3"
        } else {
            "ext2"
        };
        return Ok(found(kind, cut(part(1024 + 120, 1024 + 136)), uuid_of(part(1024 + 104, 1024 + 120))));
    }
    if part(0, 4) == b"XFSB" {
        return Ok(found("xfs", cut(part(108, 120)), uuid_of(part(32, 48))));
    }
    if part(4086, 4096) == b"SWAPSPACE2" {
        return Ok(found("swap", cut(part(1052, 1068)), uuid_of(part(1036, 1052))));
    }
    if part(510, 512) == [0x55, 0xaa] {
        for (mark, id, label) in [(82, 67, 71), (54, 39, 43)] {
            if part(mark, mark + 3) == b"FAT" {
                let serial = u32_at(&start, id);
                let name = cut(part(label, label + 11));
                let name = if name == "NO NAME" { String::new() } else { name };
                return Ok(found("vfat", name, format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff)));
            }
        }
    }
    Ok(None)
}

/// Size of an ext file system as its own superblock says, for checks of a table of partitions.
pub fn ext_size(start: &[u8]) -> u64 {
    let blocks = u64::from(u32_at(start, 1024 + 4));
    let high =
        if u32_at(start, 1024 + 96) & 0x80 != 0 { u64_at(start, 1024 + 0x150) & 0xffff_ffff } else { 0 };
    (blocks | high << 32).saturating_mul(1024u64.checked_shl(u32_at(start, 1024 + 24)).unwrap_or(0))
}
