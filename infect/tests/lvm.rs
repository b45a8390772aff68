//! Volume groups written by LVM's own tools, read and compared with what the same tools said of them. Only what is plain
//! is read; a volume that is striped, or lies on a disk that is not here, is refused.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use infect::host::lvm::{self, Group, Label, LogicalMedium};
use infect::host::medium::Medium;
use infect::lv_volumes::GroupVolumes;
use xennix_disk::file::Access;
use xennix_disk::volumes::Volumes;

/// Bytes of each disk.
const SIZE: u64 = 64 << 20;

fn data(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lvm-2.03.16").join(name)
}

fn unpacked(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let packed = std::fs::File::open(data(name)).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut out).unwrap();
    out
}

/// A disk: its first bytes and its last ones as the tools left them, and between them bytes that tell where they are.
struct Disk {
    name: &'static str,
    pieces: Vec<(u64, Vec<u8>)>,
}

/// The byte of a disk where the tools wrote none.
fn byte(name: &str, at: u64) -> u8 {
    let name = u64::from(name.as_bytes()[0]);
    ((at / 512).wrapping_mul(31) ^ at.wrapping_mul(7) ^ name) as u8
}

impl Disk {
    fn new(name: &'static str) -> Disk {
        let mut pieces = vec![(0, unpacked(&format!("{name}.head.gz")))];
        if data(&format!("{name}.tail.gz")).exists() {
            let tail = unpacked(&format!("{name}.tail.gz"));
            pieces.push((SIZE - tail.len() as u64, tail));
        }
        Disk { name, pieces }
    }
}

impl Medium for Disk {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        if offset + into.len() as u64 > SIZE {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (at, one) in (offset..).zip(into) {
            let piece =
                self.pieces.iter().find(|(start, piece)| at >= *start && at - start < piece.len() as u64);
            *one = piece.map_or_else(|| byte(self.name, at), |(start, piece)| piece[(at - start) as usize]);
        }
        Ok(())
    }

    fn size(&self) -> u64 {
        SIZE
    }
}

/// Lines of a report of the tools, cut at their fields.
fn said(file: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(data(file)).unwrap();
    text.lines().map(|line| line.split('|').map(String::from).collect()).collect()
}

fn read(name: &'static str) -> (Label, Group) {
    let label = lvm::label(name, &Disk::new(name)).unwrap().unwrap();
    let group = lvm::group(name, label.text.as_deref().unwrap()).unwrap();
    (label, group)
}

#[test]
fn disks_and_groups_are_what_the_tools_said() {
    for line in said("pvs.txt") {
        let [name, uuid, size, start, count, group_name, group_uuid, seqno, extent, _areas] = &line[..]
        else {
            panic!("{line:?}")
        };
        let name = ["one", "a", "b"].into_iter().find(|one| one == name).unwrap();
        let (label, group) = read(name);
        assert_eq!(label.uuid, *uuid);
        assert_eq!(label.size, SIZE);
        assert_eq!((&group.name, &group.id), (group_name, group_uuid));
        assert_eq!((group.seqno.to_string(), group.extent.to_string()), (seqno.clone(), extent.clone()));
        let own = group.physical.values().find(|one| one.id == *uuid).unwrap();
        assert_eq!((own.start.to_string(), own.extents.to_string()), (start.clone(), count.clone()));
        assert_eq!(size.parse::<u64>().unwrap(), own.extents * group.extent);
    }
}

/// Where a group's text goes over the end of its area and on at its beginning.
#[test]
fn a_text_that_wraps_is_read() {
    let head = unpacked("one.head.gz");
    let (at, size, length) = (4096 + 40, 4096 + 48, 4096 + 32);
    let number = |from: usize| u64::from_le_bytes(head[from..from + 8].try_into().unwrap());
    assert!(number(at) + number(size) > number(length), "the fixture does not wrap");
    assert_eq!(read("one").1.seqno, 511);
}

/// A disk with two metadata areas is read by either.
#[test]
fn the_second_area_serves_where_the_first_is_damaged() {
    let mut disk = Disk::new("a");
    disk.pieces[0].1[4096 + 100] ^= 1;
    let label = lvm::label("a", &disk).unwrap().unwrap();
    assert_eq!(label.text, read("a").0.text);
    disk.pieces[1].1[100] ^= 1;
    assert!(lvm::label("a", &disk).is_err());
}

