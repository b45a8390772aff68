//! What the metadata volume says of one volume: two sectors, the first with what people call it, the second with all
//! else. Pure.

use super::mgt_text::{SECTOR, cut, escape, fields, sector, tagged, text};

/// Bytes a name and a description have together.
pub const NAMES: usize = SECTOR - "<vdi><name_label></name_label><name_description></name_description>".len();

/// What it says of a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// uuid.
    pub uuid: String,
    /// Name for people.
    pub name: String,
    /// Longer text.
    pub description: String,
    /// Is it a snapshot?
    pub is_a_snapshot: bool,
    /// uuid of what it is a snapshot of.
    pub snapshot_of: String,
    /// When it was taken.
    pub snapshot_time: String,
    /// `VDI.type`.
    pub kind: String,
    /// `vhd`, `aio`, `qcow2`.
    pub vdi_type: String,
    /// May not be written.
    pub read_only: bool,
    /// A disk for users, not an inner node.
    pub managed: bool,
    /// The pool whose metadata it holds.
    pub metadata_of_pool: String,
    /// What else is said of it.
    pub more: Vec<(String, String)>,
}

fn flag(value: bool) -> &'static str {
    if value { "1" } else { "0" }
}

fn is_set(text: &str) -> bool {
    matches!(text, "1" | "True" | "true")
}

/// Its first sector: what people call it.
pub fn names(entry: &Entry) -> Vec<u8> {
    let (name, description) = (escape(&entry.name), escape(&entry.description));
    let (mut name, mut description) = (name.as_str(), description.as_str());
    if name.len() + description.len() > NAMES {
        name = cut(name, NAMES / 2);
        description = cut(description, NAMES / 2);
    }
    sector(&format!("<vdi><name_label>{name}</name_label><name_description>{description}</name_description>"))
}

/// A field of at most so many bytes.
pub fn short(tag: &str, value: &str, most: usize) -> String {
    format!("<{tag}>{}</{tag}>", cut(&escape(value), most))
}

/// Its second sector; of one that is deleted, the place is free.
pub fn rest(entry: &Entry, deleted: bool) -> Vec<u8> {
    // What is longer than it can be is nonsense, and must not push the end out of the sector.
    let known = [
        ("uuid", entry.uuid.as_str(), 36),
        ("is_a_snapshot", flag(entry.is_a_snapshot), 1),
        ("snapshot_of", &entry.snapshot_of, 40),
        ("snapshot_time", &entry.snapshot_time, 24),
        ("type", &entry.kind, 24),
        ("vdi_type", &entry.vdi_type, 8),
        ("read_only", flag(entry.read_only), 1),
        ("managed", flag(entry.managed), 1),
        ("metadata_of_pool", &entry.metadata_of_pool, 64),
        ("deleted", flag(deleted), 1),
    ];
    let mut out: String = known.iter().map(|(tag, value, most)| short(tag, value, *most)).collect();
    for (tag, value) in &entry.more {
        let more = tagged(tag, value);
        if out.len() + more.len() + "</vdi>".len() <= SECTOR {
            out.push_str(&more);
        }
    }
    sector(&(out + "</vdi>"))
}

/// An entry, or nothing for a deleted one.
pub fn entry(bytes: &[u8]) -> Option<Option<Entry>> {
    let whole = text(&bytes[..SECTOR]) + &text(&bytes[SECTOR..]);
    let inside = whole.trim().strip_prefix("<vdi>")?.strip_suffix("</vdi>")?;
    let mut entry = Entry::default();
    let mut deleted = false;
    for (tag, value) in fields(inside)? {
        match tag.as_str() {
            "name_label" => entry.name = value,
            "name_description" => entry.description = value,
            "uuid" => entry.uuid = value,
            "is_a_snapshot" => entry.is_a_snapshot = is_set(&value),
            "snapshot_of" => entry.snapshot_of = value,
            "snapshot_time" => entry.snapshot_time = value,
            "type" => entry.kind = value,
            "vdi_type" => entry.vdi_type = value,
            "read_only" => entry.read_only = is_set(&value),
            "managed" => entry.managed = is_set(&value),
            "metadata_of_pool" => entry.metadata_of_pool = value,
            "deleted" => deleted = is_set(&value),
            _ => entry.more.push((tag, value)),
        }
    }
    if deleted {
        return Some(None);
    }
    crate::naming::is_uuid(&entry.uuid).then_some(Some(entry))
}
