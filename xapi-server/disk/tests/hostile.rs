//! Damaged and hostile images: errors and findings, never a panic, never endless work.

mod common;

use common::{SIZE, create, pattern};
use proptest::prelude::*;
use xennix_disk::chain::{Chain, Format};
use xennix_disk::convert::{RawTarget, VhdStream};
use xennix_disk::disk::Disk;
use xennix_disk::file::Access;
use xennix_disk::mem::MemVolumes;
use xennix_disk::source::{Source, extents};
use xennix_disk::vhd::audit::{audit_all, audit_chain};
use xennix_disk::vhd::create::ParentRef;
use xennix_disk::vhd::footer::Footer;
use xennix_disk::vhd::header::Header;
use xennix_disk::vhd::locator::Locator;
use xennix_disk::vhd::reader::Image;
use xennix_disk::vhd::writer::Writer;
use xennix_disk::vhd::{bat::Bat, batmap::BatmapHeader};
use xennix_disk::volumes::Volumes;

/// A small chain: (bytes of the base, bytes of the leaf).
fn chain() -> (Vec<u8>, Vec<u8>) {
    let v = MemVolumes::files();
    create(&v, "base.vhd", SIZE, None);
    let uuid = Image::open(v.open("base.vhd", Access::Read).expect("open")).expect("image").footer().uuid;
    create(&v, "leaf.vhd", SIZE, Some(ParentRef { name: "base.vhd".into(), uuid }));
    let mut disk = Disk::open(&v, "leaf.vhd", Format::Vhd).expect("open");
    disk.write_at(0, &pattern(1, 3)).expect("write");
    disk.close().expect("close");
    (v.bytes("base.vhd").expect("bytes"), v.bytes("leaf.vhd").expect("bytes"))
}

fn sum(b: &[u8]) -> [u8; 4] {
    (!b.iter().map(|x| u32::from(*x)).sum::<u32>()).to_be_bytes()
}

/// Makes the checksums of footers and header right again, so that damage gets past them.
fn mend(b: &mut [u8]) {
    let end = b.len() - 512;
    for (at, len, field) in [(0, 512, 64), (end, 512, 64), (512, 1024, 36)] {
        b[at + field..at + field + 4].fill(0);
        let s = sum(&b[at..at + len]);
        b[at + field..at + field + 4].copy_from_slice(&s);
    }
}