#[test]
fn volumes_are_what_the_tools_said() {
    let groups = [read("one").1, read("a").1];
    assert_eq!(groups[1], read("b").1);
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for line in said("lvs.txt") {
        let [name, uuid, size, attributes, tags, kind, start, count, stripes, stripe, ranges] = &line[..]
        else {
            panic!("{line:?}")
        };
        let group = groups.iter().find(|group| group.logical.contains_key(name)).unwrap();
        let volume = &group.logical[name];
        assert_eq!((&volume.id, volume.size.to_string()), (uuid, size.clone()));
        assert_eq!(volume.writable, attributes.as_bytes()[1] == b'w', "{attributes}");
        let mut own = volume.tags.clone();
        own.sort();
        assert_eq!(own.join(","), *tags);
        let segment = volume.segments.iter().find(|one| one.start.to_string() == *start).unwrap();
        assert_eq!(segment.count.to_string(), *count);
        assert_eq!(segment.stripes.len().to_string(), *stripes);
        // One stripe of a "striped" segment is what the tools call linear.
        assert_eq!(segment.kind, "striped");
        assert_eq!(*kind == "linear", segment.stripes.len() == 1);
        if segment.stripes.len() > 1 {
            assert_eq!(segment.stripe.to_string(), *stripe);
        }
        let each = segment.count / segment.stripes.len() as u64;
        let lies: Vec<String> = segment
            .stripes
            .iter()
            .map(|(on, at)| {
                let label =
                    ["one", "a", "b"].into_iter().find(|one| read(one).0.uuid == group.physical[on].id);
                format!("{}:{at}-{}", label.unwrap(), at + each - 1)
            })
            .collect();
        assert_eq!(lies.join(" "), *ranges);
        *seen.entry(name.clone()).or_default() += 1;
    }
    for group in &groups {
        for (name, volume) in &group.logical {
            assert_eq!(seen.get(name), Some(&(volume.segments.len() as u64)), "{name}");
        }
    }
}

/// Each byte of a plain volume comes from where the tools said it lies, over the seams of its segments.
#[test]
fn bytes_come_from_where_they_lie() {
    let (_, group) = read("one");
    let start = group.physical.values().next().unwrap().start;
    let volumes = GroupVolumes::new(group.clone(), Arc::new(Disk::new("one")));
    let name = "VHD-11111111-1111-4111-8111-111111111111";
    let file = volumes.open(name, Access::Read).unwrap();
    assert_eq!(file.size().unwrap(), 4 * group.extent);
    // Extents 1, 2, 3 and 6.
    for (at, extent) in [(0, 1), (1, 2), (2, 3), (3, 6)] {
        let mut bytes = [0; 1024];
        file.read_at(at * group.extent, &mut bytes).unwrap();
        let from = start + extent * group.extent;
        assert!((from..).zip(bytes).all(|(at, one)| one == byte("one", at)), "extent {at}");
    }
    let mut seam = [0; 1024];
    file.read_at(3 * group.extent - 512, &mut seam).unwrap();
    let (before, after) = (start + 4 * group.extent - 512, start + 6 * group.extent);
    assert!((before..before + 512).zip(&seam[..512]).all(|(at, one)| *one == byte("one", at)));
    assert!((after..).zip(&seam[512..]).all(|(at, one)| *one == byte("one", at)));
    assert!(file.read_at(4 * group.extent - 1, &mut [0; 2]).is_err());
    assert!(volumes.open(name, Access::Write).is_err());
}

#[test]
fn what_is_not_plain_or_not_here_is_refused() {
    let (_, group) = read("a");
    let pv = |name: &'static str| {
        let id = read(name).0.uuid;
        let (on, _) = group.physical.iter().find(|(_, one)| one.id == id).unwrap();
        (on.clone(), Arc::new(Disk::new(name)) as Arc<dyn Medium>)
    };
    let both = BTreeMap::from([pv("a"), pv("b")]);
    let striped = LogicalMedium::new(&group, &group.logical["striped"], &both).err().unwrap();
    assert!(striped.contains("2 stripes"), "{striped}");
    // With all disks at hand a volume goes over them.
    let spanning = LogicalMedium::new(&group, &group.logical["spanning"], &both).unwrap();
    let bytes = spanning.bytes(60 * group.extent - 1, 2).unwrap();
    let of = |name: &'static str, extent: u64| group.physical[&pv(name).0].start + extent * group.extent;
    assert_eq!(bytes, [byte("a", of("a", 62) - 1), byte("b", of("b", 5))]);
    let missing = LogicalMedium::new(&group, &group.logical["spanning"], &BTreeMap::from([pv("a")]));
    assert!(missing.err().unwrap().contains("is not here"));
    // One disk of a group of several is not enough to tell which it is: nothing of it is opened.
    let volumes = GroupVolumes::new(group.clone(), Arc::new(Disk::new("b")));
    for name in ["plain", "spanning", "striped"] {
        assert!(volumes.open(name, Access::Read).is_err(), "{name}");
    }
}
