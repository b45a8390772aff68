//! The metadata volume of an SR on LVM: what volumes are called and how they belong together, for whoever attaches
//! the SR without its database. Sectors of XML fragments; every change is a list of single sectors in an order that
//! may stop anywhere. Pure.

use std::{collections::BTreeMap, fmt};

pub use super::{mgt_entry::Entry, mgt_text::SECTOR};
use super::{
    mgt_entry::{entry, names, rest, short},
    mgt_text::{cut, escape, fields, sector, text},
};

/// Bytes of the volume.
pub const SIZE: u64 = 4 << 20;
/// Sectors before the first entry.
const HEAD: usize = 4;
/// Sectors of an entry.
const ENTRY: usize = 2;
/// Most entries.
const MOST: usize = (SIZE as usize / SECTOR - HEAD) / ENTRY;
/// What the volume says of the SR.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SrInfo {
    /// uuid.
    pub uuid: String,
    /// `thick` or `thin`.
    pub allocation: String,
    /// Name for people.
    pub name: String,
    /// Longer text.
    pub description: String,
}

/// Bytes that do not hold what they should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the metadata volume can't be read: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// No room for another entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the metadata volume has no room for another volume ({MOST} at most)")
    }
}

impl std::error::Error for Full {}

/// One step of a change: a single sector, to be durable before the next one is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub offset: u64,
    /// A sector's bytes.
    pub bytes: Vec<u8>,
}

/// Everything the volume says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Of the SR.
    pub sr: SrInfo,
    /// Of its volumes, by place; nothing in a place that is free.
    slots: Vec<Option<Entry>>,
    /// Places whose bytes can't be read.
    damaged: Vec<usize>,
}

fn header(length: usize) -> Vec<u8> {
    sector(&format!("XSSM:{length:<10}:1:2"))
}

/// How many bytes are in use, by the first sector.
///
/// # Errors
/// [`Malformed`].
pub fn length(first: &[u8]) -> Result<usize, Malformed> {
    let told = text(first.get(..SECTOR).unwrap_or(first));
    let bad = || Malformed(format!("it begins with {:?}", told.chars().take(32).collect::<String>()));
    let parts: Vec<&str> = told.split(':').collect();
    let ["XSSM", length, major, minor] = parts[..] else { return Err(bad()) };
    let length: usize = length.trim().parse().map_err(|_| bad())?;
    let (major, minor): (u32, u32) =
        (major.trim().parse().map_err(|_| bad())?, minor.trim().parse().map_err(|_| bad())?);
    if (major, minor) != (1, 2) {
        return Err(Malformed(format!("version {major}.{minor} is not known")));
    }
    // A volume that was only just made says one sector.
    Ok(length.clamp(HEAD * SECTOR, SIZE as usize))
}

impl Table {
    /// Of an SR without volumes.
    pub fn new(sr: SrInfo) -> Table {
        Table { sr, ..Table::default() }
    }

    /// Reads the bytes in use, or more of them.
    ///
    /// # Errors
    /// [`Malformed`] when its head can't be read. An entry that can't is left out, and its place is free.
    pub fn parse(bytes: &[u8]) -> Result<Table, Malformed> {
        let end = length(bytes)?;
        if bytes.len() < HEAD * SECTOR {
            return Err(Malformed("it is cut short".into()));
        }
        let part = |n: usize| text(&bytes[n * SECTOR..(n + 1) * SECTOR]);
        let first = part(1);
        let first = first.strip_prefix("<?xml").and_then(|t| t.split_once("?>")).map_or(&*first, |t| t.1);
        let mut sr = SrInfo::default();
        for text in [first, &part(2), &part(3)] {
            let told = fields(text).ok_or_else(|| Malformed("what it says of the SR".into()))?;
            for (tag, value) in told {
                match tag.as_str() {
                    "uuid" => sr.uuid = value,
                    "allocation" => sr.allocation = value,
                    "name_label" => sr.name = value,
                    "name_description" => sr.description = value,
                    _ => {}
                }
            }
        }
        let mut table = Table::new(sr);
        let mut seen = BTreeMap::new();
        let used = &bytes[HEAD * SECTOR..end.min(bytes.len()).max(HEAD * SECTOR)];
        for (at, bytes) in used.chunks_exact(ENTRY * SECTOR).enumerate() {
            let read = entry(bytes);
            if read.is_none() {
                table.damaged.push(at);
            }
            let read = read.flatten();
            // The same volume twice: what was written last may be either, the first is what the original finds.
            let read = read.filter(|e| seen.insert(e.uuid.clone(), at).is_none());
            table.slots.push(read);
        }
        Ok(table)
    }

