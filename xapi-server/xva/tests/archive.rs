//! Archives written are read back whole; broken ones are refused by name.

use std::{collections::BTreeMap, io::Write};

use proptest::prelude::*;
use xapi_schema::{DateTime, Failure, Value};
use xapi_xva::{BLOCK, Compression, Error, Object, Ova, Sink, Version, Writer, read};

/// Keeps everything in memory.
#[derive(Default, Debug, PartialEq)]
struct Kept {
    ova: Option<Ova>,
    disks: BTreeMap<String, Vec<u8>>,
}

impl Sink for Kept {
    fn description(&mut self, ova: Ova) -> Result<(), Failure> {
        self.ova = Some(ova);
        Ok(())
    }

    fn block(&mut self, disk: &str, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        let content = self.disks.entry(disk.into()).or_default();
        content.resize(offset as usize, 0);
        content.extend_from_slice(bytes);
        Ok(())
    }
}

fn ova() -> Ova {
    let version = Version {
        hostname: "h".into(),
        date: DateTime::EPOCH,
        product_version: "8.3.0".into(),
        product_brand: "XCP-ng".into(),
        build_number: "b".into(),
        xapi: (26, 17),
        export: 2,
    };
    let snapshot = Value::map([("name_label", Value::str("x"))]);
    Ova { version, objects: vec![Object { class: "VM".into(), id: "Ref:0".into(), snapshot }] }
}

fn archive(disks: &BTreeMap<String, Vec<u8>>, compression: Compression) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, compression, 1_700_000_000).expect("a writer");
    writer.description(&ova()).expect("memory is there");
    for (id, content) in disks {
        let fill = |offset: u64, block: &mut [u8]| {
            let from = offset as usize;
            block.copy_from_slice(&content[from..from + block.len()]);
            Ok(true)
        };
        writer.disk(id, content.len() as u64, fill, |_| Ok(())).expect("memory is there");
    }
    writer.finish().expect("memory is there");
    out
}

fn kept(bytes: &[u8]) -> Result<Kept, Error> {
    let mut kept = Kept::default();
    read(bytes, false, &mut kept).map(|()| kept)
}

fn sample() -> BTreeMap<String, Vec<u8>> {
    let mut content = vec![0; 4 * BLOCK + 512];
    content[BLOCK + 7] = 1;
    BTreeMap::from([("Ref:7".to_string(), content), ("Ref:8".to_string(), vec![5; 1024])])
}

#[test]
fn comes_back_whole_however_it_is_compressed() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let found = kept(&archive(&sample(), compression)).expect("it is whole");
        assert_eq!(found, Kept { ova: Some(ova()), disks: sample() }, "{compression:?}");
    }
}

#[test]
fn zeros_are_left_out_but_for_the_ends() {
    let bytes = archive(&sample(), Compression::None);
    let mut archive = tar::Archive::new(bytes.as_slice());
    let names: Vec<String> = archive
        .entries()
        .expect("an archive")
        .map(|member| String::from_utf8_lossy(&member.expect("a member").path_bytes()).into_owned())
        .filter(|name| !name.ends_with(".xxhash"))
        .collect();
    let wanted = ["ova.xml", "Ref:7/00000000", "Ref:7/00000001", "Ref:7/00000004", "Ref:8/00000000"];
    assert_eq!(names, wanted);
    assert_eq!(&bytes[100..107], b"0000400", "rights as other servers write them");
    assert_eq!(&bytes[257..262], [0; 5], "the oldest form of header, as other servers write it");
}

#[test]
fn a_changed_block_is_found() {
    let mut bytes = archive(&sample(), Compression::None);
    let at = bytes.iter().position(|byte| *byte == 5).expect("the second disk");
    bytes[at + 500] = 6;
    assert!(matches!(kept(&bytes), Err(Error::Checksums(1))));
    let mut forgiven = Kept::default();
    read(bytes.as_slice(), true, &mut forgiven).expect("asked to");
    assert_eq!(forgiven.disks["Ref:8"].iter().filter(|byte| **byte == 6).count(), 1);
}

