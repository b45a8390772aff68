//! Whatever bytes a file holds, its reader gives what it says or an error that names the file: it never panics.

use infect::check::Aliases;
use infect::host::malformed::Result;
use infect::host::medium::Medium;
use infect::host::{
    certificate, fstab, gpt, grub, history, inventory, local_db, lvm, networkd, rename, role, services,
    shell, superblock,
};
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

type Reader = fn(&[u8]) -> Result<()>;

/// Name of a file in the fixture, and its reader.
const READERS: &[(&str, Reader)] = &[
    ("etc/xensource-inventory", |b| inventory::parse("f", b).map(drop)),
    ("etc/xensource/pool.conf", |b| role::pool_conf("f", b).map(drop)),
    ("etc/xensource/ptoken", |b| role::ptoken("f", b).map(drop)),
    ("etc/xensource/db.conf", |b| role::db_conf("f", b).map(drop)),
    ("etc/xensource/network.conf", |b| role::network_conf("f", b).map(drop)),
    ("var/lib/xcp/networkd.db", |b| networkd::parse("f", b).map(drop)),
    ("var/lib/xcp/local.db", |b| local_db::parse("f", b).map(drop)),
    ("etc/firstboot.d/data/management.conf", |b| shell::parse("f", b).map(drop)),
    ("etc/sysconfig/network-scripts/interface-rename-data/static-rules.conf", |b| {
        rename::static_rules("f", b).map(drop)
    }),
    ("etc/sysconfig/network-scripts/interface-rename-data/dynamic-rules.json", |b| {
        rename::dynamic_rules("f", b).map(drop)
    }),
    ("boot/efi/EFI/xenserver/grub.cfg", |b| grub::parse("f", b).map(drop)),
    ("etc/fstab", |b| fstab::parse("f", b).map(drop)),
    ("etc/hostname", |b| services::hostname("f", b).map(drop)),
    ("etc/resolv.conf", |b| services::resolv("f", b).map(drop)),
    ("etc/chrony.conf", |b| services::chrony("f", b).map(drop)),
    ("etc/shadow", |b| services::root_password("f", b).map(drop)),
    ("etc/shadow", |b| services::people("f", b).map(drop)),
    ("root/.ssh/authorized_keys", |b| services::authorized_keys("f", b).map(drop)),
    ("etc/iscsi/initiatorname.iscsi", |b| services::initiator("f", b).map(drop)),
    ("etc/hostname", |b| services::machine_id("f", b).map(drop)),
    ("etc/hostname", |b| certificate::parse("f", b).map(drop)),
    ("etc/hostname", |b| history::rrd("f", b).map(drop)),
    ("etc/hostname", |b| Aliases::parse("f", b).map(drop)),
    ("etc/hostname", |b| lvm::group("f", &String::from_utf8_lossy(b)).map(drop)),
];

fn fixture(name: &str) -> Vec<u8> {
    let root: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/single-8.3/host0");
    fs::read(root.join(name)).unwrap()
}

fn told(result: Result<()>) {
    if let Err(e) = result {
        assert_eq!(e.file, "f");
        assert!(!e.expected.is_empty() && !e.found.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_files(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), cuts: bool) {
        for (name, read) in READERS {
            let mut bytes = fixture(name);
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len()));
            }
            told(read(&bytes));
        }
    }

    #[test]
    fn any_text(text in "[ -~\n\t\"'{}\\[\\]=:#<>&;$\\\\é]{0,300}") {
        for (_, read) in READERS {
            told(read(text.as_bytes()));
        }
    }

    #[test]
    fn any_disk(start in prop::collection::vec(any::<u8>(), 0..2048), marks in prop::collection::vec((0usize..40_000, prop::sample::select(vec![&b"EFI PART"[..], b"LABELONE", b"LVM2 001", b"\x53\xef", b"\x55\xaa", b"XFSB", b"FAT", b"\x20LVM2\x20x[5A%r0N*>"])), 0..8)) {
        let mut disk = vec![0u8; 48 * 1024];
        disk[..start.len()].copy_from_slice(&start);
        for (at, mark) in marks {
            // Where such marks belong, and anywhere.
            for at in [at, at / 512 * 512, at / 512 * 512 + 24] {
                let end = (at + mark.len()).min(disk.len());
                disk[at..end].copy_from_slice(&mark[..end - at]);
            }
        }
        let medium: &dyn Medium = &disk;
        told(gpt::read("f", medium).map(drop));
        told(lvm::label("f", medium).map(drop));
        superblock::identify(medium).unwrap();
    }
}