    /// The sectors of what people call the SR, its name and its description.
    fn titles(&self) -> [Vec<u8>; 2] {
        [("name_label", &self.sr.name), ("name_description", &self.sr.description)].map(|(tag, value)| {
            let room = SECTOR - 2 * tag.len() - 5;
            sector(&format!("<{tag}>{}</{tag}>", cut(&escape(value), room)))
        })
    }

    /// Says this of the SR.
    pub fn call(&mut self, name: &str, description: &str) -> Vec<Write> {
        let before = self.titles();
        (self.sr.name, self.sr.description) = (name.into(), description.into());
        let now = self.titles().into_iter().zip(before).enumerate();
        let changed = now.filter(|(_, (now, before))| now != before);
        changed.map(|(at, (bytes, _))| Write { offset: ((2 + at) * SECTOR) as u64, bytes }).collect()
    }

    /// All bytes in use.
    pub fn whole(&self) -> Vec<u8> {
        let mut out = header((HEAD + self.slots.len() * ENTRY) * SECTOR);
        let head = short("uuid", &self.sr.uuid, 64) + &short("allocation", &self.sr.allocation, 32);
        out.extend(sector(&format!("<?xml version=\"1.0\" ?>{head}")));
        out.extend(self.titles().concat());
        for slot in &self.slots {
            let gone = Entry { managed: true, ..Entry::default() };
            let entry = slot.as_ref().unwrap_or(&gone);
            out.extend(names(entry));
            out.extend(rest(entry, slot.is_none()));
        }
        out
    }