fn member(out: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).expect("a short name");
    header.set_size(content.len() as u64);
    header.set_cksum();
    out.write_all(header.as_bytes()).expect("memory is there");
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(512), 0);
}

#[test]
fn empty_members_use_up_a_number_but_no_bytes() {
    let mut out = Vec::new();
    member(&mut out, "ova.xml", ova().to_xml().as_bytes());
    for (name, content) in
        [("Ref:1/00000000", &[1; 512][..]), ("Ref:1/00000001", &[]), ("Ref:1/00000002", &[2; 512])]
    {
        member(&mut out, name, content);
    }
    // Block 3 was zeros.
    member(&mut out, "Ref:1/00000004", &[4; 512]);
    out.resize(out.len() + 1024, 0);
    let found = kept(&out).expect("it is whole");
    let wanted: Vec<u8> = [1, 2, 0, 4].iter().flat_map(|byte| [*byte; 512]).collect();
    assert_eq!(found.disks["Ref:1"], wanted);
}

#[test]
fn old_checksums_are_checked_too() {
    let mut out = Vec::new();
    member(&mut out, "ova.xml", ova().to_xml().as_bytes());
    member(&mut out, "Ref:1/00000000", b"abc");
    member(&mut out, "Ref:1/00000000.checksum", b"a9993e364706816aba3e25717850c26c9cd0d89d");
    out.resize(out.len() + 1024, 0);
    kept(&out).expect("the sum is right");
    let at = out.windows(3).position(|w| w == b"abc").expect("the block");
    out[at] = b'x';
    assert!(matches!(kept(&out), Err(Error::Checksums(1))));
}

#[test]
fn what_is_no_archive_is_refused_by_name() {
    assert!(matches!(kept(b""), Err(Error::Ended)));
    let mut other = Vec::new();
    member(&mut other, "etc/passwd", b"x");
    assert!(matches!(kept(&other), Err(Error::Unexpected(..))));
    let mut late = Vec::new();
    member(&mut late, "ova.xml", ova().to_xml().as_bytes());
    member(&mut late, "README", b"x");
    assert!(matches!(kept(&late), Err(Error::Unexpected(..))));
    let mut backwards = Vec::new();
    member(&mut backwards, "ova.xml", ova().to_xml().as_bytes());
    member(&mut backwards, "Ref:1/00000001", b"x");
    member(&mut backwards, "Ref:1/00000000", b"x");
    assert!(matches!(kept(&backwards), Err(Error::Unexpected(..))));
    let mut large = Vec::new();
    let mut header = tar::Header::new_ustar();
    header.set_path("ova.xml").expect("a short name");
    header.set_size(1 << 50);
    header.set_cksum();
    large.extend_from_slice(header.as_bytes());
    assert!(matches!(kept(&large), Err(Error::Description(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_disks_come_back(contents in prop::collection::vec((0..3u8, 1..6usize), 1..3), tail in 1..2048usize) {
        let mut disks = BTreeMap::new();
        for (at, (byte, blocks)) in contents.iter().enumerate() {
            let mut content = vec![0; blocks * BLOCK + tail];
            content[(blocks - 1) * BLOCK..].fill(*byte);
            disks.insert(format!("Ref:{at}"), content);
        }
        prop_assert_eq!(kept(&archive(&disks, Compression::Zstd)).expect("it is whole").disks, disks);
    }

    #[test]
    fn cut_and_bent_archives_never_panic(cut in 0..10_000usize, at in 0..10_000usize, byte in any::<u8>()) {
        let disks = BTreeMap::from([("Ref:1".to_string(), vec![7; 4096])]);
        let mut bytes = archive(&disks, Compression::None);
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(bytes.len().saturating_sub(cut % bytes.len()));
        let _ = kept(&bytes);
    }
}