fn exercise(base: &[u8], leaf: &[u8]) {
    let v = MemVolumes::files();
    v.put("base.vhd", base).expect("put");
    v.put("leaf.vhd", leaf).expect("put");
    let _ = audit_all(&v);
    let _ = audit_chain(&v, "leaf.vhd");
    if let Ok(c) = Chain::open(&v, "leaf.vhd", Format::Vhd) {
        let mut buf = vec![0; (4 << 20).min(c.size()) as usize];
        let _ = c.read_at(0, &mut buf);
        if c.size() < 1 << 30 {
            let _ = extents(&c, |_| Ok(()));
        }
    }
    if let Ok(s) = VhdStream::open(leaf) {
        let file = v.create("t.raw", 0).expect("create");
        let mut target = RawTarget::new(file, s.footer().current_size.min(1 << 40)).expect("target");
        let _ = s.copy_to(&mut target, false, &mut |_| Ok(()));
    }
    if let Ok(mut w) = Writer::open(v.open("leaf.vhd", Access::Write).expect("open")) {
        let _ = w.write_at(4096, &pattern(2, 9));
        let _ = w.close();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn parsers_take_any_bytes(b in proptest::collection::vec(any::<u8>(), 0..1600), count in any::<u32>()) {
        let _ = Footer::parse(&b);
        let _ = Header::parse(&b);
        let _ = Bat::parse(&b, count % 1000);
        let _ = BatmapHeader::parse(&b);
        if let Ok(l) = Locator::parse(&b) {
            let _ = l.decode(&b);
            let _ = l.room();
        }
    }

    #[test]
    fn damaged_metadata_never_panics(
        hits in proptest::collection::vec((0usize..6144, any::<u8>()), 1..6),
        tail in any::<bool>(),
        mended in any::<bool>(),
    ) {
        let (base, mut leaf) = chain();
        for (at, byte) in hits {
            let n = leaf.len();
            leaf[at % n] = byte;
            if tail {
                leaf[n - 512 + at % 512] = byte;
            }
        }
        if mended {
            mend(&mut leaf);
        }
        exercise(&base, &leaf);
    }

    #[test]
    fn images_cut_anywhere_never_panic(len in 0usize..2_200_000) {
        let (base, leaf) = chain();
        exercise(&base, &leaf[..len.min(leaf.len())]);
    }
}

#[test]
fn numbers_at_their_limits_never_panic() {
    let (base, leaf) = chain();
    // Virtual size, table offset, entries, block size, a table entry, a locator's length and place.
    for (at, len) in
        [(48, 8), (16, 8), (512 + 16, 8), (512 + 28, 4), (512 + 32, 4), (1536, 4), (1096, 4), (1104, 8)]
    {
        for fill in [0u8, 1, 0x7f, 0x80, 0xfe, 0xff] {
            let mut bad = leaf.clone();
            bad[at..at + len].fill(fill);
            if at < 512 {
                let end = bad.len() - 512;
                bad[end + at..end + at + len].fill(fill);
            }
            mend(&mut bad);
            exercise(&base, &bad);
        }
    }
}

#[test]
fn a_forged_footer_in_the_last_sector_is_not_believed() {
    let (_, leaf) = chain();
    let v = MemVolumes::files();
    // The writer died, and the last sector of the file is a guest's: it holds the footer of a fixed disk.
    let mut footer = Footer::parse(&leaf[..512]).expect("footer");
    footer.kind = xennix_disk::vhd::footer::Kind::Fixed;
    footer.current_size = leaf.len() as u64 - 512;
    let mut forged = leaf.clone();
    let end = forged.len() - 512;
    forged[end..].copy_from_slice(&footer.serialise());
    v.put("forged.vhd", &forged).expect("put");
    assert!(Image::open(v.open("forged.vhd", Access::Read).expect("open")).is_err());
}

#[test]
fn parents_outside_the_directory_and_cycles_are_refused() {
    let v = MemVolumes::files();
    create(&v, "a.vhd", SIZE, None);
    let uuid = uuid::Uuid::new_v4();
    let new = |name: &str, id: uuid::Uuid, parent: &str, parent_id: uuid::Uuid| {
        let parent = ParentRef { name: parent.into(), uuid: parent_id };
        let mut image = xennix_disk::vhd::create::NewImage::new(SIZE, Some(parent));
        image.uuid = id;
        xennix_disk::vhd::create::create(&v, name, &image, xennix_disk::vhd::create::Room::File)
    };
    assert!(new("out.vhd", uuid, "../a.vhd", uuid).is_err(), "no such link is made");
    let (x, y) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    new("x.vhd", x, "y.vhd", y).expect("create");
    new("y.vhd", y, "x.vhd", x).expect("create");
    assert!(Chain::open(&v, "x.vhd", Format::Vhd).is_err());
    let report = audit_chain(&v, "x.vhd").expect("audit");
    assert!(report.findings.iter().any(|f| f.code == "cycle"), "{report:?}");
    new("z.vhd", uuid, "a.vhd", uuid).expect("create");
    assert!(Chain::open(&v, "z.vhd", Format::Vhd).is_err(), "a.vhd has another uuid");
}

#[test]
fn overlapping_blocks_are_found_and_never_written() {
    let v = MemVolumes::files();
    create(&v, "a.vhd", SIZE, None);
    let mut disk = Disk::open(&v, "a.vhd", Format::Vhd).expect("open");
    disk.write_at(0, &pattern(1, 1)).expect("write");
    disk.close().expect("close");
    let file = v.open("a.vhd", Access::Write).expect("open");
    let mut entry = [0; 4];
    file.read_at(1536, &mut entry).expect("read");
    file.write_at(1540, &entry).expect("write");
    let report = audit_chain(&v, "a.vhd").expect("audit");
    assert!(report.findings.iter().any(|f| f.code == "overlap"), "{report:?}");
    assert!(Writer::open(file).is_err());
}