    /// All volumes.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().flatten()
    }

    /// What is said of a volume.
    pub fn get(&self, uuid: &str) -> Option<&Entry> {
        self.entries().find(|e| e.uuid == uuid)
    }

    /// Is there room for so many more?
    pub fn has_room(&self, more: usize) -> bool {
        let free = self.slots.iter().filter(|s| s.is_none()).count();
        MOST - self.slots.len().min(MOST) + free >= more
    }

    fn at(slot: usize) -> u64 {
        ((HEAD + slot * ENTRY) * SECTOR) as u64
    }

    /// Says this of a volume. Stopped anywhere, it has been said or not.
    ///
    /// # Errors
    /// [`Full`].
    pub fn put(&mut self, entry: Entry) -> Result<Vec<Write>, Full> {
        let known = self.slots.iter().position(|s| s.as_ref().is_some_and(|e| e.uuid == entry.uuid));
        let free = self.slots.iter().position(Option::is_none);
        let slot = known.or(free).unwrap_or(self.slots.len());
        if slot >= MOST {
            return Err(Full);
        }
        let at = Table::at(slot);
        let mut writes = Vec::new();
        let old = self.slots.get(slot).and_then(Option::as_ref);
        // Names first: until the second sector is there, a free place stays free.
        let new_names = names(&entry);
        if old.is_none_or(|e| names(e) != new_names) {
            writes.push(Write { offset: at, bytes: new_names });
        }
        let new_rest = rest(&entry, false);
        if old.is_none_or(|e| rest(e, false) != new_rest) {
            writes.push(Write { offset: at + SECTOR as u64, bytes: new_rest });
        }
        if slot == self.slots.len() {
            self.slots.push(None);
            writes.push(Write { offset: 0, bytes: header((HEAD + self.slots.len() * ENTRY) * SECTOR) });
        }
        self.slots[slot] = Some(entry);
        self.damaged.retain(|d| *d != slot);
        Ok(writes)
    }

    /// Says nothing of a volume any more; nothing to do when nothing was said.
    pub fn remove(&mut self, uuid: &str) -> Vec<Write> {
        let mut writes = Vec::new();
        for (slot, entry) in self.slots.iter_mut().enumerate() {
            if let Some(gone) = entry.take_if(|e| e.uuid == uuid) {
                writes.push(Write { offset: Table::at(slot) + SECTOR as u64, bytes: rest(&gone, true) });
            }
        }
        if !writes.is_empty() && self.slots.last().is_some_and(Option::is_none) {
            // As the original does: the last place is given back.
            self.slots.pop();
            writes.push(Write { offset: 0, bytes: header((HEAD + self.slots.len() * ENTRY) * SECTOR) });
        }
        writes
    }

    /// Makes places that can't be read free ones, so that other readers do not stumble over them.
    pub fn heal(&mut self) -> Vec<Write> {
        let mut writes = Vec::new();
        let gone = Entry { uuid: uuid::Uuid::nil().to_string(), ..Entry::default() };
        for slot in std::mem::take(&mut self.damaged) {
            let at = Table::at(slot);
            writes.push(Write { offset: at, bytes: names(&gone) });
            writes.push(Write { offset: at + SECTOR as u64, bytes: rest(&gone, true) });
        }
        writes
    }

    /// Brings it in line with the volumes there are: by uuid, what to say of one nobody knows. How a known one is
    /// stored is corrected, what people call it stays.
    ///
    /// # Errors
    /// [`Full`].
    pub fn agree(&mut self, there: &BTreeMap<String, Entry>) -> Result<Vec<Write>, Full> {
        let mut writes = self.heal();
        let gone: Vec<String> =
            self.entries().filter(|e| !there.contains_key(&e.uuid)).map(|e| e.uuid.clone()).collect();
        for uuid in gone {
            writes.extend(self.remove(&uuid));
        }
        for (uuid, entry) in there {
            match self.get(uuid) {
                Some(known) if known.vdi_type == entry.vdi_type => {}
                Some(known) => {
                    let changed = Entry { vdi_type: entry.vdi_type.clone(), ..known.clone() };
                    writes.extend(self.put(changed)?);
                }
                None => writes.extend(self.put(entry.clone())?),
            }
        }
        Ok(writes)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::mgt_entry::NAMES, *};

    fn uuid(n: usize) -> String {
        format!("6f2c1a3e-0000-4000-8000-{n:012}")
    }

    fn entry(n: usize) -> Entry {
        Entry {
            uuid: uuid(n),
            name: format!("disk <{n}> & co"),
            kind: "user".into(),
            vdi_type: "vhd".into(),
            managed: true,
            ..Entry::default()
        }
    }

    fn sr() -> SrInfo {
        SrInfo { uuid: uuid(99), allocation: "thick".into(), name: "n".into(), description: "ä".into() }
    }

    /// A volume as bytes, written a sector at a time.
    fn apply(disk: &mut [u8], writes: &[Write]) {
        for write in writes {
            assert_eq!(write.bytes.len(), SECTOR);
            disk[write.offset as usize..][..SECTOR].copy_from_slice(&write.bytes);
        }
    }

    fn disk(table: &Table) -> Vec<u8> {
        let mut disk = table.whole();
        disk.resize(SIZE as usize, 0);
        disk
    }

    #[test]
    fn the_layout_is_the_published_one() {
        let mut table = Table::new(sr());
        table.put(entry(1)).unwrap();
        let whole = table.whole();
        assert_eq!(whole.len(), 2048 + 1024);
        assert!(whole.starts_with(b"XSSM:3072      :1:2   "));
        let second =
            format!("<?xml version=\"1.0\" ?><uuid>{}</uuid><allocation>thick</allocation> ", uuid(99));
        assert!(whole[512..].starts_with(second.as_bytes()));
        assert!(whole[1024..].starts_with(b"<name_label>n</name_label> "));
        assert!(whole[1536..].starts_with("<name_description>ä</name_description> ".as_bytes()));
        let named =
            b"<vdi><name_label>disk &lt;1&gt; &amp; co</name_label><name_description></name_description> ";
        assert!(whole[2048..].starts_with(named));
        assert!(text(&whole[2560..]).ends_with("<deleted>0</deleted></vdi>"));
        assert_eq!(Table::parse(&whole).unwrap(), table);
    }

    #[test]
    fn a_change_that_stops_anywhere_leaves_the_old_or_the_new() {
        let mut table = Table::new(sr());
        let mut now = disk(&table);
        let mut change = |change: &mut dyn FnMut(&mut Table) -> Vec<Write>| {
            let before: Vec<Entry> = table.entries().cloned().collect();
            let writes = change(&mut table);
            let after: Vec<Entry> = table.entries().cloned().collect();
            for stopped in 0..=writes.len() {
                let mut cut = now.clone();
                apply(&mut cut, &writes[..stopped]);
                let read: Vec<Entry> = Table::parse(&cut).unwrap().entries().cloned().collect();
                // A name may be there before the rest; nothing is lost, nothing comes up.
                let ids = |list: &[Entry]| list.iter().map(|e| e.uuid.clone()).collect::<Vec<_>>();
                assert!(ids(&read) == ids(&before) || ids(&read) == ids(&after), "{stopped} of {writes:?}");
            }
            apply(&mut now, &writes);
            assert_eq!(Table::parse(&now).unwrap().entries().cloned().collect::<Vec<_>>(), after);
        };
        for n in 1..=5 {
            change(&mut |t| t.put(entry(n)).unwrap());
        }
        change(&mut |t| t.remove(&uuid(2)));
        change(&mut |t| t.put(Entry { name: "x".into(), ..entry(3) }).unwrap());
        change(&mut |t| t.put(entry(7)).unwrap());
        change(&mut |t| t.remove(&uuid(5)));
        change(&mut |t| t.remove(&uuid(5)));
        let mut there: BTreeMap<String, Entry> = BTreeMap::new();
        for n in [3, 8, 9] {
            there.insert(uuid(n), entry(n));
        }
        let writes = table.agree(&there).unwrap();
        apply(&mut now, &writes);
        let read = Table::parse(&now).unwrap();
        assert!(
            read.entries()
                .map(|e| e.uuid.clone())
                .collect::<std::collections::BTreeSet<_>>()
                .iter()
                .eq(there.keys())
        );
        assert_eq!(read.get(&uuid(3)).unwrap().name, "x", "what is known stays");
        assert!(table.agree(&there).unwrap().is_empty());
    }

    #[test]
    fn long_names_are_cut_and_all_that_fits_is_kept() {
        let mut table = Table::new(SrInfo { name: "&".repeat(600), ..sr() });
        let long = Entry { name: "ä&".repeat(300), description: "d".repeat(700), ..entry(1) };
        table.put(long).unwrap();
        let fits = Entry { name: "n".repeat(400), description: "d".repeat(45), ..entry(2) };
        table.put(fits.clone()).unwrap();
        let more =
            Entry { more: vec![("svid".into(), "7".into()), ("x".into(), "y".repeat(500))], ..entry(3) };
        table.put(more).unwrap();
        let read = Table::parse(&table.whole()).unwrap();
        assert_eq!(read.get(&uuid(2)).unwrap(), &fits);
        let cut = read.get(&uuid(1)).unwrap();
        assert!(cut.name.len() > 30 && "ä&".repeat(300).starts_with(&cut.name));
        assert_eq!(cut.description, "d".repeat(NAMES / 2));
        assert_eq!(read.get(&uuid(3)).unwrap().more, [("svid".into(), "7".into())]);
        assert!(read.sr.name.len() > 80 && read.sr.name.chars().all(|c| c == '&'));
    }

    #[test]
    fn a_full_volume_says_so_and_damage_is_passed_over() {
        let mut table = Table::new(sr());
        for n in 0..MOST {
            table.put(entry(n)).unwrap();
        }
        assert_eq!(table.whole().len() as u64, SIZE);
        assert!(!table.has_room(1));
        assert_eq!(table.put(entry(MOST)), Err(Full));
        table.remove(&uuid(7));
        assert!(table.has_room(1) && !table.has_room(2));
        let mut bytes = table.whole();
        bytes[2048 + 1024 * 3 + 512] = 0xff;
        let mut read = Table::parse(&bytes).unwrap();
        assert!(read.get(&uuid(3)).is_none() && read.get(&uuid(4)).is_some());
        let writes = read.heal();
        apply(&mut bytes, &writes);
        assert_eq!(Table::parse(&bytes).unwrap(), read);
        for bad in [&b""[..], b"XSSM", b"XSSM:x:1:2", b"XSSM:512:2:0", &bytes[..700]] {
            assert!(Table::parse(bad).is_err());
        }
    }
}
