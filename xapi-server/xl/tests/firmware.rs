//! UEFI variables over a stub of `xl` and memory of guests that is a table: what is given to a domain, what is taken
//! from it, and what is not.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use common::{Daemon, Stub};
use xapi_backend::{
    Hypervisor,
    hypervisor::{Boot, Details, DomainKind, DomainSpec},
};
use xapi_xl::{Domains, Memory, Options, xenstore::Client};

const UUID: &str = "0e260f5c-8fb8-48c9-90fb-d389a294d22a";
const LONG: Duration = Duration::from_secs(60);
const PAGE: usize = 4_096;
/// Where the firmware of these guests keeps its variables.
const PLACE: u64 = 0xec6_c000;

/// Frames by domain. A guest no page of which was ever written has just started its firmware.
#[derive(Default)]
struct Frames {
    pages: Mutex<BTreeMap<(u32, u64), Vec<u8>>>,
    place: Mutex<u64>,
}

impl Frames {
    fn put(&self, domain: u32, address: u64, bytes: &[u8]) {
        let mut pages = self.pages.lock().unwrap();
        for (part, frame) in bytes.chunks(PAGE).zip(address / PAGE as u64..) {
            pages.insert((domain, frame), part.to_vec());
        }
    }

    fn get(&self, domain: u32, address: u64) -> Option<Vec<u8>> {
        let pages = self.pages.lock().unwrap();
        let part = |n: u64| pages.get(&(domain, address / PAGE as u64 + n)).cloned();
        Some([part(0)?, part(1)?].concat())
    }
}

impl Memory for Frames {
    fn read(&self, domain: u32, first: u64, count: usize) -> io::Result<Vec<Option<Vec<u8>>>> {
        if !self.pages.lock().unwrap().keys().any(|(of, _)| *of == domain) {
            self.put(domain, *self.place.lock().unwrap(), &volume(&[]));
        }
        let pages = self.pages.lock().unwrap();
        Ok((first..).take(count).map(|frame| pages.get(&(domain, frame)).cloned()).collect())
    }

    fn write(&self, domain: u32, first: u64, bytes: &[u8]) -> io::Result<()> {
        self.put(domain, first * PAGE as u64, bytes);
        Ok(())
    }
}

/// A firmware's volume with variables, as the firmware writes it.
fn volume(variables: &[(&str, &[u8])]) -> Vec<u8> {
    let mut volume = vec![0xff; 0x2000];
    volume[..72].fill(0);
    let guid =
        [0x8d, 0x2b, 0xf1, 0xff, 0x96, 0x76, 0x8b, 0x4c, 0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50];
    volume[16..32].copy_from_slice(&guid);
    volume[32..40].copy_from_slice(&0x2000u64.to_le_bytes());
    volume[40..44].copy_from_slice(b"_FVH");
    volume[48] = 72;
    volume[55] = 2;
    let words = volume[..72].chunks_exact(2).map(|w| u16::from_le_bytes([w[0], w[1]]));
    let sum = words.fold(0, u16::wrapping_add);
    volume[50..52].copy_from_slice(&0u16.wrapping_sub(sum).to_le_bytes());
    let list =
        [0x78, 0x2c, 0xf3, 0xaa, 0x7b, 0x94, 0x9a, 0x43, 0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92];
    volume[72..88].copy_from_slice(&list);
    volume[88..100].copy_from_slice(&[0, 0x18, 0, 0, 0x5a, 0xfe, 0, 0, 0, 0, 0, 0]);
    let mut at = 100usize;
    for (name, data) in variables {
        let name: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let mut bytes = vec![0xaa, 0x55, 0x3f, 0, 7, 0, 0, 0];
        bytes.extend([0; 28]);
        bytes.extend((name.len() as u32).to_le_bytes());
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend([7; 16]);
        bytes.extend(name);
        bytes.extend(*data);
        at = at.next_multiple_of(4);
        volume[at..at + bytes.len()].copy_from_slice(&bytes);
        at += bytes.len();
    }
    volume
}

struct Bench {
    domains: Domains,
    frames: Arc<Frames>,
    stub: Stub,
    _daemon: Daemon,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let stub = Stub::new(dir.path());
        let daemon = Daemon::beside(&dir.path().join("s"), Arc::default(), stub.dir.join("table"));
        let (backends, _) = xapi_backend::sim::open(&dir.path().join("sim"), Default::default()).unwrap();
        let frames = Arc::new(Frames { place: Mutex::new(PLACE), ..Frames::default() });
        let options = Options {
            xl: stub.xl(LONG),
            store: Client::new(vec![daemon.socket.clone()], LONG),
            storage: backends.storage,
            memory: frames.clone(),
            hypercalls: xapi_xl::Hypercalls::at("/nowhere"),
            card_script: |_| None,
            screens: dir.path().join("screens"),
            tpm: xapi_xl::tpm::Programs::default(),
            cpu_vendor: "AuthenticAMD".into(),
        };
        let domains = Domains::open(&dir.path().join("xl"), options).unwrap();
        Bench { domains, frames, stub, _daemon: daemon, _dir: dir }
    }

    async fn start(&self, nvram: &[(&str, &str)]) -> xapi_schema::Result<u32> {
        let pairs =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let spec = DomainSpec {
            uuid: UUID.into(),
            name: "guest".into(),
            kind: DomainKind::Hvm,
            memory_max: 256 << 20,
            memory_target: 256 << 20,
            vcpus_max: 1,
            vcpus: 1,
            disks: vec![],
            nics: vec![],
            usb: vec![],
            platform: vec![],
            xenstore_data: vec![],
            details: Details {
                boot: Boot { params: pairs(&[("firmware", "uefi")]), nvram: pairs(nvram), ..Boot::default() },
                ..Details::default()
            },
        };
        self.domains.build(spec).await.map(|started| started.domid as u32)
    }

    async fn left(&self) -> Option<String> {
        self.domains.firmware_variables(UUID).await.unwrap()
    }
}

