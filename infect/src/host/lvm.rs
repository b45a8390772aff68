//! Volume groups from the text a physical volume carries: no tool, no device mapper, no lock, no write.

use super::malformed::{Malformed, Result};
use super::medium::{Medium, u32_at, u64_at};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What a physical volume's label says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Its identity.
    pub uuid: String,
    /// Bytes of the device when it was made.
    pub size: u64,
    /// Text of the volume group, when it carries one.
    #[serde(skip)]
    pub text: Option<String>,
}

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

const MAGIC: &[u8] = b"\x20LVM2\x20x[5A%r0N*>";
/// Longest text of a group that is read.
const LONGEST: u64 = 64 << 20;

/// Reads the label and the text behind it; `None` when it is no physical volume.
///
/// # Errors
/// A label whose areas are damaged.
pub fn label(name: &str, medium: &dyn Medium) -> Result<Option<Label>> {
    let failed = |e: io::Error| Malformed::at(name, 0, "a readable physical volume", &e.to_string());
    let wrong = |expected: &str, found: &str| Malformed::at(name, 0, expected, found);
    if medium.size() < 4096 {
        return Ok(None);
    }
    let start = medium.bytes(0, 4096).map_err(failed)?;
    let Some(at) = (0..4)
        .map(|s| s * 512)
        .find(|at| &start[*at..at + 8] == b"LABELONE" && &start[at + 24..at + 32] == b"LVM2 001")
    else {
        return Ok(None);
    };
    let header = at + u32_at(&start, at + 20) as usize;
    let Some(identity) = start.get(header..header + 32) else {
        return Err(wrong("a label in its sector", "an offset past it"));
    };
    let uuid = dashed(&String::from_utf8_lossy(identity));
    let size = u64_at(&start, header + 32);
    // Two lists of (offset, size): where data lies, then where texts lie. Each ends with zeros.
    let mut lists = [Vec::new(), Vec::new()];
    let mut place = header + 40;
    for list in &mut lists {
        while place + 16 <= start.len() {
            let entry = (u64_at(&start, place), u64_at(&start, place + 8));
            place += 16;
            if entry.0 == 0 {
                break;
            }
            list.push(entry);
        }
    }
    let mut newest: Option<(u64, String)> = None;
    let mut problem = None;
    for (offset, length) in &lists[1] {
        match area(name, medium, *offset, *length) {
            Ok(Some(text)) => {
                let seqno = text
                    .split("seqno = ")
                    .nth(1)
                    .and_then(|t| t.split_whitespace().next())
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(0);
                if newest.as_ref().is_none_or(|(most, _)| seqno > *most) {
                    newest = Some((seqno, text));
                }
            }
            Ok(None) => {}
            Err(e) => problem = Some(e),
        }
    }
    match (newest, problem) {
        (None, Some(e)) => Err(e),
        (newest, _) => Ok(Some(Label { uuid, size, text: newest.map(|(_, text)| text) })),
    }
}

/// An identity as the tools write it.
fn dashed(id: &str) -> String {
    if id.len() != 32 || !id.is_ascii() {
        return id.to_owned();
    }
    [0..6, 6..10, 10..14, 14..18, 18..22, 22..26, 26..32].map(|range| &id[range]).join("-")
}

fn area(name: &str, medium: &dyn Medium, offset: u64, length: u64) -> Result<Option<String>> {
    let failed = |e: io::Error| Malformed::at(name, 0, "a readable metadata area", &e.to_string());
    let wrong = |expected: &str, found: &str| Malformed::at(name, 0, expected, found);
    let header = medium.bytes(offset, 512).map_err(failed)?;
    if &header[4..20] != MAGIC {
        return Err(wrong("a metadata area of LVM2", "something else"));
    }
    if lvm_crc(&header[4..512]) != u32_at(&header, 0) {
        return Err(wrong("a metadata area with a right checksum", "a wrong one"));
    }
    let (at, size, sum) = (u64_at(&header, 40), u64_at(&header, 48), u32_at(&header, 56));
    if at == 0 || size == 0 {
        return Ok(None);
    }
    if size > LONGEST || at < 512 || at >= length || size > length - 512 {
        return Err(wrong("a text inside its area", &format!("{size} bytes at {at} of {length}")));
    }
    // The area is a ring behind its header.
    let first = size.min(length - at);
    let mut text = medium.bytes(offset + at, first as usize).map_err(failed)?;
    if first < size {
        text.extend(medium.bytes(offset + 512, (size - first) as usize).map_err(failed)?);
    }
    if lvm_crc(&text) != sum {
        return Err(wrong("a text of a volume group with a right checksum", "a wrong one"));
    }
    while text.last() == Some(&0) {
        text.pop();
    }
    String::from_utf8(text).map(Some).map_err(|_| wrong("UTF-8 text of a volume group", "other bytes"))
}

