//! Every image another writer made reads back byte for byte.

use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;
use xennix_disk::chain::{Chain, Format, Layer};
use xennix_disk::source::Source;
use xennix_disk::vhd::reader::FooterPlace;
use xennix_disk::volumes::Directory;

fn unpack(to: &Path) -> serde_json::Value {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    for entry in std::fs::read_dir(&data).expect("tests/data") {
        let path = entry.expect("entry").path();
        if path.extension().is_some_and(|e| e == "gz") {
            let mut bytes = Vec::new();
            flate2::read::GzDecoder::new(std::fs::File::open(&path).expect("fixture"))
                .read_to_end(&mut bytes)
                .expect("gzip");
            std::fs::write(to.join(path.file_stem().expect("stem")), bytes).expect("write");
        }
    }
    serde_json::from_slice(&std::fs::read(data.join("expect.json")).expect("expect.json")).expect("JSON")
}

fn sha(source: &dyn Source) -> String {
    let mut hash = Sha256::new();
    // An odd number of sectors, so that requests straddle blocks.
    let mut buf = vec![0; 513 * 512];
    let mut at = 0;
    while at < source.size() {
        let n = (buf.len() as u64).min(source.size() - at) as usize;
        source.read_at(at, &mut buf[..n]).expect("read");
        hash.update(&buf[..n]);
        at += n as u64;
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn every_foreign_chain_reads_as_expected() {
    let dir = tempfile::tempdir().expect("tempdir");
    let expect = unpack(dir.path());
    let volumes = Directory::fixed(dir.path());
    for (name, want) in expect.as_object().expect("object") {
        let chain = Chain::open(&volumes, name, Format::of_name(name).expect("format")).expect(name);
        assert_eq!(chain.size(), want["virtual_size"], "{name}");
        assert_eq!(sha(&chain), want["sha256"], "{name}");
        let parent = chain.layers().get(1).map(|(n, _)| n.as_str());
        assert_eq!(parent, want["parent"].as_str(), "{name}");
        if let (_, Layer::Vhd(image)) = &chain.layers()[0] {
            assert_eq!(image.footer().uuid.to_string(), want["vhd_uuid"], "{name}");
            assert_eq!(image.footer().hidden, want["hidden"].as_u64().expect("hidden") as u8, "{name}");
            let crashed = want["note"].as_str().expect("note").starts_with("writer died");
            let place = if crashed { FooterPlace::Copy } else { FooterPlace::Tail };
            assert_eq!(image.footer_place(), place, "{name}");
        }
    }
}

#[test]
fn the_audit_finds_nothing_but_the_crash() {
    let dir = tempfile::tempdir().expect("tempdir");
    unpack(dir.path());
    let report = xennix_disk::vhd::audit::audit_all(&Directory::fixed(dir.path())).expect("audit");
    let bad: Vec<_> = report.findings.iter().filter(|f| f.code != "parent-visible").collect();
    assert_eq!(bad.len(), 1, "{bad:?}");
    assert_eq!((bad[0].code, &bad[0].image[..8]), ("no-tail-footer", "f122e09e"));
    assert!(report.readable && !report.is_clean());
}
