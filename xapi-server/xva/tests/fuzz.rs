//! Mutated archives for a fixed time: errors are right; panics, bytes of a disk out of order and answers without the
//! end are not.
//!
//! `XENNIX_DISK_FUZZ_SECONDS` is the time (2 unless set); a failure names its seed, which `XENNIX_DISK_FUZZ_SEED`
//! repeats first.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use xapi_schema::{DateTime, Failure, Value};
use xapi_xva::{BLOCK, Compression, Object, Ova, Sink, Version, Writer, read};

/// Checks the order of what comes and keeps nothing.
#[derive(Default)]
struct Judge {
    described: bool,
    ends: BTreeMap<String, u64>,
}

impl Sink for Judge {
    fn description(&mut self, ova: Ova) -> Result<(), Failure> {
        assert!(!self.described, "described twice");
        self.described = true;
        // What was read can be written, without the characters that XML has no way to write.
        let once = Ova::from_xml(&ova.to_xml()).expect("own words");
        assert_eq!(Ova::from_xml(&once.to_xml()).expect("own words").objects, once.objects);
        Ok(())
    }

    fn block(&mut self, disk: &str, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        assert!(self.described && bytes.len() <= BLOCK, "a block before its time, or too long");
        let end = self.ends.entry(disk.into()).or_default();
        assert!(offset >= *end, "{disk}: {offset} after {end}");
        *end = offset + bytes.len() as u64;
        Ok(())
    }
}

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % n
    }
}

fn archive(compression: Compression) -> Vec<u8> {
    let version = Version {
        hostname: "h".into(),
        date: DateTime::EPOCH,
        product_version: "8.3.0".into(),
        product_brand: "XCP-ng".into(),
        build_number: "b".into(),
        xapi: (26, 17),
        export: 2,
    };
    let snapshot =
        Value::map([("name_label", Value::str("x")), ("tags", Value::map([("a", Value::str("b"))]))]);
    let objects = vec![
        Object { class: "VM".into(), id: "Ref:0".into(), snapshot: snapshot.clone() },
        Object { class: "VDI".into(), id: "Ref:7".into(), snapshot },
    ];
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out, compression, 1).expect("a writer");
    writer.description(&Ova { version, objects }).expect("written");
    let mut content = vec![0; 3 * BLOCK + 512];
    content[BLOCK + 7] = 1;
    let fill = |offset: u64, block: &mut [u8]| {
        let from = offset as usize;
        block.copy_from_slice(&content[from..from + block.len()]);
        Ok(true)
    };
    writer.disk("Ref:7", content.len() as u64, fill, |_| Ok(())).expect("written");
    writer.finish().expect("finished");
    out
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

#[test]
fn any_bytes_are_read_or_refused() {
    let archives = [archive(Compression::None), archive(Compression::Gzip), archive(Compression::Zstd)];
    let end = Instant::now() + Duration::from_secs(number("XENNIX_DISK_FUZZ_SECONDS", 2));
    let first = number("XENNIX_DISK_FUZZ_SEED", 1);
    let mut seed = first;
    loop {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        rng.below(2);
        // Mostly plain ones: behind a checksum of the compression little is reached.
        let mut b = archives[if rng.below(4) == 0 { 1 + rng.below(2) as usize } else { 0 }].clone();
        for _ in 0..1 + rng.below(6) {
            // Headers and the description are at the beginning and around each megabyte.
            let around = if rng.below(2) == 0 { 0 } else { rng.below(4) * (BLOCK as u64 + 512) + 2048 };
            let at = (around + rng.below(3000)).min(b.len() as u64 - 1) as usize;
            match rng.below(4) {
                0 => b[at] = rng.below(256) as u8,
                1 => b[at] ^= 1 << rng.below(8),
                2 => {
                    let n = (1 + rng.below(200) as usize).min(b.len() - at);
                    b[at..at + n].fill([0, 0xff, b'7', b' '][rng.below(4) as usize]);
                }
                _ => {
                    let from = rng.below(b.len() as u64) as usize;
                    let n = (1 + rng.below(512) as usize).min(b.len() - at.max(from));
                    b.copy_within(from..from + n, at);
                }
            }
        }
        if rng.below(6) == 0 {
            b.truncate(rng.below(b.len() as u64) as usize);
        }
        let mut judge = Judge::default();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let read = read(&b[..], rng.below(2) == 0, &mut judge);
            assert!(read.is_err() || judge.described, "success without a description");
        }));
        assert!(done.is_ok(), "XENNIX_DISK_FUZZ_SEED={seed}");
        seed += 1;
        if Instant::now() >= end {
            break;
        }
    }
    println!("xva: {} inputs", seed - first);
}