/// LVM's checksum: the usual CRC-32 with an own start and no final turn.
fn lvm_crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!0xf597_a6cf);
    hasher.update(bytes);
    !hasher.finalize()
}

/// A value of the text.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Number(i64),
    List(Vec<Value>),
    Section(BTreeMap<String, Value>),
}

/// Reads the text of a group, as on the disk or in a backup file.
///
/// # Errors
/// What is not of its grammar, with the line.
pub fn group(name: &str, text: &str) -> Result<Group> {
    let mut parser = Parser { file: name, chars: text.chars().peekable(), line: 1, depth: 0 };
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

fn text_of(section: &BTreeMap<String, Value>, key: &str) -> String {
    match section.get(key) {
        Some(Value::Text(text)) => text.clone(),
        _ => String::new(),
    }
}

fn number(section: &BTreeMap<String, Value>, key: &str) -> u64 {
    match section.get(key) {
        Some(Value::Number(number)) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    }
}

fn texts(section: &BTreeMap<String, Value>, key: &str) -> Vec<String> {
    match section.get(key) {
        Some(Value::List(list)) => {
            list.iter().filter_map(|v| if let Value::Text(t) = v { Some(t.clone()) } else { None }).collect()
        }
        _ => Vec::new(),
    }
}

fn sections<'a>(
    body: &'a BTreeMap<String, Value>,
    key: &str,
) -> Vec<(&'a String, &'a BTreeMap<String, Value>)> {
    match body.get(key) {
        Some(Value::Section(inner)) => inner
            .iter()
            .filter_map(|(name, v)| if let Value::Section(s) = v { Some((name, s)) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}

/// As deep as the texts nest, with room.
const DEEPEST: usize = 16;

struct Parser<'a> {
    file: &'a str,
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
    depth: usize,
}

impl Parser<'_> {
    fn wrong<T>(&self, expected: &str, found: &str) -> Result<T> {
        Err(Malformed::at(self.file, self.line, expected, found))
    }

    fn next(&mut self) -> Option<char> {
        let c = self.chars.next();
        if c == Some('\n') {
            self.line += 1;
        }
        c
    }

    /// The next character that is neither space nor comment, not taken.
    fn peek(&mut self) -> Option<char> {
        while let Some(c) = self.chars.peek().copied() {
            if c == '#' {
                while self.chars.peek().is_some_and(|c| *c != '\n') {
                    self.next();
                }
            } else if c.is_whitespace() || c == ',' {
                self.next();
            } else {
                return Some(c);
            }
        }
        None
    }

    fn name(&mut self) -> String {
        let mut out = String::new();
        while let Some(c) =
            self.chars.peek().copied().filter(|c| c.is_ascii_alphanumeric() || "-_.+/".contains(*c))
        {
            out.push(c);
            self.next();
        }
        out
    }

    fn section(&mut self, outermost: bool) -> Result<BTreeMap<String, Value>> {
        let mut out = BTreeMap::new();
        self.depth += 1;
        if self.depth > DEEPEST {
            return self.wrong("a sane depth", "too many blocks in each other");
        }
        loop {
            match self.peek() {
                None if outermost => break,
                Some('}') if !outermost => {
                    self.next();
                    break;
                }
                None => return self.wrong("`}`", "the end"),
                Some(c) => {
                    let key = self.name();
                    if key.is_empty() {
                        return self.wrong("a name", &c.to_string());
                    }
                    let value = match self.peek() {
                        Some('{') => {
                            self.next();
                            Value::Section(self.section(false)?)
                        }
                        Some('=') => {
                            self.next();
                            self.value()?
                        }
                        other => {
                            return self.wrong("`=` or `{`", &other.map(String::from).unwrap_or_default());
                        }
                    };
                    out.insert(key, value);
                }
            }
        }
        self.depth -= 1;
        Ok(out)
    }

    fn value(&mut self) -> Result<Value> {
        match self.peek() {
            Some('"') => {
                self.next();
                let mut out = String::new();
                loop {
                    match self.next() {
                        None => return self.wrong("a closing quote", "the end"),
                        Some('"') => return Ok(Value::Text(out)),
                        Some('\\') => out.extend(self.next()),
                        Some(c) => out.push(c),
                    }
                }
            }
            Some('[') => {
                self.next();
                let mut list = Vec::new();
                loop {
                    match self.peek() {
                        Some(']') => {
                            self.next();
                            return Ok(Value::List(list));
                        }
                        Some('[') | None => return self.wrong("`]`", "something else"),
                        Some(_) => list.push(self.value()?),
                    }
                }
            }
            Some(c) if c.is_ascii_digit() || c == '-' => {
                let word = self.name();
                match word.parse::<i64>() {
                    Ok(number) => Ok(Value::Number(number)),
                    Err(_) if word.parse::<f64>().is_ok() => Ok(Value::Text(word)),
                    Err(_) => self.wrong("a number", &word),
                }
            }
            other => self.wrong("a value", &other.map(String::from).unwrap_or_default()),
        }
    }
}

/// Bytes of a logical volume, through its segments.
pub struct LogicalMedium {
    pieces: Vec<(u64, u64, Arc<dyn Medium>, u64)>,
    size: u64,
}

impl LogicalMedium {
    /// Of plain segments over physical volumes given by their name in the text.
    ///
    /// # Errors
    /// What kind of segment or which physical volume stands in the way.
    pub fn new(
        group: &Group,
        volume: &Logical,
        physical: &BTreeMap<String, Arc<dyn Medium>>,
    ) -> std::result::Result<LogicalMedium, String> {
        let mut pieces = Vec::new();
        for segment in &volume.segments {
            let [(on, at)] = &segment.stripes[..] else {
                return Err(format!(
                    "a segment of {} stripes of kind {:?}",
                    segment.stripes.len(),
                    segment.kind
                ));
            };
            let medium = physical.get(on).ok_or_else(|| format!("physical volume {on} is not here"))?;
            let place =
                group.physical.get(on).ok_or_else(|| format!("physical volume {on} is not in the group"))?;
            let start = at.saturating_mul(group.extent).saturating_add(place.start);
            pieces.push((
                segment.start.saturating_mul(group.extent),
                segment.count.saturating_mul(group.extent),
                Arc::clone(medium),
                start,
            ));
        }
        Ok(LogicalMedium { pieces, size: volume.size })
    }
}

impl Medium for LogicalMedium {
    fn read_at(&self, mut offset: u64, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            let Some((start, length, medium, at)) =
                self.pieces.iter().find(|(start, length, ..)| offset >= *start && offset - start < *length)
            else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let inside = offset - start;
            let count = (length - inside).min(into.len() as u64) as usize;
            let (now, later) = into.split_at_mut(count);
            medium.read_at(at + inside, now)?;
            offset += count as u64;
            into = later;
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn volumes_through_segments() {
        let mut text = group("f", TEXT).unwrap();
        text.extent = 4;
        text.physical.get_mut("pv0").unwrap().start = 2;
        let disk: Arc<dyn Medium> = Arc::new((0u8..64).collect::<Vec<_>>());
        let volume =
            LogicalMedium::new(&text, &text.logical["VHD-y"], &BTreeMap::from([("pv0".to_owned(), disk)]))
                .unwrap();
        assert_eq!(volume.bytes(0, 8).unwrap(), (6..14).collect::<Vec<u8>>());
        assert_eq!(volume.bytes(6, 6).unwrap(), [12, 13, 30, 31, 32, 33]);
        assert!(LogicalMedium::new(&text, &text.logical["VHD-y"], &BTreeMap::new()).is_err());
    }
}