#[tokio::test]
async fn variables_outlive_a_guest() {
    let bench = Bench::new();
    let first = bench.start(&[]).await.unwrap();
    assert_eq!(bench.left().await, None, "an empty volume is nothing to be kept");
    bench.frames.put(first, PLACE, &volume(&[("BootOrder", &[3, 0])]));
    let kept = bench.left().await.unwrap();
    assert!(STANDARD.decode(&kept).unwrap().starts_with(b"VARS"));
    // What the guest wrote last is what is kept, though nobody asked in between.
    bench.frames.put(first, PLACE, &volume(&[("BootOrder", &[4, 0])]));
    let kept = bench.left().await.unwrap();
    bench.domains.destroy(UUID).await.unwrap();

    let second = bench.start(&[("EFI-variables", &kept)]).await.unwrap();
    assert_eq!(second, first + 1, "the place was known: nothing was started to learn it");
    assert_eq!(bench.frames.get(second, PLACE).unwrap(), volume(&[("BootOrder", &[4, 0])]));
    assert_eq!(bench.left().await, None, "the firmware has not begun");
    bench.frames.put(second, PLACE, &volume(&[("BootOrder", &[4, 0]), ("MTC", &[1])]));
    assert_ne!(bench.left().await.unwrap(), kept);
    // Whatever else in its memory looks like variables, the guest's are those it works with.
    bench.frames.put(second, PLACE + 0x10_0000, &volume(&[("Fake", &[1])]));
    bench.frames.put(second, PLACE, &volume(&[("BootOrder", &[4, 0])]));
    assert_eq!(bench.left().await.unwrap(), kept);
    bench.domains.destroy(UUID).await.unwrap();

    // One who wants them forgotten gets none.
    let third = bench.start(&[("EFI-variables", &kept), ("EFI-variables-on-boot", "reset")]).await.unwrap();
    assert_eq!(bench.frames.get(third, PLACE), None);
}

#[tokio::test]
async fn an_unknown_firmware_is_learnt_first() {
    let bench = Bench::new();
    let first = bench.start(&[]).await.unwrap();
    bench.frames.put(first, PLACE, &volume(&[("Lang", b"eng")]));
    let kept = bench.left().await.unwrap();
    let other = Bench::new();
    let domid = other.start(&[("EFI-variables", &kept)]).await.unwrap();
    assert_eq!(domid, 2, "one machine was started to learn from");
    assert_eq!(other.frames.get(2, PLACE).unwrap(), volume(&[("Lang", b"eng")]));
    assert_eq!(other.domains.domains().await.unwrap().len(), 1, "and is gone");
    assert!(!other.stub.read("calls").contains("unpause"), "the guest itself never ran");
}

#[tokio::test]
async fn what_a_firmware_did_not_take_is_not_overwritten() {
    let bench = Bench::new();
    let first = bench.start(&[]).await.unwrap();
    bench.frames.put(first, PLACE, &volume(&[("Lang", b"eng")]));
    let kept = bench.left().await.unwrap();
    bench.domains.destroy(UUID).await.unwrap();
    // Another firmware was installed meanwhile.
    let elsewhere = PLACE - 0x20_0000;
    *bench.frames.place.lock().unwrap() = elsewhere;
    let second = bench.start(&[("EFI-variables", &kept)]).await.unwrap();
    bench.frames.put(second, elsewhere, &volume(&[("MTC", &[1])]));
    assert_eq!(bench.left().await, None);
    assert_eq!(bench.left().await, None);
    bench.domains.destroy(UUID).await.unwrap();
    // The next start learns anew and gives the guest what was kept.
    let third = bench.start(&[("EFI-variables", &kept)]).await.unwrap();
    assert_eq!(bench.frames.get(third, elsewhere).unwrap(), volume(&[("Lang", b"eng")]));
}

#[tokio::test]
async fn senseless_variables_refuse_the_start() {
    let bench = Bench::new();
    for bad in ["?", "VkFSUwkAAAAA"] {
        let refused = bench.start(&[("EFI-variables", bad)]).await.unwrap_err();
        assert_eq!(
            (refused.code.as_str(), refused.params[0].as_str()),
            ("INVALID_VALUE", "NVRAM[EFI-variables]")
        );
    }
    let refused = bench.start(&[("EFI-variables-on-boot", "maybe")]).await.unwrap_err();
    assert_eq!(refused.code, "INVALID_VALUE");
    assert!(!bench.stub.read("calls").contains("create"));
}
