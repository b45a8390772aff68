//! A volume group and what it consists of, from its text.

use std::collections::BTreeMap;

use serde::Serialize;

use super::text::{Parser, Value, number, sections, text_of, texts};
use crate::host::malformed::{Malformed, Result};

/// A volume group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub id: String,
    /// Number of its last change.
    pub seqno: u64,
    /// Bytes of an extent.
    pub extent: u64,
    /// Physical volumes by their name in the text.
    pub physical: BTreeMap<String, Physical>,
    /// Logical volumes by name.
    pub logical: BTreeMap<String, Logical>,
}

/// A physical volume of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Physical {
    /// Its identity.
    pub id: String,
    /// Where it was last seen.
    pub device: String,
    /// First byte of its extents.
    pub start: u64,
    /// How many extents.
    pub extents: u64,
}

/// A logical volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Logical {
    /// Its identity.
    pub id: String,
    /// Bytes.
    pub size: u64,
    /// Is it visible?
    pub visible: bool,
    /// May it be written?
    pub writable: bool,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it lies.
    pub segments: Vec<Segment>,
}

/// A piece of a logical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// First extent in the volume.
    pub start: u64,
    /// How many.
    pub count: u64,
    /// `striped` for plain ones.
    pub kind: String,
    /// Bytes of a stripe, 0 where there is one.
    pub stripe: u64,
    /// Physical volume and first extent in it.
    pub stripes: Vec<(String, u64)>,
}

/// Reads the text of a group, as on the disk or in a backup file.
///
/// # Errors
/// What is not of its grammar, with the line.
pub fn group(name: &str, text: &str) -> Result<Group> {
    let mut parser = Parser::new(name, text);
    let mut root = parser.section(true)?;
    root.retain(|_, value| matches!(value, Value::Section(_)));
    let Some((group, Value::Section(body))) = root.into_iter().next() else {
        return Err(Malformed::at(name, parser.line, "a volume group", "none"));
    };
    let mut out = Group {
        name: group,
        id: text_of(&body, "id"),
        seqno: number(&body, "seqno"),
        extent: number(&body, "extent_size").saturating_mul(512),
        ..Group::default()
    };
    if out.extent == 0 {
        return Err(Malformed::at(name, 1, "extent_size", "none"));
    }
    for (name, one) in sections(&body, "physical_volumes") {
        out.physical.insert(
            name.clone(),
            Physical {
                id: text_of(one, "id"),
                device: text_of(one, "device"),
                start: number(one, "pe_start").saturating_mul(512),
                extents: number(one, "pe_count"),
            },
        );
    }
    for (name, one) in sections(&body, "logical_volumes") {
        let status = texts(one, "status");
        let mut volume = Logical {
            id: text_of(one, "id"),
            visible: status.iter().any(|s| s == "VISIBLE"),
            writable: status.iter().any(|s| s == "WRITE"),
            tags: texts(one, "tags"),
            ..Logical::default()
        };
        for value in one.values() {
            let Value::Section(segment) = value else { continue };
            if !segment.contains_key("extent_count") {
                continue;
            }
            let mut stripes = Vec::new();
            if let Some(Value::List(list)) = segment.get("stripes") {
                for pair in list.chunks(2) {
                    if let [Value::Text(on), Value::Number(at)] = pair {
                        stripes.push((on.clone(), *at as u64));
                    }
                }
            }
            volume.segments.push(Segment {
                start: number(segment, "start_extent"),
                count: number(segment, "extent_count"),
                kind: text_of(segment, "type"),
                stripe: number(segment, "stripe_size").saturating_mul(512),
                stripes,
            });
        }
        volume.segments.sort_by_key(|segment| segment.start);
        volume.size =
            volume.segments.iter().map(|segment| segment.count).sum::<u64>().saturating_mul(out.extent);
        out.logical.insert(name.clone(), volume);
    }
    Ok(out)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub const TEXT: &str = r#"VG_XenStorage-x {
id = "abc"
seqno = 7
format = "lvm2" # informational
status = ["RESIZEABLE", "READ", "WRITE"]
extent_size = 8192
physical_volumes {
pv0 { id = "p" device = "/dev/sda3" pe_start = 20608 pe_count = 10 }
}
logical_volumes {
MGT { id = "m" status = ["READ", "WRITE", "VISIBLE"] segment_count = 1
segment1 { start_extent = 0 extent_count = 1 type = "striped" stripe_count = 1 stripes = [ "pv0", 0 ] } }
VHD-y { id = "v" status = ["READ", "VISIBLE"] tags = ["hidden", "b"] creation_time = 1736496000
segment2 { start_extent = 2 extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0", 7] }
segment1 { start_extent = 0 extent_count = 2 type = "striped" stripe_count = 1 stripes = ["pv0", 1] } }
}
}
contents = "Text Format Volume Group"
version = 1
description = "a \"b\""
"#;

    #[test]
    fn groups() {
        let read = group("f", TEXT).unwrap();
        assert_eq!((read.name.as_str(), read.seqno, read.extent), ("VG_XenStorage-x", 7, 4 << 20));
        let volume = &read.logical["VHD-y"];
        assert_eq!((volume.size, volume.writable, volume.tags.len()), (12 << 20, false, 2));
        assert_eq!(volume.segments[1].stripes, [("pv0".to_owned(), 7)]);
        assert_eq!(read.physical["pv0"].start, 20608 * 512);
    }

    #[test]
    fn cut_texts_are_errors() {
        for cut in 1..TEXT.len() - 80 {
            if TEXT.is_char_boundary(cut) {
                // Never a panic; a text cut inside the group is never a whole group.
                let read = group("f", &TEXT[..cut]);
                assert!(read.is_err(), "cut at {cut}");
            }
        }
        assert_eq!(group("f", "x {\nid = ?\n}").unwrap_err().line, 2);
        assert!(group("f", &"a {".repeat(100)).is_err());
    }
}
